"""Class weights of a table by the names of its classes, and of its targets where they are labels, become indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chainrule.network.class_weights import by_place, class_weights
from chainrule.pipeline.target import ClassName, class_text
from chainrule.planning.candidates import KINDS
from chainrule.planning.request import Request
from chainrule.planning.task import PredictionTask


def with_class_indices(request: Request, task: PredictionTask, columns: Sequence[str]) -> Request:
    """The request with its class weights as a run records them.

    Arguments: columns: the names of the targets. Raises SettingsError for a class or target that there is not, and as
    class_weights does.
    """
    given = request.class_weight
    if given is None:
        return request
    n_outputs = len(task.words[0]) if task.kind == "classes" else len(columns)
    if task.kind == "classes":
        given = _of_names(given, task.words[0])
    elif task.kind == "labels":
        given = by_place(given, {name: j for j, name in enumerate(columns)}, columns)
        pairs = given.items() if isinstance(given, Mapping) else enumerate(given if isinstance(given, list) else ())
        found = {j: _of_names(weights, task.words[j]) for j, weights in pairs if j < len(task.words)}
        given = found if isinstance(given, Mapping) or len(found) == n_outputs else given
    return replace(request, class_weight=class_weights(given, KINDS[task.kind], n_outputs))


def _of_names(given: Any, names: Sequence[ClassName]) -> Any:
    """Weights by the names of classes, as a file or a DataFrame has them, by their indices."""
    if not isinstance(given, Mapping):
        return given
    texts = {class_text(name): place for place, name in enumerate(names)}
    places = {key: texts[_text(key)] for key in given if _text(key) in texts}
    others = {text: place for text, place in texts.items() if place not in places.values()}
    return by_place(given, {**others, **places}, names)


def _text(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return class_text(key) if isinstance(key, str | int | float) else str(key)
