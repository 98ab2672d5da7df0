"""Initializers: the spread of what they draw, and its bits."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import SettingsError
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import INITIALIZERS, automatic, choose, initialize
from chainrule.reference.activations import ACTIVATIONS
from tolerances import SIGMAS

N_IN, N_OUT = 300, 200
BIG = Architecture.build([N_IN, N_OUT], output="identity", loss="squared_error", dtype="float64")

# name: variance of W, and of b
VARIANCES = {
    "zeros": (0.0, 0.0),
    "standard_normal": (1.0, 1.0),
    "scaled_normal": (1 / N_IN, 1.0),
    "glorot_uniform": (2 / (N_IN + N_OUT), 0.0),
    "glorot_normal": (2 / (N_IN + N_OUT), 0.0),
    "he_uniform": (2 / N_IN, 0.0),
    "he_normal": (2 / N_IN, 0.0),
    "fan_in_uniform": (1 / (3 * N_IN), 1 / (3 * N_IN)),
    "lecun_normal": (1 / N_IN, 0.0),
}


def test_every_initializer_is_tested() -> None:
    """The table of variances below names every initializer."""
    assert set(VARIANCES) == set(INITIALIZERS)


@pytest.mark.parametrize("name", VARIANCES)
def test_moments(name: str) -> None:
    """W has mean 0 and the variance of its formula; b is 0, or has that of its own."""
    parameters = initialize(BIG, [name], seed=0)
    W, b = parameters.W[1], parameters.b[1]
    variance, variance_b = VARIANCES[name]
    n = N_IN * N_OUT
    assert abs(W.mean()) <= SIGMAS * np.sqrt(variance / n)
    assert abs(W.var() - variance) <= SIGMAS * variance * np.sqrt(2 / n)  # of a normal; a uniform's is smaller
    assert abs(b.mean()) <= SIGMAS * np.sqrt(variance_b / N_OUT)
    assert abs(b.var() - variance_b) <= SIGMAS * variance_b * np.sqrt(2 / N_OUT)
    if name.endswith("uniform"):
        assert np.abs(W).max() < np.sqrt(3 * variance)


@pytest.mark.parametrize("name", VARIANCES)
def test_same_seed_same_bits(name: str) -> None:
    """The same seed draws the same bits; another seed draws others, unless everything is 0."""
    one, same, other = (initialize(BIG, [name], seed).flat.tobytes() for seed in (7, 7, 8))
    assert one == same
    assert (one != other) == (name != "zeros")


def test_layers_are_independent() -> None:
    """Two layers of one shape differ; a layer's numbers do not depend on the layers around it."""
    deep = Architecture.build([6, 6, 6, 6], "tanh", "identity", "squared_error")
    parameters = initialize(deep, ["standard_normal"] * 3, seed=0)
    assert len({W.tobytes() for W in parameters.W[1:]} | {b.tobytes() for b in parameters.b[1:]}) == 6
    other = initialize(deep, ["zeros", "standard_normal", "he_normal"], seed=0)
    assert other.W[2].tobytes() == parameters.W[2].tobytes()
    assert other.b[2].tobytes() == parameters.b[2].tobytes()


def test_float32_is_float64_rounded() -> None:
    """The draw is made in float64 and rounded once, so both dtypes start from the same numbers."""
    narrow = Architecture.build([N_IN, N_OUT], output="identity", loss="squared_error", dtype="float32")
    wide = initialize(BIG, ["he_normal"], seed=3).flat
    assert initialize(narrow, ["he_normal"], seed=3).flat.tobytes() == wide.astype(np.float32).tobytes()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_automatic_is_known(activation: str) -> None:
    """Every activation has an automatic initializer: He for rectifiers, LeCun for selu, Glorot else."""
    expected = {"selu": "lecun_normal", "sigmoid": "glorot_uniform", "tanh": "glorot_uniform", "relu": "he_normal"}
    assert automatic(activation) in INITIALIZERS
    assert automatic(activation) == expected.get(activation, automatic(activation))


def test_choose() -> None:
    """One name stands for all layers, "auto" is resolved by each layer's activation, a list is taken layer by layer."""
    architecture = Architecture.build([4, 3, 2], "relu", "softmax")
    assert choose("auto", architecture) == ("he_normal", "glorot_uniform")
    assert choose("zeros", architecture) == ("zeros", "zeros")
    assert choose(["auto", "zeros"], architecture) == ("he_normal", "zeros")


def test_choose_refuses() -> None:
    """An unknown initializer suggests the nearest; a list of the wrong length says both numbers."""
    architecture = Architecture.build([4, 3, 2], "relu", "softmax")
    with pytest.raises(SettingsError, match="did you mean 'he_normal'"):
        choose("he_norml", architecture)
    with pytest.raises(SettingsError, match="initializer has 3 names for 2 layers"):
        choose(["zeros"] * 3, architecture)


def test_gain_is_1_and_shift_0() -> None:
    """Normalised layers begin as the plain normalisation, and W and b as they would without it."""
    plain = Architecture.build([3, 4, 4, 2])
    normalised = Architecture.build([3, 4, 4, 2], normalization="layer")
    one, other = (initialize(a, choose("auto", a), 5) for a in (plain, normalised))
    for l in (1, 2):
        assert other.gain[l].tolist() == [1.0] * 4 and other.shift[l].tolist() == [0.0] * 4
    assert all(np.array_equal(one.W[l], other.W[l]) for l in (1, 2, 3))


def test_what_is_beside_a_point_forecast_starts_at_0() -> None:
    """Of a target with several outputs the first is drawn as ever, and every row begins with one spread."""
    several = Architecture.build([5, 4, 6], "tanh", "identity", "intervals:0.1,0.9")
    found = initialize(several, choose("standard_normal", several), 3)
    assert (found.W[2][:, [0, 3]] != 0).all() and (found.b[2][[0, 3]] != 0).all()
    assert not found.W[2][:, [1, 2, 4, 5]].any() and not found.b[2][[1, 2, 4, 5]].any()
