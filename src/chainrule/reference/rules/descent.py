"""Gradient descent, plain and with momentum: the velocity holds gradients (sgd) or steps (sgd_sutskever)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chainrule.errors import SettingsError
from chainrule.reference.activation import Array
from chainrule.reference.optimizer import Hyper, OneNumber, Optimizer, Parts, State
from chainrule.reference.setting import Setting
from chainrule.text.tables import factor, number

MOMENTUM = Setting(
    name="momentum",
    kind=float,
    default=0.0,
    meaning="share of the previous velocity kept (sgd)",
    low=0.0,
    high=1.0,
    open_high=True,
    source="Polyak (1964)",
)
NESTEROV = Setting(
    name="nesterov",
    kind=bool,
    default=False,
    meaning="look ahead along the velocity (sgd)",
    source="Sutskever et al. (2013)",
)


def sgd(
    g: Array, state: State, theta: Array, t: int, eta: float, *, momentum: float, nesterov: bool
) -> tuple[Array, State]:
    """Gradient descent, with momentum v where momentum > 0.

        theta − eta·g;  with momentum  v ← momentum·v + g,  theta − eta·v;
        Nesterov  theta − eta·(g + momentum·v)

    Source: Polyak (1964); Sutskever et al. (2013). The learning rate is outside v, as in PyTorch; in Sutskever's
    form it is inside, which differs when eta changes between steps.
    """
    if momentum == 0:
        return theta - eta * g, state
    v = momentum * state["v"] + g
    return theta - eta * (g + momentum * v if nesterov else v), {"v": v}


def sgd_sutskever(
    g: Array, state: State, theta: Array, t: int, eta: float, *, momentum: float, nesterov: bool
) -> tuple[Array, State]:
    """Gradient descent with a velocity v that holds steps, the learning rate inside it.

        v ← momentum·v − eta·g;   theta + v;   Nesterov  theta + momentum·v − eta·g

    Source: Sutskever et al. (2013), equations 1 to 4; scikit-learn. While eta stays the same it takes the steps of
    sgd; after a change of eta the steps already in v keep their length.
    """
    v = momentum * state["v"] - eta * g
    return theta + (momentum * v - eta * g if nesterov else v), {"v": v}


def _keeps(hyper: Hyper) -> tuple[str, ...]:
    return ("v",) if hyper["momentum"] > 0 else ()


def _check(hyper: Hyper) -> None:
    if hyper["nesterov"] and hyper["momentum"] == 0:
        raise SettingsError("nesterov=True: must be used with momentum > 0 (got momentum=0). Try momentum=0.9.")


def _stable(hyper: Hyper) -> float:
    """2·(1 + μ), by Nesterov's step 2·(1 + μ)/(1 + 2·μ): see chainrule.tune.stability."""
    mu: float = hyper["momentum"]
    return 2 * (1 + mu) / (1 + 2 * mu) if hyper["nesterov"] else 2 * (1 + mu)


def _formula(hyper: Hyper) -> str:
    if not hyper["momentum"]:
        return SGD.formula
    return "v ← μ·v + g,   θ ← θ − η·" + ("(g + μ·v)" if hyper["nesterov"] else "v")


def _formula_sutskever(hyper: Hyper) -> str:
    return SUTSKEVER.formula if hyper["nesterov"] else "v ← μ·v − η·g,   θ ← θ + v"


def _worked(n: OneNumber, name: str) -> list[str]:
    momentum, start, result = n.hyper["momentum"], f"{name} ← {number(n.theta)} − {number(n.eta)}·", number(n.theta_new)
    if not momentum:
        return [f"{start}{factor(n.g)} = {result}"]
    v = n.new["v"]
    first = f"v ← μ·v + g = {momentum:g}·{factor(n.old['v'])} + {factor(n.g)} = {number(v)}"
    step = f"({number(n.g)} + {momentum:g}·{factor(v)})" if n.hyper["nesterov"] else factor(v)
    return [first, f"{start}{step} = {result}"]


def _worked_sutskever(n: OneNumber, name: str) -> list[str]:
    momentum, v, start, result = n.hyper["momentum"], n.new["v"], f"{name} ← {number(n.theta)} + ", number(n.theta_new)
    first = f"v ← μ·v − η·g = {momentum:g}·{factor(n.old['v'])} − {number(n.eta)}·{factor(n.g)} = {number(v)}"
    if not n.hyper["nesterov"]:
        return [first, f"{start}{factor(v)} = {result}"]
    return [first, f"{start}{momentum:g}·{factor(v)} − {number(n.eta)}·{factor(n.g)} = {result}"]


def _parts_by(size: Callable[[OneNumber], float], size_is: str) -> Callable[[OneNumber], Parts]:
    """The parts of a rule whose velocity counts `size`; Nesterov's look ahead counts g and v by μ once more."""

    def parts(n: OneNumber) -> Parts:
        mu, eta = n.hyper["momentum"], {"η": number(n.eta)}
        if not mu:
            return Parts(fresh=-n.eta, symbols=eta)
        symbols, v = {**eta, "μ": f"{mu:g}", "v": number(n.old["v"])}, n.old["v"] * size(n)
        if not n.hyper["nesterov"]:
            return Parts(fresh=-n.eta, memory=mu * v, memory_is=f"{size_is}μ·v", symbols=symbols)
        fresh = -n.eta * (1.0 + mu)
        return Parts(
            fresh=fresh, fresh_is="−η·(1 + μ)", memory=mu * mu * v, memory_is=f"{size_is}μ²·v", symbols=symbols
        )

    return parts


def _numpy(hyper: Hyper, eta: float, t: int, c: Callable[[float], str]) -> list[str]:
    if not hyper["momentum"]:
        return [f"value = fma(-{c(eta)}, g, theta)"]
    along = f"fma({c(hyper['momentum'])}, v, g)" if hyper["nesterov"] else "v"
    return [f"v = fma({c(hyper['momentum'])}, v, g)", f"value = fma(-{c(eta)}, {along}, theta)"]


def _numpy_sutskever(hyper: Hyper, eta: float, t: int, c: Callable[[float], str]) -> list[str]:
    mu, step = c(hyper["momentum"]), f"-({c(eta)} * g)"
    return [f"v = fma({mu}, v, {step})", f"value = theta + {f'fma({mu}, v, {step})' if hyper['nesterov'] else 'v'}"]


SGD = Optimizer(
    name="sgd", rule=sgd, formula="θ ← θ − η·g", settings=(MOMENTUM, NESTEROV), learning_rate=0.1, state=_keeps,
    check=_check, formula_for=_formula, stable_factor=_stable, worked=_worked,
    parts=_parts_by(lambda n: -n.eta, "−η·"), numpy=_numpy,
)  # fmt: skip
SUTSKEVER = Optimizer(
    name="sgd_sutskever", rule=sgd_sutskever, formula="v ← μ·v − η·g,   θ ← θ + μ·v − η·g",
    settings=(replace(MOMENTUM, default=0.9), replace(NESTEROV, default=True)), state=lambda hyper: ("v",),
    formula_for=_formula_sutskever, stable_factor=_stable, worked=_worked_sutskever,
    parts=_parts_by(lambda n: 1.0, ""), numpy=_numpy_sutskever,
)  # fmt: skip
