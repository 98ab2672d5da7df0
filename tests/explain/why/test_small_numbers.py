"""Why of a number that was too small to count says so: text, steps, lines of NumPy, plain values."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import chainrule as cr

SMALL = {"float32": 2.0**-56, "float64": 2.0**-504}


def step_of(dtype: str, engine: str, size: float, t: int = 0, **how: Any) -> cr.Step:
    """A step of a network of three layers whose weights are this large."""
    net = cr.Network([2, 2, 2, 1], "tanh", output="identity", loss="squared_error", dtype=dtype, seed=0)
    for W in net.parameters.W[1:]:
        W[...] = size * np.arange(1, W.size + 1).reshape(W.shape)
    options = {"optimizer": cr.SGD(0.1), "epochs": t + 1, "batch_size": 2, "engine": engine} | how
    return cr.train(net, [[1.0, 2.0], [3.0, 1.0]], [[1.0], [2.0]], progress=False, **options).replay(t)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e-20), ("float64", 1e-160)])
@pytest.mark.parametrize("name", ["z1[0,1]", "z1[1,0]", "delta2[0,1]", "da2[1,0]"])
def test_what_is_too_small_to_count_is_said_to_be_0(name: str, dtype: str, size: float, engine: str) -> None:
    why = step_of(dtype, engine, size).why(name)
    power = {"float32": "2^-56", "float64": "2^-504"}[dtype]
    assert why.value == 0 and 0 < abs(why.origin.total) < SMALL[dtype] == why.small
    assert why.origin.last == 0 and why.rounding == 0 and why.origin.steps[-1] == (f"|…| < {power} → 0", 0.0)
    text = " ".join(why.text().split())
    assert f"below {power} ({SMALL[dtype]:.2g}), too small to count in {dtype}, so it was set to 0." in text
    assert f"{power}({SMALL[dtype]:.2g})에 못 미쳐" in " ".join(why.text("ko").split())
    values = json.loads(json.dumps(why.to_dict()))
    assert values["set_to_zero_below"] == SMALL[dtype] and values["steps"][-1][1] == 0 and values["rounding"] == 0
    namespace: dict[str, Any] = {}
    exec(why.numpy(), namespace)
    assert namespace["value"] == 0 and "too small to count" in why.numpy()


@pytest.mark.parametrize("name", ["z1[0,1]", "delta2[0,1]", "da2[1,0]", "z3[0,0]", "a1[0,0]", "dW1[0,0]", "loss"])
@pytest.mark.parametrize("size", [1.0, 1e-5, 0.0])
def test_what_counts_and_what_is_0_by_itself_is_not(name: str, size: float) -> None:
    why = step_of("float32", "native", size).why(name)
    assert why.small == 0 and "too small" not in why.text() + why.numpy() and "set_to_zero_below" not in why.to_dict()


def test_the_output_counts_down_to_the_square() -> None:
    """z3 ~ 1e-18 counts, though a hidden z of that size would not; delta1 counts, as only X follows."""
    net = cr.Network([1, 1], "tanh", output="identity", loss="squared_error", seed=0)
    net.parameters.W[1][...] = 1e-18
    run = cr.train(net, [[1.0], [2.0]], [[1.0], [2.0]], optimizer=cr.SGD(0.1), epochs=1, progress=False)
    why = run.replay(0).why("z1[0,0]")
    assert why.value != 0 and why.small == 0
    net.parameters.W[1][...] = 1e-36
    run = cr.train(net, [[1.0], [2.0]], [[1.0], [2.0]], optimizer=cr.SGD(0.1), epochs=1, progress=False)
    why = run.replay(0).why("z1[0,0]")
    assert why.value == 0 and why.small == 2.0**-112 and "below 2^-112" in why.text()


def test_an_activation_before_its_mask() -> None:
    """g is below the bound, g times the mask is not: the unit is 0 all the same."""
    net = cr.Network([1, 64, 1], "sigmoid", output="identity", loss="squared_error", seed=0)
    net.parameters.W[1][...] = np.log(0.7 * 2.0**-56)
    run = cr.train(net, [[1.0]], [[1.0]], optimizer=cr.SGD(1e-30), dropout=0.5, epochs=1, progress=False)
    step = run.replay(0)
    j = int(np.flatnonzero(step.forward.masks[1][0])[0])
    why = step.why(f"a1[0,{j}]")
    assert why.value == 0 and why.origin.steps[-2][1] > SMALL["float32"] > why.origin.total > 0
    assert why.small == SMALL["float32"] and why.rounding == 0
    namespace: dict[str, Any] = {}
    exec(why.numpy(), namespace)
    assert namespace["value"] == 0


@pytest.mark.parametrize(("t", "is_looked_at"), [(62, False), (63, True)])
def test_a_weight_after_every_64th_update(t: int, is_looked_at: bool) -> None:
    step = step_of("float32", "native", 1e-20, t, optimizer=cr.SGD(1e-30))
    why = step.why("W3[0,0]")
    assert (why.value == 0) == is_looked_at == (why.small > 0)
    assert ("set to 0" in why.text()) == is_looked_at
