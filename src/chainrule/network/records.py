"""Records of what was computed: the forward pass, the backward pass, one whole step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.network.parameters import Parameters
from chainrule.reference.layer_kind import LayerOfStep

Array: TypeAlias = npt.NDArray[np.floating[Any]]
Numbered: TypeAlias = list[Array]
"""Arrays numbered by layer, 0 … L; where a layer 0 has no such array, position 0 is None."""


@dataclass(frozen=True)
class Forward:
    """The forward pass: z[l], a[l] (n, n_l) for l = 1 … L, a[0] = X; masks of dropout, or None.

    u[l]: what the kind of layer l made of z[l]; None where it has none.
    """

    z: Numbered
    a: Numbered
    masks: Numbered | None = None
    u: Numbered = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.u:
            self.u.extend([None] * len(self.z))  # type: ignore[list-item]

    def pre_activation(self, l: int) -> Array:
        """What the activation of layer l is applied to: u[l] where the layer has a kind, else z[l]."""
        return self.z[l] if self.u[l] is None else self.u[l]

    @property
    def output(self) -> Array:
        """The activation of the last layer, (n, n_L)."""
        return self.a[-1]


@dataclass(frozen=True, kw_only=True)
class Backward:
    """The backward pass: J of the batch without penalty, and its gradient by everything on the way.

    delta[l] = ∂J/∂z[l] (n, n_l), dW[l] = ∂J/∂W[l], db[l] = ∂J/∂b[l], dX = ∂J/∂X (n, n_0). Where layer l has a
    kind: du[l] = ∂J/∂u[l] (n, n_l), and tensors[name][l] the gradients of what it learns, also under their names:
    dgain[l], dshift[l] (n_l,) of a normalised layer; None elsewhere.
    """

    loss: float
    delta: Numbered
    dW: Numbered
    db: Numbered
    dX: Array
    du: Numbered = field(default_factory=list)
    tensors: dict[str, Numbered] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.du:
            self.du.extend([None] * len(self.delta))  # type: ignore[list-item]
        for name in ("gain", "shift"):
            self.tensors.setdefault(name, [None] * len(self.delta))  # type: ignore[list-item]

    def __getattr__(self, name: str) -> Numbered:
        told = self.__dict__.get("tensors", {})
        if not name.startswith("d") or name[1:] not in told:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        found: Numbered = told[name[1:]]
        return found

    def of_tensor(self, name: str) -> Numbered:
        """The gradient of a tensor by its name: "W", "b", or one of a layer kind."""
        numbered: Numbered = getattr(self, f"d{name}")
        return numbered

    def by_pre_activation(self, l: int) -> Array:
        """∂J by what the activation of layer l is applied to: du[l] where the layer has a kind, else delta[l]."""
        return self.delta[l] if self.du[l] is None else self.du[l]


@dataclass(frozen=True)
class Moment:
    """The trainable state at one moment: parameters under W[l], b[l], …, and the optimizer's arrays likewise."""

    parameters: Parameters
    optimizer: dict[str, Parameters]

    @property
    def W(self) -> list[Array]:
        """Weights, W[1] … W[L]."""
        return self.parameters.W

    @property
    def b(self) -> list[Array]:
        """Biases, b[1] … b[L]."""
        return self.parameters.b

    def __getattr__(self, name: str) -> list[Array | None]:
        """A tensor of the layers' kinds by layer, such as gain; None where a layer has none."""
        if name.startswith("_") or "parameters" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        found: list[Array | None] = getattr(self.parameters, name)
        return found


@dataclass(frozen=True)
class Update:
    """The update of one step: the state before and after, the gradient after penalty and clipping, new − old."""

    old: Moment
    new: Moment
    gradient: Parameters
    learning_rate: float

    @property
    def change(self) -> Parameters:
        """new − old of every parameter."""
        return self.old.parameters.like(self.new.parameters.flat - self.old.parameters.flat)


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """Everything one step computed: its batch, both passes, the update. Steps are numbered from 0."""

    step: int
    epoch: int
    rows: npt.NDArray[np.int64]
    forward: Forward
    backward: Backward
    update: Update
    penalty: float


def layer_of_step(record: StepRecord, l: int, rows: npt.NDArray[np.int64] | None = None) -> LayerOfStep:
    """What a layer with a kind recorded in a step; rows: what its rows are called, else their numbers."""
    between = record.update.old.parameters.kinds[l]
    assert between is not None
    f, b = record.forward, record.backward
    return LayerOfStep(
        l=l, z=f.z[l], u=f.u[l], du=b.du[l], delta=b.delta[l], tensors=between.tensors,
        gradients={name: b.of_tensor(name)[l] for name in between.tensors},
        rows=record.rows if rows is None else rows,
    )  # fmt: skip
