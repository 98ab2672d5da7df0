"""A step, the numbers of it that are left out, and the numbers that mistakes would give."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.exercises.entry import Entry
from chainrule.exercises.mistakes import wrong_values
from chainrule.exercises.problem import GivenStep, WorkedStep, passes


class Worksheet:
    """What is given, what is right, and what is asked for."""

    def __init__(self, given: GivenStep, blanks: Sequence[Entry], seed: int) -> None:
        self.given, self.seed = given, seed
        self.right: WorkedStep = passes(given)
        self.entries = tuple(blanks)
        self.blanks = tuple(map(str, blanks))
        self.solution = {str(entry): entry.of(self.right) for entry in blanks}
        self._known: dict[Entry, list[tuple[str, float]]] = {}

    def wrong(self, entry: Entry) -> list[tuple[str, float]]:
        """Return what mistakes make of a number, worked out when it is first asked about.

        Parameters
        ----------
        entry : Entry
            The number.

        Returns
        -------
        list of (str, float)
            The mistakes and the numbers they give, those that are right left out.
        """
        if entry not in self._known:
            self._known[entry] = wrong_values(entry, self.given, self.right)
        return self._known[entry]
