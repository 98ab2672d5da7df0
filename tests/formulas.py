"""Formulas as answers write them, evaluated: "−η·(1 + μ)·c·dW2[3,4]" with the numbers of the step put in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_NUMBER = r"\d+(?:\.\d*)?(?:e[-+]?\d+)?"
_NAME = r"[^\W\d_][\w′̂∂]*(?:\[[\d,]+\])?"
_TOKEN = re.compile(rf"\s*(?:({_NUMBER})|({_NAME}(?:/{_NAME}(?=.*∂))?)|(.))")


class Formula:
    """A product, sum, quotient, power or root of numbers and names, read by recursive descent."""

    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        text = re.sub("([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "^" + m[1].translate(_POWERS), text).replace("−", "-")
        self.names, self.tokens = names, _tokens(text)

    def value(self) -> float:
        """The value; ValueError where it is no formula, KeyError for a name that is not known."""
        x = self._sum()
        if self.tokens:
            raise ValueError(f"left over: {self.tokens}")
        return x

    def _next(self, *wanted: str) -> str | None:
        if self.tokens and self.tokens[0] in wanted:
            return self.tokens.pop(0)
        return None

    def _sum(self) -> float:
        x = self._product()
        while (sign := self._next("+", "-")) is not None:
            y = self._product()
            x = x + y if sign == "+" else x - y
        return x

    def _product(self) -> float:
        if self._next("-"):
            return -self._product()
        x = self._power()
        while (sign := self._next("·", "/")) is not None:
            y = self._power()
            x = x * y if sign == "·" else x / y
        return x

    def _power(self) -> float:
        x = self._atom()
        return x ** self._atom() if self._next("^") else x

    def _atom(self) -> float:
        if self._next("√"):
            return math.sqrt(self._power())
        if self._next("("):
            x = self._sum()
            if self._next(")") is None:
                raise ValueError("no closing bracket")
            return x
        token = self.tokens.pop(0) if self.tokens else ""
        if re.fullmatch(_NUMBER, token):
            return float(token)
        if self._next("("):  # a function, such as sign(W) or g′(z1[0,4])
            x = self._sum()
            if self._next(")") is None:
                raise ValueError("no closing bracket")
            return float(self.names[token](x))
        return float(self.names[token])


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        assert match is not None
        found.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    return found


def evaluated(text: str, names: Mapping[str, Any]) -> float:
    """The value of a formula with these names."""
    return Formula(text, names).value()
