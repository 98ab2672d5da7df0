"""Packed arrays: every bit comes back, equal arrays lie there once."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest

from chainrule.report.pack import Pack


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i4"])
def test_every_bit_comes_back(dtype: str) -> None:
    """Undone by hand, the bytes are those of the array: NaN, −0, subnormal numbers and infinity included."""
    special = np.array([np.nan, -0.0, np.inf, 5e-324, 1e-42, 1 / 3, -1e30])
    array = (np.arange(12) if dtype == "<i4" else np.concatenate([special, np.arange(5)])).astype(dtype).reshape(3, 4)
    pack = Pack()
    entry = pack.put(array)
    places, text = pack.text([entry])
    start, length = places[entry["key"]]
    grouped = zlib.decompress(base64.b64decode(text)[start : start + length])
    size = array.dtype.itemsize
    plain = np.frombuffer(grouped, np.uint8).reshape(size, -1).T.tobytes()
    assert plain == array.tobytes() and entry["shape"] == [3, 4] and "<" + entry["type"] == dtype


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_noise_is_stored_and_the_rest_compressed(dtype: str) -> None:
    """Planes of both kinds in one stream that any zlib undoes; weights shrink by their exponents, zeros to nothing."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=70_001).astype(dtype)
    for array, share in ((noise, 0.95), (np.where(rng.random(70_001) < 0.9, 0, noise), 0.35), (np.zeros(70_001), 0.02)):
        pack = Pack()
        entry = pack.put(array.astype(dtype))
        _, text = pack.text([entry])
        plain = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(int(dtype[2]), -1).T.tobytes()
        assert plain == array.astype(dtype).tobytes() and pack.size([entry]) < share * len(plain)


def test_equal_arrays_lie_there_once() -> None:
    """A second copy takes no room; other shapes of the same bytes share them too."""
    pack, array = Pack(), np.arange(100.0)
    one, same, other = pack.put(array), pack.put(array.copy()), pack.put(array.reshape(10, 10))
    assert one["key"] == same["key"] == other["key"] and other["shape"] == [10, 10]
    assert pack.size([one, same, other]) == pack.size([one])
