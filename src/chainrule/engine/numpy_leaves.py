"""The passes over the leaves of a batch put together: their rows side by side, their gradients added up by the tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.engine.protocol import Array
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensor_names, tensors
from chainrule.network.records import Backward, Forward
from chainrule.reference.leaves import Node, tree_sum


def flat_gradient(backward: Backward, architecture: Architecture) -> Parameters:
    """The gradient of J as one flat vector, its tensors being views."""
    gradient = Parameters(architecture)
    for l, layer in architecture.numbered:
        for name, _ in tensors(layer):
            getattr(gradient, name)[l][...] = backward.of_tensor(name)[l]
    return gradient


def sums_of(
    passed: Sequence[tuple[Forward, Backward] | None], first: int, node: Node, architecture: Architecture
) -> tuple[Array, float]:
    """Gradient and loss of a node; passed: those of leaf `first` and the ones behind it, None where it has no rows."""
    found: dict[Node, tuple[Array, float]] = {}
    for l, one in enumerate(passed[node[0] - first : node[1] - first], start=node[0]):
        if one is None:
            found[l, l + 1] = (np.zeros(architecture.n_parameters, architecture.dtype), 0.0)
        else:
            found[l, l + 1] = (flat_gradient(one[1], architecture).flat, one[1].loss)
    gradient, loss = tree_sum(found, node, lambda x, y: (x[0] + y[0], x[1] + y[1]))
    return gradient, float(loss)


def put_together(
    passed: Sequence[tuple[Forward, Backward] | None], architecture: Architecture
) -> tuple[Forward, Backward]:
    """Both passes over the whole batch, from those over all of its leaves."""
    leaves = [one for one in passed if one is not None]
    if len(passed) == 1:
        return leaves[0]
    forwards, backwards = [f for f, _ in leaves], [b for _, b in leaves]
    gradient, loss = sums_of(passed, 0, (0, len(passed)), architecture)
    g: Any = Parameters(architecture, gradient)
    masks = None if forwards[0].masks is None else _beside([f.masks for f in forwards])
    forward = Forward(
        _beside([f.z for f in forwards]),
        _beside([f.a for f in forwards]),
        masks,
        _beside([f.u for f in forwards]),
    )
    learned = {name: getattr(g, name) for name in tensor_names(architecture) if name not in ("W", "b")}
    return forward, Backward(
        loss=loss, delta=_beside([b.delta for b in backwards]), dW=g.W, db=g.b,
        dX=np.concatenate([b.dX for b in backwards]), du=_beside([b.du for b in backwards]), tensors=learned,
    )  # fmt: skip


def _beside(numbered: Sequence[Any]) -> Any:
    """Arrays of the layers, None where a layer has none, with the rows of all leaves."""
    return (
        None
        if numbered[0] is None
        else [None if of_layer[0] is None else np.concatenate(of_layer) for of_layer in zip(*numbered, strict=True)]
    )
