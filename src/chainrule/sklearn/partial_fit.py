"""partial_fit as a method that only some settings have, in the way that hasattr and scikit-learn's checks ask for."""

from __future__ import annotations

from functools import update_wrapper
from types import MethodType
from typing import Any

STOCHASTIC = ("sgd", "adam")


class NotByPartsError(AttributeError, ValueError):
    """partial_fit does not exist: calling it raises ValueError, testing for it AttributeError."""


class ByPartsOnly:
    """A method that is there where the settings allow a fit by parts: by sgd or adam, without early stopping."""

    def __init__(self, method: Any) -> None:
        self._method = method
        update_wrapper(self, method)  # type: ignore[arg-type]

    def __get__(self, estimator: Any, owner: Any = None) -> Any:
        if estimator is None:
            return self._method
        if estimator.solver not in STOCHASTIC:
            raise NotByPartsError(
                f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
            )
        if estimator.early_stopping:
            raise NotByPartsError("partial_fit does not support early_stopping=True")
        return MethodType(self._method, estimator)
