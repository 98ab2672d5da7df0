"""How the layers fare under given weights on given rows: gradient by factor, silent and saturated units.

    da[l] = delta[l+1] @ W[l+1].T;  delta[l] = pullback(z[l], a[l], da[l])
    by_weights[l] = rms(da[l]) / rms(delta[l+1]);  by_slope[l] = rms(delta[l]) / rms(da[l])

Source: Glorot, Bengio (2010), section 4.2; Nielsen, chapter 5.

The rms is taken over the entries, so a layer's width does not count. Their product over all layers is what
is left in layer 1 of the error signal of the output: a gradient vanishes, or explodes, by one of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Engine
from chainrule.network.architecture import Dense
from chainrule.network.parameters import Parameters
from chainrule.network.records import Backward, Forward
from chainrule.reference.activation import Activation
from chainrule.reference.activations import ACTIVATIONS
from chainrule.visible import short_repr

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class LayerSigns:
    """The signs of one layer: silent and saturated units, and what it does to the error signal on its way down.

    Attributes
    ----------
    layer : int
        The layer, 1 … L.
    silent : float or None
        Share of units whose slope is practically 0 on every row.
    saturated : float or None
        Share of entries on the flat ends of an activation that has two.
    spread : float
        Standard deviation of the pre-activation.
    delta : float
        Root mean square of ∂J/∂z, by row.
    by_weights, by_slope : float or None
        The two factors of delta[l] / delta[l+1]; None for the output layer.
    gradient, weight : float
        ‖dW‖ and ‖W‖.
    units : tuple of int
        The silent units.
    """

    layer: int
    silent: float | None
    saturated: float | None
    spread: float
    delta: float
    by_weights: float | None
    by_slope: float | None
    gradient: float
    weight: float
    units: tuple[int, ...]
    __repr__ = short_repr


def signs(engine: Engine, parameters: Parameters, X: Array, targets: Array, weight: Array | None) -> list[LayerSigns]:
    """The signs of every layer, 1 … L, under these weights on these rows."""
    with np.errstate(all="ignore"):
        forward = engine.forward(parameters, X)
        return of_passes(forward, engine.backward(parameters, X, targets, weight), parameters)


def of_passes(forward: Forward, backward: Backward, parameters: Parameters) -> list[LayerSigns]:
    """The signs of every layer from its two passes."""
    layers = parameters.architecture.layers
    lines = []
    for l, layer in enumerate(layers, start=1):
        silent = silent_units(forward, parameters, l)
        slope = slopes(forward, parameters, l)
        entry = activation_of(layer)
        by_weights = by_slope = None
        delta = rms(backward.delta[l])
        if l < len(layers):
            above = wide(backward.delta[l + 1])
            da = rms(above @ wide(parameters.W[l + 1]).T)
            by_weights, by_slope = ratio(da, rms(above)), ratio(delta, da)
        lines.append(
            LayerSigns(
                layer=l,
                silent=None if silent is None else float(silent.mean()),
                saturated=None if entry.saturated is None or slope is None else float(entry.is_saturated(slope).mean()),
                spread=float(wide(forward.pre_activation(l)).std()),
                delta=delta * len(forward.output),
                by_weights=by_weights,
                by_slope=by_slope,
                gradient=norm(backward.dW[l]),
                weight=norm(parameters.W[l]),
                units=() if silent is None else tuple(int(unit) for unit in np.flatnonzero(silent)),
            )
        )
    return lines


def activation_of(layer: Dense) -> Activation:
    """The activation of a layer, or the one inside its kind."""
    inside = "" if layer.kind is None else layer.kind.of_activation
    return ACTIVATIONS[inside or layer.activation]


def slopes(forward: Forward, parameters: Parameters, l: int) -> Array | None:
    """The slope of the activation, or of the kind around it, on every row, (n, n_l); None where it mixes units."""
    between, entry = parameters.kinds[l], activation_of(parameters.architecture.layers[l - 1])
    if not entry.elementwise:
        return None
    if between is not None and between.kind.of_activation:
        z, tensors = wide(forward.z[l]), {name: wide(tensor) for name, tensor in between.tensors.items()}
        return between.kind.backward(z, tensors, np.ones_like(z))[0]
    return entry.slope(wide(forward.pre_activation(l)))


def silent_units(forward: Forward, parameters: Parameters, l: int) -> npt.NDArray[np.bool_] | None:
    """Which units let no error signal through on any row, (n_l,); None for the output layer."""
    layers = parameters.architecture.layers
    slope = slopes(forward, parameters, l) if l < len(layers) else None
    return None if slope is None else activation_of(layers[l - 1]).is_silent(slope)


def wide(array: Array) -> Array:
    """In float64, so that squares do not overflow."""
    return array.astype(np.float64)


def rms(array: Array) -> float:
    """Root of the mean square of the entries."""
    return float(np.sqrt((wide(array) ** 2).mean())) if array.size else 0.0


def norm(array: Array) -> float:
    """Root of the sum of squares."""
    return float(np.sqrt((wide(array) ** 2).sum()))


def ratio(a: float, b: float) -> float:
    """a / b, and 0 where both are 0."""
    return a / b if b else (0.0 if not a else float("inf"))
