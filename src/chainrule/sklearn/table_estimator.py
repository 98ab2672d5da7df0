"""What both estimators of tables share: the plan of a fit, by the same planning as the command line, and pickles."""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from chainrule.api.ensemble import Ensemble
from chainrule.api.ensemble_training import train_chosen
from chainrule.api.model_selection import choose
from chainrule.api.network import Network
from chainrule.data.arrays import refuse_masked, refuse_unfit_weights
from chainrule.data.numbers import THOUSANDS
from chainrule.data.table import Column, Table
from chainrule.engine.select import reference
from chainrule.errors import InterruptedWarning
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.network.targets import OutputKind
from chainrule.planning.clock import Clock
from chainrule.planning.plan import TrainingPlan, plan_table
from chainrule.planning.presets import PRESETS
from chainrule.planning.request import AUTO, LINEAR, Request
from chainrule.planning.selection import calibrated, with_temperature
from chainrule.planning.task import PredictionTask
from chainrule.run.rows import prepare_rows
from chainrule.sklearn.class_weight import weight_of_rows
from chainrule.sklearn.fit_record import threads_of
from chainrule.sklearn.frames import as_array
from chainrule.sklearn.importances import importances
from chainrule.sklearn.interruption import warn_interrupted
from chainrule.sklearn.table_reading import ReadsTables
from chainrule.verify.gradients import GradientCheck, check_gradients

