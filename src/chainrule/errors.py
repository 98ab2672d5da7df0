"""The exception tree. Every message gives the thing, the value found, what was expected, the remedy.

ChainruleError
├── ShapeError       an array has the wrong shape                       (also a ValueError)
├── SettingsError    a name or hyper-parameter is unknown or out of range (also a ValueError)
├── DataError        rows cannot be read or used: path, line, column    (also a ValueError)
├── ModelFileError   a model, checkpoint or run cannot be read or written (also a ValueError)
└── DivergedError    training met a non-finite or exploding number      (also an ArithmeticError)

DivergenceWarning    the same news, when training returns what it has instead of raising
InterruptedWarning   Ctrl-C ended a training, which returns what it has: a loop around it may want to end too
ReplayWarning        a replay on another engine or BLAS than recorded: the same to rounding, not to the bit
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from chainrule.visible import MOST, brief, cut


class ChainruleError(Exception):
    """The root of every error chainrule raises on purpose; of a long value the message shows the beginning."""

    def __init__(self, message: str = "", *others: object) -> None:
        super().__init__(brief(str(message)), *others)


class ShapeError(ChainruleError, ValueError):
    """An array has the wrong shape."""


class SettingsError(ChainruleError, ValueError):
    """A name or a hyper-parameter is unknown, out of range or does not fit the others."""


class DataError(ChainruleError, ValueError):
    """Rows cannot be read or used; `path`, `line` (1-based) and `column` say where, as far as known."""

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        self.path, self.line, self.column = path, line, column
        where = path or ""
        if line is not None:
            where += f"{', ' if where else ''}line {line}"
        if column is not None:
            where += f"{', ' if where else ''}column {cut(column)!r}"
        super().__init__(f"{where}: {message}" if where else message)


class ModelFileError(ChainruleError, ValueError):
    """A model file, a checkpoint or a run directory cannot be read or written."""


class DivergedError(ChainruleError, ArithmeticError):
    """Training met a non-finite or exploding number; `epoch`, `step`, `layer` and `quantity` say where."""

    def __init__(self, message: str, *, epoch: int, step: int, layer: int | None, quantity: str) -> None:
        self.epoch, self.step, self.layer, self.quantity = epoch, step, layer, quantity
        super().__init__(message)


class DivergenceWarning(UserWarning):
    """Training stopped because a number became non-finite or the loss exploded."""


class InterruptedWarning(UserWarning):
    """Ctrl-C ended a training early; what it has so far is returned."""


class ReplayWarning(UserWarning):
    """A run is replayed by another engine or BLAS than it was trained with: bits may differ."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> SettingsError:
    """The error for a name that is in no table: it lists the table and suggests the nearest entry."""
    known = list(known)
    near = difflib.get_close_matches(str(name)[:MOST].lower(), known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return SettingsError(
        f"{kind} {name!r} is unknown{hint} Known: {', '.join(known)}.".replace("unknown Known", "unknown. Known")
    )
