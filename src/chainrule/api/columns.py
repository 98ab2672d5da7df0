"""What Run and Model say of the columns of a table: their contributions to one prediction, and their importances."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.api.tables import PredictsTables, as_source, blocks, is_table, selection_for, with_targets
from chainrule.data.read import read
from chainrule.data.table import Table
from chainrule.errors import DataError, SettingsError
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Unseen, Values

if TYPE_CHECKING:
    from chainrule.api.source_rows import SourceRows
    from chainrule.explain.columns.explanation import RowExplanation
    from chainrule.explain.columns.importances import Importances


class ExplainsTables(PredictsTables):
    """The part of a Run or Model that explains predictions by the columns of the table it was trained on."""

    def explain_row(self, X: Any, row: int = 0) -> RowExplanation:
        """Find what each column of a row adds to its prediction.

        Parameters
        ----------
        X : DataFrame, Arrow table, mapping of columns, or path
            Rows in raw columns, as for `predict`; the target is not needed.
        row : int, default 0
            Which of them, 0 … n − 1. Of a file no more is read than up to this row.

        Returns
        -------
        RowExplanation
            For each target the prediction and the contributions of the columns, in its unit or in log-odds, relative to
            the average of the training rows.

        Raises
        ------
        SettingsError
            If the row is not in X, or the training was on arrays, whose columns have no names.
        DataError
            As for `predict`.

        Examples
        --------
        >>> import chainrule as cr
        >>> table = {"size": [1, 2, 3, 4] * 9, "kind": ["small", "small", "large", "large"] * 9}
        >>> run = cr.train(table, target="kind")
        >>> print(run.explain_row({"size": [4]}))  # doctest: +ELLIPSIS
        Prediction: kind = large (probability ...)
        ...
        """
        from chainrule.explain.columns.contributions import contributions
        from chainrule.explain.columns.explanation import RowExplanation

        pipeline = self._pipeline_for("explain_row")
        if isinstance(row, bool) or not isinstance(row, Integral):
            raise SettingsError(f"row={row!r}: must be one whole number from 0 (got a {type(row).__name__}). Try 0.")
        chosen = row_of(_as_rows(X), pipeline, int(row), needs_target=False)
        return RowExplanation(int(row), contributions(self.predictor, self._networks, pipeline, chosen))

    def importances(self, X: Any = None, y: Any = None) -> Importances:
        """Measure what each column is worth, by shuffling its cells among the rows.

        Parameters
        ----------
        X : DataFrame, Arrow table, mapping of columns, or path, optional
            Rows with their targets; of more than 2,000 a sample is used. If None, a run reads its source again:
            the rows that training held out; without these the test rows of a built-in set, else the training rows.
        y : array, series or mapping of columns, optional
            The true targets; if None, they are columns of X.

        Returns
        -------
        Importances
            The columns, the most important first, each with the rise of the log-loss or rmse and its 95 % interval.

        Raises
        ------
        SettingsError
            If the training was on arrays, or X is None and there is no source to read again.
        DataError
            If no row has a target, or as for `evaluate`.
        ShapeError
            If X and y differ in rows.

        Examples
        --------
        >>> import chainrule as cr
        >>> table = {"size": [1, 2, 3, 4] * 9, "one": [1, 2, 2] * 12, "kind": ["small", "small", "large", "large"] * 9}
        >>> run = cr.train(table, target="kind")
        >>> size, one = run.importances(table)
        >>> size.low > 0
        True
        """
        from chainrule.explain.columns.importances import Importances
        from chainrule.planning.importances import measured_importances

        pipeline = self._pipeline_for("importances")
        if X is None:
            if y is not None:
                raise SettingsError("X=None: must hold the rows of y (got y alone). Give X.")
            own = self._source_rows(pipeline)
            table, rows = own.table, own.part
        else:
            table, rows = _judged(_as_rows(X), pipeline, y), "data"
        return Importances(**vars(measured_importances(self.predictor, pipeline, table, rows, seed=self._seed)))

    @property
    def _seed(self) -> int:
        """Of the order in which cells are shuffled."""
        return self.network.seed

    def _source_rows(self, pipeline: TablePipeline) -> SourceRows:
        """The rows of the training, if their source is known."""
        raise SettingsError("X=None: must be rows with their targets (a model file does not name any). Give X.")

    def _pipeline_for(self, what: str) -> TablePipeline:
        if self.pipeline is None:
            raise SettingsError(
                f"pipeline=None: must be fitted for {what} (got a training on arrays). Train on a table, "
                'train(table, target="…"), whose columns have names.'
            )
        return self._fitted


def row_of(source: Any, pipeline: TablePipeline, row: int, *, needs_target: bool, option: str = "row=") -> Table:
    """One row of a table; of a file larger than memory nothing behind it is read."""
    first = 0
    for table in blocks(source, pipeline, needs_target=needs_target):
        if 0 <= row - first < len(table):
            return table.take(np.array([row - first]))
        first += len(table)
    raise SettingsError(f"{option}{row}: must be 0 to {first - 1}, a row of {_named(source)}.")


def _named(source: Any) -> str:
    return str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else "X"


def _as_rows(X: Any) -> Any:
    if not is_table(X):
        kind = type(X).__name__
        raise DataError(f"X is a {kind}: must be a path, a DataFrame, an Arrow table or a mapping of columns.")
    return as_source(X)


def _judged(source: Any, pipeline: TablePipeline, y: Any) -> Table:
    """The rows that have a target which training knows; of others a warning tells."""
    table = read(source, selection_for(source, pipeline, needs_target=y is None), "test")
    if y is not None:
        (table,) = with_targets([table], pipeline, y)
    is_known = ~np.logical_and.reduce([target.missing for target in table.targets])
    if not isinstance(pipeline.target, Values):
        unseen = Unseen()
        is_known &= ~pipeline.target.missing(pipeline.target.encode(table, unseen))
        unseen.warn()
    kept = np.flatnonzero(is_known)
    if not len(kept):
        raise DataError(
            "holds no row with a target: must hold some, as importances compare predictions with them.",
            path=_named(source),
        )
    return table.take(kept)
