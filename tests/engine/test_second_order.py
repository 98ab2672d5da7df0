"""The native R-operator against the formulas of reference/: every activation, loss, kind of layer, odd sizes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES, loss_named
from chainrule.tune.hessian import Hessian
from tolerances import SECOND_ORDER, assert_close

_native = pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
native = pytest.importorskip("chainrule.engine.native", reason="ends when the native module is built")

HIDDEN = [name for name, entry in ACTIVATIONS.items() if entry.elementwise and name != "exponential"]
PAIRS = [
    (loss, output)
    for loss in (*LOSSES, "focal:1.5")
    for output in loss_named(loss).pairs
    if loss_named(loss).heads is None
]
SIZES = (1, 2, 3, 15, 16, 17, 63, 65, 100)


class Case:
    """A network somewhere, rows, and a direction."""

    def __init__(self, sizes: Any, hidden: str = "tanh", output: str = "softmax", loss: str = "cross_entropy",
                 dtype: str = "float64", n: int = 7, seed: int = 0, **layers: Any) -> None:  # fmt: skip
        rng = np.random.default_rng(seed)
        wide = Architecture.build(sizes, hidden, output, loss, "float64", **layers)
        numbers = rng.normal(size=wide.n_parameters) / np.sqrt(max(sizes[:-1]))
        self.parameters = Parameters(wide, numbers)
        self.X, self.v = rng.normal(size=(n, sizes[0])), rng.normal(size=wide.n_parameters)
        self.weight = rng.uniform(0, 2, size=n)
        self.weight[0] = 0 if n > 1 else 1
        if loss_named(loss).of_classes and output == "softmax":
            self.targets: Any = rng.integers(0, sizes[-1], size=n)
        else:
            self.targets = np.abs(rng.normal(size=(n, sizes[-1]))) / (2 if loss_named(loss).of_classes else 1)
        narrow = Architecture.build(sizes, hidden, output, loss, dtype, **layers)
        self.narrow = Parameters(narrow, numbers.astype(dtype))

    def check(self) -> None:
        """Loss, gradient and product of the native engine are those of the reference."""
        expected = Hessian(self.parameters, self.X, self.targets, self.weight, engine="numpy")
        dtype = self.narrow.architecture.dtype
        targets = self.targets if self.targets.ndim == 1 else self.targets.astype(dtype)
        X, weight = self.X.astype(dtype), self.weight.astype(dtype)
        found = native.NativeEngine(1).second_order(self.narrow, X, targets, weight)
        assert_close(found.loss, expected.loss, SECOND_ORDER[dtype])
        assert_close(found.gradient, expected.gradient, SECOND_ORDER[dtype])
        assert_close(found.product(self.v.astype(dtype)), expected @ self.v, SECOND_ORDER[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_every_activation_bends_as_in_the_reference(hidden: str, dtype: str) -> None:
    """Plain, normalised, residual, and both together."""
    Case((5, 17, 17, 4), hidden, dtype=dtype).check()
    Case((5, 17, 17, 4), hidden, dtype=dtype, normalization="layer").check()
    Case((5, 17, 17, 4), hidden, dtype=dtype, residual=[False, True]).check()
    Case((17, 17, 17, 4), hidden, dtype=dtype, normalization="layer", residual=True).check()


@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_every_loss_bends_as_in_the_reference(loss: str, output: str) -> None:
    """Each pair of the table, with a missing target where every output has its own."""
    case = Case((6, 9, 3), output=output, loss=loss)
    case.check()
    if ACTIVATIONS[output].elementwise:
        case.targets[2, 1] = np.nan
        case.check()


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.sampled_from(SIZES), min_size=2, max_size=4),
    n=st.sampled_from([1, 2, 31, 64, 129]),
    hidden=st.sampled_from(HIDDEN),
    normalization=st.sampled_from([None, "layer"]),
    seed=st.integers(0, 99),
)
def test_odd_sizes(sizes: list[int], n: int, hidden: str, normalization: str | None, seed: int) -> None:
    """Whatever does not fill vectors, lines or panels."""
    if min(sizes[1:-1], default=1) == 1:
        normalization = None  # there is no hidden layer, or one unit, which is always its own mean
    Case(sizes, hidden, "identity", "huber", n=n, seed=seed, normalization=normalization).check()


def test_the_same_bits_on_every_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A learning rate chosen by curvature may not depend on the processor."""
    case = Case((20, 65, 65, 10), "gelu", n=50, normalization="layer", residual=[False, True])
    found = set()
    for isa in _native.instruction_sets():
        monkeypatch.setenv("CHAINRULE_ISA", isa)
        product = Hessian(case.parameters, case.X, case.targets, case.weight, engine="native") @ case.v
        found.add(hashlib.sha256(product.tobytes()).hexdigest())
    assert len(found) == 1


def test_dropout_masks_go_to_numpy() -> None:
    """The native passes know no masks; a Hessian with masks is still right, here with masks of ones."""
    case = Case((4, 8, 3))
    ones = [None, np.ones((7, 8)), None]
    masked = Hessian(case.parameters, case.X, case.targets, case.weight, masks=ones) @ case.v
    assert_close(masked, Hessian(case.parameters, case.X, case.targets, case.weight) @ case.v, SECOND_ORDER["float64"])
