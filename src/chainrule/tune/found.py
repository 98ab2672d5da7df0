"""What the laboratory found, with ways to show it: LearningRate and Suggestion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import html_text
from chainrule.text.tables import number
from chainrule.tune import png, svg
from chainrule.tune.figure import figure
from chainrule.tune.numbers import Curve, LearningRateNumbers, SuggestionNumbers
from chainrule.tune.wording import described

Array = npt.NDArray[Any]


class Suggestion(SuggestionNumbers):
    """What learning rate to take, by the curvature of a few batches and short real runs.

    Attributes
    ----------
    optimizer, hyper : str, dict
        The update rule and its hyper-parameters.
    approximate : bool
        Whether the bound of this rule is approximate.
    network : str
        The sizes of the layers.
    batch_size : int
        Rows of a step.
    batch_curvature : float
        The median largest eigenvalue of the Hessian of single batches at the start, penalty included, in the
        coordinates of the update rule.
    stable_below : float
        The learning rate above which the rule is unstable at the start.
    proposal : float
        Half of that bound.
    suggested : float
        The learning rate to take.
    interval : tuple of float
        Learning rates that did about as well in short runs.
    start : float
        J at the start.
    n_steps : int
        Steps of a short run.
    race, given_up : Curve
        J at the end of the short runs; J half way of those that lagged far behind there.
    runs : dict of float to ndarray
        J of every batch of up to three real runs: one smaller, the suggestion, one larger.
    n_products, n_run_steps : int
        What it took: products of the Hessian with a vector, and steps.
    elapsed_s : float
        Seconds.
    """

    def __repr__(self) -> str:
        numbers = f"suggested={number(self.suggested)}, stable_below={number(self.stable_below)}"
        return f"{type(self).__name__}({self.optimizer}, {numbers}, network {self.network})"

    def _repr_html_(self) -> str:
        return html_text.lines(self.text()) + html_text.picture(self.svg())

    def text(self, language: str = "en") -> str:
        """Return the finding in words and numbers.

        Parameters
        ----------
        language : str, default "en"
            English "en" or Korean "ko".

        Returns
        -------
        str
            Lines of at most 80 columns.
        """
        return described(self, language)

    def svg(self, language: str = "en") -> str:
        """Return the finding as a picture in SVG.

        Parameters
        ----------
        language : str, default "en"
            English "en" or Korean "ko".

        Returns
        -------
        str
            Slice, range test and real runs, as far as they were done.
        """
        return svg.svg(figure(self), language)

    def png(self, language: str = "en") -> bytes:
        """Return the same picture in PNG.

        Parameters
        ----------
        language : str, default "en"
            English "en" or Korean "ko".

        Returns
        -------
        bytes
            The file.

        Raises
        ------
        SettingsError
            If matplotlib is missing, or no font has the letters of the language.
        """
        return png.png(figure(self), language)


class LearningRate(LearningRateNumbers, Suggestion):
    """What learning rate is too large, too small and right, and the evidence; made by `chainrule.learning_rate`.

    It has the attributes of Suggestion and these.

    Attributes
    ----------
    n_rows : int
        Rows the curvature was taken over.
    curvature : float
        λ, the algebraically largest eigenvalue of the Hessian of J over these rows at the start.
    curvature_residual : float
        An eigenvalue lies within this distance of it.
    later_curvature : float or None
        That of batches after 20 steps with the suggestion.
    slice : Curve
        J after one step along the whole gradient.
    range_test : Curve
        J of batches while the learning rate grows.
    breaks_at : float or None
        The learning rate at which the range test leaves its lowest loss for good.
    sampled : bool
        Whether runs were shorter, and rows and batches fewer, for a quick answer.

    Examples
    --------
    >>> import chainrule as cr
    >>> X = [[0.0], [1.0], [2.0], [3.0]] * 8
    >>> y = [[1.0], [3.0], [5.0], [7.0]] * 8
    >>> net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")
    >>> found = cr.learning_rate(net, X, y)
    >>> found.interval[0] <= found.suggested <= found.interval[1]
    True
    """

    __repr__ = Suggestion.__repr__


def from_dict(stored: Mapping[str, Any]) -> Suggestion:
    """The inverse of to_dict; what it wrote as None is inf again, but for what may be None."""
    kind = LearningRate if "curvature" in stored else Suggestion
    values = {item.name: stored[item.name] for item in fields(kind) if item.name in stored or item.name != "sampled"}
    for name in ("race", "given_up", "slice", "range_test"):
        if name in values:
            values[name] = Curve(*(_numbers(values[name][axis]) for axis in ("learning_rate", "loss")))
    values["runs"] = {float(run["learning_rate"]): _numbers(run["loss"]) for run in stored["runs"]}
    low, high = stored["interval"]
    values |= {"interval": (float(low), float(high)), "hyper": dict(stored["hyper"])}
    values["stable_below"] = np.inf if stored["stable_below"] is None else float(stored["stable_below"])
    return kind(**values)


def _numbers(column: Sequence[float | None]) -> Array:
    return np.array([np.inf if value is None else value for value in column], dtype=np.float64)
