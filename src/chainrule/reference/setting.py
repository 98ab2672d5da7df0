"""One hyper-parameter, declared: kind, default, range, meaning, source. Validation and help follow from it."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from chainrule.errors import SettingsError, unknown_name


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One hyper-parameter, declared once.

    Parameters
    ----------
    name : str
        Its name.
    kind : type
        One of int, float, bool and str.
    default : object
        Its value where none is given.
    meaning : str
        What it is, in a few words.
    low, high : float, optional
        The bounds of a number.
    open_low, open_high : bool, default False
        Whether the bound itself is excluded.
    choices : collection of str
        The legal names.
    optional : bool, default False
        Whether None is legal.
    unit : str, default ""
        Its unit.
    source : str, default ""
        Where it comes from in the literature.

    Examples
    --------
    >>> from chainrule.entries import Setting
    >>> share = Setting(name="share", kind=float, default=0.5, meaning="share kept", low=0.0, high=1.0)
    >>> share.check(1)
    1.0
    """

    name: str
    kind: type
    default: Any
    meaning: str
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    choices: Collection[str] = ()
    optional: bool = False
    unit: str = ""
    source: str = ""

    def expected(self) -> str:
        """Return the legal values in words, for messages and documentation.

        Returns
        -------
        str
            Such as "a number ≥ 0 and < 1".
        """
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}[self.kind]
        if self.low is not None:
            words += f" {'>' if self.open_low else '≥'} {self.low:g}"
        if self.high is not None:
            words += f"{' and' if self.low is not None else ''} {'<' if self.open_high else '≤'} {self.high:g}"
        return words + (" or none" if self.optional else "")

    def check(self, value: Any) -> Any:
        """Return a value in the setting's own kind.

        Parameters
        ----------
        value : object
            The value.

        Returns
        -------
        object
            The value as int, float, bool or str.

        Raises
        ------
        SettingsError
            If the value is invalid; the message names setting, value and valid values.
        """
        if value is None and self.optional:
            return None
        try:
            if self.kind is bool:
                if value not in (True, False):
                    raise ValueError
                return bool(value)
            if self.choices:
                if value not in self.choices:
                    raise unknown_name(self.name, value, self.choices)
                return value
            if isinstance(value, (bool, str)):
                raise ValueError
            number = int(value) if self.kind is int else float(value)
            if number != value or not math.isfinite(number) or not self._in_range(number):
                raise ValueError
            return number
        except SettingsError:
            raise
        except (TypeError, ValueError, OverflowError):
            remedy = "" if self.default is None else f" Try {self.default!r}."
            raise SettingsError(f"{self.name}={value!r}: must be {self.expected()}.{remedy}") from None

    def _in_range(self, number: float) -> bool:
        above = self.low is None or (number > self.low if self.open_low else number >= self.low)
        below = self.high is None or (number < self.high if self.open_high else number <= self.high)
        return above and below
