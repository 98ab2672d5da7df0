"""Losses of targets with several heads: a point forecast with intervals, and the normal distribution.

    intervals  loss = point(p, y) + Σ_k pinball_k(q_k, y),  q = ordered_quantiles(p, s)
    gaussian   loss = ½·(y − μ)²/σ² + log σ + ½·log 2π,  σ = standard_deviation(s)

Both are on identity outputs, so that ∂loss/∂a is delta. See reference/heads.py for what the outputs mean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.errors import SettingsError
from chainrule.reference import interval_texts as texts
from chainrule.reference.activation import Array
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.heads import Heads, normal_quantiles, ordered_quantiles, outward, standard_deviation
from chainrule.reference.interval_texts import HALF_LOG_2_PI
from chainrule.reference.loss import Loss, Pair, filled

# a point forecast with intervals --------------------------------------------------------------------------


def intervals(name: str, levels: tuple[float, ...], point: Loss) -> Loss:
    """The loss of a point forecast and its levels; `point` is the loss of the forecast."""
    if point.heads is not None or "identity" not in point.pairs:
        raise SettingsError(
            f"loss={point.name!r}: has no intervals, which need a loss of numbers of any sign. "
            "Try squared_error, huber or absolute_error."
        )
    heads = Heads(
        n=1 + len(levels), levels=levels, quantiles=lambda a: ordered_quantiles(levels, a), point=point.name
    )  # fmt: skip
    listed = ", ".join(map(repr, levels))
    return Loss(
        name=name,
        formula=f"Σ_t {point.name}(p_t) + Σ_k max((1 − q_k)·e_k, −q_k·e_k), e_k = p_t ± Σ softplus(s) − y_t, "
        f"q = {listed}",
        own={"identity": _pair_of_intervals(heads, point.pair("identity"))},
        heads=heads,
        parameter=point.parameter,
        distance=True,
        side=_sides(point),
        constant=_constant_intervals(levels, point),
        worked=texts.intervals(heads, point),
        gates=texts.intervals_gates(heads, point),
    )  # fmt: skip


def _pair_of_intervals(heads: Heads, point: Pair) -> Pair:
    q_of, level = heads.quantiles, np.array(heads.levels)

    def value(z: Array, a: Array, y: Array) -> Array:
        a, y = heads.grouped(a), heads.grouped(y)
        p, truth = a[..., 0], y[..., 0]
        e = q_of(a) - truth[..., None]
        pinball = np.maximum((1 - level) * e, -level * e).sum(axis=(1, 2))
        return np.asarray(point.value(p, p, truth) + pinball, a.dtype)

    def da(a: Array, y: Array) -> Array:
        shape, a, y = a.shape, heads.grouped(a), heads.grouped(y)
        found = np.empty_like(a)
        pulls = _outer_sums(heads, _pull(a, y))
        found[..., 1:] = pulls * ACTIVATIONS["sigmoid"].g(a[..., 1:])
        found[..., 0] = point.da(a[..., 0], y[..., 0]) + _pull(a, y).sum(axis=2)
        return found.reshape(shape)

    def change(z: Array, a: Array, y: Array, Ra: Array) -> Array:
        shape, a, y, Ra = a.shape, heads.grouped(a), heads.grouped(y), heads.grouped(Ra)
        found, s = np.empty_like(a), ACTIVATIONS["sigmoid"].g(a[..., 1:])
        found[..., 1:] = _outer_sums(heads, _pull(a, y)) * (s * (1 - s)) * Ra[..., 1:]
        p, truth = a[..., 0], y[..., 0]
        found[..., 0] = (np.ones_like(p) if point.dda is None else point.dda(p, truth)) * Ra[..., 0]
        return found.reshape(shape)

    def _pull(a: Array, y: Array) -> Array:
        """∂loss/∂q of every level: 1 − q above y, −q below."""
        e = q_of(a) - y[..., :1]
        return np.where(e > 0, 1 - level, np.where(e < 0, -level, e)).astype(a.dtype)

    return Pair(value=value, da=da, change=change)


def _outer_sums(heads: Heads, pull: Array) -> Array:
    """∂loss/∂softplus(s) of every level: it moves its own level and all further ones outward, down or up."""
    found = np.empty_like(pull)
    for sign, places in outward(heads.levels):
        total = np.zeros_like(pull[..., 0])
        for k in reversed(places):
            total = total + pull[..., k - 1]
            found[..., k - 1] = sign * total
    return found


def _sides(point: Loss) -> Callable[[Array], Array]:
    def side(e: Array) -> Array:
        found = np.sign(e)
        found[..., 0] = 0 if point.side is None else point.side(e[..., 0])
        return found

    return side


def _constant_intervals(levels: tuple[float, ...], point: Loss) -> Callable[[Array, Array, Array], Array]:
    n = 1 + len(levels)

    def constant(y: Array, known: Array, mean: Array) -> Array:
        found = np.zeros_like(y, np.float64)
        if point.constant is not None:
            found[:, ::n] = point.constant(y[:, ::n], known[:, ::n], mean[::n])
        for k, level in enumerate(levels, start=1):
            at = np.nanquantile(np.where(known, y, np.nan)[:, k::n], level, axis=0)
            e = at - y[:, k::n]
            found[:, k::n] = np.maximum((1 - level) * e, -level * e)
        return found

    return constant


# the normal distribution ------------------------------------------------------------------------------------


def gaussian(name: str, levels: tuple[float, ...]) -> Loss:
    """The negative log-likelihood of normal distributions, mean and deviation by two heads."""
    heads = Heads(
        n=2, levels=levels, quantiles=lambda a: normal_quantiles(levels, a),
        deviation=lambda a: standard_deviation(a[..., 1]),
    )  # fmt: skip
    return Loss(
        name=name,
        formula="Σ_t ½·(y_t − μ_t)²/σ_t² + log σ_t + ½·log 2π, σ_t = 0.001 + softplus(s_t)",
        own={"identity": Pair(value=_gaussian, da=_gaussian_da, change=_gaussian_change)},
        heads=heads,
        distance=True,
        scale=_scale_of_gaussian,
        constant=_constant_gaussian,
        least=_least_gaussian,
        worked=texts.gaussian,
        gates=texts.gaussian_gates,
    )


def _gaussian(z: Array, a: Array, y: Array) -> Array:
    e, sigma = a[:, ::2] - y[:, ::2], standard_deviation(a[:, 1::2])
    u = e / sigma
    found: Array = (0.5 * (u * u) + np.log(sigma) + np.asarray(HALF_LOG_2_PI, a.dtype)).sum(axis=1)
    return found


def _gaussian_da(a: Array, y: Array) -> Array:
    # by μ: e/σ²; by s: (1 − e²/σ²)/σ·σ′(s), where σ′ = sigmoid
    found, sigma = np.empty_like(a), standard_deviation(a[:, 1::2])
    u = (a[:, ::2] - y[:, ::2]) / sigma
    found[:, ::2] = u / sigma
    found[:, 1::2] = (1 - u * u) / sigma * ACTIVATIONS["sigmoid"].g(a[:, 1::2])
    return found


def _gaussian_change(z: Array, a: Array, y: Array, Ra: Array) -> Array:
    found, sigma, slope = np.empty_like(a), standard_deviation(a[:, 1::2]), ACTIVATIONS["sigmoid"].g(a[:, 1::2])
    u, Rsigma = (a[:, ::2] - y[:, ::2]) / sigma, slope * Ra[:, 1::2]
    Ru = (Ra[:, ::2] - u * Rsigma) / sigma
    found[:, ::2] = (Ru - u / sigma * Rsigma) / sigma
    by_sigma = (1 - u * u) / sigma
    R_by_sigma = (-2 * u * Ru - by_sigma * Rsigma) / sigma
    found[:, 1::2] = R_by_sigma * slope + by_sigma * (1 - slope) * Rsigma
    return found


def _scale_of_gaussian(targets: Array, n_outputs: int) -> float:
    y = filled(targets)[0][:, ::2]
    return float((0.5 * y.var(axis=0) + np.abs(y).mean(axis=0)).sum()) + n_outputs


def _constant_gaussian(y: Array, known: Array, mean: Array) -> Array:
    # of mean μ and deviation σ of y, half of it on either head; missing ones are left out by the caller
    w = known.astype(np.float64)
    variance = (w * (y - mean) ** 2).sum(axis=0) / np.maximum(w.sum(axis=0), 1)
    sigma = np.maximum(np.sqrt(variance), standard_deviation(np.asarray(-np.inf)))
    found: Array = 0.5 * (0.5 * ((y - mean) / sigma) ** 2 + np.log(sigma) + HALF_LOG_2_PI)
    return found


def _least_gaussian(y: Array, known: Array, mean: Array) -> Array:
    # densities have no upper bound: a deviation of a tenth of the constant's counts as good as any
    found: Array = _constant_gaussian(y, known, mean) - 0.5 * np.log(10.0)
    return found
