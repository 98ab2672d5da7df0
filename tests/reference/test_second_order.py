"""The R-operator: both passes once more for their change along a direction."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import peers
from chainrule.reference.activations import ACTIVATIONS, Array
from chainrule.reference.losses import LOSSES, bend_of_delta, value_and_delta
from chainrule.reference.penalties import penalty_bend, penalty_gradient
from chainrule.reference.propagate import Activations, Gradients, row_scales
from chainrule.reference.second_order import Direction, Products, R_backward, R_batch_loss, R_forward
from passes import Example
from tolerances import ALGEBRA, CENTRAL_DIFFERENCE, CENTRAL_DIFFERENCE_STEP, GRADIENT_CHECK, HAND, PARITY, assert_close

PAIRS = [(loss, output) for loss, entry in LOSSES.items() for output in entry.pairs if entry.heads is None]
VARIANTS = list(product((False, True), repeat=3))
"""Dropout, layer normalisation, residual connections."""
TENSORS = ("W", "b", "gain", "shift")


def direction(example: Example, seed: int = 5) -> Direction:
    """A random direction in the space of the parameters of the example."""
    rng = np.random.default_rng(seed)
    drawn: list[list[Any]] = []
    for name in TENSORS:
        tensors = getattr(example, name) or [None] * (example.L + 1)
        drawn.append([None if t is None else rng.normal(size=t.shape) for t in tensors])
    W, b, gain, shift = drawn
    return Direction(W, b, [None if g is None else {"gain": g, "shift": s} for g, s in zip(gain, shift, strict=True)])


def by_tensor(found: Direction | Products) -> dict[str, list[Any]]:
    """A direction, or a product, by the names of the tensors."""
    W, b, learned = found
    return {"W": W, "b": b, **{name: [t and t[name] for t in learned] for name in ("gain", "shift")}}


def products(example: Example, v: Direction) -> tuple[Products, Any]:
    """H·v by tensor, and what changed in the forward pass."""
    found = example.both()
    passed = Activations(found["z"], found["u"], found["a"])
    g = Gradients(*(found[name] for name in Gradients._fields))
    options = (example.activations, example.masks, example.kinds, example.residual)
    changes = R_forward(passed, v, example.W, *options)
    scale = row_scales(example.weight, len(example.X), example.X.dtype)
    Rdelta = R_batch_loss(passed.z[-1], passed.a[-1], example.y, scale, changes.z[-1], example.loss, example.output)
    return R_backward(passed, changes, g, v, example.W, Rdelta, *options), changes


def gradients(example: Example) -> list[list[Any]]:
    """dW, db, dgain, dshift."""
    found = example.both()
    return [found[f"d{name}"] for name in TENSORS]


def moved(example: Example, v: Direction, h: float) -> None:
    """The parameters of the example are moved by h·v."""
    for name in TENSORS:
        for tensor, along in zip(getattr(example, name) or [], by_tensor(v)[name], strict=False):
            if tensor is not None:
                tensor += h * along


def assert_is_difference_of_gradients(example: Example) -> None:
    """H·v equals the difference of gradients at θ ± h·v and θ ± 2h·v for every tensor, the h² term taken out."""
    v, h = direction(example), CENTRAL_DIFFERENCE_STEP
    found, _ = products(example, v)
    at = []
    for step in (-2, 1, 2, 1):  # from −2h over −h and h to 2h
        moved(example, v, step * h)
        at.append(gradients(example))
    for name, of_tensor, *four in zip(TENSORS, by_tensor(found).values(), *at, strict=True):
        for l, (r, p, q, s, t) in enumerate(zip(of_tensor, *four, strict=True)):
            if p is not None:
                numeric = (8 * (s - q) - (t - p)) / (12 * h)
                scale = max(1.0, float(np.abs(numeric).max()))
                assert_close(r / scale, numeric / scale, GRADIENT_CHECK, f"Rd{name}{l}")


def test_1_1_1_by_hand() -> None:
    """One row through tanh and identity, squared error: every R-number redone on paper."""
    # x = 1, w1 = 0 so z1 = a1 = 0; w2 = 2, b2 = 3: a2 = 3, y = 1, delta2 = 2; da1 = delta2·w2 = 4 = delta1 (g′ = 1)
    example = Example((1, 1, 1), "tanh", "identity", "squared_error", n=1)
    example.X, example.y, example.weight = np.array([[1.0]]), np.array([[1.0]]), None
    example.W, example.b = [None, np.zeros((1, 1)), np.full((1, 1), 2.0)], [None, np.zeros(1), np.full(1, 3.0)]
    one, none = np.ones((1, 1)), [None] * 3
    # along w1 by 1 and w2 by 1: Rz1 = 1, Ra1 = 1, Rz2 = Ra1·w2 + a1·1 = 2 = Rdelta2
    v = Direction([None, one, one], [None, np.zeros(1), np.zeros(1)], none)
    found, changes = products(example, v)
    assert changes.z[1].tolist() == [[1.0]]
    assert changes.a[2].tolist() == [[2.0]]
    assert found.dW[2].tolist() == [[2.0]]  # Ra1·delta2 + a1·Rdelta2
    assert found.db[2].tolist() == [2.0]
    # Rda1 = Rdelta2·w2 + delta2·1 = 6; g″(0) = 0, so Rdelta1 = 6
    assert found.dW[1].tolist() == [[6.0]]
    assert found.db[1].tolist() == [6.0]


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_every_pair_is_a_difference_of_gradients(loss: str, output: str, hidden: str) -> None:
    """For every hidden activation with every loss on every output, weighted, with and without dropout."""
    for sizes in ((3, 2), (3, 4, 4, 2)):
        example = Example(sizes, hidden, output, loss, n=5, seed=11)
        if hidden == "exponential":  # derivatives of e^z of sums outgrow a difference
            example.W = [None, *(0.3 * W for W in example.W[1:])]
        assert_is_difference_of_gradients(example)
        if len(sizes) > 2:
            assert_is_difference_of_gradients(example.with_masks())


@pytest.mark.parametrize(("masked", "normalised", "residual"), VARIANTS)
@pytest.mark.parametrize("hidden", [name for name in ACTIVATIONS if name != "exponential"])
def test_every_layer_is_a_difference_of_gradients(hidden: str, masked: bool, normalised: bool, residual: bool) -> None:
    """So it is with dropout, layer normalisation and residual connections, in all combinations."""
    for sizes in ((3, 3, 4, 4, 2), (2, 6, 3, 3, 2)):
        example = Example(sizes, hidden, "softmax", "cross_entropy", seed=12).with_layers(normalised, residual)
        assert_is_difference_of_gradients(example.with_masks() if masked else example)


def autograd_product(example: Example, v: Direction) -> list[Array]:
    """H·v of W1, b1, (gain1, shift1,) W2, … by PyTorch's double backward."""
    torch = peers.torch()
    parts: dict[str, list[Any]] = {
        name: [None if t is None else torch.tensor(t, requires_grad=True) for t in getattr(example, name) or [None] * 9]
        for name in TENSORS
    }
    a = torch.tensor(example.X)
    z = a
    for l in range(1, example.L + 1):
        z = a @ parts["W"][l] + parts["b"][l]
        u = z if parts["gain"][l] is None else peers.torch_layer_norm(z, parts["gain"][l], parts["shift"][l])
        a_l = peers.torch_activation(example.activations[l])(u)
        a_l = a_l * torch.tensor(example.masks[l]) if example.masks and example.masks[l] is not None else a_l
        a = a + a_l if example.residual and example.residual[l] else a_l
    weight = torch.tensor(example.weight)
    J = (weight * peers.torch_loss(example.loss, example.output)(z, a, torch.tensor(example.y))).sum() / weight.sum()
    leaves = [(name, l, t) for name in TENSORS for l, t in enumerate(parts[name]) if t is not None]
    tensors = [t for _, _, t in leaves]
    first = torch.autograd.grad(J, tensors, create_graph=True)
    along = sum((g * torch.tensor(by_tensor(v)[name][l])).sum() for g, (name, l, _) in zip(first, leaves, strict=True))
    second = torch.autograd.grad(along, tensors, allow_unused=True)
    return [np.zeros(t.shape) if h is None else h.numpy() for h, t in zip(second, tensors, strict=True)]


