"""Everything about one layer kind in one entry: a function between z and the activation of a layer, or before layer 1.

    z = a_in @ W + b;   u = forward(z, tensors);   h = g(u) ⊙ mask;   a = h, or a_in + h

A kind of the input layer (input_kinds) has the same two passes; its z is X, its u is a[0].

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
from chainrule.visible import short_repr

Tensors: TypeAlias = Mapping[str, Array]
"""The tensors of one layer, or their gradients, by name."""


def one_per_unit(n_out: int) -> tuple[int]:
    """The shape of a tensor with a number for each unit."""
    return (n_out,)


class Draw(NamedTuple):
    """How a tensor starts at random.

    Parameters
    ----------
    distribution : str
        "normal", N(0, scale²), "uniform", U(−scale, scale), or "sign", −scale or scale.
    scale : float
        The deviation, the bound, or the size.
    blocks : tuple of int, default ()
        How many neighbouring columns share each number; every column has its own where it is empty.
    center : float, default 0.0
        What is added to every number.
    """

    distribution: str
    scale: float
    blocks: tuple[int, ...] = ()
    center: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An array that a layer kind learns.

    Parameters
    ----------
    name : str
        Its name, such as "gain".
    start : float or Draw, default 0.0
        What all its numbers start with, or what they are drawn from.
    shape : callable
        Called with n_out, of a kind of the input layer with the columns it reads; gives its shape. One number per unit
        by default.
    """

    name: str
    start: float | Draw = 0.0
    shape: Callable[[int], tuple[int, ...]] = one_per_unit
    __repr__ = short_repr


@dataclass(frozen=True, kw_only=True)
class LayerOfStep:
    """What one layer with a kind recorded in a step.

    Parameters
    ----------
    l : int
        The layer, 1 … L.
    z, u, du, delta : ndarray of shape (n, n_out)
        Pre-activations, what the kind made of them, and the derivatives of J with respect to both: ∂J/∂u and ∂J/∂z.
    tensors, gradients : dict of str to ndarray
        What the kind learns before the step, and its gradients.
    rows : sequence of length n
        What the rows of the batch are called.
    """

    l: int
    z: Array
    u: Array
    du: Array
    delta: Array
    tensors: Tensors
    gradients: Tensors
    rows: Any
    __repr__ = short_repr


class Share(NamedTuple):
    """What one row gives to the gradient of a tensor.

    Parameters
    ----------
    words : str
        The product in words and numbers.
    part : float
        Its value.
    whole : float
        The gradient.
    name : str
        What the gradient is called.
    """

    words: str
    part: float
    whole: float
    name: str


@dataclass(frozen=True, kw_only=True)
class Narration:
    """How a kind is described for one row; `name` is a Notation, `words` the words of the entry in one language.

    Parameters
    ----------
    equations : mapping
        By notation: "u", "back" and "gradients", with the slot l.
    words : mapping
        By language: "says", "back_says", "gradients", and what the functions below use.
    row : callable, optional
        Called with layer, row, name, words; gives lines about the row as a whole.
    unit : callable, optional
        Called with layer, row, j, name; gives lines: u of a unit with its numbers.
    error : callable, optional
        Called with layer, row, j, name; gives lines: delta of a unit from the errors of u.
    gradients : callable, optional
        Called with layer, row, j, name; gives the row's Share of every tensor's gradient at unit j. Of what is left
        out the two passes tell.
    diagram : mapping
        By tensor: its gradient in symbols, with the slot l.
    """

    equations: Mapping[str, Mapping[str, str]]
    words: Mapping[str, Mapping[str, str]]
    row: Callable[[LayerOfStep, int, Any, Mapping[str, str]], list[str]] | None = None
    unit: Callable[[LayerOfStep, int, int, Any], list[str]] | None = None
    error: Callable[[LayerOfStep, int, int, Any], list[str]] | None = None
    gradients: Callable[[LayerOfStep, int, int, Any], list[Share]] | None = None
    diagram: Mapping[str, str] = field(default_factory=dict)
    __repr__ = short_repr


