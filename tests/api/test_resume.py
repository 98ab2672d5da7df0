"""Resume: what decides the bits is the same or refused by name, and no fact of a former end stays."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import ModelFileError, SettingsError
from chainrule.run import stored

X = np.random.default_rng(0).normal(size=(80, 3))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
KILLED = """
import os, sys, numpy as np, chainrule as cr
from chainrule.training import checkpoints
checkpoints.COST_SHARE = 1e9
X = np.random.default_rng(0).normal(size=(80, 3)); Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
def kill(control):
    if control.epoch == 30: os.kill(os.getpid(), 9)
cr.train(cr.Network([3, 4, 2]), X, Y, epochs=40, batch_size=16, progress=False, directory=sys.argv[1], resume=True,
         validation=float(sys.argv[2]) or None, callbacks=[kill])
"""


def train(folder: Path, **settings: Any) -> cr.Run:
    given = {"epochs": 40, "batch_size": 16, "progress": False, "resume": True, **settings}
    return cr.train(cr.Network([3, 4, 2]), X, Y, directory=folder, **given)


def stop(control: Any) -> None:
    if control.epoch == 11:
        control.stop("interrupted")


class StopAt:
    """A callback that ends the training before a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, control: Any) -> None:
        if control.step == self.step:
            control.stop()


@pytest.mark.parametrize("validation", [None, 0.25])
def test_taken_up_again_and_killed(validation: float | None, tmp_path: Path) -> None:
    """It loads as what it is at its last checkpoint: epochs, losses, events and model of one moment."""
    train(tmp_path / "run", validation=validation, callbacks=[stop])
    before = cr.load(tmp_path / "run")
    assert (before.result["stopped"], before.result["epochs"]) == ("interrupted", 12)
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run"), str(validation or 0.0)], check=False)
    run = cr.load(tmp_path / "run")
    assert run.result["stopped"] == "killed" and "killed after" in repr(run)
    n_epochs = run.result["epochs"]
    assert 12 <= n_epochs <= 31 and {len(values) for values in run.history.values()} == {n_epochs}
    assert len(run.losses) == run.result["steps"] and run.result["steps"] // run.steps_per_epoch == n_epochs
    assert [event.kind for event in run.events] == ["stop", "resume"]
    assert run.replay(-1).backward.loss == run.losses[-1]
    done_alone = train(tmp_path / "alone", validation=validation, callbacks=[StopAt(run.n_steps)])
    assert run.result["sha256"] == done_alone.result["sha256"]
    wanted = train(tmp_path / "whole", validation=validation)
    done = train(tmp_path / "run", validation=validation)
    assert done.result["sha256"] == wanted.result["sha256"] and done.result["epochs"] == 40
    assert json.loads((tmp_path / "run" / "run.json").read_text()).get("ended") is None


def test_a_living_run_says_so(tmp_path: Path) -> None:
    """A reader beside the writer: 'under way', or for the first training an error that says it."""
    seen = []

    def look(control: Any) -> None:
        try:
            seen.append(cr.load(tmp_path / "run").result["stopped"])
        except cr.errors.ModelFileError as error:
            seen.append(str(error))

    train(tmp_path / "run", epochs=13, callbacks=[look, stop])
    assert all("under way" in result for result in seen) and len(seen) == 12
    seen.clear()
    train(tmp_path / "run", epochs=13, callbacks=[look])
    assert seen == ["under way"]


def test_another_engine_is_refused(tmp_path: Path, monkeypatch, capsys) -> None:
    """Its bits differ, so neither way round; nor a NumPy engine on another NumPy or BLAS."""
    monkeypatch.chdir(tmp_path)
    command = ["train", "iris", "--epochs", "30", "--quiet", "--preset", "plain", "--time-limit", "1e-9", "-o"]
    for mine, other in (("native", "numpy"), ("numpy", "native"), ("numpy", "auto")):
        assert main([*command, f"{mine}-{other}", "--engine", mine]) == 0
        before = Path(f"{mine}-{other}", "run.json").read_bytes()
        assert main([*command, f"{mine}-{other}", "--engine", other, "--resume"]) == 2
        assert f"engine was '{mine}', is " in capsys.readouterr().err
        assert Path(f"{mine}-{other}", "run.json").read_bytes() == before
    record = json.loads(before)
    for name in ("numpy", "blas"):
        Path("numpy-auto/run.json").write_text(json.dumps(record | {"engine": record["engine"] | {name: "0.0"}}))
        assert main([*command, "numpy-auto", "--engine", "numpy", "--resume"]) == 2
        assert f"{name} was '0.0', is " in capsys.readouterr().err