def assert_equals_double_backward(example: Example) -> None:
    """H·v equals PyTorch's for every tensor."""
    v = direction(example)
    found, _ = products(example, v)
    ours = [r for of_tensor in by_tensor(found).values() for r in of_tensor if r is not None]
    for r, expected in zip(ours, autograd_product(example, v), strict=True):
        assert_close(r, expected, PARITY)


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_equals_double_backward(loss: str, output: str, hidden: str) -> None:
    """H·v is PyTorch's gradient of gᵀv, for every hidden activation with every loss on every output."""
    for sizes in ((3, 2), (4, 5, 3), (2, 6, 4, 5, 2)):
        assert_equals_double_backward(Example(sizes, hidden, output, loss, seed=len(sizes)))
    assert_equals_double_backward(Example((4, 5, 3), hidden, output, loss, seed=3).with_masks())


@pytest.mark.parametrize(("masked", "normalised", "residual"), VARIANTS)
@pytest.mark.parametrize("hidden", [name for name in ACTIVATIONS if name != "exponential"])
def test_layers_equal_double_backward(hidden: str, masked: bool, normalised: bool, residual: bool) -> None:
    """So it is with dropout, layer normalisation and residual connections."""
    for sizes in ((3, 3, 4, 4, 2), (2, 6, 1, 5, 2)):
        example = Example(sizes, hidden, "softmax", "cross_entropy", seed=2).with_layers(normalised, residual)
        assert_equals_double_backward(example.with_masks() if masked else example)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_bend_is_the_derivative_of_the_pullback(name: str) -> None:
    """bend equals central differences of the pullback along Rz with da held; NaN passes, extremes are finite."""
    entry, rng, h = ACTIVATIONS[name], np.random.default_rng(3), CENTRAL_DIFFERENCE_STEP
    z = rng.normal(size=(30, 4))
    z[np.abs(z) < 2 * h] = 0.5
    da, Rz = rng.normal(size=z.shape), rng.normal(size=z.shape)
    above, below = z + h * Rz, z - h * Rz
    numeric = (entry.pullback(above, entry.g(above), da) - entry.pullback(below, entry.g(below), da)) / (2 * h)
    scale = max(1.0, float(np.abs(numeric).max()))
    assert_close(entry.bend(z, entry.g(z), da, Rz) / scale, numeric / scale, CENTRAL_DIFFERENCE)
    assert np.isnan(entry.bend(z, entry.g(z), np.full_like(z, np.nan), Rz)).all()
    for dtype in (np.float32, np.float64):
        far = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [100, -100, 50]], dtype=dtype)
        if name == "exponential":
            far = np.minimum(far, 50)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            bent = entry.bend(far, entry.g(far), np.ones_like(far), np.ones_like(far))
        assert np.isfinite(bent).all()
        assert bent.dtype == dtype


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_missing_targets_and_vanishing_rates_bend_nothing_astray(loss: str, output: str) -> None:
    """A target of NaN bends nothing, its neighbour's bend stays; far below −37 the Poisson bend is that of e^z."""
    z = np.array([[0.3, -0.7]])
    a, y, Rz = ACTIVATIONS[output].g(z), np.array([[np.nan, 0.6]]), np.array([[1.0, 2.0]])
    bent = bend_of_delta(loss, output, z, a, y, Rz)
    assert bent[0, 0] == 0
    if ACTIVATIONS[output].elementwise:
        alone = bend_of_delta(loss, output, z[:, 1:], a[:, 1:], y[:, 1:], Rz[:, 1:])
        assert bent[0, 1] == alone[0, 0]
    if (loss, output) == ("poisson", "softplus"):
        far = np.array([[-50.0, -36.0]])
        rate = ACTIVATIONS["softplus"].g(far)
        bent = bend_of_delta(loss, output, far, rate, np.full_like(far, 3.0), np.ones_like(far))
        assert_close(bent, np.zeros((1, 2)), HAND)
        assert_close(value_and_delta(loss, output, far, rate, np.full_like(far, 3.0))[1], [[-3.0, -3.0]], HAND)


