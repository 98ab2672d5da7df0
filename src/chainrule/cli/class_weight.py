"""--class-weight: balanced, CLASS=WEIGHT,…, and of several targets TARGET:CLASS=WEIGHT,… or TARGET:balanced,…"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chainrule.errors import SettingsError
from chainrule.network.class_weights import BALANCED


def class_weight(given: str | None, entries: Sequence[str], targets: Sequence[str]) -> Any:
    """Class weights by the names of classes, as a plan takes them.

    Arguments: given: the option; entries: those of its list; targets: the columns to predict. Raises SettingsError for
    an entry that names no weight, and of several targets for one that names none of them.
    """
    if given is None or given.strip() == BALANCED:
        return None if given is None else BALANCED
    found: dict[str, Any] = {}
    for entry in entries:
        if len(targets) < 2:
            name, weight = _weight_of(entry, entry, "CLASS=WEIGHT, such as yes=3, or balanced")
            found[name] = weight
            continue
        target = max((t for t in targets if entry.startswith(f"{t}:")), key=len, default=None)
        if target is None:
            raise _refused(entry, f"TARGET:CLASS=WEIGHT with one of the targets {', '.join(targets)}, or balanced")
        rest = entry[len(target) + 1 :].strip()
        if rest == BALANCED:
            found[target] = BALANCED
            continue
        name, weight = _weight_of(entry, rest, f"{target}:CLASS=WEIGHT or {target}:balanced")
        of_target = found.setdefault(target, {})
        if not isinstance(of_target, dict):
            raise _refused(entry, f"left out, or {target}:balanced be left out")
        of_target[name] = weight
    return found


def _weight_of(entry: str, text: str, expected: str) -> tuple[str, float]:
    """The name of a class and its weight."""
    name, equals, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not equals or not name.strip() or not 0 <= weight < math.inf:
        raise _refused(entry, f"{expected}; a weight is a finite number ≥ 0")
    return name.strip(), weight


def _refused(entry: str, expected: str) -> SettingsError:
    return SettingsError(f"--class-weight {entry}: must be {expected}.")
