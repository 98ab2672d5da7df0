"""Several outputs for one target, its heads: a point, and beside it levels that cannot cross, or a deviation.

The outputs of target t are t·n … t·n + n − 1, and the first of them is the point forecast. Of every other output the
target is the same y.

    ordered_quantiles   q of the level next below the point is p − softplus(s), each further one another softplus(s)
                        lower; above the point alike: q_k ≤ p ≤ q_k′ whatever the outputs are
    standard_deviation  σ = SMALLEST_DEVIATION + softplus(s)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import SettingsError
from chainrule.reference.activation import Array
from chainrule.reference.activations import ACTIVATIONS
from chainrule.visible import short_repr

SMALLEST_DEVIATION = 1e-3
"""Below it σ never falls: without a floor one row that is fitted exactly would take the loss to −∞."""
MOST_LEVELS = 32
MEDIAN = 0.5


@dataclass(frozen=True, kw_only=True)
class Heads:
    """What the outputs of a target say beside its point forecast.

    Parameters
    ----------
    n : int
        Outputs for each target; the first is the point forecast.
    levels : tuple of float
        Levels that are predicted beside it, ascending: the share of targets below each.
    quantiles : callable
        Called with the outputs of one target each, (…, n); gives its levels, (…, len(levels)).
    deviation : callable, optional
        Called with the same; gives the standard deviation, (…).
    point : str, default "squared_error"
        The loss of the point forecast.

    Examples
    --------
    >>> from chainrule.reference.losses import loss_named
    >>> loss_named("intervals:0.1,0.9").heads.columns
    ('lower_0.1', 'upper_0.9')
    """

    n: int
    levels: tuple[float, ...]
    quantiles: Callable[[Array], Array]
    deviation: Callable[[Array], Array] | None = None
    point: str = "squared_error"
    __repr__ = short_repr

    @property
    def columns(self) -> tuple[str, ...]:
        """The name of every level: lower_0.1, upper_0.9."""
        return tuple(f"{'lower' if level < MEDIAN else 'upper'}_{level!r}" for level in self.levels)

    @property
    def point_family(self) -> str:
        """The loss of the point forecast without its parameter."""
        return self.point.partition(":")[0]

    @property
    def n_below(self) -> int:
        """Levels below the point forecast."""
        return sum(level < MEDIAN for level in self.levels)

    def grouped(self, a: Array) -> Array:
        """Return the outputs by target.

        Parameters
        ----------
        a : ndarray of shape (n_samples, n_outputs)
            The outputs.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, n)
            The same, a view.
        """
        return a.reshape(len(a), a.shape[1] // self.n, self.n)


def interval_levels(given: str | Iterable[Any]) -> tuple[float, ...]:
    """The levels of intervals, ascending and each once; from "0.1,0.9" or numbers.

    Raises SettingsError for none, more than MOST_LEVELS, or one that is no number between 0 and 1 or is the median.

    Examples
    --------
    >>> interval_levels("0.9, 0.10"), interval_levels([0.05, 0.95, 0.05])
    ((0.1, 0.9), (0.05, 0.95))
    """
    parts = given.split(",") if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    found = set()
    for part in parts:
        try:
            level = float(part)
        except (TypeError, ValueError):
            level = np.nan
        shown = part.strip() if isinstance(part, str) else part
        if not 0 < level < 1:
            raise SettingsError(f"intervals={shown!r}: must be levels between 0 and 1. Try 0.1,0.9.")
        if level == MEDIAN:
            raise SettingsError(
                "intervals=0.5: must be below or above 0.5: the median bounds nothing. "
                "To predict the median itself, leave it out and set loss to absolute_error."
            )
        found.add(level)
    if not 0 < len(found) <= MOST_LEVELS:
        raise SettingsError(f"intervals: must be 1 to {MOST_LEVELS} levels (got {len(found)}). Try 0.1,0.9.")
    return tuple(sorted(found))


def outward(levels: tuple[float, ...]) -> tuple[tuple[float, range], ...]:
    """The levels on either side of the point from it outwards: −1 or 1, and their places among the heads."""
    below = sum(level < MEDIAN for level in levels)
    return (-1.0, range(below, 0, -1)), (1.0, range(below + 1, len(levels) + 1))


def ordered_quantiles(levels: tuple[float, ...], a: Array) -> Array:
    """Levels (…, k) from the heads of a target (…, 1 + k): the point, and sums of softplus on either side of it.

    q_j = p ± Σ softplus(s_i) over the levels i from the point to j; so lower ≤ p ≤ upper, and no two cross.

    Examples
    --------
    >>> ordered_quantiles((0.05, 0.1, 0.9), np.array([5.0, 0.0, 0.0, 0.0])).round(3)  # softplus(0) = 0.693
    array([3.614, 4.307, 5.693])
    """
    q = np.empty_like(a[..., 1:])
    for sign, places in outward(levels):
        at = a[..., 0]
        for k in places:
            at = at + sign * ACTIVATIONS["softplus"].g(a[..., k])
            q[..., k - 1] = at
    return q


def standard_deviation(s: Array) -> Array:
    """σ = SMALLEST_DEVIATION + softplus(s)."""
    found: Array = SMALLEST_DEVIATION + ACTIVATIONS["softplus"].g(s)
    return found


def normal_quantiles(levels: tuple[float, ...], a: Array) -> Array:
    """Levels (…, k) of normal distributions from their heads (…, 2): μ + σ·Φ⁻¹(level)."""
    from statistics import NormalDist

    normal = NormalDist()
    at = np.array([normal.inv_cdf(level) for level in levels], a.dtype)
    found: Array = a[..., :1] + standard_deviation(a[..., 1:]) * at
    return found
