"""The gradient of a batch over V leaves: its value, and bits that depend on V alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import LeafSums, Session, StepSettings, Task
from chainrule.network.parameters import Parameters
from chainrule.reference.leaves import cover, tree_sum
from tasks import begin, digest, make_task
from tolerances import FLOAT32, NATIVE_100_STEPS

N_STEPS = 7
HOW: list[tuple[str, StepSettings, dict[str, Any]]] = [
    ("sgd", StepSettings(optimizer={"momentum": 0.0, "nesterov": False}), {}),
    ("sgd", StepSettings(optimizer={"momentum": 0.9, "nesterov": False}, clip_norm=0.1, l2=0.01), {"weighted": True}),
    ("adam", StepSettings(dropout=0.3), {"normalization": "layer"}),
    ("adamw", StepSettings(l1=0.01), {"normalization": "layer", "weighted": True}),
]


def task_of(optimizer: str, V: int, **more: Any) -> Task:
    return make_task([9, 17, 70, 3], n=70, batch_size=25, optimizer=optimizer, leaves=V, **more)


def native(threads: int = 1) -> Any:
    pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
    from chainrule.engine.native import NativeEngine

    return NativeEngine(threads)


def advanced(session: Session, settings: StepSettings) -> str:
    losses = session.advance(0, np.full(N_STEPS, 0.05), settings).losses
    return digest(session) + losses.tobytes().hex()


def shared(sessions: list[Session], V: int, settings: StepSettings) -> str:
    """The same steps, each shared by several sessions as workers share it."""
    losses = np.empty(N_STEPS)
    for step in range(N_STEPS):
        gradients, sums = {}, {}
        for r, session in enumerate(sessions):
            nodes = cover(V * r // len(sessions), V * (r + 1) // len(sessions), V)
            parts = session.parts(step, settings, nodes)
            gradients |= dict(zip(nodes, parts.gradients, strict=True))
            sums |= dict(zip(nodes, parts.losses.tolist(), strict=True))
        total = LeafSums(tree_sum(gradients, (0, V))[None], np.array([tree_sum(sums, (0, V))]))
        losses[step] = total.losses[0]
        assert [session.finish(step, 0.05, settings, total)[0] for session in sessions] == [None] * len(sessions)
    assert len({digest(session) for session in sessions}) == 1
    return digest(sessions[0]) + losses.tobytes().hex()


@pytest.mark.parametrize("V", [1, 3, 8, 40])
@pytest.mark.parametrize(("optimizer", "settings", "more"), HOW)
def test_bits_depend_on_leaves_alone(
    monkeypatch: pytest.MonkeyPatch, V: int, optimizer: str, settings: StepSettings, more: dict[str, Any]
) -> None:
    """One result for 1, 2, 3 threads, every instruction set, 1 to 3 workers, recorded or not; 40 leaves of 25 rows."""
    task, found = task_of(optimizer, V, **more), set()
    native()
    from chainrule import _native

    for isa in _native.instruction_sets():
        monkeypatch.setenv("CHAINRULE_ISA", isa)
        found |= {advanced(begin(native(threads), task, settings), settings) for threads in (1, 2)}
    monkeypatch.delenv("CHAINRULE_ISA")
    for n_workers in range(1, min(V, 3) + 1):
        sessions = [begin(native(1 + r), task, settings) for r in range(n_workers)]
        found.add(shared(sessions, V, settings))
    session = begin(native(), task, settings)
    losses = np.array([session.record(step, 0.05, settings).backward.loss for step in range(N_STEPS)])
    found.add(digest(session) + losses.tobytes().hex())
    assert len(found) == 1


@pytest.mark.parametrize("V", [1, 3, 40])
@pytest.mark.parametrize(("optimizer", "settings", "more"), HOW)
def test_the_reference_shares_steps_too(V: int, optimizer: str, settings: StepSettings, more: dict[str, Any]) -> None:
    """The NumPy engine: the same bits for 1 to 3 workers as alone."""
    task, engine = task_of(optimizer, V, **more), NumpyEngine()
    alone = advanced(begin(engine, task, settings), settings)
    for n_workers in range(1, min(V, 3) + 1):
        assert shared([begin(engine, task, settings) for _ in range(n_workers)], V, settings) == alone


def test_the_tree_is_what_the_definition_says() -> None:
    """dW of a recorded step is the tree of the gradients over each leaf's rows alone, to the bit."""
    task, settings = replace(task_of("sgd", 5), shuffle=False), HOW[0][1]
    record = begin(native(), task, settings).record(0, 0.05, settings)
    parameters: Parameters = record.update.old.parameters
    leaves = {}
    for l in range(5):
        rows = slice(25 * l // 5, 25 * (l + 1) // 5)
        alone = native().backward(parameters, task.X[rows], task.targets[rows])
        delta = record.backward.delta[3][rows]  # with the shares of the whole batch, 1/25 in place of 1/5
        np.testing.assert_allclose(delta * 5, alone.delta[3], rtol=FLOAT32, atol=FLOAT32)
        x = record.forward.a[2][rows]
        chain = np.zeros((70, 3), np.float32)
        for i in range(5):
            exact = x[i].astype(np.float64)[:, None] * delta[i].astype(np.float64) + chain
            chain = exact.astype(np.float32)
        leaves[l, l + 1] = chain
    assert np.array_equal(record.backward.dW[3], tree_sum(leaves, (0, 5)))


@pytest.mark.parametrize("V", [2, 8])
def test_native_agrees_with_the_reference(V: int) -> None:
    """Leaves change the sum by rounding alone: float64 against the NumPy engine."""
    task = make_task([9, 17, 3], dtype="float64", n=70, batch_size=25, optimizer="adam", weighted=True, leaves=V)
    settings = StepSettings(dropout=0.2, l2=0.1)
    found = [begin(engine, task, settings) for engine in (native(), NumpyEngine())]
    penalties = np.zeros((2, N_STEPS))
    losses = [
        s.advance(0, np.full(N_STEPS, 0.05), settings, penalty).losses
        for s, penalty in zip(found, penalties, strict=True)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=NATIVE_100_STEPS["float64"])
    np.testing.assert_allclose(found[0].theta(), found[1].theta(), rtol=0, atol=NATIVE_100_STEPS["float64"])
    np.testing.assert_allclose(penalties[0], penalties[1], rtol=0, atol=NATIVE_100_STEPS["float64"])


def test_more_leaves_round_otherwise() -> None:
    """V = 8 is not V = 1: the recorded number matters."""
    settings = HOW[0][1]
    assert len({advanced(begin(native(), task_of("sgd", V), settings), settings) for V in (1, 8)}) == 2


def test_a_shared_step_stops_where_a_loss_is_not_finite() -> None:
    """finish names what stopped it, as advance does, and leaves the parameters as they were."""
    settings = HOW[0][1]
    for engine in (native(), NumpyEngine()):
        task = task_of("sgd", 4)
        session = begin(engine, task, settings)
        before, parts = session.theta(), session.parts(0, settings, [(0, 4)])
        assert session.finish(0, 0.05, settings, LeafSums(parts.gradients, np.array([np.inf])))[0] == "loss"
        assert np.array_equal(session.theta(), before)
        broken = LeafSums(parts.gradients * np.float32(np.nan), parts.losses)
        assert session.finish(0, 0.05, settings, broken)[0] == "weights"
