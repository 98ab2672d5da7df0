"""What an estimator of tables is handed: frames and arrays, in fit and afterwards, with the columns of fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule.api.ensemble import Ensemble
from chainrule.api.network import Network
from chainrule.api.tempered import tempered
from chainrule.data.arrays import unmasked
from chainrule.data.table import Table
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.sklearn.frames import FrameShape, is_frame, named, table_of_array, table_of_frame

Array = npt.NDArray[Any]


class ReadsTables(BaseEstimator):
    """Remembers the columns of fit and finds them again by name, in any order."""

    _pipeline: TablePipeline
    network_: Network
    ensemble_: Ensemble | None = None

    @property
    def _predictor(self) -> Network | Ensemble:
        """What predicts: the ensemble, where there is one, else the network, at the temperature of its classes."""
        return self.ensemble_ or tempered(self.network_, self._pipeline.target)

    def _table(self, X: Any) -> Table:
        """X as it is given to fit; what is remembered of its columns is kept."""
        if is_frame(X):
            validate_data(self, X if hasattr(X, "iloc") else FrameShape(X), skip_check_array=True)
            self._names = named(X)
            self._frame = True
            if not hasattr(X, "iloc"):
                self.feature_names_in_ = np.asarray(self._names, dtype=object)
            decimal, thousands = self._marks
            table = table_of_frame(X, stated=getattr(self, "kinds", None), decimal=decimal, thousands=thousands)
        else:
            X = self._checked(X, reset=True)
            self._names = tuple(f"x{j}" for j in range(X.shape[1]))
            self._frame = False
            table = table_of_array(X, getattr(self, "kinds", None))
        self._readings = {column.name: column.reading for column in table.columns}
        return table

    @property
    def _marks(self) -> tuple[str | None, str | None]:
        """What is stated of the marks of numbers."""
        return getattr(self, "decimal", None), getattr(self, "thousands", None)

    def _checked(self, X: Any, *, reset: bool) -> Array:
        X = validate_data(self, unmasked(X), dtype=None, ensure_all_finite="allow-nan", reset=reset)
        if X.dtype.kind == "c":
            raise ValueError("Complex data not supported: X holds complex numbers, must hold real numbers.")
        return X

    def _read(self, X: Any) -> Table:
        """Rows to predict, their columns read as those of the fit."""
        check_is_fitted(self)
        if is_frame(X):
            if self._frame:
                kinds = self._readings
                missing = [name for name in kinds if name not in named(X)]
                if not missing:
                    decimal, thousands = self._marks
                    return table_of_frame(X, kinds, decimal=decimal, thousands=thousands)
                raise ValueError(f"X has no column {missing[0]!r}: must have the columns of fit, {', '.join(kinds)}.")
            X = np.asarray(X)
        X = self._checked(X, reset=False)
        table = table_of_array(X, None if self._frame else getattr(self, "kinds", None))
        if not self._frame:
            return table
        return replace(
            table, columns=tuple(replace(c, name=n) for c, n in zip(table.columns, self._names, strict=True))
        )

    def _inputs(self, X: Any) -> Array:
        return self._pipeline.features(self._read(X), self.network_.architecture.dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
