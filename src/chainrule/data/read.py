"""Reading: a name, a file or another library's table becomes a Table, or a DataError that says where the fault is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from chainrule.data.builtin import Part
from chainrule.data.dialect import check_stated
from chainrule.data.mixed import in_one
from chainrule.data.number_spellings import Surroundings
from chainrule.data.numbers import COMMA, POINT, is_plain
from chainrule.data.opening import opened, read_whole
from chainrule.data.orders import Orders, ranked, with_stated
from chainrule.data.source import Block, Source
from chainrule.data.survey import Decision, Survey
from chainrule.data.table import Column, Selection, Table, Understood, listed, no_such, refuse_missing
from chainrule.data.times import check_order, stated_time_of
from chainrule.data.typed import Marks, check_reading, joined, typed
from chainrule.errors import DataError
from chainrule.status import doing

NUMBERS = ("number", POINT, COMMA)
"""Stated readings of which the column itself says how its numbers are written."""

NOTHING_LEFT = "no column is left to predict from: there must be at least one besides the target."


def read(source: object, selection: Selection = Selection(), part: Part = "train") -> Table:  # noqa: B008 (frozen)
    """All wanted rows and columns of a source, typed.

    Args      source: a built-in name, a path, a DataFrame (pandas, polars) or any object with __arrow_c_stream__;
              part: of a built-in set, which otherwise has no say
    Errors    DataError with path, line and column, as far as each is known
    """
    doing(f"reading {source}" if isinstance(source, str | Path) else "reading the rows")
    whole = read_whole(source, selection, part)
    if whole is not None:
        return whole
    kept: list[Block] = []
    plan = understand(opened(source, selection), selection, kept)
    blocks = kept or plan.blocks()
    return plan.whole([plan.table(block) for block in blocks])


def batches(
    source: object,
    selection: Selection = Selection(),  # noqa: B008 (frozen)
    rows: int = 65_536,
    part: Part = "train",
) -> Iterator[Table]:
    """The rows of read in their order, at most `rows` at a time, at bounded memory; levels are those of the batch.

    Where selection.kinds does not say how every wanted column is read, the source is first read through once.

    Errors    those of read, when the batch they are in is reached
    """
    whole = read_whole(source, selection, part)
    plan = None if whole is not None else understand(opened(source, selection), selection)
    tables = iter([whole]) if whole is not None else map(plan.table, plan.blocks()) if plan is not None else iter(())
    for table in tables:
        for first in range(0, len(table), rows):
            yield table.take(slice(first, first + rows)) if len(table) > rows else table


def survey(source: object, selection: Selection) -> ReadPlan:
    """What read would understand of a source, without holding its rows: it is read through once.

    Errors    those of read, apart from cells that do not fit a stated kind
    """
    return understand(opened(source, selection), selection)


@dataclass(frozen=True, kw_only=True)
class ReadPlan:
    """Which columns of a source are read, each how, and what was understood."""

    source: Source
    selection: Selection
    features: dict[str, str]
    """Readings by name, in order."""
    targets: dict[str, str]
    understood: tuple[Understood, ...]
    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    """How a boolean column writes false and true."""
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a column the spellings of a missing value that are texts there."""
    orders: Orders = field(default_factory=dict)
    n_rows: int | None = None
    """Known where the source was read through."""

    def blocks(self) -> Iterator[Block]:
        """The wanted columns of the source, block by block."""
        readings = {**self.features, **self.targets}
        text = {name for name, reading in readings.items() if not is_plain(reading, self.source.decimal)}
        weight = [self.selection.weight] if self.selection.weight else []
        return self.source.blocks({*readings, *weight}, text)

    def table(self, block: Block) -> Table:
        """The rows of one block."""
        weight = None if self.selection.weight is None else self._column(block, self.selection.weight, "number").values
        columns, faults = dict[str, Column](), list[DataError]()
        for name, reading in {**self.features, **self.targets}.items():
            try:
                columns[name] = self._column(block, name, reading)
            except DataError as fault:
                faults.append(fault)
        if faults:
            raise in_one(faults, self.source.path)
        return Table(
            path=self.source.path,
            columns=tuple(columns[name] for name in self.features),
            targets=tuple(columns[name] for name in self.targets),
            weight=weight,
            understood=self.understood,
            stated=frozenset(self.selection.kinds),
            dialect=self.source.dialect,
            places=block.places,
            has_lines=block.lines is not None,
        )

    def of_targets(self) -> Table:
        """The targets and weights of all rows, without the columns to predict from."""
        plan = replace(self, features={})
        return plan.whole([plan.table(block) for block in plan.blocks()])

    def _column(self, block: Block, name: str, reading: str) -> Column:
        kept = self.kept.get(name, ())
        missing = tuple(text for text in self.selection.missing if text not in kept)
        marks = Marks(self.source.decimal, self.selection.decimal, self.selection.thousands)
        column = typed(block, name, reading, marks, missing)
        if name in self.orders:
            return ranked(column, self.orders[name], self.source.path)
        return replace(column, levels=self.words[name]) if name in self.words else column

    def whole(self, tables: list[Table]) -> Table:
        """The tables of consecutive blocks as one.

        Errors    DataError where there is none
        """
        if not tables:
            raise DataError("has a header and no rows: must have at least one.", path=self.source.path)
        first = tables[0]
        return replace(
            first,
            columns=tuple(joined([t.columns[i] for t in tables]) for i in range(len(first.columns))),
            targets=tuple(joined([t.targets[i] for t in tables]) for i in range(len(first.targets))),
            weight=None if first.weight is None else np.concatenate([t.weight for t in tables if t.weight is not None]),
            places=np.concatenate([t.places for t in tables if t.places is not None]),
        )


