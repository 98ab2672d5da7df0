"""Losses on every legal output activation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import peers
from chainrule.errors import SettingsError
from chainrule.reference.activations import ACTIVATIONS, Array
from chainrule.reference.focal import best_constant
from chainrule.reference.losses import LOSSES, loss_named, value_and_delta
from tolerances import (
    ALGEBRA,
    CENTRAL_DIFFERENCE,
    CENTRAL_DIFFERENCE_STEP,
    FLOAT32,
    FUSED,
    HAND,
    PARITY,
    assert_close,
)

WITH_A_NUMBER = ("quantile:0.9", "focal:0.5", "focal:0")
PAIRS = [
    (loss, output)
    for loss in (*LOSSES, *WITH_A_NUMBER)
    for output in loss_named(loss).pairs
    if loss_named(loss).heads is None
]
FUSED_PAIRS = [(loss, output) for loss, output in PAIRS if loss_named(loss).pairs[output].fused]
CLOSED_PAIRS = [(loss, output) for loss, output in PAIRS if loss_named(loss).pairs[output].delta] + FUSED_PAIRS
PROPER_PAIRS = [(loss, output) for loss, output in PAIRS if loss not in ("focal", "focal:0.5")]
"""The focal loss is no proper score: of a share of one half it predicts less than one that is right."""


def targets(loss: str, output: str, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Targets that are legal for the loss: distributions, probabilities, counts, or any numbers."""
    if loss_named(loss).of_classes:
        y = rng.uniform(size=shape)
        return y / y.sum(axis=1, keepdims=True) if output == "softmax" else y
    if loss == "poisson":
        return rng.integers(0, 6, size=shape).astype(np.float64)
    return 2 * rng.normal(size=shape)


def both(loss: str, output: str, z: Array, y: Array) -> tuple[Array, Array]:
    """value and delta at z."""
    return value_and_delta(loss, output, z, ACTIVATIONS[output].g(z), y)


def test_table() -> None:
    """Every loss has the legal outputs it is documented to have, and four pairs fuse, besides focal with γ = 0."""
    elementwise = {name for name, entry in ACTIVATIONS.items() if entry.elementwise}
    assert {name: set(entry.pairs) for name, entry in LOSSES.items()} == {
        "squared_error": set(ACTIVATIONS),
        "cross_entropy": {"softmax", "sigmoid"},
        "absolute_error": elementwise,
        "huber": elementwise,
        "poisson": {"exponential", "softplus"},
        "quantile": elementwise,
        "focal": {"softmax", "sigmoid"},
        "gaussian": {"identity"},
        "intervals": {"identity"},
    }
    assert set(FUSED_PAIRS) == {
        ("focal:0", "softmax"),
        ("focal:0", "sigmoid"),
        ("squared_error", "identity"),
        ("cross_entropy", "softmax"),
        ("cross_entropy", "sigmoid"),
        ("poisson", "exponential"),
    }


E, ln2, ln3 = math.e, math.log(2), math.log(3)


