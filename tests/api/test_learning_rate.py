"""learning_rate= of train: a number, "auto", what was found; and what a run keeps of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import chainrule as cr
from chainrule.errors import DamagedFileWarning, SettingsError
from chainrule.run.names import RATE, RUN
from chainrule.tune.found import LearningRate


def digits() -> tuple[Any, Any]:
    X, y = load_digits(return_X_y=True)
    return X[:600] / 16, y[:600]


def trained(**how: Any) -> cr.Run:
    return cr.train(
        cr.Network([64, 12, 10], seed=4), *digits(), epochs=3, progress=False, **({"validation": 0.2} | how)
    )  # fmt: skip


def test_a_number_is_the_learning_rate_of_any_rule() -> None:
    """learning_rate=0.02 is Adam(0.02); a number that is none is refused as everywhere."""
    assert trained(learning_rate=0.02).losses.tolist() == trained(optimizer=cr.Adam(0.02)).losses.tolist()
    for wrong in (0, -1.0, "high", float("nan")):
        with pytest.raises(SettingsError, match="learning_rate"):
            trained(learning_rate=wrong)


def test_auto_is_recorded_replayed_and_resumed_as_a_number(tmp_path: Path) -> None:
    """The number found stands in settings and run.json; the same number given trains the same bits; replay works."""
    run = trained(learning_rate="auto", optimizer="sgd", directory=tmp_path / "run")
    eta = run.settings.optimizer.learning_rate
    assert eta == run.examined.suggested
    record = json.loads((tmp_path / "run" / RUN).read_text(encoding="utf-8"))
    assert record["settings"]["optimizer"]["learning_rate"] == eta
    given = trained(optimizer=cr.SGD(eta))
    assert given.losses.tolist() == run.losses.tolist()
    assert given.examined is None
    loaded = cr.load(tmp_path / "run")
    assert loaded.examined.to_dict() == run.examined.to_dict()
    assert loaded.replay(20).backward.loss == run.losses[20]
    again = trained(learning_rate="auto", optimizer="sgd", directory=tmp_path / "run", resume=True)
    assert again.losses.tolist() == run.losses.tolist()
    assert again.examined.to_dict() == run.examined.to_dict()


def test_an_interrupted_run_keeps_its_rate(tmp_path: Path) -> None:
    """A run begun with auto and stopped goes on with the rate it was begun with, to the same bits."""

    def stop(control: Any) -> None:
        if control.epoch == 1:
            control.stop()

    whole = trained(learning_rate="auto")
    part = trained(learning_rate="auto", directory=tmp_path / "run", callbacks=[stop])
    assert part.n_steps < whole.n_steps
    done = trained(learning_rate="auto", directory=tmp_path / "run", resume=True)
    assert done.losses.tolist() == whole.losses.tolist()
    assert done.examined.to_dict() == part.examined.to_dict()


def test_what_was_found_is_taken_and_kept(tmp_path: Path) -> None:
    """train takes what learning_rate found, keeps it whole, and refuses what was found for another rule."""
    X, y = digits()
    network = cr.Network([64, 12, 10], seed=4)
    found = cr.learning_rate(network, X, y, "sgd", epochs=3)
    run = cr.train(
        network, X, y, optimizer="sgd", learning_rate=found, epochs=3, directory=tmp_path / "run", progress=False
    )
    assert run.settings.optimizer.learning_rate == found.suggested
    assert isinstance(cr.load(tmp_path / "run").examined, LearningRate)
    with pytest.raises(SettingsError, match="found for sgd"):
        trained(learning_rate=found)


def test_a_run_is_examined_from_its_start_on_its_rows(tmp_path: Path) -> None:
    """run.learning_rate says what cr.learning_rate says of the same network, rows and settings."""
    run = trained(optimizer="sgd", directory=tmp_path / "run")
    found = cr.load(tmp_path / "run").learning_rate()
    rows = run.kept_rows
    same = cr.learning_rate(cr.Network([64, 12, 10], seed=4), rows.X, rows.targets, "sgd", epochs=3)
    one, other = (f.to_dict() | {"elapsed_s": 0} for f in (found, same))
    assert one == other
    assert cr.load(tmp_path / "run").examined.suggested == found.suggested


def test_a_damaged_record_of_it_is_said(tmp_path: Path) -> None:
    """The message names the file; nothing is guessed, and nothing else is lost."""
    run = trained(learning_rate="auto", directory=tmp_path / "run")
    (tmp_path / "run" / RATE).write_text('{"suggested": 1}', encoding="utf-8")
    with pytest.warns(DamagedFileWarning, match=RATE):
        loaded = cr.load(tmp_path / "run")
    assert loaded.examined is None
    assert loaded.history == run.history


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_auto_is_the_same_for_every_number_of_threads(engine: str) -> None:
    """One rate and one training, to the bit."""
    runs = [trained(learning_rate="auto", threads=n, engine=engine) for n in (1, 2)]
    assert runs[0].losses.tolist() == runs[1].losses.tolist()
    assert np.isfinite(runs[0].losses).all()