def understand(source: Source, selection: Selection, keep: list[Block] | None = None) -> ReadPlan:
    """How each wanted column is read: as stated, else as all its cells tell; the source is then read through.

    Args      keep: takes up the blocks that were read for it, if they are those that are to be read
    Errors    DataError for names that are not there, columns that cannot be read or no column that is of use
    """
    by_type = source.kinds.keys() - selection.kinds.keys()
    selection, orders = with_stated(source, selection)
    targets, features = _wanted(source, selection)
    stated = {
        name: check_reading(name, selection.kinds[name]) for name in (*features, *targets) if name in selection.kinds
    }
    surveys = _surveys(source, selection, stated, features, targets)
    n_rows = _survey(source, selection, surveys, stated, (*features, *targets), keep)
    if n_rows == 0:
        raise DataError("has a header and no rows: must have at least one.", path=source.path)
    as_asked = {*targets, *(selection.features or ())}
    decisions = _decide(source, surveys, stated, as_asked)
    readings: dict[str, str | None] = {name: decision.reading for name, decision in decisions.items()}
    for name, asked in stated.items():
        if not (readings.get(name) or "").startswith(("number", "time:{")):
            readings[name] = "number" if asked in (POINT, COMMA) else asked
    used = {
        name: reading for name in features if (reading := readings[name] or ("number" if name in as_asked else None))
    }
    if not used:
        raise _nothing_left(source.path, [decisions[name].understood for name in features if name in decisions])
    words = {name: survey.words for name, survey in surveys.items() if readings[name] == "boolean" and survey.words}
    result = {name: decision.understood for name, decision in decisions.items()}
    for name, reading in stated.items():
        how = "<".join(orders[name]) if name in orders else "as its type says" if name in by_type else "as stated"
        result[name] = _as_stated(name, reading, how, result.get(name), surveys.get(name))
    understood = tuple(_with_role(name, result.get(name), targets, selection) for name in source.names)
    return ReadPlan(
        source=source,
        selection=selection,
        features=used,
        targets={name: readings[name] or "number" for name in targets},
        understood=understood,
        words=words,
        kept=selection.kept or {name: surveys[name].kept for name in targets if name in surveys},
        orders=orders,
        n_rows=n_rows,
    )


def _as_stated(name: str, reading: str, how: str, found: Understood | None, surveyed: Survey | None) -> Understood:
    """What a column whose kind is stated was taken for, and how its numbers are written."""
    written = f", {found.detail}" if found is not None and found.used and found.detail else ""
    note = "" if surveyed is None else surveyed.note
    return Understood(name, reading.partition(":")[0], True, f"{how}{written}", note)  # type: ignore[arg-type]


def _nothing_left(path: str, dropped: list[Understood]) -> DataError:
    """The error where every column was dropped: which, why, and what keeps one."""
    if not dropped:
        return DataError(NOTHING_LEFT, path=path)
    reasons = [f"{entry.name!r} ({entry.detail.removeprefix('dropped: ')})" for entry in dropped[:8]]
    more = f" and {len(dropped) - 8} others" if len(dropped) > 8 else ""
    keep = shlex.quote(f"--kind={dropped[0].name}={'number' if dropped[0].kind == 'number' else 'category'}")
    message = f"{NOTHING_LEFT} Dropped: {', '.join(reasons)}{more}"
    return DataError(f"{message}. State what one of them holds, such as {keep}.", path=path)