@dataclass(frozen=True, kw_only=True)
class LayerKind:
    """One layer kind; what has a default may be left out: explain and why then describe it by its two passes alone.

    Parameters
    ----------
    name : str
        As given to `normalization`.
    forward : callable
        Called with z and tensors; gives u, both of shape (n, n_out).
    backward : callable
        Called with z, tensors and du; gives delta = ∂J/∂z, and {name: gradient} of every tensor.
    label : str, default ""
        What it is called in a sentence.
    call : str, default ""
        What it is called in a formula, such as "layer_norm".
    tensors : tuple of Tensor
        What it learns besides W and b.
    mixes : bool, default True
        Whether u of one unit depends on z of another.
    R_forward : callable, optional
        Called with z, Rz, tensors, Rtensors; gives Ru, the change of u as z and the tensors move.
    R_backward : callable, optional
        Called with z, Rz, tensors, Rtensors, du, Rdu; gives Rdelta and {name: change of the gradient}. Where the two
        are left out: central differences.
    jacobian : callable, optional
        Called with z of a row (n_out,) and tensors; gives (n_out, n_out), [j, k] what z_j does to u_k. Where it is left
        out: by `backward`.
    narration : Narration, optional
        How it is described.
    why : mapping
        By kind of number ("u", "delta", "d" + a tensor): a callable of layer, place and dtype that gives its Origin.
    circuit : callable, optional
        Called with circuit, z as gates, tensors, l; gives u as gates. Where it is left out, a network with it is not
        drawn as a circuit.
    torch : str, optional
        The module of torch.nn that computes u: its constructor with the slot n for the units. None: not taken to
        PyTorch.
    torch_tensors : mapping of str to str
        What each tensor is called in that module.
    onnx : str, optional
        Nested calls of ONNX operators that make u of the tensor z and the tensors of the kind by their names. None: not
        taken to ONNX.
    c : str, optional
        A call in exported C that makes u of the row z of n numbers, with a slot for each tensor. None: not taken to C.
    width : callable, optional
        Of a kind of the input layer: called with the columns it reads; gives those it makes. As many where left out.
    side : callable, optional
        Called with z and tensors; gives on which side of its corners, where it has any, everything lies.
    of_activation : str, default ""
        The activation inside it, where it stands in for one.
    native : mapping, optional
        What the native engine must know of an embedding besides its name.
    members : int, default 1
        Of a kind of the input layer: the rows that it makes of every row.

    Examples
    --------
    >>> from chainrule.entries import LayerKind, Tensor
    >>> scale = LayerKind(
    ...     name="scale",
    ...     forward=lambda z, tensors: z * tensors["factor"],
    ...     backward=lambda z, tensors, du: (du * tensors["factor"], {"factor": (du * z).sum(axis=0)}),
    ...     tensors=(Tensor(name="factor", start=1.0),),
    ...     mixes=False,
    ... )
    >>> scale.shapes(3)
    {'factor': (3,)}
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
    torch: str | None = None
    torch_tensors: Mapping[str, str] = field(default_factory=dict)
    onnx: str | None = None
    c: str | None = None
    width: Callable[[int], int] | None = None
    side: Callable[[Array, Tensors], Any] | None = None
    of_activation: str = ""
    native: Mapping[str, Any] | None = None
    members: int = 1
    __repr__ = short_repr

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name)
        object.__setattr__(self, "call", self.call or self.name)

    def shapes(self, n_out: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor, in the order of the flat vector.

        Parameters
        ----------
        n_out : int
            Units of the layer.

        Returns
        -------
        dict of str to tuple of int
            The shape of each tensor by its name.
        """
        return {tensor.name: tensor.shape(n_out) for tensor in self.tensors}

    def effect(self, z: Array, tensors: Tensors) -> Array:
        """Return what z of a row does to u.

        Parameters
        ----------
        z : ndarray of shape (n_out,)
            The pre-activations of the row.
        tensors : dict of str to ndarray
            What the kind learns.

        Returns
        -------
        ndarray of shape (n_out, n_out)
            [j, k] = ∂u_k/∂z_j.
        """
        if self.jacobian is not None:
            return self.jacobian(z, tensors)
        n = len(z) if self.width is None else self.width(len(z))
        return self.backward(np.repeat(z[None, :], n, axis=0), tensors, np.eye(n, dtype=z.dtype))[0].T

    def change_forward(self, z: Array, Rz: Array, tensors: Tensors, Rtensors: Tensors) -> Array:
        """Return the change of u as z moves along Rz and the tensors along Rtensors.

        Parameters
        ----------
        z, Rz : ndarray of shape (n, n_out)
            Pre-activations and their direction.
        tensors, Rtensors : dict of str to ndarray
            What the kind learns, and its direction.

        Returns
        -------
        ndarray of shape (n, n_out)
            Ru, the directional derivative.
        """
        if self.R_forward is not None:
            return self.R_forward(z, Rz, tensors, Rtensors)
        dtype, (z, Rz), tensors, Rtensors = z.dtype, _wide(z, Rz), _wide_tensors(tensors), _wide_tensors(Rtensors)
        h = _step((z, *tensors.values()), (Rz, *Rtensors.values()))
        above, below = (self.forward(z + s * Rz, _moved(tensors, Rtensors, s)) for s in (h, -h))
        return ((above - below) / (2 * h)).astype(dtype)

    def change_backward(
        self, z: Array, Rz: Array, tensors: Tensors, Rtensors: Tensors, du: Array, Rdu: Array
    ) -> tuple[Array, dict[str, Array]]:
        """Return the changes of the backward pass as z, the tensors and du move.

        Parameters
        ----------
        z, Rz : ndarray of shape (n, n_out)
            Pre-activations and their direction.
        tensors, Rtensors : dict of str to ndarray
            What the kind learns, and its direction.
        du, Rdu : ndarray of shape (n, n_out)
            ∂J/∂u and its direction.

        Returns
        -------
        Rdelta : ndarray of shape (n, n_out)
            The change of delta.
        Rgradients : dict of str to ndarray
            The change of the gradient of every tensor.
        """
        if self.R_backward is not None:
            return self.R_backward(z, Rz, tensors, Rtensors, du, Rdu)
        dtype, (z, Rz, du, Rdu) = z.dtype, _wide(z, Rz, du, Rdu)
        tensors, Rtensors = _wide_tensors(tensors), _wide_tensors(Rtensors)
        h = _step((z, *tensors.values(), du), (Rz, *Rtensors.values(), Rdu))
        at = [self.backward(z + s * Rz, _moved(tensors, Rtensors, s), du + s * Rdu) for s in (h, -h)]
        (above, more), (below, less) = at
        changes = {name: ((more[name] - less[name]) / (2 * h)).astype(dtype) for name in more}
        return ((above - below) / (2 * h)).astype(dtype), changes


class Between(NamedTuple):
    """A kind within a layer, with its tensors."""

    kind: LayerKind
    tensors: Tensors

    def __repr__(self) -> str:
        return f"Between({self.kind.name}, tensors={list(self.tensors)})"


def _step(at: tuple[Array, ...], along: tuple[Array, ...]) -> float:
    """Half the distance of two points of a central difference: the cube root of ε on the scale of what moves."""
    size, speed = (max(float(np.abs(x).max(initial=0.0)) for x in arrays) for arrays in (at, along))
    return 6e-6 * max(size, 1e-3) / speed if speed > 0 else 1.0


def _wide(*arrays: Array) -> tuple[Array, ...]:
    """The arrays in float64: in float32 a difference quotient has few digits."""
    return tuple(array.astype(np.float64) for array in arrays)


def _wide_tensors(tensors: Tensors) -> dict[str, Array]:
    return {name: tensor.astype(np.float64) for name, tensor in tensors.items()}


def _moved(tensors: Tensors, along: Tensors, h: float) -> dict[str, Array]:
    return {name: tensor + h * along[name] for name, tensor in tensors.items()}
