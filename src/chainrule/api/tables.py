"""Rows in raw columns: what a trained network with its pipeline predicts of them, and how well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.ensemble import Ensemble
from chainrule.api.network import Network
from chainrule.api.tempered import tempered
from chainrule.data import arrays, builtin
from chainrule.data.presence import has_column
from chainrule.data.read import batches, read
from chainrule.data.table import Column, Selection, Table
from chainrule.engine.protocol import dense_targets
from chainrule.errors import DataError, MeasureWarning, SettingsError, ShapeError, warn
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.planning.evaluation import scores, scores_of_arrays
from chainrule.planning.intervals import beside
from chainrule.planning.measures import Scores
from chainrule.planning.parts import check_weights
from chainrule.planning.request import AUTO

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
    source: Any,
    pipeline: TablePipeline,
    *,
    needs_target: bool,
    dialect: Mapping[str, str] | None = None,
    weight: str | None = None,
) -> Selection:
    """The columns a pipeline knows, by name, and the weights of rows."""
    wanted = pipeline.selection(needs_target=needs_target, weight=weight, **(dialect or {}))
    return replace(wanted, targets=None) if isinstance(source, str) and source in builtin.TARGETS else wanted


def blocks(
    source: Any,
    pipeline: TablePipeline,
    *,
    needs_target: bool,
    dialect: Mapping[str, str] | None = None,
    weight: str | None = None,
) -> Iterator[Table]:
    """The rows of a table, or of the test part of a built-in set, some at a time: memory does not grow with them."""
    source = as_source(source)
    wanted = selection_for(source, pipeline, needs_target=needs_target, dialect=dialect, weight=weight)
    for table in batches(source, wanted, BLOCK_ROWS, "test"):
        check_weights(table, weight, may_be_zero=True)
        yield table


def weight_column(source: Any, pipeline: TablePipeline, given: str | None = AUTO) -> str | None:
    """The column of weights to measure rows by: the one that is named; for "auto" that of training, where it is there.

    A table without the weights of training is measured without, which a warning tells.
    """
    if given != AUTO or pipeline.weight is None:
        return None if given == AUTO else given
    if has_column(as_source(source), pipeline.weight, n_unnamed=pipeline.n_unnamed):
        return pipeline.weight
    warn(
        f"the rows have no column {pipeline.weight!r} of weights, as training had; each of them counts 1.",
        MeasureWarning,
    )
    return None


class PredictsTables:
    """What Run and Model share: predictions of raw columns where a pipeline was fitted, else of network inputs."""

    network: Network
    ensemble: Ensemble | None = None
    """The networks whose mean predicts, where there are several."""
    pipeline: dict[str, Any] | None
    _pipeline_arrays: dict[str, Array]

    @property
    def predictor(self) -> Network | Ensemble:
        """What predicts: the ensemble, where there is one, else the network, at the temperature of its classes."""
        if self.ensemble is not None or self.pipeline is None:
            return self.ensemble or self.network
        if "_tempered" not in self.__dict__:
            self.__dict__["_tempered"] = tempered(self.network, self.pipeline.get("target"))
        found: Network = self.__dict__["_tempered"]
        return found

    @property
    def _networks(self) -> tuple[Network, ...]:
        """Those whose mean predicts."""
        return (self.predictor,) if isinstance(self.predictor, Network) else self.predictor.networks

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
            return self.predictor.predict(X)
        decode = self._fitted.target.decode
        return np.concatenate([decode(self.predictor.predict(inputs)) for _, inputs in self._blocks(X)])

    def predict_intervals(self, X: Any) -> dict[str, Array]:
        """Predict what stands beside the prediction of numbers: levels, and the standard deviation.

        Parameters
        ----------
        X : DataFrame, Arrow table, mapping of columns, or path
            Rows in raw columns, as for `predict`.

        Returns
        -------
        dict of str to ndarray of shape (n,)
            The columns of a training with `intervals=(0.1, 0.9)`: lower_0.1 ≤ prediction ≤ upper_0.9; with
            `loss="gaussian"` also standard_deviation. Of several targets each name ends with that of its target.

        Raises
        ------
        SettingsError
            If the network was trained on arrays, or predicts nothing beside the point forecast.
        DataError
            As for `predict`.

        Examples
        --------
        >>> import chainrule as cr
        >>> table = {"size": [1, 2, 3, 4] * 9, "price": [2.5 * size + size % 3 for size in range(36)]}
        >>> run = cr.train(table, target="price", intervals=(0.1, 0.9), epochs=2, progress=False)
        >>> sorted(run.predict_intervals({"size": [4, 1]}))
        ['lower_0.1', 'upper_0.9']
        """
        if self.pipeline is None or not self._takes(X):
            raise SettingsError("X is an array: must be a table. Try run.network.predict_quantiles(X).")
        parts = [beside(self.predictor, self._fitted, inputs) for _, inputs in self._blocks(X)]
        if not parts[0]:
            raise SettingsError(
                f"loss={self.network.architecture.loss!r}: predicts no intervals. Train with intervals=(0.1, 0.9)."
            )
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

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
            return self.predictor.predict_proba(X)
        return np.concatenate([self.predictor.predict_proba(inputs) for _, inputs in self._blocks(X)])

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

    def evaluate(self, X: Any, y: Any = None, *, weight: Any = AUTO) -> Scores:
        """Compute measures over exactly these rows; those without a target are left out.

        Rows of a class that training had not are left out too, with a warning, and counted in n_unseen.

        Parameters
        ----------
        X : DataFrame, Arrow table, mapping of columns, path, or array
            Rows, as for `predict`.
        y : array, series or mapping of columns, optional
            The true targets; if None, they are columns of X.
        weight : str, array of shape (n,) or None, default "auto"
            The weights of the rows, ≥ 0: a column of X, or one number a row. "auto" takes the column that weighted the
            rows of the training, where X has it; None counts each row once.

        Returns
        -------
        dict
            The number of rows, n_rows, and accuracy, balanced_accuracy, f1_macro, log_loss, auc, … of classes or
            labels, of two classes f1[CLASS] of the positive one; rmse, mae, r2 of values, with intervals also the share
            of rows within them, coverage_0.1_0.9, and below each level, below_0.1.

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
            if isinstance(weight, str) and weight != AUTO:
                raise SettingsError(f"weight={weight!r}: must be one number a row, or None, where X is an array.")
            return self._scores_of_arrays(X, y, None if isinstance(weight, str) else weight)
        pipeline, is_column = self._fitted, weight is None or isinstance(weight, str)
        column = weight_column(X, pipeline, weight) if is_column else None
        tables: Iterator[Table] = blocks(X, pipeline, needs_target=y is None, weight=column)
        if y is not None:
            tables = with_targets(list(tables), pipeline, y)
        return scores(self.predictor, pipeline, tables if is_column else _with_weights(list(tables), weight))

    def _scores_of_arrays(self, X: Any, y: Any, weight: Any) -> Scores:
        network = self.network
        encoded = network.encode(y, len(X))[0]
        wide = dense_targets(encoded, network.architecture) if network.kind == "values" else encoded
        given = arrays.weights(weight, len(X), "float64", "weight")
        return scores_of_arrays(self.predictor, X, wide, network.kind, given)

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


def with_targets(tables: list[Table], pipeline: TablePipeline, y: Any) -> Iterator[Table]:
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


def _with_weights(tables: list[Table], weight: Any) -> Iterator[Table]:
    """The tables with one weight for each of their rows."""
    given, first = arrays.weights(weight, sum(map(len, tables)), "float64", "weight"), 0
    assert given is not None
    for table in tables:
        yield replace(table, weight=given[first : first + len(table)].astype(np.float64))
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
        targets=(),
        needs_target=False,
        features=names,
        kinds=kinds,
        missing=pipeline.missing,
        kept=pipeline.kept,
        units=False,
    )
    return read(as_source(y), wanted).columns
