"""Where a new weight comes from: the old one, the gradient, the penalty, and what the optimizer remembers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.explain.notation import NOTATIONS
from chainrule.explain.step.update import hyper_at, numbers_of, rule_in_numbers
from chainrule.explain.why.expression import TensorEntry
from chainrule.explain.why.step_context import StepContext
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.penalties import PENALTIES
from chainrule.text import numpy_lines as code
from chainrule.text.terms import Origin, Term


def of_parameter(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """W, b, gain or shift after the step: old + what the optimizer made of the gradient, part by part."""
    u, name = context.record.update, str(context.optimizer.get("name", ""))
    old, new = getattr(u.old, e.kind)[e.l][e.at], getattr(u.new, e.kind)[e.l][e.at]
    label, d = str(e), f"d{e}"
    terms = [Term(f"{label} (t)", (), float(old))]
    applied = bool(np.isfinite(context.record.backward.loss))
    if applied and name in OPTIMIZERS:
        terms += [
            Term(what, (), value) for what, value in _summands(context, e, name) if value != 0 or what.endswith("·g")
        ]
    values = [term.value for term in terms]
    total = math.fsum(values) if all(map(math.isfinite, values)) else float(np.sum(values))
    lines = rule_in_numbers(context.record, context.settings, context.optimizer, e.kind, e.l, e.at, NOTATIONS["batch"])
    where = _where(context, e, name) if applied and name in OPTIMIZERS else None
    if where is not None:
        lines.append(where)
    return new, Origin(
        symbols=f"{label} ← {OPTIMIZERS[name].formula.partition('←')[2].strip() if name in OPTIMIZERS else '?'}",
        terms=tuple(terms),
        sum_name=label,
        total=total,
        steps=(),
        running=tuple(map(float, np.cumsum(values))),
        exact=False,
        operands=(d,),
        code=tuple(_code(context, e, name, new) if applied and name in OPTIMIZERS else ()),
        lines=tuple(lines),
    )


def _gradient_parts(context: StepContext, e: TensorEntry) -> list[tuple[str, float]]:
    """g as dW, penalties, and the factor of clipping on all of them."""
    b, u, s = context.record.backward, context.record.update, context.settings
    dW, old = float(getattr(b, f"d{e.kind}")[e.l][e.at]), float(getattr(u.old, e.kind)[e.l][e.at])
    parts = [("g", dW)]
    if e.kind == "W":
        penalties = ((PENALTIES[penalty], strength) for penalty, strength in s.penalties.items())
        parts += [(entry.symbols, strength * float(entry.slope(np.asarray(old)))) for entry, strength in penalties]
    whole = math.fsum(value for _, value in parts)
    g = float(getattr(u.gradient, e.kind)[e.l][e.at])
    factor = g / whole if s.clip_norm is not None and whole else 1.0
    return [(what, value * factor) for what, value in parts]


def _summands(context: StepContext, e: TensorEntry, name: str) -> list[tuple[str, float]]:
    """The change as a sum: fresh gradient, penalty, memory, decay; each already times its factor.

    Of a rule whose entry does not split its change: the change as one number.
    """
    numbers = numbers_of(context.record, context.settings, context.optimizer, e.kind, e.l, e.at)
    parts = OPTIMIZERS[name].parts
    if parts is None:
        return [("Δ·g", numbers.theta_new - numbers.theta)]
    p = parts(numbers)
    result = [(f"{p.fresh_is}·{what}", p.fresh * value) for what, value in _gradient_parts(context, e)]
    return [*result, *([(p.memory_is, p.memory)] if p.memory else []), *p.others]


def _where(context: StepContext, e: TensorEntry, name: str) -> str | None:
    parts = OPTIMIZERS[name].parts
    numbers = numbers_of(context.record, context.settings, context.optimizer, e.kind, e.l, e.at)
    return None if parts is None else parts(numbers).where


def _code(context: StepContext, e: TensorEntry, name: str, new: Any) -> list[str]:
    """The rule as the native engine computes it; the NumPy engine agrees to rounding."""
    u, T = context.record.update, f"np.{context.dtype}"
    hyper = hyper_at(name, context.optimizer, context.settings)
    write = OPTIMIZERS[name].numpy
    if write is None:
        return code.value_alone(float(new), new, f"by the rule {name}")
    names = {"theta": getattr(u.old, e.kind)[e.l][e.at]}
    names |= {key: getattr(p, e.kind)[e.l][e.at] for key, p in u.old.optimizer.items()}
    gradient = getattr(u.gradient, e.kind)[e.l][e.at]
    lines = write(hyper, u.learning_rate, context.record.step + 1, lambda value: f"{T}({value!r})")
    return code.update(names, lines, context.dtype, new, gradient)
