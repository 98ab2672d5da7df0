"""The progress bar: what its line says, how often it is written, what stays of it."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

import chainrule as cr
from chainrule import status
from chainrule.training import progress
from chainrule.training.progress import ProgressBar


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What stderr gets; the clock stands still."""
    stream = io.StringIO()
    for module in (progress, status):
        monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=stream, modules={}))
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: 100.0))
    return stream


def test_the_line_by_hand(stream: io.StringIO) -> None:
    """After 20 of 40 steps, 10 of which took 5 s, there are 10 s left; loss and metric are those of the last epoch."""
    bar = ProgressBar(4, 10, "accuracy")
    bar.stretch_done(10, 3.0)
    bar.epoch_ended(1, {"loss": 1.25, "accuracy": 0.5, "seconds": 9.0})
    message = "epoch 2/4  [=====     ]  0:00:10  loss 1.25  accuracy 0.5"
    assert bar.text(20, 0.75, 105.0, 79) == message
    assert bar.text(20, 0.75, 105.0, len(message) - 1) == message.removesuffix("  accuracy 0.5")  # no half of a number


def test_it_is_written_a_few_times_a_second(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand stretches within a tenth of a second one is drawn; after REFRESH_S the next."""
    with ProgressBar(4, 1000, "accuracy") as bar:
        for step in range(1, 1001):
            bar.stretch_done(step, 1.0)
        assert stream.getvalue().count("\r") == 1
        monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: 100.0 + status.REFRESH_S))
        bar.stretch_done(1001, 1.0)
        assert stream.getvalue().count("\r") == 2
    assert stream.getvalue().endswith("\r\x1b[K")


def test_a_line_is_cut_at_the_end_of_the_terminal(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that wrapped could not be written over: parts that would reach the last column are left out, then cut."""
    bar = "epoch 0/4  [=         ]"
    for columns, line in (("80", f"{bar}  -:--:--  loss 1"), ("33", f"{bar}  -:--:--"), ("32", bar), ("20", bar[:19])):
        monkeypatch.setenv("COLUMNS", columns)
        stream.seek(0)
        stream.truncate()
        ProgressBar(4, 10, "accuracy").stretch_done(5, 1.0)
        assert stream.getvalue() == f"\r\x1b[K{line}"


def test_a_closed_terminal_ends_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where stderr cannot be written to any more, the training goes on; where there is none, nothing is drawn."""
    X, y = [[0.0, 1.0], [1.0, 0.0]] * 8, [0, 1] * 8
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        for module in (progress, status):
            monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=stream, modules={}))
        run = cr.train(cr.Network([2, 2]), X, y, epochs=3, progress=True)
        assert len(run.history["loss"]) == 3
