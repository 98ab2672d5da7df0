"""solver="lbfgs": SciPy's L-BFGS-B on the objective and gradient of all rows at once."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from chainrule.engine.protocol import Engine, StepSettings, Task
from chainrule.network.parameters import Parameters
from chainrule.sklearn.callbacks import EpochTasks, attributes
from chainrule.sklearn.plan import DivergedFit
from chainrule.training import divergence

Array = npt.NDArray[Any]


class FullBatch:
    """Objective and gradient at any theta, penalty included.

    A session does one step of sgd with momentum from rest; the velocity it leaves is the gradient.
    """

    def __init__(self, task: Task, engine: Engine, alpha: float) -> None:
        self.task = replace(task, optimizer="sgd", batch_size=task.n_samples, shuffle=False)
        self._settings = StepSettings(optimizer={"momentum": 0.5, "nesterov": False}, alpha=alpha)
        self._session = engine.start(self.task, self._settings)
        self._rest = {"v": np.zeros(task.architecture.n_parameters, task.architecture.dtype)}
        self._rate, self._penalty = np.ones(1), np.zeros(1)

    def __call__(self, theta: Array) -> tuple[float, float, Array]:
        """J, the penalty and the gradient of both, flat."""
        self._session.load(theta, self._rest)
        done = self._session.advance(0, self._rate, self._settings, self._penalty)
        gradient = self._session.store()[1]["v"]
        if done.stopped == "loss":  # the step was not applied: nothing to read off
            gradient = np.full_like(theta, np.nan)
        return float(done.losses[0]), float(self._penalty[0]), gradient

    def refuse_non_finite(self, loss: float, at: Parameters) -> None:
        """ValueError if the loss at these parameters is not finite, naming the non-finite quantity."""
        if np.isfinite(loss):
            return
        self._session.load(at.flat, self._rest)
        with np.errstate(all="ignore"):
            found = divergence.non_finite(self._session.record(0, 1.0, self._settings))
        raise ValueError(f"Solver produced a loss that is not finite. ({found})") from found


OF_STEPS: dict[str, Any] = {"dropout": 0.0, "clip_norm": None, "schedule": "constant", "warm_up": 0.0}
"""Settings that change the steps of sgd and adam, and what they are where nothing is changed."""


def refuse_settings_of_steps(estimator: Any) -> None:
    """ValueError where a setting is given that L-BFGS, which chooses its steps itself, could only ignore."""
    for name, neutral in OF_STEPS.items():
        if getattr(estimator, name) != neutral:
            raise ValueError(
                f"{name}={getattr(estimator, name)!r} changes the steps of solver='sgd' and 'adam'; solver='lbfgs' "
                f"chooses its own. Try {name}={neutral!r}, or another solver."
            )


class Iterations:
    """What happens after every iteration: scores on rows to judge by, callbacks, Ctrl-C, the time limit."""

    def __init__(
        self,
        like: Parameters,
        tasks: EpochTasks,
        validate: Callable[[Parameters], tuple[float, float]] | None,
        verbose: bool,
        time_limit: float | None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._interrupted = interrupted
        self._like, self._tasks, self._validate, self._verbose = like, tasks, validate, verbose
        self._limit, self._began = time_limit, time.perf_counter()
        self.n, self.asked_to_stop = 0, False
        self.losses: list[float] = []
        self.scores: list[float] = []

    def warn_of_divergence(self) -> None:
        """DivergedFit if the validation loss was not finite after some iteration."""
        for n, loss in enumerate(self.losses):
            found = divergence.non_finite_at_end({"validation_loss": loss}, n, n, 1.0)
            if found is not None:
                warnings.warn(str(found), DivergedFit, stacklevel=6)
                return

    def __call__(self, intermediate_result: Any) -> None:
        """An iteration ends; StopIteration where it is to be the last. The name of the argument is SciPy's."""
        self.n += 1
        loss, parameters = float(intermediate_result.fun), self._like.like(intermediate_result.x.copy())
        if self._verbose:
            print(f"Iteration {self.n}, loss = {loss:.8f}")
        if self._validate is not None:
            held_out, score = self._validate(parameters)
            self.losses.append(held_out)
            self.scores.append(score)
        self._tasks.begin_epoch()
        self.asked_to_stop = self._tasks.end_epoch(lambda: attributes(parameters, self.n, loss)) or self._interrupted()
        late = self._limit is not None and time.perf_counter() - self._began > self._limit
        if self.asked_to_stop or late:
            raise StopIteration


def minimize(
    objective: FullBatch,
    start: Parameters,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    scale: float,
    constant: float,
    iterations: Iterations,
) -> tuple[Parameters, float, int]:
    """Parameters at the minimum found, the loss there, the number of iterations.

    scale and constant make of J the loss that is told (a squared error is averaged over outputs there); the
    gradient stays that of J.

    Raises ConvergenceWarning if SciPy, or the time limit, stops before it has converged.
    """
    from scipy.optimize import minimize as scipy_minimize
    from threadpoolctl import threadpool_limits

    def value_and_gradient(theta: Array) -> tuple[float, Array]:
        J, penalty, gradient = objective(theta)
        return scale * J + constant + penalty, gradient

    # SciPy's own algebra is on short vectors: threads of the BLAS would cost more than they compute.
    with np.errstate(all="ignore"), threadpool_limits(1, user_api="blas"):
        found = scipy_minimize(
            value_and_gradient,
            start.flat,
            method="L-BFGS-B",
            jac=True,
            callback=iterations,
            options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
        )
    if found.status != 0 and not iterations.asked_to_stop:
        warnings.warn(
            f"lbfgs failed to converge after {found.nit} iteration(s) (status={found.status}): {found.message}. "
            "Increase max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
            stacklevel=4,
        )
    return start.like(found.x), float(found.fun), min(int(found.nit), max_iter)
