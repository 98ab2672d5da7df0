"""Factors on the learning rate of tensors, and schedules of settings besides the learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import SettingsError
from chainrule.training.schedules import factors
from chainrule.training.settings import Settings

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)
FACTORS = {"b": 0.1, "W1": 2.0, "W2": 0.0}
SCHEDULES = {"dropout": "flat_cosine", "weight_decay": "cosine", "l2": "coslog4", "l1": "cosine"}
STRENGTHS = {"dropout": 0.3, "l2": 0.05, "l1": 0.01}


def trained(engine: str = "native", **how: Any) -> cr.Run:
    net = cr.Network([4, 8, 6, 2], activation="tanh", seed=1, dtype="float64", normalization=["layer", None])
    options = {"optimizer": cr.AdamW(0.02, weight_decay=0.5), "epochs": 4, "batch_size": 16, **how}
    return cr.train(net, X, Y, engine=engine, progress=False, **options)


def test_a_step_of_descent_is_its_factor_times_the_gradient() -> None:
    """θ − factor·η·g: of every b a tenth, of W1 twice, of W2 nothing, of the others η·g."""
    update = trained(optimizer=cr.SGD(0.5), learning_rate_factors=FACTORS).replay(3).update
    for name, tensor in update.change.named():
        factor = FACTORS.get(name, FACTORS.get(name[:-1], 1.0))
        gradient = dict(update.gradient.named())[name]
        np.testing.assert_allclose(tensor, -factor * 0.5 * gradient, rtol=1e-12, atol=1e-17)


def test_weight_decay_follows_the_rate() -> None:
    """AdamW takes η·factor·weight_decay of a weight: with no gradient nothing else changes it."""
    net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")
    net.W[1][:], net.b[1][:] = 2.0, 0.0
    run = cr.train(
        net, [[0.0]], [[0.0]], optimizer=cr.AdamW(0.1, weight_decay=0.5), learning_rate_factors={"W": 0.5}, epochs=1,
        progress=False,
    )  # fmt: skip
    assert run.network.W[1][0, 0] == pytest.approx(2.0 - 0.1 * 0.5 * 0.5 * 2.0, rel=1e-15)


@pytest.mark.parametrize("optimizer", [cr.SGD(0.1, momentum=0.9), cr.Adam(0.02), cr.RMSProp(0.01), "sgd_sutskever"])
@pytest.mark.parametrize("clip_norm", [None, 0.05])
def test_native_computes_as_the_reference(optimizer: Any, clip_norm: float | None) -> None:
    """Both engines take the same steps, clipped or not."""
    how = {"learning_rate_factors": FACTORS, "optimizer": optimizer, "clip_norm": clip_norm}
    native, reference = trained("native", **how), trained("numpy", **how)
    np.testing.assert_allclose(native.network.parameters.flat, reference.network.parameters.flat, atol=1e-13)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_replayed_to_the_bit(engine: str, threads: int) -> None:
    """The last step replayed, and a run that goes on from it, have the bits of the training."""
    how: dict[str, Any] = {"learning_rate_factors": FACTORS, "schedules": SCHEDULES, **STRENGTHS}
    run = trained(engine, **how, **({"threads": threads} if engine == "native" else {}))
    last = run.replay(15)
    assert last.update.new.parameters.flat.tobytes() == run.network.parameters.flat.tobytes()
    assert trained(engine, **how).network.parameters.flat.tobytes() == run.network.parameters.flat.tobytes()


def test_scheduled_settings_of_a_step() -> None:
    """Each setting times the factor of its schedule; the penalty in the record is that of the step."""
    run = trained(schedules=SCHEDULES, **STRENGTHS)
    step = run.replay(11)
    expected = {name: factors(Settings(schedule=kind, epochs=4), 11, 12, 4)[0] for name, kind in SCHEDULES.items()}
    for name, strength in STRENGTHS.items():
        assert getattr(step.settings, name) == strength * expected[name]
    assert step.settings.optimizer["weight_decay"] == 0.5 * expected["weight_decay"]
    W = [w for w in step.update.old.W if w is not None]
    squares, sizes = sum((w**2).sum() for w in W), sum(np.abs(w).sum() for w in W)
    assert step.record.penalty == pytest.approx(0.5 * step.settings.l2 * squares + step.settings.l1 * sizes, rel=1e-12)
    kept = step.forward.masks[1]
    assert set(np.round(np.unique(kept), 9)) <= {0.0, round(1 / (1 - step.settings.dropout), 9)}


def test_native_schedules_as_the_reference() -> None:
    """Both engines take the same steps with scheduled dropout, decay and penalties."""
    native, reference = (trained(engine, schedules=SCHEDULES, **STRENGTHS) for engine in ("native", "numpy"))
    np.testing.assert_allclose(native.network.parameters.flat, reference.network.parameters.flat, atol=1e-13)
    np.testing.assert_allclose(native.history["penalty"], reference.history["penalty"], rtol=1e-10)


def test_a_constant_schedule_changes_no_bit() -> None:
    """A schedule of ones, and factors of 1, are the training without them."""
    plain = trained(**STRENGTHS)
    same = trained(schedules={"dropout": "constant"}, learning_rate_factors={"b": 1.0}, **STRENGTHS)
    assert plain.network.parameters.flat.tobytes() == same.network.parameters.flat.tobytes()


def test_why_tells_the_rate_of_a_tensor() -> None:
    """why of a bias shows η with its factor, and its terms add up to the new value."""
    answer = trained(learning_rate_factors=FACTORS).replay(2).why("b1[2]")
    assert "η = learning_rate·0.1 = 0.02·0.1 = 0.002" in answer.text()
    assert sum(term.value for term in answer.origin.terms) == pytest.approx(float(answer.value), rel=1e-12)
    assert "η(W2) = 0·η = 0" in trained(learning_rate_factors=FACTORS).replay(2).explain()


def test_a_stored_run_has_both(tmp_path) -> None:
    """run.json holds them; the run that is loaded replays the same bits, and goes on."""
    run = trained(learning_rate_factors=FACTORS, schedules=SCHEDULES, directory=tmp_path / "run", **STRENGTHS)
    loaded = cr.load(tmp_path / "run")
    assert loaded.settings.learning_rate_factors == FACTORS and loaded.settings.schedules == SCHEDULES
    assert loaded.replay(9).update.new.parameters.flat.tobytes() == run.replay(9).update.new.parameters.flat.tobytes()
    more = loaded.extend(epochs=1, progress=False)
    assert more.replay(19).update.new.parameters.flat.tobytes() == more.network.parameters.flat.tobytes()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"learning_rate_factors": {"q": 1}}, "learning_rate_factors: tensor 'q' is unknown"),
        ({"learning_rate_factors": {"W9": 1}}, "learning_rate_factors: tensor 'W9' is unknown"),
        ({"learning_rate_factors": {"b": -1}}, "and VALUE a number ≥ 0 .got -1 for b"),
        ({"learning_rate_factors": 3}, "learning_rate_factors=3: must be a mapping, or NAME=VALUE"),
        ({"learning_rate_factors": "b=x"}, "got 'x' for b"),
        (
            {"schedules": {"momentum": "cosine"}},
            "one of dropout, weight_decay, l2, l1 and VALUE .* .got the name 'momentum'",
        ),
        ({"schedules": {"dropout": "plateau"}}, "got 'plateau' for dropout"),
        ({"schedules": {"weight_decay": "cosine"}, "optimizer": "adam"}, "optimizer 'adam' has no weight_decay"),
    ],
)
def test_what_cannot_be_is_refused(how: dict[str, Any], message: str) -> None:
    """The message names the setting, what was found and what it must be."""
    with pytest.raises(SettingsError, match=message):
        trained(**how)
