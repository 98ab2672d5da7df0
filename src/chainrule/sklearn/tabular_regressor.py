"""TabularRegressor: numbers of tables as they are, with texts, times and missing values."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_y, check_is_fitted, column_or_1d

from chainrule.data.arrays import refuse_masked
from chainrule.data.table import Column
from chainrule.planning.request import TARGET_SCALES
from chainrule.planning.task import PredictionTask
from chainrule.sklearn.estimator import adopt
from chainrule.sklearn.frames import as_array, check_lengths
from chainrule.sklearn.held_out import check_pair
from chainrule.sklearn.intervals import PredictsIntervals
from chainrule.sklearn.table_estimator import TARGET, BaseTabular

Array = npt.NDArray[Any]


class TabularRegressor(RegressorMixin, BaseTabular, PredictsIntervals):
    """A regressor of tables: numbers, texts, truth values, times, with missing values.

    Parameters
    ----------
    preset : str, default "auto"
        What is taken where nothing is stated: "auto", "fast", "plain", "strong" (an ensemble), "tabm-mini", "realmlp".
    hidden_layer_sizes : sequence of int, default None
        Units of each hidden layer, in place of the preset's.
    max_iter : int, default None
        Epochs, in place of the preset's.
    learning_rate_init : float, default None
        The learning rate, in place of the preset's.
    early_stopping : int, default None
        Epochs without a better metric before training ends, in place of the preset's.
    validation_fraction : float, default 0.2
        The share of the rows held out from 500 rows on, in (0, 1).
    metric : str, default "auto"
        What the best epoch is chosen by; "auto" for the preset's, the loss.
    kinds : dict, default None
        What columns hold, by name, such as {"zip": "category", "size": "S<M<L"}; of an array x0, x1, ….
    decimal, thousands : str, default None
        The marks of numbers that are text in a frame, such as "," and "."; None for what the columns show.
    target_scale : str, default "linear"
        "log" learns the logarithm of y ≥ 0, "auto" whichever held-out rows say.
    schedules : dict, default None
        Schedules of settings besides the learning rate, such as {"dropout": "flat_cosine"}.
    learning_rate_factors : dict, default None
        Factors on the learning rate of tensors, such as {"b": 0.1}.
    neighbours : bool, default True
        Whether inputs may tell what the nearest training rows say; `fit` then stores training rows.
    loss : str, default "auto"
        The loss, such as "huber" of numbers or "focal:2" of classes; "auto" for squared error or cross-entropy.
    intervals : sequence of float, default None
        Levels for `predict_intervals`, such as (0.1, 0.9).
    screening : bool, default True
        Whether columns that tell nothing of y may be left out of 50 or more.
    importances : bool, default False
        Whether `feature_importances_` is computed, by permutation.
    random_state : int, RandomState or None, default None
        The seed of everything random.
    time_limit : float, default None
        Seconds after which training stops.
    threads : int, default None
        Threads of the engine; None takes the free cores.
    verbose : bool or int, default False
        Whether to show the progress.

    Attributes
    ----------
    network_ : Network
        The trained network; of an ensemble the first.
    ensemble_ : Ensemble or None
        With preset "strong" the networks whose mean predicts.
    feature_importances_ : ndarray of shape (n_features,)
        The loss of score when a column is shuffled; where importances=True.
    run_ : Run
        The training with every step replayable; not kept in pickles.

    Examples
    --------
    >>> import pandas as pd
    >>> from chainrule.sklearn import TabularRegressor
    >>> X = pd.DataFrame({"colour": ["red", "blue", None] * 20, "size": range(60)})
    >>> y = [float(size) for size in range(60)]
    >>> TabularRegressor(random_state=0).fit(X, y).predict(X[:3]).shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabular._parameter_constraints,
        "loss": [str],
        "intervals": [None, "array-like", str],
        "target_scale": [StrOptions(set(TARGET_SCALES))],
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
        kinds: Any = None,
        decimal: str | None = None,
        thousands: str | None = None,
        target_scale: str = "linear",
        schedules: Any = None,
        learning_rate_factors: Any = None,
        neighbours: bool = True,
        loss: str = "auto",
        intervals: Any = None,
        screening: bool = True,
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
        """Fit pipeline and network to the columns of X.

        Parameters
        ----------
        X : DataFrame, Arrow table or array of shape (n, n_features)
            Rows in columns: numbers, texts, truth values, times.
        y : array of shape (n,)
            The values.
        sample_weight : array of shape (n,), optional
            Weights of the rows, ≥ 0.
        X_val, y_val : arrays, optional
            Rows to judge every epoch by, in place of a part of X.
        sample_weight_val : array, optional
            Their weights.

        Returns
        -------
        TabularRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If y is missing or does not fit X, or a parameter is out of range.
        """
        self._validate_params()
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None. Pass numbers.")
        refuse_masked(y=y)
        y = _check_y(column_or_1d(as_array(y), warn=True), y_numeric=True)
        assert_all_finite(y, input_name="y")  # None among numbers becomes NaN only when y is made numeric
        check_lengths(X, y)
        check_pair(X_val, y_val, sample_weight_val)
        refuse_masked(y_val=y_val)
        validation = None if X_val is None else (X_val, np.asarray(y_val, dtype=np.float64), sample_weight_val)
        return self._fit(X, y, sample_weight, validation)

    def predict(self, X: Any) -> Array:
        """Predict values.

        Parameters
        ----------
        X : DataFrame, Arrow table or array
            Rows in columns as in fit.

        Returns
        -------
        ndarray of shape (n,)
            The values.

        Raises
        ------
        ValueError
            If X does not have the columns of the fit.
        """
        check_is_fitted(self)
        return np.asarray(self._pipeline.target.decode(self._predictor.predict(self._inputs(X))))

    def _target_column(self, y: Array) -> Column:
        return Column(TARGET, "number", np.asarray(y, dtype=np.float64))

    @property
    def _task(self) -> PredictionTask:
        return PredictionTask("values", "asked for")

    def _rating(self, inputs: Array, encoded: Array, weight: Array | None) -> float:
        from sklearn.metrics import r2_score

        return float(r2_score(encoded, self._predictor.predict(inputs), sample_weight=weight))
