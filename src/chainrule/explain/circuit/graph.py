"""A graph of scalar gates, its values and its gradients.

A gate knows one thing: how its output changes with each of its inputs. The gradient at a gate's output
times that is the gradient along the edge to the input; where a value is used more than once, the
gradients of its edges are added.

Source: CS231n, "Backpropagation, Intuitions"; Goodfellow, Bengio, Courville (2016), algorithm 6.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from chainrule.errors import SettingsError
from chainrule.reference.activations import ACTIVATIONS
from chainrule.visible import short_repr


@dataclass(frozen=True)
class Kind:
    """A kind of gate: its value, its local gradients, how it is written, the pattern of its gradient."""

    value: Callable[..., float]
    local: Callable[..., tuple[float, ...]]
    symbol: str
    pattern: str = ""


KINDS: dict[str, Kind] = {
    "add": Kind(lambda x, y: x + y, lambda x, y: (1.0, 1.0), "+", "distributes"),
    "subtract": Kind(lambda x, y: x - y, lambda x, y: (1.0, -1.0), "−", "distributes"),
    "multiply": Kind(lambda x, y: x * y, lambda x, y: (y, x), "×", "swaps"),
    "max": Kind(max, lambda x, y: (1.0, 0.0) if x > y else (0.0, 1.0), "max", "routes"),
    "divide": Kind(lambda x, y: x / y, lambda x, y: (1 / y, -x / (y * y)), "/"),
    "exp": Kind(math.exp, lambda x: (math.exp(x),), "exp"),
    "log": Kind(math.log, lambda x: (1 / x,), "log"),
    "sqrt": Kind(math.sqrt, lambda x: (0.5 / math.sqrt(x),), "√"),
    "power": Kind(lambda x, p: x**p, lambda x, p: (p * x ** (p - 1), x**p * math.log(x) if x > 0 else 0.0), "^"),
    "square": Kind(lambda x: x * x, lambda x: (2 * x,), "²"),
    "reciprocal": Kind(lambda x: 1 / x, lambda x: (-1 / (x * x),), "1/x"),
}


@dataclass(kw_only=True)
class Gate:
    """One number of a circuit: an input, a constant, or the output of a gate.

    Attributes
    ----------
    name : str
        Its name, or "".
    kind : str or None
        The kind of gate; None for an input or constant.
    inputs : tuple of int
        The numbers it is computed from, by their places.
    value : float
        Its value.
    gradient : float
        The derivative of the output with respect to it.
    locals : tuple of float
        The derivative of this gate with respect to each input.
    constant : bool
        Whether it is a constant, which has no gradient of interest.

    Examples
    --------
    >>> import chainrule as cr
    >>> gate = cr.circuit("product").gates[-1]
    >>> gate.kind, gate.value, gate.edges
    ('multiply', -12.0, (-4.0, 3.0))
    """

    name: str
    kind: str | None
    inputs: tuple[int, ...]
    value: float
    gradient: float = 0.0
    locals: tuple[float, ...] = ()
    constant: bool = False
    __repr__ = short_repr

    @property
    def edges(self) -> tuple[float, ...]:
        """The gradient along the edge to each input: this gate's gradient times the local one."""
        return tuple(self.gradient * local for local in self.locals)