def _surveys(
    source: Source, selection: Selection, stated: dict[str, str], features: list[str], targets: tuple[str, ...]
) -> dict[str, Survey]:
    """A survey of every column that is not stated, and of text that is stated to be numbers, written somehow; of a
    target that is stated as text its missing values alone."""
    asked = set(targets) if selection.finds_kept else set()
    return {
        name: _new_survey(source, selection, name, name in asked)
        for name in (*features, *targets)
        if name not in stated
        or (name in asked and stated[name] == "category")
        or (stated[name] in NUMBERS and not source.is_number(name))
        or stated_time_of(stated[name]) is not None
    }


def _new_survey(source: Source, selection: Selection, name: str, is_asked: bool) -> Survey:
    """A survey of one column, with what is known of the marks of its numbers."""
    stated = selection.kinds.get(name)
    around = Surroundings(
        delimiter=source.delimiter,
        decimal={POINT: ".", COMMA: ","}.get(stated or "", selection.decimal),
        thousands=selection.thousands,
    )
    return Survey(
        name=name,
        decimal=source.decimal,
        missing=selection.missing,
        around=around,
        is_stated=stated in NUMBERS,
        may_have_unit=selection.units,
        is_names=stated == "category",
        order=selection.dates,
        stated_time=stated_time_of(stated or ""),
        spelled={} if is_asked else None,
    )


def _decide(
    source: Source, surveys: dict[str, Survey], stated: dict[str, str], as_asked: set[str]
) -> dict[str, Decision]:
    """What each column is; where marks are open in one of them, the decimal mark of the others counts.

    Errors    DataError that names all columns that cannot be read
    """
    seen = {survey.decimal_seen for survey in surveys.values()} - {None}
    decisions, faults = dict[str, Decision](), list[DataError]()
    for name, survey in surveys.items():
        if len(seen) == 1:
            survey.around = replace(survey.around, elsewhere=next(iter(seen)))
        if name in stated and not survey.is_stated and survey.stated_time is None:
            continue
        try:
            decisions[name] = survey.decide(target=name in as_asked)
        except DataError as fault:
            faults.append(fault)
    if faults:
        raise in_one(faults, source.path)
    return decisions


def _wanted(source: Source, selection: Selection) -> tuple[tuple[str, ...], list[str]]:
    """The names of the targets and of the columns to predict from."""
    check_order(selection.dates)
    check_stated(None, None, selection.decimal, selection.thousands)
    names, targets = source.names, selection.wanted_targets
    if selection.needs_target and not targets:
        raise DataError(f"which column is to be predicted? Give --target, one of {listed(names)}.", path=source.path)
    refuse_missing(selection.features or (), names, source.path)
    outside = (*targets, *([selection.weight] if selection.weight else []), *selection.drop)
    for name in outside:
        if name not in names:
            raise no_such("column", name, names, source.path)
    for name in targets:
        if outside.count(name) > 1:
            message = f"column {name!r} is the target and cannot be dropped or used as weight."
            raise DataError(message, path=source.path)
    features = list(selection.features or [name for name in names if name not in outside])
    if not features:
        raise DataError(NOTHING_LEFT, path=source.path)
    return targets, features


def _survey(
    source: Source,
    selection: Selection,
    surveys: dict[str, Survey],
    stated: dict[str, str],
    names: tuple[str, ...],
    keep: list[Block] | None,
) -> int | None:
    """Count the cells of every column that is not stated; the number of rows, None where nothing was read."""
    if not surveys:
        return None
    wanted = {*names, *([selection.weight] if selection.weight else [])}
    text = {name for name, reading in stated.items() if not is_plain(reading, source.decimal) and name not in surveys}
    text |= {name for name, survey in surveys.items() if survey.stated_time}
    n_rows = 0
    for block in source.blocks(wanted, text):
        n_rows += len(block)
        for survey in surveys.values():
            survey.add(block)
        if keep is not None:
            keep.append(block)
    again = [name for name, survey in surveys.items() if survey.needs_text]
    if again:  # cells taken for numbers that other cells of their column show to be texts
        for name in again:
            surveys[name] = _new_survey(source, selection, name, surveys[name].spelled is not None)
        if keep is not None:
            keep.clear()
        for block in source.blocks(wanted, {*text, *again}):
            for name in again:
                surveys[name].add(block)
            if keep is not None:
                keep.append(block)
    return n_rows


def _with_role(name: str, understood: Understood | None, targets: tuple[str, ...], selection: Selection) -> Understood:
    if name in targets and understood is not None:
        detail = f"to be predicted{', ' if understood.detail else ''}{understood.detail}"
        return replace(understood, used=True, detail=detail)
    if name == selection.weight:
        return Understood(name, "number", True, "the weight of each row")
    return understood or Understood(name, "text", False, "left out")
