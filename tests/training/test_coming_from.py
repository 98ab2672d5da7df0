"""docs/coming-from.md: schedules, optimizers, a loss and a layer against PyTorch, as it states them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.training import schedules
from chainrule.training.metrics import TRAINING_LOSS
from chainrule.training.settings import Settings
from chainrule.training.stopping import Plateau, Progress

torch = pytest.importorskip("torch")
EPOCHS, SPE = 20, 50
T = EPOCHS * SPE


def ours(**settings: Any) -> np.ndarray:
    """The factor of every step."""
    return schedules.factors(Settings(epochs=EPOCHS, **settings), 0, T, SPE)


def theirs(make: Callable[[Any], Any], n: int) -> np.ndarray:
    """The rates of a scheduler over n calls, from a rate of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, rates = make(optimizer), []
    for _ in range(n):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


LR = torch.optim.lr_scheduler


def test_cosine_is_cosine_annealing_over_all_steps() -> None:
    """CosineAnnealingLR(T_max=T), stepped after every batch."""
    np.testing.assert_allclose(ours(schedule="cosine"), theirs(lambda o: LR.CosineAnnealingLR(o, T), T), atol=1e-12)


def test_schedules_of_realmlp_are_their_formulas() -> None:
    """LambdaLR of flat_cosine and of coslog4 as the table states them."""
    flat = theirs(lambda o: LR.LambdaLR(o, lambda t: 1 if t < T / 2 else (1 + np.cos(np.pi * (2 * t / T - 1))) / 2), T)
    np.testing.assert_allclose(ours(schedule="flat_cosine"), flat, atol=1e-12)
    waves = theirs(lambda o: LR.LambdaLR(o, lambda t: (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t / T))) / 2), T)
    np.testing.assert_allclose(ours(schedule="coslog4"), waves, atol=1e-12)


@pytest.mark.parametrize(("share", "peak"), [(0.05, 0.994), (0.5, 0.53)])
def test_warm_up_multiplies_the_cosine(share: float, peak: float) -> None:
    """The product of a linear warm-up and the cosine, with the peaks that the table states."""
    n = int(share * T)
    warm = theirs(lambda o: LR.LambdaLR(o, lambda t: min(1.0, (t + 1) / n)), T)
    found = ours(schedule="cosine", warm_up=share)
    np.testing.assert_allclose(found, warm * theirs(lambda o: LR.CosineAnnealingLR(o, T), T), atol=1e-12)
    assert found.max() == pytest.approx(peak, abs=5e-3)


def test_one_cycle_is_that_of_torch_one_step_later() -> None:
    """From 1/25 to 1 at 30 %, to 1/250,000 at the end, within the one step that torch is ahead."""
    found = ours(schedule="one_cycle")
    expected = theirs(lambda o: LR.OneCycleLR(o, max_lr=1.0, total_steps=T), T)
    assert found[0] == pytest.approx(expected[0]) == 1 / 25
    assert found.argmax() == 0.3 * T and found[found.argmax()] == 1
    one_step = np.abs(np.diff(found)).max()
    assert np.abs(found - expected).max() <= 1.01 * one_step
    at_end = schedules.SCHEDULES["one_cycle"].factor(Settings(), 0, 1.0)
    assert at_end == pytest.approx(expected[-1]) == 1 / 250_000


def test_step_and_exponential_count_epochs() -> None:
    """StepLR; ExponentialLR where decay_every=1, and its root elsewhere."""
    step = ours(schedule="step", decay_factor=0.5, decay_every=3)
    np.testing.assert_allclose(step[::SPE], theirs(lambda o: LR.StepLR(o, 3, 0.5), EPOCHS), rtol=1e-12)
    each = ours(schedule="exponential", decay_factor=0.9, decay_every=1)
    np.testing.assert_allclose(each[::SPE], theirs(lambda o: LR.ExponentialLR(o, 0.9), EPOCHS), rtol=1e-12)
    default = ours(schedule="exponential")
    np.testing.assert_allclose(default[::SPE], theirs(lambda o: LR.ExponentialLR(o, 0.1**0.1), EPOCHS), rtol=1e-9)
    assert default[SPE] == pytest.approx(0.794, abs=5e-4)


