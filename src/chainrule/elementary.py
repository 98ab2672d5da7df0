"""log, cosine and integer powers from exactly rounded operations only.

The C library's versions differ between machines in the last bit. Random numbers, schedules and the
optimizers' powers must not, because a run is replayed from its seed and settings alone. Everything
here is + - * / on float64 in a fixed order.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

PI = 3.141592653589793
LN2 = 0.6931471805599453
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def log(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The natural logarithm of positive finite numbers, to 2 ulp.

    x = m·2^e, 1/√2 ≤ m < √2;  log x = e·ln 2 + 2·artanh(s),  s = (m − 1)/(m + 1)
    """
    m, e = np.frexp(x)
    small = m < 0.7071067811865476
    m, e = np.where(small, 2.0 * m, m), e - small
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    series = np.zeros_like(s)
    for k in range(23, 1, -2):  # 2·(s + s³/3 + … + s²³/23): the next term is below 2^-60
        series = (series + 1.0 / k) * square
    return e * _LN2_HIGH + (e * _LN2_LOW + 2.0 * (s + s * series))


def log2(x: float) -> float:
    """The logarithm of a positive finite number to base 2, to 2 ulp; exact at powers of 2.

    x = m·2^e, 1/√2 ≤ m < √2;  log2 x = e + 2·artanh(s)/ln 2,  s = (m − 1)/(m + 1)
    """
    m, e = math.frexp(x)
    if m < 0.7071067811865476:
        m, e = 2.0 * m, e - 1
    s = (m - 1.0) / (m + 1.0)
    square, series = s * s, 0.0
    for k in range(23, 1, -2):
        series = (series + 1.0 / k) * square
    return e + 2.0 * (s + s * series) / LN2


def cosine_of_half_turns(x: float) -> float:
    """cos(π·x) for a float x, to about 2 ulp of 1; exact at multiples of ½.

    the Taylor series of cos or sin on |π·x| ≤ π/4, after folding x into the first eighth turn
    """
    x = abs(x) % 2.0
    x = 2.0 - x if x > 1.0 else x
    sign = 1.0
    if x > 0.5:
        x, sign = 1.0 - x, -1.0
    if x <= 0.25:
        return sign * _alternating(PI * x, first=0)
    return sign * _alternating(PI * (0.5 - x), first=1)


def _alternating(t: float, first: int) -> float:
    """t^first/first! − t^(first+2)/(first+2)! + …: the cosine (first = 0) or the sine (first = 1)."""
    total = 1.0
    for k in range(18 + first, first, -2):
        total = 1.0 - t * t / (k * (k - 1)) * total
    return total * t if first else total


def power(base: float, exponent: int) -> float:
    """base**exponent for a whole exponent ≥ 0, by squaring from the lowest bit of the exponent."""
    result = 1.0
    while exponent:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result
