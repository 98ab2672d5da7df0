"""One writer for each run, readers that write nothing, and only one's own leftovers removed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import ModelFileError, SettingsError
from chainrule.run import lock
from chainrule.run.directory import RunDirectory
from chainrule.run.names import LOCK

X = np.random.default_rng(0).normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)
HOLD = """
import sys, time
from chainrule.run.directory import RunDirectory
with RunDirectory(sys.argv[1]).claimed():
    print("held", flush=True)
    time.sleep(600)
"""


def trained(folder: Path, **settings: Any) -> cr.Run:
    return cr.train(cr.Network([3, 4, 2]), X, Y, **{"epochs": 3, "progress": False, "directory": folder, **settings})


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.05)


@contextlib.contextmanager
def held_by_another(folder: Path):
    """A second process that holds the right to write."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_process_is_refused_by_name(resume: bool, tmp_path: Path) -> None:
    """Where another process writes, nothing is trained or touched; once it was killed, the folder is free."""
    folder = tmp_path / "run"
    if resume:
        trained(folder, callbacks=[lambda control: control.stop()])
    with held_by_another(folder) as process:
        before = contents(folder)
        with pytest.raises(SettingsError, match=rf"run: is being written by process {process.pid} on "):
            trained(folder, resume=resume)
        assert contents(folder) == before
    assert (folder / LOCK).exists()  # as a killed process leaves it
    assert trained(folder, resume=resume).result["epochs"] == 3
    assert not (folder / LOCK).exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_thread_is_refused(resume: bool, tmp_path: Path) -> None:
    """Two trainings of one process in one folder: the second is refused, the first has its own weights."""
    alone = trained(tmp_path / "alone")
    refusals = []

    def intrude(control: Any) -> None:
        thread = threading.Thread(target=train_too)
        thread.start()
        thread.join()

    def train_too() -> None:
        try:
            trained(tmp_path / "run", seed=1, resume=resume)
        except SettingsError as error:
            refusals.append(str(error))

    run = trained(tmp_path / "run", callbacks=[intrude])
    assert len(refusals) == 3 and all(f"this process ({os.getpid()})" in result for result in refusals)
    assert run.result["sha256"] == alone.result["sha256"] == cr.load(tmp_path / "run").result["sha256"]
    assert len(cr.load(tmp_path / "run").history["loss"]) == 3


def test_the_command_line_refuses_before_the_work(tmp_path: Path, monkeypatch, capsys) -> None:
    """Exit code 2; without a name the next free folder is taken instead."""
    monkeypatch.chdir(tmp_path)
    with held_by_another(tmp_path / "runs" / "iris"):
        assert main(["train", "iris", "--epochs", "1", "--quiet", "-o", "runs/iris"]) == 2
        assert "is being written by process" in capsys.readouterr().err
        assert main(["train", "iris", "--epochs", "1", "--quiet"]) == 0
    assert (tmp_path / "runs/iris-2/model.safetensors").exists()


@pytest.mark.parametrize("ending", ["error", "interrupt", "refusal"])
def test_the_lock_ends_with_the_training(ending: str, tmp_path: Path) -> None:
    """An exception in a callback, a second Ctrl-C, settings that do not fit: the next may write."""

    def fail(control: Any) -> None:
        raise KeyboardInterrupt if ending == "interrupt" else RuntimeError("a callback's own")

    with contextlib.suppress(RuntimeError, KeyboardInterrupt):
        trained(tmp_path / "run", callbacks=[fail] if ending != "refusal" else [])
    if ending == "refusal":
        with pytest.raises(SettingsError, match="epochs"):
            trained(tmp_path / "run", epochs=2, resume=True)
    assert not (tmp_path / "run" / LOCK).exists()
    assert trained(tmp_path / "run", resume=True).result["epochs"] == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_holds_nothing(tmp_path: Path) -> None:
    """A child that outlives its killed parent does not keep the folder locked, nor release it when it ends."""
    script = HOLD.replace("    time", "    import os\n    print(os.fork(), flush=True)\n    time")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    lines = [process.stdout.readline() for _ in range(3)]
    child = max(int(line) for line in lines if line.strip().isdigit())
    process.kill()
    process.wait()
    try:
        assert trained(tmp_path / "run").result["epochs"] == 3
    finally:
        process.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_releases_nothing(tmp_path: Path) -> None:
    """When it ends, its parent still is the one writer."""
    with RunDirectory(tmp_path / "run").claimed():
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        with pytest.raises(SettingsError, match="being written by this process"):
            trained(tmp_path / "run", resume=True)