@pytest.mark.parametrize(
    ("loss", "output", "z", "y", "value", "delta"),
    [
        # e = (2, −3): ½·(4 + 9)
        ("squared_error", "identity", [3, -1], [1, 2], 6.5, [2, -3]),
        # a = (¾, ¼), e = (−¼, ¼): ½·2/16; delta = e·a·(1 − a) = ∓3/64
        ("squared_error", "sigmoid", [ln3, -ln3], [1, 0], 1 / 16, [-3 / 64, 3 / 64]),
        # a = (¼, ¾), e = (¼, −¼), Σ e·a = −⅛; delta = a·(e + ⅛)
        ("squared_error", "softmax", [0, ln3], [0, 1], 1 / 16, [3 / 32, -3 / 32]),
        # a = (1, 2, 3)/6: −log ½
        ("cross_entropy", "softmax", [0, ln2, ln3], [0, 0, 1], ln2, [1 / 6, 1 / 3, -1 / 2]),
        # a = (¾, ¾): −log ¾ − log ¼
        ("cross_entropy", "sigmoid", [ln3, ln3], [1, 0], math.log(16 / 3), [-1 / 4, 3 / 4]),
        # a = (¾, ¾): −(¼)²·log ¾ − (¾)²·log ¼; delta of y = 1: (¼)²·(2·¾·log ¾ − ¼), of y = 0: (¾)²·(¾ − 2·¼·log ¼)
        (
            "focal",
            "sigmoid",
            [ln3, ln3],
            [1, 0],
            math.log(4 / 3) / 16 + 9 / 16 * math.log(4),
            [(1.5 * math.log(3 / 4) - 1 / 4) / 16, 9 / 16 * (3 / 4 + math.log(4) / 2)],
        ),
        # a = (1, 2, 3)/6, γ = 1: −½·log ½; c = ½·(−½·log 2/½ − 1) = −½·(1 + log 2), delta = c·(y − a)
        ("focal:1", "softmax", [0, ln2, ln3], [0, 0, 1], ln2 / 2, [(1 + ln2) / 12, (1 + ln2) / 6, -(1 + ln2) / 4]),
        ("absolute_error", "identity", [3, -1, 2], [1, 2, 2], 5, [1, -1, 0]),
        # |e| = ½ is near: ⅛; |e| = 3 is far: 3 − ½
        ("huber", "identity", [1.5, -1], [1, 2], 2.625, [0.5, -1]),
        # e = (2, −3, 0): ½·(2 + 3)
        ("quantile", "identity", [3, -1, 2], [1, 2, 2], 2.5, [0.5, -0.5, 0]),
        # too high by 2 costs ¼ a unit, too low by 3 costs ¾: ½ + 9/4
        ("quantile:0.75", "identity", [3, -1, 2], [1, 2, 2], 2.75, [0.25, -0.75, 0]),
        # a = 2: 2 − 3·log 2
        ("poisson", "exponential", [ln2], [3], 2 - 3 * ln2, [-1]),
        # a = log(1 + e^z) = 2 at e^z = e² − 1, σ(z) = 1 − e^−2; delta = (1 − 3/2)·σ
        ("poisson", "softplus", [math.log(E**2 - 1)], [3], 2 - 3 * ln2, [-(1 - E**-2) / 2]),
    ],
)
def test_by_hand(loss: str, output: str, z: list[float], y: list[float], value: float, delta: list[float]) -> None:
    """The loss of one row and its delta have the values that paper gives."""
    found_value, found_delta = both(loss, output, np.array([z], float), np.array([y], float))
    assert_close(found_value, [value], HAND, "loss")
    assert_close(found_delta, [delta], HAND, "delta")


def test_the_quantile_loss_is_smallest_at_the_quantile() -> None:
    """Of 1 … 9 the constant with the smallest sum of losses is the 3rd at level 0.3, the 8th at 0.85."""
    y = np.arange(1.0, 10)[:, None]
    for level, best in ((0.3, 3), (0.85, 8)):
        sums = [both(f"quantile:{level}", "identity", np.full_like(y, a), y)[0].sum() for a in range(1, 10)]
        assert 1 + int(np.argmin(sums)) == best


@pytest.mark.parametrize("name", ["quantile:0.9", "quantile:.9", "quantile:9e-1"])
def test_a_level_has_one_name(name: str) -> None:
    """However the level is written, the loss has one name and one level."""
    found = loss_named(name)
    assert (found.name, found.family, found.parameter) == ("quantile:0.9", "quantile", 0.9)


@pytest.mark.parametrize(
    ("given", "name", "gamma"),
    [("focal:2", "focal:2", 2), ("focal:2.0", "focal:2", 2), ("focal:1e-1", "focal:0.1", 0.1),
     ("focal:-0.0", "focal:0", 0), ("focal", "focal", 2)],
)  # fmt: skip
def test_a_gamma_has_one_name(given: str, name: str, gamma: float) -> None:
    """However γ is written, the loss has one name; without it γ is 2."""
    found = loss_named(given)
    assert (found.name, found.family, found.parameter) == (name, "focal", gamma)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_focal_of_gamma_0_is_cross_entropy(output: str) -> None:
    """Value and delta are the same to the bit, for hard and soft targets."""
    rng = np.random.default_rng(5)
    z = (4 * rng.normal(size=(40, 3))).astype(np.float32)
    y = targets("cross_entropy", output, z.shape, rng).astype(np.float32)
    for of_gamma, alone in zip(both("focal:0", output, z, y), both("cross_entropy", output, z, y), strict=True):
        assert of_gamma.tobytes() == alone.tobytes()


