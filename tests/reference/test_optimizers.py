"""Optimizers: one step on paper, many against PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import peers
from chainrule.elementary import power
from chainrule.reference.activations import Array
from chainrule.reference.optimizers import OPTIMIZERS
from tolerances import ALGEBRA, HAND, PARITY, assert_close

# label: (optimizer, hyper-parameters, PyTorch's class, its keyword arguments)
RULES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "sgd": ("sgd", {}, "SGD", {}),
    "momentum": ("sgd", {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    "nesterov": ("sgd", {"momentum": 0.8, "nesterov": True}, "SGD", {"momentum": 0.8, "nesterov": True}),
    "rmsprop": ("rmsprop", {"rho": 0.9}, "RMSprop", {"alpha": 0.9}),
    "rmsprop by default": ("rmsprop", {}, "RMSprop", {}),
    "adagrad": ("adagrad", {}, "Adagrad", {}),
    "adam": ("adam", {}, "Adam", {}),
    "adam by hand": (
        "adam",
        {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-3},
        "Adam",
        {"betas": (0.8, 0.99), "eps": 1e-3},
    ),
    "adamw": ("adamw", {}, "AdamW", {}),
    "adamw by hand": ("adamw", {"weight_decay": 0.3}, "AdamW", {"weight_decay": 0.3}),
}


def run(name: str, hyper: dict[str, Any], theta: Array, gradients: list[Array], eta: float) -> list[Array]:
    """theta after each update."""
    rule, found = OPTIMIZERS[name], []
    state = rule.start(theta, hyper)
    for t, g in enumerate(gradients, start=1):
        theta, state = rule.update(g, state, theta, t, eta, **hyper)
        found.append(theta)
    return found


@pytest.mark.parametrize(
    ("name", "hyper", "first", "second"),
    [
        # theta = 1, eta = ½, g = 2 then −1
        ("sgd", {}, 0.0, 0.5),
        # v = 2, then ½·2 − 1 = 0
        ("sgd", {"momentum": 0.5}, 0.0, 0.0),
        # 2 + ½·2 = 3, then −1 + ½·0
        ("sgd", {"momentum": 0.5, "nesterov": True}, -0.5, 0.0),
        # v = ¼·4 = 1, then ¾ + ¼ = 1
        ("rmsprop", {"rho": 0.75, "epsilon": 0.0}, 0.0, 0.5),
        # v = 4, then 5
        ("adagrad", {"epsilon": 0.0}, 0.5, 0.5 + 0.5 / math.sqrt(5)),
        # the first step is eta·sign(g); then m = ½·1 − ½ = 0
        ("adam", {"beta1": 0.5, "beta2": 0.75, "epsilon": 0.0}, 0.5, 0.5),
        # first 1 − ½·0.1·1 − ½; then m̂ = 0 and only the decay of 0.05 acts
        ("adamw", {"beta1": 0.5, "beta2": 0.75, "epsilon": 0.0, "weight_decay": 0.1}, 0.45, 0.45 * 0.95),
    ],
)
def test_two_steps_by_hand(name: str, hyper: dict[str, Any], first: float, second: float) -> None:
    """Two updates from theta = 1 at eta = ½ with g = 2, −1 give what paper gives."""
    found = run(name, hyper, np.array([1.0]), [np.array([2.0]), np.array([-1.0])], 0.5)
    assert_close(np.concatenate(found), [first, second], HAND)


def test_epsilon_stands_outside_the_root_and_after_the_correction() -> None:
    """With epsilon = 1, g = 2, eta = 1 the first Adam step is 2/(2 + 1), RMSProp's 2/(√v + 1), Adagrad's 2/3."""
    g, theta = [np.array([2.0])], np.array([0.0])
    hyper = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1.0}
    assert_close(run("adam", hyper, theta, g, 1.0)[0], [-2 / 3], HAND)
    assert_close(run("rmsprop", {"rho": 0.75, "epsilon": 1.0}, theta, g, 1.0)[0], [-1.0], HAND)
    assert_close(run("adagrad", {"epsilon": 1.0}, theta, g, 1.0)[0], [-2 / 3], HAND)


@pytest.mark.parametrize("label", RULES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arguments_unchanged_and_dtype_kept(label: str, dtype: type) -> None:
    """An update returns new arrays of the same dtype and leaves g, state and theta as they were."""
    name, hyper, *_ = RULES[label]
    rng = np.random.default_rng(0)
    theta, g = rng.normal(size=6).astype(dtype), rng.normal(size=6).astype(dtype)
    rule = OPTIMIZERS[name]
    _, state = rule.update(g, rule.start(theta, hyper), theta, 1, 0.1, **hyper)
    before = [array.tobytes() for array in (g, theta, *state.values())]
    after, later = rule.update(g, state, theta, 2, 0.1, **hyper)
    assert [array.tobytes() for array in (g, theta, *state.values())] == before
    assert set(later) == set(rule.keeps(hyper))
    for array in (after, *later.values()):
        assert array.dtype == dtype
        assert not any(np.shares_memory(array, other) for other in (g, theta, *state.values()))


@pytest.mark.parametrize("label", RULES)
@given(seed=st.integers(0, 999), cut=st.integers(0, 8))
def test_each_parameter_alone(label: str, seed: int, cut: int) -> None:
    """The rule applied to two parts of the vector gives the bits of the rule applied to the whole."""
    name, hyper, *_ = RULES[label]
    rng = np.random.default_rng(seed)
    theta, gradients = rng.normal(size=8), [rng.normal(size=8) for _ in range(3)]
    whole = run(name, hyper, theta, gradients, 0.05)[-1]
    parts = [run(name, hyper, theta[s], [g[s] for g in gradients], 0.05)[-1] for s in (slice(cut), slice(cut, 8))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("label", RULES)
def test_a_zero_gradient_from_the_start_moves_nothing(label: str) -> None:
    """Without gradient and state only the decay of AdamW moves a parameter; nothing is 0/0."""
    name, hyper, *_ = RULES[label]
    theta = np.array([1.0, -2.0])
    found = run(name, hyper, theta, [np.zeros(2)], 0.5)[0]
    decay = 0.5 * hyper.get("weight_decay", 0.01) if name == "adamw" else 0.0
    assert_close(found, theta * (1 - decay), ALGEBRA)


def test_adamw_without_decay_is_adam() -> None:
    """weight_decay = 0 gives Adam's bits."""
    rng = np.random.default_rng(1)
    theta, gradients = rng.normal(size=5), [rng.normal(size=5) for _ in range(5)]
    adamw = run("adamw", {"weight_decay": 0.0}, theta, gradients, 0.1)
    assert [a.tobytes() for a in adamw] == [a.tobytes() for a in run("adam", {}, theta, gradients, 0.1)]


