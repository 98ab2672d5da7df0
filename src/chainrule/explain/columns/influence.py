"""Which columns drove a prediction: integrated gradients of its score from the average row to the row itself.

    contribution of column c = Σ_{inputs j of c} (x_j − x̄_j) ∫₀¹ ∂s/∂x_j (x̄ + t·(x − x̄)) dt,   Σ_c = s(x) − s(x̄)

s is the prediction itself for values (in their unit), the log-odds log(p / (1 − p)) of the predicted class for
classes and labels; x̄ is the average input of the training rows. The contributions of all columns add up to what
distinguishes the prediction from that of the average row.

Source    Sundararajan, Taly, Yan (2017), Axiomatic attribution for deep networks
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.network.records import Forward
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layer_kind import Between
from chainrule.reference.propagate import Activations, backward

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Influence:
    """One column of a row: its value, and what it adds to the score; a part of a `TargetContributions`.

    Attributes
    ----------
    column : str
        Its name; "neighbours" for the nearest training rows.
    value : str
        Its cell in this row; "" where that is missing.
    contribution : float
        In the unit of the score.
    n_neighbours : int
        For "neighbours", how many training rows were looked up; 0 for a column.
    """

    column: str
    value: str
    contribution: float
    n_neighbours: int = 0


@dataclass(frozen=True)
class Attribution:
    """What each input adds to the score of a row, beside the score of the average row."""

    inputs: Array
    """(n_inputs,): their sum is score − baseline."""
    score: float
    baseline: float


NODES = (16, 64, 256)
"""Points on the way from the average row, more where the contributions do not add up yet."""
CLOSE_ENOUGH = 1e-3
"""Of the difference of the scores; what is missing is shared out in proportion."""


def integrated_gradients(
    forward: Callable[[Array], Forward], parameters: Parameters, x: Array, average: Array, output: int,
    score: Callable[[Forward], Array], slope: Callable[[Forward], Array], *, log_odds: bool,
) -> Attribution:  # fmt: skip
    """The contributions of the inputs of one row.

    Args      x, average (n_inputs,); score: s of rows; slope: ∂s/∂a_k of rows, or ∂s/∂log(a_k / (1 − a_k))
    """
    dtype, distance = parameters.flat.dtype, x.astype(np.float64) - average
    ends = score(forward(np.stack([average, x]).astype(dtype)))
    baseline, whole = float(ends[0]), float(ends[1])
    parts = np.zeros(len(x))
    for n in NODES:
        nodes, weights = np.polynomial.legendre.leggauss(n)
        points = forward((average + (nodes[:, None] + 1) / 2 * distance).astype(dtype))
        gradient = score_gradient(parameters, points, output, log_odds=log_odds) * slope(points)[:, None]
        parts = (weights[:, None] / 2 * gradient).sum(axis=0) * distance
        if abs(parts.sum() - (whole - baseline)) <= CLOSE_ENOUGH * abs(whole - baseline):
            break
    size = np.abs(parts).sum()
    if size > 0:
        parts = parts + (whole - baseline - parts.sum()) * np.abs(parts) / size
    return Attribution(parts, whole, baseline)


def log_odds_of(forward: Forward, output: int, softmax: bool) -> Array:
    """log(p_k / (1 − p_k)) of each row from z, where it keeps its digits however sure the network is."""
    z = forward.z[-1].astype(np.float64)
    if not softmax:
        return z[:, output]
    others = np.delete(z, output, axis=1)
    top = others.max(axis=1)
    result: Array = z[:, output] - top - np.log(np.exp(others - top[:, None]).sum(axis=1))
    return result


def score_gradient(parameters: Parameters, forward: Forward, output: int, *, log_odds: bool) -> Array:
    """∂s/∂x (n, n_inputs) of each row: s = a_k, or log(a_k / (1 − a_k)) for a probability a_k.

    delta_L = ∂s/∂z_L, then backward propagation down to X
    """
    architecture = parameters.architecture
    z, a = forward.z[-1].astype(np.float64), forward.a[-1].astype(np.float64)
    delta: Array = np.zeros_like(a)
    if log_odds and not ACTIVATIONS[architecture.output].elementwise:
        # ∂/∂z_j log(p_k / (1 − p_k)): 1 for k, −p_j / (1 − p_k) elsewhere; free of the division by a small p_k.
        others = np.delete(z, output, axis=1)
        share = np.exp(others - others.max(axis=1, keepdims=True))
        delta[:, np.arange(z.shape[1]) != output] = -share / share.sum(axis=1, keepdims=True)
        delta[:, output] = 1.0
    elif log_odds:
        delta[:, output] = 1.0  # log(σ(z) / (1 − σ(z))) = z
    else:
        one = np.zeros_like(a)
        one[:, output] = 1.0
        delta = ACTIVATIONS[architecture.output].pullback(z, a, one)
    return _to_inputs(architecture, parameters, forward, delta)


def _to_inputs(architecture: Architecture, parameters: Parameters, forward: Forward, delta: Array) -> Array:
    """dX of the backward pass that begins with this delta, in float64."""

    def wide(arrays: Sequence[Any]) -> list[Any]:
        return [None if array is None else array.astype(np.float64) for array in arrays]

    passed = Activations(wide(forward.z), wide(forward.u), wide(forward.a))
    return backward(
        passed,
        wide(parameters.W),
        delta,
        architecture.activations,
        kinds=_wide_kinds(parameters),
        residual=architecture.residuals,
    ).dX


def _wide_kinds(parameters: Parameters) -> list[Between | None]:
    """The kinds of the layers with their tensors in float64."""
    return [
        None if b is None else Between(b.kind, {name: t.astype(np.float64) for name, t in b.tensors.items()})
        for b in parameters.kinds
    ]


def by_column(contributions: Array, widths: Sequence[int]) -> Array:
    """Contributions (n_columns,): those of the inputs of each column together; further inputs belong to none."""
    ends = np.cumsum(widths)
    return np.array([part.sum() for part in np.split(contributions, ends)[:-1]])
