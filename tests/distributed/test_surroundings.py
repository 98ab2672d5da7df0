"""Machines that are not as one would wish: little shared memory, a long TMPDIR, a host name without an address; and
commands that are ended or killed. One training each by two workers, skipped without MPI.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.distributed import mpiexec, processes

pytest.importorskip("mpi4py", reason="ends when MPI is installed: pip install 'chainrule[mpi]'")
pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
LIMIT_S = 100


@pytest.fixture(scope="module", autouse=True)
def _with_mpi() -> None:
    with contextlib.suppress(cr.errors.SettingsError):
        mpiexec.mpiexec()
        return
    pytest.skip("ends when an MPI is installed: pip install 'chainrule[mpi]'")


def command(run: Path, epochs: int = 2) -> list[str]:
    options = ["--workers", "2", "--epochs", str(epochs), "--network", "8", "--no-neighbours", "--json", "-o", str(run)]
    return [sys.executable, "-m", "chainrule", "train", "iris", *options]


@pytest.mark.parametrize("before", ["hostname no-such-name.invalid", "mount -t tmpfs -o size=256k tmpfs /dev/shm"])
def test_it_works_where_the_machine_is_odd(before: str, tmp_path: Path) -> None:
    """A host name that has no address; a /dev/shm with room for nothing. Both in namespaces of the command's own."""
    made = ["unshare", "--uts", "--mount", "sh", "-c", f'{before} && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*made, "true"], capture_output=True).returncode:
        pytest.skip("ends where namespaces can be made (util-linux, as root)")
    done = subprocess.run([*made, *command(tmp_path / "run")], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    assert cr.load(tmp_path / "run").n_steps > 0


def test_a_long_tmpdir_is_no_obstacle(tmp_path: Path) -> None:
    """Names of sockets have at most 107 bytes."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    environment = {**os.environ, "TMPDIR": str(long)}
    told = command(tmp_path / "run")
    done = subprocess.run(told, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr


def under_way(run: Path) -> subprocess.Popen[str]:
    """A training that has begun to write checkpoints."""
    told = command(run, 1_000_000)
    process = subprocess.Popen(told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + LIMIT_S
    while not list(run.glob("checkpoints/step-*")) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    return process


def workers_of(run: Path) -> set[int]:
    """Processes whose arguments name the run; mpiexec among them."""
    found = set[int]()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(run) in entry.read_bytes():
                found.add(int(entry.parent.name))
    return {pid for pid in found if processes.state(pid) not in ("", processes.ZOMBIE)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_command(number: signal.Signals, tmp_path: Path) -> None:
    """SIGTERM ends all in order and the model is kept; SIGKILL of the command ends the workers, checkpoints stay."""
    run = tmp_path / "run"
    process = under_way(run)
    assert len(workers_of(run)) > 2
    process.send_signal(number)
    process.communicate(timeout=LIMIT_S)
    end = time.monotonic() + 20
    while workers_of(run) and time.monotonic() < end:
        time.sleep(0.1)
    assert not workers_of(run)
    if number == signal.SIGTERM:
        kept = cr.load(run)
        assert kept.result["stopped"] == "interrupted"
        assert np.isfinite(kept.network.parameters.flat).all()
    else:
        assert list(run.glob("checkpoints/step-*"))
