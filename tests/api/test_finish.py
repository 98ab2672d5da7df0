"""Whatever fails after the last step, train returns the run, and says what could not be written."""

from __future__ import annotations

import builtins
import errno
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api import finish, report
from chainrule.cli import main
from chainrule.errors import ModelFileError, SettingsError, UnwrittenWarning
from chainrule.run import files

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X.sum(axis=1) > 0).astype(int)
HOW: dict[str, Any] = dict(epochs=4, progress=False)


def fails(*_: object, **__: object) -> None:
    """As something unforeseen does."""
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize(
    ("place", "name", "missing"),
    [(report, "report_input_of", {"report.html"}), (finish, "write_model", {"model.safetensors", "run.json"})],
)
def test_the_run_comes_back(place: Any, name: str, missing: set[str], tmp_path: Path, monkeypatch) -> None:
    """An error nobody thought of costs the file it came with; resuming makes the rest good."""
    whole = cr.train(cr.Network([2, 3, 2]), X, Y, **HOW)
    monkeypatch.setattr(place, name, fails)
    with pytest.warns(UnwrittenWarning, match=r"run/.*ZeroDivisionError: division by zero"):
        run = cr.train(cr.Network([2, 3, 2]), X, Y, directory=tmp_path / "run", **HOW)
    assert run.result["sha256"] == whole.result["sha256"]
    assert {path.name for path in run.unwritten} == missing
    monkeypatch.undo()
    again = cr.train(cr.Network([2, 3, 2]), X, Y, directory=tmp_path / "run", resume=True, **HOW)
    assert again.result["sha256"] == whole.result["sha256"]
    assert cr.load(tmp_path / "run").result["sha256"] == whole.result["sha256"]


def test_callbacks_that_fail(tmp_path: Path) -> None:
    """Before the last step the error is the caller's, and the training can be resumed; after it, it is a warning."""

    def at(epoch: int) -> Any:
        return lambda control: [1][control.epoch == epoch]

    whole = cr.train(cr.Network([2, 3, 2]), X, Y, **HOW)
    with pytest.warns(UnwrittenWarning, match="a callback failed after the last step"):
        run = cr.train(cr.Network([2, 3, 2]), X, Y, callbacks=[at(3)], **HOW)
    assert run.result["sha256"] == whole.result["sha256"]
    with pytest.raises(IndexError):
        cr.train(cr.Network([2, 3, 2]), X, Y, callbacks=[at(1)], directory=tmp_path / "run", **HOW)
    begun = cr.train(cr.Network([2, 3, 2]), X, Y, directory=tmp_path / "run", resume=True, **HOW)
    assert begun.result["sha256"] == whole.result["sha256"]
    assert begun.events[0].step == 4


@pytest.mark.parametrize("pipeline", [3, {"a": 1}, object()])
def test_pipelines_that_cannot_be_kept_are_refused_first(pipeline: Any, tmp_path: Path) -> None:
    """Said before the first step, with nothing left behind."""
    with pytest.raises(SettingsError, match=r"pipeline=.* to be stored with the model"):
        cr.train(cr.Network([2, 3, 2]), X, Y, pipeline=pipeline, directory=tmp_path / "run", **HOW)
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore:Only one class")
def test_a_metric_without_a_value_keeps_the_last_weights() -> None:
    """Where no epoch was best, the weights are those of the last, not those before the first."""
    held = (X[:3], np.zeros(3, int))
    run = cr.train(cr.Network([2, 3, 2]), X, Y, validation=held, metric="roc_auc", **HOW)
    whole = cr.train(cr.Network([2, 3, 2]), X, Y, **HOW)
    assert np.isnan(run.history["roc_auc"]).all()
    assert run.result["sha256"] == whole.result["sha256"]


def test_the_command_line_keeps_the_model_elsewhere(tmp_path: Path, monkeypatch, capsys) -> None:
    """Exit code 2, one line that says where the model is; it predicts."""
    (tmp_path / "few.csv").write_text("a,b,y\n" + "".join(f"{a},{b},{int(a + b > 0)}\n" for a, b in X.tolist()))
    monkeypatch.chdir(tmp_path)

    def full(path: Path, *_: object, **__: object) -> None:
        raise ModelFileError(f"{path}: cannot be written (No space left on device).")

    monkeypatch.setattr(finish, "write_model", full)
    command = ["train", "few.csv", "--target", "y", "--epochs", "2", "--quiet", "-o", "run"]
    assert main(command) == 2
    result = capsys.readouterr().err
    place = re.search(r"model saved in (\S+);", result)
    assert place is not None
    assert "run/model.safetensors: cannot be written (No space left on device)" in result
    try:
        assert main(["predict", place[1], "few.csv", "-o", "p.csv"]) == 0
    finally:
        files.remove(Path(place[1]))
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--resume"]) == 0
    assert main(["predict", "run", "few.csv", "-o", "p.csv"]) == 0


def test_what_cannot_be_read_this_time_is_not_dropped(tmp_path: Path, monkeypatch) -> None:
    """A disk that hangs while a run is taken up: an error that names the file, and every checkpoint stays."""
    stop = lambda control: control.stop() if control.epoch == 2 else None  # noqa: E731
    cr.train(cr.Network([2, 3, 2]), X, Y, directory=tmp_path / "run", callbacks=[stop], **HOW)
    before = sorted((tmp_path / "run" / "checkpoints").iterdir())

    def hangs(path: Any, *how: Any, **more: Any) -> Any:
        if "step-" in str(path):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return opened(path, *how, **more)

    opened = builtins.open
    monkeypatch.setattr(builtins, "open", hangs)
    with pytest.raises(ModelFileError, match=r"step-\d+\.safetensors: cannot be read \(Input/output error\)"):
        cr.train(cr.Network([2, 3, 2]), X, Y, directory=tmp_path / "run", resume=True, **HOW)
    monkeypatch.undo()
    assert sorted((tmp_path / "run" / "checkpoints").iterdir()) == before