class Graph:
    """Gates in the order in which they were computed; the last one is the output."""

    def __init__(self, formula: str) -> None:
        self.formula = formula
        self.gates: list[Gate] = []

    def input(self, name: str, value: float, *, constant: bool = False) -> int:
        """Add a number that comes from outside.

        Parameters
        ----------
        name : str
            Its name.
        value : float
            Its value.
        constant : bool, default False
            Whether it is a constant, whose gradient is not listed.

        Returns
        -------
        int
            Its place in the circuit, for `gate`.
        """
        self.gates.append(Gate(name=name, kind=None, inputs=(), value=float(value), constant=constant))
        return len(self.gates) - 1

    def gate(self, kind: str, *inputs: int, name: str = "") -> int:
        """Add the output of a gate applied to numbers of this circuit.

        Parameters
        ----------
        kind : str
            A name in KINDS ("add", "multiply", "max", …), or of an activation that acts on each unit alone.
        *inputs : int
            The places of its inputs.
        name : str, default ""
            A name for its value.

        Returns
        -------
        int
            Its place in the circuit.

        Raises
        ------
        SettingsError
            If the kind is unknown.
        """
        values = [self.gates[i].value for i in inputs]
        if kind in KINDS:
            value, local = KINDS[kind].value(*values), KINDS[kind].local(*values)
        else:
            value, local = _activation(kind, values[0])
        self.gates.append(
            Gate(name=name, kind=kind, inputs=inputs, value=float(value), locals=tuple(map(float, local)))
        )
        return len(self.gates) - 1

    def add_all(self, parts: Sequence[int], name: str = "") -> int:
        """Add a sum, one addition after the other.

        Parameters
        ----------
        parts : sequence of int
            The places of the summands.
        name : str, default ""
            A name for the whole sum.

        Returns
        -------
        int
            The place of the sum.
        """
        at = parts[0]
        for k, part in enumerate(parts[1:], start=2):
            at = self.gate("add", at, part, name=name if k == len(parts) else "")
        return at

    def backward(self) -> Self:
        """Compute the gradient of the output with respect to every number; those along a fork's edges are added.

        Returns
        -------
        Self
            The circuit, with its gradients set.
        """
        for gate in self.gates:
            gate.gradient = 0.0
        self.gates[-1].gradient = 1.0
        for gate in reversed(self.gates):
            for i, along in zip(gate.inputs, gate.edges, strict=True):
                self.gates[i].gradient += along
        return self

    @property
    def value(self) -> float:
        """The output."""
        return self.gates[-1].value

    @property
    def gradients(self) -> dict[str, float]:
        """The gradient of the output by every input, by name."""
        return {gate.name: gate.gradient for gate in self.gates if gate.kind is None and not gate.constant}

    @property
    def values(self) -> dict[str, float]:
        """Every number that has a name."""
        return {gate.name: gate.value for gate in self.gates if gate.name}

    def users(self, i: int) -> list[tuple[int, int]]:
        """Return where a number is used.

        Parameters
        ----------
        i : int
            The place of the number.

        Returns
        -------
        list of (int, int)
            The gates that use it, each with which of its inputs it is.
        """
        return [(g, k) for g, gate in enumerate(self.gates) for k, source in enumerate(gate.inputs) if source == i]


def pattern(gate: Gate) -> str:
    """What the gate does with the gradient: "distributes", "routes", "swaps", or nothing with a name."""
    return KINDS[gate.kind].pattern if gate.kind in KINDS else "routes" if _rectifies(gate.kind) else ""


def _rectifies(kind: str | None) -> bool:
    return kind in ACTIVATIONS and ACTIVATIONS[kind].rectifies


def _activation(kind: str, z: float) -> tuple[float, tuple[float]]:
    if kind not in ACTIVATIONS or not ACTIVATIONS[kind].elementwise:
        raise SettingsError(f"gate={kind!r}: must be one of {', '.join(KINDS)}, or an activation.")
    g, one = ACTIVATIONS[kind], np.array([[z]])
    a = g.g(one)
    return float(a[0, 0]), (float(g.pullback(one, a, np.ones_like(one))[0, 0]),)


def numbers(given: Mapping[str, float], defaults: Mapping[str, float]) -> dict[str, float]:
    """The defaults with the given numbers in their places.

    Raises SettingsError for an unknown input.
    """
    unknown = [name for name in given if name not in defaults]
    if unknown:
        raise SettingsError(f"input {unknown[0]!r} is unknown; this circuit has {', '.join(defaults)}.")
    return {name: float(given.get(name, value)) for name, value in defaults.items()}
