"""Workers that reach each other by MPI. The only importer of mpi4py.

Data travel in buffers alone, without pickle. Who waits for an order sleeps between looks, as leading worker 0 may
evaluate or write for long; within a step everyone waits actively.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.distributed.comm import Sent, WorkerLost
from chainrule.distributed.common_memory import common_memory
from chainrule.distributed.exchange import CommonMemory, Exchange, Ownership
from chainrule.distributed.messages import Counts, Messages
from chainrule.engine.lines import aligned
from chainrule.engine.protocol import Array

PATIENT_S, NAP_S, LONGEST_NAP_S = 2e-3, 5e-4, 1e-2
"""How long an order is waited for without sleeping; how long the naps are after that, and where it takes long."""
FAULT_TOLERANT = "OMPI_MCA_mpi_ft_enable"
"""Set by mpiexec --with-ft ulfm."""
MOST_NUMBERS = 1 << 28
"""Of an array that is sent at once: counts of MPI are 32-bit."""


class MPIComm:
    """All processes of MPI_COMM_WORLD."""

    def __init__(self) -> None:
        from mpi4py import MPI  # starts MPI, which must have been asked for

        self._mpi: Any = MPI
        self._comm: Any = MPI.COMM_WORLD.Dup()
        self._comm.Set_errhandler(MPI.ERRORS_RETURN)
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self.size_here = self._comm.Split_type(MPI.COMM_TYPE_SHARED).Get_size()
        self.may_recover = os.environ.get(FAULT_TOLERANT) in ("1", "true")
        self.threads_may_speak = MPI.Query_thread() == MPI.THREAD_MULTIPLE
        self._between: Any = MPI.COMM_WORLD.Dup()  # two of them, also while all exchange
        self._between.Set_errhandler(MPI.ERRORS_RETURN)

    def exchange(self, layout: Ownership) -> Exchange:
        """Through memory that all see where they are on one machine that has room, else by messages."""
        parts = common_memory(self, layout) if self.size_here == self.size else None
        if parts is not None:
            return CommonMemory(layout, parts, self._barrier)
        return Messages(layout, self)

    def _barrier(self) -> None:
        with self._watched():
            self._comm.Barrier()

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except self._mpi.Exception as error:
            raise WorkerLost(str(error)) from None

    def alltoall(
        self, sent: Array, counts: Counts, at: Counts, received: Array, from_each: Counts, places: Counts
    ) -> None:
        """Everyone sends everyone some numbers."""
        with self._watched():
            self._comm.Alltoallv([sent, (counts, at)], [received, (from_each, places)])

    def allgather(self, own: npt.NDArray[Any], every: npt.NDArray[Any], counts: Counts) -> Callable[[], None]:
        """Everyone gives everyone the same numbers."""
        with self._watched():
            request = self._comm.Iallgatherv(own, [every, counts])

        def wait() -> None:
            with self._watched():
                request.Wait()

        return wait

    def deal(self, whole: Array | None, layout: Ownership) -> Array:
        """The own slice of a flat vector that worker 0 has."""
        own = aligned(layout.sizes(layout.bounds)[self.rank], layout.dtype)
        counts = (layout.sizes(layout.bounds), list(layout.bounds[:-1]))
        with self._watched():
            self._comm.Scatterv(None if whole is None else [whole, counts], own)
        return own

    def collect(self, own: Array, layout: Ownership) -> Array | None:
        """The flat vector of all slices, for worker 0 alone."""
        whole = aligned(layout.n_parameters, layout.dtype) if self.rank == 0 else None
        counts = (layout.sizes(layout.bounds), list(layout.bounds[:-1]))
        with self._watched():
            self._comm.Gatherv(own, None if whole is None else [whole, counts])
        return whole

    def send(self, rank: int, kind: int, order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> None:
        """Send a message of a kind to one of them."""
        try:
            self._between.Send(_as_text(order, arrays), rank, kind)
            for array in arrays:
                for part in _parts(np.ascontiguousarray(array)):
                    self._between.Send(part, rank, kind)
        except self._mpi.Exception as error:
            raise WorkerLost(str(error)) from None

    def take(self, rank: int, kind: int) -> Sent:
        """Receive such a message."""
        try:
            status = self._mpi.Status()
            self._between.Probe(rank, kind, status)
            text = np.empty(status.Get_count(self._mpi.BYTE), np.uint8)
            self._between.Recv(text, rank, kind)
            message = json.loads(text.tobytes())
            arrays = [np.empty(entry["shape"], entry["dtype"]) for entry in message["arrays"]]
            for array in arrays:
                for part in _parts(array):
                    self._between.Recv(part, rank, kind)
        except self._mpi.Exception as error:
            raise WorkerLost(str(error)) from None
        return message["order"], arrays

    def has_come(self, rank: int, kind: int) -> bool:
        """Whether there is such a message."""
        try:
            return bool(self._between.Iprobe(rank, kind))
        except self._mpi.Exception as error:
            raise WorkerLost(str(error)) from None

    def tell(self, order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> None:
        """Say to all others what to do next."""
        text = _as_text(order, arrays)
        try:
            self._comm.Ibcast(np.array([len(text)], np.int64)).Wait()
            self._comm.Bcast(text)
            for array in arrays:
                self._send(np.ascontiguousarray(array))
        except self._mpi.Exception as error:
            raise WorkerLost(str(error)) from None

    def hear(self) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
        """Wait for what worker 0 tells."""
        length = np.empty(1, np.int64)
        try:
            request, began = self._comm.Ibcast(length), time.monotonic()
            while not request.Test():
                waited = time.monotonic() - began
                if waited > PATIENT_S:
                    time.sleep(min(max(NAP_S, waited / 100), LONGEST_NAP_S))
            text = np.empty(int(length[0]), np.uint8)
            self._comm.Bcast(text)
            message = json.loads(text.tobytes())
            arrays = [np.empty(entry["shape"], entry["dtype"]) for entry in message["arrays"]]
            for array in arrays:
                self._send(array)
        except self._mpi.Exception as error:
            raise WorkerLost(str(error)) from None
        return message["order"], arrays

    def _send(self, array: npt.NDArray[Any]) -> None:
        for part in _parts(array):
            self._comm.Bcast(part)

    def all_agree(self, yes: bool) -> bool:
        """Whether every worker says yes."""
        said = np.array([int(yes)], np.int32)
        try:
            self._comm.Allreduce(self._mpi.IN_PLACE, said, self._mpi.MIN)
        except self._mpi.Exception as error:
            raise WorkerLost(str(error)) from None
        return bool(said[0])

    def recover(self) -> bool:
        """Go on with those that are left, where the MPI can (ULFM) and worker 0 is among them."""
        first = self.rank == 0
        try:
            if not hasattr(self._comm, "Revoke"):
                return False
            self._comm.Revoke()
            self._comm = self._comm.Shrink()
            self._comm.Set_errhandler(self._mpi.ERRORS_RETURN)
            self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
            self.size_here = self._comm.Split_type(self._mpi.COMM_TYPE_SHARED).Get_size()
        except (self._mpi.Exception, NotImplementedError):
            return False
        return (self.rank == 0) == first


def _as_text(order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> npt.NDArray[np.uint8]:
    of_arrays = [{"dtype": array.dtype.str, "shape": list(array.shape)} for array in arrays]
    return np.frombuffer(json.dumps({"order": order, "arrays": of_arrays}).encode(), np.uint8)


def _parts(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[np.uint8]]:
    """Its bytes, as many at once as a message may have."""
    flat = array.reshape(-1).view(np.uint8)
    for first in range(0, len(flat), MOST_NUMBERS):
        yield flat[first : first + MOST_NUMBERS]
