"""What the drawing of a step holds: the numbers of one row in cards, a formula for each, and what flows between units.

A layer has a card in either pass, and one between them for what it learns. Of a wide layer the units are
shown whose |a| or |delta| is largest, and of a tensor the entries whose gradient is. Every value is one of the record,
or a sum in float64 of two of its arrays, term by term, as the page adds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.explain.step.narrate import check_row
from chainrule.network.architecture import Architecture, Dense
from chainrule.network.records import StepRecord
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.text.tables import Array, factor, largest, number

TERMS = 2
"""Of a sum: so many terms are written, those of largest size."""
ENTRIES = {"W": 3, "b": 2}
"""Of a tensor: so many entries; of what a kind learns, one."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """A table of numbers: a row for each unit or entry, a column for each quantity."""

    title: str
    equations: Sequence[str]
    labels: Sequence[str]
    columns: Mapping[str, Sequence[float]]
    formulas: Sequence[Sequence[str]]
    """The formulas of each row, with its numbers put in."""
    n_more: int
    """Units or entries that are not shown."""


Edge = tuple[int, int, float]
"""Places of two rows in their cards, and what flows between their units."""


@dataclass(frozen=True, kw_only=True)
class StepDrawing:
    """Both passes of one row: cards by layer (position 0 of the last two is None), and the edges into each layer."""

    forward: Sequence[Card]
    learned: Sequence[Card | None]
    backward: Sequence[Card | None]
    edges: Sequence[Sequence[Edge]]
    """The products a·W into the units of layer l."""
    edges_back: Sequence[Sequence[Edge]]
    """The products delta·W out of the units of layer l."""
    residual: Sequence[bool]
    shapes: Sequence[tuple[int, int]]
    step: int
    row: int
    n_rows: int
    loss: float
    loss_name: str
    learning_rate: float
    rule: str


class Drawn:
    """Draws up one row of a step: `drawing()` is the result."""

    def __init__(
        self, record: StepRecord, architecture: Architecture, *, row: int, units: int, y: Array, weighted: bool,
        rule: str, text: Mapping[str, str], inputs: Sequence[str] | None, outputs: Sequence[str] | None,
    ) -> None:  # fmt: skip
        check_row(record, row)
        self.record, self.architecture, self.row, self.y, self.rule = record, architecture, row, y, rule
        self.n, self.weighted, self.text = len(record.rows), weighted, text
        self.L, self.layers = len(architecture.layers), (None, *architecture.layers)
        self.names = {0: inputs, self.L: outputs}
        self.a = [_wide(a[row]) for a in record.forward.a]
        self.delta = [None if d is None else _wide(d[row]) for d in record.backward.delta]
        self.W = [None if W is None else _wide(W) for W in record.update.old.W]
        self.units = [_chosen(a, delta, units) for a, delta in zip(self.a, self.delta, strict=True)]

    def drawing(self) -> StepDrawing:
        """The whole of it."""
        with np.errstate(all="ignore"):  # numbers of a training that diverged
            return self._whole()

    def _whole(self) -> StepDrawing:
        r, L = self.record, self.L
        layers = self.architecture.layers
        return StepDrawing(
            forward=[self._inputs(), *(self._forward(l) for l in range(1, L + 1))],
            learned=[None, *(self._learned(l) for l in range(1, L + 1))],
            backward=[None, *(self._backward(l) for l in range(1, L + 1))],
            edges=[[], *(list(self._edges(l, self.a[l - 1], below=True)) for l in range(1, L + 1))],
            edges_back=[[], *(list(self._edges(l, self.delta[l], below=False)) for l in range(1, L + 1))],
            residual=[False, *(layer.residual for layer in layers)],
            shapes=[(0, 0), *((layer.n_in, layer.n_out) for layer in layers)],
            step=r.step, row=self.row, n_rows=self.n, loss=float(r.backward.loss),
            loss_name=self.architecture.loss, learning_rate=r.update.learning_rate, rule=self.rule,
        )  # fmt: skip

    def _layer(self, l: int) -> Dense:
        layer = self.layers[l]
        assert layer is not None
        return layer

    def _label(self, l: int, j: int) -> str:
        names = self.names.get(l)
        return f"{j}" if names is None else str(names[j])

    def _card(
        self, l: int, title: str, equations: Sequence[str], columns: Mapping[str, Any], formulas: Sequence[Any]
    ) -> Card:
        """A card of the shown units of a layer; columns and formulas are functions of a unit."""
        units = self.units[l]
        return Card(
            title=title, equations=equations, labels=[self._label(l, j) for j in units],
            columns={name: [float(of(j)) for j in units] for name, of in columns.items()},
            formulas=[[of(j) for of in formulas] for j in units], n_more=len(self.a[l]) - len(units),
        )  # fmt: skip

    # forward ----------------------------------------------------------------------------------------------

    def _inputs(self) -> Card:
        x = self.a[0]
        return self._card(
            0, self.text["input"], ["a0 = x"], {"a0": lambda k: x[k]}, [lambda k: f"a0[{k}] = x[{k}] = {number(x[k])}"]
        )

    def _forward(self, l: int) -> Card:
        f, layer, row = self.record.forward, self._layer(l), self.row
        last = l == self.L
        z, a = f.z[l][row], f.a[l][row]
        columns: dict[str, Any] = {f"z{l}": lambda j: z[j]}
        equations = [f"z{l} = a{l - 1} @ W{l} + b{l}"]
        formulas = [lambda j: self._z(l, j)]
        if layer.kind:
            u, call = f.u[l][row], layer.kind.call
            columns[f"u{l}"] = lambda j: u[j]
            equations.append(f"u{l} = {call}(z{l})")
            formulas.append(lambda j: f"u{l}[{j}] = {call}(z{l})[{j}] = {number(u[j])}")
        columns[f"a{l}"] = lambda j: a[j]
        skip, dropped = f"a{l - 1} + " if layer.residual else "", f" ⊙ mask{l}" if self._mask(l) is not None else ""
        equations.append(f"a{l} = {skip}{layer.activation}({'u' if layer.kind else 'z'}{l}){dropped}")
        formulas.append(lambda j: self._a(l, j))
        if last:
            columns["y"] = lambda j: self.y[j]
        title = self.text["output" if last else "layer"].format(l=l)
        return self._card(l, title, equations, columns, formulas)

    def _z(self, l: int, j: int) -> str:
        b = self.record.update.old.b[l][j]
        terms = self._terms(self.a[l - 1], self.W[l][:, j])
        name, k = f"z{l}[{j}]", "k"
        return f"{name} = Σ_{k} a{l - 1}[{k}]·W{l}[{k},{j}] + b{l}[{j}] = {terms} + {factor(b)} = {self._of('z', l, j)}"

    def _a(self, l: int, j: int) -> str:
        layer, f = self._layer(l), self.record.forward
        g, on = layer.activation, "u" if layer.kind else "z"
        mask = self._mask(l)
        at = number(f.pre_activation(l)[self.row, j])
        symbols, values = f"{g}({on}{l}[{j}])", f"{g}({at})"
        if not ACTIVATIONS[g].elementwise:
            symbols, values = f"{g}({on}{l})[{j}]", ""
        if mask is not None:
            symbols, values = f"{symbols}·mask{l}[{j}]", f"{values}·{number(mask[j])}" if values else ""
        if layer.residual:
            symbols = f"a{l - 1}[{j}] + {symbols}"
            values = f"{number(self.a[l - 1][j])} + {values}" if values else ""
        return f"a{l}[{j}] = {symbols} = {f'{values} = ' if values else ''}{number(self.a[l][j])}"

    # backward ---------------------------------------------------------------------------------------------

    def _backward(self, l: int) -> Card:
        layer, b, row = self._layer(l), self.record.backward, self.row
        delta, on = b.delta[l][row], "u" if layer.kind else "z"
        du: Any = b.du[l][row] if layer.kind else delta
        columns: dict[str, Any] = {f"delta{l}": lambda j: delta[j]}
        formulas: list[Any] = [lambda j: self._by_g(l, j, f"{'du' if layer.kind else 'delta'}{l}", du[j])]
        equations = [f"{'du' if layer.kind else 'delta'}{l} = {self._through(l, on)}"]
        if layer.kind:
            columns[f"du{l}"] = lambda j: du[j]
            equations.append(f"delta{l} = ∂J/∂z{l}")
            formulas.append(lambda j: f"delta{l}[{j}] = ∂J/∂z{l}[{j}] = {number(delta[j])}")
        if l < self.L:
            columns[f"da{l}"] = lambda j: self._da(l, j)
            unchanged = f" + da{l + 1}" if self._layer(l + 1).residual else ""
            equations.insert(0, f"da{l} = delta{l + 1} @ W{l + 1}.T{unchanged}")
            formulas.insert(0, lambda j: self._da_formula(l, j))
        title = self.text["output" if l == self.L else "layer"].format(l=l)
        return self._card(l, title, equations, columns, formulas)

    def _through(self, l: int, on: str) -> str:
        """The error of what the activation is applied to, as an equation."""
        if l < self.L:
            return f"da{l} ⊙ g′({on}{l})" + (f" ⊙ mask{l}" if self._mask(l) is not None else "")
        return f"(a{l} − y) / {self.n}" if self._is_difference else f"∂J/∂{on}{l}"

    def _by_g(self, l: int, j: int, name: str, value: float) -> str:
        layer = self._layer(l)
        on, result = "u" if layer.kind else "z", number(value)
        if l == self.L and self._is_difference and np.isfinite(self.y[j]):
            a, y = number(self.a[l][j]), factor(self.y[j])
            return f"{name}[{j}] = (a{l}[{j}] − y[{j}]) / {self.n} = ({a} − {y}) / {self.n} = {result}"
        if l == self.L or not ACTIVATIONS[layer.activation].elementwise:
            return f"{name}[{j}] = ∂J/∂{on}{l}[{j}] = {result}"
        mask, at = self._mask(l), number(self.record.forward.pre_activation(l)[self.row, j])
        symbols, values = f"da{l}[{j}]·g′({on}{l}[{j}])", f"{number(self._da(l, j))}·g′({at})"
        if mask is not None:
            symbols, values = f"{symbols}·mask{l}[{j}]", f"{values}·{number(mask[j])}"
        return f"{name}[{j}] = {symbols} = {values} = {result}"

    @property
    def _is_difference(self) -> bool:
        """Whether delta of the output is (a − y)/n."""
        layer, a = self._layer(self.L), self.architecture
        return loss_named(a.loss).pairs[layer.activation].fused and not (self.weighted or layer.residual or layer.kind)

    def _da(self, l: int, k: int) -> float:
        """∂J/∂a of a unit of a hidden layer: its sum term by term, and along a residual connection unchanged."""
        sum_ = np.cumsum(self.delta[l + 1] * self.W[l + 1][k])[-1]
        return float(sum_ + self._da(l + 1, k)) if self._layer(l + 1).residual and l + 1 < self.L else float(sum_)

    def _da_formula(self, l: int, k: int) -> str:
        m, unchanged = l + 1, f" + da{l + 1}[{k}]" if self._layer(l + 1).residual else ""
        terms = self._terms(self.delta[m], self.W[m][k])
        above = f" + {factor(self._da(m, k))}" if unchanged and m < self.L else ""
        return f"da{l}[{k}] = Σ_j delta{m}[j]·W{m}[{k},j]{unchanged} = {terms}{above} = {number(self._da(l, k))}"

    # what is learned --------------------------------------------------------------------------------------

    def _learned(self, l: int) -> Card:
        layer, b = self._layer(l), self.record.backward
        labels: list[str] = []
        formulas: list[list[str]] = []
        gradients, before, after, n = [], [], [], 0
        for name in layer.tensors:
            flat = b.of_tensor(name)[l].reshape(-1)
            n += flat.size
            most = ENTRIES.get(name, 1)
            for p in largest(flat, most if flat.size > most + 1 else flat.size):  # nothing is left out for one row
                at = divmod(int(p), layer.n_out) if name == "W" else (int(p),)
                label = f"{name}{l}[{','.join(map(str, at))}]"
                g, old, new = (getattr(part, name)[l][at] for part in self._updates)
                labels.append(label)
                gradients.append(float(flat[p]))
                before.append(float(old))
                after.append(float(new))
                formulas.append([self._gradient(name, l, at, flat[p]), self._step(label, g, old, new)])
        equations = [f"dW{l} = a{l - 1}.T @ delta{l}", f"db{l} = Σ_i delta{l}[i]"]
        columns = {self.text["gradient"]: gradients, self.text["old"]: before, self.text["new"]: after}
        return Card(
            title=", ".join(f"{name}{l}" for name in layer.tensors), equations=equations, labels=labels,
            columns=columns, formulas=formulas, n_more=n - len(labels),
        )  # fmt: skip

    @property
    def _updates(self) -> tuple[Any, Any, Any]:
        u = self.record.update
        return u.gradient, u.old, u.new

    def _gradient(self, name: str, l: int, at: tuple[int, ...], value: float) -> str:
        label = f"d{name}{l}[{','.join(map(str, at))}]"
        rows, result = self.text["rows"].format(n=self.n), number(value)
        if name == "W":
            return f"{label} = Σ_i a{l - 1}[i,{at[0]}]·delta{l}[i,{at[1]}] = {result} ({rows})"
        if name == "b":
            return f"{label} = Σ_i delta{l}[i,{at[0]}] = {result} ({rows})"
        return f"{label} = ∂J/∂{label[1:]} = {result} ({rows})"

    def _step(self, label: str, g: float, old: float, new: float) -> str:
        """The rule with the numbers of an entry; g is after penalty and clipping."""
        eta = number(self.record.update.learning_rate)
        rule = f"{self.rule}; " if self.rule else ""
        return f"{label}: {rule}θ = {number(old)}, g = {number(g)}, η = {eta} → {number(new)}"

    # both -------------------------------------------------------------------------------------------------

    def _edges(self, l: int, values: Array, *, below: bool) -> Iterator[Edge]:
        """value·W of every pair of shown units; the value is that of the unit below or above."""
        W = self.W[l]
        for p, k in enumerate(self.units[l - 1]):
            for q, j in enumerate(self.units[l]):
                yield p, q, float(values[k if below else j] * W[k, j])

    def _terms(self, left: Array, right: Array) -> str:
        """A sum of products: its terms of largest size, and how many more there are."""
        shown = largest(left * right, TERMS)
        parts = [f"{factor(left[k])}·{factor(right[k])}" for k in shown]
        rest = len(left) - len(shown)
        return " + ".join([*parts, *([self.text["more"].format(n=f"{rest:,}")] if rest else [])])

    def _mask(self, l: int) -> Any:
        masks = self.record.forward.masks
        return None if masks is None or masks[l] is None else masks[l][self.row]

    def _of(self, name: str, l: int, j: int) -> str:
        return number(getattr(self.record.forward, name)[l][self.row, j])


def _wide(array: Array) -> npt.NDArray[np.float64]:
    return np.asarray(array, np.float64)


def _chosen(a: Array, delta: Array | None, most: int) -> list[int]:
    """The units with the largest |a| or |delta| of the row, each as a share of the largest; all where they fit."""
    if len(a) <= most:
        return list(range(len(a)))
    with np.errstate(all="ignore"):
        weight = np.abs(a) / _scale(a)
        if delta is not None:
            weight = np.maximum(weight, np.abs(delta) / _scale(delta))
    return [int(j) for j in largest(weight, most)]


def _scale(values: Array) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size and finite.max() else 1.0
