"""One step in words and numbers: forward, loss, backward, update, of one row of its batch.

Every number is the one that training had, shown to a few digits. Wide layers are folded; what is folded
is told with its true sum.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import StepSettings
from chainrule.errors import SettingsError, unknown_name
from chainrule.glass.words import EQUATIONS, TEXT
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord
from chainrule.reference.losses import value_and_delta

Array = npt.NDArray[Any]
WIDTH = 78
SHOWN_UNITS = 10
SHOWN_TERMS = 4


def explain(
    record: StepRecord,
    architecture: Architecture,
    *,
    row: int = 0,
    language: str = "en",
    notation: str = "batch",
    target: Array | None = None,
    weight_share: float | None = None,
    n_total: int | None = None,
    optimizer: Mapping[str, Any] | None = None,
    settings: StepSettings | None = None,
) -> str:
    """The step as text of at most 80 columns.

    Args      row: row of the batch; language "en" or "ko"; notation "batch" (rows are examples), "note"
              (column vectors) or "nielsen" (indices); target: y of the row; weight_share: its w / Σw
    Errors    SettingsError for an unknown language or notation, or a row that is not in the batch
    """
    if language not in TEXT:
        raise unknown_name("language", language, TEXT)
    if notation not in EQUATIONS:
        raise unknown_name("notation", notation, EQUATIONS)
    if not 0 <= row < len(record.rows):
        raise SettingsError(
            f"row {row} is not in the batch of step {record.step}; expected 0 to {len(record.rows) - 1}."
        )
    told = _Narration(record, architecture, row, TEXT[language], EQUATIONS[notation], settings or StepSettings())
    told.head(n_total, optimizer or {})
    told.forward()
    told.loss(target, weight_share)
    told.backward()
    told.update(optimizer or {})
    return "\n".join(told.lines)


class _Narration:
    """The lines told so far, and what they tell about."""

    def __init__(
        self, record: StepRecord, architecture: Architecture, row: int, text: Mapping[str, str],
        equations: Mapping[str, str], settings: StepSettings,
    ) -> None:  # fmt: skip
        self.record, self.architecture, self.row, self.text = record, architecture, row, text
        self.equations, self.settings = equations, settings
        self.L = len(architecture.layers)
        self.lines: list[str] = []

    def say(self, line: str = "", indent: int = 0) -> None:
        """One line, broken at spaces where it is too long."""
        self.lines += _wrapped(line, indent)

    def heading(self, name: str) -> None:
        self.lines += ["", self.text[name], "─" * columns(self.text[name])]

    def equation(self, name: str, l: int) -> str:
        """An equation of the chosen notation with its layer numbers."""
        return self.equations[name].format(l=l, k=l - 1, n=l + 1)

    def head(self, n_total: int | None, optimizer: Mapping[str, Any]) -> None:
        r = self.record
        total = "?" if n_total is None else f"{n_total:,}"
        self.say(self.text["title"].format(step=r.step, total=total, epoch=r.epoch, row=self.row, n=len(r.rows)))
        name = optimizer.get("name", "sgd")
        self.say(
            self.text["network"].format(
                sizes=self.architecture, loss=self.architecture.loss, optimizer=name, eta=number(r.update.learning_rate)
            )
        )

    # forward -----------------------------------------------------------------------------------------------

    def forward(self) -> None:
        f = self.record.forward
        self.heading("forward")
        x = f.a[0][self.row]
        self.say(self.text["input"].format(l=0, n=len(x), index=int(self.record.rows[self.row])))
        self.say(self._folded(x), 2)
        for l, layer in enumerate(self.architecture.layers, start=1):
            self.say()
            shape = f"{layer.n_in} → {layer.n_out}"
            self.say(self.text["layer"].format(l=l, shape=shape, activation=layer.activation))
            self.say(f"{self.equation('z', l)}    {self.equation('a', l)}", 2)
            self.say(self.text["layer_says"].format(n=layer.n_in, activation=layer.activation), 2)
            z, a = f.z[l][self.row], f.a[l][self.row]
            self._table((self.text["unit"], "z", "a"), z, a)
            self._spell_out(l, int(np.argmax(np.abs(z))))
            self._tell_dropout(l)

    def _spell_out(self, l: int, j: int) -> None:
        """z of one unit as the sum of its terms, the largest shown, the rest with their true sum."""
        f, old = self.record.forward, self.record.update.old
        a_in, w = f.a[l - 1][self.row].astype(np.float64), old.W[l][:, j].astype(np.float64)
        terms = a_in * w
        order = np.argsort(-np.abs(terms), kind="stable")[:SHOWN_TERMS]
        parts = [f"({number(a_in[k])})({number(w[k])})" for k in sorted(order)]
        rest = float(terms.sum() - terms[order].sum())
        if len(terms) > SHOWN_TERMS:
            parts.append(f"[{self.text['more'].format(n=len(terms) - SHOWN_TERMS)}: {number(rest)}]")
        bias = f"{number(old.b[l][j])} ({self.text['bias']})"
        self.say(self.text["spelled"].format(j=j), 2)
        self.say(f"z{l}[{j}] = {' + '.join(parts)} + {bias} = {number(f.z[l][self.row, j])}", 4)

    def _tell_dropout(self, l: int) -> None:
        masks = self.record.forward.masks
        if masks is None or masks[l] is None:
            return
        mask = masks[l][self.row]
        self.say(
            self.text["dropped"].format(n=int((mask == 0).sum()), all=len(mask), scale=number(float(mask.max() or 1))),
            2,
        )

    # loss ------------------------------------------------------------------------------------------------------

    def loss(self, target: Array | None, share: float | None) -> None:
        r, a = self.record, self.architecture
        self.heading("loss_head")
        output = r.forward.output[self.row]
        if target is not None:
            y = np.asarray(target, dtype=output.dtype)
            self.say(f"{self.text['prediction']}: {self._folded(output)}", 2)
            self.say(f"{self.text['target']}: {self._folded(y)}", 2)
            z = r.forward.z[self.L][self.row : self.row + 1]
            value, _ = value_and_delta(a.loss, a.output, z, r.forward.output[self.row : self.row + 1], y[None, :])
            formula = _loss_formula(a.loss, a.output, output, y)
            self.say(f"{self.text['row_loss']} = {formula} = {number(float(value[0]))}", 2)
        self.say(self.text["batch_loss"].format(n=len(r.rows), loss=number(r.backward.loss)), 2)
        if share is not None:
            self.say(self.text["share"].format(share=number(share)), 2)
        if r.penalty:
            self.say(self.text["penalty"].format(penalty=number(r.penalty)), 2)

    # backward ----------------------------------------------------------------------------------------------------

    def backward(self) -> None:
        self.heading("backward")
        for l in range(self.L, 0, -1):
            name = "bp1" if l == self.L else "bp2"
            self.say(self.text[name].format(l=l, next=l + 1))
            self.say(self._output_delta(l) if l == self.L else self.equation("bp2", l), 2)
            if l < self.L:
                self.say(self.text["bp2_says"].format(l=l, next=l + 1), 2)
            self._table((self.text["unit"], "delta"), self.record.backward.delta[l][self.row])
            self._tell_gradients(l)
            if l > 1:
                self.say()

    def _output_delta(self, l: int) -> str:
        from chainrule.reference.losses import LOSSES

        fused = LOSSES[self.architecture.loss].pairs[self.architecture.output].fused
        return self.equation("bp1", l) + (f" = (a{l} − y)·w/Σw" if fused else f" = (∂loss/∂a{l} · g′(z{l}))·w/Σw")

    def _tell_gradients(self, l: int) -> None:
        """dW and db with their largest entry spelled out: this row's part, and the batch's sum."""
        b, f = self.record.backward, self.record.forward
        dW, n = b.dW[l], len(self.record.rows)
        k, j = (int(i) for i in np.unravel_index(int(np.argmax(np.abs(dW))), dW.shape))
        a_in, delta = f.a[l - 1][self.row, k], b.delta[l][self.row, j]
        self.say(self.text["bp4"])
        self.say(f"{self.equation('bp4', l)}    ({dW.shape[0]}×{dW.shape[1]})", 2)
        part = f"({number(a_in)})({number(delta)}) = {number(float(a_in) * float(delta))}"
        self.say(
            f"{self.text['largest']} dW{l}[{k},{j}] = {number(dW[k, j])} ({self.text['whole_batch'].format(n=n)})", 2
        )
        self.say(f"{self.text['this_row']}: a{l - 1}[{k}]·delta{l}[{j}] = {part}", 2)
        self.say(self.text["bp3"])
        self.say(f"{self.equation('bp3', l)}", 2)
        self.say(f"db{l} = {self._folded(b.db[l])}", 2)

    # update ------------------------------------------------------------------------------------------------------

    def update(self, optimizer: Mapping[str, Any]) -> None:
        u = self.record.update
        self.heading("update")
        rule = _RULES.get(str(optimizer.get("name", "sgd")), "θ ← θ − η·g")
        if optimizer.get("name") == "sgd" and optimizer.get("momentum"):
            rule = "v ← momentum·v + g;  θ ← θ − η·" + ("(g + momentum·v)" if optimizer.get("nesterov") else "v")
        self.say(f"{rule}    η = {number(u.learning_rate)}", 2)
        if self.settings.clip_norm is not None:
            self.say(self.text["clipped"].format(norm=number(self.settings.clip_norm)), 2)
        if self.settings.l2 or self.settings.l1:
            self.say(self.text["after_penalty"], 2)
        change = u.change
        rows = []
        for l in range(1, self.L + 1):
            g = u.gradient.W[l]
            k, j = (int(i) for i in np.unravel_index(int(np.argmax(np.abs(g))), g.shape))
            rows.append((f"W{l}[{k},{j}]", u.old.W[l][k, j], g[k, j], change.W[l][k, j], u.new.W[l][k, j]))
            i = int(np.argmax(np.abs(u.gradient.b[l])))
            rows.append((f"b{l}[{i}]", u.old.b[l][i], u.gradient.b[l][i], change.b[l][i], u.new.b[l][i]))
        names = ("", *(self.text[name] for name in ("was", "gradient", "change", "becomes")))
        self.lines += aligned([names, *((name, *map(number, values)) for name, *values in rows)])
        self.say()
        self.say(self.text["end"])

    # tables --------------------------------------------------------------------------------------------------------

    def _table(self, names: Sequence[str], *vectors: Array) -> None:
        """One line a unit; of a wide layer those with the largest last column, and the true sums of all."""
        n = len(vectors[0])
        shown = np.arange(n)
        if n > SHOWN_UNITS:
            shown = np.sort(np.argsort(-np.abs(vectors[-1]), kind="stable")[:SHOWN_UNITS])
        rows = [tuple(names), *((str(j), *(number(v[j]) for v in vectors)) for j in shown)]
        if n > SHOWN_UNITS:
            rows.append((self.text["more_units"].format(n=n - SHOWN_UNITS), *("" for _ in vectors)))
        rows.append((self.text["sum"], *(number(float(v.sum(dtype=np.float64))) for v in vectors)))
        self.lines += aligned(rows)

    def _folded(self, values: Array) -> str:
        """The first numbers of a vector, and the true sum of all."""
        if len(values) <= SHOWN_UNITS:
            return "[" + "  ".join(number(v) for v in values) + "]"
        shown = "  ".join(number(v) for v in values[:6])
        total = number(float(values.sum(dtype=np.float64)))
        return f"[{shown}  {self.text['more'].format(n=len(values) - 6)}]  {self.text['sum']} {total}"


_RULES = {
    "adam": "m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ);  θ ← θ − η·m̂/(√v̂ + ε)",
    "adamw": "θ ← θ − η·λ·θ − η·m̂/(√v̂ + ε)",
    "rmsprop": "v ← ρ·v + (1−ρ)·g²;  θ ← θ − η·g/(√v + ε)",
    "adagrad": "v ← v + g²;  θ ← θ − η·g/(√v + ε)",
}


def _loss_formula(loss: str, output: str, a: Array, y: Array) -> str:
    """The loss of the row with its numbers put in, where they fit on a line."""
    if loss == "cross_entropy" and output == "softmax" and np.count_nonzero(y == 1) == 1 and y.sum() == 1:
        return f"−log {number(a[int(y.argmax())])}"
    if len(a) > 4:
        return {"squared_error": "½·Σ (a − y)²", "absolute_error": "Σ |a − y|"}.get(loss, loss)
    pairs = list(zip(a, y, strict=True))
    if loss == "squared_error":
        return "½·[" + " + ".join(f"({number(p)} − {number(q)})²" for p, q in pairs) + "]"
    if loss == "absolute_error":
        return " + ".join(f"|{number(p)} − {number(q)}|" for p, q in pairs)
    if loss == "cross_entropy" and output == "sigmoid" and set(np.unique(y)) <= {0, 1}:
        return " + ".join(f"−log {'(1 − ' + number(p) + ')' if q == 0 else number(p)}" for p, q in pairs)
    return loss


def number(value: Any) -> str:
    """A number to five significant digits; a NaN stays a NaN."""
    x = float(value)
    if x == 0:
        return "0"  # a zero's sign is no news to a reader
    if not np.isfinite(x):
        return f"{x:g}"
    return f"{x:.5g}" if 1e-4 <= abs(x) < 1e6 else f"{x:.3e}"


def columns(text: str) -> int:
    """Columns a text takes in a terminal: Hangul and other wide characters take two, combining marks none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines: the first column to the left, the others to the right."""
    widths = [max(columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        first = row[0] + " " * (widths[0] - columns(row[0]))
        others = [" " * (width - columns(cell)) + cell for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append(("    " + "   ".join([first, *others])).rstrip())
    return lines


def _wrapped(line: str, indent: int) -> list[str]:
    """A line broken at spaces so that it fits, the following ones indented further."""
    if not line:
        return [""]
    lines, current = [], " " * indent
    for i, word in enumerate(line.split(" ")):
        if i and columns(current) + 1 + columns(word) > WIDTH:
            lines.append(current.rstrip())
            current = " " * (indent + 2) + word
        else:
            current += (" " if i else "") + word
    return [*lines, current]
