"""from_keras: a Sequential model of Keras 3 becomes a Network with the same bits of weights."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from chainrule.api.check import check_gradients
from chainrule.api.network import Network
from chainrule.errors import SettingsError, warn
from chainrule.interchange.layers import LayerRead, check_rows, network_of, refuse_non_finite
from chainrule.reference.activations import ACTIVATIONS

NAMES = {"linear": "identity", "swish": "silu"}
"""Of Keras' activations those with another name here."""
LOSSES = {
    "sparse_categorical_crossentropy": "cross_entropy", "categorical_crossentropy": "cross_entropy",
    "binary_crossentropy": "cross_entropy", "mse": "squared_error", "mean_squared_error": "squared_error",
    "mae": "absolute_error", "mean_absolute_error": "absolute_error", "poisson": "poisson",
}  # fmt: skip
"""Losses of Keras by their names here; some are other multiples of J."""
OF_LAYERS = {"ReLU": "relu", "ELU": "elu", "Softmax": "softmax"}
ALLOWED = {"float32": 1e-5, "float64": 1e-9}
EPSILON = 1e-5


def from_keras(model: Any, *, loss: str | None = None, check: bool = True) -> Network:
    """Make a Network of a feed-forward Sequential model of Keras, which stays as it is.

    Parameters
    ----------
    model : keras.Sequential
        The object itself, built: Dense layers, each with a LayerNormalization (epsilon=1e-5) and an activation behind
        it as wanted; Dropout and Flatten anywhere.
    loss : str, optional
        What it is trained with, by its name here or in Keras; by default the one it was compiled with, else
        cross-entropy for a softmax or sigmoid and squared error for others.
    check : bool, default True
        Whether outputs are compared with Keras', and gradients with central differences.

    Returns
    -------
    Network
        The same architecture with the same numbers, bit for bit.

    Raises
    ------
    SettingsError
        For another object, any other layer or activation, a model that is not built, or a difference.

    Warns
    -----
    UserWarning
        For dropout and a missing bias: dropout is an argument of `train` here, and every layer has a bias.

    Examples
    --------
    >>> import chainrule as cr
    >>> import keras  # doctest: +SKIP
    >>> layers = [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")]  # doctest: +SKIP
    >>> cr.from_keras(keras.Sequential(layers))  # doctest: +SKIP
    Network(4-8-3, relu, output=softmax, loss=cross_entropy, 67 parameters, float32)
    """
    try:
        import keras
    except ImportError:
        raise SettingsError(f"model: must be a keras.Sequential (got a {type(model).__name__}).") from None
    if type(model) is not keras.Sequential:
        raise SettingsError(
            f"model: must be a keras.Sequential, the object itself (got a {type(model).__name__}). Models with "
            "branches or code of their own do not come in."
        )
    if not model.built:
        raise SettingsError("model: must be built, so that it has weights. Begin it with keras.Input((n_inputs,)).")
    layers = _layers(model, keras)
    output = layers[-1].activation or "identity"
    compiled = getattr(model, "loss", None)
    named = loss or (compiled if isinstance(compiled, str) else None)
    chosen = LOSSES.get(named or "", named) or (
        "cross_entropy" if output in ("softmax", "sigmoid") else "squared_error"
    )
    network = network_of(layers, output, chosen, "model")
    if check:
        refuse_non_finite(network, "model")
        _compare(network, model)
    return network


def _layers(model: Any, keras: Any) -> list[LayerRead]:
    found: list[LayerRead] = []
    for part in model.layers:
        place, kind = f"model[{part.name}]", type(part)
        home = keras.layers
        if kind in (home.Dropout, home.Flatten, home.InputLayer):
            if kind is home.Dropout and part.rate > 0:
                warn(f"{place}: dropout is an argument of train here; pass dropout={part.rate:g} to it.", UserWarning)
        elif kind is home.Dense:
            found.append(_dense(part, place, keras))
        elif not found or (kind is not home.LayerNormalization and found[-1].activation):
            _refuse(place, part, "must follow a Dense layer without an activation")
        elif kind is home.LayerNormalization:
            if found[-1].activation or found[-1].normalization:
                _refuse(place, part, "must directly follow a Dense layer without an activation")
            found[-1].normalization, found[-1].tensors = "layer", _normalization(part, place)
        elif kind is home.Activation:
            found[-1].activation = _activation(part.activation, place, keras)
        elif kind.__name__ in OF_LAYERS and kind is getattr(home, kind.__name__):
            _plain(part, place)
            found[-1].activation = OF_LAYERS[kind.__name__]
        else:
            known = "Dense, LayerNormalization, Activation, ReLU, ELU, Softmax, Dropout and Flatten"
            _refuse(place, part, f"has no counterpart here; {known} have")
    if not found:
        raise SettingsError("model: must have at least one Dense layer (got none).")
    for layer in found[:-1]:
        if layer.activation and not ACTIVATIONS[layer.activation].elementwise:
            raise SettingsError(f"{layer.place}: {layer.activation} must be the last activation of the model.")
    return found


