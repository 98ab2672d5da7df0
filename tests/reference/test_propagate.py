"""Both passes through the whole network."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import peers
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.kinds.layer_norm import LAYER_NORM
from chainrule.reference.layer_kind import Between
from chainrule.reference.losses import LOSSES
from chainrule.reference.propagate import backward, batch_loss, forward, row_scales
from passes import Example
from tolerances import (
    ALGEBRA,
    CENTRAL_DIFFERENCE_STEP,
    FLOAT32,
    GRADIENT_CHECK,
    HAND,
    PARITY,
    assert_close,
)

PAIRS = [(loss, output) for loss, entry in LOSSES.items() for output in entry.pairs if entry.heads is None]
SIZES = [(3, 2), (4, 5, 3), (2, 6, 4, 5, 2)]
VARIANTS = list(product((False, True), repeat=3))
"""Dropout, layer normalisation, residual connections."""


def test_2_2_1_by_hand() -> None:
    """Two rows through a 2-2-1 network of relu and identity, squared error: every number redone on paper."""
    X = np.array([[1.0, 2.0], [0.0, 1.0]])
    W = [None, np.array([[1.0, -1.0], [2.0, 0.0]]), np.array([[3.0], [-2.0]])]
    b = [None, np.array([-1.0, 0.5]), np.array([1.0])]
    activations = [None, "relu", "identity"]
    z, u, a = passed = forward(X, W, b, activations)
    assert z[0] is None
    assert u == [None] * 3
    assert a[0] is X
    assert z[1].tolist() == [[4.0, -0.5], [1.0, 0.5]]
    assert a[1].tolist() == [[4.0, 0.0], [1.0, 0.5]]
    assert z[2].tolist() == a[2].tolist() == [[13.0], [3.0]]
    # y = 11, 4: errors 2, −1, row losses 2, ½; weights 3 and 1 count ¾ and ¼
    scale = row_scales(np.array([3.0, 1.0]), 2, np.dtype(np.float64))
    assert scale.tolist() == [0.75, 0.25]
    J, delta_L = batch_loss(z[2], a[2], np.array([[11.0], [4.0]]), scale, "squared_error", "identity")
    assert J == 0.75 * 2 + 0.25 * 0.5
    assert delta_L.tolist() == [[1.5], [-0.25]]
    delta, du, dW, db, tensors, dX = backward(passed, W, delta_L, activations)
    assert delta[0] is dW[0] is db[0] is None
    assert du == tensors == [None] * 3
    assert delta[2] is delta_L
    assert dW[2].tolist() == [[5.75], [-0.125]]  # 4·1.5 − 1·0.25; −0.5·0.25
    assert db[2].tolist() == [1.25]
    assert delta[1].tolist() == [[4.5, 0.0], [-0.75, 0.5]]  # da = delta·(3, −2), closed where z ≤ 0
    assert dW[1].tolist() == [[4.5, 0.0], [8.25, 0.5]]
    assert db[1].tolist() == [3.75, 0.5]
    assert dX.tolist() == [[4.5, 9.0], [-1.25, -1.5]]


def test_normalised_and_residual_by_hand() -> None:
    """One row through 2 normalised units that are added to their inputs: every number redone on paper."""
    W, b = [None, np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0], [2.0]])], [None, np.zeros(2), np.zeros(1)]
    tensors, residual = {"gain": np.array([2.0, 1.0]), "shift": np.array([1.0, 0.0])}, [False, True, False]
    kinds = [None, Between(LAYER_NORM, tensors), None]
    activations = [None, "relu", "identity"]
    z, u, a = passed = forward(np.array([[1.0, 2.0]]), W, b, activations, None, kinds, residual)
    s = np.sqrt(2.25 + 1e-5)  # z1 = (1, 4): mean 2.5, variance 2.25; x̂ = (−1.5, 1.5)/s
    assert z[1].tolist() == [[1.0, 4.0]]
    assert_close(u[1], [[1 - 3 / s, 1.5 / s]], HAND)  # u1 = (−1, 1) but for ε
    assert_close(a[1], [[1.0, 2 + 1.5 / s]], HAND)  # relu gives (0, 1), and the inputs are added
    assert_close(a[2], [[5 + 3 / s]], HAND)
    found = backward(passed, W, np.array([[1.0]]), activations, None, kinds, residual)
    assert found.du[1].tolist() == [[0.0, 2.0]]  # da1 = (1, 2), relu is closed for the first unit
    assert_close(found.tensors[1]["gain"], [0.0, 3 / s], HAND)
    assert found.tensors[1]["shift"].tolist() == [0.0, 2.0]
    x = 1.5 / s  # dx̂ = (0, 2): mean 1; mean of dx̂·x̂ is x
    assert_close(found.delta[1], [[(-1 + x * x) / s, (1 - x * x) / s]], HAND)
    assert_close(found.dX, found.delta[1] @ W[1].T + [[1.0, 2.0]], HAND)  # da1 comes down unchanged


def test_mazur_2_2_2() -> None:
    """Mazur's step-by-step example: activations, error, deltas and the updated weights, all digits."""
    X, y = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
    # Mazur writes one row per unit; W here has one column per unit.
    W = [None, np.array([[0.15, 0.20], [0.25, 0.30]]).T, np.array([[0.40, 0.45], [0.50, 0.55]]).T]
    b = [None, np.full(2, 0.35), np.full(2, 0.60)]
    activations = [None, "sigmoid", "sigmoid"]
    z, _, a = passed = forward(X, W, b, activations)
    assert_close(a[1], [[0.5932699921071872, 0.596884378259767]], HAND)
    assert_close(a[2], [[0.7513650695523157, 0.7729284653214625]], HAND)
    J, delta_L = batch_loss(z[2], a[2], y, np.ones(1), "squared_error", "sigmoid")
    assert_close(J, 0.2983711087600027, HAND)
    delta, _, dW, *_ = backward(passed, W, delta_L, activations)
    assert_close(delta[2], [[0.13849856162855695, -0.03809823651655624]], HAND)
    assert_close(delta[1], [[0.00877135468948693, 0.0099542547052172]], HAND)
    W = [None, W[1] - 0.5 * dW[1], W[2] - 0.5 * dW[2]]
    assert_close(W[2].T, [[0.35891647971788465, 0.4086661860762334], [0.5113012702387375, 0.5613701211079891]], HAND)
    assert_close(W[1].T, [[0.1497807161327628, 0.19956143226552567], [0.24975114363236958, 0.29950228726473915]], HAND)
    z, _, a = forward(X, W, b, activations)
    assert_close(batch_loss(z[2], a[2], y, np.ones(1), "squared_error", "sigmoid")[0], 0.29102777369359933, HAND)


