"""Streams of random numbers: the published generator, independence, and bits that never change."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.seeding import (
    Purpose,
    inverse_normal,
    keep_words,
    normal,
    permutation,
    philox,
    stream_key,
    uniform,
    words,
)
from tolerances import CHI_SQUARE_5, CHI_SQUARE_255, INVERSE_NORMAL, SIGMAS

KEY = stream_key(0, Purpose.CHECK)


def sha256(array: npt.NDArray[np.generic]) -> str:
    """The digest of the array's little-endian bytes."""
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("counter", "key", "output"),
    [
        ([0, 0, 0, 0], (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, (0xFFFFFFFF, 0xFFFFFFFF), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_known_answers(counter: list[int], key: tuple[int, int], output: str) -> None:
    """Philox-4x32-10 gives the known answers of Random123 (kat_vectors)."""
    found = philox(tuple(np.array([word], dtype=np.uint64) for word in counter), key)
    assert " ".join(f"{int(word[0]):08x}" for word in found) == output


def test_words_are_blocks_of_philox() -> None:
    """Word i of lane j is word i mod 4 of the block with counter (i div 4, 0, j, 0)."""
    assert [hex(word) for word in words((0, 0), 5)[:4]] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    block = philox(tuple(np.array([c], dtype=np.uint64) for c in (2, 0, 7, 0)), KEY)
    assert words(KEY, 12, lane=7)[8:].tolist() == [int(word[0]) for word in block]


def test_stream_key_is_philox_of_purpose_epoch_step() -> None:
    """The key of a stream is the first two words of Philox((purpose, epoch, step low, step high)) under the seed."""
    seed, step = 5 + (6 << 32), 3 + (4 << 32)
    block = philox(tuple(np.array([c], dtype=np.uint64) for c in (3, 2, 3, 4)), (5, 6))
    assert stream_key(seed, Purpose.DROPOUT, 2, step) == (int(block[0][0]), int(block[1][0]))


def test_purposes_never_change() -> None:
    """The numbers of the purposes are part of every recorded run."""
    assert {p.name: p.value for p in Purpose} == {
        "INITIALISE": 1,
        "SHUFFLE": 2,
        "DROPOUT": 3,
        "SPLIT": 4,
        "CHECK": 5,
        "REPEAT": 6,
        "CURVATURE": 7,
        "MEMBER": 8,
        "EXERCISE": 9,
    }


def test_bits_never_change() -> None:
    """The streams have the bits they had when the first run was recorded: these digests are for ever."""
    key = stream_key(0, Purpose.INITIALISE, 1)
    assert sha256(words(key, 1001)) == "e7a42346fb25c9aa321cf32043ea207d2ff0357b1480c0b5daff087216a8b3d4"
    assert sha256(uniform(key, 1001)) == "7e46c939470845c3dfe2f5a3bfdcb5dc93f870fdcf216caba1f936e00061c990"
    assert sha256(normal(key, 1001)) == "99cd97d8805c8c729d62f3a2995cc49649260a3b5eac4d115080f0f1acd12e00"
    assert sha256(permutation(7, 3, 1000)) == "55398da18645e1f036ec5a0cb87961b28b7bb00b55143906b80b71d6b058fb7c"
    assert sha256(keep_words(2**40 + 5, 2, 2**33 + 1, 1, 999)) == (
        "db4df43287888d5523a7f11b174b72fc8c28935635149b6ba19210a29b5fc5d6"
    )
    assert permutation(0, 0, 10).tolist() == [1, 8, 4, 7, 5, 0, 6, 2, 9, 3]
    assert [stream_key(0, purpose) for purpose in Purpose] == [
        (4175744164, 1555169499),
        (83534633, 1372009126),
        (3381718825, 1782871206),
        (4013802324, 2979262830),
        (1934136315, 119182898),
        (3064941560, 3467676723),
        (2830310705, 182738035),
        (1069984100, 2693661596),
        (2531852732, 718943162),
    ]


@given(n=st.integers(0, 40), more=st.integers(0, 40), lane=st.integers(0, 5))
def test_a_shorter_stream_is_the_beginning_of_a_longer_one(n: int, more: int, lane: int) -> None:
    """Word i does not depend on how many words are drawn."""
    assert words(KEY, n, lane=lane).tobytes() == words(KEY, n + more, lane=lane)[:n].tobytes()
    assert uniform(KEY, n, lane=lane).tobytes() == uniform(KEY, n + more, lane=lane)[:n].tobytes()


def test_streams_differ() -> None:
    """Another seed, purpose, epoch, step (low or high word) or lane is another stream: no word in common place."""
    streams = [words(KEY, 64)]
    streams += [words(stream_key(seed, Purpose.CHECK), 64) for seed in (1, 2**32, 2**63)]
    streams += [words(stream_key(0, purpose), 64) for purpose in Purpose if purpose != Purpose.CHECK]
    streams += [words(stream_key(0, Purpose.CHECK, epoch), 64) for epoch in (1, 2)]
    streams += [words(stream_key(0, Purpose.CHECK, 0, step), 64) for step in (1, 2, 2**32)]
    streams += [words(KEY, 64, lane=lane) for lane in (1, 2)]
    for i, one in enumerate(streams):
        for other in streams[:i]:
            assert (one != other).all()


@given(seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 10_000), n=st.integers(0, 200))
def test_permutation_is_one(seed: int, epoch: int, n: int) -> None:
    """Every row comes exactly once."""
    order = permutation(seed, epoch, n)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_permutation_sorts_by_word_then_row() -> None:
    """The order is a stable sort of the rows by their 32-bit words."""
    word = words(stream_key(9, Purpose.SHUFFLE, 4), 500)
    assert permutation(9, 4, 500).tolist() == np.argsort(word, kind="stable").tolist()


def test_orders_are_equally_likely() -> None:
    """Over 6000 epochs the 6 orders of 3 rows come equally often (chi-square)."""
    counts = Counter(tuple(permutation(0, epoch, 3).tolist()) for epoch in range(6000))
    assert len(counts) == 6
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < CHI_SQUARE_5


def test_words_are_uniform() -> None:
    """Each byte of the words takes its 256 values equally often (chi-square)."""
    word = words(KEY, 256 * 400)
    for shift in (0, 8, 16, 24):
        counts = np.bincount((word >> np.uint32(shift)) & 255, minlength=256)
        assert ((counts - 400.0) ** 2 / 400).sum() < CHI_SQUARE_255


def test_uniform_moments() -> None:
    """Uniform numbers lie inside (0, 1), with mean ½, variance 1/12 and no correlation of neighbours."""
    n = 100_000
    u = uniform(KEY, n)
    assert ((u > 0) & (u < 1)).all()
    assert abs(u.mean() - 0.5) < SIGMAS * np.sqrt(1 / 12 / n)
    assert abs(u.var() - 1 / 12) < SIGMAS * np.sqrt(1 / 180 / n)
    assert abs(((u[1:] - 0.5) * (u[:-1] - 0.5)).mean() * 12) < SIGMAS / np.sqrt(n)


def test_uniform_is_made_of_27_and_26_bits() -> None:
    """The first number is (27 high bits of word 0, 26 high bits of word 1, then a half) / 2^53."""
    first, second = (int(word) for word in words(KEY, 2))
    assert uniform(KEY, 1).item() == ((first >> 5) * 2**26 + (second >> 6) + 0.5) / 2**53


def test_normal_moments() -> None:
    """Normal numbers have the first four moments 0, 1, 0, 3."""
    n = 100_000
    x = normal(KEY, n)
    for order, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**order).mean() - moment) < SIGMAS * np.sqrt(variance / n)


