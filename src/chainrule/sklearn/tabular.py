"""TabularClassifier: classes of tables as they are, with texts, times and missing values."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d

from chainrule.data.arrays import refuse_masked
from chainrule.data.table import Column
from chainrule.planning.task import PredictionTask
from chainrule.sklearn.estimator import adopt
from chainrule.sklearn.frames import as_array
from chainrule.sklearn.held_out import check_pair
from chainrule.sklearn.labels import column_of_classes, refuse_odd_labels
from chainrule.sklearn.table_estimator import TARGET, BaseTabular

Array = npt.NDArray[Any]


class TabularClassifier(ClassifierMixin, BaseTabular):
    """A classifier of tables: numbers, texts, truth values, times, with missing values.

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
        What the best epoch is chosen by; "auto" for the preset's, the log-loss.
    kinds : dict, default None
        What columns hold, by name, such as {"zip": "category", "size": "S<M<L"}; of an array x0, x1, ….
    decimal, thousands : str, default None
        The marks of numbers that are text in a frame, such as "," and "."; None for what the columns show.
    class_weight : dict, list or "balanced", default None
        The weight of each class: {label: weight}, or a list of weights in the order of `classes_`.
    loss : str, default "auto"
        The loss, such as "huber" of numbers or "focal:2" of classes; "auto" for squared error or cross-entropy.
    label_smoothing : float, default 0.0
        The share of each target that is spread over all classes, in [0, 1), with cross-entropy and focal loss.
    schedules : dict, default None
        Schedules of settings besides the learning rate, such as {"dropout": "flat_cosine"}.
    learning_rate_factors : dict, default None
        Factors on the learning rate of tensors, such as {"b": 0.1}.
    neighbours : bool, default True
        Whether inputs may tell what the nearest training rows say; `fit` then stores training rows.
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
    classes_ : ndarray of shape (n_classes,)
        The classes.
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
    >>> from chainrule.sklearn import TabularClassifier
    >>> X = pd.DataFrame({"colour": ["red", "blue", None] * 20, "size": range(60)})
    >>> y = ["a", "b", "b"] * 20
    >>> TabularClassifier(random_state=0).fit(X, y).predict(X[:3]).tolist()
    ['a', 'b', 'b']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabular._parameter_constraints,
        "class_weight": [None, StrOptions({"balanced"}), dict, list],
        "loss": [str],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
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
        class_weight: Any = None,
        loss: str = "auto",
        label_smoothing: float = 0.0,
        schedules: Any = None,
        learning_rate_factors: Any = None,
        neighbours: bool = True,
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
    ) -> TabularClassifier:  # fmt: skip
        """Fit pipeline and network to the columns of X.

        Parameters
        ----------
        X : DataFrame, Arrow table or array of shape (n, n_features)
            Rows in columns: numbers, texts, truth values, times.
        y : array of shape (n,)
            The classes.
        sample_weight : array of shape (n,), optional
            Weights of the rows, ≥ 0.
        X_val, y_val : arrays, optional
            Rows to judge every epoch by, in place of a part of X.
        sample_weight_val : array, optional
            Their weights.

        Returns
        -------
        TabularClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If y is missing, holds one class only or does not fit X, or a parameter is out of range.
        """
        self._validate_params()
        y = column_of_classes(X, y)
        known = y if sample_weight is None else y[_positive(sample_weight, len(y))]
        self.classes_ = np.unique(known)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only ({self.classes_}): must hold at least two.")
        check_pair(X_val, y_val, sample_weight_val)
        refuse_masked(y_val=y_val)
        refuse_odd_labels(y_val, "y_val")
        validation = None if X_val is None else (X_val, column_or_1d(as_array(y_val)), sample_weight_val)
        return self._fit(X, y, sample_weight, validation)

    def predict_proba(self, X: Any) -> Array:
        """Predict probabilities.

        Parameters
        ----------
        X : DataFrame, Arrow table or array
            Rows in columns as in fit.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`.

        Raises
        ------
        ValueError
            If X does not have the columns of the fit.
        """
        check_is_fitted(self)
        return self._predictor.predict_proba(self._inputs(X)).astype(np.float64)

    def predict(self, X: Any) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : DataFrame, Arrow table or array
            Rows in columns as in fit.

        Returns
        -------
        ndarray of shape (n,)
            The classes.

        Raises
        ------
        ValueError
            If X does not have the columns of the fit.
        """
        check_is_fitted(self)
        network = self.ensemble_ or self.network_  # no temperature changes the class
        return self.classes_[network.predict_proba(self._inputs(X)).argmax(axis=1)]

    def _target_column(self, y: Array) -> Column:
        place = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        place = np.where(self.classes_[place] == y, place, -1).astype(np.int32)
        return Column(TARGET, "category", place, self._levels)

    @property
    def _levels(self) -> tuple[str, ...]:
        return tuple(f"{k}" for k in range(len(self.classes_)))

    @property
    def _task(self) -> PredictionTask:
        return PredictionTask("classes", "asked for", (self._levels,))

    def _rating(self, inputs: Array, encoded: Array, weight: Array | None) -> float:
        return float(np.average(self._predictor.predict(inputs) == encoded, weights=weight))


def _positive(sample_weight: Any, n: int) -> Array:
    return _check_sample_weight(sample_weight, np.empty((n, 0))) > 0
