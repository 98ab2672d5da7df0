"""Losses of targets with several outputs: levels that cannot cross, and the normal distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
import peers
from chainrule.errors import SettingsError
from chainrule.reference.activations import Array
from chainrule.reference.heads import interval_levels
from chainrule.reference.losses import bend_of_delta, loss_named, value_and_delta, with_levels
from tolerances import ALGEBRA, CENTRAL_DIFFERENCE, CENTRAL_DIFFERENCE_STEP, HAND, PARITY, assert_close

LOSSES = ["intervals:0.05,0.1,0.9", "intervals:0.9:huber", "intervals:0.1:absolute_error", "gaussian"]
INVERSE_SOFTPLUS_1 = math.log(math.e - 1)


def both(loss: str, a: Array, y: Array) -> tuple[Array, Array]:
    """Value and delta where every output of a target has its y (n, n_targets)."""
    return value_and_delta(loss, "identity", a, a, np.repeat(y, loss_named(loss).n_heads, axis=1))


def drawn(loss: str, n_targets: int = 2) -> tuple[Array, Array]:
    """Outputs and targets (n, n_targets)."""
    rng = np.random.default_rng(7)
    return rng.normal(size=(12, n_targets * loss_named(loss).n_heads)), 2 * rng.normal(size=(12, n_targets))


def test_intervals_by_hand() -> None:
    """p = 4, softplus(s) = 1: levels 2, 3 and 5; y = 2.5 lies above the first and below the second."""
    a = np.array([[4.0, INVERSE_SOFTPLUS_1, INVERSE_SOFTPLUS_1, INVERSE_SOFTPLUS_1]])
    value, delta = both("intervals:0.05,0.1,0.9", a, np.array([[2.5]]))
    assert_close(value, [0.5 * 1.5**2 + 0.05 * 0.5 + 0.9 * 0.5 + 0.1 * 2.5], HAND)
    slope = 1 - 1 / math.e  # of softplus there
    pulls = [-0.05, 0.9, 0.1]
    by_hand = [1.5 + sum(pulls), 0.05 * slope, -(0.9 - 0.05) * slope, 0.1 * slope]
    assert_close(delta, [by_hand], HAND)


def test_gaussian_by_hand() -> None:
    """σ = 0.001 + 1 and e = 2: ½·4/σ² + log σ + ½·log 2π."""
    value, delta = both("gaussian", np.array([[3.0, INVERSE_SOFTPLUS_1]]), np.array([[1.0]]))
    sigma = 1.001
    assert_close(value, [2 / sigma**2 + math.log(sigma) + 0.5 * math.log(2 * math.pi)], HAND)
    assert_close(delta, [[2 / sigma**2, (1 / sigma - 4 / sigma**3) * (1 - 1 / math.e)]], HAND)


@pytest.mark.parametrize("loss", LOSSES)
def test_derivatives_are_differences(loss: str) -> None:
    """delta equals central differences of the loss, and its change along a direction those of delta; NaN stays out."""
    (a, y), h = drawn(loss), CENTRAL_DIFFERENCE_STEP
    y[2, 0] = y[5, 1] = np.nan
    delta, numeric = both(loss, a, y)[1], np.empty_like(a)
    for j in range(a.shape[1]):
        shift = np.zeros_like(a)
        shift[:, j] = h
        numeric[:, j] = (both(loss, a + shift, y)[0] - both(loss, a - shift, y)[0]) / (2 * h)
    assert_close(delta, numeric, CENTRAL_DIFFERENCE)
    n = loss_named(loss).n_heads
    assert (delta[2, :n] == 0).all() and (delta[2, n:] != 0).any() and (delta[5, n:] == 0).all()
    Ra = np.random.default_rng(8).normal(size=a.shape)
    changed = (both(loss, a + h * Ra, y)[1] - both(loss, a - h * Ra, y)[1]) / (2 * h)
    found = bend_of_delta(loss, "identity", a, a, np.repeat(y, n, axis=1), Ra)
    assert_close(found, changed, CENTRAL_DIFFERENCE)


def test_parity_with_torch() -> None:
    """Value and delta equal PyTorch's distributions, softplus and autograd."""
    torch = peers.torch()
    for loss in LOSSES:
        a, y = drawn(loss, n_targets=1)
        entry = loss_named(loss)
        t, truth = torch.tensor(a, requires_grad=True), torch.tensor(y[:, 0])
        assert entry.heads is not None
        if entry.heads.deviation is not None:
            sigma = 1e-3 + torch.nn.functional.softplus(t[:, 1])
            wanted = -torch.distributions.Normal(t[:, 0], sigma).log_prob(truth)
        else:
            e = t[:, 0] - truth
            wanted = {
                "squared_error": 0.5 * e**2,
                "absolute_error": e.abs(),
                "huber": torch.nn.functional.huber_loss(t[:, 0], truth, reduction="none"),
            }[entry.heads.point]
            steps = torch.nn.functional.softplus(t[:, 1:])
            n_below = sum(level < 0.5 for level in entry.heads.levels)
            below = t[:, :1] - steps[:, :n_below].flip(1).cumsum(1).flip(1)
            levels = torch.cat([below, t[:, :1] + steps[:, n_below:].cumsum(1)], dim=1)
            for k, q in enumerate(entry.heads.levels):
                gap = truth - levels[:, k]
                wanted = wanted + torch.maximum(q * gap, (q - 1) * gap)
        wanted.sum().backward()
        value, delta = both(loss, a, y)
        assert_close(value, wanted.detach().numpy(), PARITY)
        assert_close(delta, t.grad.numpy(), PARITY)