def test_state_starts_at_zero() -> None:
    """Each rule keeps the arrays of its paper, zeros shaped and typed like theta; plain descent keeps none."""
    theta = np.ones(3, dtype=np.float32)
    kept = {label: sorted(OPTIMIZERS[name].start(theta, hyper)) for label, (name, hyper, *_) in RULES.items()}
    assert kept["sgd"] == []
    assert kept["momentum"] == kept["nesterov"] == kept["rmsprop"] == kept["adagrad"] == ["v"]
    assert kept["adam"] == kept["adamw"] == ["m", "v"]
    for array in OPTIMIZERS["adam"].start(theta, {}).values():
        assert array.tobytes() == np.zeros(3, dtype=np.float32).tobytes()


@pytest.mark.parametrize("t", [1, 2, 3, 10, 1000, 123_456])
def test_adam_corrects_by_powers_of_beta(t: int) -> None:
    """Adam started at any t divides m by 1 − beta1^t and v by 1 − beta2^t, with elementary.power's bits."""
    g, theta = np.array([0.7]), np.array([0.0])
    found, _ = OPTIMIZERS["adam"].update(g, {"m": np.zeros(1), "v": np.zeros(1)}, theta, t, 1.0)
    m_hat = (1 - 0.9) * g / (1 - power(0.9, t))
    v_hat = (1 - 0.999) * (g * g) / (1 - power(0.999, t))
    assert found.tobytes() == (theta - m_hat / (np.sqrt(v_hat) + 1e-8)).tobytes()


