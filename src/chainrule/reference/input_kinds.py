"""The kinds of the input layer, which make a[0] of X, by name; several of them follow each other as one kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.kinds.category import category
from chainrule.reference.kinds.member_scale import member_scale
from chainrule.reference.kinds.periodic import pbld, plr
from chainrule.reference.kinds.piecewise_linear import piecewise_linear
from chainrule.reference.kinds.scale import SCALE
from chainrule.reference.layer_kind import LayerKind, Tensor, Tensors

Made = Callable[[int, Mapping[str, Any]], LayerKind]
"""Called with the columns that come in and the options of the kind; gives the kind."""

INPUT_KINDS: dict[str, Made] = {
    "pbld": pbld,
    "plr": plr,
    "piecewise_linear": piecewise_linear,
    "category": category,
    SCALE.name: lambda n_in, options: SCALE,
    "member_scale": member_scale,
}


def width(kind: LayerKind, n_in: int) -> int:
    """The columns that a kind makes of n_in columns."""
    return n_in if kind.width is None else kind.width(n_in)


def in_turn(first: LayerKind, second: LayerKind) -> LayerKind:
    """The kind that applies first, then second: a = second(first(x))."""

    def forward(x: Array, tensors: Tensors) -> Array:
        return second.forward(first.forward(x, tensors), tensors)

    def backward(x: Array, tensors: Tensors, da: Array) -> tuple[Array, dict[str, Array]]:
        d_between, of_second = second.backward(first.forward(x, tensors), tensors, da)
        dx, of_first = first.backward(x, tensors, d_between)
        return dx, of_first | of_second

    def R_forward(x: Array, Rx: Array, tensors: Tensors, Rtensors: Tensors) -> Array:
        between = first.forward(x, tensors)
        return second.change_forward(between, first.change_forward(x, Rx, tensors, Rtensors), tensors, Rtensors)

    def R_backward(
        x: Array, Rx: Array, tensors: Tensors, Rtensors: Tensors, da: Array, Rda: Array
    ) -> tuple[Array, dict[str, Array]]:
        between, Rbetween = first.forward(x, tensors), first.change_forward(x, Rx, tensors, Rtensors)
        d_between, _ = second.backward(between, tensors, da)
        Rd_between, of_second = second.change_backward(between, Rbetween, tensors, Rtensors, da, Rda)
        Rdx, of_first = first.change_backward(x, Rx, tensors, Rtensors, d_between, Rd_between)
        return Rdx, of_first | of_second

    def side(x: Array, tensors: Tensors) -> Array:
        of_first = None if first.side is None else first.side(x, tensors)
        of_second = None if second.side is None else second.side(first.forward(x, tensors), tensors)
        known = [part.reshape(len(x), -1).astype(np.int64) for part in (of_first, of_second) if part is not None]
        return np.concatenate(known, axis=1)

    def after(tensor: Tensor) -> Tensor:
        return Tensor(name=tensor.name, start=tensor.start, shape=lambda n: tensor.shape(width(first, n)))

    return LayerKind(
        name=f"{first.name}, {second.name}", label=f"{first.label}, {second.label}",
        call=f"{second.call}∘{first.call}", tensors=(*first.tensors, *(after(tensor) for tensor in second.tensors)),
        mixes=first.mixes or second.mixes, forward=forward, backward=backward, R_forward=R_forward,
        R_backward=R_backward, width=lambda n: width(second, width(first, n)),
        side=None if first.side is None and second.side is None else side, members=first.members * second.members,
    )  # fmt: skip
