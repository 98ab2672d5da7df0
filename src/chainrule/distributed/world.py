"""Whether this process is one of several that train together, and how they reach each other."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from chainrule.distributed.comm import Comm, LocalComm
from chainrule.errors import SettingsError
from chainrule.reference.setting import Setting

RANK_VARIABLES = ("PMIX_RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK")
"""One of them is set by whoever starts processes for MPI: mpiexec of any make, srun. Variables of a batch system alone
(SLURM_*) say nothing: they are set in a shell within an allocation too."""
LEAVES = 8
"""Leaves of a batch where several workers are asked for and no number of leaves is."""
WORKERS = Setting(
    name="workers", kind=int, default=1, low=1, high=65536,
    meaning="processes that share every step; any number sets 8 leaves where no number of leaves is given, and changes "
    "no bit of the result",
)  # fmt: skip
WITHOUT_MPI = "mpi4py and an MPI library are needed: pip install 'chainrule[mpi]'"

_of_process: dict[int, Comm] = {}
"""The communicator by process: a forked child has none."""


def is_launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether an MPI launcher started this process."""
    return any(name in environment for name in RANK_VARIABLES)


def rank(environment: Mapping[str, str] = os.environ) -> int:
    """The number of this process among those that an MPI launcher started together; 0 of one alone."""
    return int(next((environment[name] for name in RANK_VARIABLES if name in environment), 0))


def join() -> Comm:
    """The communicator of all processes that were started together; of this one alone where there are no others.

    Raises SettingsError where an MPI launcher started it and MPI cannot be loaded.
    """
    if os.getpid() not in _of_process:
        _of_process[os.getpid()] = _connected() if is_launched() else LocalComm()
    return _of_process[os.getpid()]


def _connected() -> Comm:
    try:
        from chainrule.distributed.mpi import MPIComm

        return MPIComm()
    except (ImportError, RuntimeError) as error:
        raise SettingsError(
            f"several workers: not available here ({str(error).splitlines()[0]}); {WITHOUT_MPI}."
        ) from None


def joined() -> Comm:
    """The communicator that this thread may use: of the process in its main thread, else of itself."""
    if threading.current_thread() is not threading.main_thread():
        return LocalComm()
    return _of_process.get(os.getpid(), LocalComm())


def of_this_process() -> Comm:
    """The communicator of this process, whichever thread asks; of itself alone where it joined no others."""
    return _of_process.get(os.getpid(), LocalComm())


def check_leaves(n_workers: int, leaves: int) -> None:
    """SettingsError where some workers would have no leaf."""
    if n_workers > leaves:
        raise SettingsError(
            f"workers={n_workers}: must be at most the {leaves} leaves of a batch. Try --leaves {n_workers} "
            f"(leaves={n_workers}), which gives other bits than {leaves}, or --workers {leaves}."
        )
