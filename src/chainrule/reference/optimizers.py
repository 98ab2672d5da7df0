"""Optimizers as pairs of pure functions, with the letters of their papers.

    start(theta)                            -> state        a dict of arrays shaped like theta
    update(g, state, theta, t, eta, **hyper) -> theta, state

theta is the flat vector of all parameters, g the gradient of the objective, eta the learning rate of
this step and t = step + 1 counts updates from 1. Every rule acts on each parameter alone, so it may be
applied to any part of the vector. The new arrays are returned; the arguments are left as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from chainrule.elementary import power
from chainrule.reference.activations import Array

State: TypeAlias = dict[str, Array]


@dataclass(frozen=True)
class Optimizer:
    """An optimizer: its name, the arrays it keeps, its update, its hyper-parameters with their defaults."""

    name: str
    keeps: Callable[[Mapping[str, float]], tuple[str, ...]]
    update: Callable[..., tuple[Array, State]]
    formula: str
    hyper: Mapping[str, float] = field(default_factory=dict)

    def start(self, theta: Array, hyper: Mapping[str, float]) -> State:
        """The state before the first update: zeros shaped like theta."""
        return {name: np.zeros_like(theta) for name in self.keeps(hyper)}


def sgd(
    g: Array, state: State, theta: Array, t: int, eta: float, *, momentum: float = 0.0, nesterov: bool = False
) -> tuple[Array, State]:
    """Gradient descent, with momentum v where momentum > 0.

    Formula   theta − eta·g;  with momentum  v ← momentum·v + g,  theta − eta·v;
              Nesterov  theta − eta·(g + momentum·v)
    Source    Polyak (1964); Sutskever et al. (2013). The learning rate stands outside v, as in PyTorch;
              in Sutskever's form it stands inside, which differs when eta changes between steps.
    """
    if momentum == 0:
        return theta - eta * g, state
    v = momentum * state["v"] + g
    return theta - eta * (g + momentum * v if nesterov else v), {"v": v}


def sgd_sutskever(
    g: Array, state: State, theta: Array, t: int, eta: float, *, momentum: float = 0.9, nesterov: bool = True
) -> tuple[Array, State]:
    """Gradient descent with a velocity v that holds steps, the learning rate inside it.

    Formula   v ← momentum·v − eta·g;   theta + v;   Nesterov  theta + momentum·v − eta·g
    Source    Sutskever et al. (2013), equations 1 to 4; scikit-learn. While eta stays the same it takes the steps
              of sgd; after a change of eta the steps already in v keep their length.
    """
    v = momentum * state["v"] - eta * g
    return theta + (momentum * v - eta * g if nesterov else v), {"v": v}


def rmsprop(
    g: Array, state: State, theta: Array, t: int, eta: float, *, rho: float = 0.99, epsilon: float = 1e-8
) -> tuple[Array, State]:
    """Gradient divided by a running root mean square.

    Formula   v ← rho·v + (1 − rho)·g²;   theta − eta·g / (√v + epsilon)
    Source    Tieleman, Hinton (2012), lecture 6.5. epsilon stands outside the root, as in PyTorch.
    """
    v = rho * state["v"] + (1 - rho) * (g * g)
    return theta - eta * g / (np.sqrt(v) + epsilon), {"v": v}


def adagrad(g: Array, state: State, theta: Array, t: int, eta: float, *, epsilon: float = 1e-10) -> tuple[Array, State]:
    """Gradient divided by the root of the sum of all squared gradients so far.

    Formula   v ← v + g²;   theta − eta·g / (√v + epsilon)
    Source    Duchi, Hazan, Singer (2011), diagonal form
    """
    v = state["v"] + g * g
    return theta - eta * g / (np.sqrt(v) + epsilon), {"v": v}


def adam(
    g: Array,
    state: State,
    theta: Array,
    t: int,
    eta: float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Array, State]:
    """Running mean of the gradient over the root of its running square, both corrected for their start at 0.

    Formula   m ← beta1·m + (1 − beta1)·g;   v ← beta2·v + (1 − beta2)·g²;
              m̂ = m / (1 − beta1^t);   v̂ = v / (1 − beta2^t);   theta − eta·m̂ / (√v̂ + epsilon)
    Source    Kingma, Ba (2015), algorithm 1. epsilon is added after the correction of v, as in the paper
              and PyTorch; adam_epsilon_hat adds it before. Penalties are part of g (coupled).
    """
    m = beta1 * state["m"] + (1 - beta1) * g
    v = beta2 * state["v"] + (1 - beta2) * (g * g)
    m_hat = m / (1 - power(beta1, t))
    v_hat = v / (1 - power(beta2, t))
    return theta - eta * m_hat / (np.sqrt(v_hat) + epsilon), {"m": m, "v": v}


def adam_epsilon_hat(
    g: Array,
    state: State,
    theta: Array,
    t: int,
    eta: float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Array, State]:
    """Adam with both corrections folded into the learning rate, so that epsilon is added before that of v.

    Formula   m, v as in adam;   theta − eta·√(1 − beta2^t)/(1 − beta1^t)·m / (√v + epsilon)
    Source    Kingma, Ba (2015), the reordered form at the end of section 2; scikit-learn, TensorFlow. It is adam
              with epsilon / √(1 − beta2^t) in place of epsilon.
    """
    m = beta1 * state["m"] + (1 - beta1) * g
    v = beta2 * state["v"] + (1 - beta2) * (g * g)
    size = eta * float(np.sqrt(1 - power(beta2, t))) / (1 - power(beta1, t))
    return theta - size * m / (np.sqrt(v) + epsilon), {"m": m, "v": v}


def adamw(
    g: Array,
    state: State,
    theta: Array,
    t: int,
    eta: float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Array, State]:
    """Adam with the decay of the weights taken out of the gradient.

    Formula   theta − eta·weight_decay·theta − eta·m̂ / (√v̂ + epsilon), m̂ and v̂ as in adam
    Source    Loshchilov, Hutter (2019), algorithm 2, decay scaled by eta as in PyTorch. Every
              parameter decays, biases too, as in the paper.
    """
    decayed = theta - (eta * weight_decay) * theta
    return adam(g, state, decayed, t, eta, beta1=beta1, beta2=beta2, epsilon=epsilon)


OPTIMIZERS: dict[str, Optimizer] = {
    entry.name: entry
    for entry in (
        Optimizer(
            "sgd",
            lambda hyper: ("v",) if hyper.get("momentum", 0.0) > 0 else (),
            sgd,
            "θ ← θ − η·g",
            {"momentum": 0.0, "nesterov": False},
        ),
        Optimizer(
            "sgd_sutskever",
            lambda hyper: ("v",),
            sgd_sutskever,
            "v ← μ·v − η·g,   θ ← θ + μ·v − η·g",
            {"momentum": 0.9, "nesterov": True},
        ),
        Optimizer("rmsprop", lambda hyper: ("v",), rmsprop, "θ ← θ − η·g/(√v + ε)", {"rho": 0.99, "epsilon": 1e-8}),
        Optimizer("adagrad", lambda hyper: ("v",), adagrad, "θ ← θ − η·g/(√v + ε)", {"epsilon": 1e-10}),
        Optimizer(
            "adam",
            lambda hyper: ("m", "v"),
            adam,
            "θ ← θ − η·m̂/(√v̂ + ε)",
            {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
        ),
        Optimizer(
            "adam_epsilon_hat",
            lambda hyper: ("m", "v"),
            adam_epsilon_hat,
            "θ ← θ − η·√(1 − β₂^t)/(1 − β₁^t)·m/(√v + ε)",
            {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
        ),
        Optimizer(
            "adamw",
            lambda hyper: ("m", "v"),
            adamw,
            "θ ← θ − η·λ·θ − η·m̂/(√v̂ + ε)",
            {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01},
        ),
    )
}
