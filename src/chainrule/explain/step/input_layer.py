"""What the input layer adds to the story of one row: how a[0] is made of x, and what comes back through it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule.explain.notation import Notation
from chainrule.explain.step.hidden import KindRow
from chainrule.explain.step.unit_table import unit_table
from chainrule.network.records import Backward, Forward
from chainrule.text.tables import wrapped


def forward(kind: KindRow, f: Forward, row: int, notation: Notation, text: Mapping[str, str]) -> list[str]:
    """Lines of the forward pass: the equation, a[0] of the row, its largest number spelled out."""
    a = f.a[0][row]
    shape, j = f"{f.z[0].shape[1]} → {len(a)}", int(np.argmax(np.abs(a)))
    return [
        "",
        *wrapped(text["input_layer"].format(kind=kind.kind.label, shape=shape)),
        *wrapped(kind.equation("u"), 2, hang=4),
        *wrapped(kind.says("says"), 2),
        *kind.statistics(),
        *unit_table([notation.vector("a", 0)], [a], text),
        *wrapped(text["spelled"].format(j=j), 2),
        *kind.unit(j),
    ]


def backward(kind: KindRow, b: Backward, row: int, notation: Notation, text: Mapping[str, str]) -> list[str]:
    """Lines of the backward pass: ∂J/∂a[0] of the row, and the gradients of what the input layer learns."""
    da = b.du[0][row]
    return [
        "",
        *wrapped(text["input_back"].format(kind=kind.kind.label)),
        *wrapped(kind.equation("back"), 2, hang=4),
        *wrapped(kind.says("back_says"), 2),
        *unit_table([notation.vector("da", 0)], [da], text),
        *kind.error(int(np.argmax(np.abs(da)))),
        *kind.gradients(),
    ]
