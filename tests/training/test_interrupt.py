"""A signal ends a training early and whole; nobody's handler is lost, and no signal is swallowed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import interrupt

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends on a system with POSIX signals")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 3)), RNG.integers(0, 2, size=64)


@pytest.fixture(autouse=True)
def long_ago(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test is the second Ctrl-C of the one before; each leaves the handlers as they were."""
    monkeypatch.setattr(interrupt, "_last", {})
    before = [signal.getsignal(number) for number in interrupt.NUMBERS]
    yield
    assert [signal.getsignal(number) for number in interrupt.NUMBERS] == before


def trained(act: Callable[[Any], None], **how: Any) -> cr.Run:
    """A training of up to 50 epochs, with something that happens at the end of the third."""

    def at_third(control: Any) -> None:
        if control.epoch == 2:
            act(control)

    return cr.train(cr.Network([3, 4, 2]), X, Y, epochs=50, callbacks=[at_third], progress=False, **how)


def send(number: int) -> Callable[[Any], None]:
    """A callback that lets a signal come."""
    return lambda control: signal.raise_signal(number)


def later(seconds: float, number: int = signal.SIGINT) -> threading.Timer:
    """The signal comes some time after this."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
    timer.start()
    return timer


def test_ctrl_c_returns_the_run_and_warns() -> None:
    """The training ends after the step; the warning names the line that called train."""
    with pytest.warns(cr.InterruptedWarning, match="Ctrl-C ended the training after 3 epochs") as caught:
        run = trained(send(signal.SIGINT))
    assert run.result["stopped"] == "interrupted"
    assert len(run.history["loss"]) == 3
    assert caught[0].filename == __file__


def test_a_loop_ends_where_the_warning_is_an_error() -> None:
    """With the warning as an error the first interrupted training is the last."""
    done = []

    def loop() -> None:
        for seed in range(5):
            done.append(seed)
            trained(send(signal.SIGINT), seed=seed)

    with warnings.catch_warnings():
        warnings.simplefilter("error", cr.InterruptedWarning)
        with pytest.raises(cr.InterruptedWarning):
            loop()
    assert done == [0]


def test_a_second_ctrl_c_raises_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that are apart: the second is a KeyboardInterrupt, within one training and over two of them."""
    monkeypatch.setattr(interrupt, "AS_ONE_S", 0.0)

    def twice(control: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trained(twice)
    interrupt._last.clear()
    with pytest.warns(cr.InterruptedWarning):
        trained(send(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        trained(send(signal.SIGINT))


def test_two_at_once_are_one() -> None:
    """A wrapper that sends a signal twice within a moment ends the training like one."""

    def twice(control: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.warns(cr.InterruptedWarning):
        assert trained(twice).result["stopped"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_handler_of_ones_own_is_called_after_the_training(number: int) -> None:
    """It is called once, when the run is whole."""
    heard: list[tuple[int, bool]] = []
    ended = []
    before = signal.signal(number, lambda n, frame: heard.append((n, bool(ended))))
    try:
        with pytest.warns(cr.InterruptedWarning):
            run = trained(lambda control: (signal.raise_signal(number), ended.append(True)))  # type: ignore[func-returns-value]
    finally:
        signal.signal(number, before)
    assert heard == [(number, True)]
    assert run.result["stopped"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_ignored_stays_so(number: int) -> None:
    """A program under nohup trains to the end."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert trained(send(number)).result["stopped"] == "epochs"
    finally:
        signal.signal(number, before)


def test_a_thread_trains_without_handlers() -> None:
    """In another thread than the main one no handler is set, and the training goes to its end."""
    runs: list[cr.Run] = []
    handlers: list[Any] = []
    thread = threading.Thread(
        target=lambda: runs.append(trained(lambda control: handlers.append(signal.getsignal(signal.SIGINT))))
    )
    before = signal.getsignal(signal.SIGINT)
    thread.start()
    thread.join()
    assert runs[0].result["stopped"] == "epochs"
    assert handlers == [before]


PROGRAM = """
import signal, sys, warnings
import numpy as np, chainrule as cr
rng = np.random.default_rng(0)
X, y = rng.normal(size=(64, 3)), rng.integers(0, 2, size=64)
def act(control):
    if control.epoch == 2:
        signal.raise_signal(getattr(signal, sys.argv[1]))
cr.train(cr.Network([3, 4, 2]), X, y, epochs=50, callbacks=[act], directory=sys.argv[2])
print("went on")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_program_ends_by_the_signal_with_its_run_kept(name: str, tmp_path: Path) -> None:
    """In a program without a handler the default action follows, after model and checkpoint are written."""
    call = [sys.executable, "-c", PROGRAM, name, str(tmp_path / "run")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == -getattr(signal, name)
    assert "went on" not in done.stdout
    run = cr.load(tmp_path / "run")
    assert run.result["stopped"] == "interrupted"
    assert run.n_steps in run.checkpoints.sizes
    assert not list((tmp_path / "run").rglob("*.tmp.*"))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_estimator_is_fitted_as_far_as_it_came(solver: str) -> None:
    """Ctrl-C within MLPClassifier.fit: a fitted estimator and the warning, at the caller's line."""
    from chainrule.sklearn import MLPClassifier

    many = np.tile(X, (20, 1)) + RNG.normal(size=(64 * 20, 3))
    model = MLPClassifier(
        (64, 64), solver=solver, max_iter=10**6, max_fun=10**9, tol=0.0, n_iter_no_change=10**6, random_state=0
    )
    timer = later(0.5)
    with pytest.warns(cr.InterruptedWarning, match="interrupted by user") as caught:
        model.fit(many, np.tile(Y, 20))
    timer.join()
    assert [entry.filename for entry in caught] == [__file__]
    assert 0 < model.n_iter_ < 10**6
    assert len(model.predict(X)) == 64


def test_an_estimator_of_tables_is_fitted_as_far_as_it_came() -> None:
    """Ctrl-C within TabularClassifier.fit, once its training has begun; as an error it leaves a fitted estimator."""
    from chainrule.sklearn import TabularClassifier

    rows, answers = np.tile(X, (20, 1)), np.tile(Y, 20)
    for action in ("default", "error"):
        interrupt._last.clear()
        model = TabularClassifier("plain", hidden_layer_sizes=(4,), max_iter=10**6, random_state=0)
        timer = later(1.0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action, cr.InterruptedWarning)  # type: ignore[arg-type]
            try:
                model.fit(rows, answers)
            except cr.InterruptedWarning:
                assert action == "error"
            else:
                assert [entry.filename for entry in caught if entry.category is cr.InterruptedWarning] == [__file__]
        timer.join()
        assert len(model.predict(X)) == 64
        assert model.run_.result["stopped"] == "interrupted"


@pytest.mark.parametrize("copies", [20, 30])
def test_ctrl_c_while_the_training_is_chosen_is_raised(monkeypatch: pytest.MonkeyPatch, copies: int) -> None:
    """Trials leave no model: there KeyboardInterrupt ends fit, whether epochs are measured or not."""
    from chainrule.api import trial
    from chainrule.sklearn import TabularClassifier

    class Interrupting(trial.StepCount):
        def stretch_done(self, step: int, loss: float) -> None:
            signal.raise_signal(signal.SIGINT)

    interrupt._last.clear()
    monkeypatch.setattr(trial, "StepCount", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        TabularClassifier(random_state=0).fit(np.tile(X, (copies, 1)), np.tile(Y, copies))
