"""What is true of one loss: its mathematics on every output it fits, its facts and its texts, in one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.reference.activation import Array
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.heads import Heads
from chainrule.visible import short_repr


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A loss on a given output activation; z, a and y have shape (n, n_outputs).

    Every pair has a second derivative: `dda`, or where delta is closed, a − y or its own, that of delta.

    Parameters
    ----------
    value : callable
        Called with z, a and y; gives the loss of each row, (n,).
    da : callable
        Called with a and y; gives the derivative of the loss by a.
    fused : bool, default False
        Whether the derivative by z is a − y, loss and activation in one.
    delta : callable, optional
        Called with z, a and y; gives the derivative by z, where it is not left to `da` and the activation.
    dda : callable, optional
        Called with a and y; gives the second derivative by a.
    bend : callable, optional
        Called with z, a and y; gives the derivative of its own delta by z.
    change : callable, optional
        Called with z, a, y and Rz; gives how delta changes as z moves along Rz, where outputs act on each other.
    """

    value: Callable[[Array, Array, Array], Array]
    da: Callable[[Array, Array], Array]
    fused: bool = False
    delta: Callable[[Array, Array, Array], Array] | None = None
    dda: Callable[[Array, Array], Array] | None = None
    bend: Callable[[Array, Array, Array], Array] | None = None
    change: Callable[[Array, Array, Array, Array], Array] | None = None
    __repr__ = short_repr


@dataclass(frozen=True, kw_only=True)
class Worked:
    """The loss of a row in numbers.

    Parameters
    ----------
    formula : str
        Its formula.
    term : callable
        Called with a and y of one output, or where a target has several all their a; gives the text of its term.
    around : str, default "{}"
        The expression around the sum of the terms.
    counted : callable, optional
        Called with y of the row; gives which outputs have a term. All of them where it is left out.
    """

    formula: str
    term: Callable[[Any, float], str]
    around: str = "{}"
    counted: Callable[[Array], npt.NDArray[Any]] | None = None


def filled(y: npt.NDArray[Any]) -> tuple[Array, Array]:
    """Values (n, k) in float64, missing ones the mean of their output, and that mean; outputs without any left out."""
    wide: Array = y.astype(np.float64)
    wide = wide[:, ~np.isnan(wide).all(axis=0)]
    mean: Array = np.nanmean(wide, axis=0)
    return np.where(np.isnan(wide), mean, wide), mean


def spread(targets: npt.NDArray[Any], n_outputs: int) -> float:
    """The mean distance of values from their mean, summed over the outputs; ½ of class indices."""
    if targets.ndim == 1:
        return 0.5
    y, mean = filled(targets)
    return float(np.abs(y - mean).mean(axis=0).sum())


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One loss; what has a default may be left out: explain and the circuit then show its value alone.

    Parameters
    ----------
    name : str
        Its name.
    formula : str
        The formula of one row.
    own : mapping of str to Pair
        The output activations with a pair of their own.
    anywhere : Pair, optional
        The pair on every other output that acts on each unit alone.
    with_softmax : bool, default False
        Whether `anywhere` holds on an output that mixes its units too.
    parameter : float, optional
        The number after the colon of its name: the level of a quantile loss, the γ of the focal loss.
    heads : Heads, optional
        What its outputs mean where each target has several; y of an output is then that of its target.
    distance : bool, default False
        Whether it is a distance between numbers, which classes do not have.
    of_classes : bool, default False
        Whether it compares probabilities with classes or labels.
    log_loss : bool, default False
        Whether it is −log of the probability of the truth.
    low, high : float
        The smallest and the largest y that it has a meaning for.
    expected : str, default ""
        What y it has a meaning for, in a few words.
    scale : callable, optional
        Called with the targets as engines take them and the number of outputs; gives about J of a constant output,
        which distinguishes a bad loss from one that exploded. The mean distance of y from its mean by default.
    side : callable, optional
        Called with `errors`; gives on which side of its corners every entry lies. None for a loss without corners.
    constant : callable, optional
        Called with y (n, n_outputs), which entries are not missing (they are 0 in y), and the weighted mean of each
        output; gives the loss of every entry for the best constant output.
    least : callable, optional
        Called likewise; gives the loss of every entry for a prediction as good as any, where that is not 0.
    worked : callable, optional
        Called with the output activation; gives the loss of a row in numbers, a Worked.
    gates : callable, optional
        Called with circuit, a of a unit (a list where a target has several), y, output, place; gives its terms as gates
        of a circuit.

    Examples
    --------
    >>> from chainrule.reference.losses import LOSSES
    >>> LOSSES["squared_error"].formula
    '...'
    """

    name: str
    formula: str
    own: Mapping[str, Pair] = field(default_factory=dict)
    anywhere: Pair | None = None
    with_softmax: bool = False
    parameter: float | None = None
    heads: Heads | None = None
    distance: bool = False
    of_classes: bool = False
    log_loss: bool = False
    low: float = -np.inf
    high: float = np.inf
    expected: str = ""
    scale: Callable[[npt.NDArray[Any], int], float] = spread
    side: Callable[[Array], Array] | None = None
    constant: Callable[[Array, Array, Array], Array] | None = None
    least: Callable[[Array, Array, Array], Array] | None = None
    worked: Callable[[str], Worked] | None = None
    gates: Callable[[Any, Any, float, str, int], Sequence[int]] | None = None
    __repr__ = short_repr

    @property
    def family(self) -> str:
        """The name without the parameter."""
        return self.name.partition(":")[0]

    @property
    def families(self) -> set[str]:
        """The families that an engine must have: its own, and that of its point forecast."""
        return {self.family} if self.heads is None else {self.family, self.heads.point_family}

    @property
    def n_heads(self) -> int:
        """Outputs for each target."""
        return 1 if self.heads is None else self.heads.n

    def errors(self, a: Array, y: Array) -> Array:
        """Return what the loss is a function of.

        Parameters
        ----------
        a, y : ndarray of shape (n_samples, n_outputs)
            Outputs and targets.

        Returns
        -------
        ndarray
            The differences a − y; with heads of the point forecast and every level (n_samples, n_targets, 1 + levels).

        Examples
        --------
        >>> from chainrule.reference.losses import loss_named
        >>> loss_named("huber").errors(np.array([[3.0]]), np.array([[1.0]])).tolist()
        [[2.0]]
        """
        if self.heads is None:
            return a - y
        groups, truth = self.heads.grouped(a), self.heads.grouped(y)[..., :1]
        return np.concatenate([groups[..., :1], self.heads.quantiles(groups)], axis=2) - truth

    @property
    def pairs(self) -> dict[str, Pair]:
        """The pair on every output activation that it has a meaning on, registered ones too."""
        fits = {
            name: self.anywhere
            for name, entry in ACTIVATIONS.items()
            if self.anywhere is not None and (self.with_softmax or entry.elementwise)
        }
        return {name: pair for name, pair in (fits | dict(self.own)).items() if pair is not None}

    def pair(self, output: str) -> Pair:
        """Return the pair on an output activation.

        Parameters
        ----------
        output : str
            The output activation.

        Returns
        -------
        Pair
            Value and derivatives on it.

        Raises
        ------
        KeyError
            If the loss has no meaning on it.
        """
        found = self.own.get(output)
        return self.pairs[output] if found is None else found


def sign_of(e: Array) -> Array:
    """The side of a loss with one corner, at e = 0."""
    found: Array = np.sign(e)
    return found
