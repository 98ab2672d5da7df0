"""What plan is given, as planning takes it: settings by their names, columns, where the rows came from."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data import builtin
from chainrule.data.opening import names_of
from chainrule.data.table import DIALECT, Selection, listed
from chainrule.errors import SettingsError, from_elsewhere, refuse_unknown_names, unknown_name
from chainrule.reference.losses import LOSSES
from chainrule.training.update_rules import OPTIMIZER_CLASSES, UpdateRule


def settings_by_name(stated: dict[str, Any]) -> dict[str, Any]:
    """Settings by their names, an optimizer taken apart."""
    optimizer = stated.get("optimizer")
    if isinstance(optimizer, Mapping):
        stated = {**stated, **optimizer, "optimizer": optimizer.get("name")}
        stated.pop("name", None)
    elif isinstance(optimizer, UpdateRule):
        described = optimizer.to_dict()
        stated = {**described, **stated, "optimizer": described["name"]}
        stated.pop("name")
    return stated


def known_arguments(function: Callable[..., Any], given: dict[str, Any], network: Callable[..., Any]) -> dict[str, Any]:
    """The arguments by name; SettingsError for one that the function does not have, with what may be meant."""
    known, of_network = (list(inspect.signature(f).parameters) for f in (function, network))
    for name in given:
        meant = name if name in of_network else from_elsewhere(name, of_network)
        if name not in known and meant is not None and from_elsewhere(name, known) is None:
            raise SettingsError(
                f"{name}={given[name]!r}: must be given to the network. Try {network.__name__}(…, {meant}=…)."
            )
        loss = from_elsewhere(name, LOSSES) or name
        if name not in known and loss in LOSSES:
            raise SettingsError(
                f"{name}={given[name]!r}: must be given to the network. Try {network.__name__}(…, loss={loss!r})."
            )
    for name, cls in ((name, cls) for name in given if name not in known for cls in OPTIMIZER_CLASSES.values()):
        if name in {entry.name for entry in fields(cls)}:
            raise SettingsError(
                f"{name}={given[name]!r}: must be given to the optimizer. Try optimizer={cls.__name__}({name}=…)."
            )
    refuse_unknown_names(f"argument of {function.__name__}", given, known)
    return given


def plain(value: Any) -> Any:
    """A value as a request keeps it: a list as a tuple."""
    return tuple(value) if isinstance(value, (list, np.ndarray)) else value


def column_names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names of no, one or several columns."""
    return () if given is None else (given,) if isinstance(given, str) else tuple(map(str, given))


def refuse_no_target(source: Any, dialect: Mapping[str, Any]) -> None:
    """SettingsError where the source has no target of its own."""
    names = names_of(source, **dialect)
    if names:
        raise SettingsError(
            f"target=None: must name the column to predict (got None). Try target={names[-1]!r}; "
            f"columns: {listed(names)}."
        )


def check_dialect(dialect: Mapping[str, Any]) -> dict[str, Any]:
    """How a file is written, as a user states it. SettingsError for a name there is not."""
    for name in dialect:
        if name not in DIALECT:
            raise unknown_name("entry of dialect", name, DIALECT)
    return dict(dialect)


def origin_of(source: Any, selection: Selection, validation: Any) -> dict[str, Any]:
    """Where the rows came from, for the run's record; a table in memory comes from nowhere."""

    def place(given: Any) -> str | None:
        is_path = isinstance(given, (str, Path))
        return (str(given) if str(given) in builtin.TARGETS else os.path.abspath(given)) if is_path else None

    data = place(source)
    found: dict[str, Any] = {"weight": selection.weight, "drop": ",".join(selection.drop)}
    found["dialect"] = {name: text for name in DIALECT if (text := getattr(selection, name)) is not None}
    return ({} if data is None else {"data": data}) | found | {"validation": place(validation)}