@pytest.mark.parametrize("label", RULES)
def test_parity_with_torch_over_50_steps(label: str) -> None:
    """theta equals torch.optim's in float64 after each of 50 updates, with the defaults of both."""
    torch = peers.torch()
    name, hyper, torch_name, torch_hyper = RULES[label]
    rng = np.random.default_rng(2)
    theta, gradients = rng.normal(size=12), [rng.normal(size=12) for _ in range(50)]
    gradients[7] *= 0
    parameter = torch.nn.Parameter(torch.tensor(theta))
    optimizer = getattr(torch.optim, torch_name)([parameter], lr=0.03, **torch_hyper)
    for found, g in zip(run(name, hyper, theta, gradients, 0.03), gradients, strict=True):
        parameter.grad = torch.tensor(g)
        optimizer.step()
        assert_close(found, parameter.detach().numpy(), PARITY)


@given(st.floats(0.0, 0.99), st.booleans(), st.integers(0, 2**32 - 1))
def test_sutskever_takes_the_steps_of_sgd_at_a_constant_rate(momentum: float, nesterov: bool, seed: int) -> None:
    """With one learning rate throughout, sgd_sutskever and sgd with momentum move theta alike."""
    rng = np.random.default_rng(seed)
    theta, gradients = rng.normal(size=5), [rng.normal(size=5) for _ in range(20)]
    hyper = {"momentum": momentum, "nesterov": nesterov}
    found = run("sgd_sutskever", hyper, theta, gradients, 0.03)
    for a, b in zip(found, run("sgd", hyper, theta, gradients, 0.03), strict=True):
        assert_close(a, b, ALGEBRA)


def test_sutskever_keeps_the_length_of_old_steps() -> None:
    """theta = 0, g = 1: at eta 1 v = −1; at eta 0 half of that step is taken again."""
    theta, state = OPTIMIZERS["sgd_sutskever"].update(
        np.ones(1), {"v": np.zeros(1)}, np.zeros(1), 1, 1.0, momentum=0.5, nesterov=False
    )
    theta, state = OPTIMIZERS["sgd_sutskever"].update(np.ones(1), state, theta, 2, 0.0, momentum=0.5, nesterov=False)
    assert (theta[0], state["v"][0]) == (-1.5, -0.5)


@pytest.mark.parametrize("t", [1, 2, 100, 10_000])
def test_epsilon_hat_is_adam_with_another_epsilon(t: int) -> None:
    """adam_epsilon_hat with epsilon takes the step of adam with epsilon / √(1 − beta2^t)."""
    rng = np.random.default_rng(t)
    g, theta, state = rng.normal(size=9), rng.normal(size=9), {"m": rng.normal(size=9), "v": rng.uniform(size=9)}
    found, _ = OPTIMIZERS["adam_epsilon_hat"].update(g, state, theta, t, 0.1, epsilon=1e-3)
    other = 1e-3 / math.sqrt(1 - power(0.999, t))
    expected, _ = OPTIMIZERS["adam"].update(g, state, theta, t, 0.1, epsilon=other)
    assert_close(found, expected, ALGEBRA)


@pytest.mark.parametrize("name", ["sgd_sutskever", "adam_epsilon_hat"])
def test_parity_with_scikit_learn_over_50_steps(name: str) -> None:
    """theta equals that of scikit-learn's own optimizers after each of 50 updates."""
    from sklearn.neural_network import _stochastic_optimizers as peer

    rng = np.random.default_rng(3)
    theta, gradients = rng.normal(size=12), [rng.normal(size=12) for _ in range(50)]
    params = [theta.copy()]
    other = peer.SGDOptimizer(params, 0.03) if name == "sgd_sutskever" else peer.AdamOptimizer(params, 0.03)
    for found, g in zip(run(name, {}, theta, gradients, 0.03), gradients, strict=True):
        other.update_params(params, [g])
        assert_close(found, params[0], PARITY)
