"""SIGTERM and SIGHUP end a command as Ctrl-C does, with their exit codes; nothing half-written stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.cli.ending import Ended, Ending

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends on a system with POSIX signals")
CODES = [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)]
PATIENCE_S = 120


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(*arguments: str, **how: object) -> subprocess.Popen[str]:
    """A command as a process of its own."""
    call = [sys.executable, "-m", "chainrule", *arguments]
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)  # type: ignore[call-overload, no-any-return]


def wait_until(ready: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Until something is so; the process must still run then."""
    end = time.monotonic() + PATIENCE_S
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def has_lines(path: Path) -> bool:
    """Whether a file is there and not empty."""
    return path.exists() and path.stat().st_size > 0


@pytest.mark.parametrize(("name", "code"), CODES)
def test_a_training_is_kept_whole(name: str, code: int, folder: Path) -> None:
    """Model, checkpoint and summary as after Ctrl-C; --resume goes on from there."""
    command = ["train", "digits", "--preset", "plain", "--epochs", "100000", "--early-stopping", "none", "-o", "run"]
    process = started(*command)
    wait_until(lambda: has_lines(folder / "run" / "history.jsonl"), process)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, err
    assert "interrupted, after" in out
    assert "ended the training after" in err
    assert "Traceback" not in err
    run = cr.load(folder / "run")
    assert run.result["stopped"] == "interrupted"
    assert run.n_steps in run.checkpoints.sizes
    assert not list(folder.rglob("*.tmp.*"))
    assert main([*command, "--resume", "--quiet", "--time-limit", "0.2"]) == 0


@pytest.mark.parametrize(("name", "code"), CODES)
def test_predictions_are_whole_or_absent(name: str, code: int, folder: Path) -> None:
    """A signal while rows are predicted leaves no file and no temporary file."""
    rows = np.round(np.random.default_rng(0).normal(size=(400_000, 3)), 3)
    lines = "\n".join(",".join(map(str, row)) for row in rows.tolist())
    (folder / "rows.csv").write_text(f"a,b,y\n{lines}\n")
    (folder / "few.csv").write_text("\n".join(["a,b,y", *lines.split("\n")[:600]]) + "\n")
    plain = ["--target", "y", "--preset", "plain", "--epochs", "2", "--quiet", "-o", "run"]
    assert main(["train", "few.csv", *plain]) == 0
    process = started("predict", "run", "rows.csv", "-o", "out.csv")
    wait_until(lambda: list(folder.glob("out.csv.tmp.*")), process)
    process.send_signal(getattr(signal, name))
    err = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == code, err
    assert err.strip() == ("chainrule: interrupted" if name == "SIGINT" else f"chainrule: ended by {name}")
    assert sorted(path.name for path in folder.iterdir()) == ["few.csv", "rows.csv", "run"]


def test_a_training_goes_on_under_nohup(folder: Path) -> None:
    """Where SIGHUP is ignored, as nohup has it, nothing ends by it."""
    command = ["train", "digits", "--preset", "plain", "--early-stopping", "none", "--time-limit", "3", "-o", "run"]
    process = started(*command, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_until(lambda: has_lines(folder / "run" / "history.jsonl"), process)
    process.send_signal(signal.SIGHUP)
    err = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0, err
    assert cr.load(folder / "run").result["stopped"] != "interrupted"


def test_a_terminal_that_is_gone_costs_nothing(folder: Path) -> None:
    """SIGHUP with a closed terminal: the run is kept and the exit code is that of the signal."""
    import pty

    leader, follower = pty.openpty()
    command = ["train", "digits", "--preset", "plain", "--epochs", "100000", "--early-stopping", "none", "-o", "run"]
    call = [sys.executable, "-m", "chainrule", *command]
    process = subprocess.Popen(call, stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
    os.close(follower)
    try:
        wait_until(lambda: os.read(leader, 65_536) and has_lines(folder / "run" / "history.jsonl"), process)  # type: ignore[arg-type]
    finally:
        os.close(leader)
    process.send_signal(signal.SIGHUP)
    assert process.wait(PATIENCE_S) == 129
    assert cr.load(folder / "run").result["stopped"] == "interrupted"


def test_the_handlers_are_given_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that calls main keeps its own handlers, during and after it."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    assert main(["train", "iris", "--preset", "plain", "--epochs", "2", "--quiet", "-o", "run"]) == 0
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_signal_waits_for_an_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised within the loading of a module it could be swallowed: it comes when that is over, and only once."""
    ending = Ending()
    importing = iter([True, True, False])
    monkeypatch.setattr("chainrule.cli.ending._is_importing", lambda frame: next(importing, False))
    before = signal.getsignal(signal.SIGALRM)

    def wait() -> None:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(PATIENCE_S)

    try:
        with ending.heard(), pytest.raises(Ended):
            wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert next(importing, None) is None
    assert ending.code == 143