def test_other_data_are_said_to_be_other(tmp_path: Path) -> None:
    """Not another fingerprint: rows that changed, rows held out that changed, another start."""
    train(tmp_path / "run", epochs=13, callbacks=[stop], validation=(X[:9], Y[:9]))
    given = {"epochs": 13, "batch_size": 16, "progress": False, "resume": True, "directory": tmp_path / "run"}
    network = cr.Network([3, 4, 2])
    for result, net, x, held in (
        ("the training rows changed", network, X + 1, X[:9]),
        (r"they were 80, are 79", network, X[1:], X[:9]),
        ("the held-out rows changed", network, X, X[1:10]),
        ("other initial parameters", cr.Network([3, 4, 2], seed=1), X, X[:9]),
    ):
        with pytest.raises(SettingsError, match=result):
            cr.train(net, x, Y[: len(x)], validation=(held, Y[:9]), **given)
    assert train(tmp_path / "run", epochs=13, validation=(X[:9], Y[:9])).result["epochs"] == 13


@pytest.mark.parametrize("edited_in", ["on_step_end", "on_epoch_end"])
def test_an_edit_in_the_last_step_of_an_epoch(edited_in: str, tmp_path: Path) -> None:
    """Its checkpoint is kept before the epoch's end is: resume does not take the end for done."""

    class Edits:
        def __init__(self, stops: bool) -> None:
            self.stops = stops

        def _edit(self, control: Any) -> None:
            if control.step == 50:
                control.edit(lambda parameters: parameters.W[1].__imul__(0.5))
                if self.stops:
                    raise KeyboardInterrupt

        def on_step_end(self, control: Any) -> None:
            if edited_in == "on_step_end":
                self._edit(control)

        def on_epoch_end(self, control: Any) -> None:
            if edited_in == "on_epoch_end":
                self._edit(control)
            if control.step == 50:
                control.set(l2=0.01)
                if self.stops and edited_in == "on_step_end":
                    raise KeyboardInterrupt

    wanted = train(tmp_path / "whole", callbacks=[Edits(False)])
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", callbacks=[Edits(True)])
    run = train(tmp_path / "run", callbacks=[Edits(False)])
    assert run.result["sha256"] == wanted.result["sha256"] and run.history["loss"] == wanted.history["loss"]
    assert [event for event in run.events if event.kind != "resume"] == wanted.events


def test_the_checkpoint_behind_an_edit_is_needed(tmp_path: Path) -> None:
    """Without it replay of later steps is refused, not computed from weights that were not edited."""

    def edit(control: Any) -> None:
        if control.epoch == 5:
            control.edit(lambda parameters: parameters.W[1].__imul__(0.5))

    train(tmp_path, callbacks=[edit])
    (tmp_path / "checkpoints" / "step-00000030.safetensors").unlink()
    run = cr.load(tmp_path)
    later = min((step for step in run.checkpoints.sizes if step > 30), default=run.n_steps)
    assert run.replay(29).step == 29 and later > 31
    with pytest.raises(cr.errors.ModelFileError, match="step 30 is missing"):
        run.replay(31)


def test_random_kills_leave_no_trace() -> None:
    """The short form of benchmarks/kill_and_resume.py."""
    path = Path(__file__).parents[2] / "benchmarks" / "kill_and_resume.py"
    spec = importlib.util.spec_from_file_location("kill_and_resume", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.campaign(10, seed=1) == []


@pytest.mark.parametrize("name", ["history.jsonl", "events.jsonl"])
def test_a_file_that_cannot_be_read_this_time_loses_nothing(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    """A read that fails on resume is an error that names the file; the next resume goes on with every line."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)

    def resumed() -> cr.Run:
        return cr.train(
            cr.Network([3, 4, 2], seed=1), X, y, epochs=8, progress=False, directory=tmp_path / "run", resume=True
        )

    cr.train(
        cr.Network([3, 4, 2], seed=1), X, y, epochs=8, progress=False, directory=tmp_path / "run",
        callbacks=[lambda control: control.stop() if control.epoch == 2 else None],
    )  # fmt: skip
    whole = stored.read_bytes

    def failing(path: Path, *rest: Any) -> Any:
        if path.name == name:
            raise ModelFileError(f"{path}: cannot be read.") from OSError(5, "Input/output error")
        return whole(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(stored, "read_bytes", failing)
        with pytest.raises(ModelFileError, match=name.replace(".", r"\.")):
            resumed()
    run = resumed()
    assert len(run.history["loss"]) == 8
    assert len((tmp_path / "run" / "history.jsonl").read_text(encoding="utf-8").splitlines()) == 8
