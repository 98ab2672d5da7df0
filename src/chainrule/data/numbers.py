"""How a column writes its numbers, as plain data: marks, unit, signs and words; and the values of cells written so."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import cells
from chainrule.data.arrow_arrays import doubles, false, mask, places, texts

THOUSANDS = (",", ".", " ", "'")
"""Separators of thousands; every kind of blank counts as a blank, a typographic apostrophe as an apostrophe."""

OTHER_MARK = {".": ",", ",": "."}
POINT, COMMA = "number:point", "number:comma"
"""Readings that state the decimal mark of one column."""

_BLANKS = "[\u00a0\u202f\u2009\u2007]"
_TRIPLE = r"^[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}$"


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """How the numbers of a column are written; words are texts that stand among them and are no numbers.

    A decimal mark of "" means that no cell of the column had one.
    """

    decimal: str = "."
    thousands: str = ""
    prefix: str = ""
    suffix: str = ""
    parentheses: bool = False
    """Whether (5) is −5."""
    trailing_minus: bool = False
    """Whether 5- is −5."""
    words: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Texts that stand for a missing number."""

    @property
    def reading(self) -> str:
        """The format as a reading of a column: "number:" and what differs from the defaults, as JSON."""
        stated = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return f"number:{json.dumps(stated, ensure_ascii=False, sort_keys=True)}"

    @property
    def is_plain(self) -> bool:
        """Whether cells hold digits, a sign, a decimal mark and an exponent, and nothing else."""
        return not (self.thousands or self.prefix or self.suffix or self.parentheses or self.trailing_minus)

    def describe(self, decimal: str) -> str:
        """What is worth saying of it in a file with this decimal mark: "in $, thousands ','"."""
        parts = [f"in {unit}" for unit in (self.prefix, self.suffix) if unit]
        parts += [f"thousands {self.thousands!r}"] if self.thousands else []
        parts += [f"decimal {self.decimal!r}"] if self.decimal not in ("", decimal) else []
        parts += ["(5) is -5"] if self.parentheses else []
        parts += ["5- is -5"] if self.trailing_minus else []
        return ", ".join(parts)

    def stated(self, decimal: str | None, thousands: str | None, of_file: str) -> NumberFormat:
        """The format with the marks a user stated; without a decimal mark of its own with that of the file."""
        mark = decimal or (OTHER_MARK.get(thousands or "") or self.decimal)
        mark = mark or OTHER_MARK.get(self.thousands, of_file)
        separator = thousands if thousands is not None else self.thousands
        return replace(self, decimal=mark, thousands="" if separator == mark else separator)

    def values(self, column: Any) -> tuple[cells.Array, npt.NDArray[np.int32], cells.Mask]:
        """Numbers of trimmed cells, NaN where there is none; indices into words, −1; which cells hold something else.

        Args      column: pyarrow strings, null where missing
        """
        numbers, odd = self._plain(column) if self.is_plain else self._dressed(column)
        codes = np.full(len(column), -1, np.int32)
        if (self.words or self.unknown) and odd.any():
            import pyarrow.compute as pc

            found = pc.index_in(column, value_set=texts((*self.words, *self.unknown), column.type))
            codes = places(found).astype(np.int32)
            odd, codes = odd & (codes < 0), np.where(codes < len(self.words), codes, -1)
        return numbers, codes, odd

    def _plain(self, column: Any) -> tuple[cells.Array, cells.Mask]:
        numbers, odd = cells.parsed(column, self.decimal or ".")
        return cells.parsed(tidy(column), self.decimal or ".") if odd.any() else (numbers, odd)

    def _dressed(self, column: Any) -> tuple[cells.Array, cells.Mask]:
        import pyarrow
        import pyarrow.compute as pc

        text = tidy(column)
        if self.parentheses:
            text = pc.replace_substring_regex(text, r"^([^0-9()]*)\((.*)\)$", r"-\1\2")
        if self.trailing_minus:
            text = pc.replace_substring_regex(text, r"^(.*[0-9]) ?-$", r"-\1")
        if self.prefix or self.suffix:  # nothing has no unit
            text = pc.if_else(pc.equal(text, "0"), f"{self.prefix}0{self.suffix}", text)
        parts = pc.extract_regex(text, self._pattern)
        body = pc.struct_field(parts, ["body"])
        body = pc.replace_substring(body, self.thousands, "") if self.thousands else body
        body = pc.replace_substring(body, ",", ".") if self.decimal == "," else body
        numbers = doubles(pc.cast(body, pyarrow.float64()))
        signs = [pc.fill_null(pc.struct_field(parts, [name]), "") for name in ("sign", "inner")]
        minus = pc.or_(*(pc.equal(sign, "-") for sign in signs)).to_numpy(zero_copy_only=False)
        twice = pc.and_(*(pc.not_equal(sign, "") for sign in signs)).to_numpy(zero_copy_only=False)
        present = pc.is_valid(column).to_numpy(zero_copy_only=False)
        odd = present & (np.isnan(numbers) | np.isinf(numbers) | twice)
        return np.where(odd, np.nan, np.where(minus, -numbers, numbers)), odd

    @property
    def _pattern(self) -> str:
        """What a cell must match, blanks tidied; for pyarrow's regular expressions."""
        digits, mark = "[0-9]+", re.escape(self.decimal)
        if self.thousands:
            between = re.escape(self.thousands)
            digits = rf"(?:[1-9][0-9]{{0,2}}(?:{between}[0-9]{{3}})+|[0-9]+)"
            if self.thousands == ",":  # lakh and crore: 12,34,567
                digits = rf"(?:[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}|{digits})"
        body = rf"(?:{digits}(?:{mark}[0-9]*)?|{mark}[0-9]+)" if self.decimal else digits
        before, after = re.escape(tidied(self.prefix)), re.escape(tidied(self.suffix))
        return rf"^(?P<sign>[+-]?) ?{before} ?(?P<inner>[+-]?) ?(?P<body>{body}(?:[eE][+-]?[0-9]+)?) ?{after}$"


