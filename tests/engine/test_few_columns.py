"""Layers whose last columns fill only part of a vector: the gradient of W is computed the other way round there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import StepSettings
from tasks import begin, digest, make_task

pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
from chainrule import _native
from chainrule.engine.native import NativeEngine

INSTRUCTION_SETS = [isa for isa in _native.instruction_sets() if isa != "emulated"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("columns", [*range(2, 15), 17, 26, 35, 42, 66])
def test_bits_of_few_columns(monkeypatch: pytest.MonkeyPatch, columns: int, optimizer: str, dtype: str) -> None:
    """One result for every instruction set and 1 to 3 threads, rows of W in whole vectors or not, one leaf or two."""
    cases: list[tuple[int, int, StepSettings]] = [
        (13, 1, StepSettings(l2=0.02)),
        (64, 1, StepSettings()),
        (100, 2, StepSettings()),
        (117, 1, StepSettings(clip_norm=0.1)),
    ]
    for hidden, leaves, settings in cases:
        task = make_task([7, hidden, columns], dtype=dtype, n=79, batch_size=50, optimizer=optimizer, leaves=leaves)
        digests = set()
        for isa in INSTRUCTION_SETS:
            monkeypatch.setenv("CHAINRULE_ISA", isa)
            for threads in (1,) if isa == "scalar" else (1, 2, 3):
                session = begin(NativeEngine(threads), task, settings)
                session.advance(0, np.full(4, 0.01), settings)
                digests.add(digest(session))
        assert len(digests) == 1, (hidden, leaves)


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
@pytest.mark.parametrize("columns", [2, 3, 5, 8, 10, 12, 26])
def test_values_of_few_columns(monkeypatch: pytest.MonkeyPatch, columns: int, isa: str) -> None:
    """The parameters after some steps are those of NumPy's engine."""
    monkeypatch.setenv("CHAINRULE_ISA", isa)
    task = make_task([7, 45, columns], "tanh", dtype="float64", n=90, batch_size=45, optimizer="adam", weighted=True)
    settings = StepSettings(l2=0.02)
    found: list[Any] = []
    for engine in (NativeEngine(2), NumpyEngine()):
        session = begin(engine, task, settings)
        session.advance(0, np.full(6, 0.01), settings)
        found.append(session.theta())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12)
