"""Records of what was computed: the forward pass, the backward pass, one whole step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.network.parameters import Parameters
from chainrule.reference.layer_kind import LayerOfStep
from chainrule.reference.members import mean_of_members
from chainrule.visible import short_repr

Array: TypeAlias = npt.NDArray[np.floating[Any]]
Numbered: TypeAlias = list[Array]
"""Arrays numbered by layer, 0 … L; where a layer 0 has no such array, position 0 is None."""


@dataclass(frozen=True)
class Forward:
    """The forward pass of one batch of n rows through layers 1 … L; made by `Network.forward`.

    Attributes
    ----------
    z : list of ndarray of shape (n, n_l)
        Pre-activations z[1] … z[L]; position 0 is None, or X where the network has an input layer.
    a : list of ndarray of shape (n, n_l)
        Activations a[0] … a[L]; a[0] is X, or what the input layer makes of it.
    masks : list of ndarray or None
        The masks of dropout, where there is any.
    u : list of ndarray or None
        What the kind of layer l, such as a normalisation, made of z[l]; None where it has none. u[0] is a[0].

    Examples
    --------
    >>> import chainrule as cr
    >>> forward = cr.Network([2, 3, 1], output="sigmoid").forward([[0.0, 1.0]])
    >>> forward.z[1].shape, forward.output.shape
    ((1, 3), (1, 1))
    """

    z: Numbered
    a: Numbered
    masks: Numbered | None = None
    u: Numbered = field(default_factory=list)
    __repr__ = short_repr

    def __post_init__(self) -> None:
        if not self.u:
            self.u.extend([None] * len(self.z))  # type: ignore[list-item]

    def pre_activation(self, l: int) -> Array:
        """Return what the activation of layer l is applied to: u[l] where the layer has a kind, else z[l].

        Parameters
        ----------
        l : int
            The layer, 1 … L.

        Returns
        -------
        ndarray of shape (n, n_l)
            The pre-activations.
        """
        return self.z[l] if self.u[l] is None else self.u[l]

    @property
    def members(self) -> int:
        """K of networks side by side: arrays of layers 0 … L have n·K rows, i·K + k being row i of member k."""
        n = 0 if self.z[0] is None else len(self.z[0])
        return len(self.a[-1]) // n if n else 1

    @property
    def output(self) -> Array:
        """The activation of the last layer, (n, n_L); of networks side by side their mean."""
        return mean_of_members(self.a[-1], self.members)


@dataclass(frozen=True, kw_only=True)
class Backward:
    """The backward pass: J of the batch without penalty, and its gradient; made by `Network.backward`.

    Attributes
    ----------
    loss : float
        J, the weighted mean over the rows.
    delta : list of ndarray of shape (n, n_l)
        ∂J/∂z[l], l = 1 … L; position 0 of every list is None.
    dW : list of ndarray of shape (n_in, n_out)
        ∂J/∂W[l].
    db : list of ndarray of shape (n_out,)
        ∂J/∂b[l].
    dX : ndarray of shape (n, n_0)
        ∂J/∂X.
    du : list of ndarray or None
        ∂J/∂u[l] of layers with a kind; du[0] = ∂J/∂a[0] where the network has an input layer.
    tensors : dict of str to list
        The gradients of what layer kinds learn, by name and layer; also as `dgain`, `dshift`, ….

    Examples
    --------
    >>> import chainrule as cr
    >>> backward = cr.Network([2, 3, 1], output="sigmoid").backward([[0.0, 1.0]], [1])
    >>> backward.dW[1].shape, backward.db[2].shape
    ((2, 3), (1,))
    """

    loss: float
    delta: Numbered
    dW: Numbered
    db: Numbered
    dX: Array
    du: Numbered = field(default_factory=list)
    tensors: dict[str, Numbered] = field(default_factory=dict)
    __repr__ = short_repr

    def __post_init__(self) -> None:
        if not self.du:
            self.du.extend([None] * len(self.delta))  # type: ignore[list-item]
        for name in ("gain", "shift"):
            self.tensors.setdefault(name, [None] * len(self.delta))  # type: ignore[list-item]

    def __getattr__(self, name: str) -> Numbered:
        result = self.__dict__.get("tensors", {})
        if not name.startswith("d") or name[1:] not in result:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        found: Numbered = result[name[1:]]
        return found

    def of_tensor(self, name: str) -> Numbered:
        """Return the gradient of a tensor by its name.

        Parameters
        ----------
        name : str
            "W", "b", or a tensor of a layer kind.

        Returns
        -------
        list of ndarray
            The gradient of every layer; None where a layer has no such tensor.
        """
        numbered: Numbered = getattr(self, f"d{name}")
        return numbered

    def by_pre_activation(self, l: int) -> Array:
        """Return ∂J by what the activation of layer l is applied to.

        Parameters
        ----------
        l : int
            The layer, 1 … L.

        Returns
        -------
        ndarray of shape (n, n_l)
            The derivative by u[l] where the layer has a kind, else delta[l].
        """
        return self.delta[l] if self.du[l] is None else self.du[l]


@dataclass(frozen=True)
class Moment:
    """The trainable state at one moment: parameters, and the optimizer's arrays likewise.

    Attributes
    ----------
    parameters : Parameters
        W[l], b[l] and what layer kinds learn.
    optimizer : dict of str to Parameters
        The optimizer's arrays, such as "m" and "v" of Adam.
    """

    parameters: Parameters
    optimizer: dict[str, Parameters]
    __repr__ = short_repr

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
    """The update of one step.

    Attributes
    ----------
    old, new : Moment
        The state before and after.
    gradient : Parameters
        The gradient after penalty and clipping.
    learning_rate : float
        η of this step.
    """

    old: Moment
    new: Moment
    gradient: Parameters
    learning_rate: float
    __repr__ = short_repr

    @property
    def change(self) -> Parameters:
        """The new parameters minus the old ones."""
        return self.old.parameters.like(self.new.parameters.flat - self.old.parameters.flat)


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """Everything one step computed: its batch, both passes, the update.

    Attributes
    ----------
    step, epoch : int
        Which one, both from 0.
    rows : ndarray of shape (n,)
        The rows of the batch.
    forward : Forward
        The forward pass.
    backward : Backward
        The backward pass.
    update : Update
        The update.
    penalty : float
        What L1 and L2 add to J.
    whole : StepRecord or None
        Of one member of networks side by side: the record of all of them.
    """

    step: int
    epoch: int
    rows: npt.NDArray[np.int64]
    forward: Forward
    backward: Backward
    update: Update
    penalty: float
    whole: StepRecord | None = None
    __repr__ = short_repr


def layer_of_step(record: StepRecord, l: int, rows: npt.NDArray[np.int64] | None = None) -> LayerOfStep:
    """What a layer with a kind recorded in a step; rows: what its rows are called, else their numbers."""
    between = record.update.old.parameters.kinds[l]
    assert between is not None
    f, b = record.forward, record.backward
    return LayerOfStep(
        l=l, z=f.z[l], u=f.u[l], du=b.du[l], delta=b.delta[l] if l else b.dX, tensors=between.tensors,
        gradients={name: b.of_tensor(name)[l] for name in between.tensors},
        rows=record.rows if rows is None else rows,
    )  # fmt: skip