def test_a_file_system_without_locks_is_told(tmp_path: Path, monkeypatch) -> None:
    """There the training goes on with a warning; threads of this process still exclude each other."""

    def unsupported(handle: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_try_lock", unsupported)
    refused = []

    def intrude(control: Any) -> None:
        with pytest.raises(SettingsError, match="this process"):
            trained(tmp_path / "run", resume=True)
        refused.append(True)

    with pytest.warns(UserWarning, match="file system without locks"):
        trained(tmp_path / "run", callbacks=[intrude])
    assert refused


@pytest.mark.parametrize("moment", ["data", "split", "run"])
def test_what_was_refused_leaves_nothing(moment: str, tmp_path: Path, monkeypatch) -> None:
    """Before training has begun everything this call made goes, and nothing else: the folder of another, its files."""
    from chainrule.api import run_writer

    real = run_writer.files.write_tensors

    def full(path: Path, *rest: Any, **options: Any) -> None:
        if moment in path.name:
            raise ModelFileError(f"{path}: cannot be written (No space left on device).")
        real(path, *rest, **options)

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("kept")
    monkeypatch.setattr(run_writer.files, "write_tensors", full)
    monkeypatch.setattr(run_writer.files, "write_json", full)
    for folder in (tmp_path / "a" / "b", mine):
        with pytest.raises(ModelFileError, match="No space left"):
            trained(folder, validation=0.2)
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["mine", "mine/notes.txt"]


def test_a_run_that_began_stays(tmp_path: Path, monkeypatch) -> None:
    """Writes that fail while training end neither training nor run; resuming makes good what is missing."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); from chainrule.cli import "
        "main; sys.exit(main(sys.argv[1:]))"
    )
    rows = "".join(f"{a},{b},{int(a > b)}\n" for a, b in np.random.default_rng(0).integers(0, 99, (60, 2)).tolist())
    (tmp_path / "few.csv").write_text("a,b,y\n" + rows)
    command = ["train", "few.csv", "--target", "y", "--preset", "plain", "--network", "4", "--epochs", "200"]
    command += ["--early-stopping", "none", "--quiet", "-o"]
    monkeypatch.chdir(tmp_path)
    assert main([*command, "whole"]) == 0
    done = subprocess.run([sys.executable, "-c", script, *command, "lost"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "history.jsonl: cannot be written" in done.stderr
    assert cr.load(tmp_path / "lost").result["unwritten"] == ["history.jsonl"]
    assert main([*command, "lost", "--resume"]) == 0
    lost, whole = cr.load(tmp_path / "lost"), cr.load(tmp_path / "whole")
    assert lost.result["sha256"] == whole.result["sha256"]
    assert lost.losses.tobytes() == whole.losses.tobytes()
    assert "unwritten" not in lost.result


def test_parts_of_a_run_are_not_mixed_with_a_new_one(tmp_path: Path) -> None:
    """A folder whose run.json is gone is refused; what a process killed before its run.json leaves is not."""
    trained(tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    before = contents(tmp_path / "run")
    with pytest.raises(SettingsError, match="parts of a run"):
        trained(tmp_path / "run")
    assert contents(tmp_path / "run") == before
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "data.safetensors").write_bytes(b"half")
    trained(tmp_path / "early")
    assert cr.load(tmp_path / "early").replay(0).step == 0


def test_readers_write_nothing(tmp_path: Path) -> None:
    """Loading leaves even the temporary files of a living writer; the next writer sweeps them, ours alone."""
    folder = tmp_path / "run"
    trained(folder, callbacks=[lambda control: control.stop()])
    stale = ["run.json.tmp.1234", "checkpoints/step-00000003.safetensors.tmp.00ff", "history.jsonl.tmp.ab"]
    foreign = ["notes.tmp.1", "checkpoints/step-00000003 (copy).safetensors", "run.json.tmp.old"]
    for name in stale + foreign:
        (folder / name).write_bytes(b"x")
    before = contents(folder)
    cr.load(folder).replay(1)
    assert contents(folder) == before
    trained(folder, resume=True)
    after = contents(folder)
    assert not set(stale) & set(after) and set(foreign) <= set(after)


READ_ONLY = """
import sys
from chainrule.cli import main
for arguments, code in (("predict run iris -o out.csv", 0), ("evaluate run iris", 0), ("report run -o page.html", 0),
                        ("report run", 2), ("train iris --epochs 9 --resume -o run --quiet", 2)):
    assert main(arguments.split()) == code, arguments
"""


def test_a_reader_on_a_read_only_mount(tmp_path: Path, monkeypatch) -> None:
    """predict, evaluate and a report elsewhere work; whoever would write is refused by name."""
    folder = tmp_path / "run"
    mount = f'mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec "$@"'
    apart = ["unshare", "-m", "sh", "-c", mount, "sh"]
    folder.mkdir()
    try:
        possible = subprocess.run([*apart, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        pytest.skip("mounting needs Linux and root")
    monkeypatch.chdir(tmp_path)
    assert main(["train", "iris", "--epochs", "2", "--quiet", "-o", "run"]) == 0
    (folder / "run.json.tmp.99").write_bytes(b"")
    done = subprocess.run([*apart, sys.executable, "-c", READ_ONLY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("run/writer.lock: cannot be written (Read-only file system)") == 2


@pytest.mark.parametrize("what", ["the report", "the learning rate"])
def test_who_adds_to_a_run_is_a_writer(what: str, tmp_path: Path) -> None:
    """A page into the run's own folder is refused beside a living writer; elsewhere it is written."""
    run = trained(tmp_path / "run")
    with held_by_another(tmp_path / "run"):
        if what == "the report":
            with pytest.raises(SettingsError, match="is being written by process"):
                run.report(tmp_path / "run" / "report.html")
            assert run.report(tmp_path / "page.html").exists()
        else:
            with pytest.warns(UserWarning, match="not stored with the run"):
                assert run.learning_rate().suggested > 0
            assert run.examined is not None and not (tmp_path / "run" / "learning_rate.json").exists()


def test_temporary_names_differ_between_threads(tmp_path: Path) -> None:
    """Two threads that write one file at once: it is one of both, whole."""
    from chainrule.run import files

    def write(value: int) -> None:
        for _ in range(50):
            files.write_json(tmp_path / "a.json", {"value": [value] * 1000})

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 60
    while any(thread.is_alive() for thread in threads) and time.monotonic() < end:
        with contextlib.suppress(ModelFileError):
            assert len(set(files.read_json(tmp_path / "a.json")["value"])) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_file_replaced_while_it_is_read(tmp_path: Path) -> None:
    """A reader sees the old or the new content whole, of whatever sizes they are."""
    from chainrule.run import files, stored
    from chainrule.schema import Anything

    path, over = tmp_path / "steps.safetensors", threading.Event()
    sizes = [1, 5000]
    files.write_tensors(path, {"loss": np.zeros(1)}, {}, durable=False)

    def write() -> None:
        for k in range(300):
            files.write_tensors(path, {"loss": np.zeros(sizes[k % 2])}, {}, durable=False)
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not over.is_set():
            assert len(stored.read_tensors(path, Anything())[0]["loss"]) in sizes
    finally:
        writer.join()


@pytest.mark.parametrize("resume", [False, True])
def test_what_was_killed_before_its_training_is_begun_anew(tmp_path: Path, resume: bool) -> None:
    """Rows, split, empty events and the state before step 0 without run.json hold no training: they give way."""
    folder = tmp_path / "run"
    X = np.random.default_rng(0).normal(size=(40, 3))
    plan = {"epochs": 2, "validation": 0.2, "progress": False}
    whole = cr.train(cr.Network([3, 4, 2], seed=1), X, (X[:, 0] > 0).astype(int), directory=tmp_path / "whole", **plan)
    shutil.copytree(tmp_path / "whole", folder)
    for path in folder.iterdir():
        if path.name in ("run.json", "history.jsonl", "steps.safetensors", "model.safetensors", "report.html"):
            path.unlink()
    for path in (folder / "checkpoints").iterdir():
        if path.name != "step-00000000.safetensors":
            path.unlink()
    (folder / "events.jsonl").write_bytes(b"")
    few = X[:30]
    run = cr.train(
        cr.Network([3, 4, 2], seed=1), few, (few[:, 0] > 0).astype(int), directory=folder, resume=resume, **plan
    )
    assert run.result["stopped"] == "epochs" and len(run.rows.X) == 24
    assert cr.load(folder).replay(0).rows.max() < 30
    assert whole.n_steps > 0


def test_parts_of_a_trained_run_are_kept(tmp_path: Path) -> None:
    """Where run.json alone is gone nothing is removed, and the message names the parts."""
    folder = tmp_path / "run"
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)
    cr.train(cr.Network([3, 4, 2]), X, y, epochs=2, progress=False, directory=folder)
    (folder / "run.json").unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for resume in (False, True):
        with pytest.raises(cr.SettingsError, match=r"holds parts of a run .*but no run\.json"):
            cr.train(cr.Network([3, 4, 2]), X, y, epochs=2, progress=False, directory=folder, resume=resume)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_report_of_somebody_else_is_kept(tmp_path: Path) -> None:
    """A report.html in a folder without a run is not the run's: the training would write over it."""
    (tmp_path / "report.html").write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"holds parts of a run \(report\.html\)"):
        cr.train(cr.Network([3, 2]), np.zeros((4, 3)), np.array([0, 1, 0, 1]), progress=False, directory=tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html"]