Array = npt.NDArray[Any]
TARGET = "y"


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
        "kinds": [None, dict],
        "decimal": [None, StrOptions({".", ","})],
        "thousands": [None, StrOptions(set(THOUSANDS))],
        "schedules": [None, dict],
        "learning_rate_factors": [None, dict],
        "neighbours": ["boolean"],
        "screening": ["boolean"],
        "importances": ["boolean"],
        "random_state": ["random_state"],
        "time_limit": [None, Interval(Real, 0, None, closed="neither")],
        "threads": [None, Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }

    def _fit(self, X: Any, y: Array, sample_weight: Any, validation: Any) -> Any:
        clock = Clock(self.time_limit)
        refuse_masked(sample_weight=sample_weight)
        table = self._weighted(replace(self._table(X), targets=(self._target_column(y),)), y, sample_weight)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        plan = self._planned(table, validation, seed)
        chosen = choose(plan, progress="auto" if self.verbose else False)
        self._pipeline = chosen.candidate.pipeline
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("ignore", InterruptedWarning)  # reported below, when the estimator is complete
            how: dict[str, Any] = {"progress": bool(self.verbose), **clock.share(1)}
            self.run_ = train_chosen(plan, chosen, recorded=False, **how)
        self.n_iter_ = len(self.run_.history.get("loss", []))
        self.network_, self.ensemble_ = self.run_.network, self.run_.ensemble
        self._pipeline = calibrated(plan, chosen, self._predictor)
        if self.ensemble_ is None:
            self._pipeline = with_temperature(plan, chosen, self._pipeline, self.network_)
        if self.importances:
            used = self._pipeline.columns
            self.feature_importances_ = importances(table, self._names, used, self._score_of, seed)
        if self.run_.result["stopped"] == "interrupted":
            warn_interrupted()
        return self

    def _weighted(self, table: Table, y: Array, sample_weight: Any) -> Table:
        """The table with the weights of its rows, without those that weigh nothing."""
        weight = sample_weight
        if weight is not None:
            weight = _check_sample_weight(weight, np.empty((len(y), 0)), dtype=np.float64)
            refuse_unfit_weights(weight, weight, "sample_weight")
        table = replace(table, weight=weight_of_rows(getattr(self, "class_weight", None), y, weight))
        if table.weight is not None and not table.weight.all():
            table = table.take(np.flatnonzero(table.weight))
        if not len(table):
            raise ValueError("Found array with 0 sample(s) whose weight is > 0: must have at least one.")
        return table

    def _planned(self, table: Table, validation: Any, seed: int) -> TrainingPlan:
        """What is asked for, as the command line asks."""
        stated = {"epochs": self.max_iter, "learning_rate": self.learning_rate_init, "time_limit": self.time_limit}
        stated["label_smoothing"] = getattr(self, "label_smoothing", 0.0) or None
        stated |= {"schedules": self.schedules, "learning_rate_factors": self.learning_rate_factors}
        settings = {name: value for name, value in stated.items() if value is not None}
        settings |= {"early_stopping": self.early_stopping, "threads": threads_of(self.threads)}
        sizes = self.hidden_layer_sizes
        hidden = None if sizes is None else tuple(sizes) if np.iterable(sizes) else (int(sizes),)
        words = next(iter(self._task.words), ())
        request = Request(
            preset=self.preset,
            seed=seed,
            validation=float(self.validation_fraction),
            settings=settings,
            metric=self.metric,
            positive=str(words[1]) if len(words) == 2 else None,  # the second class, as in scikit-learn
            hidden_sizes=hidden,
            initializer="zeros" if hidden == () else "auto",
            few_rows="always",
            neighbours=bool(self.neighbours),
            intervals=getattr(self, "intervals", None),
            target_scale=getattr(self, "target_scale", LINEAR),
            loss=getattr(self, "loss", AUTO),
            screening=bool(self.screening),
        )
        given = {} if validation is None else {"validation": self._given(validation)}
        return plan_table(table, request, self._task, given)

    def _given(self, validation: tuple[Any, Any, Any], ending: str = "_val") -> Table:
        """Rows with their answers as a table, read as those of the fit; ending: that of their names in messages."""
        X, y, weight = validation
        refuse_masked(**{f"sample_weight{ending}": weight})
        table = self._read(X)
        if len(table) != len(y) or not len(y):
            raise ValueError(
                f"X{ending} has {len(table)} rows, y{ending} {len(y)}: numbers must be equal and at least 1."
            )
        target = self._target_column(np.asarray(y))
        if target.missing.any():
            strange = np.unique(np.asarray(y)[target.missing].astype(str))[:3].tolist()
            raise ValueError(f"y{ending} holds {strange}: must hold finite values, or classes that y holds as well.")
        if weight is not None:
            weight = _check_sample_weight(weight, np.empty((len(y), 0)), dtype=np.float64)
        return replace(table, targets=(target,), weight=weight)

    def _score_of(self, table: Table) -> float:
        """The score of rows that hold their answers."""
        inputs = self._pipeline.features(table, self.network_.architecture.dtype)
        return self._rating(inputs, self._pipeline.target.encode(table), table.weight)

    def _check_gradients(self, X: Any, y: Any, sample_weight: Any = None, **options: Any) -> GradientCheck:
        """What chainrule.check_gradients says of the network, at these rows."""
        check_is_fitted(self)
        table, network = self._given((X, as_array(y), sample_weight), ""), self.network_
        inputs, encoded = self._pipeline.features(table, "float64"), self._pipeline.target.encode(table)
        rows = prepare_rows(network.architecture, inputs, encoded, table.weight, kind=network.kind)
        return check_gradients(reference(), network.parameters, rows.X, rows.targets, rows.weight, **options)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("run_", None)
        network, ensemble = state.pop("network_", None), state.pop("ensemble_", None)
        if network is not None:
            state["_kept"] = _plain(network)
        if ensemble is not None:
            state["_members"] = [_plain(member) for member in ensemble.networks]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        kept, members = self.__dict__.pop("_kept", None), self.__dict__.pop("_members", None)
        if kept is not None:
            self.network_ = _network(*kept)
            self.ensemble_ = None if members is None else Ensemble([_network(*member) for member in members])

    # what a classifier and a regressor do differently --------------------------------------------------------------

    @property
    def _task(self) -> PredictionTask:
        """Classes or values."""
        raise NotImplementedError

    def _target_column(self, y: Array) -> Column:
        raise NotImplementedError

    def _rating(self, inputs: Array, encoded: Array, weight: Array | None) -> float:
        raise NotImplementedError


def _plain(network: Network) -> tuple[Any, ...]:
    """A network as a pickle holds it."""
    return network.architecture, network.parameters.flat, network.kind, network.seed


def _network(architecture: Architecture, flat: Array, kind: OutputKind, seed: int) -> Network:
    """The network that a pickle holds so."""
    return Network.of(Parameters(architecture, flat), kind, seed)
