"""Columns become inputs of a network: one fitted encoder for each column, by its kind.

    fit(column, weight, …) -> encoder     statistics of the training rows, weighted
    encode(column)         -> (n, width)  plain NumPy on the fitted state alone
    names                  -> (width,)    what each input is

An encoder is immutable. Its dataclass fields are its whole state: arrays go to the model file as arrays,
the rest as JSON (see table_pipeline.py), so what is loaded encodes to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column, NumberColumn
from chainrule.pipeline.statistics import mean_and_scale, quantiles
from chainrule.visible import short_repr

Array = npt.NDArray[Any]
SCALINGS = ("robust", "quantile", "standard")
"""How numbers are scaled."""

SOFT_LIMIT = 3.0
"""Scaled numbers are drawn smoothly into ±3: x / √(1 + (x/3)²)."""
FARTHEST = 1e9
MOST_KNOTS = 1000


@dataclass(frozen=True, kw_only=True)
class NumberEncoder:
    """A number, scaled; where bins are given also its place in each bin; where values were missing an indicator; one
    for each word that stands among the numbers.

        robust, standard: x = (v − center)·factor, input x / √(1 + (x/3)²)
        quantile: Φ⁻¹ of the share of training rows below v, interpolated between knots
        bin t with edges a, b: (v − a) / (b − a), held within [0, 1]
        a missing value, and a word, has the inputs of the median

    Source: Holzmüller et al. (2024) for the smooth limit; Gorishniy et al. (2022) for the bins.
    """

    kind: ClassVar[str] = "number"
    reads: ClassVar[str] = "number"
    """The kind of column it takes."""
    name: str
    center: float
    factor: float
    limited: bool
    filled: float
    """The median, which replaces missing values."""
    indicator: bool
    knots: Array
    """(2, n): values and what they become (scaling by quantiles); (2, 0) otherwise."""
    edges: Array
    """Edges of the bins; fewer than 3 mean no bins."""
    low: float | None = None
    high: float | None = None
    """The lowest and the highest value of the training rows."""
    words: tuple[str, ...] = ()
    """Texts among the numbers, such as >20; each has an input that is 1 where it occurs."""
    __repr__ = short_repr

    @classmethod
    def fit(cls, column: Column, weight: Array | None, *, scaling: str, n_bins: int) -> NumberEncoder:
        """Center, factor, median, edges of the training rows. A constant column has factor 0."""
        made = cls.of_values(column.name, column.values.astype(np.float64), weight, scaling=scaling, n_bins=n_bins)
        if not isinstance(column, NumberColumn) or column.codes is None:
            return made
        return replace(made, words=column.levels or (), indicator=made.indicator and bool(column.missing.any()))

    @classmethod
    def of_values(cls, name: str, values: Array, weight: Array | None, *, scaling: str, n_bins: int) -> NumberEncoder:
        """The same from plain values, NaN = missing."""
        known = ~np.isnan(values)
        indicator = bool(known.any() and not known.all())
        present, weight = values[known], None if weight is None else weight[known]
        if not len(present):
            present, weight = np.zeros(1), None
        low, q25, median, q75, high = quantiles(present, weight, [0, 0.25, 0.5, 0.75, 1]).tolist()
        knots = np.zeros((2, 0))
        if scaling == "robust":
            center, factor = median, _robust_factor(low, q25, q75, high)
        elif scaling == "standard":
            center, spread = mean_and_scale(present, weight)
            factor = 0.0 if low == high else 1 / spread
        else:
            center, factor, knots = 0.0, 0.0 if low == high else 1.0, _normal_knots(present, weight)
        edges = _edges(present, weight, n_bins) if n_bins > 1 else np.zeros(0)
        return cls(
            name=name,
            center=center,
            factor=factor,
            limited=scaling == "robust",
            filled=median,
            indicator=indicator,
            knots=knots,
            edges=edges,
            low=low,
            high=high,
        )

    @property
    def n_bins(self) -> int:
        """Inputs that encode the position within the bins."""
        return len(self.edges) - 1 if len(self.edges) > 2 else 0

    @property
    def names(self) -> tuple[str, ...]:
        """The number, its bins, its indicator."""
        bins = (f"{self.name} {a:g}…{b:g}" for a, b in zip(self.edges[:-1], self.edges[1:], strict=True))
        result = (self.name, *(bins if self.n_bins else ()))
        result = (*result, f"{self.name} missing") if self.indicator else result
        return (*result, *(f"{self.name}={word}" for word in self.words))

    @property
    def proximity(self) -> tuple[float, ...]:
        """How much a squared difference of each input counts in the distance of two rows; bins do not."""
        return (1.0, *(0.0,) * self.n_bins, *(1.0,) * self.indicator, *(0.5,) * len(self.words))

    def encode(self, column: Column) -> Array:
        """(n, 1 + n_bins + indicator + words)."""
        inputs = self.of(column.values.astype(np.float64))
        if not self.words:
            return inputs
        codes = column.codes if isinstance(column, NumberColumn) else None
        if codes is None:
            return np.hstack([inputs, np.zeros((len(column), len(self.words)))])
        if self.indicator:
            inputs[:, -1] = column.missing
        known = column.levels or ()
        places = np.array([known.index(word) if word in known else len(known) for word in self.words])
        return np.hstack([inputs, (codes[:, None] == places).astype(np.float64)])

    def of(self, values: Array) -> Array:
        """The same of plain values, NaN = missing."""
        missing = np.isnan(values)
        v = np.where(missing, self.filled, values)
        parts = [self._scaled(v)[:, None]]
        if self.n_bins:
            a, b = self.edges[:-1], self.edges[1:]
            with np.errstate(over="ignore"):
                parts.append(np.clip((v[:, None] - a) / (b - a), 0.0, 1.0))
        if self.indicator:
            parts.append(missing[:, None].astype(np.float64))
        return np.hstack(parts)

    def _scaled(self, v: Array) -> Array:
        if self.knots.shape[1]:
            return self.factor * np.interp(v, self.knots[0], self.knots[1])
        if self.factor == 0:
            return np.zeros(len(v))
        with np.errstate(over="ignore"):
            x = np.clip((v - self.center) * self.factor, -FARTHEST, FARTHEST)
        return x / np.sqrt(1 + (x / SOFT_LIMIT) ** 2) if self.limited else x


def _robust_factor(low: float, q25: float, q75: float, high: float) -> float:
    """1 / (q75 − q25); where half of the rows share a value 2 / (high − low); 0 for a constant."""
    if low == high:
        return 0.0
    half = 0.5 * q75 - 0.5 * q25  # halves first: the difference of the largest floats must not overflow
    factor = 0.5 / half if half > 0 else 1 / (0.5 * high - 0.5 * low)
    return min(factor, 1e300)


def _normal_knots(present: Array, weight: Array | None) -> Array:
    from scipy.special import ndtri

    n = int(np.clip(len(present) // 30, 10, MOST_KNOTS))
    shares = (np.arange(n) + 0.5) / n
    values, first = np.unique(quantiles(present, weight, shares), return_index=True)
    last = np.append(first[1:], n) - 1
    return np.stack([values, ndtri(0.5 * (shares[first] + shares[last]))])


def _edges(present: Array, weight: Array | None, n_bins: int) -> Array:
    """Edges at equal shares of the rows; at every value where there are few values."""
    distinct = np.unique(present[weight > 0] if weight is not None and (weight > 0).any() else present)
    if len(distinct) > 2 * n_bins:
        distinct = np.unique(quantiles(present, weight, np.linspace(0, 1, n_bins + 1)))
    with np.errstate(over="ignore"):
        wide = np.append(True, np.diff(distinct) > 1e-9 * max(float(np.abs(distinct).max()), 1e-300))
        edges: Array = distinct[wide]
        return edges if np.isfinite(edges[-1] - edges[0]) else np.zeros(0)


@dataclass(frozen=True)
class BooleanEncoder:
    """True +1, false −1, missing 0."""

    kind: ClassVar[str] = "boolean"
    reads: ClassVar[str] = "boolean"
    name: str

    @classmethod
    def fit(cls, column: Column) -> BooleanEncoder:
        """Nothing to fit."""
        return cls(column.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The column itself."""
        return (self.name,)

    @property
    def proximity(self) -> tuple[float, ...]:
        """True and false are 1 apart."""
        return (0.25,)

    def encode(self, column: Column) -> Array:
        """(n, 1)."""
        return np.where(np.isnan(column.values), 0.0, np.where(column.values > 0, 1.0, -1.0))[:, None]


