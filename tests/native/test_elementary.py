"""The native elementary functions are accurate, let NaN through, and are the same on every instruction set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from tolerances import ULPS_NATIVE, ULPS_NORMAL_DISTRIBUTION

native = pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")

FUNCTIONS: dict[str, Callable[[Any], Any]] = {  # in the order of enum Elementary
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p_of_unit": mp.log1p,
    "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "erf": mp.erf,
    "normal_distribution": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2,
}
FASTEST = native.instruction_sets()[0]


def call(name: str, x: np.ndarray, isa: str = FASTEST) -> np.ndarray:
    y = np.empty_like(x)
    native.elementary(isa, list(FUNCTIONS).index(name), x, y)
    return y


def domain(name: str, dtype: str, n: int) -> np.ndarray:
    """Numbers of every size that the function has a finite value for."""
    rng = np.random.default_rng(7)
    top = 80.0 if dtype == "float32" else 690.0
    x = np.concatenate(
        [rng.uniform(-8, 8, n), rng.uniform(-top, top, n), rng.normal(size=n) * 10.0 ** rng.uniform(-30, 1, n)]
    )
    if name == "log":
        x = np.concatenate([np.exp(x), rng.uniform(0.5, 2, n)])
    if name == "log1p_of_unit":
        x = np.abs(x) % 1.0
    if name == "normal_distribution":
        x = x[np.abs(x) < (12 if dtype == "float32" else 37)]
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_the_promised_ulps_of_the_exact_value(name: str, dtype: str) -> None:
    """No value is further than the promised number of ulps from the exact one."""
    x = domain(name, dtype, 700)
    smallest = np.finfo(dtype).tiny
    with mp.workprec(200):
        exact = [FUNCTIONS[name](mp.mpf(float(v))) for v in x]
        ulps = [
            float(abs(mp.mpf(float(y)) - e) / mp.mpf(float(np.spacing(np.dtype(dtype).type(max(abs(e), smallest))))))
            for y, e in zip(call(name, x), exact, strict=True)
        ]
    allowed = ULPS_NORMAL_DISTRIBUTION if name == "normal_distribution" else ULPS_NATIVE
    assert max(ulps) <= allowed, f"{max(ulps)} ulp at x = {x[int(np.argmax(ulps))]!r}"


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "erf"])
def test_float32_over_the_full_range(name: str) -> None:
    """Every 4999th of all float32 numbers agrees with float64 within the promise, infinities included."""
    x = np.arange(0, 2**32, 4999, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = x[np.isfinite(x)]
    if name == "log":
        x = x[x > 0]
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        if name == "erf":
            expected = np.array([float(mp.erf(v)) for v in wide[::40]])
            x = x[::40]
        elif name == "sigmoid":
            expected = np.where(wide > 0, 1 / (1 + np.exp(-wide)), np.exp(wide) / (1 + np.exp(wide)))
        else:
            expected = getattr(np, name)(wide)
        narrow = expected.astype(np.float32)
    y = call(name, x)
    finite = np.isfinite(narrow)
    assert np.array_equal(y[~finite], narrow[~finite])
    ulp = np.spacing(np.maximum(np.abs(narrow[finite]), np.finfo(np.float32).tiny)).astype(np.float64)
    assert (np.abs(y[finite].astype(np.float64) - expected[finite]) / ulp).max() <= ULPS_NATIVE


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_goes_through(name: str, dtype: str) -> None:
    """NaN in, NaN out, in every lane."""
    assert np.isnan(call(name, np.full(37, np.nan, dtype))).all()


def test_edges() -> None:
    """The values at 0 and at the infinities are the limits."""
    x = np.array([0.0, np.inf, -np.inf], np.float32)
    assert call("exp", x).tolist() == [1, np.inf, 0]
    assert call("tanh", x).tolist() == [0, 1, -1]
    assert call("sigmoid", x).tolist() == [0.5, 1, 0]
    assert call("erf", x).tolist() == [0, 1, -1]
    assert call("log", x[:2]).tolist() == [-np.inf, np.inf]
    assert np.isnan(call("log", np.array([-1.0, -np.inf], np.float64))).all()
    assert call("softplus", x).tolist() == [np.float32(np.log(2)), np.inf, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*FUNCTIONS, "fma"])
def test_same_bits_on_every_instruction_set(name: str, dtype: str) -> None:
    """Random bit patterns, denormals among them, give one result whatever computes it."""
    wide = np.random.default_rng(3).integers(0, 2**64, 20_000, dtype=np.uint64)
    x = wide.view(np.float64) if dtype == "float64" else (wide >> np.uint64(32)).astype(np.uint32).view(np.float32)
    x = np.concatenate([x, np.linspace(-20, 20, 5001).astype(dtype)])
    if name == "log1p_of_unit":
        x = np.abs(np.nan_to_num(x)) % 1
    number = len(FUNCTIONS) if name == "fma" else list(FUNCTIONS).index(name)
    results = set()
    for isa in native.instruction_sets():
        y = np.empty_like(x)
        native.elementary(isa, number, x, y)
        y[np.isnan(y)] = 0  # which NaN it is may differ between processors
        results.add(y.tobytes())
    assert len(results) == 1
