"""Gradients divided by the root of their squares, forgetting (rmsprop) or not (adagrad)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.optimizer import Hyper, OneNumber, Optimizer, Parts, State
from chainrule.reference.setting import Setting
from chainrule.text.tables import factor, number

RHO = Setting(
    name="rho",
    kind=float,
    default=0.99,
    meaning="decay of the running mean of g² (rmsprop)",
    low=0.0,
    high=1.0,
    open_high=True,
    source="Tieleman, Hinton (2012)",
)
EPSILON = Setting(
    name="epsilon",
    kind=float,
    default=1e-8,
    meaning="added to √v, of adam after the correction of v, so that no step divides by zero",
    low=0.0,
    open_low=True,
)


def rmsprop(
    g: Array, state: State, theta: Array, t: int, eta: float, *, rho: float, epsilon: float
) -> tuple[Array, State]:
    """Gradient divided by a running root mean square.

        v ← rho·v + (1 − rho)·g²;   theta − eta·g / (√v + epsilon)

    Source: Tieleman, Hinton (2012), lecture 6.5. epsilon is outside the root, as in PyTorch.
    """
    v = rho * state["v"] + (1 - rho) * (g * g)
    return theta - eta * g / (np.sqrt(v) + epsilon), {"v": v}


def adagrad(g: Array, state: State, theta: Array, t: int, eta: float, *, epsilon: float) -> tuple[Array, State]:
    """Gradient divided by the root of the sum of all squared gradients so far.

        v ← v + g²;   theta − eta·g / (√v + epsilon)

    Source: Duchi, Hazan, Singer (2011), diagonal form.
    """
    v = state["v"] + g * g
    return theta - eta * g / (np.sqrt(v) + epsilon), {"v": v}


def root_of_mean(hyper: Hyper, gradients: Array) -> Array:
    """√v + ε, v the mean of g² over the first batches, (size,)."""
    squares: Array = (gradients * gradients).sum(axis=0)
    return np.sqrt(squares / len(gradients)) + hyper["epsilon"]


def _root_of_sum(hyper: Hyper, gradients: Array) -> Array:
    """√v + ε, v the sum of g²: nothing is forgotten."""
    squares: Array = (gradients * gradients).sum(axis=0)
    return np.sqrt(squares) + hyper["epsilon"]


def _descent(hyper: Hyper) -> float:
    return 2.0  # gradient descent in coordinates scaled by √v + ε


def _worked_by(first: Callable[[OneNumber], str]) -> Callable[[OneNumber, str], list[str]]:
    def worked(n: OneNumber, name: str) -> list[str]:
        start = f"{name} ← {number(n.theta)} − {number(n.eta)}·"
        v, epsilon = number(n.new["v"]), f"{n.hyper['epsilon']:g}"
        return [f"{first(n)} = {v}", f"{start}{factor(n.g)}/(√{v} + {epsilon}) = {number(n.theta_new)}"]

    return worked


def _mean(n: OneNumber) -> str:
    rho = n.hyper["rho"]
    return f"v ← ρ·v + (1 − ρ)·g² = {rho:g}·{number(n.old['v'])} + {1 - rho:.4g}·{factor(n.g)}²"


def _sum(n: OneNumber) -> str:
    return f"v ← v + g² = {number(n.old['v'])} + {factor(n.g)}²"


def _parts(n: OneNumber) -> Parts:
    size = n.eta / (math.sqrt(n.new["v"]) + n.hyper["epsilon"])
    numbers = f"{number(n.eta)}/(√{number(n.new['v'])} + {n.hyper['epsilon']:g})"
    return Parts(fresh=-size, fresh_is="−α", where=f"α = η/(√v + ε) = {numbers} = {number(size)}")


def _divided(hyper: Hyper, eta: float, c: Callable[[float], str]) -> str:
    return f"value = theta - {c(eta)} * g / (np.sqrt(v) + {c(hyper['epsilon'])})"


def _numpy_rmsprop(hyper: Hyper, eta: float, t: int, c: Callable[[float], str]) -> list[str]:
    rho = hyper["rho"]
    return [f"v = fma({c(rho)}, v, {c(1 - rho)} * (g * g))", _divided(hyper, eta, c)]


def _numpy_adagrad(hyper: Hyper, eta: float, t: int, c: Callable[[float], str]) -> list[str]:
    return ["v = fma(g, g, v)", _divided(hyper, eta, c)]


RMSPROP = Optimizer(
    name="rmsprop", rule=rmsprop, formula="θ ← θ − η·g/(√v + ε)", settings=(RHO, EPSILON),
    state=lambda hyper: ("v",), squares=("v",), stable_factor=_descent, scale=root_of_mean,
    worked=_worked_by(_mean), parts=_parts, numpy=_numpy_rmsprop,
)  # fmt: skip
ADAGRAD = Optimizer(
    name="adagrad", rule=adagrad, formula="θ ← θ − η·g/(√v + ε)", settings=(replace(EPSILON, default=1e-10),),
    learning_rate=0.01, state=lambda hyper: ("v",), squares=("v",), stable_factor=_descent, scale=_root_of_sum,
    worked=_worked_by(_sum), parts=_parts, numpy=_numpy_adagrad,
)  # fmt: skip
