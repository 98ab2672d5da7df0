"""The Hessian as a product, and the two ends of its spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import peers
from chainrule.engine.numpy import NumpyEngine
from chainrule.errors import DataError
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import choose, initialize
from chainrule.network.parameters import Parameters
from chainrule.reference.penalties import penalty_gradient
from chainrule.tune.eigenvalues import extreme_eigenvalues, largest_eigenvalue, smallest_eigenvalue
from chainrule.tune.hessian import Hessian
from tolerances import ALGEBRA, CENTRAL_DIFFERENCE_STEP, GRADIENT_CHECK, assert_close

MNIST = Path(__file__).parents[3].parent / "shared" / "data" / "mnist.npz"
ONE_PER_CENT = 0.01
"""What is promised of an eigenvalue; the default tolerance of the search is ten times tighter."""


class Given:
    """A symmetric matrix by its products, counting them."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix, self.size, self.products = matrix, len(matrix), 0

    def __matmul__(self, v: np.ndarray) -> np.ndarray:
        self.products += 1
        return self.matrix @ v


def with_spectrum(values: np.ndarray, seed: int = 0) -> Given:
    """A matrix with these eigenvalues along random directions."""
    Q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values),) * 2))
    return Given(Q @ np.diag(values) @ Q.T)


def small(hidden: str, output: str, loss: str, seed: int, **options: Any) -> tuple[Parameters, Any, Any, Any]:
    """A small network away from its start, with weighted rows."""
    architecture = Architecture.build([4, 6, 6, 3], hidden, output, loss, "float64", **options)
    parameters = initialize(architecture, choose("auto", architecture), seed)
    rng = np.random.default_rng(seed)
    parameters.flat += 0.3 * rng.normal(size=parameters.flat.size)
    y = rng.integers(0, 3, 40).astype(np.int32) if output == "softmax" else rng.normal(size=(40, 3))
    return parameters, rng.normal(size=(40, 4)), y, rng.uniform(0.5, 2, size=40)


NETWORKS = [
    ("tanh", "softmax", "cross_entropy", {}),
    ("relu", "softmax", "cross_entropy", {}),
    ("gelu", "identity", "squared_error", {}),
    ("sigmoid", "tanh", "huber", {}),
    ("silu", "softmax", "cross_entropy", {"normalization": "layer", "residual": True}),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("hidden", "output", "loss", "options"), NETWORKS)
def test_both_ends_are_those_of_the_full_hessian(
    hidden: str, output: str, loss: str, options: dict[str, Any], seed: int
) -> None:
    """Within one per cent of eigvalsh of the full matrix, and the residual is what it says."""
    hessian = Hessian(*small(hidden, output, loss, seed, **options), l2=0.01)
    full = hessian.dense()
    assert_close(full, full.T, ALGEBRA)
    values = np.linalg.eigvalsh(full)
    smallest, largest = extreme_eigenvalues(hessian)
    for found, expected in ((smallest, values[0]), (largest, values[-1]), (largest_eigenvalue(hessian), values[-1])):
        assert found.converged
        assert abs(found.value - expected) <= ONE_PER_CENT * abs(expected)
        residual = np.linalg.norm(full @ found.vector - found.value * found.vector)
        assert residual <= found.residual + ALGEBRA
        assert np.abs(values - found.value).min() <= found.residual + ALGEBRA
        assert found.products <= hessian.size


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lowest", [-0.9, -0.999, -1.0, -1.001, -3.0])
def test_a_negative_eigenvalue_as_large_does_not_mislead(lowest: float, seed: int) -> None:
    """The algebraically largest is found where power iteration would stall or find the other end."""
    matrix = with_spectrum(np.concatenate([[lowest], np.linspace(-0.2, 0.4, 298), [1.0]]), seed)
    found = largest_eigenvalue(matrix)
    assert found.converged
    assert abs(found.value - 1) <= ONE_PER_CENT
    assert found.products == matrix.products < 30
    assert abs(smallest_eigenvalue(matrix).value - lowest) <= ONE_PER_CENT * abs(lowest)


def test_a_network_with_a_nearly_symmetric_spectrum() -> None:
    """Two linear layers at zero error slope the same way up and down: ± pairs, told apart."""
    # One row, J = ½·(w1·w2 − y)²: with w = 0 the Hessian is [[0, −y], [−y, 0]], eigenvalues ±y.
    architecture = Architecture.build([1, 1, 1], "identity", "identity", "squared_error", "float64")
    parameters = Parameters(architecture)
    hessian = Hessian(parameters, np.ones((1, 1)), np.full((1, 1), 2.0))
    values = np.linalg.eigvalsh(hessian.dense())
    smallest, largest = extreme_eigenvalues(hessian)
    assert_close([smallest.value, largest.value], values[[0, -1]], ALGEBRA)
    assert values[0] < -1
    assert values[-1] > 1
    rng = np.random.default_rng(1)
    architecture = Architecture.build([4, 6, 3], "identity", "identity", "squared_error", "float64")
    parameters = Parameters(architecture, 0.02 * rng.normal(size=architecture.n_parameters))
    X, noise = rng.normal(size=(200, 4)), rng.normal(size=(200, 3))
    hessian = Hessian(parameters, X, 20 * (X[:, :3] + noise))
    values = np.linalg.eigvalsh(hessian.dense())
    smallest, largest = extreme_eigenvalues(hessian)
    assert 0.9 < -values[0] / values[-1] < 1.0
    assert abs(largest.value - values[-1]) <= ONE_PER_CENT * values[-1]
    assert abs(smallest.value - values[0]) <= ONE_PER_CENT * -values[0]


