"""Workers that reach each other by MPI. The only importer of mpi4py.

Data travel in buffers alone, without pickle. Who waits for an order sleeps between looks, as leading worker 0 may
evaluate or write for long; within a step everyone waits actively.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.distributed.comm import WorkerLost, nodes_of
from chainrule.engine.protocol import Array, LeafSums
from chainrule.reference.leaves import Node, tree_sum

PATIENT_S, NAP_S, LONGEST_NAP_S = 2e-3, 5e-4, 1e-2
"""How long an order is waited for without sleeping; how long the naps are after that, and where it takes long."""
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
        self._room: dict[tuple[str, int, Any], Any] = {}

    def allreduce(self, sums: LeafSums, V: int) -> LeafSums:
        """Every worker adds up one slice of all nodes by the tree, and gets the other slices from the others."""
        try:
            return LeafSums(self._gradient(sums.gradients, V)[None], self._loss(sums.losses, V))
        except self._mpi.Exception as error:
            raise WorkerLost(str(error)) from None

    def _gradient(self, gradients: Array, V: int) -> Array:
        n, size, of = self.size, gradients.shape[1], [nodes_of(r, self.size, V) for r in range(self.size)]
        bounds = [size * r // n for r in range(n + 1)]
        own = bounds[self.rank + 1] - bounds[self.rank]
        sent = self._taken("sent", gradients.size, gradients.dtype)
        counts = [len(gradients) * (bounds[r + 1] - bounds[r]) for r in range(n)]
        at = 0
        for r in range(n):  # for each worker its slice of my nodes, node after node
            for gradient in gradients:
                piece = gradient[bounds[r] : bounds[r + 1]]
                sent[at : at + len(piece)] = piece
                at += len(piece)
        come = [len(nodes) * own for nodes in of]
        received = self._taken("received", sum(come), gradients.dtype)
        self._comm.Alltoallv([sent, counts], [received, come])
        values: dict[Node, Array] = {}
        for k, node in enumerate(node for nodes in of for node in nodes):
            values[node] = received[k * own : (k + 1) * own]
        total = self._taken("total", size, gradients.dtype)
        mine = np.ascontiguousarray(tree_sum(values, (0, V), lambda x, y: np.add(x, y, out=x)))
        self._comm.Allgatherv(mine, [total, [bounds[r + 1] - bounds[r] for r in range(n)]])
        return total

    def _loss(self, losses: npt.NDArray[np.float64], V: int) -> npt.NDArray[np.float64]:
        nodes = [nodes_of(r, self.size, V) for r in range(self.size)]
        every = np.empty(sum(map(len, nodes)))
        self._comm.Allgatherv(np.ascontiguousarray(losses), [every, [len(of) for of in nodes]])
        flat = [node for of in nodes for node in of]
        return np.array([tree_sum(dict(zip(flat, every.tolist(), strict=True)), (0, V))])

    def _taken(self, name: str, size: int, dtype: Any) -> Array:
        """A buffer that is kept for the next step."""
        key = (name, size, dtype)
        if key not in self._room:
            self._room = {k: v for k, v in self._room.items() if k[0] != name}
            self._room[key] = np.empty(size, dtype)
        kept: Array = self._room[key]
        return kept

    def tell(self, order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> None:
        """Say to all others what to do next."""
        of_arrays = [{"dtype": array.dtype.str, "shape": list(array.shape)} for array in arrays]
        text = np.frombuffer(json.dumps({"order": order, "arrays": of_arrays}).encode(), np.uint8)
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
        flat = array.reshape(-1).view(np.uint8)
        for first in range(0, len(flat), MOST_NUMBERS):
            self._comm.Bcast(flat[first : first + MOST_NUMBERS])

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
        except (self._mpi.Exception, NotImplementedError):
            return False
        return (self.rank == 0) == first
