"""Wrong ways through a step that learners take: the same passes with one thing changed.

Each way is the reference with other arguments (g′ forgotten: every activation is the identity on the way back), so what
comes out wrong further down comes out wrong here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.exercises.entry import Entry
from chainrule.exercises.problem import Array, GivenStep, WorkedStep, backwards, descend, updated
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layers import dense_forward
from chainrule.reference.losses import loss_named
from chainrule.reference.propagate import Activations, batch_loss

Layer = Callable[[int], tuple[Any, Any]]
Way = Callable[[GivenStep, WorkedStep], Iterator[WorkedStep]]


def _passed(step: WorkedStep) -> Activations:
    return Activations(list(step.z), [None] * len(step.z), list(step.a))


def _last_delta(given: GivenStep, right: WorkedStep, scales: Array) -> tuple[float, Any]:
    last, architecture = given.n_layers, given.architecture
    return batch_loss(right.z[last], right.a[last], given.y, scales, architecture.loss, architecture.output)


def _forward(given: GivenStep, right: WorkedStep, layer: Layer) -> WorkedStep:
    """Every layer computed in another way, each from the right numbers below it."""
    z, a = list(right.z), list(right.a)
    for l in range(1, given.n_layers + 1):
        z[l], a[l] = layer(l)
    return replace(right, z=z, a=a)


def no_bias(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """z without b."""
    yield _forward(
        given, right, lambda l: dense_forward(right.a[l - 1], given.W[l], 0 * given.b[l], given.activations[l])
    )


def no_activation(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """a = z; z of the layer above from z instead of a."""
    yield replace(right, a=right.z)
    yield _forward(
        given,
        right,
        lambda l: dense_forward(right.a[0] if l == 1 else right.z[l - 1], given.W[l], given.b[l], given.activations[l]),
    )


def _is_square(W: Any) -> bool:
    return W is not None and W.shape[0] == W.shape[1] and W.shape[0] > 1


def transposed(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """W where its transpose belongs, in either pass; dW with its indices exchanged."""
    turned = [W.T if _is_square(W) else W for W in given.W[1:]]
    W = [None, *turned]
    yield _forward(given, right, lambda l: dense_forward(right.a[l - 1], W[l], given.b[l], given.activations[l]))
    yield backwards(given, _passed(right), right.loss, right.delta[-1], W=W)
    dW = [None, *(g.T if _is_square(g) else g for g in right.dW[1:])]
    yield updated(given, _passed(right), right.loss, right.delta, dW, right.db)


def _without_slope(given: GivenStep, right: WorkedStep) -> Array:
    """delta of the output layer without g′, where it has one."""
    pair = loss_named(given.architecture.loss).pair(given.architecture.output)
    if pair.fused or pair.delta is not None:
        return np.asarray(right.delta[-1])
    return np.asarray(pair.da(right.a[-1], given.y) * given.scales[:, None])


def no_slope(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """g′ forgotten, in one layer or in all."""
    last, flat = given.n_layers, _without_slope(given, right)
    passed, names = _passed(right), given.activations
    for l in range(1, last):
        yield backwards(
            given, passed, right.loss, right.delta[-1],
            activations=["identity" if k == l else name for k, name in enumerate(names)],
        )  # fmt: skip
    yield backwards(given, passed, right.loss, flat)
    yield backwards(given, passed, right.loss, flat, activations=["identity"] * (last + 1))


def value_for_slope(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """g(z) in the place of g′(z): delta = da ⊙ a."""
    delta = list(right.delta)
    for l in range(given.n_layers - 1, 0, -1):
        delta[l] = (right.delta[l + 1] @ given.W[l + 1].T) * right.a[l]
    yield _from_deltas(given, right, delta)


def extra_slope(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """g′ of the output although loss and output cancel it (delta = a − y)."""
    output = ACTIVATIONS[given.architecture.output]
    if loss_named(given.architecture.loss).pair(output.name).fused and not output.straight:
        delta: Any = output.pullback(right.z[-1], right.a[-1], right.delta[-1])
        yield backwards(given, _passed(right), right.loss, delta)


def no_weights(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """The weights left out on the way back: delta = Σ delta above ⊙ g′."""
    ones = [None, *(np.ones_like(W) for W in given.W[1:])]
    yield backwards(given, _passed(right), right.loss, right.delta[-1], W=ones)


def new_weights(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """The error taken down through weights that were updated before."""
    yield backwards(given, _passed(right), right.loss, right.delta[-1], W=right.W)


def no_mean(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """1/n missing: the sum over the rows in place of the mean."""
    loss, delta = _last_delta(given, right, np.ones(len(given.X)))
    yield backwards(given, _passed(right), loss, delta)


def one_row(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """One row of the batch counted, the others left out; with its share of 1/n or without."""
    for i in range(len(given.X) if len(given.X) > 1 else 0):
        for share in (given.scales[i], 1.0):
            loss, delta = _last_delta(given, right, share * np.eye(len(given.X))[i])
            found = backwards(given, _passed(right), loss, delta)
            yield replace(found, delta=right.delta)


def no_half(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """½ of the squared error missing."""
    if "½" in loss_named(given.architecture.loss).formula:
        yield backwards(given, _passed(right), 2 * right.loss, 2 * right.delta[-1])


def inputs_before_activation(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """dW from z of the layer below in place of a."""
    below = [right.a[0], *right.z[1:]]
    dW = [None, *(below[l - 1].T @ right.delta[l] for l in range(1, given.n_layers + 1))]
    yield updated(given, _passed(right), right.loss, right.delta, dW, right.db)


def wrong_sign(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """y − a in place of a − y; a step up the gradient; any number with the other sign."""
    yield backwards(given, _passed(right), right.loss, -right.delta[-1])
    yield replace(right, **_opposite(right))


def _opposite(step: WorkedStep) -> dict[str, Any]:
    found = {name: [x if x is None else -x for x in getattr(step, name)] for name in ("z", "a", "delta", "dW", "db")}
    return {**found, "loss": -step.loss}


def no_learning_rate(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """η forgotten: W − dW."""
    yield replace(right, **_moved(given, right, lambda old, g: descend(given, old, g, learning_rate=1.0)))


def only_the_change(given: GivenStep, right: WorkedStep) -> Iterator[WorkedStep]:
    """η·dW, or −η·dW, in place of the new weight."""
    yield replace(right, **_moved(given, right, lambda old, g: descend(given, 0 * old, g)))
    yield replace(right, **_moved(given, right, lambda old, g: -descend(given, 0 * old, g)))


def _moved(given: GivenStep, right: WorkedStep, how: Callable[[Array, Array], Array]) -> dict[str, Any]:
    return {
        "W": [None, *map(how, given.W[1:], right.dW[1:])],
        "b": [None, *map(how, given.b[1:], right.db[1:])],
    }


def _from_deltas(given: GivenStep, right: WorkedStep, delta: list[Any]) -> WorkedStep:
    dW = [None, *(right.a[l - 1].T @ delta[l] for l in range(1, len(delta)))]
    db = [None, *(error.sum(axis=0) for error in delta[1:])]
    return updated(given, _passed(right), right.loss, delta, dW, db)


MISTAKES: dict[str, Way] = {
    "no_bias": no_bias,
    "no_activation": no_activation,
    "no_learning_rate": no_learning_rate,
    "only_the_change": only_the_change,
    "no_slope": no_slope,
    "wrong_sign": wrong_sign,
    "transposed": transposed,
    "no_mean": no_mean,
    "extra_slope": extra_slope,
    "no_half": no_half,
    "one_row": one_row,
    "inputs_before_activation": inputs_before_activation,
    "value_for_slope": value_for_slope,
    "no_weights": no_weights,
    "new_weights": new_weights,
}
"""By name, the likelier ones first: of several that give the same number the first is named."""


def tolerance(entry: Entry, given: GivenStep, right: WorkedStep) -> float:
    """How far an answer may be from the right one: 0.5 % (of the change, after the update) and 0.0002, so that numbers
    may be rounded to four decimals on the way."""
    return 0.0002 + 0.005 * abs(worked_out(entry, given, right))


def worked_out(entry: Entry, given: GivenStep, right: WorkedStep) -> float:
    """The number, or after the update its change: what there is to compute."""
    old = float(getattr(given, entry.quantity)[entry.layer][entry.at]) if entry.quantity in ("W", "b") else 0.0
    return entry.of(right) - old


def wrong_values(entry: Entry, given: GivenStep, right: WorkedStep) -> list[tuple[str, float]]:
    """(mistake, the number it gives) for every mistake that changes this number; each number once."""
    value, near = entry.of(right), tolerance(entry, given, right)
    found: list[tuple[str, float]] = []
    for name, way in MISTAKES.items():
        for step in way(given, right):
            wrong = entry.of(step)
            if np.isfinite(wrong) and abs(wrong - value) > near and all(wrong != other for _, other in found):
                found.append((name, wrong))
    return found
