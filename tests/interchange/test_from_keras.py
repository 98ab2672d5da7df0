"""A Sequential model of Keras comes in with its bits, or is refused by name."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import chainrule as cr

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="keras is not installed")
pytest.importorskip(os.environ["KERAS_BACKEND"], reason="keras needs a backend")
L = keras.layers
pytestmark = pytest.mark.filterwarnings("ignore:.*copy keyword:DeprecationWarning")  # of Keras on torch


def model(*layers: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), *layers])


@pytest.mark.parametrize(
    "name", ["relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "tanh", "sigmoid", "linear"]
)
def test_bits_of_weights_and_outputs(name: str) -> None:
    """With a normalised layer and dropout, which a warning names."""
    keras.utils.set_random_seed(1)
    theirs = model(
        L.Dense(6, name), L.Dense(5), L.LayerNormalization(epsilon=1e-5), L.Activation("tanh"), L.Dropout(0.2),
        L.Dense(3, "softmax"),
    )  # fmt: skip
    with pytest.warns(UserWarning, match=r"dropout=0\.2"):
        net = cr.from_keras(theirs)
    assert net.architecture.sizes == (4, 6, 5, 3)
    assert net.architecture.activations[1] == {"linear": "identity"}.get(name, name)
    for l, dense in zip((1, 2, 3), [part for part in theirs.layers if isinstance(part, L.Dense)], strict=True):
        assert net.W[l].tobytes() == keras.ops.convert_to_numpy(dense.kernel).tobytes()
    X = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    assert np.allclose(net.forward(X).output, keras.ops.convert_to_numpy(theirs(X, training=False)), atol=1e-6)


def test_losses() -> None:
    """The one it was compiled with, the one that is named, or that of the output."""
    assert cr.from_keras(model(L.Dense(3, "softmax"))).architecture.loss == "cross_entropy"
    assert cr.from_keras(model(L.Dense(2))).architecture.loss == "squared_error"
    theirs = model(L.Dense(1))
    theirs.compile(loss="mae")
    assert cr.from_keras(theirs).architecture.loss == "absolute_error"
    assert cr.from_keras(theirs, loss="mse").architecture.loss == "squared_error"


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([L.Dense(3, "leaky_relu")], "'leaky_relu' has no counterpart"),
        ([L.Dense(3), L.BatchNormalization()], "BatchNormalization has no counterpart"),
        ([L.Dense(3), L.LayerNormalization()], "epsilon=1e-05"),
        ([L.Dense(3, "relu"), L.LayerNormalization(epsilon=1e-5)], "directly follow a Dense"),
        ([L.Dense(3), L.ReLU(max_value=6)], "max_value=6"),
        ([L.Dense(3, "softmax"), L.Dense(2)], "softmax must be the last"),
        ([L.ReLU()], "must follow a Dense"),
        ([L.Dense(3, activation=lambda z: z)], "no counterpart"),
    ],
)
def test_what_has_no_counterpart_is_refused(layers: list[Any], words: str) -> None:
    """By its name in the model."""
    with pytest.raises(cr.SettingsError, match=words):
        cr.from_keras(model(*layers))


def test_other_objects_are_refused() -> None:
    """A path, a functional model, one without weights."""
    inputs = keras.Input((4,))
    for given in ("model.keras", keras.Model(inputs, L.Dense(2)(inputs)), None):
        with pytest.raises(cr.SettingsError, match=r"must be a keras\.Sequential"):
            cr.from_keras(given)
    with pytest.raises(cr.SettingsError, match="must be built"):
        cr.from_keras(keras.Sequential([L.Dense(2)]))
