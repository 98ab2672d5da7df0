"""solver="lbfgs": SciPy's L-BFGS-B on the objective and gradient of all rows at once."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from chainrule.engine.protocol import Engine, StepSettings, Task
from chainrule.network.parameters import Parameters

Array = npt.NDArray[Any]


class FullBatch:
    """Objective and gradient at any theta, penalty included.

    A session does one step of sgd with momentum from rest; the velocity it leaves is the gradient.
    """

    def __init__(self, task: Task, engine: Engine, alpha: float) -> None:
        self.task = replace(task, optimizer="sgd", batch_size=task.n_samples, shuffle=False)
        self._settings = StepSettings({"momentum": 0.5, "nesterov": False}, alpha=alpha)
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


def minimize(
    objective: FullBatch,
    start: Parameters,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    scale: float,
    constant: float,
    time_limit: float | None = None,
) -> tuple[Parameters, float, int]:
    """Parameters at the minimum found, the loss there, the number of iterations.

    scale and constant make of J the loss that is told (a squared error is averaged over outputs there); the
    gradient stays that of J.

    Errors    ConvergenceWarning where SciPy, or the time limit in seconds, stops before it has converged
    """
    began = time.perf_counter()
    from scipy.optimize import minimize as scipy_minimize
    from threadpoolctl import threadpool_limits

    def value_and_gradient(theta: Array) -> tuple[float, Array]:
        J, penalty, gradient = objective(theta)
        return scale * J + constant + penalty, gradient

    def stop_in_time(intermediate_result: Any) -> None:
        if time_limit is not None and time.perf_counter() - began > time_limit:
            raise StopIteration

    # SciPy's own algebra is on short vectors: threads of the BLAS would cost more than they compute.
    with np.errstate(all="ignore"), threadpool_limits(1, user_api="blas"):
        found = scipy_minimize(
            value_and_gradient,
            start.flat,
            method="L-BFGS-B",
            jac=True,
            callback=stop_in_time,
            options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
        )
    if found.status != 0:
        warnings.warn(
            f"lbfgs failed to converge after {found.nit} iteration(s) (status={found.status}): {found.message}. "
            "Increase max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
            stacklevel=4,
        )
    return start.like(found.x), float(found.fun), min(int(found.nit), max_iter)
