"""What is predicted of the rows of a table, as named columns: the file of `predict` and the answers of a server."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels, class_text
from chainrule.planning.evaluation import Predictor
from chainrule.planning.intervals import beside

Array = npt.NDArray[Any]


def names_of_columns(predictor: Predictor, pipeline: TablePipeline) -> list[str]:
    """prediction, probability_CLASS … or lower_0.1 …; of several targets prediction_TARGET, probability_TARGET."""
    target = pipeline.target
    if isinstance(target, Classes):
        return ["prediction", *(f"probability_{class_text(name)}" for name in target.classes)]
    if isinstance(target, Labels):
        return [*(f"prediction_{name}" for name in target.columns), *(f"probability_{name}" for name in target.columns)]
    first = ["prediction"] if len(target.columns) == 1 else [f"prediction_{name}" for name in target.columns]
    return [*first, *beside(predictor, pipeline, np.zeros((0, predictor.architecture.n_inputs)))]


def prediction_columns(predictor: Predictor, pipeline: TablePipeline, table: Table) -> dict[str, Array]:
    """The columns of names_of_columns: classes and labels as texts (objects), probabilities and values as numbers."""
    X = pipeline.features(table, predictor.architecture.dtype)
    target, decoded = pipeline.target, pipeline.target.decode(predictor.predict(X))
    if isinstance(target, Classes):
        columns = [_texts(decoded), *predictor.predict_proba(X).T]
    elif isinstance(target, Labels):
        columns = [*map(_texts, decoded.T), *predictor.predict_proba(X).T]
    else:
        columns = [*decoded.reshape(len(table), -1).T, *beside(predictor, pipeline, X).values()]
    return dict(zip(names_of_columns(predictor, pipeline), columns, strict=True))


def _texts(names: Array) -> Array:
    return np.array([class_text(name) for name in names.tolist()], dtype=object)


def as_texts(columns: dict[str, Array]) -> dict[str, list[str]]:
    """The same as texts: of a number the shortest that reads back to the same bits."""
    return {
        name: column.tolist() if column.dtype == object else column.astype(str).tolist()
        for name, column in columns.items()
    }
