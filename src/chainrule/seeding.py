"""One seed becomes independent, named, counter-based streams of random numbers.

Nothing here has a state. Word i of a stream is a function of (seed, purpose, epoch, step, lane, i), so
any step of any epoch can be drawn again without drawing the ones before it; replay relies
on. Only integer arithmetic and the exactly rounded operations + - * / sqrt are used, so every machine
draws the same bits.

Source: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3" (Philox-4x32-10).
"""

from __future__ import annotations

import enum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.elementary import log

Key: TypeAlias = tuple[int, int]
Words: TypeAlias = npt.NDArray[np.uint32]

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


class Purpose(enum.IntEnum):
    """What a stream is for. The numbers are part of every recorded run: never renumber."""

    INITIALISE = 1
    SHUFFLE = 2
    DROPOUT = 3
    SPLIT = 4
    CHECK = 5
    REPEAT = 6
    CURVATURE = 7
    MEMBER = 8
    EXERCISE = 9


def philox(counter: tuple[npt.NDArray[np.uint64], ...], key: Key) -> tuple[npt.NDArray[np.uint64], ...]:
    """Four 32-bit output words (held in uint64) for every counter of four 32-bit words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        p0 = _MULTIPLIERS[0] * c0
        p1 = _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def stream_key(seed: int, purpose: Purpose, epoch: int = 0, step: int = 0) -> Key:
    """The 64-bit key of one stream: Philox of the counter (purpose, epoch, step) under the seed."""
    words = (int(purpose), epoch & 0xFFFFFFFF, step & 0xFFFFFFFF, (step >> 32) & 0xFFFFFFFF)
    counter = tuple(np.array([word], dtype=np.uint64) for word in words)
    output = philox(counter, (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF))
    return int(output[0][0]), int(output[1][0])


def words(key: Key, n: int, *, lane: int = 0, first: int = 0) -> Words:
    """n 32-bit words of a lane of a stream, shape (n,), from number `first` on, a multiple of 4."""
    block = np.arange(first // 4, first // 4 + (n + 3) // 4, dtype=np.uint64)
    third = np.full_like(block, lane)
    output = philox((block & _LOW, block >> _SHIFT, third, np.zeros_like(block)), key)
    return np.stack(output, axis=1).reshape(-1)[:n].astype(np.uint32)


def uniform(key: Key, n: int, *, lane: int = 0) -> npt.NDArray[np.float64]:
    """n numbers of (0, 1), never 0 and never 1, from two words (53 bits) each."""
    pair = words(key, 2 * n, lane=lane).astype(np.float64).reshape(n, 2)
    high, low = np.floor(pair[:, 0] / 32.0), np.floor(pair[:, 1] / 64.0)  # 27 and 26 bits
    return (high * 67108864.0 + low + 0.5) / 9007199254740992.0


def normal(key: Key, n: int, *, lane: int = 0) -> npt.NDArray[np.float64]:
    """n standard normal numbers: the inverse distribution function of `uniform`."""
    return inverse_normal(uniform(key, n, lane=lane))


def permutation(seed: int, epoch: int, n: int) -> npt.NDArray[np.int64]:
    """The order of n rows in an epoch: the rows sorted by (their 32-bit word, their number).

    The same function of (seed, epoch, n) at every data size. Sorting the pair packed into one 64-bit
    integer makes the result independent of the sorting algorithm.
    """
    word = words(stream_key(seed, Purpose.SHUFFLE, epoch), n).astype(np.uint64)
    packed = (word << _SHIFT) | np.arange(n, dtype=np.uint64)
    packed.sort()
    return (packed & _LOW).astype(np.int64)


def keep_words(seed: int, epoch: int, step: int, layer: int, n: int) -> Words:
    """The n words that decide which units of a hidden layer dropout keeps at a step, row by row."""
    return words(stream_key(seed, Purpose.DROPOUT, epoch, step), n, lane=layer)


_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_NEAR_TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
_FAR_TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip


def _ratio(
    coefficients: tuple[tuple[float, ...], tuple[float, ...]], r: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    over, under = (np.full_like(r, part[-1]) for part in coefficients)
    for p, q in zip(reversed(coefficients[0][:-1]), reversed(coefficients[1][:-1]), strict=True):
        over, under = over * r + p, under * r + q
    return over / under


def inverse_normal(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """x with Φ(x) = p, for 0 < p < 1, to about 1e-16 relative.

    Source: Wichura (1988), algorithm AS 241, PPND16.
    """
    q = p - 0.5
    x = q * _ratio(_CENTRE, 0.180625 - q * q)
    tail = np.abs(q) > 0.425
    if tail.any():
        r = np.sqrt(-log(np.minimum(p[tail], 1.0 - p[tail])))
        size = np.where(r <= 5.0, _ratio(_NEAR_TAIL, r - 1.6), _ratio(_FAR_TAIL, r - 5.0))
        x[tail] = np.copysign(size, q[tail])
    return x
