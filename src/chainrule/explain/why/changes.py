"""Where a new weight comes from: the old one, the gradient, the penalty, and what the optimizer remembers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.elementary import power
from chainrule.explain.notation import NOTATIONS
from chainrule.explain.step.update import hyper_at, rule_in_numbers
from chainrule.explain.why.expression import Entry
from chainrule.explain.why.step_context import StepContext
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.text import numpy_lines as code
from chainrule.text.terms import Origin, Term


def of_parameter(context: StepContext, e: Entry) -> tuple[Any, Origin]:
    """W, b, gain or shift after the step: old + what the optimizer made of the gradient, part by part."""
    u, name = context.record.update, str(context.optimizer.get("name", ""))
    old, new = getattr(u.old, e.kind)[e.l][e.at], getattr(u.new, e.kind)[e.l][e.at]
    label, d = str(e), f"d{e}"
    terms = [Term(f"{label} (t)", (), float(old))]
    applied = bool(np.isfinite(context.record.backward.loss))
    if applied and name in OPTIMIZERS:
        terms += [
            Term(what, (), value) for what, value in _parts(context, e, name) if value != 0 or what.endswith("·g")
        ]
    values = [term.value for term in terms]
    total = math.fsum(values) if all(map(math.isfinite, values)) else float(np.sum(values))
    lines = rule_in_numbers(context.record, context.settings, context.optimizer, e.kind, e.l, e.at, NOTATIONS["batch"])
    if applied and name in _ALPHA:
        lines.append(f"α = {_ALPHA[name]}")
    return new, Origin(
        f"{label} ← {OPTIMIZERS[name].formula.partition('←')[2].strip() if name in OPTIMIZERS else '?'}",
        tuple(terms), label, total, (), tuple(map(float, np.cumsum(values))), False,
        (d,), tuple(_code(context, e, name, new) if applied else ()), tuple(lines),
    )  # fmt: skip


def _gradient_parts(context: StepContext, e: Entry) -> list[tuple[str, float]]:
    """g as dW, penalties, and the factor of clipping on all of them."""
    b, u, s = context.record.backward, context.record.update, context.settings
    dW, old = float(getattr(b, f"d{e.kind}")[e.l][e.at]), float(getattr(u.old, e.kind)[e.l][e.at])
    parts = [("g", dW)]
    if e.kind == "W":
        parts += [("l2·W", s.l2 * old), ("l1·sign(W)", s.l1 * float(np.sign(old)))]
    whole = math.fsum(value for _, value in parts)
    g = float(getattr(u.gradient, e.kind)[e.l][e.at])
    factor = g / whole if s.clip_norm is not None and whole else 1.0
    return [(what, value * factor) for what, value in parts]


def _parts(context: StepContext, e: Entry, name: str) -> list[tuple[str, float]]:
    """The change as a sum: fresh gradient, penalty, memory, decay; each already times its factor."""
    u, hyper = context.record.update, hyper_at(name, context.optimizer, context.settings)
    eta = u.learning_rate
    old = float(getattr(u.old, e.kind)[e.l][e.at])
    state = {key: float(getattr(p, e.kind)[e.l][e.at]) for key, p in u.old.optimizer.items()}
    after = {key: float(getattr(p, e.kind)[e.l][e.at]) for key, p in u.new.optimizer.items()}
    fresh, memory, extra = _factors(name, hyper, eta, state, after, context.record.step + 1)
    parts = [(f"{_SIGN[name]}·{what}", fresh * value) for what, value in _gradient_parts(context, e)]
    if memory:
        parts.append((_MEMORY[name], memory))
    if extra:
        parts.append(("−η·λ·θ", -eta * hyper["weight_decay"] * old))
    return parts


_SIGN = dict.fromkeys(OPTIMIZERS, "−η") | {
    "adam": "−α·(1 − β₁)", "adamw": "−α·(1 − β₁)",
    "adam_epsilon_hat": "−α·(1 − β₁)",
    "rmsprop": "−α", "adagrad": "−α",
}  # fmt: skip

_ALPHA = {
    "adam": "η/(1 − β₁^t)/(√v̂ + ε)", "adamw": "η/(1 − β₁^t)/(√v̂ + ε)",
    "adam_epsilon_hat": "η·√(1 − β₂^t)/(1 − β₁^t)/(√v + ε)", "rmsprop": "η/(√v + ε)", "adagrad": "η/(√v + ε)",
}  # fmt: skip
_MEMORY = {
    "sgd": "−η·μ·v", "sgd_sutskever": "μ·v", "adam": "−α·β₁·m",
    "adamw": "−α·β₁·m", "adam_epsilon_hat": "−α·β₁·m",
}  # fmt: skip
"""What earlier gradients, remembered in v or m, do to the weight; Nesterov's carries another μ."""


