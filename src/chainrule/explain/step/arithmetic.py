"""Single numbers spelled out: a dot product, the loss of a row, a sum over the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from chainrule.reference.losses import loss_named, value_and_delta
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
    """The formula of the loss, and the same with the numbers of the row; of an entry without them its value alone."""
    value = number(value_and_delta(loss, output, z[None, :], a[None, :], y[None, :])[0][0])
    entry = loss_named(loss)
    if entry.worked is None:
        return [f"loss = {entry.formula}", f"= {value}"]
    result = entry.worked(output)
    known = np.where(np.isnan(y), 0, y)
    n = entry.n_heads
    counting = np.flatnonzero(~np.isnan(y[::n])) if result.counted is None else result.counted(known)
    if not len(counting):
        return [result.formula, f"= {value}"]
    shown = counting if len(counting) <= 4 else counting[:3]
    terms = [result.term(float(a[j]) if n == 1 else a[j * n : j * n + n], float(y[j * n])) for j in shown]
    if len(shown) < len(counting):
        terms.append("…")
    numbers = result.around.format(" + ".join(terms).replace("+ −", "− "))
    return [result.formula, f"= {numbers} = {value}"]