def _array(tensor: Any) -> Any:
    """The numbers of a tensor of whatever backend, copied."""
    import keras

    return np.array(keras.ops.convert_to_numpy(tensor))


def _refuse(place: str, part: Any, why: str) -> NoReturn:
    raise SettingsError(f"{place}: {type(part).__name__} {why}.")


def _dense(part: Any, place: str, keras: Any) -> LayerRead:
    W = _array(part.kernel)
    if not part.use_bias:
        warn(f"{place}: has no bias; b is 0 here, and training changes it.", UserWarning)
    b = _array(part.bias) if part.use_bias else np.zeros(W.shape[1], W.dtype)
    if getattr(part, "lora_enabled", False) or W.ndim != 2:
        _refuse(place, part, "must have one plain kernel")
    activation = _activation(part.activation, place, keras)
    return LayerRead(place=place, W=W, b=b, activation=None if activation == "identity" else activation)


def _activation(function: Any, place: str, keras: Any) -> str:
    """The activation of a function of keras.activations. Raises SettingsError for any other."""
    name = getattr(function, "__name__", "")
    ours = NAMES.get(name, name)
    if function is not getattr(keras.activations, name, None) or ours not in ACTIVATIONS or ours == "leaky_relu":
        raise SettingsError(
            f"{place}: activation {name or function!r} has no counterpart here: must be, of keras.activations, "
            f"{', '.join(sorted(set(ACTIVATIONS) - {'leaky_relu'}))}."
        )
    return ours


def _plain(part: Any, place: str) -> None:
    """SettingsError for an activation layer whose arguments are not the default ones."""
    given = {key: value for key, value in part.get_config().items() if key not in ("name", "trainable", "dtype")}
    default = {key: value for key, value in type(part)().get_config().items() if key in given}
    if given != default:
        other = next(key for key, value in given.items() if value != default[key])
        _refuse(place, part, f"has {other}={given[other]!r}: must be {default[other]!r}, the default")


def _normalization(part: Any, place: str) -> dict[str, Any]:
    config = part.get_config()
    is_last = list(np.atleast_1d(config["axis"])) in ([-1], [1])
    if not is_last or not np.isclose(config["epsilon"], EPSILON) or config.get("rms_scaling"):
        _refuse(place, part, f"must have axis=-1 and epsilon={EPSILON:g} (got {config['axis']}, {config['epsilon']:g})")
    if part.gamma is None or part.beta is None:
        _refuse(place, part, "must have center=True and scale=True")
    return {"gain": _array(part.gamma), "shift": _array(part.beta)}


def _compare(network: Network, model: Any) -> None:
    """SettingsError where outputs or gradients differ."""
    X, y = check_rows(network)
    X = X.astype(network.architecture.dtype)
    theirs = _array(model(X, training=False)).reshape(len(X), -1)
    ours = network.forward(X).output
    error = float(np.abs(ours - theirs).max() / max(float(np.abs(theirs).max()), 1e-30))
    if not error <= ALLOWED[network.architecture.dtype]:
        raise SettingsError(
            f"outputs differ from Keras' by {error:.1e} of the largest. The model computes something else than its "
            "layers say; pass check=False to take it all the same."
        )
    found = check_gradients(network, X, y)
    if not found.passed:
        raise SettingsError(
            f"gradients differ from central differences by {found.max_relative_error:.1e} of the largest. "
            "Pass check=False to take the network all the same."
        )