@pytest.mark.parametrize("gamma", [1e-9, 0.5, 2.0, 100.0])
@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_focal_of_sure_outputs(output: str, gamma: float) -> None:
    """A sure and right output costs nothing and learns nothing; a sure and wrong one costs |z|, with delta ±1."""
    z, k = np.array([[40.0, 0.0]], np.float32)[:, : 1 + (output == "softmax")], 2 - (output == "sigmoid")
    right, wrong = np.array([[1.0, 0.0]], np.float32)[:, :k], np.array([[0.0, 1.0]], np.float32)[:, :k]
    value, delta = both(f"focal:{gamma}", output, z, right)
    assert_close(value, [0.0], FLOAT32)
    assert_close(delta, np.zeros((1, k)), FLOAT32)
    value, delta = both(f"focal:{gamma}", output, z, wrong)
    assert_close(value, [40.0], FLOAT32)
    assert_close(delta, np.array([[1.0, -1.0]])[:, :k], FLOAT32)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_focal_is_linear_in_its_targets(output: str) -> None:
    """A target of 0.3 costs 0.3 times what 1 costs and 0.7 times what 0 costs, and so does its delta."""
    z = np.array([[0.4, -1.3]])[:, : 1 + (output == "softmax")]
    one, zero = np.array([[1.0, 0.0]])[:, : z.shape[1]], np.array([[0.0, 1.0]])[:, : z.shape[1]]
    soft = both("focal", output, z, 0.3 * one + 0.7 * zero)
    for mixed, of_one, of_zero in zip(soft, both("focal", output, z, one), both("focal", output, z, zero), strict=True):
        assert_close(mixed, 0.3 * of_one + 0.7 * of_zero, ALGEBRA)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 2.0, 30.0])
def test_the_best_constant_of_focal(gamma: float) -> None:
    """No output of a fine grid over three classes has a smaller mean loss."""
    shares = np.array([0.9, 0.09, 0.01])
    steps = np.arange(1, 300) / 300
    p, q = (x[steps[:, None] + steps[None, :] < 1] for x in np.meshgrid(steps, steps, indexing="ij"))
    grid = np.stack([p, q, 1 - p - q], axis=1)
    cost = lambda a: -(shares * (1 - a) ** gamma * np.log(a)).sum(axis=-1)  # noqa: E731
    best = best_constant(gamma, shares)
    assert best.sum() == pytest.approx(1)
    assert cost(best) <= cost(grid).min()
    assert np.abs(best - grid[cost(grid).argmin()]).max() <= 1 / 300, "further than the grid is wide"


@pytest.mark.parametrize(
    "name",
    [
        "quantile:0",
        "quantile:1",
        "quantile:nan",
        "quantile:",
        "huber:2",
        "mean",
        "focal:-1",
        "focal:101",
        "focal:nan",
        "focal:",
    ],
)
def test_what_is_no_loss_is_refused(name: str) -> None:
    """A level outside 0 … 1, a level of another loss or an unknown name is refused, naming it."""
    with pytest.raises(SettingsError, match=name):
        loss_named(name)


