"""One member of K networks side by side: the network that it is, and what it did in a step.

Its numbers are those of the program of all members: the loss of a row counts w_i / (K·Σw) in J, and the gradient of
what the members share is the member's part of the sum. The record of all of them goes along as `whole`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensors
from chainrule.network.records import Array, Backward, Forward, Moment, StepRecord, Update
from chainrule.reference.layers import dense_backward
from chainrule.reference.losses import value_and_delta
from chainrule.reference.propagate import over_batch, row_scales

OWN = {"scale": "member_scale"}
"""What a member has of the tensors of the input layer, and the tensor that holds it for all of them."""


def member_architecture(architecture: Architecture) -> Architecture:
    """The network that each member is: a scale layer in place of the members' scales."""
    values = architecture.to_dict()
    *before, _ = values["inputs"]
    return Architecture.from_dict({**values, "inputs": [*before, {"kind": "scale"}]})


def member_parameters(parameters: Parameters, member: int) -> Parameters:
    """The parameters of one member, copied."""
    found: Any = Parameters(member_architecture(parameters.architecture))
    L = len(found.architecture.layers)
    for l, layer in found.architecture.numbered:
        for name, _ in tensors(layer):
            array = getattr(parameters, OWN.get(name, name) if l == 0 else name)[l]
            getattr(found, name)[l][...] = array[member] if l == L or (l == 0 and name in OWN) else array
    return found


def member_record(record: StepRecord, member: int, y: Array, weight: Array | None) -> StepRecord:
    """What one member did in a step; y (n, n_outputs), weight (n,) or None: targets and weights of its rows."""
    f, b, K = record.forward, record.backward, record.forward.members

    def rows(numbered: Any, first: int) -> list[Any]:
        """Every K-th row of the layers from `first` on."""
        return [x if l < first or x is None else x[member::K] for l, x in enumerate(numbered)]

    old = Moment(*_moment(record.update.old, member))
    own = old.parameters.architecture
    z, u, a, delta, du = rows(f.z, 1), rows(f.u, 0), rows(f.a, 0), rows(b.delta, 1), rows(b.du, 0)
    masks = None if f.masks is None else rows(f.masks, 1)
    dW: list[Any] = [None]
    db: list[Any] = [None]
    for l in range(1, len(a)):
        for gradients, gradient in zip((dW, db), dense_backward(a[l - 1], old.W[l], delta[l])[:2], strict=True):
            gradients.append(gradient)
    learned: dict[str, list[Any]] = {}
    dX = b.dX
    for l, between in enumerate(old.parameters.kinds):
        if between is None:
            continue
        below, of_kind = between.kind.backward(z[l], between.tensors, du[l])
        dX = below if l == 0 else dX
        for name, gradient in of_kind.items():
            learned.setdefault(name, [None] * len(a))[l] = gradient
    scale = row_scales(weight, len(record.rows), z[-1].dtype) / z[-1].dtype.type(K)
    loss, _ = over_batch(*value_and_delta(own.loss, own.output, z[-1], a[-1], y), scale)
    backward = Backward(loss=loss, delta=delta, dW=dW, db=db, dX=dX, du=du, tensors=learned)
    by = member_parameters(record.update.gradient, member)
    update = Update(old, Moment(*_moment(record.update.new, member)), by, record.update.learning_rate)
    return replace(record, forward=Forward(z, a, masks, u), backward=backward, whole=record, update=update)


def _moment(moment: Moment, member: int) -> tuple[Parameters, dict[str, Parameters]]:
    return member_parameters(moment.parameters, member), {
        name: member_parameters(array, member) for name, array in moment.optimizer.items()
    }


def of_other_members(record: StepRecord, name: str, l: int, at: tuple[int, ...]) -> float:
    """What the other members add to the gradient of a number that the members share; 0 where they do not."""
    if record.whole is None or l == len(record.forward.a) - 1 or (l == 0 and name in OWN):
        return 0.0
    whole, own = (np.float64(r.backward.of_tensor(name)[l][at]) for r in (record.whole, record))
    return float(whole - own)
