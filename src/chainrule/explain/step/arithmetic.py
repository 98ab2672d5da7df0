"""Single numbers spelled out: a dot product, the loss of a row, a sum over the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from chainrule.reference.losses import HUBER_DELTA, loss_named, value_and_delta
from chainrule.text.tables import Array, aligned, factor, largest, number, total

SHOWN_TERMS = 5
Named = tuple[str, float]


def dot_product(
    x: Array,
    w: Array,
    names: Callable[[int], tuple[str, str]],
    result: Named,
    text: Mapping[str, str],
    bias: Named | None = None,
) -> list[str]:
    """Σ_k x_k·w_k (+ bias) term by term: the largest terms, the true sum of the others, the result."""
    terms = x.astype(np.float64) * w.astype(np.float64)
    shown = np.arange(len(terms)) if len(terms) <= SHOWN_TERMS + 1 else largest(terms, SHOWN_TERMS)
    rows = []
    for k in shown:
        first, second = names(int(k))
        rows.append((f"{first} · {second}", f"{factor(x[k])} · {factor(w[k])}", number(terms[k])))
    if len(shown) < len(terms):
        rest = np.delete(terms, shown)
        rows.append((text["more"].format(n=len(rest)), "", number(total(rest))))
    if bias is not None:
        rows.append((bias[0], "", number(bias[1])))
    rows.append((f"{result[0]} = Σ", "", number(result[1])))
    return aligned(rows)


def product_over_batch(label: str, part: float, whole: float, name: str, n: int, text: Mapping[str, str]) -> list[str]:
    """What this row gives to a gradient, what the other rows give, and the gradient."""
    rows = [(text["this_row"].format(formula=label), number(part))]
    if n > 1:
        rows.append((text["other_rows"].format(n=n - 1), number(whole - float(part))))
    return aligned([*rows, (f"{name} =", number(whole))])


def loss_of_row(loss: str, output: str, z: Array, a: Array, y: Array) -> list[str]:
    """The formula of the loss, and the same with the numbers of the row."""
    value = number(value_and_delta(loss, output, z[None, :], a[None, :], y[None, :])[0][0])
    level = loss_named(loss).level
    formula, term = _FORMULAS.get((loss, output)) or (_FORMULAS[loss, ""] if level is None else _quantile(level))
    # Of a one-hot target only the class itself has a term that is not 0.
    counting = np.flatnonzero(y) if (loss, output) == ("cross_entropy", "softmax") else np.arange(len(y))
    shown = counting if len(counting) <= 4 else counting[:3]
    terms = [term(float(a[j]), float(y[j])) for j in shown]
    if len(shown) < len(counting):
        terms.append("…")
    numbers = " + ".join(terms).replace("+ −", "− ")
    if loss == "squared_error":
        numbers = f"½·[{numbers}]"
    return [formula, f"= {numbers} = {value}"]


def _cross_entropy(a: float, y: float) -> str:
    return f"−log {number(a)}" if y == 1 else f"−{number(y)}·log {number(a)}"


def _labels(a: float, y: float) -> str:
    if y in (0, 1):
        return f"−log {number(a)}" if y else f"−log (1 − {number(a)})"
    return f"−[{number(y)}·log {number(a)} + {number(1 - y)}·log (1 − {number(a)})]"


def _huber(a: float, y: float) -> str:
    e = f"{number(a)} − {factor(y)}"
    return f"½·({e})²" if abs(a - y) <= HUBER_DELTA else f"(|{e}| − ½)"


def _quantile(level: float) -> tuple[str, Callable[[float, float], str]]:
    def term(a: float, y: float) -> str:
        if a < y:
            return f"{number(level)}·({number(y)} − {factor(a)})"
        return f"{number(1 - level)}·({number(a)} − {factor(y)})"

    q, rest = number(level), number(1 - level)
    return f"loss = Σ_j {q}·(y_j − a_j) where a_j < y_j, else {rest}·(a_j − y_j)", term


_FORMULAS: dict[tuple[str, str], tuple[str, Callable[[float, float], str]]] = {
    ("squared_error", ""): ("loss = ½·Σ_j (a_j − y_j)²", lambda a, y: f"({number(a)} − {factor(y)})²"),
    ("cross_entropy", "softmax"): ("loss = −Σ_j y_j·log a_j", _cross_entropy),
    ("cross_entropy", "sigmoid"): ("loss = −Σ_j [y_j·log a_j + (1 − y_j)·log (1 − a_j)]", _labels),
    ("absolute_error", ""): ("loss = Σ_j |a_j − y_j|", lambda a, y: f"|{number(a)} − {factor(y)}|"),
    ("huber", ""): ("loss = Σ_j ½·e_j² where |e_j| ≤ 1, else |e_j| − ½;  e_j = a_j − y_j", _huber),
    ("poisson", ""): ("loss = Σ_j (a_j − y_j·log a_j)", lambda a, y: f"({number(a)} − {number(y)}·log {number(a)})"),
}
