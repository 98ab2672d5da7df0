"""scikit-learn's callback protocol (1.9 and later): an epoch is a task of fit, a callback may end the training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.sklearn.plan import FitProgress
from chainrule.training.stopping import EpochEnd, RuleDecision

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9 estimators have no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """An estimator without callbacks."""

    def with_callbacks(method: Any) -> Any:
        """The method as it is."""
        return method


__all__ = ["CallbackRule", "CallbackSupportMixin", "EpochTasks", "attributes", "with_callbacks"]


def attributes(parameters: Parameters, n_iter: int, loss: float) -> dict[str, Any]:
    """What makes the estimator that a callback is handed a fitted one, after so many epochs."""
    found: dict[str, Any] = {"coefs_": parameters.W[1:], "intercepts_": parameters.b[1:]}
    if any(gain is not None for gain in parameters.gain[1:]):
        found |= {"gains_": list(parameters.gain[1:]), "shifts_": list(parameters.shift[1:])}
    return found | {"n_iter_": n_iter, "loss_": loss, "_network": None}


class EpochTasks:
    """The tasks of one fit: fit itself, and every epoch within it."""

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self._estimator = estimator
        self._data = {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}
        self.active = bool(getattr(estimator, "_skl_callbacks", None)) or hasattr(estimator, "_parent_callback_ctx")
        self._fit: Any = None
        self._epoch: Any = None

    def begin_fit(self, n_epochs: int) -> None:
        """fit begins; it has up to n_epochs epochs."""
        if self.active and hasattr(self._estimator, "_init_callback_context"):
            self._fit = self._estimator._init_callback_context(max_subtasks=n_epochs)
            self._fit.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        else:
            self.active = False

    def begin_epoch(self) -> None:
        """An epoch begins."""
        if self.active:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def end_epoch(self, fitted: Callable[[], dict[str, Any]]) -> bool:
        """An epoch ends; `fitted` gives the attributes as they are after it. Whether a callback wants to stop."""
        if not self.active:
            return False
        return bool(
            self._epoch.call_on_fit_task_end(estimator=self._estimator, reconstruction_attributes=fitted, **self._data)
        )

    def end_fit(self) -> None:
        """fit ends."""
        if self.active:
            self._fit.call_on_fit_task_end(estimator=self._estimator, reconstruction_attributes=dict, **self._data)


class CallbackRule:
    """Lets callbacks see every epoch, after all other rules, and end the training."""

    def __init__(self, tasks: EpochTasks, architecture: Architecture, progress: FitProgress) -> None:
        self._tasks, self._architecture, self._progress = tasks, architecture, progress
        self.needs_parameters = tasks.active

    def least_epochs(self) -> float:
        """Every epoch is a task of its own."""
        return 1 if self._tasks.active else float("inf")

    def epoch_ended(self, end: EpochEnd) -> RuleDecision | None:
        """Ask them."""
        return RuleDecision("callback") if end.theta is not None and self.end_epoch(end.theta) else None

    def end_epoch(self, theta: Any) -> bool:
        """The epoch's task ends with these parameters; whether a callback wants to stop."""
        progress, architecture = self._progress, self._architecture
        return self._tasks.end_epoch(
            lambda: attributes(Parameters(architecture, theta), progress.n_epochs, progress.loss)
        )
