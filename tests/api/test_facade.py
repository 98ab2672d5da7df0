"""A Run shows what users need; the record beneath it stands alone."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.select import select
from chainrule.run.read import read_run
from chainrule.run.record import RunRecord
from chainrule.run.replayer import RunReplayer

SHOWN = {
    "network", "settings", "history", "losses", "events", "result", "diverged", "directory", "source", "pipeline",
    "index", "steps_per_epoch", "checkpoints", "engine", "examined", "unwritten", "record", "n_steps", "rows",
    "kept_rows", "fingerprint", "reach", "engine_differs", "classes",
    "replay", "find", "doctor", "vitals", "learning_rate", "report", "card", "save", "extend", "branch", "plot",
    "predict", "predict_proba", "predict_intervals", "encode", "evaluate", "explain_row", "importances",
    "members", "ensemble", "predictor",
}  # fmt: skip


def trained(directory: Path | None = None) -> cr.Run:
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)
    return cr.train(cr.Network([3, 4, 2], seed=1), X, y, epochs=3, directory=directory, progress=False)


def test_tab_completion_shows_what_users_need(tmp_path: Path) -> None:
    """Public names are those above and no other, of a run in memory, one loaded, and one that has replayed."""
    run = trained(tmp_path / "run")
    run.replay(0)
    for one in (trained(), run, cr.load(tmp_path / "run")):
        assert {name for name in dir(one) if not name.startswith("_")} == SHOWN
        assert one.fingerprint == run.fingerprint and one.reach["steps"] >= 0


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_record_is_replayed_without_a_run(tmp_path: Path, engine: str) -> None:
    """A directory's record and an engine are enough for every step, to the bit."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    network = cr.Network([3, 4, 1], output="identity", loss="squared_error", seed=1)
    run = cr.train(network, X, X[:, 0], epochs=3, directory=tmp_path / "run", engine=engine, progress=False)
    record, damaged = read_run(tmp_path / "run")
    assert damaged == {}
    assert record.versions == run.record.versions
    assert record.fingerprint == run.fingerprint
    replayer = RunReplayer(record, select(engine, record.architecture)[0])
    rows = replayer.prepared(None)
    for t in (5, 0, run.n_steps - 1):
        seen = replayer.step(t, rows).update.new.parameters.flat
        assert seen.tobytes() == run.replay(t).update.new.parameters.flat.tobytes()
    assert seen.tobytes() == record.parameters.flat.tobytes()


def test_a_record_is_given_by_name() -> None:
    """No value of a record is taken by its position."""
    assert all(entry.kw_only for entry in fields(RunRecord))


def test_copies_of_a_run_replay() -> None:
    """A run that has replayed can be copied and pickled: its session stays behind."""
    run = trained()
    seen = run.replay(4).backward.dW[1].tobytes()
    for one in (copy.deepcopy(run), copy.copy(run), pickle.loads(pickle.dumps(run))):
        assert one.replay(4).backward.dW[1].tobytes() == seen
