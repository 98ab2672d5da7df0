"""No training computes with subnormal numbers for long: what is too small to count is 0, by one rule for all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import StepSettings, Task
from chainrule.errors import DivergedError, ModelFileError, SettingsError
from chainrule.network.architecture import Architecture
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.small_numbers import EVERY, RULES, threshold
from chainrule.run import resume
from tasks import digest

pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
from chainrule import _native
from chainrule.engine.native import NativeEngine

BY_THE_FIRST_RULES = "ae538aee872f356b"
"""The bits of 60 epochs of the case "adam" before there was a rule for small numbers: 4,503 of 4,801 are subnormal."""


def case(name: str, rows: int = 1024) -> tuple[Task, StepSettings, Any, float]:
    """A training whose numbers become small: their decay pulls the weights to 0, or units are dead, or X is tiny."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4096, 8)), (rng.random(4096) < 0.1).astype(np.int32)
    sizes, dtype, options, rule, hyper, eta, extra = [8, 64, 64, 1], "float32", {}, "adam", {}, 0.003, {"l2": 0.01}
    for part in name.split():
        if part in OPTIMIZERS:
            rule = part
            eta = {"sgd": 0.1, "adagrad": 0.1, "rmsprop": 0.003}.get(part, eta)
            extra = {"l2": 0.5} if part == "sgd" else {} if part == "adamw" else extra
            hyper = {"weight_decay": 3.0} if part == "adamw" else {}
        elif part == "momentum":
            rule, hyper, eta, extra = "sgd", {"momentum": 0.9}, 0.05, {"l2": 0.5}
        elif part == "float64":
            dtype = part
        elif part == "softmax":
            sizes, y = [8, 64, 64, 3], np.minimum((rng.random(4096) * 3).astype(np.int32), 2)
        elif part == "tiny-inputs":
            X, extra = X * (1e-38 if dtype == "float32" else 1e-307), {}
        elif part == "dead":
            X, extra = np.abs(X), {}
        elif part in ("normalization", "residual"):
            options |= {"normalization": "layer"} if part == "normalization" else {"residual": True}
        else:
            options["activation"] = part
    net = cr.Network(sizes, output="softmax" if sizes[-1] > 1 else "sigmoid", dtype=dtype, **options)
    if "dead" in name:
        net.b[1][:32] = -100
    task = Task(
        architecture=net.architecture, X=np.ascontiguousarray(X[:rows], dtype), targets=y[:rows], weight=None,
        optimizer=rule, batch_size=32, seed=0,
    )  # fmt: skip
    return task, StepSettings(optimizer=hyper, **extra), net.parameters.flat, eta


def begin(engine: Any, given: tuple[Task, StepSettings, Any, float], rules: int = RULES) -> Any:
    """A session at the start of a case."""
    task, settings, theta, _ = given
    task = replace(task, architecture=replace(task.architecture, rules=rules))
    session = engine.start(task, settings)
    session.load(theta, OPTIMIZERS[task.optimizer].start(theta, settings.optimizer))
    return session


def small_ones(x: Any) -> int:
    return int(((x != 0) & (np.abs(x) < threshold(RULES, str(x.dtype)))).sum())


def subnormal(x: Any) -> int:
    return int(((x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny)).sum())


@pytest.mark.parametrize(
    "name",
    ["adam", "sgd", "momentum", "rmsprop", "adagrad", "adamw", "sgd_sutskever", "adam float64", "sgd float64",
     "adam softmax", "sgd tanh", "adam gelu", "adam normalization residual", "adam dead", "sgd dead",
     "sgd tanh tiny-inputs", "sgd float64 sigmoid tiny-inputs"],
)  # fmt: skip
def test_nothing_stays_subnormal(name: str) -> None:
    """Neither what a step computes at any of several points of a long training, nor the state when it was looked at."""
    given = case(name)
    _, settings, _, eta = given
    session, step = begin(NativeEngine(threads=1), given), 0
    for n_steps in (5 * EVERY, 16 * EVERY, 32 * EVERY, 32 * EVERY):
        session.advance(step, np.full(n_steps - 1, eta), settings)
        step += n_steps
        record = session.record(step - 1, eta, settings)
        theta, state = session.store()
        squares = OPTIMIZERS[given[0].optimizer].squares
        assert not small_ones(theta) and not any(small_ones(x) for key, x in state.items() if key not in squares)
        f, b = record.forward, record.backward
        arrays = [*state.values(), *f.z[1:], *f.a, *b.delta[1:], *b.dW[1:], *b.db[1:]]
        assert [subnormal(x) for x in arrays] == [0] * len(arrays), (name, step)


