"""How one number comes about, as a formula that is filled with numbers factor by factor."""

from __future__ import annotations

from typing import NamedTuple

from chainrule.exercises.entry import Entry
from chainrule.exercises.problem import GivenStep, WorkedStep
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.text.tables import factor, number


class Symbol(NamedTuple):
    """A symbol of a formula, its value, and the hint from which on the value stands in its place."""

    name: str
    value: float
    hint: int
    plain: bool = False

    def shown(self, hints: int) -> str:
        """The symbol, or its value once that has been given away."""
        if self.hint >= hints:
            return self.name
        return number(self.value) if self.plain else factor(self.value)


Formula = list["str | Symbol"]


def written(formula: Formula, hints: int) -> str:
    """The formula with the numbers of so many hints."""
    return "".join(part if isinstance(part, str) else part.shown(hints) for part in formula)


def steps(entry: Entry, given: GivenStep, right: WorkedStep) -> list[str]:
    """The formula in symbols, then with one more of its factors as numbers each time; the last has all numbers."""
    formula = FORMULAS[entry.quantity](entry, given, right)
    most = 1 + max(part.hint for part in formula if isinstance(part, Symbol))
    mark = "←" if entry.quantity in ("W", "b") else "="
    return list(dict.fromkeys(f"{entry} {mark} {written(formula, n)}" for n in range(most + 1)))


def _sum(terms: list[Formula]) -> Formula:
    """Terms with + between them."""
    joined: Formula = []
    for k, term in enumerate(terms):
        joined += ([" + "] if k else []) + term
    return joined


def _z(e: Entry, given: GivenStep, right: WorkedStep) -> Formula:
    l, (i, j) = e.layer, e.at
    products: list[Formula] = [
        [Symbol(f"a{l - 1}[{i},{k}]", right.a[l - 1][i, k], 0), "·", Symbol(f"W{l}[{k},{j}]", given.W[l][k, j], 1)]
        for k in range(len(given.W[l]))
    ]
    return _sum([*products, [Symbol(f"b{l}[{j}]", given.b[l][j], 2)]])


def _a(e: Entry, given: GivenStep, right: WorkedStep) -> Formula:
    l, (i, j) = e.layer, e.at
    entry = ACTIVATIONS[given.activations[l]]
    if entry.elementwise:
        return ["g(", Symbol(f"z{l}[{i},{j}]", right.z[l][i, j], 0, plain=True), ")"]
    powers: list[Formula] = [["e^", Symbol(f"z{l}[{i},{k}]", z, 0)] for k, z in enumerate(right.z[l][i])]
    return ["e^", Symbol(f"z{l}[{i},{j}]", right.z[l][i, j], 0), " / (", *_sum(powers), ")"]


def _loss(e: Entry, given: GivenStep, right: WorkedStep) -> Formula:
    architecture, last = given.architecture, given.n_layers
    pair = loss_named(architecture.loss).pair(architecture.output)
    values = pair.value(right.z[last], right.a[last], given.y)
    rows: list[Formula] = [[Symbol(f"loss_{i}", value, i)] for i, value in enumerate(values)]
    return [*_sum(rows)] if len(rows) == 1 else ["(", *_sum(rows), ")/", Symbol("n", float(len(rows)), len(rows))]


def _delta(e: Entry, given: GivenStep, right: WorkedStep) -> Formula:
    l, (i, j) = e.layer, e.at
    if l == given.n_layers:
        return _output_delta(e, given, right)
    terms: list[Formula] = [
        [Symbol(f"delta{l + 1}[{i},{k}]", right.delta[l + 1][i, k], 0), "·",
         Symbol(f"W{l + 1}[{j},{k}]", given.W[l + 1][j, k], 1)]
        for k in range(given.W[l + 1].shape[1])
    ]  # fmt: skip
    slope = ACTIVATIONS[given.activations[l]].slope(right.z[l])[i, j]
    return ["(", *_sum(terms), ") · ", Symbol(f"g′(z{l}[{i},{j}])", slope, 2)]


def _output_delta(e: Entry, given: GivenStep, right: WorkedStep) -> Formula:
    l, (i, j) = e.layer, e.at
    architecture = given.architecture
    pair = loss_named(architecture.loss).pair(architecture.output)
    share: Formula = [] if len(given.X) == 1 else [" · ", Symbol("1/n", given.scales[i], 2)]
    a = right.a[l][i, j]
    error: Formula = [
        "(",
        Symbol(f"a{l}[{i},{j}]", a, 0, plain=True),
        " − ",
        Symbol(f"y[{i},{j}]", given.y[i, j], 1),
        ")",
    ]
    if pair.fused:
        return [*error, *share]
    slope = ACTIVATIONS[architecture.output].slope(right.z[l])[i, j]
    if pair.da(right.a[l], given.y)[i, j] != a - given.y[i, j]:
        error = [Symbol(f"∂loss/∂a{l}[{i},{j}]", pair.da(right.a[l], given.y)[i, j], 0)]
    return [*error, " · ", Symbol(f"g′(z{l}[{i},{j}])", slope, 1), *share]


def _dW(e: Entry, given: GivenStep, right: WorkedStep) -> Formula:
    l, (k, j) = e.layer, e.at
    a_in, delta = right.a[l - 1][:, k], right.delta[l][:, j]
    return _sum(
        [
            [Symbol(f"a{l - 1}[{i},{k}]", a_in[i], 0), "·", Symbol(f"delta{l}[{i},{j}]", delta[i], 1)]
            for i in range(len(given.X))
        ]
    )


def _db(e: Entry, given: GivenStep, right: WorkedStep) -> Formula:
    (j,) = e.at
    return _sum([[Symbol(f"delta{e.layer}[{i},{j}]", error, i)] for i, error in enumerate(right.delta[e.layer][:, j])])


def _updated(e: Entry, given: GivenStep, right: WorkedStep) -> Formula:
    old = getattr(given, e.quantity)[e.layer][e.at]
    gradient = getattr(right, f"d{e.quantity}")[e.layer][e.at]
    name = Entry(f"d{e.quantity}", e.layer, e.at)
    eta = Symbol("η", given.learning_rate, 1)
    return [Symbol(str(e), old, 0, plain=True), " − ", eta, "·", Symbol(str(name), gradient, 2)]


FORMULAS = {"z": _z, "a": _a, "loss": _loss, "delta": _delta, "dW": _dW, "db": _db, "W": _updated, "b": _updated}
