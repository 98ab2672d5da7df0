"""What a number is explained against: the step, its targets and shares, and the same passes in float64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import StepSettings
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layers import dense_forward
from chainrule.reference.losses import LOSSES, value_and_delta

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Scene:
    """One recorded step and what it depends on.

    y (n, n_outputs): dense targets; weight (n,) or None; rows: indices into the X given to train;
    engine: the name of who computed it.
    """

    record: StepRecord
    architecture: Architecture
    settings: StepSettings
    optimizer: Mapping[str, Any]
    y: Array
    weight: Array | None
    rows: npt.NDArray[np.int64]
    engine: str = "native"
    wide: Wide = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wide", Wide(self))

    @property
    def L(self) -> int:
        """The number of layers."""
        return len(self.architecture.layers)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of the step."""
        return np.dtype(self.architecture.dtype)

    @cached_property
    def scale(self) -> Array:
        """w_i / Σw of every row, in the precision of the step, (n,)."""
        n = len(self.record.rows)
        if self.weight is None:
            return np.full(n, 1.0 / n, self.dtype)
        w = self.weight.astype(np.float64)
        return np.zeros(n, self.dtype) if w.sum() == 0 else (w / w.sum()).astype(self.dtype)

    def activation(self, l: int) -> str:
        """The name of g of a layer."""
        return self.architecture.layers[l - 1].activation

    def mask(self, l: int) -> Array | None:
        """The dropout mask of a layer, (n, n_l), or None."""
        masks = self.record.forward.masks
        return None if masks is None else masks[l]

    def fused_loss(self) -> bool:
        """Whether loss and output activation collapse to a − y."""
        return LOSSES[self.architecture.loss].pairs[self.architecture.output].fused


class Wide:
    """The passes of a step once more in float64, from any number on, with one of them moved."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    @cached_property
    def W(self) -> list[Any]:
        """The old weights in float64."""
        return [None, *(W.astype(np.float64) for W in self._scene.record.update.old.W[1:])]

    @cached_property
    def b(self) -> list[Any]:
        """The old biases in float64."""
        return [None, *(b.astype(np.float64) for b in self._scene.record.update.old.b[1:])]

    @cached_property
    def X(self) -> Array:
        """The rows of the batch in float64."""
        return self._scene.record.forward.a[0].astype(np.float64)

    @cached_property
    def passes(self) -> tuple[list[Any], list[Any]]:
        """z and a of every layer in float64."""
        return self._layers(1, self.X, self.W, self.b)

    @cached_property
    def loss(self) -> float:
        """J in float64."""
        z, a = self.passes
        return self._loss(z[-1], a[-1])

    @cached_property
    def row_losses(self) -> Array:
        """The loss of every row in float64, (n,)."""
        z, a = self.passes
        return self._value(z[-1], a[-1])

    def slope(self, l: int) -> Array:
        """g′(z) of a layer whose activation acts on each unit alone, (n, n_l)."""
        entry, z = ACTIVATIONS[self._scene.activation(l)], self.passes[0][l]
        return entry.pullback(z, entry.g(z), np.ones_like(z))

    def moved(self, kind: str, l: int, at: tuple[int, ...], h: float) -> tuple[float, list[Array]]:
        """J with one number moved by h, and the z of the layers above it.

        Args      kind: "W", "b" (old parameters), "z", "a" or "X" = a[0]
        """
        z, a = self.passes
        if kind in ("W", "b"):
            part = (self.W if kind == "W" else self.b)[l].copy()
            part[at] += h
            W, b = list(self.W), list(self.b)
            (W if kind == "W" else b)[l] = part
            above_z, above_a = self._layers(l, a[l - 1], W, b)
        elif kind == "z":
            start = z[l].copy()
            start[at] += h
            above_z, above_a = self._above(l, start, self._activate(l, start))
        else:
            start = a[l].copy()
            start[at] += h
            above_z, above_a = self._above(l, None, start)
        last_z = above_z[-1] if above_z[-1] is not None else z[-1]
        return self._loss(last_z, above_a[-1]), [x for x in above_z if x is not None]

    def after(self, *, only: tuple[str, int, tuple[int, ...]] | None = None) -> float:
        """J on this batch with the new parameters, or with one of them new and the others old."""
        new = self._scene.record.update.new
        if only is None:
            W = [None, *(x.astype(np.float64) for x in new.W[1:])]
            b = [None, *(x.astype(np.float64) for x in new.b[1:])]
            z, a = self._layers(1, self.X, W, b)
            return self._loss(z[-1], a[-1])
        kind, l, at = only
        old_part = (self.W if kind == "W" else self.b)[l][at]
        return self.moved(kind, l, at, float(getattr(new, kind)[l][at]) - float(old_part))[0]

    def _above(self, l: int, z: Any, a: Array) -> tuple[list[Any], list[Any]]:
        if l == self._scene.L:
            return [z], [a]
        above_z, above_a = self._layers(l + 1, a, self.W, self.b)
        return [z, *above_z], [a, *above_a]

    def _layers(self, first: int, a_in: Array, W: list[Any], b: list[Any]) -> tuple[list[Any], list[Any]]:
        """z and a of the layers from `first` on; before them None and the input."""
        z: list[Any] = [None]
        a: list[Any] = [a_in]
        for l in range(first, self._scene.L + 1):
            mask = self._scene.mask(l)
            wide_mask = None if mask is None else mask.astype(np.float64)
            z_l, a_l = dense_forward(a[-1], W[l], b[l], self._scene.activation(l), wide_mask)
            z.append(z_l)
            a.append(a_l)
        return z, a

    def _activate(self, l: int, z: Array) -> Array:
        mask, g = self._scene.mask(l), ACTIVATIONS[self._scene.activation(l)].g(z)
        return g if mask is None else g * mask

    def _value(self, z: Array, a: Array) -> Array:
        y = self._scene.y.astype(np.float64)
        return value_and_delta(self._scene.architecture.loss, self._scene.architecture.output, z, a, y)[0]

    def _loss(self, z: Array, a: Array) -> float:
        scale = self._scene.scale.astype(np.float64)
        return float(np.dot(np.where(scale > 0, self._value(z, a), 0.0), scale))