def test_a_product_is_a_difference_of_engine_gradients() -> None:
    """H·v with weights, penalty and dropout equals the difference of the gradients the engine computes."""
    parameters, X, y, weight = small("tanh", "softmax", "cross_entropy", 3, normalization="layer")
    rng, h = np.random.default_rng(9), CENTRAL_DIFFERENCE_STEP
    masks: list[Any] = [None, *(np.where(rng.uniform(size=(40, 6)) < 0.3, 0.0, 1 / 0.7) for _ in (1, 2)), None]
    v = rng.normal(size=parameters.flat.size)

    def gradient(theta: np.ndarray) -> np.ndarray:
        at = parameters.like(theta)
        found = NumpyEngine().backward(at, X, y, weight, masks)
        parts = []
        for name, tensor in at.named():
            l = int(name.lstrip("Wbgainshft"))
            g = getattr(found, f"d{name.rstrip('123')}")[l]
            whole = g + penalty_gradient(tensor, {"l2": 0.3, "l1": 0.0}) if name.startswith("W") else g
            parts.append(whole.reshape(-1))
        return np.concatenate(parts)

    hessian = Hessian(parameters, X, y, weight, masks, l2=0.3)
    assert_close(hessian.gradient, gradient(parameters.flat), ALGEBRA)
    assert hessian.loss == NumpyEngine().backward(parameters, X, y, weight, masks).loss
    numeric = (gradient(parameters.flat + h * v) - gradient(parameters.flat - h * v)) / (2 * h)
    assert_close(hessian @ v, numeric, GRADIENT_CHECK)


def test_the_same_bits_every_time_and_other_seeds_agree() -> None:
    """The search is a function of its arguments; another first direction finds the same eigenvalue."""
    hessian = Hessian(*small("tanh", "softmax", "cross_entropy", 0))
    one, again, other = (largest_eigenvalue(hessian, seed=seed) for seed in (0, 0, 1))
    assert one.value == again.value
    assert one.vector.tobytes() == again.vector.tobytes()
    assert one.vector.tobytes() != other.vector.tobytes()
    assert abs(one.value - other.value) <= one.residual + other.residual


def test_what_ends_the_search() -> None:
    """A zero matrix and a single number are done at once; too few products say so; NaN is refused."""
    assert largest_eigenvalue(Given(np.zeros((5, 5)))).value == 0
    assert largest_eigenvalue(Given(np.array([[-3.0]]))).value == pytest.approx(-3)
    few = largest_eigenvalue(with_spectrum(np.linspace(-1, 1, 200)), max_products=3)
    assert not few.converged
    assert few.products == 3
    with pytest.raises(DataError, match="finite"):
        largest_eigenvalue(Given(np.full((3, 3), np.nan)))


def torch_largest(theta: Parameters, X: np.ndarray, y: np.ndarray) -> float:
    """PyTorch's largest eigenvalue by power iteration on H + shift, shift = the magnitude first found."""
    torch = peers.torch()
    tensors = [torch.tensor(t.astype(np.float64), requires_grad=True) for _, t in theta.named()]
    W1, b1, W2, b2 = tensors
    z = torch.sigmoid(torch.tensor(X) @ W1 + b1) @ W2 + b2
    J = torch.nn.functional.cross_entropy(z, torch.tensor(y, dtype=torch.long))
    first = torch.autograd.grad(J, tensors, create_graph=True)

    def iterate(shift: float, n: int) -> float:
        v = [torch.ones_like(t) for t in tensors]
        value = 0.0
        for _ in range(n):
            norm = sum((t * t).sum() for t in v).sqrt()
            v = [t / norm for t in v]
            Hv = torch.autograd.grad(
                sum((g * t).sum() for g, t in zip(first, v, strict=True)), tensors, retain_graph=True
            )
            value = float(sum((h * t).sum() for h, t in zip(Hv, v, strict=True)))
            v = [h + shift * t for h, t in zip(Hv, v, strict=True)]
        return value

    return iterate(abs(iterate(0.0, 5)), 100)


def test_mnist_784_30_10_is_pytorchs() -> None:
    """On 500 images through Nielsen's 784-30-10 the eigenvalue is within one per cent of PyTorch's."""
    if not MNIST.exists():
        pytest.skip("needs MNIST as ../shared/data/mnist.npz beside the checkout")
    with np.load(MNIST) as data:
        X = data["x_train"][:500].reshape(500, -1) / 255.0
        y = data["y_train"][:500].astype(np.int32)
    architecture = Architecture.build([784, 30, 10], "sigmoid")
    parameters = initialize(architecture, choose("auto", architecture), 0)
    found = largest_eigenvalue(Hessian(parameters, X, y))
    expected = torch_largest(parameters, X, y)
    assert found.converged
    assert abs(found.value - expected) <= ONE_PER_CENT * expected
