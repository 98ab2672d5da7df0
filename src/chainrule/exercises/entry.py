"""The name of one number of a step: delta1[0,1], db2[0], loss. The same names as everywhere (Step.why)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from chainrule.errors import SettingsError
from chainrule.exercises.problem import GivenStep, WorkedStep

_NAME = re.compile(r"(z|a|delta|dW|db|W|b)([1-9])\[(\d{1,2})(?:,(\d{1,2}))?\]|loss")
VECTORS = ("db", "b")
"""Quantities with one index."""


@dataclass(frozen=True)
class Entry:
    """One number: its quantity, its layer, and its place in the array; of the loss ("loss", 0, ())."""

    quantity: str
    layer: int = 0
    at: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.quantity}{self.layer}[{','.join(map(str, self.at))}]" if self.layer else self.quantity

    def of(self, step: WorkedStep) -> float:
        """Its value in a step."""
        return float(self.array(step)[self.at]) if self.layer else float(step.loss)

    def array(self, step: WorkedStep) -> Any:
        """The array it stands in."""
        return getattr(step, self.quantity)[self.layer]


def entries(given: GivenStep) -> list[Entry]:
    """Every number that the two passes and the update compute, in their order."""
    sizes, n, last = given.architecture.sizes, len(given.X), given.n_layers
    found = []
    for l in range(1, last + 1):
        for quantity in ("z", "a"):
            found += [Entry(quantity, l, (i, j)) for i in range(n) for j in range(sizes[l])]
    found.append(Entry("loss"))
    for l in range(last, 0, -1):
        found += [Entry("delta", l, (i, j)) for i in range(n) for j in range(sizes[l])]
        found += [Entry("dW", l, (k, j)) for k in range(sizes[l - 1]) for j in range(sizes[l])]
        found += [Entry("db", l, (j,)) for j in range(sizes[l])]
    for l in range(1, last + 1):
        found += [Entry("W", l, (k, j)) for k in range(sizes[l - 1]) for j in range(sizes[l])]
        found += [Entry("b", l, (j,)) for j in range(sizes[l])]
    return found


def entry_named(name: object, given: GivenStep) -> Entry:
    """The number of that name; SettingsError if the step has none."""
    match = _NAME.fullmatch(name.replace(" ", "")) if isinstance(name, str) else None
    found = Entry("loss")
    if match is not None and match[1] is not None:
        found = Entry(match[1], int(match[2]), tuple(int(part) for part in (match[3], match[4]) if part is not None))
    known = entries(given)
    if match is None or found not in known:
        raise SettingsError(
            f"name={name!r}: no number of this step. Its numbers are {known[0]} … {known[-1]} and loss: z1[row,unit], "
            "a1, delta1, dW1[unit below,unit], db1[unit], and W1 and b1 after the update."
        )
    return found
