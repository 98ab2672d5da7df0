"""One hyper-parameter, declared: kind, default, range, meaning, source. Validation and help follow from it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
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


NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class ByName(Setting):
    """A hyper-parameter of several values, each with a name: a mapping, or text such as "b=0.1,W1=0.5".

    Parameters
    ----------
    of_each : Setting
        What each value is.
    names : str
        The pattern of a legal name.
    names_are : str
        Legal names in words.

    Examples
    --------
    >>> from chainrule.reference.setting import ByName, Setting
    >>> share = Setting(name="share", kind=float, default=0.5, meaning="share", low=0.0)
    >>> ByName(name="shares", meaning="shares", of_each=share, names="[ab]", names_are="a or b").check("b=2")
    {'b': 2.0}
    """

    kind: type = dict
    default: Any = field(default_factory=dict)
    of_each: Setting
    names: str
    names_are: str

    def expected(self) -> str:
        """Return the legal values in words.

        Returns
        -------
        str
            Such as "NAME=VALUE,… with NAME one of dropout, l2 and VALUE a number ≥ 0".
        """
        return f"NAME=VALUE,… with NAME {self.names_are} and VALUE {self.of_each.expected()}"

    def check(self, value: Any) -> dict[str, Any]:
        """Return the values by name, in the order of the names.

        Parameters
        ----------
        value : mapping or str
            The values.

        Returns
        -------
        dict
            Each in its own kind.

        Raises
        ------
        SettingsError
            If a name or a value is invalid.
        """
        if value is None:
            return {}
        given = f"{self.name}={value!r}"
        if isinstance(value, str):
            pairs = [entry.partition("=") for entry in value.split(",") if entry.strip()]
            value = {name.strip(): self._read(text.strip()) for name, _, text in pairs}
        if not isinstance(value, Mapping):
            raise SettingsError(f"{given}: must be a mapping, or {self.expected()}.")
        found = {}
        for name in sorted(value, key=str):
            if not isinstance(name, str) or not re.fullmatch(self.names, name):
                raise SettingsError(f"{given}: must be {self.expected()} (got the name {name!r}).")
            try:
                found[name] = self.of_each.check(value[name])
            except SettingsError:
                raise SettingsError(f"{given}: must be {self.expected()} (got {value[name]!r} for {name}).") from None
        return found

    def _read(self, text: str) -> Any:
        """A value as it stands in text."""
        if self.of_each.kind is str:
            return text
        try:
            return float(text)
        except ValueError:
            return text
