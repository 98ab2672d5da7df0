"""How the cells of a column are spelled, counted, and the one number format that all of them agree on, or a question.

A spelling is a cell with its digits replaced: "$1,234.50" and "$9,871.25" are one, "$" "9,999.99" "". Marks are
judged over all of them: a separator of thousands needs groups of three, a decimal mark stands once. Where both
readings fit (1.234 and nothing but), other evidence decides, or nobody does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.arrow_arrays import places
from chainrule.data.arrow_arrays import text as scalar_of
from chainrule.data.numbers import NumberFormat, tidy
from chainrule.data.source import Block, Place
from chainrule.data.vocabulary import ABOUT, MONEY, WITHOUT_DECIMALS

MOST_SPELLINGS = 5_000
"""Beyond, a column holds texts."""

ALIKE = 0.98
"""The share of cells that makes a second reading of the marks worth a question."""

_PARTS = r"(?s)^(?P<lead>[^0-9]*?)(?P<body>[.,]?[0-9](?:[0-9.,']| [0-9])*(?:[eE][+-]?[0-9]+)?)(?P<rest>[^0-9].*|)$"
_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Spelling:
    """Cells of one spelling: what stands before the digits, the digits and marks, what stands behind; how many."""

    lead: str
    body: str
    """9 for a digit, Z for a leading zero, X for zeros at the end of three digits behind a mark; "" where none is."""
    rest: str
    count: int
    first: Place


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known of marks from elsewhere: the delimiter, what was stated, the decimal mark of other columns."""

    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    elsewhere: str | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The format most cells are written in, the spellings that are not, and the question left open."""

    format: NumberFormat
    n: int
    odd: tuple[Spelling, ...]
    open: Spelling | None = None
    """A spelling whose mark may separate thousands or decimals, where nothing decides which."""
    has_decimals: bool = False
    """Whether some cell shows beyond doubt which mark is the decimal one."""


@dataclass
class Spellings:
    """The spellings of one column, counted block by block; None where there are too many."""

    known: dict[str, tuple[int, Place]] | None = field(default_factory=dict)

    def add(
        self, texts: Any, counts: npt.NDArray[np.int64], first: npt.NDArray[np.int64], at: Block, name: str
    ) -> None:
        """Count distinct cells, each with how often and in which row it first stands."""
        if self.known is None:
            return
        encoded = _spelled(texts).dictionary_encode()
        codes = places(encoded.indices)
        names = encoded.dictionary.to_pylist()
        if len(names) + len(self.known) > 2 * MOST_SPELLINGS:
            self.known = None
            return
        totals = np.bincount(codes, weights=counts, minlength=len(names)).astype(np.int64)
        rows, which = np.full(len(names), len(at)), np.full(len(names), -1)
        order = np.argsort(first, kind="stable")[::-1]
        rows[codes[order]], which[codes[order]] = first[order], order
        for k, spelled in enumerate(names):
            if spelled in self.known:
                count, place = self.known[spelled]
                self.known[spelled] = (count + int(totals[k]), place)
            else:
                place = at.place(int(rows[k]), name, texts[int(which[k])])
                self.known[spelled] = (int(totals[k]), place)
        if len(self.known) > MOST_SPELLINGS:
            self.known = None

    @property
    def all(self) -> tuple[Spelling, ...]:
        """Every spelling."""
        return tuple(_taken_apart(text, n, place) for text, (n, place) in (self.known or {}).items())


def _spelled(texts: Any) -> Any:
    import pyarrow.compute as pc

    text = tidy(texts)
    parts = pc.extract_regex(text, _PARTS)
    body = pc.replace_substring_regex(pc.struct_field(parts, ["body"]), "^0", "Z")
    body = pc.replace_substring_regex(body, r"([.,][0-9])00$", r"\1XX")
    body = pc.replace_substring_regex(body, "[0-9]", "9")
    lead, rest = (pc.struct_field(parts, [name]) for name in ("lead", "rest"))
    joined = pc.binary_join_element_wise(lead, body, rest, scalar_of(_SEPARATOR))
    return pc.coalesce(joined, text)


def _taken_apart(text: str, count: int, first: Place) -> Spelling:
    lead, _, others = text.partition(_SEPARATOR)
    body, _, rest = others.partition(_SEPARATOR)
    if body[:1] in (".", ",") and lead[-1:].isalpha():  # Rs.500
        lead, body = lead + body[0], body[1:]
    if body[-1:] in (".", ",") and rest.startswith(("-", "–", "—")):  # 12.- francs
        body, rest = body[:-1], body[-1] + rest
    return Spelling(lead, body, rest, count, first)


@dataclass(frozen=True)
class _Dressed:
    """A spelling without its sign and its unit."""

    spelling: Spelling
    unit: tuple[str, str]
    sign: str
    """"(" for parentheses, "5-" for a minus behind, "-" for one before, "" for none."""


def _undressed(spelling: Spelling) -> _Dressed | None:
    """Sign and unit of a spelling; None where it is no number with one unit."""
    if not spelling.body:
        return None
    lead, rest, sign = spelling.lead.strip(), spelling.rest.strip(), ""
    if (
        lead.count("(") == 1
        and lead[-1:] + lead[:1] != ""
        and "(" in (lead[0], lead[-1])
        and rest.endswith(")")
        and "(" not in rest
    ):
        lead, rest, sign = lead.replace("(", "", 1).strip(), rest[:-1].strip(), "("
    if rest == "-" and not sign and not lead.startswith(("-", "+")):
        rest, sign = "", "5-"
    for at in (0, -1):
        if lead and lead[at] in "+-" and sign in ("", "("):
            sign, lead = lead[at], (lead[1:] if at == 0 else lead[:-1]).strip()
            break
    return _Dressed(spelling, (lead, rest), sign) if _is_prefix(lead) and _is_suffix(rest) else None


def _is_prefix(text: str) -> bool:
    """Nothing, a sign of money with up to three letters, or a word for money or for about."""
    if not text or text in MONEY or text in ABOUT:
        return True
    others = "".join(letter for letter in text if unicodedata.category(letter) != "Sc")
    return len(others) < len(text) and len(others) <= 3 and (not others or others.isalpha())


def _is_suffix(text: str) -> bool:
    """Nothing, or a short unit; not what makes a date, a time or a range of the number before."""
    if re.fullmatch(r"/ ?[0-9]{1,3}|[.,][-–—]+", text):  # points of 5, francs without cents
        return True
    of_time = re.match(r"[:\-–/] ?[0-9]+(?![0-9]*[a-zA-Z])", text)
    return len(text) <= 24 and not of_time and not re.search(r"^[.,_-]|[<>=;:#@!?&|_~]|^[eE]$", text)


def agreement(spellings: Sequence[Spelling], around: Surroundings) -> Agreement | None:
    """The format that fits most cells of a column; None where no cell is a number."""
    dressed = [found for spelling in spellings if (found := _undressed(spelling))]
    if not dressed:
        return None
    unit = _most_common((found.unit, found.spelling.count) for found in dressed)
    zero = [found for found in dressed if found.unit == ("", "") and found.spelling.body == "Z" and not found.sign]
    own = [found for found in dressed if found.unit == unit or found in zero]
    styles = {sign: sum(f.spelling.count for f in own if f.sign == sign) for sign in ("(", "5-", "-")}
    refused = set()
    if styles["5-"] < 2 or styles["-"]:
        refused.add("5-")
    if styles["("] < 2 and not (unit[0] or unit[1] or any(mark in f.spelling.body for f in own for mark in ",.'")):
        refused.add("(")
    own = [found for found in own if found.sign not in refused]
    marks, fitting, question, sure = _marks([found.spelling for found in own], unit, around)
    made = NumberFormat(
        decimal=marks[1],
        thousands=marks[0],
        prefix=unit[0],
        suffix=unit[1],
        parentheses=bool(styles["("]) and "(" not in refused,
        trailing_minus="5-" not in refused,
    )
    inside = set(fitting)
    odd = tuple(spelling for spelling in spellings if spelling not in inside)
    return Agreement(format=made, n=sum(s.count for s in fitting), odd=odd, open=question, has_decimals=sure)


def _most_common(counted: Iterable[tuple[tuple[str, str], int]]) -> tuple[str, str]:
    totals: dict[tuple[str, str], int] = {}
    for unit, count in counted:
        totals[unit] = totals.get(unit, 0) + count
    return max(totals, key=lambda unit: totals[unit])


_READINGS = tuple(
    (thousands, decimal) for thousands in ("", " ", "'", ",", ".") for decimal in (".", ",") if thousands != decimal
)


def unit_of(spelling: Spelling) -> tuple[str, str] | None:
    """What stands before and behind a number, however its marks are meant; None where there is no number."""
    found = _undressed(spelling)
    body = spelling.body
    is_number = ("." in body and "," in body) or any(_n_decimals(body, *marks) is not None for marks in _READINGS)
    return found.unit if found is not None and is_number else None


def _n_decimals(body: str, thousands: str, decimal: str) -> int | None:
    """Digits behind the decimal mark of a spelling, −1 for no mark; None where it is not written so."""
    body = re.sub("[eE][+-]?[9ZX]+$", "", body).replace("X", "9")
    whole, mark, behind = body.partition(decimal)
    if not re.fullmatch("9*", behind) or not (whole or behind):
        return None
    if thousands and thousands in whole:
        between = re.escape(thousands)
        grouped = rf"9{{1,3}}({between}9{{3}})+" + ("|99?(,99)+,999" if thousands == "," else "")
        return (len(behind) if mark else -1) if re.fullmatch(grouped, whole) else None
    return (len(behind) if mark else -1) if re.fullmatch("Z?9*", whole) else None


def _marks(
    own: Sequence[Spelling], unit: tuple[str, str], around: Surroundings
) -> tuple[tuple[str, str], list[Spelling], Spelling | None, bool]:
    """Separator of thousands and decimal mark, the spellings that fit, a question, and whether decimals are sure."""
    allowed = [
        (t, d) for t, d in _READINGS
        if around.decimal in (None, d) and (around.thousands is None or t in ("", around.thousands))
        and d != around.thousands
    ]  # fmt: skip
    fits = {marks: [s for s in own if _n_decimals(s.body, *marks) is not None] for marks in allowed}
    total = sum(s.count for s in own)
    covered = {marks: sum(s.count for s in fits[marks]) for marks in allowed}
    if not covered or not total:
        return ("", "."), [], None, False
    best = max(allowed, key=lambda marks: covered[marks])
    rivals = [
        marks for marks in allowed
        if covered[marks] >= max(ALIKE * total, 1) and any(
            _n_decimals(s.body, *marks) not in (None, _n_decimals(s.body, *best)) for s in fits[best]
        )
    ]  # fmt: skip
    question = None
    if rivals:
        best, question = _between(best, rivals, own, unit, around)
    fitting = fits[best]
    best, fitting = _without_rare(best, fitting, around)
    decided = [
        s for s in fitting if (_n_decimals(s.body, *best) or -1) >= 0 or (best[0] in (",", ".") and best[0] in s.body)
    ]
    has_decimals = any((_n_decimals(s.body, *best) or -1) >= 0 for s in fitting)
    decimal = best[1] if has_decimals else ""
    return (best[0], decimal), fitting, question, question is None and sum(s.count for s in decided) > 1


def _between(
    best: tuple[str, str],
    rivals: list[tuple[str, str]],
    own: Sequence[Spelling],
    unit: tuple[str, str],
    around: Surroundings,
) -> tuple[tuple[str, str], Spelling | None]:
    """Whether a mark with three digits behind it separates thousands or decimals: by evidence, or the question."""
    options = [best, *rivals]
    triples = [s for s in own if re.fullmatch("9{1,3}[.,]9(99|XX)", s.body)]
    if not triples:
        return best, None
    mark = "." if "." in triples[0].body else ","
    as_thousands = next((marks for marks in options if marks[0] == mark), None)
    as_decimal = next((marks for marks in options if marks[1] == mark), None)
    if as_thousands is None or as_decimal is None:
        return best, None
    verdict = _evidence(mark, triples, own, unit, around)
    if verdict == "thousands":
        return as_thousands, None
    return as_decimal, None if verdict == "decimal" else triples[0]


def _evidence(
    mark: str, triples: Sequence[Spelling], own: Sequence[Spelling], unit: tuple[str, str], around: Surroundings
) -> str | None:
    n_triples, n_round = (sum(s.count for s in part) for part in (triples, [s for s in triples if "X" in s.body]))
    plain = [s for s in own if re.fullmatch("Z?9*", s.body)]
    n_short, n_long = (sum(s.count for s in plain if (len(s.body) > 3) == is_long) for is_long in (False, True))
    if around.thousands == mark:
        return "thousands"
    if n_long or (n_triples < 2 and n_short):
        return None  # 1200 and 1.400 in one column
    if around.elsewhere:
        return "decimal" if around.elsewhere == mark else "thousands"
    if mark == "." and around.delimiter == "," and not n_short:
        return "decimal"
    if unit[0] in WITHOUT_DECIMALS or unit[1] in WITHOUT_DECIMALS:
        return "thousands"
    if n_triples >= 10 and n_short >= 3 and n_short >= 0.05 * n_triples:
        return "thousands" if mark != "." or around.delimiter != "," else None
    if mark == "," and around.delimiter == "," and n_triples >= 2 and n_round >= n_triples / 2:
        return "thousands"
    return None


def _without_rare(
    best: tuple[str, str], fitting: list[Spelling], around: Surroundings
) -> tuple[tuple[str, str], list[Spelling]]:
    """Without the cells whose marks too few others bear out: one cell decides nothing."""
    thousands, decimal = best
    grouped = [s for s in fitting if thousands and re.fullmatch(rf"9{{1,3}}{re.escape(thousands)}9(99|XX)", s.body)]
    sure = any(thousands in s.body for s in fitting if s not in grouped)
    long = [s for s in fitting if s not in grouped and re.match("[9ZX]{4}", s.body)]
    n, n_all = sum(s.count for s in grouped), sum(s.count for s in fitting)
    if grouped and not sure and around.thousands is None and n < n_all and (n < 2 or (long and n < 0.1 * n_all)):
        return ("", decimal), [s for s in fitting if s not in grouped]
    if decimal == "," and around.delimiter == "," and around.decimal is None:
        pointed = [s for s in fitting if "," in s.body]
        if sum(s.count for s in pointed) < 2 and len(pointed) < len(fitting):
            return (thousands, "." if thousands != "." else decimal), [s for s in fitting if s not in pointed]
    return best, fitting