@pytest.mark.parametrize(
    "p",
    [
        uniform(KEY, 20_000),
        np.array([1e-300, 1e-100, 1e-16, 1e-15, 1e-13, 1e-11, 1e-5, 0.075, 0.925, 0.999, 1 - 1e-16]),
    ],
)
def test_inverse_normal_equals_scipy(p: npt.NDArray[np.float64]) -> None:
    """Φ⁻¹ equals scipy's ndtri in the centre and in both tails."""
    special = pytest.importorskip("scipy.special", reason="comes with scikit-learn")
    expected = special.ndtri(p)
    assert (np.abs(inverse_normal(p) - expected) <= INVERSE_NORMAL * np.abs(expected)).all()


@given(p=st.floats(1e-12, 0.5))
def test_inverse_normal_is_odd(p: float) -> None:
    """Φ⁻¹(1 − p) = −Φ⁻¹(p) wherever 1 − p is exact, and Φ⁻¹(½) = 0."""
    q = 1.0 - p
    assert inverse_normal(np.array([1.0 - q])).item() == -inverse_normal(np.array([q])).item()
    assert inverse_normal(np.array([0.5])).item() == 0.0


def test_keep_words_are_the_lane_of_the_layer() -> None:
    """Dropout's words of layer l are lane l of the stream (seed, DROPOUT, epoch, step)."""
    found = keep_words(3, 1, 17, 2, 50)
    assert found.tobytes() == words(stream_key(3, Purpose.DROPOUT, 1, 17), 50, lane=2).tobytes()
