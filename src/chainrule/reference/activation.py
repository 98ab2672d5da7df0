"""What is true of one activation: its mathematics, its facts and its texts, in one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.visible import short_repr

Array: TypeAlias = npt.NDArray[np.floating[Any]]

SILENT = 1e-4
"""A unit is silent where its slope is at most this on every row: what passes through it is lost beside the rounding
of float32 sums. max(z, 0) has a slope of exactly 0 there, which is its own limit."""
FLAT = 0.05
"""A unit with two flat ends is saturated on a row where its slope is below this share of the steepest."""


@dataclass(frozen=True, kw_only=True)
class Activation:
    """One activation; what has a default may be left out: the entry then says that it is not known.

    Parameters
    ----------
    name : str
        Its name.
    g : callable
        Called with z of shape (n, n_out); gives a = g(z) of the same shape.
    pullback : callable
        Called with z, a = g(z) and da = ∂J/∂a; gives ∂J/∂z.
    bend : callable
        Called with z, a, da and Rz; gives the change of the pullback as z moves along Rz, da ⊙ g″(z) ⊙ Rz.
    formula : str
        The formula, "a = …".
    low, high : float
        The ends of the range of g.
    silent : float, optional
        The slope up to which a unit is silent; None where g is flat on no side.
    steepest : float, optional
        The largest slope of a g that is flat on both sides (such units saturate); None for others.
    straight : bool, default False
        Whether g bends nowhere, so that layers of it are one matrix.
    rectifies : bool, default False
        Whether g is max(z, 0), which is drawn as that gate and described by its largest z where it is silent.
    probability : bool, default False
        Whether the outputs are probabilities.
    elementwise : bool, default True
        Whether g acts on each unit alone.
    kinks, bends : tuple of float
        Where g′ jumps; where g′ is continuous and g″ jumps.
    inverse : callable
        Called with a; gives a z with g(z) = a as far as a loss on this output asks for z. a itself by default, where
        losses ask for a alone.
    initializer : str, default "glorot_uniform"
        The rule for weights that keeps the variance of a through a layer of it.
    numpy, numpy_pullback : str, optional
        NumPy text of g at z[j], and of the pullback of `value` at z; None: shown as a number.
    numpy_imports : tuple of str
        What the texts need besides numpy.
    torch : str, optional
        The module of torch.nn that computes g: its constructor, such as "ELU()"; where there is none an expression in
        the tensor z. None: not taken to PyTorch.
    onnx : str, optional
        Nested calls of ONNX operators that compute g of the tensor z of shape (n, n_out), from numbers and `limit`, the
        exponent of the largest finite number less 1; such as "Mul(z, Sigmoid(z))". None: not taken to ONNX.
    c : str, optional
        The text of g in exported C: an expression in z, with the functions of chainrule/export/c/network.c; where units
        are mixed a call that changes the row z of n numbers. None: not taken to C.

    Examples
    --------
    >>> from chainrule.entries import Activation
    >>> square = Activation(
    ...     name="square",
    ...     g=lambda z: z * z,
    ...     pullback=lambda z, a, da: 2 * z * da,
    ...     bend=lambda z, a, da, Rz: 2 * da * Rz,
    ...     formula="a = z²",
    ... )
    >>> square.slope(np.array([[3.0]])).tolist()
    [[6.0]]
    """

    name: str
    g: Callable[[Array], Array]
    pullback: Callable[[Array, Array, Array], Array]
    bend: Callable[[Array, Array, Array, Array], Array]
    formula: str
    low: float = -np.inf
    high: float = np.inf
    silent: float | None = None
    steepest: float | None = None
    straight: bool = False
    rectifies: bool = False
    probability: bool = False
    elementwise: bool = True
    kinks: tuple[float, ...] = ()
    bends: tuple[float, ...] = ()
    inverse: Callable[[Array], Array] = lambda a: a
    initializer: str = "glorot_uniform"
    numpy: str | None = None
    numpy_pullback: str | None = None
    numpy_imports: tuple[str, ...] = field(default=())
    torch: str | None = None
    onnx: str | None = None
    c: str | None = None
    __repr__ = short_repr

    @property
    def saturated(self) -> float | None:
        """The slope below which a unit is saturated on a row; None where g has not two flat ends."""
        return None if self.steepest is None else FLAT * self.steepest

    def slope(self, z: Array) -> Array:
        """Return the slope g′(z) of an activation that acts on each unit alone.

        Parameters
        ----------
        z : ndarray
            Pre-activations.

        Returns
        -------
        ndarray
            The slopes g′(z), in the shape and precision of z.
        """
        return self.pullback(z, self.g(z), np.ones_like(z))

    def side(self, z: Array) -> npt.NDArray[np.intp]:
        """Return on which side of the corners and bends of g every entry lies.

        Parameters
        ----------
        z : ndarray
            Pre-activations.

        Returns
        -------
        ndarray of int
            How many of the corners and bends each entry has passed.
        """
        return np.digitize(z, sorted({*self.kinks, *self.bends}), right=True)

    def is_silent(self, slope: Array) -> npt.NDArray[np.bool_]:
        """Return which units are silent; a slope that is not a number is not.

        Parameters
        ----------
        slope : ndarray of shape (n, n_out)
            The slopes of the units on some rows.

        Returns
        -------
        ndarray of bool, shape (n_out,)
            Whether the unit is silent on all of them.
        """
        if self.silent is None:
            return np.zeros(slope.shape[1:], dtype=bool)
        return np.asarray((np.abs(slope) <= self.silent).all(axis=0))

    def is_saturated(self, slope: Array) -> npt.NDArray[np.bool_]:
        """Return which units are saturated on which rows.

        Parameters
        ----------
        slope : ndarray of shape (n, n_out)
            The slopes of the units.

        Returns
        -------
        ndarray of bool, shape (n, n_out)
            Whether the unit is saturated on the row.
        """
        limit = self.saturated
        return np.zeros(slope.shape, dtype=bool) if limit is None else np.asarray(np.abs(slope) < limit)
