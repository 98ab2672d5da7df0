"""Arrays in every layout NumPy knows are the same numbers: unaligned, strided, of the other byte order, read-only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import _native
from chainrule.data import arrays
from chainrule.engine.native import NativeEngine
from chainrule.engine.protocol import StepSettings, Task
from chainrule.sklearn import MLPRegressor

RNG = np.random.default_rng(0)


def unaligned(a: Any) -> Any:
    """A view that begins one byte behind a multiple of the size of its numbers."""
    whole = np.zeros(a.nbytes + 1, np.uint8)
    view = whole[1:].view(a.dtype).reshape(a.shape) if a.nbytes else a
    view[...] = a
    return view


def from_field(a: Any) -> Any:
    """The field of a packed structured array, behind another of one byte."""
    table = np.zeros(len(a), np.dtype([("flag", "u1"), ("value", a.dtype, a.shape[1:])]))
    table["value"] = a
    return table["value"]


def from_bytes(a: Any) -> Any:
    """What np.frombuffer makes of bytes with a header: unaligned and read-only."""
    return np.frombuffer(b"x" + a.tobytes(), a.dtype, offset=1).reshape(a.shape)


def read_only(a: Any) -> Any:
    fixed = a.copy()
    fixed.flags.writeable = False
    return fixed


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "unaligned": unaligned,
    "field": from_field,
    "from bytes": from_bytes,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "backwards": lambda a: a[::-1].copy()[::-1],
    "every second": lambda a: np.repeat(a, 2, axis=0)[::2],
    "by columns": np.asfortranarray,
    "read-only": read_only,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("classes", [False, True], ids=["values", "classes"])
def test_a_layout_changes_no_bit(layout: str, dtype: str, classes: bool) -> None:
    """Training, both passes, prediction of few and many rows, in the library and through scikit-learn's door."""
    lay, swapped = LAYOUTS[layout], layout == "other byte order" and dtype == "float32"
    X, w = RNG.normal(size=(250, 5)).astype(dtype), RNG.uniform(0.5, 2, 250).astype(dtype)
    y = RNG.integers(0, 3, 250) if classes else RNG.normal(size=(250, 3)).astype(dtype)
    how: dict[str, Any] = {} if classes else {"output": "identity", "loss": "squared_error"}
    net = cr.Network([5, 7, 3], dtype=dtype, **how)

    def all_of(lay: Callable[[Any], Any]) -> list[bytes]:
        settings: dict[str, Any] = {"epochs": 2, "batch_size": 40, "engine": "native", "progress": False}
        run = cr.train(net, lay(X), lay(y), sample_weight=lay(w), validation=(lay(X), lay(y), lay(w)), **settings)
        other = net.copy()
        other.W[1][:] = lay(X[:5, :].copy())[:, :1]
        other.b[1][:] = lay(w[:7].copy())
        passes = other.backward(lay(X), lay(y), lay(w))
        forward = other.forward(lay(X))
        few, many = other.predict(lay(X[:2].copy())), other.predict(lay(X))
        results = [run.network.parameters.flat, passes.dX, passes.dW[1], forward.a[2], forward.z[1], few, many]
        if not classes and not swapped:  # of which scikit-learn's checks make float64
            fitted = MLPRegressor(max_iter=2, random_state=0).fit(lay(X), lay(y), sample_weight=lay(w))
            results += [fitted.coefs_[0], fitted.predict(lay(X)), fitted.gradients(lay(X), lay(y), lay(w)).dX]
        return [np.ascontiguousarray(result).tobytes() for result in results]

    assert all_of(lay) == all_of(lambda a: a)


def test_engines_copy_what_is_not_aligned() -> None:
    """Whoever calls an engine himself need not know of alignment; what reaches C++ unaligned is refused there."""
    X, y, w = RNG.normal(size=(40, 5)), RNG.normal(size=(40, 1)), RNG.uniform(1, 2, 40)
    net = cr.Network([5, 4, 1], output="identity", loss="squared_error", dtype="float64")
    engine, parameters = NativeEngine(1), net.parameters
    odd = parameters.like(unaligned(parameters.flat))
    for n in (1, 40):
        assert engine.predict(odd, unaligned(X[:n])).tobytes() == engine.predict(parameters, X[:n]).tobytes()
    assert engine.loss(odd, unaligned(X), unaligned(y), unaligned(w))[0] == engine.loss(parameters, X, y, w)[0]
    found = [
        engine.second_order(p, lay(X), lay(y), lay(w)).product(lay(parameters.flat)).tobytes()
        for p, lay in ((odd, unaligned), (parameters, np.asarray))
    ]
    assert found[0] == found[1]
    thetas = []
    for lay in (unaligned, np.asarray):
        task = Task(
            architecture=net.architecture,
            X=lay(X),
            targets=lay(y),
            weight=lay(w),
            optimizer="adam",
            batch_size=8,
            seed=0,
        )
        session = engine.start(task, StepSettings())
        session.load(lay(parameters.flat), {name: lay(np.zeros_like(parameters.flat)) for name in ("m", "v")})
        session.advance(0, lay(np.full(5, 0.01)), StepSettings())
        thetas.append(session.theta().tobytes())
    assert thetas[0] == thetas[1]
    rows = _native.Plain64(engine.describe()["instruction_set"], [_native.Layer(5, 1, 0, 0, False)], 1)
    with pytest.raises(ValueError, match="multiple of the size"):
        rows.predict(np.zeros(6), unaligned(X), np.empty((40, 1)))


def test_plain_copies_only_where_it_must() -> None:
    """An array that engines can read as it is stays the same object."""
    a = np.zeros((3, 2))
    assert arrays.plain(a, "float64") is a
    for lay in (unaligned, np.asfortranarray, lambda a: a.astype(">f8")):
        copied = arrays.plain(lay(a), "float64")
        assert copied.flags.aligned
        assert copied.flags.c_contiguous
        assert copied.dtype == np.float64