@pytest.mark.parametrize("name", ["adam", "sgd", "momentum", "adam float64", "adam gelu normalization", "adam softmax"])
def test_bits_do_not_depend_on_threads_or_instruction_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numbers become small as elsewhere, over the updates after which they are looked at."""
    given = case(name, rows=256)
    n_steps, digests = 40 * given[0].steps_per_epoch, set()
    for isa in _native.instruction_sets():
        monkeypatch.setenv("CHAINRULE_ISA", isa)
        for threads in (1, 2, 3):
            session = begin(NativeEngine(threads=threads), given)
            for first in range(0, n_steps, 50):
                session.advance(first, np.full(min(50, n_steps - first), given[3]), given[1])
            digests.add(digest(session))
    session = begin(NativeEngine(threads=1), given)
    for step in range(n_steps):
        session.record(step, given[3], given[1])
    digests.add(digest(session))
    assert len(digests) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "identity", "leaky_relu", "softplus"])
def test_engines_agree_on_what_is_too_small(activation: str, dtype: str) -> None:
    """z, a, delta and gradients of weights and inputs spread over the whole range, 0 in the same places."""
    small, rng = threshold(RULES, dtype), np.random.default_rng(1)
    sizes = [6, 9, 9, 4]
    net = cr.Network(sizes, activation=activation, dtype=dtype, normalization=None)
    exponents = np.log2(small) * rng.uniform(0, 1.3, net.parameters.flat.shape)
    net.parameters.flat[:] = rng.choice([-1.0, 1.0], exponents.shape) * 2.0**exponents
    X = (rng.normal(size=(12, 6)) * 2.0 ** (np.log2(small) * rng.uniform(0, 1.2, (12, 6)))).astype(dtype)
    y = rng.integers(0, 4, 12).astype(np.int32)
    engines = NativeEngine(threads=1), NumpyEngine()
    (f, b), (f_n, b_n) = [(e.forward(net.parameters, X), e.backward(net.parameters, X, y)) for e in engines]
    zeros = 0
    for l in range(1, 4):
        for name, found, expected in (
            ("z", f.z[l], f_n.z[l]),
            ("a", f.a[l], f_n.a[l]),
            ("d", b.delta[l], b_n.delta[l]),
        ):
            np.testing.assert_allclose(found, expected, rtol=3e-4, atol=small * 1e-3)
            if l == 2 or (l == 1 and name != "d") or (l == 3 and name == "d"):
                assert not ((found != 0) & (np.abs(found) < small)).any()
                zeros += int((found == 0).sum())
        np.testing.assert_allclose(b.dW[l], b_n.dW[l], rtol=3e-4, atol=small**2)
    assert zeros > 0 or activation in ("sigmoid", "softplus")


def test_numpy_sessions_follow_the_rule() -> None:
    """The state of both engines, some updates after each of which numbers were looked at, 0 in the same places."""
    given = case("sgd", rows=128)
    native, numpy = begin(NativeEngine(threads=1), given), begin(NumpyEngine(), given)
    steps = 14 * EVERY
    for session in (native, numpy):
        session.advance(0, np.full(steps, given[3]), given[1])
    theta, expected = native.store()[0], numpy.store()[0]
    assert 0 < (theta == 0).sum() == (expected == 0).sum()
    np.testing.assert_allclose(theta, expected, rtol=1e-3, atol=1e-6)


def test_the_first_rules_have_their_bits() -> None:
    """A training by the first rules is to the bit what it was before there were others."""
    given = case("adam", rows=4096)
    session = begin(NativeEngine(threads=1), given, rules=1)
    session.advance(0, np.full(60 * 128, given[3]), given[1])
    assert digest(session).startswith(BY_THE_FIRST_RULES)
    assert subnormal(session.theta()) > 3000


def test_ordinary_training_is_the_same_by_both_rules() -> None:
    """Where no number becomes small no bit differs."""
    given = case("adam tanh", rows=256)
    sessions = [begin(NativeEngine(threads=1), (given[0], StepSettings(), *given[2:]), rules) for rules in (1, 2)]
    for session in sessions:
        session.advance(0, np.full(200, given[3]), StepSettings())
    assert len({digest(session) for session in sessions}) == 1


def test_later_rules_are_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"rules=3: must be 1 or 2; .* needs a later chainrule\. Install it"):
        Architecture.build([3, 2], rules=3)


X = np.repeat(np.random.default_rng(0).normal(size=(40, 3)), 2, axis=0)
Y = np.arange(80) % 2  # of every two equal rows one is of each class: nothing can be learned


def train(folder: Path, **given: Any) -> cr.Run:
    """A training in which the weights become small."""
    return cr.train(
        cr.Network([3, 8, 2], activation="tanh"), X, Y, optimizer=cr.SGD(0.5), l2=0.5, batch_size=80, epochs=8 * EVERY,
        progress=False, directory=folder, resume=True, **given,
    )  # fmt: skip


def stop(control: Any) -> None:
    if control.epoch == 20:
        control.stop("interrupted")


def test_a_run_keeps_the_rules_it_was_begun_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says nothing of rules is replayed and resumed by the first; its network trains on by the latest."""
    monkeypatch.setattr(resume, "RULES", 1)
    whole, begun = train(tmp_path / "whole"), train(tmp_path / "begun", callbacks=[stop])
    assert begun.result["stopped"] == "interrupted"
    monkeypatch.setattr(resume, "RULES", RULES)
    assert "rules" not in json.loads((tmp_path / "begun" / "run.json").read_text())["architecture"]
    resumed = train(tmp_path / "begun")
    assert resumed.result["sha256"] == whole.result["sha256"]
    assert small_ones(resumed.network.parameters.flat) > 0
    loaded = cr.load(tmp_path / "begun")
    assert loaded.replay(400).backward.loss == whole.losses[400]
    latest = train(tmp_path / "latest")
    assert json.loads((tmp_path / "latest" / "run.json").read_text())["architecture"]["rules"] == RULES
    assert latest.result["sha256"] != whole.result["sha256"]
    assert small_ones(latest.network.parameters.flat) == 0
    assert latest.replay(400).backward.loss == latest.losses[400]
    assert cr.train(loaded.network, X, Y, epochs=1, progress=False).network.architecture.rules == RULES


