"""What is true of one loss: its mathematics on every output it fits, its facts and its texts, in one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.reference.activation import Array
from chainrule.reference.activations import ACTIVATIONS


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A loss on a given output activation: value of each row, derivative by a, whether it fuses, or its own delta.

    Every pair has a second derivative: dda by a, or where delta is closed, a − y or its own, that of delta.
    """

    value: Callable[[Array, Array, Array], Array]
    da: Callable[[Array, Array], Array]
    fused: bool = False
    delta: Callable[[Array, Array, Array], Array] | None = None
    dda: Callable[[Array, Array], Array] | None = None
    bend: Callable[[Array, Array, Array], Array] | None = None


@dataclass(frozen=True, kw_only=True)
class Worked:
    """The loss of a row in numbers: its formula, the text of one output's term, what stands around their sum.

    counted: which outputs have a term, given y of the row; all of them where it is None.
    """

    formula: str
    term: Callable[[float, float], str]
    around: str = "{}"
    counted: Callable[[Array], npt.NDArray[Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One loss. What has a default may be left out: explain and the circuit then show its value alone.

    Parameters
    ----------
    name : str
    formula : of one row.
    own : the output activations with a pair of their own.
    anywhere : the pair on every other output that acts on each unit alone, with_softmax on one that mixes them too.
    level : of a quantile loss.
    distance : whether it is a distance between numbers, which classes have none of.
    side : e = a − y -> on which side of its corners every entry lies; None for a loss without corners.
    constant : (y, told, mean) -> the loss of every entry of y (n, n_out) for the best constant output; told: which are
        not missing (they are 0 in y); mean (n_out,): of each output, weighted.
    worked : output -> the loss of a row in numbers.
    gates : (circuit, a of a unit, y, output, place) -> its terms as gates of a circuit.
    """

    name: str
    formula: str
    own: Mapping[str, Pair] = field(default_factory=dict)
    anywhere: Pair | None = None
    with_softmax: bool = False
    level: float | None = None
    distance: bool = False
    side: Callable[[Array], Array] | None = None
    constant: Callable[[Array, Array, Array], Array] | None = None
    worked: Callable[[str], Worked] | None = None
    gates: Callable[[Any, int, float, str, int], Sequence[int]] | None = None

    @property
    def family(self) -> str:
        """The name without the level."""
        return self.name.partition(":")[0]

    @property
    def pairs(self) -> dict[str, Pair]:
        """The pair on every output activation that it has a meaning on, registered ones too."""
        fits = {
            name: self.anywhere
            for name, entry in ACTIVATIONS.items()
            if self.anywhere is not None and (self.with_softmax or entry.elementwise)
        }
        return {name: pair for name, pair in (fits | dict(self.own)).items() if pair is not None}

    def pair(self, output: str) -> Pair:
        """The pair on an output activation; KeyError where it has no meaning on it."""
        found = self.own.get(output)
        return self.pairs[output] if found is None else found


def sign_of(e: Array) -> Array:
    """The side of a loss with one corner, at e = 0."""
    found: Array = np.sign(e)
    return found
