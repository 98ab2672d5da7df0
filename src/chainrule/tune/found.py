"""What the laboratory found, with ways to show it: LearningRate and Suggestion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.tune import png, svg
from chainrule.tune.figure import figure
from chainrule.tune.numbers import Curve, LearningRateNumbers, SuggestionNumbers
from chainrule.tune.wording import tell

Array = npt.NDArray[Any]


class Suggestion(SuggestionNumbers):
    """What learning rate to take, by the curvature of a few batches and short real runs.

    batch_curvature: the median largest eigenvalue of the Hessian of single batches at the start, penalty
    included, in the coordinates of the update rule (see stability); stable_below: above it the rule is
    unstable at the start; proposal: half of that bound; suggested; interval: did about as well in short runs.
    """

    def text(self, language: str = "en") -> str:
        """The finding in words and numbers, in English or Korean ("ko")."""
        return tell(self, language)

    def svg(self, language: str = "en") -> str:
        """The finding as a picture in SVG: slice, tests and real runs, as far as they were done."""
        return svg.svg(figure(self), language)

    def png(self, language: str = "en") -> bytes:
        """The same picture in PNG.

        Errors    SettingsError without matplotlib, or where no font has the letters of the language
        """
        return png.png(figure(self), language)


class LearningRate(LearningRateNumbers, Suggestion):
    """What learning rate is too large, too small and right, and what says so.

    curvature: λ, the algebraically largest eigenvalue of the Hessian of J over `n_rows` rows at the start;
    curvature_residual: an eigenvalue lies that near to it; later_curvature: that of batches after 20 steps
    with the suggestion; runs: a tenth of the suggestion, the suggestion, ten times it; agree: whether the
    witnesses do, within a factor 3.
    """


def from_dict(told: Mapping[str, Any]) -> Suggestion:
    """The inverse of to_dict; what it wrote as None is inf again, but for what may be None."""
    kind = LearningRate if "curvature" in told else Suggestion
    values = {item.name: told[item.name] for item in fields(kind)}
    for name in ("race", "given_up", "slice", "range_test"):
        if name in values:
            values[name] = Curve(*(_numbers(values[name][axis]) for axis in ("learning_rate", "loss")))
    values["runs"] = {float(run["learning_rate"]): _numbers(run["loss"]) for run in told["runs"]}
    low, high = told["interval"]
    values |= {"interval": (float(low), float(high)), "hyper": dict(told["hyper"])}
    values["stable_below"] = np.inf if told["stable_below"] is None else float(told["stable_below"])
    return kind(**values)


def _numbers(column: Sequence[float | None]) -> Array:
    return np.array([np.inf if value is None else value for value in column], dtype=np.float64)
