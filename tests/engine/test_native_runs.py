"""The bits of the native engine do not depend on how it is run: threads, instruction sets, processes, interruptions."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import StepSettings
from chainrule.errors import DataError, SettingsError
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import choose, initialize
from chainrule.network.parameters import Parameters
from chainrule.seeding import permutation
from tasks import begin, digest, make_task

pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
from chainrule import _native
from chainrule.engine import threads as module
from chainrule.engine.native import NativeEngine, instruction_set
from chainrule.engine.threads import allowed_threads


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("sizes", "batch_size", "activation", "output", "loss", "optimizer", "extra"),
    [
        ([20, 64, 64, 10], 64, "relu", "softmax", "cross_entropy", "sgd", {}),
        ([20, 64, 64, 10], 64, "tanh", "softmax", "cross_entropy", "adam", {"dropout": 0.2, "clip_norm": 0.3}),
        ([33, 70, 100], 37, "gelu", "softmax", "cross_entropy", "adam", {"l2": 0.01}),
        ([33, 70, 65, 3], 37, "mish", "softplus", "poisson", "adamw", {"l1": 0.001}),
        ([13, 17, 31, 2], 7, "selu", "sigmoid", "cross_entropy", "rmsprop", {"l1": 0.001}),
        ([784, 100, 10], 10, "silu", "identity", "huber", "adagrad", {}),
        ([33, 70, 1], 37, "gelu", "sigmoid", "cross_entropy", "adam", {"l2": 0.01}),
        ([70, 130, 1, 9, 1], 37, "tanh", "identity", "squared_error", "sgd", {"dropout": 0.2}),
        ([20, 100, 1], 50, "relu", "exponential", "poisson", "adagrad", {"l1": 0.001}),
    ],
)
@pytest.mark.parametrize("layers", [{}, {"normalization": "layer", "residual": True}], ids=["plain", "normalised"])
def test_bits_do_not_depend_on_threads_or_instruction_set(
    monkeypatch: pytest.MonkeyPatch, sizes: list[int], batch_size: int, activation: str, output: str, loss: str,
    optimizer: str, extra: dict[str, float], dtype: str, layers: dict[str, Any],
) -> None:  # fmt: skip
    """One sha256 after three epochs for 1, 2, 3, 4, 8 threads, every instruction set, fused and recorded."""
    if layers:
        sizes = [*sizes[:-1], sizes[-2], sizes[-1]]  # a layer that can add its input
    task = make_task(
        sizes, activation, output, loss, dtype, n=150, batch_size=batch_size, optimizer=optimizer, **layers
    )
    s, n_steps = StepSettings(**extra), 3 * task.steps_per_epoch
    digests = set()
    for isa in _native.instruction_sets():
        monkeypatch.setenv("CHAINRULE_ISA", isa)
        for threads in (1, 2, 3, 4, 8) if isa == _native.instruction_sets()[0] else (1, 2):
            session = begin(NativeEngine(threads), task, s)
            session.advance(0, np.full(n_steps, 0.01), s)
            digests.add(digest(session))
        recorded = begin(NativeEngine(1), task, s)
        for step in range(n_steps if isa == _native.instruction_sets()[0] else 3):
            recorded.record(step, 0.01, s)
        if isa == _native.instruction_sets()[0]:
            digests.add(digest(recorded))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("optimizer", "extra", "dtype"),
    [
        ("sgd", {}, "float32"),
        ("adam", {"l2": 0.02}, "float32"),
        ("rmsprop", {"dropout": 0.2}, "float32"),
        ("adam", {"l1": 0.01, "clip_norm": 0.1}, "float64"),
    ],
)
def test_bits_of_products_in_parts(
    monkeypatch: pytest.MonkeyPatch, optimizer: str, extra: dict[str, float], dtype: str
) -> None:
    """Products so large that some instruction sets compute them in parts: more than 512 rows, 256 and 128 columns."""
    task = make_task([70, 270, 140, 3], dtype=dtype, n=565, batch_size=565, optimizer=optimizer)
    s, digests, sets = StepSettings(**extra), set(), _native.instruction_sets()
    for isa in [isa for isa in sets if isa != "emulated"]:
        monkeypatch.setenv("CHAINRULE_ISA", isa)
        for threads in (1,) if isa == "scalar" else (1, 2, 3):
            session = begin(NativeEngine(threads), task, s)
            session.advance(0, np.full(1, 0.01), s)
            digests.add(digest(session))
    monkeypatch.setenv("CHAINRULE_ISA", sets[0])
    recorded = begin(NativeEngine(1), task, s)
    recorded.record(0, 0.01, s)
    digests.add(digest(recorded))
    assert len(digests) == 1


def test_a_stretch_may_begin_anywhere() -> None:
    """Steps done in pieces, or by a session that was loaded in the middle, are the steps done at once."""
    task = make_task([9, 20, 3], n=50, batch_size=8, optimizer="adam")
    s = StepSettings(dropout=0.2)
    whole, pieces = begin(NativeEngine(1), task, s), begin(NativeEngine(1), task, s)
    losses = whole.advance(0, np.full(23, 0.01), s).losses
    first = pieces.advance(0, np.full(9, 0.01), s).losses
    later = NativeEngine(2).start(task, s)
    later.load(*pieces.store())
    second = later.advance(9, np.full(14, 0.01), s).losses
    assert np.array_equal(np.concatenate([first, second]), losses)
    assert digest(whole) == digest(later)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("isa", _native.instruction_sets())
def test_one_row_has_the_bits_of_many(isa: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """predict of a row alone, whatever is left of a vector at the end of a layer; a NaN stays in its column."""
    monkeypatch.setenv("CHAINRULE_ISA", isa)
    engine, rng = NativeEngine(1), np.random.default_rng(0)
    for n_inputs in (1, 2, 9, 30):
        for width in (1, 2, 3, 5, 7, 8, 9, 10, 15, 16, 17, 31, 33, 64, 65, 100, 129, 260):
            architecture = Architecture.build([n_inputs, width], output="identity", loss="squared_error", dtype=dtype)
            parameters = Parameters(architecture, rng.normal(size=architecture.n_parameters).astype(dtype))
            X = rng.normal(size=(9, n_inputs)).astype(dtype)
            many = engine.forward(parameters, X).output
            assert np.array_equal(engine.predict(parameters, X[4:5]), many[4:5])
            parameters.b[1][0] = np.nan  # right behind the last number of W
            assert np.array_equal(engine.predict(parameters, X[4:5])[0, 1:], many[4, 1:])
            parameters.W[1][:, 0] = np.nan  # right behind the last number of a row
            assert np.array_equal(engine.predict(parameters, X[4:5])[0, 1:], many[4, 1:])


@pytest.mark.parametrize("isa", _native.instruction_sets())
def test_the_row_order_is_that_of_seeding(isa: str) -> None:
    """The permutation of every size is the one that seeding.py states."""
    for n in (1, 2, 31, 33, 1000, 70_001):
        for seed, epoch in ((0, 0), (2**63 + 11, 3)):
            out = np.empty(n, np.int64)
            _native.permutation(isa, seed, epoch, out)
            assert np.array_equal(out, permutation(seed, epoch, n))


def test_the_row_order_of_very_many_rows() -> None:
    """Beyond 2^22 rows they are sorted in place, to the same order."""
    n = 2**22 + 45
    out = np.empty(n, np.int64)
    _native.permutation(_native.instruction_sets()[0], 7, 2, out)
    assert np.array_equal(out, permutation(7, 2, n))


def test_a_loss_that_is_not_finite_stops_before_its_update() -> None:
    """The run stops at the step, says so, and leaves the weights as they were."""
    task = make_task([5, 8, 3], n=40, batch_size=10, shuffle=False)
    task.X[25] = np.nan
    s = StepSettings()
    session, until = begin(NativeEngine(1), task, s), begin(NativeEngine(1), task, s)
    advance = session.advance(0, np.full(4, 0.1), s)
    until.advance(0, np.full(2, 0.1), s)
    assert advance.stopped == "loss"
    assert len(advance.losses) == 3
    assert np.isnan(advance.losses[-1])
    assert digest(session) == digest(until)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_weight_that_is_not_finite_stops_after_its_update(threads: int) -> None:
    """An update that overflows is the last one, even where the loss was finite."""
    task = make_task([5, 8, 3], "relu", "identity", "squared_error", n=40, batch_size=10, labels=False)
    s = StepSettings()
    advance = begin(NativeEngine(threads), task, s).advance(0, np.array([0.1, 3e38, 0.1]), s)
    assert advance.stopped == "weights"
    assert len(advance.losses) == 2
    assert np.isfinite(advance.losses).all()


def test_ctrl_c_is_honoured_at_once() -> None:
    """SIGINT ends a long stretch within 200 ms of computing after the current step, and the session can go on."""
    task = make_task([256, 256, 10], n=512, batch_size=256)  # some milliseconds a step
    s = StepSettings()
    session = begin(NativeEngine(1), task, s)
    sent: list[float] = []

    def interrupt() -> None:
        time.sleep(0.3)
        sent.append(time.process_time())  # a busy machine makes us wait, but not compute
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        session.advance(0, np.full(20_000, 1e-6), s)
    late = time.process_time() - sent[0]
    thread.join()
    assert late < 0.2
    assert session.advance(0, np.full(3, 0.1), s).stopped is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="ends on a system with fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_can_train() -> None:
    """A child makes its own threads and gets the same bits."""
    task = make_task([20, 32, 5], n=128, batch_size=32)
    s = StepSettings()
    session = begin(NativeEngine(2), task, s)
    session.advance(0, np.full(4, 0.1), s)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            session.advance(4, np.full(4, 0.1), s)
            os.write(writing, digest(session).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        of_child = pipe.read()
    os.waitpid(child, 0)
    session.advance(4, np.full(4, 0.1), s)
    assert of_child == digest(session)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="ends on a system with fork")
@pytest.mark.skipif("tsan" in os.environ.get("LD_PRELOAD", ""), reason="takes threads of a child for its parent's")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_can_predict() -> None:
    """The threads kept from one prediction to the next stay with the parent; a child has the same bits by its own."""
    task = make_task([20, 32, 5], n=2_000)
    parameters = initialize(task.architecture, choose("auto", task.architecture), 0)
    wanted = NativeEngine(2).predict(parameters, task.X)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            same = all(np.array_equal(NativeEngine(n).predict(parameters, task.X), wanted) for n in (2, 3, 2))
            os.write(writing, b"same" if same else b"other")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "same"
    os.waitpid(child, 0)
    assert np.array_equal(NativeEngine(2).predict(parameters, task.X), wanted)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_inputs", [1, 7, 20, 300])
def test_what_is_not_finite_is_seen_in_passing(monkeypatch: pytest.MonkeyPatch, dtype: str, n_inputs: int) -> None:
    """predict says so wherever the number stands, and of finite rows, however large their numbers, it says nothing."""
    n = 421  # two blocks and a rest
    task = make_task([n_inputs, 9, 2], dtype=dtype, n=n)
    parameters = Parameters(task.architecture)
    rng = np.random.default_rng(0)

    def refuse() -> None:
        raise DataError("not finite")

    for isa in (*_native.instruction_sets(), "numpy"):
        monkeypatch.setenv("CHAINRULE_ISA", "" if isa == "numpy" else isa)
        engine = NumpyEngine() if isa == "numpy" else NativeEngine(2)
        engine.predict(parameters, np.full_like(task.X, np.sqrt(np.finfo(dtype).max)), refuse)
        for bad in (np.nan, np.inf, -np.inf):
            for n_rows in (1, 5, n):
                for place in ((rng.integers(n_rows), rng.integers(n_inputs)), (-1, -1)):
                    X = task.X[:n_rows].copy()
                    X[place] = bad
                    with pytest.raises(DataError):
                        engine.predict(parameters, X, refuse)


def test_threads_are_counted_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """threads= is obeyed, then CHAINRULE_THREADS; otherwise cores, bounded by OMP_NUM_THREADS."""
    monkeypatch.setenv("CHAINRULE_THREADS", "3")
    assert allowed_threads(7) == (7, False)
    assert allowed_threads() == (3, False)
    monkeypatch.delenv("CHAINRULE_THREADS")
    monkeypatch.setattr(module, "_cores_of_process", lambda: 6)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert allowed_threads() == (2, True)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert allowed_threads() == (6, True)
    with pytest.raises(SettingsError, match="threads=0"):
        allowed_threads(0)


def test_an_unavailable_instruction_set_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """CHAINRULE_ISA names one that exists here, or the message says which do."""
    monkeypatch.setenv("CHAINRULE_ISA", "sse9")
    with pytest.raises(SettingsError, match="must be one of "):
        instruction_set()
    monkeypatch.setenv("CHAINRULE_ISA", "scalar")
    assert instruction_set() in ("scalar", "emulated")


def test_a_step_too_small_to_profit_stays_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a demand for threads, a tiny step is done by one."""
    monkeypatch.setattr(module, "_cores_of_process", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    session = begin(NativeEngine(), make_task([4, 5, 3]), StepSettings())
    assert session.active_threads == 1
