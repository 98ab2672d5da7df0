"""The losses in numbers, and as gates of a circuit: what their entries carry beside the mathematics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.reference.loss import Worked
from chainrule.text.tables import factor, number

HUBER_DELTA = 1.0

# a row in numbers ------------------------------------------------------------------------------------------------


def _classes(a: float, y: float) -> str:
    return f"−log {number(a)}" if y == 1 else f"−{number(y)}·log {number(a)}"


def _labels(a: float, y: float) -> str:
    if y in (0, 1):
        return f"−log {number(a)}" if y else f"−log (1 − {number(a)})"
    return f"−[{number(y)}·log {number(a)} + {number(1 - y)}·log (1 − {number(a)})]"


def cross_entropy(output: str) -> Worked:
    """Of a one-hot target only the class itself has a term that is not 0."""
    if output == "softmax":
        return Worked(formula="loss = −Σ_j y_j·log a_j", term=_classes, counted=np.flatnonzero)
    return Worked(formula="loss = −Σ_j [y_j·log a_j + (1 − y_j)·log (1 − a_j)]", term=_labels)


def squared_error(output: str) -> Worked:
    """½·Σ (a − y)²."""
    return Worked(
        formula="loss = ½·Σ_j (a_j − y_j)²", term=lambda a, y: f"({number(a)} − {factor(y)})²", around="½·[{}]"
    )


def absolute_error(output: str) -> Worked:
    """Σ |a − y|."""
    return Worked(formula="loss = Σ_j |a_j − y_j|", term=lambda a, y: f"|{number(a)} − {factor(y)}|")


def _huber(a: float, y: float) -> str:
    e = f"{number(a)} − {factor(y)}"
    return f"½·({e})²" if abs(a - y) <= HUBER_DELTA else f"(|{e}| − ½)"


def huber(output: str) -> Worked:
    """½·e² near 0, |e| − ½ elsewhere."""
    return Worked(formula="loss = Σ_j ½·e_j² where |e_j| ≤ 1, else |e_j| − ½;  e_j = a_j − y_j", term=_huber)


def poisson(output: str) -> Worked:
    """Σ a − y·log a."""
    return Worked(
        formula="loss = Σ_j (a_j − y_j·log a_j)", term=lambda a, y: f"({number(a)} − {number(y)}·log {number(a)})"
    )


def quantile(level: float) -> Callable[[str], Worked]:
    """Too low costs `level` a unit, too high 1 − level."""
    q, rest = number(level), number(1 - level)

    def term(a: float, y: float) -> str:
        return f"{q}·({number(y)} − {factor(a)})" if a < y else f"{rest}·({number(a)} − {factor(y)})"

    formula = f"loss = Σ_j {q}·(y_j − a_j) where a_j < y_j, else {rest}·(a_j − y_j)"
    return lambda output: Worked(formula=formula, term=term)


def focal(gamma: float) -> Callable[[str], Worked]:
    """The terms of cross-entropy with their factor; with γ = 0 those of cross-entropy."""
    if not gamma:
        return cross_entropy
    power = number(gamma)

    def of_class(a: float, y: float) -> str:
        return f"−{'' if y == 1 else number(y) + '·'}(1 − {number(a)})^{power}·log {number(a)}"

    def of_label(a: float, y: float) -> str:
        zero = f"−{'' if y == 0 else number(1 - y) + '·'}{number(a)}^{power}·log (1 − {number(a)})"
        return zero if y == 0 else of_class(a, y) if y == 1 else f"{of_class(a, y)} {zero.replace('−', '− ', 1)}"

    def worked(output: str) -> Worked:
        head = "loss = −Σ_j "
        if output == "softmax":
            return Worked(formula=f"{head}y_j·(1 − a_j)^{power}·log a_j", term=of_class, counted=np.flatnonzero)
        formula = f"{head}[y_j·(1 − a_j)^{power}·log a_j + (1 − y_j)·a_j^{power}·log (1 − a_j)]"
        return Worked(formula=formula, term=of_label)

    return worked


# gates of a circuit: (circuit, a, y, output, place) -> the terms of one output --------------------------------------


def cross_entropy_gates(c: Any, a: int, y: float, output: str, j: int) -> list[int]:
    """−y·log a, and of labels −(1 − y)·log(1 − a); terms of weight 0 are left out."""
    parts = []
    if y:
        parts.append(c.gate("multiply", c.gate("log", a), c.input("−y", -y, constant=True)))
    if output != "softmax" and y != 1:
        rest = c.gate("subtract", c.input("1", 1.0, constant=True), a)
        parts.append(c.gate("multiply", c.gate("log", rest), c.input("−(1 − y)", y - 1, constant=True)))
    return parts


def focal_gates(gamma: float) -> Callable[[Any, int, float, str, int], list[int]]:
    """−y·(1 − a)^γ·log a, and of labels −(1 − y)·a^γ·log(1 − a); terms of weight 0 are left out."""

    def gates(c: Any, a: int, y: float, output: str, j: int) -> list[int]:
        if output == "softmax" and not y:
            return []
        parts, rest = [], c.gate("subtract", c.input("1", 1.0, constant=True), a)
        for share, right, wrong, name in ((y, a, rest, "−y"), (1 - y, rest, a, "−(1 − y)")):
            if share and (right == a or output != "softmax"):
                power = c.gate("power", wrong, c.input("γ", gamma, constant=True))
                weight = c.gate("multiply", power, c.input(name, -share, constant=True))
                parts.append(c.gate("multiply", c.gate("log", right), weight))
        return parts

    return gates if gamma else cross_entropy_gates


def poisson_gates(c: Any, a: int, y: float, output: str, j: int) -> list[int]:
    """a − y·log a."""
    product = c.gate("multiply", c.gate("log", a), c.input(f"y[{j}]", y, constant=True))
    return [c.gate("subtract", a, product)]


def _of_error(terms: Callable[[Any, int, float], int]) -> Callable[[Any, int, float, str, int], Sequence[int]]:
    """The gates of a loss of e = a − y alone."""

    def gates(c: Any, a: int, y: float, output: str, j: int) -> list[int]:
        e = c.gate("subtract", a, c.input(f"y[{j}]", y, constant=True), name=f"a − y [{j}]")
        return [terms(c, e, c.gates[e].value)]

    return gates


def _half_square(c: Any, e: int, size: float) -> int:
    found: int = c.gate("multiply", c.gate("square", e), c.input("½", 0.5, constant=True))
    return found


def _size(c: Any, e: int, size: float) -> int:
    found: int = c.gate("multiply", e, c.input("sign", 1.0 if size > 0 else -1.0, constant=True))
    return found


def _near_or_far(c: Any, e: int, size: float) -> int:
    if abs(size) <= HUBER_DELTA:
        return _half_square(c, e, size)
    found: int = c.gate("subtract", _size(c, e, size), c.input("½", 0.5, constant=True))
    return found


def quantile_gates(level: float) -> Callable[[Any, int, float, str, int], Sequence[int]]:
    """(1 − q)·e above, −q·e below."""

    def terms(c: Any, e: int, size: float) -> int:
        found: int = c.gate(
            "multiply", e, c.input("1 − q" if size > 0 else "−q", (1 if size > 0 else 0) - level, constant=True)
        )
        return found

    return _of_error(terms)


squared_error_gates = _of_error(_half_square)
absolute_error_gates = _of_error(_size)
huber_gates = _of_error(_near_or_far)
