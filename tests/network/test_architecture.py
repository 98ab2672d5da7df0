"""Architectures: what is legal, and what a refusal says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import SettingsError
from chainrule.network.architecture import MAX_UNITS, Architecture, Dense
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES


def test_by_hand() -> None:
    """784-30-10 has 784·30 + 30 + 30·10 + 10 = 23 860 parameters, and names numbered from layer 1."""
    found = Architecture.build([784, 30, 10], "sigmoid", "softmax", "cross_entropy")
    assert found.layers == (
        Dense(n_in=784, n_out=30, activation="sigmoid"),
        Dense(n_in=30, n_out=10, activation="softmax"),
    )
    assert (found.n_parameters, found.n_inputs, found.n_outputs, found.output) == (23_860, 784, 10, "softmax")
    assert found.activations == (None, "sigmoid", "softmax")
    assert (str(found), found.dtype, found.sizes) == ("784-30-10", "float32", (784, 30, 10))


def test_one_activation_per_hidden_layer() -> None:
    """A list of activations is used in order; its length must be the number of hidden layers."""
    found = Architecture.build([2, 3, 4, 1], ["relu", "tanh"], "identity", "squared_error")
    assert found.activations == (None, "relu", "tanh", "identity")
    with pytest.raises(SettingsError, match="activation has 1 names for 2 hidden layers"):
        Architecture.build([2, 3, 4, 1], ["relu"], "identity", "squared_error")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_pairs(loss: str, output: str) -> None:
    """A legal pair is built; an illegal one is refused, naming loss, output and every legal output."""
    legal = LOSSES[loss].pairs
    if output in legal:
        n_outputs = 2 * LOSSES[loss].n_heads
        assert Architecture.build([2, 3, n_outputs], "tanh", output, loss).output == output
        return
    with pytest.raises(SettingsError) as caught:
        Architecture.build([2, 3, 2], "tanh", output, loss)
    for name in (loss, output, *legal):
        assert name in str(caught.value)


def test_a_level_is_kept_under_its_one_name() -> None:
    """A quantile loss keeps its level through to_dict and back; a level that is none is refused when it is built."""
    built = Architecture.build([2, 3, 2], "tanh", "identity", "quantile:.90")
    assert built.loss == "quantile:0.9"
    assert Architecture.from_dict(built.to_dict()) == built
    with pytest.raises(SettingsError, match="must be a number between 0 and 1"):
        Architecture.build([2, 3, 2], "tanh", "identity", "quantile:90")


def test_softmax_over_one_output() -> None:
    """Softmax over one output is refused, and the remedy is sigmoid."""
    with pytest.raises(SettingsError, match=r"softmax.*1 output.*sigmoid"):
        Architecture.build([2, 3, 1])
    assert Architecture.build([2, 3, 1], output="sigmoid").n_outputs == 1


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        ({"activation": "reul"}, "relu"),
        ({"activation": ["relu", "sigmod"]}, "sigmoid"),
        ({"output": "softmx"}, "softmax"),
        ({"loss": "crossentropy"}, "cross_entropy"),
        ({"dtype": "float23"}, "float32"),
        ({"dtype": float}, "float"),
    ],
)
def test_unknown_names_suggest_the_nearest(arguments: dict[str, Any], nearest: str) -> None:
    """A misspelt name is a SettingsError that suggests the nearest right one."""
    with pytest.raises(SettingsError, match=nearest):
        Architecture.build([2, 3, 3, 2], **arguments)


def test_activation_is_checked_without_hidden_layers_too() -> None:
    """A misspelt activation of a network without hidden layers is still a mistake."""
    with pytest.raises(SettingsError, match="relu"):
        Architecture.build([2, 3], "reul")
    with pytest.raises(SettingsError, match="did you mean 'softmax'"):
        Architecture.build([2, 3], [], "softmaxx")


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [3],
        [3, 0],
        [3, -1],
        [3, 2.5],
        [3, True],
        [3, "2"],
        "32",
        [3, None],
        7,
        None,
        [3, MAX_UNITS + 1],
        [3, float("nan")],
        [float("inf"), 3],
        [3, [2]],
    ],
)
def test_impossible_sizes(sizes: Any) -> None:
    """Sizes that are no two or more whole numbers from 1 are a SettingsError that shows them and an example."""
    with pytest.raises(SettingsError, match=r"sizes .* such as"):
        Architecture.build(sizes)


def test_sizes_and_dtype_may_be_numpys() -> None:
    """Sizes may be NumPy integers or whole floats, the dtype a NumPy type or dtype."""
    for dtype in ("float64", np.float64, np.dtype("float64")):
        found = Architecture.build(np.array([4, 3, 2]), dtype=dtype)
        assert (found.sizes, found.dtype) == ((4, 3, 2), "float64")
    assert Architecture.build([4.0, 2]).sizes == (4, 2)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    activation=st.sampled_from(list(ACTIVATIONS)),
    output=st.sampled_from(["identity", "sigmoid", "tanh", "exponential"]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_round_trip(sizes: list[int], activation: str, output: str, dtype: str) -> None:
    """from_dict(to_dict) is the same architecture, and to_dict is plain JSON."""
    found = Architecture.build(sizes, activation, output, "squared_error", dtype)
    assert Architecture.from_dict(found.to_dict()) == found
    assert found.to_dict() == {
        "sizes": sizes,
        "activations": [activation] * (len(sizes) - 2) + [output],
        "loss": "squared_error",
        "dtype": dtype,
        "rules": 2,
    }


def test_normalization_and_residual() -> None:
    """One name or one per hidden layer; True adds the input wherever sizes agree."""
    found = Architecture.build([4, 4, 6, 6, 2], normalization="layer", residual=True)
    assert found.layers == (
        Dense(n_in=4, n_out=4, activation="relu", normalization="layer", residual=True),
        Dense(n_in=4, n_out=6, activation="relu", normalization="layer", residual=False),
        Dense(n_in=6, n_out=6, activation="relu", normalization="layer", residual=True),
        Dense(n_in=6, n_out=2, activation="softmax"),
    )
    assert found.n_parameters == 20 + 8 + 30 + 12 + 42 + 12 + 14
    assert found.residuals == (False, True, False, True, False)
    assert found.hidden == "relu, layer normalisation, residual"
    each = Architecture.build([4, 4, 4, 2], normalization=[None, "layer"], residual=[True, False])
    assert [(layer.normalization, layer.residual) for layer in each.layers[:2]] == [(None, True), ("layer", False)]


@pytest.mark.parametrize(
    ("sizes", "options", "expected"),
    [
        ([4, 5, 6, 2], {"residual": True}, "no hidden layer of 4-5-6-2 .* as in"),
        ([4, 2], {"residual": True}, "no hidden layer of 4-2"),
        ([4, 4, 6, 2], {"residual": [True, True]}, "residual of layer 2 adds 4 inputs to 6 units"),
        ([4, 4, 6, 2], {"residual": [True]}, "residual has 1 values for 2 hidden layers"),
        ([4, 4, 2], {"residual": "yes"}, "must be True, False"),
        ([4, 4, 2], {"normalization": "layr"}, "did you mean 'layer'"),
        ([4, 4, 2], {"normalization": ["layer", "layer"]}, "normalization has 2 names for 1 hidden layers"),
        ([4, 2], {"normalization": "layer"}, "needs a hidden layer"),
    ],
)
def test_impossible_layers(sizes: list[int], options: dict[str, Any], expected: str) -> None:
    """What cannot be normalised or added is refused, naming the sizes and the remedy."""
    with pytest.raises(SettingsError, match=expected):
        Architecture.build(sizes, **options)


@given(
    sizes=st.lists(st.integers(1, 3), min_size=3, max_size=6),
    kinds=st.lists(st.sampled_from([None, "layer"]), min_size=4, max_size=4),
    skips=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_round_trip_of_layers(sizes: list[int], kinds: list[str | None], skips: list[bool]) -> None:
    """to_dict tells what there is, and nothing where there is none: older descriptions are read as before."""
    n = len(sizes) - 2
    fits = [skip and sizes[l] == sizes[l + 1] for l, skip in enumerate(skips[:n])]
    found = Architecture.build(sizes, "tanh", "identity", "squared_error", normalization=kinds[:n], residual=fits)
    result = found.to_dict()
    assert Architecture.from_dict(result) == found
    assert ("normalization" in result) == any(kinds[:n])
    assert ("residual" in result) == any(fits)
