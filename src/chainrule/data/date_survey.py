"""Whether a column of text holds dates, and in which order: all its cells decide; where they do not, it is asked."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import times
from chainrule.data.arrow_arrays import places
from chainrule.data.date_words import tidy
from chainrule.data.source import Block, Place
from chainrule.data.times import ORDERS, WRITTEN, TimeFormat
from chainrule.errors import DataError

MOST_WORDS = 5
"""Different words that may stand for a missing date; with more of them a column is one of texts."""
WORD_ROWS, WORD_SHARE = 3, 0.01
"""A word among dates means a missing one from so many rows and this share of them on; rarer ones are refused."""
LEAST_SHARE, MOSTLY = 0.1, 0.9
MOST_ODD = 10
"""Different cells that are no dates; with more of them, and fewer dates than MOSTLY, a column is one of texts."""
MOST_KEPT = 1_000
_WORD = re.compile(r"[^0-9]*|[09]{1,4}([-/. ]+[09]{1,4}){2}\.?( [09]{1,2}(:[09]{2})+)?")
"""No digits, or an impossible date of nothing but 0 and 9."""


EARLIEST, LATEST = 19000101, 21001231
"""Between these a whole number may be a day."""
LEAST_DAYS = 10
"""Different days, from which on no accident makes all numbers of a column days: one number in 27 is one."""


@dataclass
class Odd:
    """A text that is no date in some order."""

    count: int
    first: Place


@dataclass(kw_only=True)
class DateSurvey:
    """The cells of a column as dates in each order, counted block by block."""

    name: str
    pivot: int = times.PIVOT
    compact: bool = False
    """Whether 20240131 is a date too: where a user says that the column holds dates."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ORDERS, 0))
    none: dict[str, Odd] = field(default_factory=dict)
    """The first texts that are a date in no order."""
    others: dict[str, dict[str, Odd]] = field(default_factory=lambda: {order: {} for order in ORDERS})
    """Those that are a date in another order alone."""
    spans: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    differ: dict[tuple[str, str], Place] = field(default_factory=dict)
    """The first cell that two orders both read, each as another moment."""
    short_years: bool = False

    @property
    def found(self) -> bool:
        """Whether some cell is a date."""
        return any(self.counts.values())

    def add(self, column: Any, block: Block) -> None:
        """Count the cells of a block, trimmed, null where missing."""
        encoded = column.dictionary_encode()
        texts, codes = encoded.dictionary, places(encoded.indices)
        n_each = np.bincount(codes[codes >= 0], minlength=len(texts))
        first = np.zeros(len(texts), np.int64)
        rows = np.flatnonzero(codes >= 0)[::-1]
        first[codes[rows]] = rows

        def add_odd(kept: dict[str, Odd], which: npt.NDArray[np.bool_]) -> None:
            for i in np.flatnonzero(which)[: MOST_KEPT + 1].tolist():
                text = texts[i].as_py()
                if text in kept or len(kept) < MOST_KEPT:
                    place = block.place(int(first[i]), self.name, text)
                    kept.setdefault(text, Odd(0, place)).count += int(n_each[i])

        if not self.found and not self.compact and not times.may_be(texts):
            add_odd(self.none, np.ones(len(texts), bool))
            return
        plain = tidy(texts)
        read = {order: self._read(texts, plain, order) for order in ORDERS}
        known = {order: ~np.isnat(values) for order, values in read.items()}
        some = np.logical_or.reduce(list(known.values()))
        add_odd(self.none, ~some)
        for order, values in read.items():
            self.counts[order] += int(n_each[known[order]].sum())
            self._span(order, values[known[order]])
            add_odd(self.others[order], some & ~known[order])
        for a, b in combinations(ORDERS, 2):
            other = np.flatnonzero(known[a] & known[b] & (read[a] != read[b]))
            if len(other) and (a, b) not in self.differ:
                i = int(other[np.argmin(first[other])])
                self.differ[a, b] = block.place(int(first[i]), self.name, texts[i])
        dates = [texts[i].as_py() for i in np.flatnonzero(some & ~known["clock"])]
        self.short_years = self.short_years or any(map(times.has_short_year, dates))

    def _read(self, texts: Any, plain: Any, order: str) -> Any:
        made = TimeFormat(order=order, pivot=self.pivot)
        return times.parse_each(texts, plain, made, compact=self.compact)[0]

    def add_moments(self, values: Any) -> None:
        """Take in moments that the source itself knows as such."""
        self._span("ymd", values[~np.isnat(values)].astype("datetime64[us]"))

    def _span(self, order: str, values: Any) -> None:
        if len(values):
            low, high = self.spans.get(order, (values[0], values[0]))
            self.spans[order] = (min(low, values.min()), max(high, values.max()))

    def format(
        self, n_present: int, asked: str | None = None, orders: tuple[str, ...] = ORDERS, *, is_stated: bool = False
    ) -> TimeFormat | None:
        """How the dates of the column are written; None where it holds something else.

        Args      asked: the order a user named for columns that suit several; orders: those that are possible;
                  is_stated: whether a user said that the column holds dates
        Errors    DataError where a few cells are no dates, or two orders suit all of them
        """
        n = max(self.counts[order] for order in orders)
        if n < LEAST_SHARE * n_present and not (is_stated and n_present):
            return None
        best = [order for order in orders if self.counts[order] == n]
        odd = {**self.none, **self.others[best[0]]}
        words = tuple(sorted(odd)) if n < n_present else ()
        least = max(WORD_ROWS, WORD_SHARE * n_present)
        rare = [word for word in words if odd[word].count < least or not _WORD.fullmatch(word)]
        if rare or len(words) > MOST_WORDS or (words and not n):
            if is_stated or n > MOSTLY * n_present or (n > 0.5 * n_present and len(odd) <= MOST_ODD):
                raise self._odd_cells(best[0], odd, rare or list(words))
            return None
        return TimeFormat(order=self._chosen(best, asked), pivot=self.pivot, words=words)

    def _chosen(self, best: list[str], asked: str | None) -> str:
        """The order, where the cells leave no doubt or a user settles it."""
        doubts = [pair for pair in combinations(best, 2) if pair in self.differ]
        if not doubts:
            return best[0]
        if asked in best:
            return str(asked)
        raise self._question(sorted({order for pair in doubts for order in pair}, key=ORDERS.index), doubts[0])

    def _question(self, orders: list[str], pair: tuple[str, str]) -> DataError:
        import pyarrow

        place = self.differ[pair]
        text = pyarrow.array([place.text], pyarrow.string())
        read = {order: self._read(text, tidy(text), order)[0] for order in orders}
        reads = [f"{times.in_words(value)} ({WRITTEN[order]})" for order, value in read.items()]
        options = [f"--dates {order}" for order in orders]
        own = " or ".join(shlex.quote(f"--kind={self.name}=time:{order}") for order in orders)
        suits = "both" if len(orders) == 2 else "all of them"
        return place.error(
            f": {_either(reads)}? Every date of the column suits {suits}. State {_either(options)}, or for this column "
            f"{own}."
        )

    def _odd_cells(self, order: str, odd: dict[str, Odd], texts: list[str]) -> DataError:
        texts = sorted(texts, key=lambda text: odd[text].first.row)
        shown, others = texts[0], texts[1:]
        more = f" So are {', '.join(map(repr, others[:4]))}{' …' if len(others) > 4 else ''}." if others else ""
        remedies = [f"--missing=+{','.join(texts)}"] if len(texts) <= MOST_WORDS and "," not in "".join(texts) else []
        remedies += [f"--kind={self.name}=category", f"--drop={self.name}"]
        options = _either([shlex.quote(option) for option in remedies])
        among = f" among dates written {WRITTEN[order]}" if self.counts[order] else ""
        return odd[shown].first.error(
            f"{among}: must be {'such ' if among else ''}a date.{more} Correct it, or try {options}."
        )

    def described(self, made: TimeFormat, n: int) -> str:
        """Span, order, years of two digits and words for missing, as the list of columns says them."""
        low, high = self.spans[made.order]
        if made.order == "clock":
            span = f"{str(low)[11:16]} to {str(high)[11:16]}"
        else:
            span = f"{np.datetime_as_string(low, 'D')} to {np.datetime_as_string(high, 'D')}"
        parts = [span, "" if made.order == "ymd" else WRITTEN[made.order]]
        if self.short_years and made.order != "clock":
            parts.append(f"years {made.pivot:02}-99 are 19.., 00-{made.pivot - 1:02} are 20..")
        if made.words:
            odd = {**self.none, **self.others[made.order]}
            shares = [f"{word!r} ({100 * odd[word].count / n:.3g} %)" for word in made.words]
            parts.append(f"{', '.join(shares)} missing")
        return ", ".join(part for part in parts if part)


def _either(parts: list[str]) -> str:
    """Alternatives: "a, b or c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


def days_of_eight_digits(counts: dict[str, int] | None, in_range: bool, n_numbers: int) -> str | None:
    """The span of a column whose numbers all are days such as 20190103, as text; None of any other column."""
    if not in_range or counts is None or len(counts) < LEAST_DAYS or sum(counts.values()) != n_numbers:
        return None
    texts = [f"{text[:4]}-{text[4:6]}-{text[6:]}" for text in counts if re.fullmatch("[0-9]{8}", text)]
    try:
        days = np.array(texts, "datetime64[D]")
    except ValueError:
        return None
    return f"{days.min()} to {days.max()}" if len(days) == len(counts) else None
