"""A number that was too small to count and was set to 0: its origin ends with that (reference/small_numbers)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.explain.why.expression import TensorEntry
from chainrule.explain.why.step_context import StepContext
from chainrule.reference.small_numbers import EVERY
from chainrule.text.terms import Origin


def least(context: StepContext, e: TensorEntry) -> float:
    """What this number must reach to count; 0 where every number does."""
    small, is_last = context.architecture.small, e.l == context.L
    if e.kind in ("z", "u", "a"):
        return 0.0 if e.l == 0 and not context.has_kind(0) else small * small if is_last else small
    if e.kind in ("delta", "du", "da"):  # in the first of several layers only X follows
        return small if is_last or e.l > 1 else 0.0
    is_looked_at = e.kind in context.parameters and (context.record.step + 1) % EVERY == 0
    return small if is_looked_at else 0.0


def set_to_zero(value: Any, origin: Origin, bound: float) -> bool:
    """Whether a number is 0 because its sum, or g of it before the mask, does not reach the bound."""
    return bool(value == 0 and origin.last != 0 and min(abs(origin.last), abs(origin.total)) < bound)


def ends_at_zero(origin: Origin, bound: float) -> Origin:
    """The origin with the rule as its last step."""
    power = int(np.log2(bound))
    does_not_count = f"abs(value) < 2.0**{power}" if abs(origin.last) < bound else "True"
    lines = [line for line in origin.code if not line.startswith("# the step had")]
    lines += [f"if {does_not_count}:  # too small to count", "    value = type(value)(0)", "# the step had 0.0"]
    steps = (*origin.steps, (f"|…| < {powered(bound)} → 0", 0.0))
    return replace(origin, steps=steps, code=tuple(lines) if origin.code else ())


def powered(bound: float) -> str:
    """A bound as a power of two: "2^-56"."""
    return f"2^{int(np.log2(bound))}"
