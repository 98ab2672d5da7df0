"""What a layer's kind and residual connections add to the story of one row, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.explain.notation import Notation
from chainrule.explain.step.arithmetic import product_over_batch
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord, layer_of_step
from chainrule.reference.layer_kind import LayerKind, Share
from chainrule.text.tables import Array, factor, number, wrapped


def da_of_row(record: StepRecord, architecture: Architecture, row: int) -> list[Any]:
    """∂J/∂a[l] of a row for the hidden layers, in float64; None at 0 and at the output.

    da[l] = delta[l+1] @ W[l+1].T, and + da[l+1] where layer l+1 adds its input
    """
    L = len(architecture.layers)
    da: list[Any] = [None] * (L + 1)
    for l in range(L - 1, 0, -1):
        W = record.update.old.W[l + 1].astype(np.float64)
        da[l] = record.backward.delta[l + 1][row].astype(np.float64) @ W.T
        if architecture.residuals[l + 1]:
            da[l] = da[l] + da[l + 1]
    return da


class KindRow:
    """The description of a layer kind for one row: from its entry, or from its two passes if the entry has no texts."""

    def __init__(
        self, record: StepRecord, kind: LayerKind, l: int, row: int, notation: Notation, text: Mapping[str, str]
    ) -> None:
        self.kind, self.l, self.row, self.notation, self.text = kind, l, row, notation, text
        self.layer = layer_of_step(record, l)
        self.narration = kind.narration
        self.words = {} if self.narration is None else self.narration.words[text["language"]]

    def equation(self, name: str) -> str:
        """The equation "u", "back" or "gradients"."""
        narration, l = self.kind.narration, self.l
        if narration is not None:
            return self.notation.written(narration.equations[self.notation.name][name], l)
        learned = [tensor.name for tensor in self.kind.tensors]
        n = self.notation
        if self.l == 0:
            return self._equation_of_inputs(name, learned)
        if name == "u":
            given = ", ".join(n.vector(x, l) for x in ("z", *learned))
            return f"{n.vector('u', l)} = {self.kind.call}({given})"
        if name == "back":
            return f"{n.vector(n.delta, l)} = ∂J/∂{n.vector('z', l)}"
        return ",   ".join(f"{n.vector(f'd{x}', l)} = ∂J/∂{n.vector(x, l)}" for x in learned)

    def _equation_of_inputs(self, name: str, learned: list[str]) -> str:
        """The same of the input layer, which makes a[0] of X."""
        n = self.notation
        if name == "u":
            return f"{n.vector('a', 0)} = {self.kind.call}({', '.join(['x', *(n.vector(x, 0) for x in learned)])})"
        if name == "back":
            return f"dx = ∂J/∂x,   {n.vector('da', 0)} = ∂J/∂{n.vector('a', 0)}"
        return ",   ".join(f"{n.vector(f'd{x}', 0)} = ∂J/∂{n.vector(x, 0)}" for x in learned)

    def says(self, what: str) -> str:
        """The sentence "says", "back_says" or "gradients"."""
        message = f"kind_{what}" if self.l or what == "gradients" else f"input_{what}"
        return self.words.get(what) or self.text[message].format(kind=self.kind.label, g=self.notation.activation)

    def statistics(self) -> list[str]:
        """What there is to say about the row as a whole."""
        return (
            []
            if self.narration is None or self.narration.row is None
            else self.narration.row(self.layer, self.row, self.notation, self.words)
        )

    def unit(self, j: int) -> list[str]:
        """u of one unit with its numbers."""
        if self.narration is not None and self.narration.unit is not None:
            return self.narration.unit(self.layer, self.row, j, self.notation)
        n, l = self.notation, self.l
        if l == 0:
            return wrapped(f"{n.entry('a', 0, j)} = {number(self.layer.u[self.row, j])}", 4, hang=4)
        z, u = number(self.layer.z[self.row, j]), number(self.layer.u[self.row, j])
        return wrapped(f"{n.entry('z', l, j)} = {z} → {n.entry('u', l, j)} = {u}", 4, hang=4)

    def error(self, j: int) -> list[str]:
        """delta of one unit out of the errors of u."""
        if self.narration is not None and self.narration.error is not None:
            return self.narration.error(self.layer, self.row, j, self.notation)
        n, l = self.notation, self.l
        if l == 0:
            return []
        du, delta = number(self.layer.du[self.row, j]), number(self.layer.delta[self.row, j])
        return wrapped(f"{n.entry('du', l, j)} = {du} → {n.entry(n.delta, l, j)} = {delta}", 4, hang=4)

    def gradients(self) -> list[str]:
        """The gradients of what the kind learns, of one unit: this row's part, the other rows', the sum."""
        if not self.kind.tensors:
            return []
        j = int(np.argmax(np.abs(self.layer.du[self.row])))
        shares = (
            self._shares(j)
            if self.narration is None or self.narration.gradients is None
            else self.narration.gradients(self.layer, self.row, j, self.notation)
        )
        lines = [*wrapped(self.says("gradients")), *wrapped(self.equation("gradients"), 2, hang=4)]
        for share in shares:
            n = len(self.layer.du)
            lines += product_over_batch(share.words, share.part, share.whole, share.name, n, self.text)
        return lines

    def _shares(self, j: int) -> list[Share]:
        """This row's part of every gradient, by the kind's backward pass of the row alone."""
        one, tensors = slice(self.row, self.row + 1), self.layer.tensors
        found = self.kind.backward(self.layer.z[one], tensors, self.layer.du[one])[1]
        shares = []
        for tensor in self.kind.tensors:
            of_row = found[tensor.name]
            at: Any = (min(j, len(of_row) - 1),)
            if self.l == 0:
                at = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(of_row))), of_row.shape))
            name = self.notation.entry(f"d{tensor.name}", self.l, *at)
            part, whole = float(found[tensor.name][at]), float(self.layer.gradients[tensor.name][at])
            shares.append(Share(name, part, whole, name))
        return shares


def sum_of_unit(record: StepRecord, l: int, row: int, j: int, h: Array, notation: Notation) -> list[str]:
    """a of one unit of a residual layer: its input plus h."""
    a_in, a = record.forward.a[l - 1][row, j], record.forward.a[l][row, j]
    names = f"{notation.entry('a', l, j)} = {notation.entry('a', l - 1, j)} + h[{j}]"
    return wrapped(f"{names} = {number(a_in)} + {factor(h[j])} = {number(a)}", 4, hang=4)