@functools.lru_cache(maxsize=1024)
def format_of(reading: str) -> NumberFormat | None:
    """The format a reading names; None where it names none.

    Errors    ValueError for a text that is no format
    """
    kind, _, stated = reading.partition(":")
    if kind != "number" or not stated.startswith("{"):
        return None
    values = json.loads(stated)
    known = {f.name: f for f in fields(NumberFormat)}
    for name, value in values.items():
        if name not in known or type(value) is not (
            list if name in ("words", "unknown") else type(known[name].default)
        ):
            raise ValueError(f"{name} is {value!r}")
    words, unknown = (tuple(values.pop(name, ())) for name in ("words", "unknown"))
    both = (*words, *unknown)
    if not all(isinstance(text, str) for text in both) or len(set(both)) < len(both):
        raise ValueError(f"words are {both!r}")
    made = NumberFormat(**values, words=words, unknown=unknown)
    if (
        made.decimal not in ("", ".", ",")
        or made.thousands not in ("", *THOUSANDS)
        or made.decimal == made.thousands != ""
    ):
        raise ValueError(f"the marks are {made.decimal!r} and {made.thousands!r}")
    return made


def is_plain(reading: str, decimal: str) -> bool:
    """Whether cells read so are numbers a converter knows, with this decimal mark, or without one."""
    made = NumberFormat(decimal="") if reading == "number" else format_of(reading)
    return made is not None and made.is_plain and not (made.words or made.unknown) and made.decimal in ("", decimal)


def tidy(column: Any) -> Any:
    """Cells with one kind of blank, apostrophe and minus sign."""
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(column, "[’−\u2007\u2009\u202f\u00a0]")).as_py():
        return column
    column = pc.replace_substring_regex(column, _BLANKS, " ")
    return pc.replace_substring(pc.replace_substring(column, "’", "'"), "−", "-")


def tidied(text: str) -> str:
    """The same of one text."""
    return re.sub(_BLANKS, " ", text).replace("’", "'").replace("−", "-")


def like_thousands(column: Any) -> cells.Mask:
    """Which cells are 1.234 or 1,234: one mark and exactly three digits behind it."""
    import pyarrow.compute as pc

    return mask(pc.fill_null(pc.match_substring_regex(column, _TRIPLE), false()))