def _factors(
    name: str, hyper: Mapping[str, Any], eta: float, old: Mapping[str, float], new: Mapping[str, float], t: int
) -> tuple[float, float, bool]:
    """The factor on g, the change that memory alone makes, and whether weights decay."""
    if name in ("sgd", "sgd_sutskever"):
        mu, nesterov = hyper.get("momentum") or 0.0, bool(hyper.get("nesterov"))
        if not mu:
            return -eta, 0.0, False
        inside = name == "sgd_sutskever"
        carried = mu * old["v"] * (mu if nesterov else 1.0) * (1.0 if inside else -eta)
        return -eta * (1.0 + mu if nesterov else 1.0), carried, False
    if name in ("rmsprop", "adagrad"):
        return -eta / (math.sqrt(new["v"]) + hyper["epsilon"]), 0.0, False
    b1, b2 = hyper["beta1"], hyper["beta2"]
    if name == "adam_epsilon_hat":
        size = eta * math.sqrt(1 - power(b2, t)) / (1 - power(b1, t)) / (math.sqrt(new["v"]) + hyper["epsilon"])
    else:
        size = eta / (1 - power(b1, t)) / (math.sqrt(new["v"] / (1 - power(b2, t))) + hyper["epsilon"])
    return -size * (1 - b1), -size * b1 * old["m"], name == "adamw"


def _code(context: StepContext, e: Entry, name: str, new: Any) -> list[str]:
    """The rule as the native engine computes it; the NumPy engine agrees to rounding."""
    if name not in OPTIMIZERS:
        return []
    u, hyper, T = context.record.update, hyper_at(name, context.optimizer, context.settings), f"np.{context.dtype}"
    names = {"theta": getattr(u.old, e.kind)[e.l][e.at]}
    names |= {key: getattr(p, e.kind)[e.l][e.at] for key, p in u.old.optimizer.items()}
    gradient = getattr(u.gradient, e.kind)[e.l][e.at]
    return code.update(
        names, _rule(name, hyper, u.learning_rate, context.record.step + 1, T), context.dtype, new, gradient
    )


def _rule(name: str, hyper: Mapping[str, Any], eta: float, t: int, T: str) -> list[str]:
    def c(value: float) -> str:
        return f"{T}({value!r})"

    if name == "sgd" and not hyper.get("momentum"):
        return [f"value = fma(-{c(eta)}, g, theta)"]
    if name == "sgd":
        along = f"fma({c(hyper['momentum'])}, v, g)" if hyper.get("nesterov") else "v"
        return [f"v = fma({c(hyper['momentum'])}, v, g)", f"value = fma(-{c(eta)}, {along}, theta)"]
    if name == "sgd_sutskever":
        mu, step = c(hyper["momentum"]), f"-({c(eta)} * g)"
        return [f"v = fma({mu}, v, {step})", f"value = theta + {f'fma({mu}, v, {step})' if hyper['nesterov'] else 'v'}"]
    if name == "adagrad":
        return ["v = fma(g, g, v)", f"value = theta - {c(eta)} * g / (np.sqrt(v) + {c(hyper['epsilon'])})"]
    if name == "rmsprop":
        rho = hyper["rho"]
        first = f"v = fma({c(rho)}, v, {c(1 - rho)} * (g * g))"
        return [first, f"value = theta - {c(eta)} * g / (np.sqrt(v) + {c(hyper['epsilon'])})"]
    return _adam(name, hyper, eta, t, c)


def _adam(name: str, hyper: Mapping[str, Any], eta: float, t: int, c: Any) -> list[str]:
    b1, b2 = hyper["beta1"], hyper["beta2"]
    lines = [f"m = fma({c(b1)}, m, {c(1 - b1)} * g)", f"v = fma({c(b2)}, v, {c(1 - b2)} * (g * g))"]
    if name == "adamw":
        lines.append(f"theta = fma(-{c(eta * hyper['weight_decay'])}, theta, theta)")
    size, correction = eta / (1 - power(b1, t)), 1 / (1 - power(b2, t))
    if name == "adam_epsilon_hat":
        size, correction = size * math.sqrt(1 - power(b2, t)), 1.0
    root = f"np.sqrt(v * {c(correction)}) + {c(hyper['epsilon'])}"
    return [*lines, f"value = theta - {c(size)} * m / ({root})"]
