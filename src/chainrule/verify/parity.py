"""Engine against engine: the gradients of the same rows, and where they are furthest apart."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_letters
from typing import Any

import numpy as np

from chainrule.engine.protocol import Engine, Targets
from chainrule.network.parameters import Parameters

LIMITS = {"float32": 1e-4, "float64": 1e-11}
"""Engines sum in different orders: rounding of sums of up to some 10,000 products, through a few layers."""


@dataclass(frozen=True)
class Parity:
    """The largest max|a − n| / max(1, max|n|) over all gradients, and the entry it belongs to."""

    gap: float
    worst: str
    found: float
    expected: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the engines agree to rounding."""
        return bool(self.gap <= self.limit)


def parity(engine: Engine, reference: Engine, parameters: Parameters, X: Any, targets: Targets, weight: Any) -> Parity:
    """The gradients of one engine against those of another, every tensor of them."""
    a, n = (one.backward(parameters, X, targets, weight) for one in (engine, reference))
    worst = Parity(-1.0, "", 0.0, 0.0, LIMITS[parameters.architecture.dtype])
    for name, _ in parameters.named():
        kind, l = name.rstrip("0123456789"), int(name.lstrip(ascii_letters + "_"))
        x, y = (getattr(g, f"d{kind}")[l].astype(np.float64) for g in (a, n))
        gaps = np.abs(x - y) / max(1.0, float(np.abs(y).max()))
        gaps = np.where(np.isfinite(gaps), gaps, np.inf)
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(gaps)), gaps.shape))
        if gaps[at] > worst.gap:
            place = f"d{name}[{','.join(map(str, at))}]"
            worst = Parity(float(gaps[at]), place, float(x[at]), float(y[at]), worst.limit)
    return worst
