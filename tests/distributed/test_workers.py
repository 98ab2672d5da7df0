"""Several workers: one result for any number of them, killed and frozen ones included.

Skipped without MPI: pip install 'chainrule[mpi]' ends that.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.distributed import beats, mpiexec
from chainrule.distributed.launcher import supervise

pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
LIMIT_S = 110
HERE = Path(__file__).parent


def mpi_is_there() -> bool:
    with contextlib.suppress(cr.errors.SettingsError):
        path = mpiexec.mpiexec()
        told = [*mpiexec.command_of(path, 1), sys.executable, "-c", "from mpi4py import MPI"]
        environment = mpiexec.environment_of(path, HERE, 1)
        return subprocess.run(told, env=environment, capture_output=True, timeout=LIMIT_S).returncode == 0
    return False


@pytest.fixture(scope="module", autouse=True)
def _with_mpi() -> None:
    if not mpi_is_there():
        pytest.skip("ends when mpi4py and an MPI are installed: pip install 'chainrule[mpi]'")


def by_one(folder: Path, epochs: int, *more: str) -> dict[str, Any]:
    told = [sys.executable, str(HERE / "trainings.py"), str(folder), str(epochs), *more]
    return json.loads(subprocess.run(told, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def results(n_workers: int, folder: Path, epochs: int, capfd: Any) -> dict[str, Any]:
    told = [sys.executable, str(HERE / "trainings.py"), str(folder), str(epochs)]
    job = folder / f"job-{n_workers}"
    job.mkdir()
    capfd.readouterr()
    assert supervise(lambda again: told, n_workers, lambda text: pytest.fail(text), job) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    return json.loads(lines[-1])


def test_bits_do_not_depend_on_the_workers(tmp_path: Path, capfd: Any) -> None:
    """One checksum for 1, 2, 3, 4 workers, 1 and 2 threads; a run goes on with another number of workers each time."""
    alone = by_one(tmp_path, 2)
    found = [alone, results(2, tmp_path, 4, capfd), results(3, tmp_path, 6, capfd), results(4, tmp_path, 0, capfd)]
    assert [one.pop("workers") for one in found] == [1, 2, 3, 4]
    resumed = [one.pop("resumed", [""])[0] for one in found]
    for name in alone:
        assert len({checksum for one in found for checksum in one[name]}) == 1, name
    assert resumed[2] == by_one(tmp_path / "at once", 6, "only")["resumed"][0]


class Watcher(threading.Thread):
    """Does something to a worker once the training is at work; keeps the pids that were seen."""

    def __init__(self, job: Path, rank: int, number: int, after: int = 3) -> None:
        super().__init__(daemon=True)
        self._job, self._rank, self._number, self._after = job, rank, number, after
        self.pids: set[int] = set()
        self.done = False

    def run(self) -> None:
        while True:
            with contextlib.suppress(OSError, ValueError):
                table = np.fromfile(self._job / beats.NAME).reshape(-1, beats.N_COLUMNS)
                self.pids |= {int(pid) for pid in table[:, beats.PID] if pid}
                if not self.done and table[0, beats.STEPS] >= self._after:
                    os.kill(int(table[self._rank, beats.PID]), self._number)
                    self.done = True
            time.sleep(0.01)


@contextlib.contextmanager
def disturbed(job: Path, rank: int, number: int) -> Iterator[Watcher]:
    """Whatever was started has gone afterwards."""
    watcher = Watcher(job, rank, number)
    watcher.start()
    yield watcher
    assert watcher.done
    end = time.monotonic() + 5
    while any(is_alive(pid) for pid in watcher.pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in watcher.pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def command(folder: Path, epochs: int) -> list[str]:
    return [sys.executable, str(HERE / "long_training.py"), str(folder), str(epochs)]


@pytest.mark.parametrize(("rank", "number"), [(1, signal.SIGKILL), (0, signal.SIGKILL), (1, signal.SIGSTOP)])
def test_a_lost_worker_loses_nothing(tmp_path: Path, rank: int, number: int) -> None:
    """Killed or frozen, worker 0 or another: the same bits as undisturbed, and no process is left."""
    subprocess.run(command(tmp_path / "alone", 30), check=True)
    said: list[str] = []
    (tmp_path / "job").mkdir()
    with disturbed(tmp_path / "job", rank, number):
        code = supervise(lambda again: command(tmp_path / "run", 30), 2, said.append, tmp_path / "job")
    assert code == 0
    assert said
    found = [cr.load(tmp_path / name) for name in ("alone", "run")]
    assert np.array_equal(found[0].network.parameters.flat, found[1].network.parameters.flat)
    assert found[0].history["loss"] == found[1].history["loss"]


def test_an_interrupted_training_keeps_its_model(tmp_path: Path) -> None:
    """Ctrl-C of the command ends all workers in order: exit code 130, and a run that can be loaded and goes on."""
    data = tmp_path / "data.npz"
    rng = np.random.default_rng(0)
    np.savez(data, X=rng.normal(size=(4000, 5)), y=rng.integers(0, 2, 4000))
    run = tmp_path / "run"
    options = ["--network", "16", "--epochs", "100000", "--workers", "2", "-o", str(run), "--no-neighbours", "--json"]
    told = [sys.executable, "-m", "chainrule", "train", str(data), *options]
    process = subprocess.Popen(told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + LIMIT_S
    while not list(run.glob("checkpoints/step-*")) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, err
    assert json.loads(out)["workers"] == 2
    kept = cr.load(run)
    assert kept.result["stopped"] == "interrupted"
    assert kept.settings.leaves == 8


def test_train_of_arrays_by_workers(tmp_path: Path) -> None:
    """cr.train(workers=2): the run is that of one worker, to the bit; what it is given is not changed."""
    rng = np.random.default_rng(1)
    X, y, net = rng.normal(size=(80, 4)), rng.integers(0, 3, 80), cr.Network([4, 9, 3], seed=3)
    before = net.parameters.flat.copy()
    how: dict[str, Any] = {"epochs": 2, "validation": (X[:9], y[:9]), "optimizer": cr.SGD(0.1), "progress": False}
    several = cr.train(net, X, y, workers=2, directory=tmp_path / "run", **how)
    alone = cr.train(net, X, y, workers=1, **how)
    assert np.array_equal(several.network.parameters.flat, alone.network.parameters.flat)
    assert several.history["loss"] == alone.history["loss"]
    assert np.array_equal(several.replay(3).backward.dW[1], alone.replay(3).backward.dW[1])
    assert np.array_equal(net.parameters.flat, before)


def test_a_run_of_workers_is_replayed_explained_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every step on this machine alone, to the bit of a run of one worker; explain, why, check and doctor as of any."""
    rng = np.random.default_rng(2)
    np.savez(tmp_path / "data.npz", X=rng.normal(size=(120, 5)), y=rng.integers(0, 3, 120))
    options = ["--network", "7", "--epochs", "4", "--batch-size", "30", "--optimizer", "adamw", "--dropout", "0.2"]
    options += ["--clip-norm", "0.5", "--no-neighbours", "--normalization", "layer", "--quiet"]
    for n in (1, 2):
        told = [sys.executable, "-m", "chainrule", "train", str(tmp_path / "data.npz"), "--workers", str(n), *options]
        subprocess.run([*told, "-o", str(tmp_path / str(n))], check=True, timeout=LIMIT_S)
    one, two = (cr.load(tmp_path / str(n)) for n in (1, 2))
    assert two.n_steps == one.n_steps > 4
    for t in range(two.n_steps):
        step, same = two.replay(t), one.replay(t)
        assert np.array_equal(step.update.new.W[1], same.update.new.W[1])
        assert np.array_equal(step.backward.dW[2], same.backward.dW[2])
        assert step.backward.loss == same.backward.loss
        for name, array in same.update.new.optimizer.items():
            assert np.array_equal(step.update.new.optimizer[name].W[1], array.W[1]), name
    run = str(tmp_path / "2")
    assert main(["check", run]) == 0
    assert "the records of the run, identical to the bit" in " ".join(capsys.readouterr().out.split())
    assert main(["explain", run, "--step", "3", "--why", "dW1[0,1]"]) == 0
    assert "dW1[0,1] =" in capsys.readouterr().out
    assert main(["explain", run, "--step", "5", "--row", "0"]) == 0
    assert main(["doctor", run, "--json"]) in (0, 1)
    assert two.replay(2).why("loss").text() == one.replay(2).why("loss").text()
    assert one.doctor().text() == two.doctor().text()


