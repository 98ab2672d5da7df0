"""What normalised layers and residual connections add to the story of one row, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.explain.notation import Notation
from chainrule.explain.step.arithmetic import product_over_batch
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord
from chainrule.reference.layers import EPSILON, normalised
from chainrule.text.tables import Array, factor, number, wrapped


def da_of_row(record: StepRecord, architecture: Architecture, row: int) -> list[Any]:
    """∂J/∂a[l] of a row for the hidden layers, in float64; None at 0 and at the output.

    Formula   da[l] = delta[l+1] @ W[l+1].T, and + da[l+1] where layer l+1 adds its input
    """
    L = len(architecture.layers)
    da: list[Any] = [None] * (L + 1)
    for l in range(L - 1, 0, -1):
        W = record.update.old.W[l + 1].astype(np.float64)
        da[l] = record.backward.delta[l + 1][row].astype(np.float64) @ W.T
        if architecture.residuals[l + 1]:
            da[l] = da[l] + da[l + 1]
    return da


class NormalisedRow:
    """The statistics of a row of z, and the lines that tell them."""

    def __init__(self, record: StepRecord, l: int, row: int, notation: Notation, text: Mapping[str, str]) -> None:
        self.record, self.l, self.row, self.notation, self.text = record, l, row, notation, text
        self.z = record.forward.z[l][row].astype(np.float64)
        x_hat, deviation = normalised(self.z[None, :])
        self.x_hat, self.deviation = x_hat[0], float(deviation[0, 0])

    def statistics(self) -> list[str]:
        """Mean, variance and the divisor of the row."""
        told = self.text["normalised"].format(
            z=self.notation.vector("z", self.l), mean=number(self.z.mean()), variance=number(self.z.var()),
            epsilon=f"{EPSILON:g}", deviation=number(self.deviation),
        )  # fmt: skip
        return wrapped(told, 2)

    def unit(self, j: int) -> list[str]:
        """u of one unit with its numbers."""
        name, l, old = self.notation, self.l, self.record.update.old
        gain, shift = self._at(old.gain, j), self._at(old.shift, j)
        formula = (
            f"{name.entry('gain', l, j)}·({name.entry('z', l, j)} − mean)/√(var + ε) + {name.entry('shift', l, j)}"
        )
        z, mean = number(self.z[j]), factor(self.z.mean())
        numbers = f"{number(gain)} · ({z} − {mean})/{number(self.deviation)} + {factor(shift)}"
        u = number(self._at(self.record.forward.u, self.row, j))
        return wrapped(f"{name.entry('u', l, j)} = {formula} = {numbers} = {u}", 4, hang=4)

    def error(self, j: int) -> list[str]:
        """delta of one unit out of the errors of all u of the row."""
        name, l = self.notation, self.l
        du = self.record.backward.du[l][self.row].astype(np.float64)
        gain = self._at(self.record.update.old.gain, slice(None))
        dx = du * gain
        mean, along = dx.mean(), (dx * self.x_hat).mean()
        names = f"dx̂[{j}] = {name.entry('du', l, j)} · {name.entry('gain', l, j)}"
        delta = number(self.record.backward.delta[l][self.row, j])
        formula = f"(dx̂[{j}] − mean(dx̂) − x̂[{j}]·mean(dx̂·x̂))/√(var + ε)"
        numbers = (
            f"({number(dx[j])} − {factor(mean)} − {factor(self.x_hat[j])}·{factor(along)})/{number(self.deviation)}"
        )
        return [
            *wrapped(f"{names} = {factor(du[j])} · {factor(gain[j])} = {number(dx[j])}", 4, hang=4),
            *wrapped(f"{name.entry(name.delta, l, j)} = {formula} = {numbers} = {delta}", 4, hang=4),
        ]

    def gradients(self, j: int) -> list[str]:
        """dgain and dshift of one unit: this row's part, the other rows', the sum."""
        name, l, b = self.notation, self.l, self.record.backward
        n, du = len(b.du[l]), float(b.du[l][self.row, j])
        label = f"{name.entry('du', l, j)} · x̂[{j}] = {factor(du)} · {factor(self.x_hat[j])}"
        lines = wrapped(name.equation("norm_gradients", l), 2, hang=4)
        part, whole = du * float(self.x_hat[j]), float(b.dgain[l][j])
        lines += product_over_batch(label, part, whole, name.entry("dgain", l, j), n, self.text)
        return lines + product_over_batch(
            name.entry("du", l, j), du, float(b.dshift[l][j]), name.entry("dshift", l, j), n, self.text
        )

    def _at(self, numbered: Any, *index: Any) -> Any:
        return numbered[self.l][index]


def sum_of_unit(record: StepRecord, l: int, row: int, j: int, h: Array, notation: Notation) -> list[str]:
    """a of one unit of a residual layer: what came in, and what the layer makes of it."""
    a_in, a = record.forward.a[l - 1][row, j], record.forward.a[l][row, j]
    names = f"{notation.entry('a', l, j)} = {notation.entry('a', l - 1, j)} + h[{j}]"
    return wrapped(f"{names} = {number(a_in)} + {factor(h[j])} = {number(a)}", 4, hang=4)
