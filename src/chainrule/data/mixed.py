"""Numbers among other cells: whether a column is one of numbers, of numbers with a few words, of codes, or a question.

One cell never decides for a column. What is neither is a DataError whose remedies work.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chainrule.data.arrow_arrays import texts as array_of
from chainrule.data.number_spellings import Agreement, Spelling, unit_of
from chainrule.data.numbers import NumberFormat
from chainrule.data.source import Place
from chainrule.data.vocabulary import UNKNOWN
from chainrule.errors import DataError

FEW_LEVELS = 20
"""Up to here texts are a category however few rows each has."""

MOSTLY = 0.9
MOST_WORDS = 10
"""Different texts among numbers; with more of them a column is one of texts."""

ODD_LEVEL = 5
"""Rows each text must have, and each number on average, to count as levels, such as 3+ after 0, 1, 2."""

WORD_ROWS, WORD_SHARE = 3, 0.01
"""A text among numbers is a word of its own from so many rows and this share of them on; rarer ones are refused."""

MOST_UNITS = 4
LONG_CODE = 5


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """The cells of a column of text, counted."""

    name: str
    n_present: int
    counts: Mapping[str, int] | None
    """How often each text stands; None where there are too many to count."""
    spellings: tuple[Spelling, ...]
    agreement: Agreement
    is_target: bool = False
    is_stated: bool = False
    """Whether a user said that it holds numbers."""
    n_plain: int = 0
    """Cells that are plain numbers with the decimal mark of the file."""
    odd: Place | None = None
    """The first cell that is none."""

    def as_numbers(self) -> NumberFormat | None:
        """The format its numbers are read in, words included; None where it is a column of texts.

        Errors    DataError where some cells are no numbers and no words either, or marks may mean two things
        """
        found, few = self.agreement, self.counts is not None and len(self.counts) <= FEW_LEVELS
        if not self.is_stated and are_codes(self.spellings, self.n_present):
            return None
        if found.open is not None:
            raise self._question(found.open)
        if found.n == self.n_present:
            if found.format.is_plain and self.n_plain < self.n_present and (odd := self._odd()):
                raise self._odd_number(list(odd))  # such as 1e999
            has_unit = any(letter.isalpha() for letter in found.format.prefix + found.format.suffix)
            return None if self.is_target and has_unit and few and not self.is_stated else found.format
        if found.n <= 0.5 * self.n_present and not self.is_stated:
            self._refuse_units(few)
            return None
        return self._with_words(few)

    def _with_words(self, few: bool) -> NumberFormat | None:
        found, odd = self.agreement, self._odd()
        n_numbers = None if self.counts is None else len(self.counts) - len(odd)
        are_levels = few and all(n >= ODD_LEVEL for n in odd.values())  # such as 0 1 2 3+
        are_levels = are_levels and found.n >= ODD_LEVEL * (n_numbers or 0)
        is_label = n_numbers is not None and n_numbers < 3 and not found.format.is_plain
        if not self.is_stated and (are_levels or is_label):
            return None
        if not self.is_stated and found.n < MOSTLY * self.n_present and len(odd) > MOST_WORDS:
            self._refuse_units(few)
            return None
        least = 2 * self.n_present if self.is_target else max(WORD_ROWS, WORD_SHARE * self.n_present)
        words = sorted(text for text, n in odd.items() if n >= least)
        unknown = sorted(text for text in odd if text not in words and text.lower() in UNKNOWN)
        rare = [text for text in odd if text not in words and text not in unknown]
        if rare or len(odd) > MOST_WORDS:
            raise self._odd_number(rare or list(odd))
        return replace(found.format, words=tuple(words), unknown=tuple(unknown))

    def _odd(self) -> dict[str, int]:
        """The texts that are no numbers, each with its cells."""
        import pyarrow

        if self.counts is None:
            return {spelling.first.text: spelling.count for spelling in self.agreement.odd}
        texts = list(self.counts)
        odd = self.agreement.format.values(array_of(texts, pyarrow.string()))[2]
        return {text: self.counts[text] for text, is_odd in zip(texts, odd, strict=True) if is_odd}

    def _odd_number(self, texts: list[str]) -> DataError:
        share = self.agreement.n / self.n_present
        places = [spelling.first for spelling in self.agreement.odd]
        first = next((place for place in places if place.text in texts), places[0] if places else self.odd)
        assert first is not None
        shown = first.text
        others = [text for text in texts if text != shown]
        more = f" So are {', '.join(map(repr, others[:4]))}{' …' if len(others) > 4 else ''}." if others else ""
        cells = ",".join(map(entry, (shown, *others)))
        missing = f"{shlex.quote(f'--missing=+{cells}')}, " if len(others) < 5 else ""
        grouping = self._grouping(shown)
        wanted = f"a {'finite ' if self.is_stated else ''}number{self._example()}"
        options = f"{grouping}{missing}{self._remedies}"
        message = f", where {percent(share)} of the column are numbers: must be {wanted}.{more} Correct it, or try "
        message += f"{options}."
        return first.error(message)

    def _example(self) -> str:
        """ " such as '12 kg'" where numbers are not plain."""
        made = self.agreement.format
        fitting = set(self.spellings) - set(self.agreement.odd)
        most = max(fitting, key=lambda spelling: (spelling.count, spelling.first.text), default=None)
        return "" if made.is_plain or most is None else f" such as {most.first.text!r}"

    def _grouping(self, text: str) -> str:
        """The option that would make the text a number, if it is one mark that separates thousands."""
        marks = [mark for mark in ",.' " if mark in text and mark != self.agreement.format.decimal]
        is_number = text.replace(",", "").replace(".", "").replace("'", "").replace(" ", "").isdigit()
        return shlex.quote(f"--thousands={marks[0]}") + ", " if len(marks) == 1 and is_number else ""

    def _question(self, spelling: Spelling) -> DataError:
        mark = "." if "." in spelling.body else ","
        name = {".": "point", ",": "comma"}[mark]
        alone = f"{option('kind', f'{self.name}=number:comma')}, a decimal comma, or number:point"
        return spelling.first.error(
            f": does the {name} separate thousands or decimals? Nothing in the column says which. State "
            f"--thousands={mark} or --decimal={mark} (for this column alone {alone}), "
            f"or try {self._remedies}."
        )

    def _refuse_units(self, few: bool) -> None:
        """Numbers of several units, or written by several rules, are no text."""
        by_unit: dict[tuple[str, str], int] = {}
        for spelling in self.spellings:
            unit = unit_of(spelling)
            if unit is not None and not re.fullmatch("[A-JLN-Z]", "".join(unit)):  # 12A is a seat
                by_unit[unit] = by_unit.get(unit, 0) + spelling.count
        frequent = [unit for unit, n in by_unit.items() if n >= max(WORD_ROWS, WORD_SHARE * self.n_present)]
        covered = sum(by_unit[unit] for unit in frequent)
        is_one = len(by_unit) == 1 and covered == self.n_present  # few texts of several units are levels
        if is_one or (not few and covered > 0.8 * self.n_present and len(frequent) <= MOST_UNITS):
            own = self.agreement
            first = own.odd[0].first if own.odd else self.spellings[0].first
            raise first.error(
                f", a number written otherwise than {percent(own.n / self.n_present)} of the column{self._example()}: "
                f"must have one unit and one way to write numbers. Convert it, or try {self._remedies}."
            )

    @property
    def _remedies(self) -> str:
        name = self.name
        return f"{option('kind', f'{name}=category')} or {option('drop', name)}"


def are_codes(spellings: tuple[Spelling, ...], n_present: int) -> bool:
    """Whether leading zeros make the numbers of a column codes: all have one width, or many begin with a zero."""
    numbers = [s for s in spellings if s.body and not s.rest and s.lead in ("", "+", "-")]
    zeros = [s for s in numbers if s.body.startswith(("Z9", "ZX"))]
    n_zeros = sum(s.count for s in zeros)
    if not n_zeros or sum(s.count for s in numbers) < n_present:
        return False
    widths = {len(s.body) for s in numbers}
    one_width = len(widths) == 1 and all(s.body.strip("Z9X") == "" for s in numbers)
    if one_width and (n_zeros > 1 or widths.pop() >= LONG_CODE or n_present < FEW_LEVELS):
        return True
    return n_zeros > 1 and n_zeros > 0.1 * n_present


def entry(text: str) -> str:
    """A text as an entry of an option that takes a list with commas."""
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if "," in text or text.startswith('"') else text


def option(name: str, text: str) -> str:
    """An option with one entry, as it is typed into a shell."""
    return shlex.quote(f"--{name}={entry(text)}")


def percent(share: float) -> str:
    """A share in words: "12.5 %"."""
    return f"{100 * share:.3g} %" if share < 0.9995 or share == 1 else "more than 99.9 %"


def described(made: NumberFormat, counts: Mapping[str, int] | None, n: int) -> str:
    """Of texts among numbers what becomes of them, and how frequent each is."""

    def listed(texts: tuple[str, ...]) -> str:
        shown = [f"{text!r}{f' ({percent(counts[text] / n)})' if counts else ''}" for text in texts]
        return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)

    parts = [f"with {listed(made.words)} as inputs of their own"] if made.words else []
    parts += [f"{listed(made.unknown)} taken for missing"] if made.unknown else []
    return ", ".join(parts)


def in_one(faults: list[DataError], path: str) -> DataError:
    """The faults of several columns of a source as one."""
    if len(faults) == 1:
        return faults[0]
    shown = [str(fault).removeprefix(f"{path}, ") for fault in faults[:8]]
    more = f"\n  and {len(faults) - 8} more columns." if len(faults) > 8 else ""
    whole = DataError(f"{len(faults)} columns are in doubt:\n  " + "\n  ".join(shown) + more, path=path)
    whole.line, whole.column = faults[0].line, faults[0].column
    return whole
