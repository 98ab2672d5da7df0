"""TabularClassifier and TabularRegressor: tables as they are, with texts, times and missing values.

Inside stand the pipeline and the presets of the command line; fewer than FEW_ROWS rows go their own way (few_rows.py).
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, _check_y, check_is_fitted, column_or_1d, validate_data

from chainrule.api.network import Network
from chainrule.api.rehearsal import N_SPLITS, Clock, climb, loss_after, rehearse
from chainrule.api.train import train
from chainrule.data.table import Column, Table
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Target, Values
from chainrule.sklearn.class_weight import weight_of_rows
from chainrule.sklearn.estimator import adopt
from chainrule.sklearn.few_rows import FEW_ROWS, N_FOLDS, Rows, cross_validated, few_rows, folds
from chainrule.sklearn.frames import (
    FrameShape,
    as_array,
    check_lengths,
    is_frame,
    named,
    table_of_array,
    table_of_frame,
)
from chainrule.sklearn.held_out import check_pair
from chainrule.sklearn.importances import importances
from chainrule.sklearn.keeping import threads_of
from chainrule.training.presets import PRESETS, Preset, preset
from chainrule.training.settings import optimizer_from

Array = npt.NDArray[Any]
TARGET = "y"


class BaseTabular(BaseEstimator):
    """A network on a table, with the pipeline and the presets of the command line."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "preset": [StrOptions(set(PRESETS))],
        "hidden_layer_sizes": [None, "array-like"],
        "max_iter": [None, Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [None, Interval(Real, 0, None, closed="neither")],
        "early_stopping": [None, Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "metric": [str],
        "importances": ["boolean"],
        "random_state": ["random_state"],
        "time_limit": [None, Interval(Real, 0, None, closed="neither")],
        "threads": [None, Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }

    def _fit(self, X: Any, y: Array, sample_weight: Any, validation: Any) -> Any:
        clock = Clock(self.time_limit)
        weight = (
            None
            if sample_weight is None
            else _check_sample_weight(sample_weight, np.empty((len(y), 0)), dtype=np.float64)
        )
        weight = weight_of_rows(getattr(self, "class_weight", None), y, weight)
        target = self._target_column(y)
        table = replace(self._table(X), targets=(target,), weight=weight)
        if weight is not None and not weight.all():
            table = table.take(np.flatnonzero(weight))
        if not len(table):
            raise ValueError("Found array with 0 sample(s) whose weight is > 0; expected at least one.")
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        chosen = self._preset(table)
        few = len(table) < FEW_ROWS
        if validation is None and not few:
            validation = self.validation_fraction
        self._pipeline = TablePipeline.fit(
            table, self._coding(table), scaling=chosen.scaling, n_bins=chosen.n_bins, seed=seed
        )
        dtype = "float64" if few else "float32"
        inputs = self._pipeline.training_features(table, dtype=dtype)
        chosen = chosen.for_inputs(inputs.shape[1])
        if isinstance(validation, tuple):
            validation = self._given(validation, dtype)
        rows = (inputs, self._pipeline.target.encode(table), table.weight)
        if validation is None:
            chosen = self._cross_validated(chosen, rows, table, seed, clock)
        else:
            chosen = self._rehearsed(chosen, rows, validation, seed, clock)
        network, how = self._training(inputs, chosen, validation, seed)
        how |= clock.share(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            self.run_ = train(network, *rows[:2], sample_weight=rows[2], seed=seed, progress=bool(self.verbose), **how)
        self.n_iter_ = len(self.run_.history["loss"])
        self.network_ = self.run_.network
        if self.importances:
            used = self._pipeline.columns
            self.feature_importances_ = importances(table, self._names, used, self._score_of, seed)
        return self

    def _cross_validated(self, chosen: Preset, rows: Rows, table: Table, seed: int, clock: Clock) -> Preset:
        """Of the presets for few rows the one with the lowest loss over folds."""
        candidates = self._ladder(chosen)
        if len(candidates) == 1:
            return chosen
        fold = folds(table, seed)

        def loss_of(rung: Preset) -> float:
            def loss_on(kept: Rows, held_out: tuple[Any, ...]) -> float:
                network, how = self._training(rows[0], rung, None, seed)
                X, y, weight = kept
                return loss_after(
                    network,
                    X,
                    y,
                    held_out,
                    sample_weight=weight,
                    seed=seed,
                    **how | clock.share(2 * N_FOLDS * len(candidates)),
                )

            return cross_validated(fold, rows, loss_on)

        return min(candidates, key=loss_of)

    def _ladder(self, chosen: Preset) -> tuple[Preset, ...]:
        """The preset behind its simpler ones, which are left out where the length or the network is stated."""
        simpler = chosen.simpler if self.max_iter is None else ()
        if self.hidden_layer_sizes is not None:
            simpler = tuple(replace(rung, hidden_sizes=chosen.hidden_sizes) for rung in simpler if rung.hidden_sizes)
        return (*simpler, chosen)

    def _rehearsed(self, chosen: Preset, rows: Rows, validation: Any, seed: int, clock: Clock) -> Preset:
        """The preset, or one of its simpler ones where the rows ask for no more; see the rehearsals."""
        ladder = self._ladder(chosen)
        X, y, weight = rows

        def loss_of(rung: int) -> float:
            network, how = self._training(X, ladder[rung], validation, seed)
            return rehearse(
                network, X, y, sample_weight=weight, seed=seed, **how | clock.share(2 * N_SPLITS * len(ladder))
            )

        return ladder[climb(len(ladder), loss_of)[0]]

    def _training(self, inputs: Array, chosen: Preset, validation: Any, seed: int) -> tuple[Network, dict[str, Any]]:
        """The network, and how it is trained."""
        optimizer = dict(chosen.optimizer)
        if self.learning_rate_init is not None:
            optimizer["learning_rate"] = float(self.learning_rate_init)
        settings = dict(chosen.settings)
        if self.max_iter is not None:
            settings["epochs"] = int(self.max_iter)
        settings["early_stopping"] = self.early_stopping if validation is not None else None
        if self.metric != "auto":
            settings["metric"] = self.metric
        return self._network(inputs.shape[1], chosen, inputs.dtype.name, seed), {
            "validation": validation, "optimizer": optimizer_from(optimizer), "time_limit": self.time_limit,
            "threads": threads_of(self.threads), **settings,
        }  # fmt: skip

    def _preset(self, table: Table) -> Preset:
        n = len(table)
        if n < FEW_ROWS:
            chosen = few_rows(n)
        else:
            n_numbers = sum(column.kind == "number" for column in table.columns)
            chosen = preset(self.preset, n_rows=n, n_numbers=n_numbers, is_class=self._is_class)
        if self.hidden_layer_sizes is not None:
            sizes = self.hidden_layer_sizes
            chosen = replace(chosen, hidden_sizes=tuple(sizes) if np.iterable(sizes) else (int(sizes),))
        return chosen

    def _table(self, X: Any) -> Table:
        """X as it is given to fit; what is remembered of its columns is kept."""
        if is_frame(X):
            validate_data(self, X if hasattr(X, "iloc") else FrameShape(X), skip_check_array=True)
            self._names = named(X)
            self._frame = True
            if not hasattr(X, "iloc"):
                self.feature_names_in_ = np.asarray(self._names, dtype=object)
            return table_of_frame(X)
        X = self._checked(X, reset=True)
        self._names = tuple(f"x{j}" for j in range(X.shape[1]))
        self._frame = False
        return table_of_array(X)

    def _checked(self, X: Any, *, reset: bool) -> Array:
        X = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=reset)
        if X.dtype.kind == "c":
            raise ValueError("Complex data not supported: X holds complex numbers; expected real ones.")
        return X

    def _read(self, X: Any) -> Table:
        """Rows to predict, their columns read as those of the fit."""
        check_is_fitted(self)
        if is_frame(X):
            if self._frame:
                kinds = {name: kind for name, kind in self._pipeline.readings.items() if name in self._pipeline.columns}
                missing = [name for name in kinds if name not in named(X)]
                if not missing:
                    return table_of_frame(X, kinds)
                raise ValueError(f"X has no column {missing[0]!r}; expected the columns of fit: {', '.join(kinds)}.")
            X = np.asarray(X)
        X = self._checked(X, reset=False)
        table = table_of_array(X)
        if not self._frame:
            return table
        return replace(
            table, columns=tuple(replace(c, name=n) for c, n in zip(table.columns, self._names, strict=True))
        )

    def _inputs(self, X: Any) -> Array:
        return self._pipeline.features(self._read(X), self.network_.architecture.dtype)

    def _given(self, validation: tuple[Any, Any, Any], dtype: str) -> Any:
        X, y, weight = validation
        table = replace(self._read(X), targets=(self._target_column(np.asarray(y)),))
        rows = (self._pipeline.features(table, dtype), self._pipeline.target.encode(table))
        return rows if weight is None else (*rows, np.asarray(weight))

    def _score_of(self, table: Table) -> float:
        """The score of rows that hold their answers."""
        inputs = self._pipeline.features(table, self.network_.architecture.dtype)
        return self._rating(inputs, self._pipeline.target.encode(table), table.weight)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("run_", None)
        network = state.pop("network_", None)
        if network is not None:
            state["_kept"] = (network.architecture, network.parameters.flat, network.kind, network.seed)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        from chainrule.network.parameters import Parameters

        super().__setstate__(state)
        kept = self.__dict__.pop("_kept", None)
        if kept is not None:
            architecture, flat, kind, seed = kept
            self.network_ = Network.of(Parameters(architecture, flat), kind, seed)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


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

    _is_class = True
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
        y = column_or_1d(as_array(y), warn=True)
        if y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        check_lengths(X, y)
        known = y if sample_weight is None else y[_positive(sample_weight, len(y))]
        self.classes_ = np.unique(known)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only ({self.classes_}); expected at least two classes.")
        check_pair(X_val, y_val)
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

    def _coding(self, table: Table) -> Target:
        return Classes.fit(table, self._levels)

    def _network(self, n_inputs: int, chosen: Preset, dtype: str, seed: int) -> Network:
        k = len(self.classes_)
        sizes = [n_inputs, *chosen.hidden_sizes, k if k > 2 else 1]
        output = "softmax" if k > 2 else "sigmoid"
        return Network(sizes, chosen.activation, output, "cross_entropy", chosen.initializer, dtype, seed)

    def _rating(self, inputs: Array, encoded: Array, weight: Array | None) -> float:
        return float(np.average(self.network_.predict(inputs) == encoded, weights=weight))


class TabularRegressor(RegressorMixin, BaseTabular):
    """A regressor of tables: numbers, texts, truth values, times, with missing values.

    Args      as in TabularClassifier
    """

    _is_class = False

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
        y = _check_y(column_or_1d(as_array(y), warn=True), y_numeric=True)
        check_lengths(X, y)
        check_pair(X_val, y_val)
        validation = None if X_val is None else (X_val, np.asarray(y_val, dtype=np.float64), sample_weight_val)
        return self._fit(X, y, sample_weight, validation)

    def predict(self, X: Any) -> Array:
        """Values (n,)."""
        check_is_fitted(self)
        return np.asarray(self._pipeline.target.decode(self.network_.predict(self._inputs(X))))

    def _target_column(self, y: Array) -> Column:
        return Column(TARGET, "number", np.asarray(y, dtype=np.float64))

    def _coding(self, table: Table) -> Target:
        return Values.fit(table)

    def _network(self, n_inputs: int, chosen: Preset, dtype: str, seed: int) -> Network:
        sizes = [n_inputs, *chosen.hidden_sizes, 1]
        return Network(sizes, chosen.activation, "identity", "squared_error", chosen.initializer, dtype, seed)

    def _rating(self, inputs: Array, encoded: Array, weight: Array | None) -> float:
        from sklearn.metrics import r2_score

        return float(r2_score(encoded, self.network_.predict(inputs), sample_weight=weight))


def _positive(sample_weight: Any, n: int) -> Array:
    return _check_sample_weight(sample_weight, np.empty((n, 0))) > 0
