"""The parameters of an estimator: their ranges, and what each becomes in the settings of a training."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from chainrule.engine.protocol import Task
from chainrule.network.parameters import Parameters
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.sklearn.plan import FitPlan, FitProgress
from chainrule.sklearn.rules import OptimizerState
from chainrule.training.schedule import SCHEDULES
from chainrule.training.settings import Settings
from chainrule.training.stopping import NoImprovement
from chainrule.training.update_rules import SGD, AdamEpsilonHat, SutskeverSGD, UpdateRule

HIDDEN = [name for name, entry in ACTIVATIONS.items() if entry.elementwise]
CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({"logistic", *HIDDEN}), list, tuple],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "normalization": [None, str, list, tuple],
    "residual": ["boolean", list, tuple],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "clip_norm": [None, Interval(Real, 0, None, closed="neither")],
    "schedule": [StrOptions(set(SCHEDULES) - {"plateau"})],
    "warm_up": [Interval(Real, 0, 1, closed="both")],
    "decay_factor": [Interval(Real, 0, 1, closed="neither")],
    "decay_every": [Interval(Integral, 1, None, closed="left")],
    "metric": [str],
    "time_limit": [None, Interval(Real, 0, None, closed="neither")],
    "threads": [None, Interval(Integral, 1, None, closed="left")],
    "keep_run": ["boolean"],
}


def watch(estimator: Any, state: OptimizerState) -> NoImprovement:
    """The state at which an earlier fit ended; if coefs_ is set manually, the rest need not be set."""
    known = estimator.__dict__.get
    is_adaptive = estimator.learning_rate == "adaptive" and state.name.startswith("sgd")
    return NoImprovement(
        estimator.tol,
        estimator.n_iter_no_change,
        by_score=bool(estimator.early_stopping),
        count=known("_no_improvement_count", 0),
        best_loss=known("best_loss_"),
        best_score=known("best_validation_score_"),
        learning_rate=state.learning_rate if is_adaptive else None,
        say=print if estimator.verbose else lambda text: None,
    )


def progress_of(estimator: Any, is_judged: bool) -> FitProgress:
    """What an earlier fit has to show already, where this one goes on from it."""
    known = estimator.__dict__.get
    scores, losses = known("validation_scores_"), known("validation_loss_curve_")
    return FitProgress(
        loss_curve=known("loss_curve_", []),
        validation_scores=(scores or []) if is_judged else scores,
        validation_losses=(losses or []) if is_judged else losses,
        samples_seen=known("t_", 0),
    )


def update_rule(estimator: Any) -> UpdateRule:
    """The solver, by scikit-learn's variant of the formulas."""
    rate = float(estimator.learning_rate_init)
    if estimator.solver == "adam":
        return AdamEpsilonHat(rate, float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon))
    if estimator.momentum == 0:
        return SGD(rate)
    return SutskeverSGD(rate, min(float(estimator.momentum), 1 - 2.0**-53), bool(estimator.nesterovs_momentum))


def optimizer_state(estimator: Any, optimizer: UpdateRule, parameters: Parameters, incremental: bool) -> OptimizerState:
    """What the optimizer carries on from the last partial_fit, or its start; kept by the estimator."""
    state = getattr(estimator, "_optimizer", None)
    if incremental and state is not None and state.name == optimizer.name:
        return state
    hyper = dict(optimizer.hyper)
    if "momentum" in hyper:
        hyper["momentum"] = float(estimator.momentum)
    arrays = OPTIMIZERS[optimizer.name].start(parameters.flat, hyper)
    estimator._optimizer = OptimizerState(
        name=optimizer.name, learning_rate=optimizer.learning_rate, arrays=arrays, hyper=hyper
    )
    return estimator._optimizer


def settings_of(estimator: Any, task: Task, optimizer: UpdateRule, incremental: bool) -> Settings:
    """The settings of the loop."""
    return Settings(
        optimizer=optimizer,
        batch_size=task.batch_size,
        epochs=estimator.max_iter,
        dropout=float(estimator.dropout),
        clip_norm=estimator.clip_norm,
        schedule="constant" if incremental else estimator.schedule,
        warm_up=0.0 if incremental else float(estimator.warm_up),
        decay_factor=float(estimator.decay_factor),
        decay_every=int(estimator.decay_every),
        seed=task.seed,
        shuffle=task.shuffle,
        alpha=float(estimator.alpha),
    )


def plan_of(estimator: Any, incremental: bool) -> FitPlan:
    """What fit asks for, beside task and data."""
    return FitPlan(
        max_epochs=1 if incremental else estimator.max_iter, learning_rate=estimator.learning_rate,
        learning_rate_init=float(estimator.learning_rate_init), power_t=float(estimator.power_t),
        early_stopping=bool(estimator.early_stopping), verbose=bool(estimator.verbose), one_pass=incremental,
    )  # fmt: skip