@pytest.mark.parametrize(
    ("w", "b", "outputs"),
    [
        (0.6, 0.9, (0.8175744761936437, 0.15273988563341825, 0.09395569486364724)),
        (2.0, 2.0, (0.9820137900379085, 0.933417472557329, 0.2028484242677765)),
    ],
)
def test_nielsens_neuron(w: float, b: float, outputs: tuple[float, ...]) -> None:
    """Nielsen's single sigmoid neuron learns 1 -> 0 at η = 0.15: its output at steps 0, 150, 300, all digits."""
    W, B, found = [None, np.array([[w]])], [None, np.array([b])], []
    for step in range(301):
        z, _, a = passed = forward(np.ones((1, 1)), W, B, [None, "sigmoid"])
        if step % 150 == 0:
            found.append(a[1].item())
        _, delta = batch_loss(z[1], a[1], np.zeros((1, 1)), np.ones(1), "squared_error", "sigmoid")
        _, _, dW, db, *_ = backward(passed, W, delta, [None, "sigmoid"])
        W, B = [None, W[1] - 0.15 * dW[1]], [None, B[1] - 0.15 * db[1]]
    assert_close(found, outputs, HAND)


def test_exact_xor() -> None:
    """The textbook's 2-2-1 relu network computes XOR exactly, so its squared error has no gradient."""
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0.0], [1], [1], [0]])
    W = [None, np.ones((2, 2)), np.array([[1.0], [-2.0]])]
    b = [None, np.array([0.0, -1.0]), np.zeros(1)]
    z, _, a = passed = forward(X, W, b, [None, "relu", "identity"])
    assert a[2].tolist() == y.tolist()
    J, delta = batch_loss(z[2], a[2], y, row_scales(None, 4, np.dtype(float)), "squared_error", "identity")
    assert J == 0.0
    assert not any(g.any() for g in backward(passed, W, delta, [None, "relu", "identity"]).dW[1:])


