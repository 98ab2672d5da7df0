"""What both estimators of tables share: the plan of a fit, the same as that of the command line, and pickles.

Fewer than FEW_ROWS rows are all trained on and go their own way (training/few_rows.py).
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

from chainrule.api.network import Network
from chainrule.api.rehearsal import Clock, Recipe
from chainrule.api.table_rows import TableRows
from chainrule.api.train import train
from chainrule.data.folds import folds
from chainrule.data.split import holdout
from chainrule.data.table import Column, Table
from chainrule.errors import InterruptedWarning
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Target
from chainrule.planning.presets import FEW_ROWS, PRESETS, Preset, few_rows, preset
from chainrule.sklearn.class_weight import weight_of_rows
from chainrule.sklearn.fit_record import threads_of
from chainrule.sklearn.importances import importances
from chainrule.sklearn.interruption import tell
from chainrule.sklearn.table_reading import ReadsTables
from chainrule.training.settings import optimizer_from

Array = npt.NDArray[Any]


class BaseTabular(ReadsTables):
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
        table = self._weighted(replace(self._table(X), targets=(self._target_column(y),)), y, sample_weight)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        rows, recipes = self._planned(table, validation, seed)
        choice = rows.choose(recipes)
        self._pipeline = choice.recipe.pipeline
        inputs, targets, weight = rows.inputs(choice.recipe)
        how = choice.recipe.settings | clock.share(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("ignore", InterruptedWarning)  # told below, when the estimator is whole
            self.run_ = train(
                choice.recipe.network,
                inputs,
                targets,
                sample_weight=weight,
                validation=rows.validation(choice.recipe),
                optimizer=choice.recipe.optimizer,
                progress=bool(self.verbose),
                **how,
            )
        self.n_iter_ = len(self.run_.history.get("loss", []))
        self.network_ = self.run_.network
        if self.importances:
            used = self._pipeline.columns
            self.feature_importances_ = importances(table, self._names, used, self._score_of, seed)
        if self.run_.result["stopped"] == "interrupted":
            tell()
        return self

    def _weighted(self, table: Table, y: Array, sample_weight: Any) -> Table:
        """The table with the weights of its rows, without those that weigh nothing."""
        weight = sample_weight
        if weight is not None:
            weight = _check_sample_weight(weight, np.empty((len(y), 0)), dtype=np.float64)
        table = replace(table, weight=weight_of_rows(getattr(self, "class_weight", None), y, weight))
        if table.weight is not None and not table.weight.all():
            table = table.take(np.flatnonzero(table.weight))
        if not len(table):
            raise ValueError("Found array with 0 sample(s) whose weight is > 0; expected at least one.")
        return table

    def _planned(self, table: Table, given: Any, seed: int) -> tuple[TableRows, tuple[Recipe, ...]]:
        """Which rows are for what, and the trainings to choose from, the simplest first."""
        few, kept, share, fold, n_distinct = len(table) < FEW_ROWS, None, None, None, 0
        if few:
            fold, n_distinct = folds(table, seed)
        elif given is None:
            share = float(self.validation_fraction)
            kept = holdout(len(table), share, seed, self._strata(table))[0]
        of_fit = table if kept is None else table.take(kept)
        n_numbers = sum(column.kind == "number" for column in table.columns)
        if few:
            chosen = few_rows(len(of_fit), n_distinct, n_numbers, self._output)
        else:
            chosen = preset(self.preset, n_rows=len(of_fit), n_numbers=n_numbers, is_class=self._is_class)
        rungs, target = self._rungs(chosen), self._coding(of_fit)
        pipelines = {
            n_bins: TablePipeline.fit(of_fit, target, scaling=chosen.scaling, n_bins=n_bins, seed=seed)
            for n_bins in {rung.n_bins for rung in rungs}
        }
        recipes = tuple(
            self._recipe(rung, pipelines[rung.n_bins], given is not None or not few, seed) for rung in rungs
        )
        self._pipeline = recipes[-1].pipeline
        return TableRows(table, kept, share, None if given is None else self._given(given), fold), recipes

    def _rungs(self, chosen: Preset) -> tuple[Preset, ...]:
        """The preset behind its simpler ones, which are left out where the length or the network is stated."""
        rungs = (*(chosen.simpler if self.max_iter is None else ()), chosen)
        if self.hidden_layer_sizes is None:
            return rungs
        sizes = self.hidden_layer_sizes
        hidden = tuple(sizes) if np.iterable(sizes) else (int(sizes),)
        return tuple(replace(rung, hidden_sizes=hidden) for rung in rungs if rung.hidden_sizes or rung is chosen)

    def _recipe(self, rung: Preset, pipeline: TablePipeline, is_judged: bool, seed: int) -> Recipe:
        """The network, and how it is trained."""
        n_inputs = len(pipeline.names)
        optimizer = dict(rung.for_inputs(n_inputs).optimizer)
        if self.learning_rate_init is not None:
            optimizer["learning_rate"] = float(self.learning_rate_init)
        settings = {"time_limit": self.time_limit, "threads": threads_of(self.threads), "seed": seed, **rung.settings}
        if self.max_iter is not None:
            settings["epochs"] = int(self.max_iter)
        settings["early_stopping"] = self.early_stopping if is_judged else None
        if self.metric != "auto":
            settings["metric"] = self.metric
        return Recipe(pipeline, self._network(n_inputs, rung, seed), optimizer_from(optimizer), settings)

    def _given(self, validation: tuple[Any, Any, Any]) -> Table:
        """Rows to judge epochs by as a table, read as those of the fit."""
        X, y, weight = validation
        table = self._read(X)
        if len(table) != len(y) or not len(y):
            raise ValueError(f"X_val has {len(table)} rows, y_val {len(y)}; expected as many, at least one.")
        target = self._target_column(np.asarray(y))
        if target.missing.any():
            strange = np.unique(np.asarray(y)[target.missing].astype(str))[:3].tolist()
            raise ValueError(f"y_val holds {strange}; expected finite values, or classes that y holds too.")
        if weight is not None:
            weight = _check_sample_weight(weight, np.empty((len(y), 0)), dtype=np.float64)
        return replace(table, targets=(target,), weight=weight)

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

    # what a classifier and a regressor do differently --------------------------------------------------------------

    _is_class: ClassVar[bool]

    @property
    def _output(self) -> str:
        """The output activation."""
        raise NotImplementedError

    def _target_column(self, y: Array) -> Column:
        raise NotImplementedError

    def _coding(self, table: Table) -> Target:
        raise NotImplementedError

    def _strata(self, table: Table) -> Array | None:
        """The classes whose shares the rows held out keep."""
        return None

    def _network(self, n_inputs: int, rung: Preset, seed: int) -> Network:
        raise NotImplementedError

    def _rating(self, inputs: Array, encoded: Array, weight: Array | None) -> float:
        raise NotImplementedError