def test_penalty_bends_by_l2() -> None:
    """The penalty's gradient is linear but for a corner: its change along RW is l2·RW."""
    W, RW = np.array([[1.0, -2.0]]), np.array([[0.25, 0.5]])
    difference = penalty_gradient(W + RW, {"l2": 0.5, "l1": 0.1}) - penalty_gradient(W, {"l2": 0.5, "l1": 0.1})
    assert_close(penalty_bend(RW, {"l2": 0.5, "l1": 0.0}), difference, ALGEBRA)


@pytest.mark.parametrize("hidden", ["tanh", "gelu", "softmax"])
def test_the_hessian_is_symmetric(hidden: str) -> None:
    """uᵀHv = vᵀHu, with every kind of layer."""
    example = Example((3, 3, 4, 4, 2), hidden, "softmax", "cross_entropy", seed=4).with_layers(True, True).with_masks()
    u, v = direction(example, 1), direction(example, 2)
    of_u, of_v = products(example, u)[0], products(example, v)[0]

    def dot(products: Products, along: Direction) -> float:
        pairs = zip(
            (r for of_tensor in by_tensor(products).values() for r in of_tensor),
            (t for tensors in by_tensor(along).values() for t in tensors),
            strict=True,
        )
        return sum(float((r * t).sum()) for r, t in pairs if r is not None)

    assert_close(dot(of_u, v), dot(of_v, u), ALGEBRA)
