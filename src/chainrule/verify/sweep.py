"""The V-curve: the error of a central difference over its width h, and what two passes cost against 2·P of them.

A wide difference is off by h² times a third derivative, a narrow one by the rounding of J over h. The
curve falls by two decades per decade of h, reaches its floor, and rises by one; a wrong gradient stays
level instead.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

import numpy as np

from chainrule.engine.protocol import Engine, Targets
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.seeding import Purpose, stream_key, words
from chainrule.status import counted_off
from chainrule.text.tables import aligned, wrapped
from chainrule.words import sentences

WIDTHS = tuple(10.0**-k for k in range(1, 12))
_BAR = 24

TEXT = sentences("sweep")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """errors[i] belongs to widths[i]; both_s, one_s: measured time of two passes and of a forward pass."""

    widths: tuple[float, ...]
    errors: tuple[float, ...]
    n_parameters: int
    n_rows: int
    both_s: float
    one_s: float

    @property
    def best(self) -> tuple[float, float]:
        """The width of the smallest error, and that error."""
        at = int(np.argmin(self.errors))
        return self.widths[at], self.errors[at]

    def text(self, language: str = "en") -> str:
        """The curve as bars, longer for a larger error, and the cost."""
        say = TEXT[language]
        rows = [(say["h"], "", say["error"])]
        for h, error in zip(self.widths, self.errors, strict=True):
            decades = 14 + np.log10(max(error, 1e-14))
            rows.append((f"{h:.0e}", "█" * max(1, round(_BAR * min(decades, 14) / 14)), f"{error:.1e}"))
        width = max(len(bar) for _, bar, _ in rows)
        result = aligned([(h, error, bar.ljust(width)) for h, bar, error in rows], indent=2, gap=2)
        cost = say["cost"].format(
            n=self.n_rows, both=1e3 * self.both_s, one=1e3 * self.one_s, p=self.n_parameters,
            whole=2 * self.n_parameters * self.one_s,
        )  # fmt: skip
        return "\n".join([*wrapped(say["head"]), *result, *wrapped(cost)])


def sweep(
    engine: Engine, parameters: Parameters, X: Any, targets: Targets, weight: Any = None, *,
    widths: Sequence[float] = WIDTHS, seed: int = 0,
) -> Sweep:  # fmt: skip
    """The error of differences along random signs through all parameters, in float64, and the cost of both ways.

    |(J(θ + h·v) − J(θ − h·v)) / 2h − g·v| / |g·v|,  v = ±1/√P
    """
    architecture = Architecture.from_dict({**parameters.architecture.to_dict(), "dtype": "float64"})
    theta = parameters.flat.astype(np.float64)
    rows = np.asarray(X, dtype=np.float64)
    y = targets.astype(np.float64) if targets.dtype.kind == "f" else targets
    w = None if weight is None else weight.astype(np.float64)
    at = Parameters(architecture, theta)
    signs = words(stream_key(seed, Purpose.CHECK, 2), theta.size)
    v = np.where(signs & 1, 1.0, -1.0) / np.sqrt(theta.size)
    both = _fastest(lambda: engine.backward(at, rows, y, w))
    one = _fastest(lambda: engine.loss(at, rows, y, w))
    backward, gradient = engine.backward(at, rows, y, w), Parameters(architecture)
    for name, part in gradient.named():
        kind, l = name.rstrip("0123456789"), int(name.lstrip(ascii_letters + "_"))
        part[...] = getattr(backward, f"d{kind}")[l]
    along = float(gradient.flat @ v)
    errors = []
    for h in counted_off(widths, "width of differences", len(widths)):
        above, _ = engine.loss(at.like(theta + h * v), rows, y, w)
        below, _ = engine.loss(at.like(theta - h * v), rows, y, w)
        error = abs((above - below) / (2 * h) - along) / max(abs(along), 1e-300)
        errors.append(float(error) if np.isfinite(error) else np.inf)
    return Sweep(
        widths=tuple(widths), errors=tuple(errors), n_parameters=theta.size, n_rows=len(rows), both_s=both, one_s=one
    )


def _fastest(act: Any, times: int = 3) -> float:
    best = np.inf
    for _ in range(times):
        began = time.perf_counter()
        act()
        best = min(best, time.perf_counter() - began)
    return best
