"""Silent and saturated mean the same to find, vitals and the report: what the entry of the activation says."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.reference.activations import ACTIVATIONS
from chainrule.report import health

X = np.linspace(-1.0, 1.0, 12)[:, None]
Y = np.arange(12) % 2
FLAT = [name for name, entry in ACTIVATIONS.items() if entry.elementwise and entry.silent is not None]
SATURATING = [name for name, entry in ACTIVATIONS.items() if entry.saturated is not None]


def with_slope(name: str, slope: float) -> float:
    """The z far on the left of an activation at which its slope has fallen to this."""
    low, high = -40.0, -2.0
    for _ in range(100):
        middle = (low + high) / 2
        steep = abs(float(ACTIVATIONS[name].slope(np.array([[middle]]))[0, 0])) > slope
        low, high = (low, middle) if steep else (middle, high)
    return low


def run_with(name: str, bias: float) -> cr.Run:
    """A run of one step whose first unit has z = bias on every row, its second one z = x."""
    net = cr.Network([1, 2, 2], name, dtype="float64")
    net.W[1][:], net.b[1][:] = [[0.0, 1.0]], [bias, 0.0]
    return cr.train(net, X, Y, optimizer=cr.SGD(1e-9), batch_size=12, epochs=1, validation=None, progress=False)


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("silent", [True, False])
def test_a_unit_is_silent_to_all_of_them_or_to_none(name: str, silent: bool) -> None:
    """A slope just below and just above the limit of the entry: find, vitals and report say the same."""
    limit = ACTIVATIONS[name].silent
    run = run_with(name, with_slope(name, limit * (0.9 if silent else 1.1)) if limit else (-1.0 if silent else 0.01))
    share = 0.5 if silent else 0.0
    step = run.replay(0)
    assert health.of_step(step.record, step.architecture)["silent"][0] == share
    assert run.vitals(sharpness=False).steps[0].layers[0].silent == share
    found = run.find("dead unit")
    assert (found is not None) == silent and (not silent or (found.layer, found.unit) == (1, 0))


@pytest.mark.parametrize("name", SATURATING)
@pytest.mark.parametrize("saturated", [True, False])
def test_a_unit_is_saturated_to_all_of_them_or_to_none(name: str, saturated: bool) -> None:
    """The same for a slope around 5 % of the steepest."""
    run = run_with(name, with_slope(name, ACTIVATIONS[name].saturated * (0.9 if saturated else 1.1)))
    step, share = run.replay(0), 0.5 if saturated else 0.0
    assert health.of_step(step.record, step.architecture)["saturated"][0] == share
    assert run.vitals(sharpness=False).steps[0].layers[0].saturated == share
    assert (run.find("saturated unit") is not None) == saturated


@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if entry.silent is None])
def test_what_is_flat_nowhere_is_never_silent(name: str) -> None:
    """identity and leaky_relu have no flat side; softmax has no slope of a unit alone."""
    run = run_with(name, -50.0)
    assert run.find("dead unit") is None
    assert not run.vitals(sharpness=False).steps[0].layers[0].silent


@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if entry.elementwise])
def test_the_facts_of_an_entry_are_true(name: str) -> None:
    """Range, steepest slope and NumPy texts against g itself over a wide stretch of z."""
    entry, z = ACTIVATIONS[name], np.linspace(-30.0, 30.0, 6001)[:, None]
    a, slope = entry.g(z), entry.slope(z)
    assert entry.low <= a.min() + 1e-3 and a.max() <= entry.high  # the lowest point of gelu is rounded outwards
    assert not np.isfinite(entry.low) or a.min() < entry.low + 1e-2
    if entry.steepest is not None:
        assert np.abs(slope).max() == pytest.approx(entry.steepest)
        assert entry.is_silent(slope[:100]).all() and entry.is_silent(slope[-100:]).all()
    assert entry.straight == bool(np.allclose(slope, slope[0]))
