"""Breakpoints: what a training is to wait for. Read by a grammar, the same as that of `why`, and never evaluated.

step 120                   before that step
loss doubles               the mean of the last 32 losses is twice the lowest such mean before
a unit dies                a hidden unit lets nothing through on 10 batches in a row, and did before
abs(dW1[3,7]) > 1          a comparison of any number of the step just done, or of its size, with a number
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.errors import SettingsError
from chainrule.explain.why.expression import TensorEntry, read
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord
from chainrule.reference.activations import ACTIVATIONS
from chainrule.training.events import Control

COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_CONDITION = re.compile(r"\s*(?:(abs)\s*\(\s*([^()]+?)\s*\)|([^()<>=!]+?))\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*")
EXPECTED = "must be NAME > NUMBER or abs(NAME) > NUMBER (also < >= <= == !=), such as abs(dW1[3,7]) > 1"
SMOOTHED, SILENT_BATCHES, LONGEST = 32, 10, 200
KINDS = ("step", "loss_doubles", "unit_dies", "condition")


@dataclass
class AtStep:
    """Before a step."""

    step: int
    needs_record = False
    every_step = False

    def hit(self, control: Control) -> str | None:
        """What was met, in symbols."""
        return f"{self.step}" if control.step == self.step else None

    def most(self, step: int) -> int | None:
        """The most steps to do from a step on."""
        return self.step - step if step < self.step else None


@dataclass
class LossDoubles:
    """The mean of the last losses is twice the lowest before."""

    lowest: float = np.inf
    needs_record = False
    every_step = True

    def hit(self, control: Control) -> str | None:
        """What was met, in symbols."""
        if control.step < SMOOTHED:
            return None
        mean = float(control.losses[-SMOOTHED:].mean())
        if mean >= 2 * self.lowest:
            found = f"{mean:.5g} ≥ 2 · {self.lowest:.5g}"
            self.lowest = np.inf
            return found
        self.lowest = min(self.lowest, mean)
        return None


@dataclass
class UnitDies:
    """A hidden unit falls silent, for some batches in a row."""

    architecture: Architecture
    silent: dict[tuple[int, int], int] = field(default_factory=dict)
    awake: set[tuple[int, int]] = field(default_factory=set)
    needs_record = True
    every_step = True

    def hit(self, control: Control) -> str | None:
        """What was met, in symbols."""
        record, found = control.record, None
        if record is None:
            return None
        for l, layer in enumerate(self.architecture.layers[:-1], start=1):
            entry = ACTIVATIONS[layer.activation]
            if not entry.elementwise or entry.silent is None:
                continue
            quiet = entry.is_silent(entry.slope(record.forward.pre_activation(l)))
            for unit, is_quiet in enumerate(quiet.tolist()):
                place = (l, unit)
                if not is_quiet:
                    self.silent[place] = 0
                    self.awake.add(place)
                    continue
                self.silent[place] = self.silent.get(place, 0) + 1
                if self.silent[place] == SILENT_BATCHES and place in self.awake and found is None:
                    found = f"a{l}[:,{unit}]"
        return found


@dataclass
class Condition:
    """A comparison of a number of the step just done."""

    entry: TensorEntry
    size: bool
    sign: str
    bound: float
    needs_record = True
    every_step = True

    def hit(self, control: Control) -> str | None:
        """What was met, in symbols."""
        if control.record is None:
            return None
        value = value_of(control.record, self.entry)
        shown = abs(value) if self.size else value
        if not bool(COMPARED[self.sign](shown, self.bound)):
            return None
        name = f"abs({self.entry})" if self.size else str(self.entry)
        return f"{name} = {shown:.9g} {self.sign} {self.bound:g}"


Breakpoint = AtStep | LossDoubles | UnitDies | Condition


def breakpoint_of(given: Any, architecture: Architecture, n_rows: int) -> Breakpoint:
    """The breakpoint that the page describes. SettingsError for one that is none."""
    kind, value = (given.get("kind"), given.get("value")) if isinstance(given, Mapping) else (None, None)
    if kind == "step":
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise SettingsError(f"breakpoint: step {value!r}: must be a whole number, 1 or more.")
        return AtStep(value)
    if kind == "loss_doubles":
        return LossDoubles()
    if kind == "unit_dies":
        return UnitDies(architecture)
    if kind == "condition" and isinstance(value, str) and len(value) <= LONGEST:
        return condition_of(value, architecture, n_rows)
    kinds = ", ".join(KINDS)
    raise SettingsError(
        f"breakpoint: kind {kind!r}: must be one of {kinds}; a condition has at most {LONGEST} characters."
    )


def condition_of(text: str, architecture: Architecture, n_rows: int) -> Condition:
    """The condition that a text states."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise SettingsError(f"condition {text!r}: {EXPECTED}.")
    size, inside, plain, sign, number = match.groups()
    try:
        bound = float(number)
    except ValueError:
        raise SettingsError(f"condition {text!r}: {number!r} is no number; {EXPECTED}.") from None
    entry = read(inside or plain, architecture, n_rows)
    if entry.kind == "da" and (entry.l or architecture.inputs is not None):
        raise SettingsError(f"condition {text!r}: no step records {entry}. Try delta{max(entry.l, 1)}[…].")
    return Condition(entry, bool(size), sign, bound)


def value_of(record: StepRecord, entry: TensorEntry) -> float:
    """A number of a step by its name; weights and biases as they are after it."""
    kind, l, at = entry.kind, entry.l, entry.at
    forward, backward = record.forward, record.backward
    if kind == "loss":
        return float(backward.loss)
    if kind == "X":
        return float(forward.z[0][at])
    if kind in ("dX", "da"):
        return float(backward.dX[at])
    if kind in ("z", "a", "u"):
        return float(getattr(forward, kind)[l][at])
    if kind in ("delta", "du"):
        return float(getattr(backward, kind)[l][at])
    if kind.startswith("d"):
        return float(backward.of_tensor(kind[1:])[l][at])
    return float(dict(record.update.new.parameters.named())[f"{kind}{l}"][at])
