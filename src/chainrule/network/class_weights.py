"""Class weights by scikit-learn's rules: what may be given, how a run records it, and what every row counts by it.

Recorded are None; of classes "balanced" or the weights by the index of the class; of several labels a list that holds
one of these for each label. What is recorded may be given again.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import SettingsError
from chainrule.network.targets import OutputKind

Array = npt.NDArray[Any]
ByClass: TypeAlias = str | dict[int, float] | None
"""Of classes: "balanced" or weights by index; a class that is not named counts 1."""
ClassWeights: TypeAlias = ByClass | list[ByClass]
BALANCED = "balanced"
WEIGHT_RULES = 3
"""The rules a new training follows. 1: class weights count in the training alone. 2: in the rows that judge its epochs
too. 3: "balanced" sums the weights of rows that have some; before, it counted rows."""


def class_weights(given: Any, kind: OutputKind, n_outputs: int) -> ClassWeights:
    """Class weights as a run records them.

    Arguments: given: None, "balanced", {class: weight}, a weight for every class in turn; of labels a list with one of
    these for each label, or {label: one of these}; a key names an index in any way: 0, 0.0, False, "0" as JSON has it;
    kind: what the targets mean. Raises SettingsError for anything else, a class or label that there is not, a weight
    that is negative or not finite, and where the targets are values.
    """
    if given is None:
        return None
    if kind == "values":
        raise _refused(given, "None where the targets are values", given, "Leave it out.")
    return _of_classes(given, max(n_outputs, 2), given) if kind == "class" else _of_labels(given, n_outputs)


def _of_classes(given: Any, n_classes: int, whole: Any) -> ByClass:
    """Those of one target; whole: all that was given, which the message shows."""
    if given is None or (isinstance(given, str) and given == BALANCED):
        return given
    if isinstance(given, Mapping):
        places = {key: _place(key, n_classes, whole, "class") for key in given}
        if len(set(places.values())) < len(places):
            raise _refused(whole, "one weight for each class", f"{len(places)} for fewer classes")
        return {place: _weight(given[key], key, whole) for key, place in places.items()}
    if not _is_sequence(given):
        raise _refused(whole, f"'balanced', {{class: weight ≥ 0}} or {n_classes} weights, one for each class", given)
    if len(given) != n_classes:
        raise _refused(whole, f"{n_classes} weights, one for each class", len(given))
    return {place: _weight(value, place, whole) for place, value in enumerate(given)}


def _of_labels(given: Any, n_labels: int) -> list[ByClass]:
    """Those of several labels, each 0 or 1."""
    if isinstance(given, str) and given == BALANCED:
        return [BALANCED] * n_labels
    expected = f"'balanced' or a list of {n_labels}, one {{0: weight, 1: weight}} for each label"
    if isinstance(given, Mapping):
        places = {_place(key, n_labels, given, "label"): of_label for key, of_label in given.items()}
    elif _is_sequence(given) and len(given) == n_labels:
        places = dict(enumerate(given))
    else:
        raise _refused(given, expected, f"{len(given)} entries" if _is_sequence(given) else given)
    numbers = [of_label for of_label in places.values() if isinstance(of_label, int | float | np.number)]
    if numbers:
        raise _refused(given, expected, f"the number {numbers[0]} for a label")
    return [_of_classes(places.get(j), 2, given) for j in range(n_labels)]


def _is_sequence(given: Any) -> bool:
    return isinstance(given, Sequence | np.ndarray) and not isinstance(given, str | bytes) and np.ndim(given) > 0


def _place(key: Any, n: int, whole: Any, what: str) -> int:
    """The index that a key names."""
    try:
        is_whole = isinstance(key, float | np.floating) and float(key).is_integer()
        place = int(key) if is_whole or isinstance(key, str | bool | np.bool_) else operator.index(key)
    except (TypeError, ValueError):
        place = -1
    if not 0 <= place < n:
        plural = f"{what}es" if what == "class" else f"{what}s"
        raise _refused(whole, f"weights of the {plural} 0 to {n - 1}, by their index", f"{what} {key!r}")
    return place


def _weight(value: Any, key: Any, whole: Any) -> float:
    try:
        weight = -1.0 if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError):
        weight = -1.0
    if not 0 <= weight < np.inf:
        raise _refused(whole, "finite weights ≥ 0", f"{value!r} for class {key!r}")
    return weight


def _refused(given: Any, expected: str, got: Any, remedy: str = "Try 'balanced'.") -> SettingsError:
    return SettingsError(f"class_weight={given!r}: must be {expected} (got {got}). {remedy}")


def by_place(given: Any, places: Mapping[Any, int], shown: Sequence[Any], *, may_be_absent: bool = False) -> Any:
    """Weights by the names of classes as weights by their indices; anything but a mapping as it is.

    Arguments: places: the index of each name; shown: the names as a message has them; may_be_absent: whether a class
    that there is not may be named where all others are: scikit-learn's rule.
    """
    if not isinstance(given, Mapping):
        return given
    strange = [key for key in given if key not in places]
    if strange and not (may_be_absent and all(name in given for name in places)):
        known = ", ".join(map(repr, shown[:8])) + (", …" if len(shown) > 8 else "")
        raise _refused(given, f"weights of the classes {known}", f"class {strange[0]!r}")
    return {places[key]: weight for key, weight in given.items() if key in places}


def balanced_by_weight(recorded: ClassWeights, learned: Array, weight: Array | None) -> ClassWeights:
    """The weights that "balanced" comes to where rows have weights; else as recorded.

        a class c of k: Σw / (k·Σ_{i in c} w_i), over the rows that are learned; a row of weight 2 is two rows

    Source: King, Zeng (2001), as in scikit-learn's compute_class_weight with sample_weight.
    """
    if weight is None or not weight.any():
        return recorded
    if isinstance(recorded, list):
        return [_by_weight(of_label, learned[:, j], weight) for j, of_label in enumerate(recorded)]
    return _by_weight(recorded, classes_of(learned), weight)


def _by_weight(by_class: ByClass, classes: Array, weight: Array) -> ByClass:
    if by_class != BALANCED:
        return by_class
    known = ~np.isnan(classes) & (weight > 0)
    present, place = np.unique(classes[known], return_inverse=True)
    shares = weight[known].astype(np.float64) / weight.max()
    of_class = np.bincount(place, weights=shares, minlength=len(present))
    return {int(c): float(of_class.sum() / (len(present) * w)) for c, w in zip(present, of_class, strict=True)}


def factors(recorded: ClassWeights, encoded: Array, learned: Array) -> npt.NDArray[np.float64]:
    """What every row counts by its class; of labels the product over those that are not missing, as in scikit-learn.

        "balanced": n / (n_classes·count), over the rows that are learned, if these have no weights of their own

    Arguments: encoded: targets as engines take them; learned: those of the training.

    Source: King, Zeng (2001), as in scikit-learn's compute_class_weight and compute_sample_weight.
    """
    if not isinstance(recorded, list):
        return _factors_of(recorded, classes_of(encoded), classes_of(learned))
    product = np.ones(len(encoded))
    for j, of_label in enumerate(recorded):
        product *= _factors_of(of_label, encoded[:, j], learned[:, j])
    return product


def classes_of(encoded: Array) -> Array:
    """Class indices of targets that are classes."""
    return encoded if encoded.ndim == 1 else encoded.argmax(axis=1)


def _factors_of(by_class: ByClass, classes: Array, learned: Array) -> npt.NDArray[np.float64]:
    known = ~np.isnan(classes)
    places = np.where(known, classes, 0).astype(np.int64)
    if isinstance(by_class, dict):
        table = by_class
    elif by_class is None:
        table = {}
    else:
        present, counts = np.unique(learned[~np.isnan(learned)], return_counts=True)
        table = {int(c): counts.sum() / (len(present) * n) for c, n in zip(present, counts, strict=True)}
    of_place = np.ones(max([places.max(initial=0), *table]) + 1)
    of_place[list(table)] = list(table.values())
    return np.where(known, of_place[places], 1.0)
