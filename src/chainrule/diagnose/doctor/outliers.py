"""Targets that belong to other rows, among values: a share of them drawn from anywhere, the others near a prediction.

Two models of the residual r = y − f(x) are compared row by row; f: a forest's prediction for rows it has not seen.

    A   t(r / s) / s, also with a share q of    heavy tails, a scale s for every tenth of the predictions;
        residuals as wide as all targets are    all of them about the prediction
    B   (1 − q)·t(r / s) / s + q·p(y)           a share q of the targets drawn from the density p of all targets

Heavy tails and a spread that grows with the prediction are in both. Only where targets are outliers to their
rows do the residuals of high predictions reach down, and those of low ones up, as far as p(y) says.

Source    mixture with a contaminating distribution: Tukey (1960); comparison of likelihoods row by row: Vuong (1989)
"""

from __future__ import annotations

from math import exp, lgamma, log, pi
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
PARTS = 10
DEGREES = (2, 3, 5, 10, 50)
SCALES_ALONE = (0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.5, 4.0)
SCALES_MIXED = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.3)
SHARES = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75)


def share_of_outliers(y: Array, predicted: Array) -> tuple[float, float]:
    """The share q that fits best, and by how many standard errors model B is more likely than A.

    Args      y, predicted (n,): targets, and predictions made without them
    """
    slope, intercept = np.polyfit(predicted, y, 1)  # outliers pull every prediction to the mean
    f = slope * predicted + intercept
    residual, scale, part = np.empty(len(y)), np.empty(len(y)), np.empty(len(y), dtype=int)
    for k, rows in enumerate(np.array_split(np.argsort(f, kind="stable"), PARTS)):
        r = y[rows] - f[rows]
        residual[rows] = r - np.median(r)
        scale[rows] = 1.4826 * np.median(np.abs(residual[rows])) + 1e-3 * y.std()
        part[rows] = k
    parts = [np.flatnonzero(part == k) for k in range(PARTS)]
    near = [_likelihood(residual, scale, parts, df, SCALES_ALONE, 0.0, residual) for df in DEGREES]
    about_f = student(residual / y.std(), 50) / y.std()
    near += [_likelihood(residual, scale, parts, df, SCALES_MIXED, q, about_f) for q in SHARES for df in DEGREES[1:]]
    alone, p = _best(near)[0], density(y)
    mixed, at = _best(
        [_likelihood(residual, scale, parts, df, SCALES_MIXED, q, p) for q in SHARES for df in DEGREES[1:]]
    )
    gain = mixed - alone
    error = float(gain.std() / np.sqrt(len(gain)))
    return SHARES[at // len(DEGREES[1:])], float(gain.mean() / error) if error > 0 else 0.0


def _best(candidates: list[Array]) -> tuple[Array, int]:
    at = int(np.argmax([candidate.sum() for candidate in candidates]))
    return candidates[at], at


def _likelihood(
    r: Array, s: Array, parts: list[Array], df: int, scales: tuple[float, ...], q: float, p: Array
) -> Array:
    """log of the model's density at every row, the scale of every part chosen among multiples of s."""
    density = np.empty(len(r))
    for rows in parts:
        tries = []
        for factor in scales:
            width = factor * s[rows]
            near = student(r[rows] / width, df) / width
            tries.append(np.log((1 - q) * near + (q * p[rows] if q else 0.0) + 1e-300))
        density[rows] = max(tries, key=lambda values: float(values.sum()))
    return density


def student(x: Array, df: int) -> Array:
    """Density of Student's t.

    Examples
    --------
    >>> round(float(student(np.zeros(1), 2)[0]), 6)
    0.353553
    """
    c = exp(lgamma((df + 1) / 2) - lgamma(df / 2) - 0.5 * log(df * pi))
    density: Array = c * (1 + x * x / df) ** (-(df + 1) / 2)
    return density


def density(y: Array) -> Array:
    """Density of y at its own values: Gaussian kernels by Silverman's rule, not narrower than values lie apart."""
    values = np.unique(y)
    apart = float(np.median(np.diff(values))) if len(values) > 1 else 1.0
    quartiles = np.quantile(y, (0.25, 0.75))
    spread = min(float(y.std()), float(quartiles[1] - quartiles[0]) / 1.349 or float(y.std()))
    h = max(1.06 * spread * len(y) ** -0.2, apart, 1e-9)
    density: Array = np.exp(-0.5 * ((y[:, None] - y[None, :]) / h) ** 2).mean(axis=1) / (h * np.sqrt(2 * pi))
    return density
