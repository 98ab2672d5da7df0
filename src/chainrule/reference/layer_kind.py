"""What is true of one layer kind: what stands between z and the activation of a layer, in one entry.

    z = a_in @ W + b;   u = forward(z, tensors);   h = g(u) ⊙ mask;   a = h, or a_in + h

An entry holds both passes, the tensors that it learns, how it is told and where its numbers come from. All that
walks layers (engines, explain, why, check, vitals, find, the report) asks the entry and names no kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.reference.activation import Array
from chainrule.text.terms import Origin

Tensors: TypeAlias = Mapping[str, Array]
"""The tensors of one layer, or their gradients, by name."""


def one_per_unit(n_out: int) -> tuple[int]:
    """The shape of a tensor with a number for each unit."""
    return (n_out,)


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A vector that a kind learns: its name, what all its numbers start with, its shape in a layer of n_out units."""

    name: str
    start: float = 0.0
    shape: Callable[[int], tuple[int]] = one_per_unit


@dataclass(frozen=True, kw_only=True)
class LayerOfStep:
    """What one layer recorded in a step: z, u, du, delta (n, n_out), its tensors before the step, their gradients.

    rows: what the rows of the batch are called (n,).
    """

    l: int
    z: Array
    u: Array
    du: Array
    delta: Array
    tensors: Tensors
    gradients: Tensors
    rows: Any


class Share(NamedTuple):
    """What one row gives to the gradient of a tensor: the product in words and numbers, its value, and the whole."""

    words: str
    part: float
    whole: float
    name: str


@dataclass(frozen=True, kw_only=True)
class Narration:
    """How a kind is told for one row; `name` is a Notation, text the words of the entry in one language.

    Parameters
    ----------
    equations : by notation: "u", "back" and "gradients", with the slot l.
    words : by language: "says", "back_says", "gradients", and what the functions below use.
    row : (layer, row, name, words) -> lines about the row as a whole.
    unit : (layer, row, j, name) -> lines: u of a unit with its numbers.
    error : (layer, row, j, name) -> lines: delta of a unit out of the errors of u.
    gradients : (layer, row, j, name) -> the row's share of every tensor's gradient at unit j.
    diagram : by tensor: its gradient in symbols, with the slot l.
    """

    equations: Mapping[str, Mapping[str, str]]
    words: Mapping[str, Mapping[str, str]]
    row: Callable[[LayerOfStep, int, Any, Mapping[str, str]], list[str]]
    unit: Callable[[LayerOfStep, int, int, Any], list[str]]
    error: Callable[[LayerOfStep, int, int, Any], list[str]]
    gradients: Callable[[LayerOfStep, int, int, Any], list[Share]]
    diagram: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class LayerKind:
    """One layer kind. What has a default may be left out: explain and why then tell it by its two passes alone.

    Parameters
    ----------
    name : as given to `normalization`.
    label : what it is called in a sentence; call : in a formula, such as layer_norm.
    tensors : what it learns besides W and b.
    forward : (z, tensors) -> u, both (n, n_out).
    backward : (z, tensors, du) -> delta = ∂J/∂z, {name: gradient} of every tensor.
    mixes : whether u of one unit depends on z of another.
    R_forward : (z, Rz, tensors, Rtensors) -> Ru, the change of u as z and the tensors move; R_backward : (z, Rz,
        tensors, Rtensors, du, Rdu) -> Rdelta, {name: change of the gradient}. Without them: by central differences.
    jacobian : (z of a row (n_out,), tensors) -> (n_out, n_out), [j, k] what z_j does to u_k. Without: by `backward`.
    narration : how it is told.
    why : by kind of number ("u", "delta", "d" + a tensor): (layer, place, dtype) -> its origin.
    circuit : (circuit, z as gates, tensors, l) -> u as gates. Without: a network with it is not drawn as a circuit.
    """

    name: str
    forward: Callable[[Array, Tensors], Array]
    backward: Callable[[Array, Tensors, Array], tuple[Array, dict[str, Array]]]
    label: str = ""
    call: str = ""
    tensors: tuple[Tensor, ...] = ()
    mixes: bool = True
    R_forward: Callable[[Array, Array, Tensors, Tensors], Array] | None = None
    R_backward: Callable[..., tuple[Array, dict[str, Array]]] | None = None
    jacobian: Callable[[Array, Tensors], Array] | None = None
    narration: Narration | None = None
    why: Mapping[str, Callable[[LayerOfStep, tuple[int, ...], Any], Origin]] = field(default_factory=dict)
    circuit: Callable[[Any, list[int], Tensors, int], list[int]] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name)
        object.__setattr__(self, "call", self.call or self.name)

    def shapes(self, n_out: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor in a layer of n_out units, in the order of the flat vector."""
        return {tensor.name: tensor.shape(n_out) for tensor in self.tensors}

    def effect(self, z: Array, tensors: Tensors) -> Array:
        """What z of a row (n_out,) does to u: (n_out, n_out), [j, k] = ∂u_k/∂z_j."""
        if self.jacobian is not None:
            return self.jacobian(z, tensors)
        n = len(z)
        return self.backward(np.repeat(z[None, :], n, axis=0), tensors, np.eye(n, dtype=z.dtype))[0].T

    def change_forward(self, z: Array, Rz: Array, tensors: Tensors, Rtensors: Tensors) -> Array:
        """Ru: the change of u as z moves along Rz and the tensors along Rtensors."""
        if self.R_forward is not None:
            return self.R_forward(z, Rz, tensors, Rtensors)
        h = _step((z, *tensors.values()), (Rz, *Rtensors.values()))
        above, below = (self.forward(z + s * Rz, _moved(tensors, Rtensors, s)) for s in (h, -h))
        return (above - below) / (2 * h)

    def change_backward(
        self, z: Array, Rz: Array, tensors: Tensors, Rtensors: Tensors, du: Array, Rdu: Array
    ) -> tuple[Array, dict[str, Array]]:
        """Rdelta and the changes of the gradients of the tensors as z, the tensors and du move."""
        if self.R_backward is not None:
            return self.R_backward(z, Rz, tensors, Rtensors, du, Rdu)
        h = _step((z, *tensors.values(), du), (Rz, *Rtensors.values(), Rdu))
        at = [self.backward(z + s * Rz, _moved(tensors, Rtensors, s), du + s * Rdu) for s in (h, -h)]
        (above, more), (below, less) = at
        return (above - below) / (2 * h), {name: (more[name] - less[name]) / (2 * h) for name in more}


class Between(NamedTuple):
    """A kind as it stands in a layer, with its tensors there."""

    kind: LayerKind
    tensors: Tensors


def _step(at: tuple[Array, ...], along: tuple[Array, ...]) -> float:
    """Half the distance of two points of a central difference: the cube root of ε on the scale of what moves."""
    size, speed = (max(float(np.abs(x).max(initial=0.0)) for x in arrays) for arrays in (at, along))
    return 6e-6 * max(size, 1e-3) / speed if speed > 0 else 1.0


def _moved(tensors: Tensors, along: Tensors, h: float) -> dict[str, Array]:
    return {name: tensor + h * along[name] for name, tensor in tensors.items()}
