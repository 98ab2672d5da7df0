"""What a column holds, found from all of its cells, block by block in bounded memory; the rules are in docs/data.md."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import cells
from chainrule.data.arrow_arrays import doubles, places
from chainrule.data.arrow_arrays import texts as array_of
from chainrule.data.date_survey import EARLIEST, LATEST, DateSurvey, days_of_eight_digits
from chainrule.data.integers import EXACT, WRITTEN, LargeIntegers
from chainrule.data.mixed import FEW_LEVELS, Mixture, are_codes, described, percent
from chainrule.data.number_spellings import Agreement, Spellings, Surroundings, agreement
from chainrule.data.numbers import OTHER_MARK, NumberFormat
from chainrule.data.source import Block, Place
from chainrule.data.spellings import add_spelled, classes_among, note, remedy
from chainrule.data.table import Understood
from chainrule.data.times import ORDERS, PIVOT, TimeFormat
from chainrule.data.words_of_texts import LEAST_COVERED, frequent_words

MOST_LEVELS = 1_000
"""Beyond, texts are not used as a category unless that is stated."""

MOST_COUNTED = 200_000
"""Distinct values that are counted; a column with more is said to have many."""

LEAST_ROWS = 20
"""Rows from which on values that are all different look like an identifier."""

_NUMBER_IN_KOREAN = "\ubc88\ud638"
_ID_NAME = re.compile(
    r"(^|[\W_])(id|ids|uuid|guid|pid|key|index|rowid|row_id)$|[a-z\uac00-\ud7a3]I[Dd]$|" + _NUMBER_IN_KOREAN + "$",
    re.IGNORECASE,
)
_REMEDY = "Correct it, state it as missing (--missing), say what the column is (--kind), or leave it out (--drop)."


@dataclass(frozen=True)
class Decision:
    """What a column is taken for, and how it is read if it is used."""

    understood: Understood
    reading: str | None
    """As in Selection.kinds; None where the column is dropped."""


@dataclass(kw_only=True)
class Survey:
    """The cells of one column, counted."""

    name: str
    decimal: str
    missing: tuple[str, ...]
    spelled: dict[str, int] | None = None
    """Of a target how often each spelling of a missing value stands there; None where that is not asked."""
    n: int = 0
    n_missing: int = 0
    n_numbers: int = 0
    typed: str | None = None
    """"number", "boolean" or "time" where the source says so, "unusable" for what no column may be."""
    is_stated: bool = False
    """Whether a user said that it holds numbers."""
    may_have_unit: bool = True
    """Whether these may then have a unit; not where training had none: 5k would be 5."""
    is_names: bool = False
    """Whether a user said that it holds names."""
    spellings: Spellings = field(default_factory=Spellings)
    """How cells of text are spelled."""
    around: Surroundings = field(default_factory=Surroundings)
    of_text: bool = False
    """Whether its numbers come from a text file, so that how they are written says something."""
    counts: dict[str, int] | None = field(default_factory=dict)
    low: float = np.inf
    high: float = -np.inf
    whole: bool = True
    increasing: bool = True
    last: float = -np.inf
    first: float | None = None
    distinct: set[float] | None = None
    integers: LargeIntegers = field(default_factory=LargeIntegers)
    odd: Place | None = None
    """The first cell that is no number."""
    infinite: Place | None = None
    dates: DateSurvey = field(init=False)
    order: str | None = None
    """The order of day, month and year that a user named for dates that suit several."""
    stated_time: TimeFormat | None = None
    """How a user said that the column writes times; its order may be open."""
    as_numbers: bool = False
    """Whether some block gave this column as numbers that might have stood as text."""

    def __post_init__(self) -> None:
        stated = self.stated_time
        self.dates = DateSurvey(name=self.name, pivot=stated.pivot if stated else PIVOT, compact=stated is not None)
        if _ID_NAME.search(self.name):
            self.distinct = set()

    def add(self, block: Block) -> None:
        """Count the cells of one block."""
        import pyarrow

        column = block.columns[self.name]
        kind = column.type
        self.n += len(column)
        self.of_text = self.of_text or block.lines is not None
        if pyarrow.types.is_string(kind):
            if self.spelled is not None:
                add_spelled(self.spelled, column, self.missing)
            self._add_text(cells.trimmed(column, self.missing), block)
        elif pyarrow.types.is_boolean(kind):
            self.typed = "boolean"
            self._add_numbers(doubles(column.cast(pyarrow.int8())), block)
        elif pyarrow.types.is_timestamp(kind):
            self.typed = "time"
            self.n_missing += column.null_count
            self.dates.add_moments(column.cast(pyarrow.timestamp("us")).to_numpy(zero_copy_only=False))
        elif pyarrow.types.is_floating(kind):
            self.as_numbers = True
            self._add_numbers(doubles(column), block)
        else:
            self.typed, self.n_missing = "unusable", self.n_missing + len(column)

    def _add_text(self, column: Any, block: Block) -> None:
        if column.null_count == len(column):
            self.n_missing += len(column)
            return
        encoded = column.dictionary_encode()
        codes, texts = places(encoded.indices), encoded.dictionary
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        each, is_odd = cells.parsed(texts, self.decimal)
        values, odd = np.append(each, np.nan)[codes], np.append(is_odd, False)[codes]
        if odd.any():
            row = int(np.argmax(odd))
            self.odd = self.odd or block.place(row, self.name, column[row])
        if odd.any() or self.stated_time:
            self.dates.add(column, block)
        self.spellings.add(texts, counts, cells.first_rows(codes, len(texts)), block, self.name)
        self.integers.add(texts, each)
        self._add_numbers(values, block, odd)
        if self.counts is not None:
            for level, count in zip(texts.to_pylist(), counts.tolist(), strict=True):
                self.counts[level] = self.counts.get(level, 0) + count
            if len(self.counts) > MOST_COUNTED:
                self.counts = None

    def _add_numbers(self, values: npt.NDArray[np.float64], block: Block, odd: Any = None) -> None:
        empty = np.isnan(values)
        n_empty = int(np.count_nonzero(empty))
        self.n_missing += n_empty if odd is None else n_empty - int(np.count_nonzero(empty & odd))
        present = values[~empty] if n_empty else values
        self.n_numbers += len(present)
        if not len(present):
            return
        if self.infinite is None and not np.isfinite(present).all():
            row = int(np.argmax(np.isinf(values)))
            self.infinite = block.place(row, self.name, values[row])
        self.low, self.high = min(self.low, float(present.min())), max(self.high, float(present.max()))
        self.whole = self.whole and bool((present == np.floor(present)).all())
        self.first = float(present[0]) if self.first is None else self.first
        if self.increasing:
            self.increasing = float(present[0]) > self.last and bool((np.diff(present) > 0).all())
            self.last = float(present[-1])
        if self.distinct is not None and self.whole and len(self.distinct) <= MOST_COUNTED:
            self.distinct.update(present.tolist())

    @property
    def needs_text(self) -> bool:
        """Whether cells were counted as numbers of a column that holds other texts as well, or more digits, or missing
        values whose spelling is requested."""
        many_digits = self.whole and max(-self.low, self.high) >= EXACT
        is_asked = self.spelled is not None and self.of_text and self.n_missing > 0
        may_be_days = self._in_days[0] and self.spelled is None
        asks = many_digits or is_asked or may_be_days
        return self.as_numbers and (bool(self.spellings.known) or self.spellings.known is None or asks)

    @property
    def _in_days(self) -> tuple[bool, int]:
        """Whether all numbers lie where days written with eight digits do, and how many there are."""
        return self.whole and EARLIEST <= self.low <= self.high <= LATEST, self.n_numbers

    @property
    def words(self) -> tuple[str, str] | None:
        """How a column of booleans writes false and true."""
        spelt = {text.lower(): text for text in reversed(list(self.counts or ()))}
        return (spelt.get("false", "false"), spelt.get("true", "true")) if spelt else None

    # the decision ---------------------------------------------------------------------------------------------

    @property
    def n_present(self) -> int:
        """Cells that are not missing."""
        return self.n - self.n_missing

    def decide(self, *, target: bool = False) -> Decision:
        """What the column is. A target is read as it is, never dropped.

        Errors    DataError for a column of numbers or dates with a few cells that are none, for numbers of several
                  units, for marks that may mean two things, for infinite numbers
        """
        if self.typed == "unusable":
            return self._dropped("text", "its type cannot be used")
        self._take_classes()
        if self.n_present == 0:
            return self._dropped("empty", "no cell holds a value")
        if self.infinite:
            raise self.infinite.error(f": must be a finite number. {_REMEDY}")
        if self.typed == "boolean":
            return self._constant(target) or self._used("boolean", "boolean", "")
        if self.typed == "time":
            return self._time(TimeFormat(), target)
        if self.stated_time:
            return self._stated_time(self.stated_time)
        return self._text(target) if self.spellings.known != {} else self._plain_number(target)

    def _plain_number(self, target: bool) -> Decision:
        if self._are_codes(target) and not self.is_stated:
            return self._category(target)
        is_whole = self.whole and self.of_text
        return self._number(target, NumberFormat(decimal="" if is_whole else self.decimal) if self.of_text else None)

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """Spellings of a missing value that are classes of this target, from all of its cells."""
        counts, is_text = self.counts or {}, self.n_numbers < self.n_present and not self.dates.found
        is_text = is_text and not {level.lower() for level in counts} <= {"true", "false"}
        return classes_among(self.spelled or {}, counts) if is_text or self.is_names else ()

    def _take_classes(self) -> None:
        """Count the rows of such classes as present."""
        present = {text: (self.spelled or {})[text] for text in self.kept}
        if present and self.counts is not None:
            self.counts |= present
            self.n_missing -= sum(present.values())

    @property
    def note(self) -> str:
        """What spellings of a missing value were taken for."""
        spelled, counts = self.spelled or {}, self.counts or {}
        are_values = self.n_numbers == self.n_present and not (self.whole and len(counts) in range(1, FEW_LEVELS + 1))
        return note(spelled, self.kept, remedy(self.name, spelled, {} if self.kept else counts, are_values))

    def _are_codes(self, target: bool) -> bool:
        """Whether these whole numbers are names: two would be one as float64, or a few classes would get others."""
        if not self.whole or not self.integers.inexact:
            return False
        self.integers.compare(text for text in self.counts or () if re.search(WRITTEN, text))
        return self.integers.merged or (target and self.counts is not None and len(self.counts) <= FEW_LEVELS)

    def _number(self, target: bool, made: NumberFormat | None) -> Decision:
        constant = self._constant(target or self.is_stated)
        if constant:
            return constant
        days = None if target or self.is_stated else days_of_eight_digits(self.counts, *self._in_days)
        if days is not None:
            how = f"{days}, 20190103 is a day (--kind {shlex.quote(self.name)}=number for the number)"
            return self._used("time", "time", how)
        if (
            not target
            and not self.is_stated
            and (made is None or not made.words)
            and self.whole
            and self.n_present >= LEAST_ROWS
        ):
            running = self.increasing and self.first in (0, 1) and self.high - self.low == self.n - 1
            if running and self.n_missing == 0:
                return self._dropped("id", "it counts the rows")
            if self.distinct is not None and len(self.distinct) >= min(self.n_present, MOST_COUNTED):
                return self._dropped("id", "every row has its own value, and the name says it identifies")
        span = f"{self.low:g} to {self.high:g}" if np.isfinite(self.low) else ""
        if made is None:
            return self._used("number", "number", span)
        detail = (made.describe(self.decimal), span, described(made, self.counts, self.n_present))
        return self._used("number", made.reading, ", ".join(part for part in detail if part))

    def _text(self, target: bool) -> Decision:
        present, counts = self.n_present, self.counts
        if counts is not None and {level.lower() for level in counts} <= {"true", "false"}:
            return self._constant(target) or self._used("boolean", "boolean", "")
        dates = self.dates.format(present, self.order) if self.dates.found else None
        if dates is not None:
            return self._time(dates, target)
        made = self._format(target)
        if made is None:
            return self._constant(target) or self._category(target)
        if not made.is_plain or made.words or made.unknown or made.decimal not in ("", self.decimal):
            self._measure(made)
        elif self._are_codes(target) and not self.is_stated:
            return self._category(target)
        return self._number(target, made)

    def _format(self, target: bool) -> NumberFormat | None:
        """How the numbers of the column are written; None where it holds texts."""
        found = self.agreed
        if found is None:
            if self.is_stated and self.odd is not None:
                raise self.odd.error(": must be a finite number, or a missing value (--missing).")
            return None
        unit = found.format.prefix or found.format.suffix
        if unit and not self.may_have_unit and self.odd is not None:
            raise self.odd.error(
                f": must be a number without a unit, as in training (got {unit!r}). Convert the column."
            )
        return Mixture(
            name=self.name,
            n_present=self.n_present,
            counts=self.counts,
            spellings=self.spellings.all,
            agreement=found,
            is_target=target,
            is_stated=self.is_stated,
            n_plain=self.n_numbers,
            odd=self.odd,
        ).as_numbers()

    @property
    def agreed(self) -> Agreement | None:
        """The number format of most cells of text."""
        return agreement(self.spellings.all, self.around)

    @property
    def decimal_seen(self) -> str | None:
        """The decimal mark of the column, where its cells leave no doubt."""
        if self.spellings.known == {}:
            return self.decimal if self.of_text and self.n_numbers and not self.whole else None
        found = self.agreed
        if found is None or not found.has_decimals or found.n < 0.5 * self.n_present:
            return None
        return found.format.decimal or OTHER_MARK.get(found.format.thousands)

    def _measure(self, made: NumberFormat) -> None:
        """Lowest and highest number of cells that are no plain numbers."""
        import pyarrow

        self.low, self.high = np.inf, -np.inf
        if self.counts is not None:
            values = made.values(array_of(list(self.counts), pyarrow.string()))[0]
            is_number = ~np.isnan(values)
            known, counts = values[is_number], np.array(list(self.counts.values()))
            self.low, self.high = float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))
            self.whole, self.n_numbers = bool((known == np.floor(known)).all()), int(counts[is_number].sum())
        self.increasing, self.distinct = False, None

    def _stated_time(self, stated: TimeFormat) -> Decision:
        """As a user said; where the order was left open, as the cells tell."""
        found = self.dates.format(
            self.n_present, self.order, (stated.order,) if stated.order else ORDERS, is_stated=True
        )
        assert found is not None
        return self._time(found, target=True)

    def _time(self, made: TimeFormat, target: bool) -> Decision:
        low, high = self.dates.spans[made.order]
        if low == high and not self.n_missing and not made.words and self.n > 1 and not target:
            return self._dropped("constant", f"every row holds {low}")
        return self._used("time", f"time:{made.stored}", self.dates.described(made, self.n))

    def _category(self, target: bool) -> Decision:
        present = self.n_present
        n_levels = MOST_COUNTED if self.counts is None else len(self.counts)
        if not target:
            is_text = n_levels > MOST_LEVELS or (n_levels > FEW_LEVELS and n_levels > present / 2)
            if is_text and self.counts is not None and not self.n_numbers:
                words, covered = frequent_words(tuple(self.counts), tuple(self.counts.values()))
                if covered >= LEAST_COVERED:
                    many = f"{n_levels:,} different texts by {len(words)} words that repeat: {', '.join(words[:3])} …"
                    return self._used("text", "category:words", many)
            if self.counts is not None and n_levels == present >= LEAST_ROWS:
                return self._dropped("id", "every row has its own value")
            if is_text:
                many = "more than 200,000" if self.counts is None else f"{n_levels:,}"
                return self._dropped("text", f"text, {many} different in {present:,} rows")
        codes = are_codes(self.spellings.all, present)
        note = "codes with leading zeros" if codes else "numbers and text" if self.n_numbers else ""
        if self.n_numbers == present and not codes:
            note = "whole numbers beyond 2^53"
        many = f"{n_levels:,} level{'s' if n_levels != 1 else ''}"
        return self._used("category", "category", f"{many}, {note}" if note else many)

    def _constant(self, target: bool) -> Decision | None:
        if target or self.n_missing or self.n < 2:
            return None
        if self.n_numbers == self.n:
            return self._dropped("constant", f"every row holds {self.low:g}") if self.low == self.high else None
        one = self.counts is not None and len(self.counts) == 1
        return self._dropped("constant", f"every row holds {next(iter(self.counts or ''))[:40]!r}") if one else None

    def _dropped(self, kind: Any, reason: str) -> Decision:
        return Decision(Understood(self.name, kind, False, f"dropped: {reason}"), None)

    def _used(self, kind: Any, reading: str, detail: str) -> Decision:
        parts = [detail, f"{percent(self.n_missing / self.n)} missing" if self.n_missing else ""]
        detail = ", ".join(part for part in parts if part)
        return Decision(Understood(self.name, kind, True, detail, self.note), reading)