CYCLES: dict[str, tuple[Callable[[Array], Array], int]] = {
    "year": (lambda t: _since(t, "datetime64[Y]") / (86400 * 365.25), 2),
    "week": (lambda t: (t.astype("datetime64[D]").astype(np.int64) + 3) % 7 / 7.0, 3),
    "day": (lambda t: _since(t, "datetime64[D]") / 86400, 3),
}
"""Cycles of a time: how much of it has passed, in [0, 1), and how many of its harmonics become inputs."""


def _since(times: Array, start: str) -> Array:
    return (times - times.astype(start)).astype("timedelta64[us]").astype(np.float64) / 1e6


def _cycle_varies(name: str, times: Array) -> bool:
    """Months differ, weekdays differ, hours differ."""
    step = {"year": "datetime64[M]", "week": "datetime64[D]", "day": "datetime64[h]"}[name]
    units = np.unique(times.astype(step).astype(np.int64) % {"year": 12, "week": 7, "day": 24}[name])
    return len(units) > 1


@dataclass(frozen=True)
class TimeEncoder:
    """A time: the time elapsed as a number, and sine and cosine of year, week and day where they vary."""

    kind: ClassVar[str] = "time"
    reads: ClassVar[str] = "time"
    name: str
    elapsed: NumberEncoder
    cycles: tuple[str, ...]
    __repr__ = short_repr

    @classmethod
    def fit(cls, column: Column, weight: Array | None) -> TimeEncoder:
        """The scale of elapsed seconds, and the cycles that vary in the training rows."""
        present = column.values[~np.isnat(column.values)]
        elapsed = NumberEncoder.of_values(column.name, _seconds(column.values), weight, scaling="robust", n_bins=0)
        return cls(column.name, elapsed, tuple(name for name in CYCLES if _cycle_varies(name, present)))

    @property
    def names(self) -> tuple[str, ...]:
        """Elapsed time, its indicator, sines and cosines."""
        waves = (
            f"{self.name} {wave} {k}/{cycle}"
            for cycle in self.cycles
            for k in range(1, CYCLES[cycle][1] + 1)
            for wave in ("sin", "cos")
        )
        return (*self.elapsed.names, *waves)

    @property
    def proximity(self) -> tuple[float, ...]:
        """Sine and cosine are 2 across."""
        return (*self.elapsed.proximity, *(0.5,) * (len(self.names) - len(self.elapsed.names)))

    def encode(self, column: Column) -> Array:
        """(n, width); a missing time has sines and cosines 0."""
        parts = [self.elapsed.of(_seconds(column.values))]
        missing = np.isnat(column.values)
        times = np.where(missing, np.datetime64(0, "us"), column.values)
        for cycle in self.cycles:
            share, n_harmonics = CYCLES[cycle]
            turn = 2 * np.pi * share(times)[:, None] * np.arange(1, n_harmonics + 1)
            waves = np.stack([np.sin(turn), np.cos(turn)], axis=2).reshape(len(times), -1)
            parts.append(np.where(missing[:, None], 0.0, waves))
        return np.hstack(parts)


def _seconds(times: Array) -> Array:
    seconds = times.astype("datetime64[us]").astype(np.int64) / 1e6
    return np.where(np.isnat(times), np.nan, seconds)