def assert_equals_autograd(example: Example) -> None:
    """z, u, a, J, delta, dW, db, dgain, dshift, dX equal PyTorch's in float64."""
    torch = peers.torch()
    found, L = example.both(), example.L
    W = [None, *(torch.tensor(w, requires_grad=True) for w in example.W[1:])]
    b = [None, *(torch.tensor(v, requires_grad=True) for v in example.b[1:])]
    scales = [None if v is None else torch.tensor(v, requires_grad=True) for v in example.gain or [None] * 9]
    shifts = [None if v is None else torch.tensor(v, requires_grad=True) for v in example.shift or [None] * 9]
    z, u, a = [None], [None], [torch.tensor(example.X, requires_grad=True)]
    for l in range(1, L + 1):
        z.append(a[-1] @ W[l] + b[l])
        u.append(z[l] if scales[l] is None else peers.torch_layer_norm(z[l], scales[l], shifts[l]))
        z[l].retain_grad()
        u[l].retain_grad()
        a_l = peers.torch_activation(example.activations[l])(u[l])
        mask = example.masks[l] if example.masks else None
        a_l = a_l if mask is None else a_l * torch.tensor(mask)
        a.append(a[-1] + a_l if example.residual and example.residual[l] else a_l)
    row_loss = peers.torch_loss(example.loss, example.output)(z[L], a[L], torch.tensor(example.y))
    weight = torch.tensor(example.weight)
    J = (weight * row_loss).sum() / weight.sum()
    J.backward()
    assert_close(found["J"], J.item(), PARITY, "J")
    assert_close(found["dX"], a[0].grad.numpy(), PARITY, "dX")
    for l in range(1, L + 1):
        assert_close(found["z"][l], z[l].detach().numpy(), PARITY, f"z{l}")
        assert_close(found["a"][l], a[l].detach().numpy(), PARITY, f"a{l}")
        assert_close(found["delta"][l], z[l].grad.numpy(), PARITY, f"delta{l}")
        assert_close(found["dW"][l], W[l].grad.numpy(), PARITY, f"dW{l}")
        assert_close(found["db"][l], b[l].grad.numpy(), PARITY, f"db{l}")
        if scales[l] is not None:
            assert_close(found["u"][l], u[l].detach().numpy(), PARITY, f"u{l}")
            assert_close(found["du"][l], u[l].grad.numpy(), PARITY, f"du{l}")
            assert_close(found["dgain"][l], scales[l].grad.numpy(), PARITY, f"dgain{l}")
            assert_close(found["dshift"][l], shifts[l].grad.numpy(), PARITY, f"dshift{l}")


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_every_intermediate_equals_autograd(loss: str, output: str, hidden: str) -> None:
    """Everything both passes compute is PyTorch's, weighted, at several sizes, with and without dropout."""
    for sizes in SIZES:
        assert_equals_autograd(Example(sizes, hidden, output, loss, seed=len(sizes)))
        if len(sizes) > 2:
            assert_equals_autograd(Example(sizes, hidden, output, loss, seed=len(sizes)).with_masks())


@pytest.mark.parametrize(("masked", "normalised", "residual"), VARIANTS)
@pytest.mark.parametrize("hidden", [name for name in ACTIVATIONS if name != "exponential"])  # e^z of sums overflows
def test_layers_equal_autograd(hidden: str, masked: bool, normalised: bool, residual: bool) -> None:
    """So it is with layer normalisation and residual connections, the first of which adds X."""
    for sizes in ((3, 3, 4, 4, 2), (2, 6, 1, 5, 2)):
        example = Example(sizes, hidden, "softmax", "cross_entropy", seed=2).with_layers(normalised, residual)
        assert_equals_autograd(example.with_masks() if masked else example)


@pytest.mark.parametrize(("masked", "normalised", "residual"), VARIANTS)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_gradients_are_derivatives_of_J(hidden: str, masked: bool, normalised: bool, residual: bool) -> None:
    """dW, db, dgain, dshift and dX equal central differences of J, entry by entry, with sample weights and dropout."""
    output, loss = ("softmax", "cross_entropy") if masked else ("identity", "squared_error")
    sizes = (3, 4, 4, 3) if normalised or residual else (3, 4, 3)
    example = Example(sizes, hidden, output, loss, n=4, seed=5).with_layers(normalised, residual)
    found = (example.with_masks() if masked else example).both()
    h = CENTRAL_DIFFERENCE_STEP
    scaled = zip([*(example.gain or []), *(example.shift or [])], [*found["dgain"], *found["dshift"]], strict=False)
    for values, gradient in [
        *zip(example.W[1:], found["dW"][1:], strict=True),
        *zip(example.b[1:], found["db"][1:], strict=True),
        *(pair for pair in scaled if pair[0] is not None),
        (example.X, found["dX"]),
    ]:
        numeric = np.empty_like(values)
        for index in np.ndindex(values.shape):
            kept = values[index]
            values[index] = kept + h
            above = example.J()
            values[index] = kept - h
            numeric[index] = (above - example.J()) / (2 * h)
            values[index] = kept
        assert_close(gradient, numeric, GRADIENT_CHECK)


