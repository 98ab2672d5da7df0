"""Predictions of a few rows, on weights as they lie: the bits of the forward pass, whoever helps with them."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DataError

native = pytest.importorskip("chainrule.engine.native", reason="ends when the native module is built (pip install .)")

ROWS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 95, 97, 191)
SHAPES = {
    "one output": dict(sizes=[3, 1], output="sigmoid"),
    "few inputs, few outputs": dict(sizes=[1, 2, 3]),
    "less than a vector": dict(sizes=[5, 7, 5, 3]),
    "a vector and one": dict(sizes=[9, 17, 33, 9], activation="tanh"),
    "wider than a panel": dict(sizes=[20, 130, 65, 70], activation="gelu"),
    "every width of a strip": dict(sizes=[4, 300, 200, 100], output="identity", loss="squared_error"),
    "layer norm and residual": dict(sizes=[12, 40, 40, 40, 4], normalization="layer", residual=True),
}


def random_rows(n: int, n_inputs: int, dtype: str) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((n, n_inputs)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_bits_of_the_forward_pass(shape: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every instruction set and for every remainder of rows and columns."""
    net = cr.Network(**SHAPES[shape], dtype=dtype, seed=2)
    net.parameters.flat[:] = np.random.default_rng(0).standard_normal(len(net.parameters.flat)) / 4
    expected = {}
    for isa in native.instruction_sets():
        monkeypatch.setenv("CHAINRULE_ISA", isa)
        engine = native.NativeEngine(1)
        for n in ROWS:
            X = random_rows(n, net.architecture.n_inputs, dtype)
            found = engine.predict(net.parameters, X)
            expected.setdefault(n, engine.forward(net.parameters, X).output)
            assert np.array_equal(found, expected[n]), (isa, n)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("sizes", [[500, 700], [400, 600, 10], [300, 520, 520, 200, 3]])
def test_helpers_change_no_bit(sizes: list[int], threads: int) -> None:
    """Few rows are shared by columns, more by rows; one call after the other, so that helpers are awake."""
    net = cr.Network(sizes, seed=1)
    alone, together = native.NativeEngine(1), native.NativeEngine(threads)
    assert sum(a * b for a, b in pairwise(sizes)) > 2**17
    for n in (1, 2, 3, 8, 9, 40, 150):
        X = random_rows(n, sizes[0], "float32")
        expected = alone.predict(net.parameters, X)
        for _ in range(10):
            assert np.array_equal(together.predict(net.parameters, X), expected)


def test_callers_at_the_same_time_get_their_own_rows() -> None:
    """Four threads of the program, each with rows of its own, share the memory of one engine."""
    net = cr.Network([400, 600, 10], seed=1)
    engine = native.NativeEngine(2)
    rows = [random_rows(n, 400, "float32") for n in (1, 2, 30, 150)]
    expected = [native.NativeEngine(1).predict(net.parameters, X) for X in rows]

    def many(k: int) -> bool:
        return all(np.array_equal(engine.predict(net.parameters, rows[k]), expected[k]) for _ in range(40))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(many, range(4)))


def test_weights_changed_in_place_count_at_once() -> None:
    """Nothing of an earlier call is kept but memory."""
    net = cr.Network([4, 8, 3], seed=1)
    X = random_rows(5, 4, "float32")
    before = net.predict_proba(X)
    net.W[1][:] *= 2
    after = net.predict_proba(X)
    assert not np.array_equal(before, after)
    assert np.array_equal(after, net.forward(X).output)


@pytest.mark.parametrize(("n", "row"), [(1, 0), (6, 5), (97, 96), (150, 3)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused_by_row(n: int, row: int, value: float) -> None:
    """Also where it stands in the last columns, and where helpers look at it."""
    net = cr.Network([500, 700, 10], seed=1)
    X = random_rows(n, 500, "float32")
    X[row, 499] = value
    with pytest.raises(DataError, match=rf"X\[{row}, 499\]"):
        net.predict(X)


def test_nothing_is_read_behind_the_parameters() -> None:
    """The last vectors of W and b end where a page without access begins."""
    program = """
import ctypes, mmap, numpy as np, chainrule as cr
from chainrule.network.parameters import Parameters
page = mmap.PAGESIZE
memory = mmap.mmap(-1, 64 * page)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mprotect(ctypes.c_void_p(address + 63 * page), page, 0) == 0
for n_in in (1, 2, 5, 40):
    for n_out in (1, 2, 3, 5, 7, 8, 9, 10, 15, 17, 100):
        for dtype in ("float32", "float64"):
            net = cr.Network([n_in, n_out], output="identity", loss="squared_error", dtype=dtype)
            flat = net.parameters.flat
            last = np.frombuffer(memory, dtype, len(flat), 63 * page - flat.nbytes)
            last[:] = flat
            for n in (1, 2, 3, 6, 7):
                X = np.ones((n, n_in), dtype)
                found = net.engine.predict(Parameters(net.architecture, last), X)
                assert np.array_equal(found, net.forward(X).output)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
