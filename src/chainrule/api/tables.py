"""Rows in raw columns: what a trained network with its pipeline predicts of them, and how well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.data import builtin
from chainrule.data.read import batches, read
from chainrule.data.table import Column, Selection, Table
from chainrule.engine.protocol import dense_targets
from chainrule.errors import DataError, SettingsError, ShapeError
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.planning.evaluation import Scores, scores, scores_of_arrays

Array = npt.NDArray[Any]
BLOCK_ROWS = 65_536


def is_table(X: Any) -> bool:
    """Whether X has named columns or is the name of something that has: a DataFrame, an Arrow table, a mapping, a
    path."""
    has_names = any(hasattr(X, name) for name in ("columns", "column_names", "schema"))
    is_frame = has_names and (hasattr(X, "__arrow_c_stream__") or hasattr(X, "iloc"))
    return is_frame or isinstance(X, (str, Path, Mapping))


def as_source(table: Any) -> Any:
    """What data.read takes: a mapping of columns becomes an Arrow table, anything else stays."""
    if not isinstance(table, Mapping):
        return table
    import pyarrow

    try:
        return pyarrow.table({str(name): pyarrow.array(values, from_pandas=True) for name, values in table.items()})
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        message = f"the columns of a mapping must be of one length and type each ({str(error).splitlines()[0]})."
        raise DataError(message) from None


def selection_for(
    source: Any, pipeline: TablePipeline, *, needs_target: bool, dialect: Mapping[str, str] | None = None
) -> Selection:
    """The columns a pipeline knows, by name."""
    wanted = pipeline.selection(needs_target=needs_target, **(dialect or {}))
    return replace(wanted, targets=None) if isinstance(source, str) and source in builtin.TARGETS else wanted


def blocks(
    source: Any, pipeline: TablePipeline, *, needs_target: bool, dialect: Mapping[str, str] | None = None
) -> Iterator[Table]:
    """The rows of a table, or of the test part of a built-in set, some at a time: memory does not grow with them."""
    source = as_source(source)
    wanted = selection_for(source, pipeline, needs_target=needs_target, dialect=dialect)
    return batches(source, wanted, BLOCK_ROWS, "test")


class PredictsTables:
    """What Run and Model share: predictions of raw columns where a pipeline was fitted, else of network inputs."""

    network: Network
    pipeline: dict[str, Any] | None
    _pipeline_arrays: dict[str, Array]

    @property
    def classes(self) -> tuple[Any, ...] | None:
        """The classes in the order of predict_proba; None without a pipeline, and for regression."""
        return None if self.pipeline is None else self._fitted.classes

    def predict(self, X: Any) -> Array:
        """Predictions in the words and units of the training table.

        Parameters
        ----------
        X : DataFrame, Arrow table, mapping of columns, path, or array
            Raw columns, found by name in any order; others are ignored, the target is not needed. An array of
            numbers (n, n_inputs) is taken for network inputs, as `encode` makes them.

        Returns
        -------
        array (n,) or (n, k)
            Of raw columns: classes, labels or values as in the training table. Of network inputs: class
            indices, labels 0 and 1, or the values of the output units.

        Raises
        ------
        DataError
            A column is missing, or holds something else than in training.

        Examples
        --------
        >>> import chainrule as cr
        >>> table = {"size": [1, 2, 3, 4] * 9, "kind": ["small", "small", "large", "large"] * 9}
        >>> run = cr.train(table, target="kind")
        >>> run.predict({"size": [4, 1]}).tolist()
        ['large', 'small']
        """
        if not self._takes(X):
            return self.network.predict(X)
        decode = self._fitted.target.decode
        return np.concatenate([decode(self.network.predict(inputs)) for _, inputs in self._blocks(X)])

    def predict_proba(self, X: Any) -> Array:
        """Predict probabilities.

        Parameters
        ----------
        X : DataFrame, Arrow table, mapping of columns, path, or array
            Rows, as for `predict`.

        Returns
        -------
        ndarray of shape (n, n_classes) or (n, k)
            In the order of `classes`; of several labels the probability of each.

        Raises
        ------
        SettingsError
            If the network predicts values.
        DataError
            As for `predict`.
        """
        if not self._takes(X):
            return self.network.predict_proba(X)
        return np.concatenate([self.network.predict_proba(inputs) for _, inputs in self._blocks(X)])

    def encode(self, X: Any) -> Array:
        """Encode raw columns as the network's inputs, as for rows that training never saw.

        Parameters
        ----------
        X : DataFrame, Arrow table, mapping of columns, or path
            Rows in raw columns.

        Returns
        -------
        ndarray of shape (n, n_inputs)
            The inputs.

        Raises
        ------
        SettingsError
            If the network was trained on arrays: it has no pipeline, and its inputs are the X given to `train`.
        """
        if self.pipeline is None:
            raise SettingsError(
                "pipeline=None: must be fitted to encode columns (got a training on arrays). Its inputs are the X "
                "given to train."
            )
        return np.concatenate([inputs for _, inputs in self._blocks(X)])

    def evaluate(self, X: Any, y: Any = None) -> Scores:
        """Compute measures over exactly these rows; those without a target are left out.

        Parameters
        ----------
        X : DataFrame, Arrow table, mapping of columns, path, or array
            Rows, as for `predict`.
        y : array, series or mapping of columns, optional
            The true targets; if None, they are columns of X.

        Returns
        -------
        dict
            The number of rows, n_rows, and accuracy, balanced_accuracy, f1_macro, log_loss, auc, … of classes or
            labels; rmse, mae, r2 of values.

        Raises
        ------
        SettingsError
            If y is missing for a network that was trained on arrays.
        DataError
            If a column or target is missing, or holds a class that training had not.
        ShapeError
            If X and y differ in rows.
        """
        if not self._takes(X):
            if y is None:
                raise SettingsError("y=None: must hold the targets of the rows (got an array X without them). Give y.")
            return self._scores_of_arrays(X, y)
        if y is None:
            return scores(self.network, self._fitted, blocks(X, self._fitted, needs_target=True))
        found = [table for table, _ in self._blocks(X, encodes=False)]
        return scores(self.network, self._fitted, _with_targets(found, self._fitted, y))

    def _scores_of_arrays(self, X: Any, y: Any) -> Scores:
        network = self.network
        encoded = network.encode(y, len(X))[0]
        wide = dense_targets(encoded, network.architecture) if network.kind == "values" else encoded
        return scores_of_arrays(network, X, wide, network.kind)

    @property
    def _fitted(self) -> TablePipeline:
        kept = self.__dict__.get("_pipeline")
        if kept is None:
            kept = self.__dict__["_pipeline"] = TablePipeline.from_dict(self.pipeline or {}, self._pipeline_arrays)
        fitted: TablePipeline = kept
        return fitted

    def _takes(self, X: Any) -> bool:
        """Whether X are raw columns for the pipeline."""
        return self.pipeline is not None and is_table(X)

    def _blocks(self, X: Any, *, encodes: bool = True) -> Iterator[tuple[Table, Array]]:
        """The rows, some at a time, and their inputs."""
        if not is_table(X):
            kind = type(X).__name__
            raise DataError(f"X is a {kind}: must be a path, a DataFrame, an Arrow table or a mapping of columns.")
        dtype = self.network.architecture.dtype
        for table in blocks(X, self._fitted, needs_target=False):
            yield table, self._fitted.features(table, dtype) if encodes else np.zeros((0, 0))


def _with_targets(tables: list[Table], pipeline: TablePipeline, y: Any) -> Iterator[Table]:
    """The tables with targets that are given beside them, read as those of the training."""
    columns = _target_columns(pipeline, y)
    n_rows, n_targets = sum(map(len, tables)), len(columns[0])
    if n_rows != n_targets:
        raise ShapeError(f"y has {n_targets} rows; expected {n_rows}, as many as X.")
    first = 0
    for table in tables:
        here = slice(first, first + len(table))
        yield replace(table, targets=tuple(column.take(here) for column in columns))
        first += len(table)


def _target_columns(pipeline: TablePipeline, y: Any) -> tuple[Column, ...]:
    names = pipeline.target.columns
    if not is_table(y):
        plain = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
        wide = plain.reshape(len(plain), -1)
        if wide.shape[1] != len(names):
            raise ShapeError(f"y has shape {plain.shape}; expected {len(names)} targets per row: {', '.join(names)}.")
        y = {name: wide[:, k] for k, name in enumerate(names)}
    kinds = {name: pipeline.readings[name] for name in names}
    wanted = Selection(
        targets=(), needs_target=False, features=names, kinds=kinds, missing=pipeline.missing, kept=pipeline.kept
    )
    return read(as_source(y), wanted).columns
