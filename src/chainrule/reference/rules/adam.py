"""Adam, with its ε before or after the correction of v, and with the decay of weights taken out of the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from chainrule.elementary import power
from chainrule.reference.activation import Array
from chainrule.reference.optimizer import Hyper, OneNumber, Optimizer, Parts, State
from chainrule.reference.rules.scaled import EPSILON, root_of_mean
from chainrule.reference.setting import Setting
from chainrule.text.tables import factor, number

BETA1 = Setting(
    name="beta1",
    kind=float,
    default=0.9,
    meaning="decay of the running mean of g (adam, adamw)",
    low=0.0,
    high=1.0,
    open_high=True,
    source="Kingma, Ba (2015)",
)
BETA2 = Setting(
    name="beta2",
    kind=float,
    default=0.999,
    meaning="decay of the running mean of g² (adam, adamw)",
    low=0.0,
    high=1.0,
    open_high=True,
    source="Kingma, Ba (2015)",
)
WEIGHT_DECAY = Setting(
    name="weight_decay",
    kind=float,
    default=0.01,
    meaning="share η·weight_decay of every parameter removed in a step (adamw)",
    low=0.0,
    source="Loshchilov, Hutter (2019)",
)


def adam(
    g: Array, state: State, theta: Array, t: int, eta: float, *, beta1: float, beta2: float, epsilon: float
) -> tuple[Array, State]:
    """Running mean of the gradient over the root of its running square, both corrected for their start at 0.

        m ← beta1·m + (1 − beta1)·g;   v ← beta2·v + (1 − beta2)·g²;
        m̂ = m / (1 − beta1^t);   v̂ = v / (1 − beta2^t);   theta − eta·m̂ / (√v̂ + epsilon)

    Source: Kingma, Ba (2015), algorithm 1. epsilon is added after the correction of v, as in the paper and PyTorch;
    adam_epsilon_hat adds it before. Penalties are part of g (coupled).
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
    beta1: float,
    beta2: float,
    epsilon: float,
) -> tuple[Array, State]:
    """Adam with both corrections folded into the learning rate, so that epsilon is added before that of v.

        m, v as in adam;   theta − eta·√(1 − beta2^t)/(1 − beta1^t)·m / (√v + epsilon)

    Source: Kingma, Ba (2015), the reordered form at the end of section 2; scikit-learn, TensorFlow. It is adam with
    epsilon / √(1 − beta2^t) in place of epsilon.
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
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
) -> tuple[Array, State]:
    """Adam with the decay of the weights taken out of the gradient.

        theta − eta·weight_decay·theta − eta·m̂ / (√v̂ + epsilon), m̂ and v̂ as in adam

    Source: Loshchilov, Hutter (2019), algorithm 2, decay scaled by eta as in PyTorch. Every parameter decays, biases
    too, as in the paper.
    """
    decayed = theta - (eta * weight_decay) * theta
    return adam(g, state, decayed, t, eta, beta1=beta1, beta2=beta2, epsilon=epsilon)


def _keeps(hyper: Hyper) -> tuple[str, ...]:
    return ("m", "v")


def _stable(hyper: Hyper) -> float:
    """Momentum whose gradient counts 1 − β₁, in coordinates scaled by √v + ε."""
    beta1: float = hyper["beta1"]
    return 2 * (1 + beta1) / (1 - beta1)


# the rule in numbers -----------------------------------------------------------------------------------------


def _moments(n: OneNumber) -> list[str]:
    b1, b2, m, v = n.hyper["beta1"], n.hyper["beta2"], n.new["m"], n.new["v"]
    return [
        f"m ← β₁·m + (1 − β₁)·g = {b1:g}·{factor(n.old['m'])} + {1 - b1:.4g}·{factor(n.g)} = {number(m)}",
        f"v ← β₂·v + (1 − β₂)·g² = {b2:g}·{number(n.old['v'])} + {1 - b2:.4g}·{factor(n.g)}² = {number(v)}",
    ]


def _worked(n: OneNumber, name: str) -> list[str]:
    return _worked_by(n, name, "")


def _worked_adamw(n: OneNumber, name: str) -> list[str]:
    return _worked_by(n, name, f"{number(n.hyper['weight_decay'])}·{factor(n.theta)} + ")


def _worked_by(n: OneNumber, name: str, decay: str) -> list[str]:
    b1, b2, m, v, t = n.hyper["beta1"], n.hyper["beta2"], n.new["m"], n.new["v"], n.t
    m_hat, v_hat = m / (1 - power(b1, t)), v / (1 - power(b2, t))
    step = f"{factor(m_hat)}/(√{number(v_hat)} + {n.hyper['epsilon']:g})"
    return [
        *_moments(n),
        f"m̂ = m/(1 − β₁^t) = {number(m)}/(1 − {b1:g}^{t}) = {number(m_hat)}",
        f"v̂ = v/(1 − β₂^t) = {number(v)}/(1 − {b2:g}^{t}) = {number(v_hat)}",
        f"{name} ← {number(n.theta)} − {number(n.eta)}·{f'({decay}{step})' if decay else step} = {number(n.theta_new)}",
    ]


def _worked_epsilon_hat(n: OneNumber, name: str) -> list[str]:
    b1, b2, t = n.hyper["beta1"], n.hyper["beta2"], n.t
    size = n.eta * float(np.sqrt(1 - power(b2, t))) / (1 - power(b1, t))
    message = f"{number(n.eta)}·√(1 − {b2:g}^{t})/(1 − {b1:g}^{t})"
    moved = f"{number(size)}·{factor(n.new['m'])}/(√{number(n.new['v'])} + {n.hyper['epsilon']:g})"
    return [
        *_moments(n),
        f"α ← η·√(1 − β₂^t)/(1 − β₁^t) = {message} = {number(size)}",
        f"{name} ← {number(n.theta)} − {moved} = {number(n.theta_new)}",
    ]


# the change as a sum ------------------------------------------------------------------------------------------


def _parts(n: OneNumber) -> Parts:
    b1, b2, t = n.hyper["beta1"], n.hyper["beta2"], n.t
    v_hat = n.new["v"] / (1 - power(b2, t))
    size = n.eta / (1 - power(b1, t)) / (math.sqrt(v_hat) + n.hyper["epsilon"])
    numbers = f"{number(n.eta)}/(1 − {b1:g}^{t})/(√{number(v_hat)} + {n.hyper['epsilon']:g})"
    return _split(n, size, f"α = η/(1 − β₁^t)/(√v̂ + ε) = {numbers}")


def _parts_epsilon_hat(n: OneNumber) -> Parts:
    b1, b2, t = n.hyper["beta1"], n.hyper["beta2"], n.t
    root = math.sqrt(n.new["v"]) + n.hyper["epsilon"]
    size = n.eta * math.sqrt(1 - power(b2, t)) / (1 - power(b1, t)) / root
    numbers = f"{number(n.eta)}·√(1 − {b2:g}^{t})/(1 − {b1:g}^{t})"
    numbers += f"/(√{number(n.new['v'])} + {n.hyper['epsilon']:g})"
    return _split(n, size, f"κ = η·√(1 − β₂^t)/(1 − β₁^t)/(√v + ε) = {numbers}", "κ")


def _parts_adamw(n: OneNumber) -> Parts:
    parts, decay = _parts(n), n.hyper["weight_decay"]
    symbols = {"η": number(n.eta), "λ = weight_decay": f"{decay:g}", "θ": number(n.theta), **parts.symbols}
    return replace(parts, others=(("−η·λ·θ", -n.eta * decay * n.theta),), symbols=symbols)


def _split(n: OneNumber, size: float, where: str, symbol: str = "α") -> Parts:
    b1 = n.hyper["beta1"]
    return Parts(
        fresh=-size * (1 - b1), fresh_is=f"−{symbol}·(1 − β₁)", memory=-size * b1 * n.old["m"],
        memory_is=f"−{symbol}·β₁·m", where=f"{where} = {number(size)}",
        symbols={"β₁": f"{b1:g}", "m": number(n.old["m"])},
    )  # fmt: skip


# NumPy lines --------------------------------------------------------------------------------------------------


def _numpy_by(
    hyper: Hyper, c: Callable[[float], str], size: float, correction: float, decay: float | None = None
) -> list[str]:
    b1, b2 = hyper["beta1"], hyper["beta2"]
    lines = [f"m = fma({c(b1)}, m, {c(1 - b1)} * g)", f"v = fma({c(b2)}, v, {c(1 - b2)} * (g * g))"]
    if decay is not None:
        lines.append(f"theta = fma(-{c(decay)}, theta, theta)")
    return [*lines, f"value = theta - {c(size)} * m / (np.sqrt(v * {c(correction)}) + {c(hyper['epsilon'])})"]


def _numpy(hyper: Hyper, eta: float, t: int, c: Callable[[float], str]) -> list[str]:
    return _numpy_by(hyper, c, eta / (1 - power(hyper["beta1"], t)), 1 / (1 - power(hyper["beta2"], t)))


def _numpy_adamw(hyper: Hyper, eta: float, t: int, c: Callable[[float], str]) -> list[str]:
    size, correction = eta / (1 - power(hyper["beta1"], t)), 1 / (1 - power(hyper["beta2"], t))
    return _numpy_by(hyper, c, size, correction, eta * hyper["weight_decay"])


def _numpy_epsilon_hat(hyper: Hyper, eta: float, t: int, c: Callable[[float], str]) -> list[str]:
    size = eta / (1 - power(hyper["beta1"], t)) * math.sqrt(1 - power(hyper["beta2"], t))
    return _numpy_by(hyper, c, size, 1.0)


ADAM = Optimizer(
    name="adam", rule=adam, formula="θ ← θ − η·m̂/(√v̂ + ε)", settings=(BETA1, BETA2, EPSILON), state=_keeps,
    squares=("v",), stable_factor=_stable, scale=root_of_mean, worked=_worked, parts=_parts, numpy=_numpy,
)  # fmt: skip
ADAM_EPSILON_HAT = replace(
    ADAM, name="adam_epsilon_hat", rule=adam_epsilon_hat, formula="θ ← θ − η·√(1 − β₂^t)/(1 − β₁^t)·m/(√v + ε)",
    worked=_worked_epsilon_hat, parts=_parts_epsilon_hat, numpy=_numpy_epsilon_hat,
)  # fmt: skip
ADAMW = replace(
    ADAM, name="adamw", rule=adamw, formula="θ ← θ − η·λ·θ − η·m̂/(√v̂ + ε)",
    settings=(*ADAM.settings, WEIGHT_DECAY), worked=_worked_adamw, parts=_parts_adamw, numpy=_numpy_adamw,
)  # fmt: skip