def test_an_error_of_a_worker_is_raised_here() -> None:
    """What worker 0 refuses is refused with its words."""
    net = cr.Network([4, 9, 3], seed=3)
    with pytest.raises(cr.errors.ShapeError, match=r"X has shape \(9, 5\): must be"):
        cr.train(net, np.ones((9, 5)), np.zeros(9, int), workers=2)


def test_no_socket_beyond_loopback(tmp_path: Path) -> None:
    """While workers train, nothing listens that another machine could reach, where the system gives namespaces."""
    from chainrule.distributed import private_network

    if os.fork() == 0:
        os._exit(0 if private_network.enter() else 1)
    if os.waitstatus_to_exitcode(os.wait()[1]):
        pytest.skip("ends where network namespaces may be made, by root or by users")
    (tmp_path / "job").mkdir()
    before, during = listening(), set[str]()

    def look() -> None:
        while not stop.wait(0.1):
            during.update(listening())

    stop = threading.Event()
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    assert supervise(lambda again: command(tmp_path / "run", 5), 2, pytest.fail, tmp_path / "job") == 0
    stop.set()
    thread.join()
    assert not {line for line in during - before if not line.startswith(("127.", "[::1]", "0100007F"))}


def listening() -> set[str]:
    """Local addresses of TCP sockets that listen, as /proc has them."""
    found = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            rows = [line.split() for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
            found |= {row[1] for row in rows if row[3] == "0A"}
    return found


def test_trials_and_members_are_spread_over_the_workers(tmp_path: Path, capfd: Any) -> None:
    """Some of them are trained by another worker; losses, parameters, histories and steps are those of one process."""
    told = [sys.executable, str(HERE / "planned.py"), str(tmp_path)]
    alone = json.loads(subprocess.run(told, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    (tmp_path / "job").mkdir()
    capfd.readouterr()
    assert supervise(lambda again: told, 2, pytest.fail, tmp_path / "job") == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    several = json.loads(lines[-1])
    assert several["found"] == alone["found"]
    assert (alone["elsewhere"], several["elsewhere"] > 0) == (0, True)
    assert len(alone["found"]["trials"][2]) > 1 and len(alone["found"]["members"][0]) == 3


def test_a_plan_is_trained_by_workers(tmp_path: Path) -> None:
    """plan(…).train(workers=2) is that of one worker, to the bit; 8 leaves, as none are stated."""
    plan = cr.plan("iris", epochs=3)
    several = plan.train(directory=tmp_path / "run", workers=2, progress=False)
    alone = plan.train(workers=1, progress=False)
    assert several.settings.leaves == alone.settings.leaves == 8
    assert np.array_equal(several.network.parameters.flat, alone.network.parameters.flat)
    assert several.evaluate("iris") == alone.evaluate("iris")


def test_auto_measures_where_threads_are_stated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two workers of one thread on two processors: both ways are measured, and the bits are those of either."""
    from chainrule.distributed import choice

    monkeypatch.setattr(choice, "n_processors", lambda: 2)
    X, y, net = np.random.default_rng(0).normal(size=(60, 3)), [0, 1, 2] * 20, cr.Network([3, 5, 3])
    how: dict[str, Any] = {"epochs": 2, "progress": False, "threads": 1}
    auto = cr.train(net, X, y, workers="auto", directory=tmp_path / "run", **how)
    assert np.array_equal(auto.network.parameters.flat, cr.train(net, X, y, leaves=8, **how).network.parameters.flat)
