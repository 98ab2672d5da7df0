"""From options to what a plan is asked for: argparse ends here. Every value is checked by its declaration."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import os
from pathlib import Path
from typing import Any

from chainrule.cli.class_weight import class_weight
from chainrule.data import builtin
from chainrule.data.table import DIALECT, Selection
from chainrule.data.table import missing_cells as cells_missing
from chainrule.errors import SettingsError
from chainrule.planning.large import CACHE_ABOVE_MB, is_large, plan_large
from chainrule.planning.plan import TrainingPlan, plan_source
from chainrule.planning.request import AUTO, BY_PRESET, PASSED, Request
from chainrule.training.settings import OPTIMIZER_SETTINGS, SETTINGS, Setting


def plan_of(options: argparse.Namespace, beside: Path | None = None) -> TrainingPlan:
    """The plan that the options ask for.

    Arguments: beside: the folder in which the cache of a large source is made; None refuses such a source.
    """
    asked, wanted = request(options), selection(options)
    how = {"test": options.test, "origin": origin(options)}
    if not is_large(options.data, options.cache, _megabytes(options.cache_above)):
        return plan_source(options.data, wanted, asked, **how)
    if beside is None:
        raise SettingsError(
            f"{options.data}: too large to be read into memory. Use fewer rows, train with --learning-rate auto, or "
            "raise --cache-above."
        )
    return plan_large(options.data, wanted, asked, **how, cache=options.cache, beside=beside)


def request(options: argparse.Namespace) -> Request:
    """The options that decide about the training."""
    settings = {**SETTINGS, **OPTIMIZER_SETTINGS}
    names = [name for name in dict.fromkeys((*BY_PRESET, *PASSED, *OPTIMIZER_SETTINGS)) if name != "seed"]
    stated = {name: value(options, settings[name]) for name in names if getattr(options, name) is not None}
    normalization = _one_or_each(options.normalization)
    if isinstance(normalization, tuple):
        normalization = tuple(None if name == "none" else name for name in normalization)
    return Request(
        preset=options.preset,
        task=options.task,
        seed=int(value(options, SETTINGS["seed"])),
        validation=_validation(options.valid),
        valid_by=options.valid_by,
        valid_after=options.valid_after,
        settings=stated,
        metric=options.metric,
        class_weight=class_weight(options.class_weight, names_in(options.class_weight), names_in(options.target)),
        positive=options.positive,
        hidden_sizes=None if options.network is None else hidden_sizes(options.network),
        activation=None if options.activation is None else _one_or_each(options.activation),
        normalization=None if normalization == "none" else normalization,
        residual=options.residual,
        parametric=options.parametric,
        input_scale=options.input_scale,
        embedding=options.embedding,
        side_by_side=None if options.side_by_side is None else _whole_number(options.side_by_side, "side-by-side"),
        output=options.output,
        loss=options.loss,
        intervals=options.intervals,
        initializer=options.initializer,
        dtype=options.dtype,
        scaling=options.scaling,
        target_scale=options.target_scale,
        neighbours=options.neighbours,
        screening=options.screening,
        members=None if options.members is None else _whole_number(options.members, "members"),
        n_bins=None if options.bins is None else _whole_number(options.bins, "bins"),
    )


def origin(options: argparse.Namespace) -> dict[str, Any]:
    """Where the rows came from, for the run's record."""
    built_in, is_file = options.data in builtin.TARGETS, isinstance(_validation(options.valid), str)
    return {
        "data": options.data if built_in else os.path.abspath(options.data),
        "weight": options.weight,
        "drop": options.drop,
        "dialect": dialect(options),
        "validation": os.path.abspath(options.valid) if is_file else None,
    }


def selection(options: argparse.Namespace) -> Selection:
    """What is to be read of DATA, as the options say."""
    return Selection(
        targets=names_in(options.target) or None,
        weight=options.weight,
        drop=names_in(options.drop),
        kinds={**_kinds(options.kind), **_kinds(options.order, "order", "size=S<M<L")},
        missing=missing_cells(options),
        **dialect(options),
    )