@pytest.mark.parametrize("every", [1, 2, 3])
def test_plateau_is_that_of_torch_with_one_epoch_less(every: int) -> None:
    """ReduceLROnPlateau(patience=decay_every − 1, threshold=0) on the same scores."""
    scores = [1.0, 0.8, 0.9, 0.85, 0.8, 0.7, 0.7, 0.75, 0.72, 0.9, 0.6, 0.61, 0.62, 0.63]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = LR.ReduceLROnPlateau(optimizer, factor=0.5, patience=every - 1, threshold=0.0)
    progress, best = Progress(), np.inf
    rule, found, expected = Plateau(TRAINING_LOSS, progress, 0.5, every), [], []
    for score in scores:
        progress.best_score = None if np.isinf(best) else best
        rule.epoch_ended(SimpleNamespace(line={"loss": score}, epoch=0))
        best = min(best, score)
        scheduler.step(score)
        found.append(progress.plateau_factor)
        expected.append(optimizer.param_groups[0]["lr"])
    assert found == expected


UPDATES = {
    "momentum": ("sgd", {"momentum": 0.9, "nesterov": False}, lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "adam": ("adam", {}, lambda p: torch.optim.Adam(p, 0.1)),
    "adamw": ("adamw", {}, lambda p: torch.optim.AdamW(p, 0.1)),
    "rmsprop": ("rmsprop", {}, lambda p: torch.optim.RMSprop(p, 0.1)),
    "adagrad": ("adagrad", {}, lambda p: torch.optim.Adagrad(p, 0.1)),
}


@pytest.mark.parametrize(("name", "hyper", "make"), UPDATES.values(), ids=UPDATES)
def test_updates_are_those_of_torch_with_its_defaults(name: str, hyper: dict, make: Callable[[Any], Any]) -> None:
    """Five updates with the same gradients, small ones too, where the place of ε counts."""
    rule = OPTIMIZERS[name]
    theta, gradients = np.array([0.5, -1.0, 2.0]), np.random.default_rng(1).normal(size=(5, 3)) * [1.0, 1e-3, 1e-8]
    parameter = torch.nn.Parameter(torch.tensor(theta))
    optimizer, state = make([parameter]), rule.start(theta, hyper)
    for t, g in enumerate(gradients, start=1):
        theta, state = rule.update(g, state, theta, t, 0.1, **hyper)
        parameter.grad = torch.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(theta, parameter.detach().numpy(), rtol=1e-12)


def test_epsilon_before_the_correction_is_that_of_keras() -> None:
    """Keras adds ε to √v and corrects the rate: adam_epsilon_hat, which is adam with ε/√(1 − β₂^t)."""
    g, eta, t = np.array([1e-7]), 0.1, 3
    state = {"m": np.array([2e-8]), "v": np.array([1e-15])}
    keras, _ = OPTIMIZERS["adam_epsilon_hat"].update(g, state, np.zeros(1), t, eta, epsilon=1e-7)
    here, _ = OPTIMIZERS["adam"].update(g, state, np.zeros(1), t, eta, epsilon=1e-7 / np.sqrt(1 - 0.999**t))
    np.testing.assert_allclose(keras, here, rtol=1e-9)


def test_the_squared_error_is_half_the_outputs_times_that_of_torch() -> None:
    """J = ½·n_outputs·MSELoss, and so are its gradients; W is the transpose of Linear.weight."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
    net = cr.Network([3, 4], output="identity", loss="squared_error", dtype="float64", seed=1)
    layer = torch.nn.Linear(3, 4, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(net.W[1].T.copy()))
        layer.bias.copy_(torch.tensor(net.b[1]))
    loss = 0.5 * 4 * torch.nn.MSELoss()(layer(torch.tensor(X)), torch.tensor(y))
    loss.backward()
    found = net.backward(X, y)
    assert found.loss == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(found.dW[1], layer.weight.grad.numpy().T, rtol=1e-10)


def test_layer_normalisation_is_that_of_torch_with_its_default() -> None:
    """ε = 1e-5 inside the root: rows that hardly vary, where it counts."""
    net = cr.Network([3, 4, 2], "tanh", normalization="layer", dtype="float64", seed=1)
    X = np.random.default_rng(0).normal(size=(5, 3)) * [[1.0], [1e-1], [1e-2], [1e-3], [1e-4]]
    forward = net.forward(X)
    expected = torch.nn.LayerNorm(4, dtype=torch.float64)(torch.tensor(forward.z[1])).detach().numpy()
    np.testing.assert_allclose(forward.u[1], expected, rtol=1e-9)