def test_row_scales() -> None:
    """Rows count w_i / Σw: equally without weights, all 0 where the batch has no weight; dtype as asked."""
    double = np.dtype(np.float64)
    assert row_scales(None, 4, double).tolist() == [0.25] * 4
    assert row_scales(np.array([1.0, 0.0, 3.0]), 3, double).tolist() == [0.25, 0.0, 0.75]
    assert row_scales(np.zeros(3), 3, double).tolist() == [0.0] * 3
    assert row_scales(np.ones(3, np.float32), 3, np.dtype(np.float32)).dtype == np.float32
    assert row_scales(None, 3, np.dtype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_weight_2_is_the_row_twice(loss: str, output: str) -> None:
    """Gradients and J with weights (1, 2, 3, …) are those of each row that many times."""
    weighted = Example((3, 4, 3), "tanh", output, loss, n=4, seed=6)
    weighted.weight = np.array([1.0, 2.0, 3.0, 1.0])
    repeated = Example((3, 4, 3), "tanh", output, loss, n=4, seed=6)
    repeated.weight = None
    rows = np.repeat(np.arange(4), [1, 2, 3, 1])
    repeated.X, repeated.y = repeated.X[rows], repeated.y[rows]
    one, other = weighted.both(), repeated.both()
    assert_close(one["J"], other["J"], ALGEBRA)
    for l in (1, 2):
        assert_close(one["dW"][l], other["dW"][l], ALGEBRA)
        assert_close(one["db"][l], other["db"][l], ALGEBRA)


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_delta_of_a_row_carries_its_share(loss: str, output: str) -> None:
    """delta of every layer is linear in w_i / Σw, and the weights' common factor does not matter."""
    example = Example((3, 4, 3), "tanh", output, loss, n=4, seed=7)
    example.weight = None
    equal = example.both()
    example.weight = np.array([0.5, 1.0, 2.0, 4.5])
    weighted = example.both()
    for l in (1, 2):
        assert_close(weighted["delta"][l], equal["delta"][l] * (4 * example.weight / 8)[:, None], ALGEBRA)
    example.weight = 1000 * example.weight
    assert_close(example.both()["dW"][1], weighted["dW"][1], ALGEBRA)


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_zero_weight_has_no_gradient(loss: str, output: str) -> None:
    """A batch of zero weight has J = 0 and zero gradients, whatever its rows."""
    example = Example((3, 4, 3), "tanh", output, loss, n=4, seed=8)
    example.weight = np.zeros(4)
    found = example.both()
    assert found["J"] == 0.0
    assert not any(found[name][l].any() for name in ("delta", "dW", "db") for l in (1, 2))


def test_a_row_of_weight_0_says_nothing_even_if_infinite() -> None:
    """Where the loss and delta of a row overflow, its weight 0 still makes them 0, never 0·inf = NaN."""
    z = np.array([[1e4], [0.5]], dtype=np.float32)
    a = ACTIVATIONS["exponential"].g(z)
    y = np.zeros((2, 1), dtype=np.float32)
    with np.errstate(over="ignore"):
        J, delta = batch_loss(z, a, y, np.array([0, 1], dtype=np.float32), "squared_error", "exponential")
    e = np.exp(0.5)
    assert_close(J, 0.5 * e * e, FLOAT32)
    assert_close(delta, [[0.0], [e * e]], FLOAT32)
    assert delta.dtype == np.float32


def test_arguments_are_left_alone() -> None:
    """Neither pass changes X, W, b, gain, shift, the masks or the targets."""
    example = Example((3, 4, 4, 3), "relu", "softmax", "cross_entropy").with_masks().with_layers(True, True)
    arrays = [example.X, example.y, example.weight, *example.W[1:], *example.b[1:], example.masks[1]]
    arrays += [*example.gain[1:-1], *example.shift[1:-1]]
    before = [array.tobytes() for array in arrays]
    example.both()
    assert [array.tobytes() for array in arrays] == before
