"""Where a new weight comes from: the old one, the gradient, the penalty, and what the optimizer remembers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.explain.notation import NOTATIONS
from chainrule.explain.step.update import OTHER_MEMBERS, clipped_by, hyper_at, numbers_of, rule_in_numbers
from chainrule.explain.why.expression import TensorEntry
from chainrule.explain.why.step_context import StepContext
from chainrule.network.members import of_other_members
from chainrule.reference.optimizer import Parts
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.penalties import PENALTIES
from chainrule.text import numpy_lines as code
from chainrule.text.tables import number
from chainrule.text.terms import Origin, Term


def of_parameter(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """W, b, gain or shift after the step: old + what the optimizer made of the gradient, part by part."""
    u, name = context.record.update, str(context.optimizer.get("name", ""))
    old, new = getattr(u.old, e.kind)[e.l][e.at], getattr(u.new, e.kind)[e.l][e.at]
    label, known = str(e), bool(np.isfinite(context.record.backward.loss)) and name in OPTIMIZERS
    numbers = numbers_of(context.record, context.settings, context.optimizer, e.kind, e.l, e.at)
    parts = OPTIMIZERS[name].parts if known else None
    split = None if parts is None else parts(numbers)
    terms = [Term(f"{label} (t)", (), float(old))]
    if split is not None:
        terms += _split(context, e, split)
    elif known:  # an entry that does not split its change
        terms.append(Term("Δ", (), numbers.theta_new - numbers.theta))
    values = [term.value for term in terms]
    total = math.fsum(values) if all(map(math.isfinite, values)) else float(np.sum(values))
    lines = rule_in_numbers(context.record, context.settings, context.optimizer, e.kind, e.l, e.at, NOTATIONS["batch"])
    if split is not None:
        lines = [*_symbols(context, e, split), *lines, *([] if split.where is None else [split.where])]
    return new, Origin(
        symbols=_formula(name, label, numbers.hyper),
        terms=tuple(terms),
        sum_name=label,
        total=total,
        steps=(),
        running=tuple(map(float, np.cumsum(values))),
        exact=False,
        operands=(f"d{e}",),
        code=tuple(_code(context, e, name, new) if known else ()),
        lines=tuple(lines),
    )


def _formula(name: str, label: str, hyper: Mapping[str, Any]) -> str:
    """The rule with these hyper-parameters, of the parameter `label`."""
    if name not in OPTIMIZERS:
        return f"{label} ← ?"
    entry = OPTIMIZERS[name]
    formula = entry.formula if entry.formula_for is None else entry.formula_for(hyper)
    return formula.replace("θ ←", f"{label} ←")


def _split(context: StepContext, e: TensorEntry, split: Parts) -> list[Term]:
    """The change as a sum: fresh gradient, each penalty, memory, decay; every label is the product of its factors."""
    terms = []
    for factors in _gradient_parts(context, e):
        of_term = ((split.fresh_is, split.fresh), *factors)
        terms.append(Term("·".join(name for name, _ in of_term), of_term, math.prod(x for _, x in of_term)))
    first, *penalties = terms
    remembered = [Term(split.memory_is, (), split.memory)] if split.memory else []
    others = [Term(what, (), value) for what, value in split.others]
    return [first, *(term for term in [*penalties, *remembered, *others] if term.value != 0)]


def _gradient_parts(context: StepContext, e: TensorEntry) -> list[tuple[tuple[str, float], ...]]:
    """g as the factors of its summands: the gradient of J and of each penalty, both with the factor c of clipping."""
    old, scale = float(getattr(context.record.update.old, e.kind)[e.l][e.at]), _clipped(context)
    c = () if scale == 1 else (("c", scale),)
    parts: list[tuple[tuple[str, float], ...]] = [
        (*c, (f"d{e}", float(getattr(context.record.backward, f"d{e.kind}")[e.l][e.at])))
    ]
    if others := of_other_members(context.record, e.kind, e.l, e.at):
        parts.append((*c, (OTHER_MEMBERS, others)))
    if e.kind == "W":
        for penalty, strength in context.settings.penalties.items():
            entry = PENALTIES[penalty]
            slope = (entry.symbols.partition("·")[2], float(entry.slope(np.asarray(old))))
            parts.append((*c, (penalty, strength), slope))
    return parts


def _clipped(context: StepContext) -> float:
    """The factor of clipping; 1 where the gradient is not shortened."""
    return clipped_by(context.record, context.settings)[1]


def _symbols(context: StepContext, e: TensorEntry, split: Parts) -> list[str]:
    """The values of the symbols in the labels, all before the step; c with the numbers it is made of."""
    penalties = context.settings.penalties if e.kind == "W" else {}
    strengths = {name: f"{x:g}" for name, x in penalties.items() if x}
    if strengths:
        strengths["W"] = number(context.record.update.old.W[e.l][e.at])
    lines = [
        ",  ".join(f"{name} = {value}" for name, value in symbols.items())
        for symbols in (split.symbols, strengths)
        if symbols
    ]
    own, eta = context.settings.rate_factor(e.kind, e.l), context.record.update.learning_rate
    if own != 1:
        lines.insert(0, f"η = learning_rate·{own:g} = {number(eta)}·{own:g} = {number(eta * own)}")
    norm, scale = clipped_by(context.record, context.settings)
    if scale != 1:
        whole = "(J + penalty)" if any(context.settings.penalties.values()) else "J"
        limit = context.settings.clip_norm
        lines.append(f"c = clip_norm/‖∇{whole}‖ = {number(limit)}/{number(norm)} = {number(scale)}")
    return lines


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
    eta = u.learning_rate * context.settings.rate_factor(e.kind, e.l)
    lines = write(hyper, eta, context.record.step + 1, lambda value: f"{T}({value!r})")
    return code.update(names, lines, context.dtype, new, gradient)
