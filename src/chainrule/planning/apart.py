"""Which rows are held out where that is not left to chance: whole groups, or all that are later than a moment."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.read import read
from chainrule.data.split import HeldOut
from chainrule.data.table import Column, Selection, Table, listed
from chainrule.errors import DataError, SettingsError
from chainrule.planning.request import VALIDATION_SHARE, Request
from chainrule.seeding import Purpose, stream_key, words

Mask = npt.NDArray[np.bool_]
DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?)?)?", re.ASCII)
"""A year, month, day or moment: NumPy alone would also read 5, now and NaT."""


def held_apart(source: Any, whole: Table, selection: Selection, request: Request) -> Mask | None:
    """Which rows of a source are held out by valid_by or valid_after; None where neither is stated.

    Arguments: whole: all rows as they were read. Raises SettingsError, DataError where a side would be empty.
    """
    if request.valid_by is None and request.valid_after is None:
        return None
    if request.valid_by is not None and request.valid_after is not None:
        raise SettingsError("valid_by and valid_after exclude each other: the rows are held out by one of them.")
    if request.validation is not None and request.share is None:
        raise SettingsError("validation is a table of its own: it excludes valid_by and valid_after. Leave one out.")
    if request.valid_by is not None:
        out = _by_groups(_column(source, selection, request.valid_by, "category"), request)
    else:
        out = _later(source, whole, selection, str(request.valid_after))
    if out.all() or not out.any():
        stated = f"valid_by={request.valid_by}" if request.valid_by else f"valid_after={request.valid_after}"
        side = "all rows" if out.all() else "no row"
        raise DataError(f"{stated} holds out {side}; expected some on each side.", path=whole.path)
    return out


def refuse_apart(request: Request) -> None:
    """SettingsError for rows that are read from a cache."""
    if request.valid_by is not None or request.valid_after is not None:
        raise SettingsError(
            "valid_by and valid_after: must not be stated for rows in a cache. Give validation rows of their own, or "
            "raise the size from which a cache is used."
        )


def split_at(out: Mask) -> HeldOut:
    """The rows by their numbers."""
    return HeldOut(np.flatnonzero(~out), np.flatnonzero(out))


def _by_groups(groups: Column, request: Request) -> Mask:
    """Whole groups, in an order that follows from the seed, until the share is reached; a missing one is a group."""
    levels = [*(groups.levels or ()), ""]
    sizes = np.bincount(groups.values % len(levels), minlength=len(levels))
    present = np.flatnonzero(sizes)
    rank = words(stream_key(request.seed, Purpose.SPLIT), len(levels))
    order = present[np.lexsort((present, rank[present]))]
    wanted = (request.share or VALIDATION_SHARE) * len(groups)
    before = np.concatenate([[0], np.cumsum(sizes[order])[:-1]])
    chosen = np.zeros(len(levels), bool)
    chosen[order[(before + sizes[order] / 2 <= wanted) | (before == 0)]] = True
    return chosen[groups.values % len(levels)]


def _later(source: Any, whole: Table, selection: Selection, stated: str) -> Mask:
    """Rows later than "2015-06-01" or "column=2015-06-01" (a day counts whole), or above a number."""
    name, equals, moment = stated.rpartition("=")
    times = [column.name for column in whole.columns if column.kind == "time"]
    if not equals:
        if len(times) != 1:
            found = f"{len(times)} columns of times{': ' + listed(times) if times else ''}"
            raise SettingsError(
                f"valid_after={stated}: must name its column where not exactly one holds times (found {found}). "
                f"Try valid_after=COLUMN={moment}."
            )
        name = times[0]
    column = _column(source, selection, name.strip(), selection.kinds.get(name.strip()))
    limit = moment.strip()
    try:
        if column.kind == "time" and DATE.fullmatch(limit):
            later = np.datetime64(limit, "us")
            if len(limit) <= len("2015-06-01"):
                later = (np.datetime64(limit) + 1).astype("datetime64[us]") - 1
            return np.asarray(column.values > later)
        if column.kind == "number":
            return np.asarray(column.values > float(limit))
    except ValueError:
        pass
    raise SettingsError(
        f"valid_after={stated}: must be a date such as 2015-06-01 of a column of times, or a number of one of numbers "
        f"(column {name!r} holds a {column.kind})."
    )


def _column(source: Any, selection: Selection, name: str, kind: str | None) -> Column:
    """One column of all rows, whether it is used or not."""
    kinds = {} if kind is None else {name: kind}
    wanted = replace(selection, targets=(), needs_target=False, features=(name,), kinds=kinds, drop=(), weight=None)
    return read(source, wanted, "train").columns[0]
