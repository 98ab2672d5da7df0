"""Numbers too small to count are 0, so that no sum, square or product of those that count is subnormal.

Many processors are up to a hundred times slower where an operand or a result is subnormal. The rule is part of the
mathematics here, and no mode of the processor, so that every engine has the same bits on every machine.

    small = 2^-56 in float32 (1.4e-17), 2^-504 in float64 (1.9e-152)

With 2^p the smallest normal number, small is 2^(p/2 + 7): a product of two numbers that count is at least 2^14·2^p,
which leaves room for the factors of a step, such as η, 1 − β₂ or the weight of a row.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np

from chainrule.reference.activation import Array

RULES = 2
"""The rules a new training follows. 1: every number counts. 2: those below `threshold` are 0, in these places: X;
z, u and a of hidden layers; delta, du and da, but in the first of several layers; after every 64th update parameters
and the optimizer's arrays. Below its square: z and a of the output layer; arrays of squares."""
KNOWN_RULES = (1, 2)
EVERY = 64
"""Updates after which what decays is looked at: in so few steps no number falls far below the threshold."""
_THRESHOLDS = {"float32": 2.0**-56, "float64": 2.0**-504}


def threshold(rules: int, dtype: str) -> float:
    """What a number must reach to count; 0 where every number does."""
    return _THRESHOLDS[dtype] if rules > 1 else 0.0


def without_small(x: Array, small: float) -> Array:
    """x with 0 in place of the entries below `small` in size; NaN stays."""
    if small == 0:
        return x
    tiny = np.abs(x) < small
    return np.where(tiny, x.dtype.type(0), x) if tiny.any() else x


def settled(
    theta: Array, state: Mapping[str, Array], squares: Container[str], t: int, small: float
) -> tuple[Array, dict[str, Array]]:
    """Parameters and the optimizer's arrays after update t: every 64th time without what is too small to count.

    Arguments: squares: the names of the arrays that hold squares of g, of which squares of what counts do.
    """
    if small == 0 or t % EVERY:
        return theta, dict(state)
    least = {name: small * small if name in squares else small for name in state}
    return without_small(theta, small), {name: without_small(array, least[name]) for name, array in state.items()}
