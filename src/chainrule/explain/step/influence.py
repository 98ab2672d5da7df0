"""Which columns drove a prediction: integrated gradients of its score from the average row to the row itself.

    contribution of column c = Σ_{inputs j of c} (x_j − x̄_j) ∫₀¹ ∂s/∂x_j (x̄ + t·(x − x̄)) dt,   Σ_c = s(x) − s(x̄)

s is the prediction itself for values (in their unit), the log-odds log(p / (1 − p)) of the predicted class for
classes and labels; x̄ is the average input of the training rows. The contributions of all columns add up to what
distinguishes the prediction from that of the average row.

Source    Sundararajan, Taly, Yan (2017), Axiomatic attribution for deep networks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from chainrule.text.tables import aligned, number, wrapped
from chainrule.words import sentences

Array = npt.NDArray[Any]
MOST_COLUMNS = 12


@dataclass(frozen=True)
class Influence:
    """One column: what it holds in this row, and what it adds to the score beside the average row."""

    column: str
    value: str
    contribution: float
    n_neighbours: int = 0
    """Where it is no column: of so many nearest training rows the targets."""


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


TEXT = sentences("influence")


def contributions_text(
    prediction: str, probability: float | None, found: Sequence[Influence], score: float, baseline: float, language: str
) -> str:
    """The columns with the largest contributions first, with the numbers, and what they add up to."""
    text, is_value = TEXT[language], probability is None
    ranked = sorted(found, key=lambda entry: -abs(entry.contribution))
    shown, rest = ranked[:MOST_COLUMNS], ranked[MOST_COLUMNS:]
    rows = [
        (_cut(_named(entry, text), 32), _cut(entry.value or text["missing"], 24), _signed(entry.contribution))
        for entry in shown
    ]
    if rest:
        rows.append((text["rest"].format(n=len(rest)), "", _signed(sum(entry.contribution for entry in rest))))
    title = text["title"].format(prediction=prediction)
    if probability is not None:
        title += text["probability"].format(p=number(probability))
    rows = [(text["average"], "", number(baseline)), *rows, (text["row"], "", number(score))]
    what = text["value" if is_value else "log_odds"]
    lines = [title, "", text["table"].format(score=what), *aligned(rows), ""]
    about = [text["about_value" if is_value else "about"]]
    about += [text["about_neighbours"]] if any(entry.n_neighbours for entry in found) else []
    return "\n".join([*lines, *wrapped(" ".join(about))])


def _named(entry: Influence, text: Mapping[str, str]) -> str:
    return text["neighbours"].format(k=entry.n_neighbours) if entry.n_neighbours else entry.column


def _signed(value: float) -> str:
    return number(value) if value < 0 else f"+{number(value)}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
