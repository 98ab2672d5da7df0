"""Which columns drove a prediction: the gradient of its score times how far each input is from the average row.

    contribution of column c = Σ_{inputs j of c} ∂s/∂x_j · (x_j − x̄_j)

s is the prediction itself for values (in their unit), the log-odds log(p / (1 − p)) of the predicted class for
classes and labels; x̄ is the average input of the training rows. It is a local linear view: exact for a network
without hidden layers, elsewhere the slope at this row, which may differ far from it.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def by_column(gradient: Array, distance: Array, widths: Sequence[int]) -> Array:
    """Contributions (n_columns,) of one row: gradient ⊙ distance, summed over the inputs of each column."""
    ends = np.cumsum(widths)
    return np.array([part.sum() for part in np.split(gradient * distance, ends[:-1])])


TEXT = sentences("influence")


def contributions_text(prediction: str, probability: float | None, found: Sequence[Influence], language: str) -> str:
    """The columns with the largest contributions first, with the numbers, and what they are."""
    text, is_value = TEXT[language], probability is None
    ranked = sorted(found, key=lambda entry: -abs(entry.contribution))
    shown, rest = ranked[:MOST_COLUMNS], ranked[MOST_COLUMNS:]
    rows = [
        (_cut(entry.column, 32), _cut(entry.value or text["missing"], 24), _signed(entry.contribution))
        for entry in shown
    ]
    if rest:
        rows.append((text["rest"].format(n=len(rest)), "", _signed(sum(entry.contribution for entry in rest))))
    title = text["title"].format(prediction=prediction)
    if probability is not None:
        title += text["probability"].format(p=number(probability))
    score = text["value" if is_value else "log_odds"]
    lines = [title, "", text["table"].format(score=score), *aligned(rows), ""]
    return "\n".join([*lines, *wrapped(text["about_value" if is_value else "about"])])


def _signed(value: float) -> str:
    return number(value) if value < 0 else f"+{number(value)}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
