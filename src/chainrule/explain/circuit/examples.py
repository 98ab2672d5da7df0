"""Circuits of the literature, with their numbers: the three of CS231n's notes and its staged computation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chainrule.errors import unknown_name
from chainrule.explain.circuit.circuit import Circuit
from chainrule.explain.circuit.graph import numbers

Inputs = Mapping[str, float]


def product(given: Inputs) -> Circuit:
    """f = (x + y)·z at x = −2, y = 5, z = −4."""
    n = numbers(given, {"x": -2.0, "y": 5.0, "z": -4.0})
    c = Circuit("f = (x + y)·z")
    x, y, z = (c.input(name, value) for name, value in n.items())
    c.gate("multiply", c.gate("add", x, y, name="q"), z, name="f")
    return c.backward()


def sigmoid(given: Inputs) -> Circuit:
    """f = σ(w0·x0 + w1·x1 + w2), the sigmoid taken apart into ×(−1), exp, +1, 1/x."""
    n = numbers(given, {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0})
    c = Circuit("f = 1/(1 + e^−(w0·x0 + w1·x1 + w2))")
    w0, x0, w1, x1, w2 = (c.input(name, value) for name, value in n.items())
    dot = c.add_all([c.gate("multiply", w0, x0), c.gate("multiply", w1, x1), w2], name="dot")
    _sigmoid(c, dot, "f")
    return c.backward()


def maximum(given: Inputs) -> Circuit:
    """f = 2·(x·y + max(z, w)) at x = 3, y = −4, z = 2, w = −1: each pattern once."""
    n = numbers(given, {"x": 3.0, "y": -4.0, "z": 2.0, "w": -1.0})
    c = Circuit("f = 2·(x·y + max(z, w))")
    x, y, z, w = (c.input(name, value) for name, value in n.items())
    total = c.gate("add", c.gate("multiply", x, y), c.gate("max", z, w))
    c.gate("multiply", total, c.input("2", 2.0, constant=True), name="f")
    return c.backward()


def staged(given: Inputs) -> Circuit:
    """f = (x + σ(y)) / (σ(x) + (x + y)²) at x = 3, y = −4: x and y fork, their gradients add up."""
    n = numbers(given, {"x": 3.0, "y": -4.0})
    c = Circuit("f = (x + σ(y)) / (σ(x) + (x + y)²)")
    x, y = (c.input(name, value) for name, value in n.items())
    numerator = c.gate("add", x, c.gate("sigmoid", y, name="σ(y)"), name="num")
    square = c.gate("square", c.gate("add", x, y, name="x + y"))
    denominator = c.gate("add", c.gate("sigmoid", x, name="σ(x)"), square, name="den")
    c.gate("multiply", numerator, c.gate("reciprocal", denominator), name="f")
    return c.backward()


def _sigmoid(c: Circuit, at: int, name: str) -> int:
    negative = c.gate("multiply", at, c.input("−1", -1.0, constant=True))
    below = c.gate("add", c.gate("exp", negative), c.input("1", 1.0, constant=True))
    return c.gate("reciprocal", below, name=name)


CIRCUITS: dict[str, Callable[[Inputs], Circuit]] = {
    "product": product, "sigmoid": sigmoid, "max": maximum, "staged": staged,
}  # fmt: skip


def circuit(name: str, **inputs: float) -> Circuit:
    """Return a circuit of the literature with values forward and gradients backward, its inputs changed as given.

    Parameters
    ----------
    name : str
        One of "product", "sigmoid", "max" and "staged".
    **inputs : float
        Numbers for some of its inputs, in place of those of the literature.

    Returns
    -------
    Circuit
        `gradients`, `values`, `text(language)`, `to_mermaid()`, `to_dict()`.

    Raises
    ------
    SettingsError
        If there is no such circuit, or the circuit has no such input.

    References
    ----------
    CS231n, "Backpropagation, Intuitions".

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.circuit("max").gradients
    {'x': -8.0, 'y': 6.0, 'z': 2.0, 'w': 0.0}
    """
    if name not in CIRCUITS:
        raise unknown_name("circuit", name, CIRCUITS)
    return CIRCUITS[name](inputs)
