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
from chainrule.network.parameters import Parameters, tensor_names
from chainrule.network.records import StepRecord, layer_of_step
from chainrule.reference.layer_kind import LayerKind, LayerOfStep
from chainrule.reference.layers import activate, dense_forward, residual_forward
from chainrule.reference.losses import loss_named, value_and_delta
from chainrule.visible import short_repr

Array = npt.NDArray[Any]
Passes = tuple[list[Any], list[Any], list[Any]]
"""z, u and a by layer."""


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """One recorded step and what it depends on.

    y (n, n_outputs): dense targets; weight (n,) or None; rows: indices into the X given to train;
    engine: the name of who computed it; exact_sums: whether its sums can be redone to the bit; n_members: of networks
    side by side, of which the record is one, how many there are.
    """

    record: StepRecord
    architecture: Architecture
    settings: StepSettings
    optimizer: Mapping[str, Any]
    y: Array
    weight: Array | None
    rows: npt.NDArray[np.int64]
    engine: str = "native"
    exact_sums: bool = True
    n_members: int = 1
    wide: Wide = field(init=False, repr=False)
    __repr__ = short_repr

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
        """w_i / Σw of every row, in the precision of the step, (n,); of one of K members a K-th of it."""
        n, K = len(self.record.rows), self.dtype.type(self.n_members)
        if self.weight is None:
            return np.full(n, 1.0 / n, self.dtype) / K
        w = self.weight.astype(np.float64)
        return np.zeros(n, self.dtype) if w.sum() == 0 else (w / w.sum()).astype(self.dtype) / K

    def activation(self, l: int) -> str:
        """The name of g of a layer."""
        return self.architecture.layers[l - 1].activation

    def residual(self, l: int) -> bool:
        """Whether a layer adds its input."""
        return self.architecture.residuals[l]

    def has_kind(self, l: int) -> bool:
        """Whether a layer has a kind between z and its activation; of layer 0 whether X passes one."""
        return self.record.update.old.parameters.kinds[l] is not None

    def kind(self, l: int) -> LayerKind:
        """The kind between z of a layer and its activation, of layer 0 between X and a[0], if any."""
        between = self.record.update.old.parameters.kinds[l]
        assert between is not None
        return between.kind

    def layer(self, l: int) -> LayerOfStep:
        """What a layer with a kind recorded."""
        return layer_of_step(self.record, l, self.rows)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of what the update changes; of these a name means the number after the step."""
        return tuple(tensor_names(self.architecture))

    def mask(self, l: int) -> Array | None:
        """The dropout mask of a layer, (n, n_l), or None."""
        masks = self.record.forward.masks
        return None if masks is None else masks[l]

    def fused_loss(self) -> bool:
        """Whether loss and output activation collapse to a − y."""
        return loss_named(self.architecture.loss).pair(self.architecture.output).fused


class Wide:
    """The passes of a step in float64, restarted from any value, with that value changed."""

    def __init__(self, context: StepContext) -> None:
        self._context = context

    @cached_property
    def parameters(self) -> Parameters:
        """The old parameters in float64."""
        return self._wide(self._context.record.update.old.parameters)

    @cached_property
    def X(self) -> Array:
        """The rows of the batch in float64."""
        f = self._context.record.forward
        return (f.a[0] if f.z[0] is None else f.z[0]).astype(np.float64)

    @cached_property
    def passes(self) -> Passes:
        """z, u and a of every layer in float64; u is z where a layer has no kind."""
        return self._layers(0, self.X, self.parameters)

    @cached_property
    def loss(self) -> float:
        """J in float64."""
        return self._loss(self.passes)

    @cached_property
    def row_losses(self) -> Array:
        """The loss of every row in float64, (n,)."""
        return self._value(self.passes)

    def moved(self, kind: str, l: int, at: tuple[int, ...], h: float) -> tuple[float, list[Array]]:
        """J with one number moved by h, and what the activations from there on are applied to.

        Arguments: kind: "W", "b" or a tensor of the layer's kind (old parameters), "z", "u", "a" or "X".
        """
        z, u, a = self.passes
        if kind == "X":
            X = self.X.copy()
            X[at] += h
            passes = self._layers(0, X, self.parameters)
        elif kind in self._context.parameters:
            parameters = self.parameters.copy()
            getattr(parameters, kind)[l][at] += h
            passes = self._layers(l, a[l - 1] if l else self.X, parameters)
        else:
            part = {"z": z, "u": u, "a": a}[kind][l].copy()
            part[at] += h
            passes = self._from(kind, l, part)
        return self._loss(passes), [x for x in passes[1] if x is not None]

    def sides_of_inputs(self, kind: str, at: tuple[int, ...], h: float) -> Any:
        """On which side of its corners the input layer is, with one number of it or of X moved by h."""
        X, parameters = self.X.copy(), self.parameters.copy()
        (X if kind == "X" else getattr(parameters, kind)[0])[at] += h
        between = parameters.kinds[0]
        return None if between is None or between.kind.side is None else between.kind.side(X, between.tensors)

    def after(self, only: tuple[str, int, tuple[int, ...]] | None = None) -> float:
        """J on this batch with the new parameters, or with one of them new and the others old."""
        new = self._context.record.update.new
        if only is None:
            return self._loss(self._layers(0, self.X, self._wide(new.parameters)))
        kind, l, at = only
        by = float(getattr(new, kind)[l][at]) - float(getattr(self.parameters, kind)[l][at])
        return self.moved(kind, l, at, by)[0]

    @staticmethod
    def _wide(parameters: Parameters) -> Parameters:
        architecture = Architecture.from_dict({**parameters.architecture.to_dict(), "dtype": "float64"})
        return Parameters(architecture, parameters.flat.astype(np.float64))

    def _from(self, kind: str, l: int, part: Array) -> Passes:
        """The passes above a layer whose z, u or a is given."""
        z, u, a = (part if kind == name else None for name in ("z", "u", "a"))
        if z is not None:
            u = self._between(l, z, self.parameters)
        if a is None:
            assert u is not None
            a = self._activated(l, self.passes[2][l - 1], u)
        above = self._layers(l + 1, a, self.parameters)
        return [z, *above[0][1:]], [u, *above[1][1:]], above[2]

    def _layers(self, first: int, a_in: Array, parameters: Parameters) -> Passes:
        """z, u and a of the layers from `first` on; before them None, None and the input, from 0 on a[0] of X."""
        z: list[Any] = [None]
        u: list[Any] = [None]
        a: list[Any] = [a_in if first else self._between(0, a_in, parameters)]
        for l in range(max(first, 1), self._context.L + 1):
            z.append(dense_forward(a[-1], parameters.W[l], parameters.b[l], "identity")[0])
            u.append(self._between(l, z[-1], parameters))
            a.append(self._activated(l, a[-1], u[-1]))
        return z, u, a

    @staticmethod
    def _between(l: int, z: Array, parameters: Parameters) -> Array:
        between = parameters.kinds[l]
        return z if between is None else between.kind.forward(z, between.tensors)

    def _activated(self, l: int, a_in: Array, u: Array) -> Array:
        mask = self._context.mask(l)
        h = activate(u, self._context.activation(l), None if mask is None else mask.astype(np.float64))
        return residual_forward(a_in, h) if self._context.residual(l) else h

    def _value(self, passes: Passes) -> Array:
        y, architecture = self._context.y.astype(np.float64), self._context.architecture
        return value_and_delta(architecture.loss, architecture.output, passes[0][-1], passes[2][-1], y)[0]

    def _loss(self, passes: Passes) -> float:
        scale = self._context.scale.astype(np.float64)
        return float(np.dot(np.where(scale > 0, self._value(passes), 0.0), scale))