def test_the_best_constant_has_the_quantiles_and_the_mean() -> None:
    """Of 1 … 21 the sum of losses is smallest at the mean and at the empirical quantiles of the levels."""
    y = np.arange(1.0, 22)[:, None]

    def total(p: float, low: float, high: float) -> float:
        s = [math.log(math.expm1(p - low)), math.log(math.expm1(high - p))]
        return float(both("intervals:0.11,0.88", np.tile([p, *s], (21, 1)), y)[0].sum())

    best = total(11, 3, 19)  # the 3rd: 0.11·21 = 2.31; the 19th: 0.88·21 = 18.48
    others = [
        total(11 + dp, 3 + dl, 19 + dh) for dp in (-0.1, 0, 0.1) for dl in (-0.1, 0, 0.1) for dh in (-0.1, 0, 0.1)
    ]
    assert min(others) == best and sum(value <= best + 1e-9 for value in others) == 1
    _, delta = both("gaussian", np.tile([11.0, math.log(math.expm1(y.std() - 1e-3))], (21, 1)), y)
    assert_close(delta.sum(axis=0), [0, 0], ALGEBRA)


@pytest.mark.parametrize("loss", [*LOSSES[:3], "gaussian:0.05,0.2,0.7,0.95"])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e3])
def test_levels_never_cross(loss: str, scale: float) -> None:
    """Whatever the weights: lower levels ascend to the prediction, upper ones from it, in both precisions."""
    rng = np.random.default_rng(1)
    for dtype in ("float32", "float64"):
        net = cr.Network([4, 8, 2 * loss_named(loss).n_heads], output="identity", loss=loss, dtype=dtype)
        for parameter in (*net.W[1:], *net.b[1:]):
            parameter[...] = scale * rng.normal(size=parameter.shape)
        X = rng.normal(size=(200, 4))
        levels, point = net.predict_quantiles(X), net.predict(X)
        chain = np.insert(levels, sum(q < 0.5 for q in loss_named(loss).heads.levels), point, axis=2)  # type: ignore[union-attr]
        assert chain.shape == (200, 2, levels.shape[2] + 1)
        assert (np.diff(chain, axis=2) >= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_extremes_are_finite(loss: str, dtype: type) -> None:
    """At outputs of ±1e4 nothing overflows, and the precision is kept."""
    n = loss_named(loss).n_heads
    a = np.array([[1e4] * n, [-1e4] * n, [1e4, *[-1e4] * (n - 1)]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, delta = both(loss, a, np.zeros((3, 1), dtype))
        bend = bend_of_delta(loss, "identity", a, a, np.zeros_like(a), np.ones_like(a))
    assert np.isfinite(value).all() and np.isfinite(delta).all() and np.isfinite(bend).all()
    assert value.dtype == delta.dtype == dtype


def test_levels_are_sorted_once_and_named_alike() -> None:
    """However the levels are written, a loss has one name."""
    assert loss_named("intervals:0.9, 0.10,.9").name == "intervals:0.1,0.9"
    assert loss_named("intervals:0.9:squared_error").name == "intervals:0.9"
    assert loss_named("intervals").heads.levels == (0.1, 0.9)  # type: ignore[union-attr]
    assert loss_named("gaussian:0.9,0.1").name == "gaussian:0.1,0.9"
    assert loss_named("intervals:0.1,0.9").heads.columns == ("lower_0.1", "upper_0.9")  # type: ignore[union-attr]
    assert with_levels("intervals:0.2:huber", (0.1,)) == "intervals:0.1:huber"
    assert with_levels("quantile:0.4", (0.1,)) == "intervals:0.1:quantile:0.4"
    assert interval_levels(0.9) == (0.9,)


@pytest.mark.parametrize("wrong", ["0", "1", "0.1,1.5", "nan", "a", "", "-0.1", "0.1,,0.9"])
def test_what_is_no_level_is_refused(wrong: str) -> None:
    """Numbers outside 0 … 1 and words, in the message; the median with what to do instead."""
    with pytest.raises(SettingsError, match="must be levels between 0 and 1"):
        interval_levels(wrong)
    with pytest.raises(SettingsError, match="absolute_error"):
        interval_levels("0.5")
    with pytest.raises(SettingsError, match="1 to 32 levels"):
        interval_levels(())
    for point in ("cross_entropy", "poisson", "gaussian"):
        with pytest.raises(SettingsError, match="has no intervals"):
            loss_named(f"intervals:0.1:{point}")


def test_as_many_outputs_as_heads() -> None:
    """A last layer that does not hold whole targets is refused with the size it needs."""
    with pytest.raises(SettingsError, match=r"needs 3 outputs for each target .* Make the last size 6"):
        cr.Network([2, 4], output="identity", loss="intervals:0.1,0.9")
    with pytest.raises(SettingsError, match="legal output activations: identity"):
        cr.Network([2, 3], output="sigmoid", loss="intervals:0.1,0.9")
