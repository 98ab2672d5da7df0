"""The losses of targets with several heads in numbers, and as gates of a circuit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.reference.heads import SMALLEST_DEVIATION, Heads, outward, standard_deviation
from chainrule.reference.loss import Loss, Worked
from chainrule.text.tables import factor, number

HALF_LOG_2_PI = 0.9189385332046727


def intervals(heads: Heads, point: Loss) -> Callable[[str], Worked]:
    """The loss of the point, and of every level what lies outside it."""

    def term(a: Any, y: float) -> str:
        q = heads.quantiles(np.asarray(a, np.float64))
        beside = [f"{_pinball(level, float(q_k), y)}" for level, q_k in zip(heads.levels, q, strict=True)]
        return " + ".join([_term_of(point, float(a[0]), y), *beside])

    formula = (
        f"loss = Σ_t {point.name}(p) + Σ_k q_k·(y − Q_k) where Q_k < y, else (1 − q_k)·(Q_k − y);  "
        "Q_k = p ± Σ softplus(s)"
    )
    return lambda output: Worked(formula=formula, term=term)


def _pinball(level: float, at: float, y: float) -> str:
    q, rest = number(level), number(1 - level)
    return f"{q}·({number(y)} − {factor(at)})" if at < y else f"{rest}·({number(at)} − {factor(y)})"


def _term_of(point: Loss, p: float, y: float) -> str:
    if point.worked is None:
        one = np.array([[p]])
        return number(float(point.pair("identity").value(one, one, np.array([[y]]))[0]))
    worked = point.worked("identity")
    return worked.around.format(worked.term(p, y))


def gaussian(output: str) -> Worked:
    """½·(y − μ)²/σ² + log σ + ½·log 2π."""

    def term(a: Any, y: float) -> str:
        sigma = number(float(standard_deviation(np.asarray(a[1], np.float64))))
        return f"½·(({number(y)} − {factor(a[0])})/{sigma})² + log {sigma} + {number(HALF_LOG_2_PI)}"

    return Worked(
        formula=f"loss = Σ_t ½·((y − μ)/σ)² + log σ + ½·log 2π;  σ = {SMALLEST_DEVIATION:g} + softplus(s)", term=term
    )


# gates of a circuit: (circuit, outputs of a target, y, output, its number) -> its terms -----------------------------


def intervals_gates(heads: Heads, point: Loss) -> Callable[[Any, Any, float, str, int], Sequence[int]] | None:
    """The terms of the point, and of every level."""
    of_point = point.gates
    if of_point is None:
        return None

    def gates(c: Any, a: Sequence[int], y: float, output: str, t: int) -> list[int]:
        parts = list(of_point(c, a[0], y, output, t))
        truth = c.input(f"y[{t}]", y, constant=True)
        for sign, places in outward(heads.levels):
            at = a[0]
            for k in places:
                at = c.gate("add" if sign > 0 else "subtract", at, c.gate("softplus", a[k]), name=f"Q{k}[{t}]")
                level, above = heads.levels[k - 1], c.gates[at].value > y
                slope = c.input("1 − q" if above else "−q", (1 if above else 0) - level, constant=True)
                parts.append(c.gate("multiply", c.gate("subtract", at, truth), slope))
        return parts

    return gates


def gaussian_gates(c: Any, a: Sequence[int], y: float, output: str, t: int) -> list[int]:
    """½·u², log σ and ½·log 2π, u = (μ − y)/σ."""
    floor = c.input("σ_min", SMALLEST_DEVIATION, constant=True)
    sigma = c.gate("add", c.gate("softplus", a[1]), floor, name=f"σ[{t}]")
    e = c.gate("subtract", a[0], c.input(f"y[{t}]", y, constant=True), name=f"μ − y [{t}]")
    square = c.gate("square", c.gate("divide", e, sigma))
    half = c.gate("multiply", square, c.input("½", 0.5, constant=True))
    return [half, c.gate("log", sigma), c.input("½·log 2π", HALF_LOG_2_PI, constant=True)]
