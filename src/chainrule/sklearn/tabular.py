"""TabularClassifier and TabularRegressor: tables as they are, with texts, times and missing values."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, _check_y, check_is_fitted, column_or_1d

from chainrule.data.arrays import refuse_masked
from chainrule.data.table import Column
from chainrule.planning.task import Task
from chainrule.sklearn.estimator import adopt
from chainrule.sklearn.frames import as_array, check_lengths
from chainrule.sklearn.held_out import check_pair
from chainrule.sklearn.table_estimator import BaseTabular

Array = npt.NDArray[Any]
TARGET = "y"


class TabularClassifier(ClassifierMixin, BaseTabular):
    """A classifier of tables: numbers, texts, truth values, times, with missing values.

    Args      preset: auto, plain or strong, as on the command line; hidden_layer_sizes, max_iter,
              learning_rate_init: in place of the preset's; early_stopping: epochs without a better metric;
              validation_fraction: share held out from 500 rows on; metric: what the best epoch is chosen by, auto
              for the preset's (the log-loss);
              class_weight: "balanced" or {class: weight}; importances: whether feature_importances_ is computed,
              by permutation
    Example   >>> import pandas as pd
              >>> X = pd.DataFrame({"colour": ["red", "blue", None] * 20, "size": range(60)})
              >>> y = ["a", "b", "b"] * 20
              >>> TabularClassifier(random_state=0).fit(X, y).predict(X[:3]).tolist()
              ['a', 'b', 'b']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabular._parameter_constraints,
        "class_weight": [None, StrOptions({"balanced"}), dict, list],
    }

    def __init__(
        self,
        preset: str = "auto",
        *,
        hidden_layer_sizes: Any = None,
        max_iter: int | None = None,
        learning_rate_init: float | None = None,
        early_stopping: int | None = None,
        validation_fraction: float = 0.2,
        metric: str = "auto",
        class_weight: Any = None,
        importances: bool = False,
        random_state: Any = None,
        time_limit: float | None = None,
        threads: int | None = None,
        verbose: Any = False,
    ) -> None:
        adopt(self, locals())

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> TabularClassifier:  # fmt: skip
        """Fitted to the columns of X and the classes y (n,)."""
        self._validate_params()
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None; expected classes.")
        refuse_masked(y=y)
        y = column_or_1d(as_array(y), warn=True)
        if y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        check_lengths(X, y)
        known = y if sample_weight is None else y[_positive(sample_weight, len(y))]
        self.classes_ = np.unique(known)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only ({self.classes_}); expected at least two classes.")
        check_pair(X_val, y_val, sample_weight_val)
        refuse_masked(y_val=y_val)
        validation = None if X_val is None else (X_val, column_or_1d(as_array(y_val)), sample_weight_val)
        return self._fit(X, y, sample_weight, validation)

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (n, n_classes), in the order of classes_."""
        check_is_fitted(self)
        return self.network_.predict_proba(self._inputs(X)).astype(np.float64)

    def predict(self, X: Any) -> Array:
        """Classes (n,)."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def _target_column(self, y: Array) -> Column:
        place = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        place = np.where(self.classes_[place] == y, place, -1).astype(np.int32)
        return Column(TARGET, "category", place, self._levels)

    @property
    def _levels(self) -> tuple[str, ...]:
        return tuple(f"{k}" for k in range(len(self.classes_)))

    @property
    def _task(self) -> Task:
        return Task("classes", "asked for", (self._levels,))

    def _rating(self, inputs: Array, encoded: Array, weight: Array | None) -> float:
        return float(np.average(self.network_.predict(inputs) == encoded, weights=weight))


class TabularRegressor(RegressorMixin, BaseTabular):
    """A regressor of tables: numbers, texts, truth values, times, with missing values.

    Args      as in TabularClassifier
    """

    def __init__(
        self,
        preset: str = "auto",
        *,
        hidden_layer_sizes: Any = None,
        max_iter: int | None = None,
        learning_rate_init: float | None = None,
        early_stopping: int | None = None,
        validation_fraction: float = 0.2,
        metric: str = "auto",
        importances: bool = False,
        random_state: Any = None,
        time_limit: float | None = None,
        threads: int | None = None,
        verbose: Any = False,
    ) -> None:
        adopt(self, locals())

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> TabularRegressor:  # fmt: skip
        """Fitted to the columns of X and the values y (n,)."""
        self._validate_params()
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None; expected values.")
        refuse_masked(y=y)
        y = _check_y(column_or_1d(as_array(y), warn=True), y_numeric=True)
        assert_all_finite(y, input_name="y")  # None among numbers becomes NaN only when y is made numeric
        check_lengths(X, y)
        check_pair(X_val, y_val, sample_weight_val)
        refuse_masked(y_val=y_val)
        validation = None if X_val is None else (X_val, np.asarray(y_val, dtype=np.float64), sample_weight_val)
        return self._fit(X, y, sample_weight, validation)

    def predict(self, X: Any) -> Array:
        """Values (n,)."""
        check_is_fitted(self)
        return np.asarray(self._pipeline.target.decode(self.network_.predict(self._inputs(X))))

    def _target_column(self, y: Array) -> Column:
        return Column(TARGET, "number", np.asarray(y, dtype=np.float64))

    @property
    def _task(self) -> Task:
        return Task("values", "asked for")

    def _rating(self, inputs: Array, encoded: Array, weight: Array | None) -> float:
        from sklearn.metrics import r2_score

        return float(r2_score(encoded, self.network_.predict(inputs), sample_weight=weight))


def _positive(sample_weight: Any, n: int) -> Array:
    return _check_sample_weight(sample_weight, np.empty((n, 0))) > 0
