"""leaves=V of train: recorded, kept where a run goes on, replayed, explained and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(2)
X = RNG.normal(size=(60, 5))
Y = RNG.integers(0, 3, 60)


def trained(**how: Any) -> cr.Run:
    net = cr.Network([5, 8, 3], activation="tanh", seed=1)
    return cr.train(net, X, Y, **{"batch_size": 20, "epochs": 3, "progress": False, **how})


def test_a_run_keeps_its_leaves(tmp_path: Path) -> None:
    """run.json has them, every step is replayed to the bit after loading, and an earlier record means one leaf."""
    run = trained(leaves=4, directory=tmp_path / "run")
    assert json.loads((tmp_path / "run/run.json").read_text())["settings"]["leaves"] == 4
    last = cr.load(tmp_path / "run").replay(8)
    assert np.array_equal(last.update.new.W[1], run.network.W[1])
    assert not np.array_equal(run.network.W[1], trained().network.W[1])
    assert np.array_equal(trained(leaves=1).network.W[1], trained().network.W[1])
    plain = trained(directory=tmp_path / "plain")
    record = json.loads((tmp_path / "plain/run.json").read_text())
    del record["settings"]["leaves"]
    (tmp_path / "plain/run.json").write_text(json.dumps(record))
    step = cr.load(tmp_path / "plain").replay(8)
    assert np.array_equal(step.update.new.W[1], plain.network.W[1])


def test_a_run_goes_on_with_its_leaves(tmp_path: Path) -> None:
    """Resumed at an epoch's end it comes to the same bits; another number of leaves is refused by name."""
    whole = trained(leaves=4, epochs=6)
    trained(leaves=4, epochs=3, directory=tmp_path / "run")
    with pytest.raises(cr.errors.ChainruleError, match="leaves"):
        trained(leaves=8, epochs=6, directory=tmp_path / "run", resume=True)
    resumed = trained(leaves=4, epochs=6, directory=tmp_path / "run", resume=True)
    assert np.array_equal(resumed.network.W[1], whole.network.W[1])


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_steps_are_explained_and_checked(engine: str) -> None:
    """why, explain and check work on a step of several leaves; the gradient is that of one leaf up to rounding."""
    run = trained(leaves=4, engine=engine)
    step, plain = run.replay(0), trained(engine=engine).replay(0)
    np.testing.assert_allclose(step.backward.dW[1], plain.backward.dW[1], atol=1e-6)
    why = step.why("dW1[2,3]")
    assert float(why.value) == float(step.backward.dW[1][2, 3])
    assert abs(why.origin.last - why.value) < 1e-6
    assert "dW1[2,3]" in why.text() and step.explain()


@pytest.mark.parametrize("leaves", [0, -1, 2.5, 70000, "many"])
def test_bad_leaves_are_refused(leaves: Any) -> None:
    """The message names the setting and what it must be."""
    with pytest.raises(cr.errors.SettingsError, match=r"leaves=.*must be"):
        trained(leaves=leaves)
