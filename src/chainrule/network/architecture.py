"""The architecture: which layers, with which activations, judged by which loss, in which precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import SettingsError, unknown_name
from chainrule.network.hidden_layers import (
    checked_normalizations,
    checked_residuals,
    parametric_kinds,
    per_hidden_layer,
)
from chainrule.network.input_layer import InputLayer
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layer_kind import LayerKind
from chainrule.reference.layer_kinds import LAYER_KINDS
from chainrule.reference.losses import loss_named
from chainrule.reference.small_numbers import KNOWN_RULES, RULES, threshold

DTYPES = ("float32", "float64")
MAX_UNITS = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Dense:
    """A fully connected layer: z = a_in @ W + b, u = z or what its kind makes of z, a = g(u) or a_in + g(u).

    Attributes
    ----------
    n_in, n_out : int
        Units of the layer below, and of this one.
    activation : str
        The name of g.
    normalization : str or None
        A name in LAYER_KINDS, or None.
    residual : bool
        Whether a_in is added.
    members : int
        How many W and b there are: above 1 where every member of K networks side by side has its own.

    Examples
    --------
    >>> import chainrule as cr
    >>> layer = cr.Network([2, 3, 1], output="sigmoid").architecture.layers[0]
    >>> layer.n_parameters, layer.tensors  # 2·3 + 3
    (9, {'W': (2, 3), 'b': (3,)})
    """

    n_in: int
    n_out: int
    activation: str
    normalization: str | None = None
    residual: bool = False
    members: int = 1

    @cached_property
    def n_parameters(self) -> int:
        """Entries of W and b, and of what the layer's kind learns."""
        return sum(prod(shape) for shape in self.tensors.values())

    @property
    def kind(self) -> LayerKind | None:
        """The layer kind between z and the activation, or None."""
        return None if self.normalization is None else LAYER_KINDS[self.normalization]

    @cached_property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor, in the order of the flat vector."""
        of = () if self.members == 1 else (self.members,)
        fields: dict[str, tuple[int, ...]] = {"W": (*of, self.n_in, self.n_out), "b": (*of, self.n_out)}
        return fields if self.kind is None else fields | self.kind.shapes(self.n_out)


@dataclass(frozen=True)
class Architecture:
    """A checked feed-forward network: layers 1 … L, the loss and the dtype; made by `build`.

    Attributes
    ----------
    layers : tuple of Dense
        The layers.
    loss : str
        The loss.
    dtype : str
        The precision, "float32" or "float64".
    rules : int
        Which numbers count: 1, all of them, as in trainings by the first versions; 2, those from `small` on.
    inputs : InputLayer or None
        What makes a[0] of X; None where a[0] is X.

    Examples
    --------
    >>> import chainrule as cr
    >>> architecture = cr.Network([4, 8, 3]).architecture
    >>> architecture.sizes, architecture.n_parameters  # 4·8 + 8 + 8·3 + 3
    ((4, 8, 3), 67)
    """

    layers: tuple[Dense, ...]
    loss: str
    dtype: str
    rules: int = RULES
    inputs: InputLayer | None = None

    def __repr__(self) -> str:
        return f"Architecture({self}, {self.hidden}, output={self.output}, loss={self.loss}, {self.dtype})"

    @classmethod
    def build(
        cls,
        sizes: Sequence[int],
        activation: str | Sequence[str] = "relu",
        output: str = "softmax",
        loss: str = "cross_entropy",
        dtype: str = "float32",
        normalization: str | Sequence[str | None] | None = None,
        residual: bool | Sequence[bool] = False,
        rules: int = RULES,
        inputs: Sequence[Mapping[str, Any]] = (),
        parametric: bool = False,
    ) -> Architecture:
        """Make the architecture of layers of the given sizes.

        Parameters
        ----------
        sizes : sequence of int
            Units of each layer, the inputs first and the outputs last.
        activation : str or sequence of str, default "relu"
            One name, or one per hidden layer.
        output : str, default "softmax"
            The activation of the last layer.
        loss : str, default "cross_entropy"
            The loss.
        dtype : str, default "float32"
            The precision, "float32" or "float64".
        normalization : str or sequence, default None
            One name or None, or one of them per hidden layer.
        residual : bool or sequence of bool, default False
            True for every hidden layer with as many units as the layer below it, or one value per hidden layer.
        rules : int, default 2
            Which numbers count (docs/notation.md, "Small numbers").
        inputs : sequence of mapping, default ()
            The kinds of the input layer in their order, each with its name as "kind" and its options.
        parametric : bool, default False
            True puts the parametric kind of every hidden activation in its place.

        Returns
        -------
        Architecture
            The architecture, checked.

        Raises
        ------
        SettingsError
            If a name is unknown, a size is below 1, loss and output activation do not go together (the legal ones are
            named), a softmax has a single output, or a residual connection changes the number of units.
        """
        sizes = checked_sizes(sizes)
        n_hidden = len(sizes) - 2
        hidden = per_hidden_layer("activation", activation, n_hidden)
        if parametric:
            normalization, hidden = parametric_kinds(parametric, normalization, hidden)
        kinds = checked_normalizations(normalization, n_hidden)
        skips = checked_residuals(residual, sizes)
        before = InputLayer.build(sizes[0], inputs)
        read = [sizes[0] if before is None else before.n_out, *sizes[1:]]  # by each layer; the last is what it makes
        names = [*hidden, output]
        for name in names if n_hidden else [activation, output] if isinstance(activation, str) else names:
            if name not in ACTIVATIONS:
                raise unknown_name("activation", name, ACTIVATIONS)
        layers = tuple(
            Dense(n_in=n_in, n_out=n_out, activation=name, normalization=kind, residual=skip)
            for (n_in, n_out), name, kind, skip in zip(
                pairwise(read), names, [*kinds, None], [*skips, False], strict=True
            )
        )
        if before is not None and before.members > 1:
            layers = (*layers[:-1], replace(layers[-1], members=before.members))
        loss = _check_output(layers[-1], loss)
        if str(dtype) not in DTYPES and getattr(dtype, "__name__", None) not in DTYPES:
            raise unknown_name("dtype", dtype, DTYPES)
        return cls(layers, loss, np.dtype(dtype).name, _known(rules), before)

    @cached_property
    def small(self) -> float:
        """What a number must reach to count (docs/notation.md, "Small numbers"); 0 by the first rules."""
        return threshold(self.rules, self.dtype)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, the input first: the columns of X."""
        return (self.n_inputs, *(layer.n_out for layer in self.layers))

    @cached_property
    def numbered(self) -> tuple[tuple[int, Dense | InputLayer], ...]:
        """Everything that has parameters, with its number: layers 1 … L, and before them 0 where X passes one."""
        layers: list[tuple[int, Dense | InputLayer]] = list(enumerate(self.layers, start=1))
        return tuple(layers if self.inputs is None else [(0, self.inputs), *layers])

    @property
    def activations(self) -> tuple[str | None, ...]:
        """Activation names numbered like the layers: position 0 is None."""
        return (None, *(layer.activation for layer in self.layers))

    @property
    def residuals(self) -> tuple[bool, ...]:
        """Whether a layer adds its input, numbered like the layers: position 0 is False."""
        return (False, *(layer.residual for layer in self.layers))

    @property
    def output(self) -> str:
        """The activation of the output layer."""
        return self.layers[-1].activation

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return self.layers[0].n_in if self.inputs is None else self.inputs.n_in

    @property
    def n_outputs(self) -> int:
        """Units of the output layer."""
        return self.layers[-1].n_out

    @property
    def members(self) -> int:
        """How many networks side by side it is: rows of layers 1 … L for every row of X."""
        return 1 if self.inputs is None else self.inputs.members

    @property
    def n_parameters(self) -> int:
        """Length of the flat parameter vector."""
        return sum(layer.n_parameters for _, layer in self.numbered)

    @property
    def hidden(self) -> str:
        """What the hidden layers are made of, in a few words."""
        names = list(dict.fromkeys(layer.activation for layer in self.layers[:-1])) or ["no hidden layer"]
        names += dict.fromkeys(layer.kind.label for layer in self.layers if layer.kind is not None)
        names += [] if self.inputs is None else [kind.label for kind in self.inputs.kinds]
        return ", ".join([*names, *(["residual"] if any(self.residuals) else [])])

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes))

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as plain JSON values.

        Returns
        -------
        dict
            Sizes, activations, loss and dtype; what no layer has is left out.
        """
        fields: dict[str, Any] = {
            "sizes": list(self.sizes),
            "activations": [layer.activation for layer in self.layers],
            "loss": self.loss,
            "dtype": self.dtype,
        }
        if self.rules > 1:
            fields["rules"] = self.rules
        hidden = self.layers[:-1]
        if any(layer.normalization for layer in hidden):
            fields["normalization"] = [layer.normalization for layer in hidden]
        if any(layer.residual for layer in hidden):
            fields["residual"] = [layer.residual for layer in hidden]
        if self.inputs is not None:
            fields["inputs"] = self.inputs.to_list()
        return fields

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Architecture:
        """Return the architecture that `to_dict` wrote, checked as if built by hand.

        Parameters
        ----------
        values : mapping
            What `to_dict` gave.

        Returns
        -------
        Architecture
            The same architecture.
        """
        *hidden, output = values["activations"]
        return cls.build(
            values["sizes"], hidden, output, values["loss"], values["dtype"],
            values.get("normalization"), values.get("residual", False), values.get("rules", 1),
            values.get("inputs", ()),
        )  # fmt: skip


def _known(rules: int) -> int:
    if rules not in KNOWN_RULES:
        raise SettingsError(
            f"rules={rules!r}: must be {' or '.join(map(str, KNOWN_RULES))}; what was trained by later rules needs a "
            "later chainrule. Install it."
        )
    return rules


def checked_sizes(sizes: Sequence[int]) -> list[int]:
    """The sizes as whole numbers; SettingsError for anything else."""
    try:
        whole = [int(size) for size in sizes]
        exact = all(int(size) == size for size in sizes) and not any(isinstance(size, bool) for size in sizes)
    except (TypeError, ValueError, OverflowError):
        whole, exact = [], False
    if not exact or len(whole) < 2 or not all(0 < size <= MAX_UNITS for size in whole):
        raise SettingsError(
            f"sizes {sizes!r} must be at least two integers from 1 to {MAX_UNITS}, "
            "the inputs first and the outputs last, such as [784, 30, 10]."
        )
    return whole


def _check_output(layer: Dense, loss: str) -> str:
    """The loss under its one name, where it fits the output layer."""
    entry = loss_named(loss)
    legal = entry.pairs
    if layer.activation not in legal:
        raise SettingsError(
            f"loss {loss!r} has no meaning on output activation {layer.activation!r}; "
            f"legal output activations: {', '.join(legal)}."
        )
    if not ACTIVATIONS[layer.activation].elementwise and layer.n_out == 1:
        raise SettingsError(
            f"output {layer.activation!r} over 1 output is always 1; use output 'sigmoid', or one per class."
        )
    if layer.n_out % entry.n_heads:
        n, more = entry.n_heads, -(-layer.n_out // entry.n_heads) * entry.n_heads
        raise SettingsError(
            f"loss {loss!r} needs {n} outputs for each target (got {layer.n_out} outputs). Make the last size {more}."
        )
    return entry.name
