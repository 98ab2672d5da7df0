"""One step in words and numbers: forward, loss, backward, update, of one row of its batch.

Every number is the one that training had, shown to five digits. Wide layers are folded; what is folded
is told with its true sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.engine.protocol import StepSettings
from chainrule.errors import SettingsError, ShapeError, unknown_name
from chainrule.explain.notation import NOTATIONS, Notation
from chainrule.explain.step import input_layer
from chainrule.explain.step.arithmetic import dot_product, loss_of_row, product_over_batch
from chainrule.explain.step.hidden import KindRow, da_of_row, sum_of_unit
from chainrule.explain.step.tape import chosen, pass_of
from chainrule.explain.step.unit_table import unit_table
from chainrule.explain.step.update import update_lines
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.text.tables import Array, aligned, columns, factor, number, total, wrapped
from chainrule.words import known_language, sentences

TEXT = sentences("step")

__all__ = ["columns", "explain", "number"]

MATRIX_ROWS, MATRIX_COLUMNS = 6, 5


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
    only: str | None = None,
) -> str:
    """The step as text of at most 80 columns.

    Arguments: row: row of the batch; language "en" or "ko"; notation "batch" (rows are examples), "note" (column
    vectors) or "nielsen" (indices); target (n_outputs,): y of the row; weight_share: its w / Σw; n_total: steps of
    the run; optimizer: its name and hyper-parameters; only: a pass or one operation, see chainrule.explain.step.tape.
    Raises SettingsError for an unknown language, notation or operation, or a row that is not in the batch; ShapeError
    for a target that has not one number for each output.
    """
    known_language(language)
    if notation not in NOTATIONS:
        raise unknown_name("notation", notation, NOTATIONS)
    check_row(record, row)
    if target is not None and np.shape(target) != (architecture.n_outputs,):
        raise ShapeError(
            f"target has shape {np.shape(target)}; expected ({architecture.n_outputs},), one number per output."
        )
    result = _Narration(record, architecture, row, TEXT[language], NOTATIONS[notation])
    with np.errstate(all="ignore"):  # a diverged step is described as well, with its inf and nan
        result.head(n_total, optimizer or {}, notation)
        part = ""
        for operation in chosen(only, result.L):
            if pass_of(operation) != part:
                part = pass_of(operation)
                result.heading("loss_head" if part == "loss" else part)
            if operation == "update":
                result.lines += update_lines(
                    record, architecture, result.text, result.notation, optimizer, settings or StepSettings(),
                    result.example_entries(),
                )  # fmt: skip
            else:
                result.operation(operation, target, weight_share)
        if only is None:
            result.say()
            result.say("end")
    return "\n".join(result.lines)


def check_row(record: StepRecord, row: int) -> None:
    """SettingsError if the batch has no such row."""
    if not 0 <= row < len(record.rows):
        raise SettingsError(
            f"row={row}: must be 0 to {len(record.rows) - 1}, a row of the batch of step {record.step}."
        )


class _Narration:
    """The lines written so far, and the step they describe."""

    def __init__(
        self, record: StepRecord, architecture: Architecture, row: int, text: Mapping[str, str], notation: Notation
    ) -> None:
        self.record, self.architecture, self.row = record, architecture, row
        self.text, self.notation = text, notation
        self.L = len(architecture.layers)
        self.da = da_of_row(record, architecture, row)
        self.lines: list[str] = []

    def say(self, sentence: str = "", indent: int = 0, /, **slots: Any) -> None:
        """A sentence of the catalogue, or an empty line."""
        hang = 5 if sentence.startswith("bp") and indent == 0 else 0  # the width of "BP1  "
        self.lines += wrapped(
            self.text[sentence].format(g=self.notation.activation, **slots) if sentence else "", indent, hang
        )

    def write(self, formula: str, indent: int = 2) -> None:
        """A formula, broken where it is too long."""
        self.lines += wrapped(formula, indent, hang=4)

    def table(self, names: list[str], vectors: list[Array], missing: Array | None = None) -> None:
        """One line a unit; see `unit_table`."""
        self.lines += unit_table(names, vectors, self.text, missing)

    def heading(self, name: str) -> None:
        self.lines += ["", self.text[name], "─" * columns(self.text[name])]

    def head(self, n_total: int | None, optimizer: Mapping[str, Any], notation: str) -> None:
        r = self.record
        steps = "" if n_total is None else self.text["total"].format(n=n_total)
        self.say("title", step=r.step, total=steps, epoch=r.epoch, row=self.row, n=len(r.rows))
        a, eta = self.architecture, number(r.update.learning_rate)
        self.say("network", sizes=a, loss=a.loss, optimizer=optimizer.get("name", "?"), eta=eta)
        self.say("batch_now", loss=number(r.backward.loss))
        if notation != "batch":
            self.say("columns" if notation == "note" else "nielsen")

    # forward -----------------------------------------------------------------------------------------------

    def operation(self, name: str, target: Array | None, share: float | None) -> None:
        """One operation of the tape, but for the update."""
        what, l = (name.rstrip("0123456789"), int(name.strip("abcdefghijklmnopqrstuvwxyzW") or 0))
        if what == "input":
            self._input()
        elif what == "layer":
            self._layer(l)
        elif what == "loss":
            self._loss(target, share)
        elif what == "dW":
            self._gradients(l)
        elif l == self.L:
            self._bp1(target, share)
        else:
            self.say()
            self._bp2(l)

    def _input(self) -> None:
        f = self.record.forward
        has_kind = f.z[0] is not None
        x = (f.z[0] if has_kind else f.a[0])[self.row]
        name, index = "x" if has_kind else self.notation.vector("a", 0), int(self.record.rows[self.row])
        nonzero = int(np.count_nonzero(x))
        self.say("input" if nonzero == len(x) else "sparse_input", a=name, n=len(x), nonzero=nonzero, index=index)
        self.table([name], [x])
        if kind := self._kind(0):
            self.lines += input_layer.forward(kind, f, self.row, self.notation, self.text)

    def _layer(self, l: int) -> None:
        layer = self.architecture.layers[l - 1]
        self.say()
        self.say("layer", l=l, shape=f"{layer.n_in} → {layer.n_out}", activation=layer.activation)
        mask = self._mask(l)
        kind = self._kind(l)
        a = self.notation.equation(
            "a" if mask is None else "a_dropout", l, has_kind=kind is not None, skip=layer.residual
        )
        self.write(f"{self.notation.equation('z', l)}     {a}")
        if kind:
            self.write(kind.equation("u"))
        self.say("g_is", 2, formula=ACTIVATIONS[layer.activation].formula)
        if l == 1:
            self.say("layer_says", 2)
        if kind:
            self.lines += [*wrapped(kind.says("says"), 2), *kind.statistics()]
        if layer.residual:
            self.say("residual_says", 2)
        self._activations(l, mask)
        self._spell(l)

    def _kind(self, l: int) -> KindRow | None:
        """What there is to tell of the layer's kind."""
        between = self.record.update.old.parameters.kinds[l]
        return None if between is None else KindRow(self.record, between.kind, l, self.row, self.notation, self.text)

    def _mask(self, l: int) -> Array | None:
        masks = self.record.forward.masks
        return None if masks is None or masks[l] is None else masks[l][self.row]

    def _activations(self, l: int, mask: Array | None) -> None:
        f, residual = self.record.forward, self.architecture.residuals[l]
        z, a, on = (f.z[l][self.row], f.a[l][self.row], self.notation.vector("z" if f.u[l] is None else "u", l))
        names, vectors = [self.notation.vector("z", l)], [z]
        if f.u[l] is not None:
            names, vectors = [*names, on], [*vectors, f.u[l][self.row]]
        if mask is not None or residual:
            names, vectors = [*names, f"{self.notation.activation}({on})"], [*vectors, self._g(l)]
        if mask is not None:
            names, vectors = [*names, self.text["mask"]], [*vectors, mask]
        if residual:
            names, vectors = ([*names, self.notation.vector("a", l - 1)], [*vectors, f.a[l - 1][self.row]])
        self.table([*names, self.notation.vector("a", l)], [*vectors, a])
        if mask is not None:
            scale = number(float(mask.max(initial=0)) or 1)
            self.say("dropped", 2, n=int((mask == 0).sum()), all=len(mask), scale=scale)

    def _g(self, l: int) -> Array:
        """g of the row, before mask and residual sum."""
        on = self.record.forward.pre_activation(l)[self.row]
        return ACTIVATIONS[self.architecture.layers[l - 1].activation].g(on[None, :])[0]

    def _spell(self, l: int) -> None:
        """z of the unit with the largest activation as a sum of products, and what becomes of it."""
        f, old, name = self.record.forward, self.record.update.old, self.notation
        j = int(np.argmax(np.abs(f.a[l][self.row])))
        self.say("spelled", 2, j=j)
        self.lines += dot_product(
            f.a[l - 1][self.row], old.W[l][:, j], lambda k: (name.entry("a", l - 1, k), name.w(l, k, j)),
            (name.entry("z", l, j), f.z[l][self.row, j]), self.text,
            (self.text["bias"].format(b=name.entry("b", l, j)), old.b[l][j]),
        )  # fmt: skip
        kind, mask = self._kind(l), self._mask(l)
        if kind:
            self.lines += kind.unit(j)
        if self.architecture.residuals[l]:
            h = self._g(l) if mask is None else self._g(l) * mask
            self.lines += sum_of_unit(self.record, l, self.row, j, h, name)

    # loss ------------------------------------------------------------------------------------------------------

    def _loss(self, target: Array | None, share: float | None) -> None:
        r, a = self.record, self.architecture
        if target is not None:
            output = r.forward.output[self.row]
            y = np.asarray(target, dtype=output.dtype)
            name = self.text["prediction"].format(a=self.notation.vector("a", self.L))
            self.table([name, self.text["target"]], [output, y], np.isnan(y))
            self.say("row_loss", 2)
            for line in loss_of_row(a.loss, a.output, r.forward.z[self.L][self.row], output, y):
                self.write(line, 4)
            if np.isnan(y).any():
                self.say("missing_says", 2)
        self.say("batch_loss", 2, loss=number(r.backward.loss), n=len(r.rows))
        if share is not None:
            self.say("share", 2, share=number(share))
        if r.penalty:
            self.say("penalty", 2, penalty=number(r.penalty))

    # backward ----------------------------------------------------------------------------------------------------

    def _bp1(self, target: Array | None, share: float | None) -> None:
        a, name, L = self.architecture, self.notation, self.L
        delta, output = (self.record.backward.delta[L][self.row], self.record.forward.output[self.row])
        fused = loss_named(a.loss).pair(a.output).fused
        self.say("bp1", l=L)
        self.write(name.equation("bp1_fused" if fused else "bp1", L))
        self.say("bp1_fused_says" if fused else "bp1_says", 2)
        if not fused and not ACTIVATIONS[a.output].elementwise:
            self.say("mixes", 2)
        self.say("bp1_sign", 2)
        names, vectors = [name.vector(name.delta, L)], [delta]
        if target is not None:
            y = np.asarray(target, dtype=output.dtype)
            if fused:
                names, vectors = ([f"{name.vector('a', L)} − y", *names], [output - y, *vectors])
            elif ACTIVATIONS[a.output].elementwise:
                da = loss_named(a.loss).pair(a.output).da(output[None, :], y[None, :])[0]
                names = [f"∂loss/∂{name.vector('a', L)}", f"{name.slope}({name.vector('z', L)})", *names]
                vectors = [da, self._slope(L), *vectors]
        self.table(names, vectors, None if target is None else np.isnan(target))
        if target is None or share is None or not (fused or len(vectors) > 1):
            return
        j = int(np.argmax(np.abs(delta)))
        if np.isnan(target[j]):
            return
        message = (
            f"({number(output[j])} − {factor(target[j])})" if fused else " · ".join(factor(v[j]) for v in vectors[:-1])
        )
        symbols = "s·(a − y)" if fused else f"s · ∂loss/∂a · {name.slope}"
        self.write(f"{name.entry(name.delta, L, j)} = {symbols} = {number(share)} · {message} = {number(delta[j])}")

    def _slope(self, l: int) -> Array:
        """g′ of the row; of an activation that acts on each unit alone."""
        entry, on = (ACTIVATIONS[self.architecture.layers[l - 1].activation], self.record.forward.pre_activation(l))
        z = on[self.row]
        return entry.pullback(z[None, :], entry.g(z[None, :]), np.ones_like(z)[None, :])[0]

    def _bp2(self, l: int) -> None:
        name, b = self.notation, self.record.backward
        mask, kind, more = (self._mask(l), self._kind(l), self.architecture.residuals[l + 1])
        self.say("bp2", l=l, above=l + 1)
        self.write(name.equation("bp2" if mask is None else "bp2_dropout", l, has_kind=kind is not None, more=more))
        if kind:
            self.write(kind.equation("back"))
        if l == self.L - 1:
            self.say("bp2_says", 2)
        if more:
            self.say("bp2_residual", 2, above=l + 1)
        if kind:
            self.lines += wrapped(kind.says("back_says"), 2)
        pulled, symbol = (b.by_pre_activation(l)[self.row], "du" if kind else name.delta)
        names, vectors = [name.vector("da", l)], [self.da[l]]
        elementwise = ACTIVATIONS[self.architecture.layers[l - 1].activation].elementwise
        if elementwise:
            names = [*names, f"{name.slope}({name.vector('u' if kind else 'z', l)})"]
            vectors = [*vectors, self._slope(l)]
        if mask is not None:
            names, vectors = [*names, self.text["mask"]], [*vectors, mask]
        passed = ([name.vector(name.delta, l)], [b.delta[l][self.row]]) if kind else ([], [])
        self.table([*names, name.vector(symbol, l), *passed[0]], [*vectors, pulled, *passed[1]])
        closed = int(((pulled == 0) & (self.da[l] != 0)).sum())
        if closed:
            self.say("closed", 2, n=closed, all=len(pulled))
        if not elementwise:
            self.say("mixes", 2)
        j = int(np.argmax(np.abs(b.delta[l][self.row])))
        self._spell_error(l, j)
        if elementwise:
            message = " · ".join(["da", name.slope, *([] if mask is None else [self.text["mask"]])])
            formula = " · ".join(factor(vector[j]) for vector in vectors)
            self.write(f"{name.entry(symbol, l, j)} = {message} = {formula} = {number(pulled[j])}", 4)
        if kind:
            self.lines += kind.error(j)

    def _spell_error(self, l: int, j: int) -> None:
        """da of one unit: the errors above through its weights, and the one that comes down unchanged."""
        name, more = self.notation, self.architecture.residuals[l + 1]
        unchanged = self.text["unchanged"].format(da=name.entry("da", l + 1, j)) if more else ""
        self.say("spelled", 2, j=j)
        self.lines += dot_product(
            self.record.backward.delta[l + 1][self.row], self.record.update.old.W[l + 1][j],
            lambda k: (name.entry(name.delta, l + 1, k), name.w(l + 1, j, k)),
            (name.entry("da", l, j), self.da[l][j]), self.text, (unchanged, self.da[l + 1][j]) if more else None,
        )  # fmt: skip

    def _gradients(self, l: int) -> None:
        """dW and db with one entry spelled out: this row's part, the other rows', the batch's sum."""
        b, f, name = self.record.backward, self.record.forward, self.notation
        k, j = self.example_entries()[l]
        self.say("bp3")
        self.write(name.equation("bp3", l))
        delta = b.delta[l][:, j]
        label = name.entry(name.delta, l, j)
        self.lines += product_over_batch(label, delta[self.row], total(b.db[l][j : j + 1]), name.db(l, j),
                                         len(delta), self.text)  # fmt: skip
        self.say("bp4")
        self.write(name.equation("bp4", l))
        a = f.a[l - 1][self.row, k]
        label = f"{name.entry('a', l - 1, k)} · {label} = {factor(a)} · {factor(delta[self.row])}"
        part = float(a) * float(delta[self.row])
        self.lines += product_over_batch(label, part, float(b.dW[l][k, j]), name.dw(l, k, j), len(delta), self.text)
        self._matrix(l)
        kind = self._kind(l)
        if kind:
            self.lines += kind.gradients()
        if l == 1 and (kind := self._kind(0)):
            self.lines += input_layer.backward(kind, b, self.row, self.notation, self.text)

    def _matrix(self, l: int) -> None:
        """The whole of dW where it is small, in the orientation of the notation; else its length."""
        dW, name = self.record.backward.dW[l], self.notation.dw_matrix(l)
        if self.notation.transposed:
            dW = dW.T
        if dW.shape[0] <= MATRIX_ROWS and dW.shape[1] <= MATRIX_COLUMNS:
            self.write(f"{name}, {self.text['matrix_to' if self.notation.transposed else 'matrix']}:")
            self.lines += aligned([(f"[{k}]", *map(number, row)) for k, row in enumerate(dW)])
        else:
            norm = number(float(np.linalg.norm(dW.astype(np.float64))))
            self.say("norm", 2, n=dW.size, name=name, norm=norm)

    def example_entries(self) -> list[tuple[int, int]]:
        """For every layer the weight to which this row gives most, or whose gradient is largest if it gives none."""
        b, f = self.record.backward, self.record.forward
        entries = [(0, 0)]
        for l in range(1, self.L + 1):
            a, delta = np.abs(f.a[l - 1][self.row]), np.abs(b.delta[l][self.row])
            k, j = int(np.argmax(a)), int(np.argmax(delta))
            if not a[k] * delta[j] > 0:
                k, j = (int(i) for i in np.unravel_index(int(np.argmax(np.abs(b.dW[l]))), b.dW[l].shape))
            entries.append((k, j))
        return entries
