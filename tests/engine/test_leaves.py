"""The gradient of a batch over V leaves: its value, and bits that depend on V alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule.engine.lines import aligned
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import Session, StepSettings, Task
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.reference.leaves import cover, tree_sum
from input_layers import INPUT_LAYERS
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


def shared(task: Task, sessions: list[Session], settings: StepSettings, n_steps: int = N_STEPS) -> str:
    """The same steps, shared by several sessions as workers share them: each owns a slice of the parameters."""
    V, n, workers = task.leaves, len(sessions), [session.share(len(sessions), r) for r, session in enumerate(sessions)]
    theta, state = sessions[0].store()
    bounds, losses = list(workers[0].bounds), np.empty(n_steps)
    thetas = [worker.of_plain(theta) for worker in workers]
    for r, worker in enumerate(workers):
        cut = {name: worker.of_plain(array)[bounds[r] : bounds[r + 1]] for name, array in state.items()}
        worker.begin(thetas[r], cut)
    for step in range(n_steps):
        gradients, sums = {}, {}
        for r, worker in enumerate(workers):
            nodes = cover(V * r // n, V * (r + 1) // n, V)
            own = aligned(len(nodes) * bounds[-1], task.architecture.dtype).reshape(len(nodes), -1)
            of_nodes = worker.parts(step, settings, nodes, own)
            gradients |= dict(zip(nodes, own, strict=True))
            sums |= dict(zip(nodes, of_nodes.tolist(), strict=True))
        losses[step] = tree_sum(sums, (0, V))
        of_norm = [
            worker.add_up(step, settings, {node: g[bounds[r] : bounds[r + 1]] for node, g in gradients.items()})
            for r, worker in enumerate(workers)
        ]
        every = None if settings.clip_norm is None else np.concatenate(of_norm)
        assert [worker.update(step, 0.05, settings, every) for worker in workers] == [None] * n
        whole = np.concatenate([thetas[r][bounds[r] : bounds[r + 1]] for r in range(n)])
        for theta in thetas:
            theta[:] = whole
    states = [worker.state() for worker in workers]
    whole_state = {name: np.concatenate([state[name] for state in states]) for name in state}
    arrays = [thetas[0], *(whole_state[name] for name in sorted(whole_state))]
    vectors = [workers[0].to_plain(vector_of(array)) for array in arrays]
    return hashlib.sha256(b"".join(vector.tobytes() for vector in vectors)).hexdigest() + losses.tobytes().hex()


def vector_of(array: Any) -> Any:
    """The same at a cache line."""
    out = aligned(array.size, array.dtype)
    out[:] = array
    return out


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
        found.add(shared(task, sessions, settings))
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
        assert shared(task, [begin(engine, task, settings) for _ in range(n_workers)], settings) == alone


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


@pytest.mark.parametrize("inputs", INPUT_LAYERS)
@pytest.mark.parametrize(
    ("optimizer", "normalization", "dtype"), [("adamw", "parametric", "float64"), ("rmsprop", "layer", "float32")]
)
def test_slices_of_every_layer_kind(inputs: str, optimizer: str, normalization: str, dtype: str) -> None:
    """Input layers, parametric activations, rates of tensors, clipping, 70 steps: the bits of one that owns all."""
    settings = StepSettings(clip_norm=0.05, l2=0.01, l1=0.001, learning_rate_factors={"b": 0.3, "W1": 2.0})
    kind: dict[str, Any] = {"parametric": True} if normalization == "parametric" else {"normalization": normalization}
    architecture = Architecture.build([5, 17, 3], "tanh", dtype=dtype, inputs=INPUT_LAYERS[inputs], **kind)
    task = replace(make_task([5, 3], n=70, batch_size=25, dtype=dtype, optimizer=optimizer, leaves=5),
                   architecture=architecture)  # fmt: skip
    task.X[:, 1] = np.arange(70) % 4
    for engine in (native(), native(2), NumpyEngine()):
        alone = begin(engine, task, settings)
        losses = alone.advance(0, np.full(70, 0.05), settings).losses  # beyond the 64th, where small numbers become 0
        found = shared(task, [begin(engine, task, settings) for _ in range(3)], settings, 70)
        assert found == digest(alone) + losses.tobytes().hex()


def test_more_owners_than_there_are_pieces() -> None:
    """Slices may be empty."""
    task, settings = make_task([2, 1], output="identity", loss="squared_error", labels=False, leaves=12), HOW[0][1]
    alone = advanced(begin(native(), task, settings), settings)
    assert shared(task, [begin(native(), task, settings) for _ in range(12)], settings) == alone


def test_a_shared_step_stops_where_an_update_is_not_finite() -> None:
    """The owner of the slice says so."""
    settings = HOW[0][1]
    for engine in (native(), NumpyEngine()):
        task = task_of("sgd", 4)
        session = begin(engine, task, settings)
        worker = session.share(1, 0)
        theta = worker.of_plain(session.theta())
        worker.begin(theta, {})
        gradients = aligned(theta.size, np.float32)[None]
        worker.parts(0, settings, [(0, 4)], gradients)
        gradients *= np.float32(np.nan)
        worker.add_up(0, settings, {(0, 4): gradients[0]})
        assert worker.update(0, 0.05, settings, None) == "weights"
