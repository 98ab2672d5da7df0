"""What both estimators share: checking, fitting by either way, predicting from coefs_, pickling arrays only."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from chainrule.data import arrays
from chainrule.engine.protocol import Task
from chainrule.errors import GradientWarning, warn
from chainrule.network.parameters import Parameters
from chainrule.reference.losses import loss_named
from chainrule.sklearn import fit_record, held_out
from chainrule.sklearn.callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from chainrule.sklearn.descent import Descent
from chainrule.sklearn.fitted import FittedMLP, dense, in_range, weights_in_range
from chainrule.sklearn.interruption import interruptible
from chainrule.sklearn.lbfgs import FullBatch, Iterations, minimize, refuse_settings_of_steps
from chainrule.sklearn.parameters import (
    CONSTRAINTS,
    optimizer_state,
    plan_of,
    progress_of,
    settings_of,
    update_rule,
    watch,
)
from chainrule.sklearn.partial_fit import STOCHASTIC, ByPartsOnly
from chainrule.sklearn.plan import DivergedFit, FitMeasure
from chainrule.sklearn.rules import hidden_sizes, initial_parameters
from chainrule.training.stopping import Interruption, TimeLimit
from chainrule.verify.own_loss import ROWS, wrong_delta

Array = npt.NDArray[Any]


def adopt(estimator: Any, values: dict[str, Any]) -> None:
    """Keep the arguments of __init__ under their names."""
    for name, value in values.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)


class BaseMLP(CallbackSupportMixin, FittedMLP):
    """A multi-layer perceptron with the parameters, attributes and rules of scikit-learn's."""

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    # fitting ------------------------------------------------------------------------------------------------

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the network to X and y.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, n_features)
            Rows.
        y : array of shape (n,) or (n, k)
            Classes or values, or several labels (0/1) or values.
        sample_weight : array of shape (n,), optional
            Weights of the rows, ≥ 0.
        X_val, y_val : arrays, optional
            Rows to judge every epoch by, in place of a part of X.
        sample_weight_val : array, optional
            Their weights.

        Returns
        -------
        Self
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is out of range, or X and y do not fit together or hold values that are not finite.
        """
        held_out.check_pair(X_val, y_val, sample_weight_val)
        arrays.refuse_masked(X_val=X_val, y_val=y_val, sample_weight_val=sample_weight_val)
        validation = None if X_val is None else (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation=validation)

    @ByPartsOnly
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Do one more pass over X and y; with solver "sgd" or "adam" and without early stopping.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, n_features)
            Rows.
        y : array of shape (n,) or (n, k)
            Classes or values, or several labels (0/1) or values.
        sample_weight : array of shape (n,), optional
            Weights of the rows, ≥ 0.

        Returns
        -------
        Self
            The estimator.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, incremental: bool = False, validation: Any = None
    ) -> Any:
        fit_record.settle_worker()
        arrays.refuse_masked(X=X, y=y, sample_weight=sample_weight)
        hidden = hidden_sizes(self.hidden_layer_sizes)
        self.__dict__.pop("_record", None)  # run_ is this training or none
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, first_pass)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        weight = self._weighted(y, sample_weight)
        X, targets = dense(X), self._targets(y, X.dtype)
        self.n_outputs_ = self._n_outputs(targets)
        self._scorer()  # names what metric there is not, also where no rows are held out
        self._random_state = check_random_state(self.random_state)
        if first_pass:
            self._initialise([X.shape[1], *hidden, self.n_outputs_], X.dtype)
            self._check_loss(X, targets)
        held_out_rows = None
        if validation is not None:
            held_out_rows = self._given_validation(validation, X.dtype)
        elif self.early_stopping and self.solver in STOCHASTIC:
            (X, targets, weight), held_out_rows = held_out.split(
                (X, targets, weight), float(self.validation_fraction), self._strata(targets), self._random_state
            )
        with interruptible() as interrupted:
            if self.solver == "lbfgs":
                self._fit_all_at_once(X, y, targets, weight, held_out_rows, interrupted)
            else:
                self._fit_by_batches(X, y, targets, weight, held_out_rows, incremental, interrupted)
        return self

    def _check_loss(self, X: Array, targets: Array) -> None:
        """A warning where delta of a loss of one's own is not the derivative of its value, at the first outputs."""
        own = self._own_loss()
        if own is None:
            return
        rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), ROWS)).astype(int))
        parameters, engine = self._network_of()
        output = engine.predict(parameters, arrays.plain(X[rows], parameters.flat.dtype))
        wrong = wrong_delta(own, output, targets[rows])
        if wrong is not None:
            warn(
                f"loss: delta(a, y)[{rows[wrong.row]}, {wrong.output}] is {wrong.delta:.6g} at a = {wrong.a:.6g}, "
                f"y = {wrong.y:.6g}: must be the derivative of value(a, y) by a, which is {wrong.difference:.6g} by "
                "differences. Training follows delta. Try the derivative of value for every output.",
                GradientWarning,
            )

    def _initialise(self, sizes: list[int], dtype: Any) -> None:
        self.n_iter_, self.t_ = 0, 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._out_activation()
        architecture = self._architecture(sizes, dtype)
        self._adopt_parameters(initial_parameters(architecture, self._random_state, self.activation == "logistic"))
        self._no_improvement_count = 0
        self.__dict__.pop("_optimizer", None)
        if self.solver in STOCHASTIC:
            self.loss_curve_: list[float] = []
            self.validation_loss_curve_: list[float] | None = None
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_: float | None = -np.inf if self.early_stopping else None
            self.best_loss_: float | None = None if self.early_stopping else np.inf

    def _task(self, X: Array, targets: Array, weight: Array | None, dtype: Any, optimizer: str) -> Task:
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = min(200, len(X))
        elif batch_size > len(X):
            warnings.warn(
                f"batch_size = {batch_size} is larger than the {len(X)} samples; it is clipped.", stacklevel=5
            )
            batch_size = len(X)
        return Task(
            architecture=self._network_of(dtype)[0].architecture, X=arrays.plain(X, dtype),
            targets=in_range(targets, dtype, "y"), weight=weights_in_range(weight, dtype, "sample_weight"),
            optimizer=optimizer, batch_size=int(batch_size),
            seed=int(self._random_state.randint(np.iinfo(np.int32).max)), shuffle=bool(self.shuffle),
        )  # fmt: skip

    def _fit_all_at_once(
        self,
        X: Array,
        y: Any,
        targets: Array,
        weight: Array | None,
        held_out_rows: Any,
        interrupted: Callable[[], bool],
    ) -> None:
        refuse_settings_of_steps(self)
        task = self._task(X, targets, weight, np.float64, "sgd")
        parameters = self._network_of(np.float64)[0]
        engine = self._engine_for(parameters.architecture, task.n_samples, 1)
        measure, tasks = self._measure(task, held_out_rows), EpochTasks(self, X, y, weight)
        tasks.begin_fit(self.max_iter)
        iterations = Iterations(parameters, tasks, measure.validate, bool(self.verbose), self.time_limit, interrupted)
        objective = FullBatch(task, engine, float(self.alpha))
        found, self.loss_, self.n_iter_ = minimize(
            objective,
            parameters.copy(),
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=self.tol,
            scale=measure.scale,
            constant=measure.constant(0),
            iterations=iterations,
        )
        if measure.validate is not None:
            self.validation_scores_, self.validation_loss_curve_ = iterations.scores, iterations.losses
            self.best_validation_score_ = max(iterations.scores, default=-np.inf)
        self._refuse_non_finite(found)
        objective.refuse_non_finite(self.loss_, found)
        iterations.warn_of_divergence()
        self._adopt_parameters(found)
        tasks.end_fit()

    def _fit_by_batches(
        self, X: Array, y: Any, targets: Array, weight: Array | None, held_out_rows: Any, incremental: bool,
        interrupted: Callable[[], bool],
    ) -> None:  # fmt: skip
        parameters = self._network_of(X.dtype)[0]
        optimizer = update_rule(self)
        task = self._task(X, targets, weight, X.dtype, optimizer.name)
        engine = self._engine_for(task.architecture, task.batch_size, task.steps_per_epoch)
        state = optimizer_state(self, optimizer, parameters, incremental)
        settings = settings_of(self, task, optimizer, incremental)
        tasks = EpochTasks(self, X, y, weight)
        tasks.begin_fit(1 if incremental else self.max_iter)
        descent = Descent(
            task, engine, settings, state=state, watch=watch(self, state), plan=plan_of(self, incremental),
            measure=self._measure(task, held_out_rows), progress=progress_of(self, held_out_rows is not None),
            tasks=tasks, limits=[Interruption(interrupted), TimeLimit(self.time_limit)],
        )  # fmt: skip
        began = time.perf_counter()
        with np.errstate(all="ignore"):
            found = descent.run(parameters.copy())
        self._take_over(descent, found)
        if self._own_loss() is None:
            self._record = fit_record.FitRecord.of(descent, time.perf_counter() - began, self._kind())
        tasks.end_fit()

    def _take_over(self, descent: Descent, found: Parameters) -> None:
        progress, watch = descent.progress, descent.watch
        self.n_iter_, self.loss_, self.t_ = progress.n_epochs, progress.loss, progress.samples_seen
        self.loss_curve_ = progress.loss_curve
        self.validation_scores_, self.validation_loss_curve_ = progress.validation_scores, progress.validation_losses
        self._no_improvement_count = watch.count
        self.best_loss_, self.best_validation_score_ = watch.best_loss, watch.best_score
        if progress.diverged is not None:
            if not self.early_stopping and not progress.exploded:
                raise ValueError(
                    "Solver produced non-finite parameter weights. The input data may contain large values and need "
                    f"to be preprocessed. ({progress.diverged})"
                ) from progress.diverged
            warnings.warn(str(progress.diverged), DivergedFit, stacklevel=5)
        self._refuse_non_finite(found)
        self._adopt_parameters(found)

    @staticmethod
    def _refuse_non_finite(parameters: Parameters) -> None:
        if not np.isfinite(parameters.flat).all():
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            )

    # held-out rows ----------------------------------------------------------------------------------------------

    def _given_validation(self, given: tuple[Any, Any, Any], dtype: Any) -> Any:
        X, y, sample_weight = given
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=dtype, reset=False)
        targets = self._answers(y, X.shape[0], np.dtype(dtype), "X_val", "y_val")
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        return dense(X), targets, weight

    def _measure(self, task: Task, held_out_rows: Any) -> FitMeasure:
        architecture, constants = task.architecture, self._constants(task.targets)
        named = self._own_loss() is None
        scale = 1.0 / architecture.n_outputs if named and architecture.loss == "squared_error" else 1.0
        measure = FitMeasure(task, scale)
        if named:
            measure.constant_loss = loss_named(architecture.loss).scale(task.targets, architecture.n_outputs)
        if constants is not None:
            measure.constant = lambda epoch: fit_record.mean_over_batches(constants, task, epoch)
        if held_out_rows is None:
            return measure
        X, targets, weight = held_out_rows
        dtype, held_out_weight = architecture.dtype, "sample_weight of the rows held out"
        X, targets = arrays.plain(X, dtype), in_range(targets, dtype, "y of the rows held out")
        w = arrays.moderate(weights_in_range(weight, dtype, held_out_weight))
        arrays.refuse_weightless(w, held_out_weight)
        engine, score = self._engine_for(architecture), self._scorer()

        def validate(parameters: Parameters) -> tuple[float, float]:
            loss, output = engine.loss(parameters, X, targets, w)
            is_finite = np.isfinite(output).all()
            rating = score(targets, output, w) if is_finite else float("nan")
            return scale * loss if is_finite else float("nan"), float("nan") if np.isnan(rating) else float(rating)

        measure.validate = validate
        return measure

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # what a classifier and a regressor do differently --------------------------------------------------------------

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        raise NotImplementedError

    def _n_outputs(self, targets: Array) -> int:
        raise NotImplementedError

    def _out_activation(self) -> str:
        raise NotImplementedError

    def _weighted(self, y: Array, sample_weight: Any) -> Any:
        return sample_weight

    def _strata(self, targets: Array) -> Array | None:
        return None

    def _scorer(self) -> Any:
        raise NotImplementedError

    def _constants(self, targets: Array) -> Array | None:
        """The part of each row's loss that y alone decides, where the engine leaves it out."""
        return None

    def _kind(self) -> Any:
        raise NotImplementedError