def test_a_run_of_later_rules(tmp_path: Path) -> None:
    """It is refused by name, where it is loaded and where it would go on."""
    train(tmp_path / "run", callbacks=[stop])
    path = tmp_path / "run" / "run.json"
    path.write_text(path.read_text().replace(f'"rules": {RULES}', '"rules": 9'))
    assert '"rules": 9' in path.read_text()
    for call in (lambda: cr.load(tmp_path / "run"), lambda: train(tmp_path / "run")):
        with pytest.raises(ModelFileError, match="rules=9"):
            call()


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    ("activation", "sizes"), [("tanh", [2, 3, 1]), ("sigmoid", [2, 20, 20, 1]), ("tanh", [2, 1, 1])]
)
def test_an_infinite_z_ends_the_training(engine: str, activation: str, sizes: list[int]) -> None:
    """Though g makes a finite number of it; the training says where it was."""
    net = cr.Network(sizes, activation=activation, output="identity", loss="squared_error")
    net.W[1][:] = 1e38
    X, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.0, 1.0])
    with pytest.raises(DivergedError) as caught:
        cr.train(net, X, y, epochs=3, engine=engine, progress=False, on_divergence="raise")
    assert (caught.value.step, caught.value.layer, caught.value.quantity[0]) == (0, 1, "z")
    assert np.isfinite(net.predict(X)).all()