def dialect(options: argparse.Namespace) -> dict[str, Any]:
    """How text files are written, as far as the options say."""
    given = {name: getattr(options, name, None) for name in DIALECT}
    if given["delimiter"] in ("tab", "\\t"):
        given["delimiter"] = "\t"
    if given["skip"] is not None:
        given["skip"] = _whole_number(given["skip"], "skip")
    return {name: text for name, text in given.items() if text is not None}


def missing_cells(options: argparse.Namespace) -> tuple[str, ...]:
    """The cells that mean a missing value: CELL,… in place of the usual ones, +CELL,… besides them."""
    given = getattr(options, "missing", None)
    if given is None:
        return cells_missing(None)
    cells = list(names_in(given.removeprefix("+")))
    return cells_missing(["+", *cells] if given.startswith("+") else cells)


def value(options: argparse.Namespace, setting: Setting) -> Any:
    """An option's value in the setting's kind and range; where it was not given the default."""
    given = getattr(options, setting.name)
    if given is None:
        return setting.default
    if (setting.name, given) == ("learning_rate", AUTO):
        return AUTO
    if isinstance(given, str) and setting.kind in (int, float):
        if given.lower() == "none" and setting.optional:
            return None
        with contextlib.suppress(ValueError):
            given = _number(given, setting.kind)
    return setting.check(given)


def hidden_sizes(given: str) -> tuple[int, ...]:
    """Units of the hidden layers: "64,32", or "0" for none."""
    try:
        sizes = tuple(int(part) for part in given.split(","))
    except ValueError:
        sizes = (-1,)
    if sizes == (0,):
        return ()
    if min(sizes) < 1:
        raise SettingsError(f"--network {given}: must be sizes such as 64,64, or 0 for none.")
    return sizes


def _validation(given: str | None) -> float | str | None:
    """--valid as a share, or as the name of rows."""
    try:
        share = None if given is None else float(given)
    except ValueError:
        return given
    if share is not None and not 0 < share < 1:
        raise SettingsError(f"--valid {given}: must be a file, or a share between 0 and 1.")
    return share


def _megabytes(given: str | None) -> float:
    if given is None:
        return CACHE_ABOVE_MB
    try:
        megabytes = float(given)
    except ValueError:
        megabytes = -1.0
    if not megabytes >= 0:
        raise SettingsError(f"--cache-above {given}: must be a number of megabytes.")
    return megabytes


def names_in(given: str | None) -> tuple[str, ...]:
    """The entries of a list with commas; one that holds a comma stands in double quotes."""
    entries = next(csv.reader(io.StringIO(given or "", newline=""), skipinitialspace=True), [])
    return tuple(name.strip() for name in entries if name.strip())


def _kinds(given: str | None, option: str = "kind", such: str = "zip=category") -> dict[str, str]:
    """--kind or --order by column."""
    stated = {}
    for entry in names_in(given):
        name, equals, kind = entry.rpartition("=")
        if not equals:
            raise SettingsError(f"--{option} {entry}: must be COLUMN={option.upper()}, such as {such}.")
        stated[name.strip()] = kind.strip()
    return stated


def _number(text: str, kind: type) -> int | float:
    if kind is int and text.strip().lstrip("+-").isdigit():
        return int(text)  # a seed may be larger than a float holds exactly
    number = float(text)
    return int(number) if kind is int and number.is_integer() else number


def _whole_number(given: Any, name: str) -> int:
    """A count ≥ 0."""
    if not str(given).isdigit():
        raise SettingsError(f"--{name} {given}: must be a whole number ≥ 0.")
    return int(given)


def _one_or_each(given: str) -> Any:
    """One name for all hidden layers, or one for each."""
    names = tuple(name.strip() for name in given.split(","))
    return names[0] if len(names) == 1 else names