@pytest.mark.parametrize(("loss", "output"), CLOSED_PAIRS)
@given(z=st.lists(st.floats(-9, 9), min_size=2, max_size=4), seed=st.integers(0, 2**16))
def test_closed_delta_is_the_chain(loss: str, output: str, z: list[float], seed: int) -> None:
    """Where delta is written in closed form, as a − y or otherwise, it equals the pullback of ∂loss/∂a."""
    point = np.array([z])
    y = targets(loss, output, point.shape, np.random.default_rng(seed))
    a = ACTIVATIONS[output].g(point)
    chain = ACTIVATIONS[output].pullback(point, a, loss_named(loss).pairs[output].da(a, y))
    assert_close(value_and_delta(loss, output, point, a, y)[1], chain, FUSED)


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_delta_is_the_derivative(loss: str, output: str) -> None:
    """delta equals central differences of the loss through the output activation, row by row."""
    rng, h = np.random.default_rng(2), CENTRAL_DIFFERENCE_STEP
    z = rng.normal(size=(20, 3))
    y = targets(loss, output, z.shape, rng)
    numeric = np.empty_like(z)
    for j in range(3):
        shift = np.zeros_like(z)
        shift[:, j] = h
        numeric[:, j] = (both(loss, output, z + shift, y)[0] - both(loss, output, z - shift, y)[0]) / (2 * h)
    assert_close(both(loss, output, z, y)[1], numeric, CENTRAL_DIFFERENCE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_extremes_are_finite(loss: str, output: str, dtype: type) -> None:
    """At |z| = 1e4 loss and delta neither overflow nor are invalid, and keep the dtype."""
    z = np.array([[1e4, -1e4], [-1e4, 1e4], [-1e4, -1e4], [0, -90]], dtype=dtype)
    if output == "exponential":
        z = np.minimum(z, 40).astype(dtype)  # the square of e^1e4 is no number of any float
    y = np.array([[1, 0], [1, 0], [0, 1], [0.5, 0.5]], dtype=dtype)
    if loss == "poisson":
        y = 20 * y
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, delta = both(loss, output, z, y)
    assert np.isfinite(value).all()
    assert np.isfinite(delta).all()
    assert value.dtype == delta.dtype == dtype
    assert value.shape == (4,)


def test_cross_entropy_of_a_sure_and_wrong_row() -> None:
    """A softmax or sigmoid that is surely wrong costs |z|, not infinity, and its delta is ±1."""
    z = np.array([[1e4, 0.0]], dtype=np.float32)
    value, delta = both("cross_entropy", "softmax", z, np.array([[0, 1]], dtype=np.float32))
    assert (value.item(), delta.tolist()) == (1e4, [[1.0, -1.0]])
    value, delta = both("cross_entropy", "sigmoid", z[:, :1], np.array([[0]], dtype=np.float32))
    assert (value.item(), delta.tolist()) == (1e4, [[1.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("z", [-20.0, -36.0, -38.0, -90.0, -800.0, -1e4])
def test_poisson_on_softplus_learns_from_a_vanishing_rate(dtype: type, z: float) -> None:
    """Where softplus(z) is e^z for all digits, the loss is e^z − y·z and delta e^z − y, down to rates of 0."""
    value, delta = both("poisson", "softplus", np.array([[z]], dtype=dtype), np.array([[10]], dtype=dtype))
    assert_close(value, [-10 * z], FLOAT32)
    assert_close(delta, [[-10.0]], FLOAT32)


@pytest.mark.parametrize("output", ["exponential", "softplus"])
def test_poisson_of_no_events(output: str) -> None:
    """A count of 0 costs the rate itself."""
    z = np.array([[0.5], [-3.0]])
    assert_close(both("poisson", output, z, np.zeros((2, 1)))[0], ACTIVATIONS[output].g(z)[:, 0], HAND)


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_rows_are_independent_and_outputs_are_summed(loss: str, output: str) -> None:
    """The loss of a row does not see other rows; over outputs of an elementwise activation it is their sum."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=(5, 4))
    y = targets(loss, output, z.shape, rng)
    value, delta = both(loss, output, z, y)
    for i in range(5):
        one_value, one_delta = both(loss, output, z[i : i + 1], y[i : i + 1])
        assert_close(one_value, value[i : i + 1], ALGEBRA)
        assert_close(one_delta, delta[i : i + 1], ALGEBRA)
    if ACTIVATIONS[output].elementwise:
        parts = [both(loss, output, z[:, j : j + 1], y[:, j : j + 1])[0] for j in range(4)]
        assert_close(sum(parts), value, ALGEBRA)


@pytest.mark.parametrize(("loss", "output"), PROPER_PAIRS)
def test_a_perfect_output_has_no_gradient(loss: str, output: str) -> None:
    """Where a = y the delta is 0."""
    z = np.array([[0.3, -0.7, 1.1]])
    assert_close(both(loss, output, z, ACTIVATIONS[output].g(z))[1], np.zeros((1, 3)), ALGEBRA)


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_parity_with_torch(loss: str, output: str) -> None:
    """Loss and delta of every row equal PyTorch's value and autograd in float64."""
    torch = peers.torch()
    rng = np.random.default_rng(4)
    z = 2 * rng.normal(size=(30, 4))
    y = targets(loss, output, z.shape, rng)
    t = torch.tensor(z, requires_grad=True)
    torch_value = peers.torch_loss(loss, output)(t, peers.torch_activation(output)(t), torch.tensor(y))
    torch_value.sum().backward()
    value, delta = both(loss, output, z, y)
    assert_close(value, torch_value.detach().numpy(), PARITY, "loss")
    assert_close(delta, t.grad.numpy(), PARITY, "delta")


@pytest.mark.parametrize(("loss", "output"), [pair for pair in PAIRS if ACTIVATIONS[pair[1]].elementwise])
def test_a_missing_target_stays_out(loss: str, output: str) -> None:
    """With NaN in y the loss of a row is that of its other outputs, delta there is 0, elsewhere as without it."""
    rng = np.random.default_rng(3)
    z, y = rng.normal(size=(6, 4)), targets(loss, output, (6, 4), rng)
    full, missing = both(loss, output, z, y)[1], rng.uniform(size=(6, 4)) < 0.4
    value, delta = both(loss, output, z, np.where(missing, np.nan, y))
    for i in range(6):
        result = np.flatnonzero(~missing[i])
        alone = both(loss, output, z[[i]][:, result], y[[i]][:, result])[0] if len(result) else [0.0]
        assert_close(value[i], alone[0], ALGEBRA)
    assert (delta == np.where(missing, 0, full)).all()


@pytest.mark.parametrize(("loss", "output"), [pair for pair in PAIRS if ACTIVATIONS[pair[1]].elementwise])
def test_delta_with_missing_targets_is_the_derivative(loss: str, output: str) -> None:
    """Central differences of the loss with NaN in y give delta."""
    rng, h = np.random.default_rng(4), CENTRAL_DIFFERENCE_STEP
    z, y = rng.normal(size=(5, 3)), targets(loss, output, (5, 3), rng)
    y[rng.uniform(size=y.shape) < 0.3] = np.nan
    delta = both(loss, output, z, y)[1]
    for j in range(3):
        up, down = z.copy(), z.copy()
        up[:, j] += h
        down[:, j] -= h
        slope = (both(loss, output, up, y)[0] - both(loss, output, down, y)[0]) / (2 * h)
        assert_close(delta[:, j], slope, CENTRAL_DIFFERENCE)


@pytest.mark.parametrize(
    ("loss", "targets", "n_outputs", "scale"),
    [
        ("cross_entropy", np.array([0, 1, 2]), 3, math.log(3)),
        ("cross_entropy", np.array([0, 1, 1]), 1, math.log(2)),
        ("cross_entropy", np.array([[0.0, 1.0], [1.0, math.nan]]), 2, 2 * math.log(2)),
        ("squared_error", np.array([[0.0], [2.0]]), 1, 0.5),  # ½·var
        ("absolute_error", np.array([[0.0], [2.0], [math.nan]]), 1, 2 / 3),  # what is missing lies on the mean
        ("quantile:0.9", np.array([[0.0], [2.0]]), 1, 1.0),
        ("focal", np.array([0, 1, 2]), 3, 4 / 9 * math.log(3)),  # (1 − 1/3)²
        ("focal:1", np.array([[0.0, 1.0], [1.0, math.nan]]), 2, math.log(2)),
        ("poisson", np.array([[1.0], [1.0]]), 1, 2.0),  # |1 − 1·log 1| + 1
        ("huber", np.array([0, 1]), 2, 0.5),
    ],
)  # fmt: skip
def test_the_scale_that_an_exploded_loss_is_measured_by(
    loss: str, targets: Array, n_outputs: int, scale: float
) -> None:
    """About J of a constant output, by hand."""
    assert loss_named(loss).scale(targets, n_outputs) == pytest.approx(scale)


def test_what_targets_a_loss_has_a_meaning_for() -> None:
    """Probabilities of classes between 0 and 1, counts from 0; any number otherwise."""
    ends = {name: (entry.low, entry.high) for name, entry in LOSSES.items()}
    everything = (-math.inf, math.inf)
    assert ends.pop("cross_entropy") == ends.pop("focal") == (0, 1) and ends.pop("poisson") == (0, math.inf)
    assert set(ends.values()) == {everything}
    assert [name for name, entry in LOSSES.items() if entry.of_classes] == ["cross_entropy", "focal"]
