"""The status line: what it says, when it is drawn, what takes it away; in a terminal and in a notebook."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import chainrule as cr
from chainrule import status
from chainrule.status import StatusLine, doing, far, working
from chainrule.training.progress import ProgressBar
from chainrule.visible import Door


class _Stream(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def _is_stderr(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "sys", SimpleNamespace(stderr=stream, modules=sys.modules))


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> _Stream:
    """What stderr gets, at ten times the pace."""
    stream = _Stream()
    _is_stderr(stream, monkeypatch)
    monkeypatch.setattr(status, "DELAY_S", 0.02)
    monkeypatch.setattr(status, "REFRESH_S", 0.02)
    monkeypatch.setenv("COLUMNS", "80")
    return stream


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_it_is_redrawn_while_nothing_is_said(stream: _Stream) -> None:
    """One word, then a long wait: the line is drawn again and again, and leaves nothing."""
    with working("check"):
        doing("differences of W1, entry", 3, 1200)
        _until(lambda: stream.getvalue().count("\r") >= 3)
    text = stream.getvalue()
    assert "check  0 s  differences of W1, entry  3 of 1,200" in text
    assert text.endswith("\r\x1b[K")
    drawn = text.count("\r")
    time.sleep(0.1)
    assert stream.getvalue().count("\r") == drawn  # the thread has ended


def test_what_is_quick_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work within DELAY_S leaves stderr alone; so does a stream that is no terminal, and progress=False."""
    for stream, progress in ((_Stream(), "auto"), (io.StringIO(), "auto"), (_Stream(), False)):
        _is_stderr(stream, monkeypatch)
        monkeypatch.setattr(status, "DELAY_S", 5.0 if progress == "auto" and stream.isatty() else 0.0)
        with working("check", progress):
            doing("something")
            time.sleep(0.05)
        assert stream.getvalue() == ""


def test_what_is_printed_takes_it_away(stream: _Stream) -> None:
    """Text before a terminal begins on an empty line, and no line is drawn into it until something is said."""
    with working("train"):
        doing("reading")
        _until(lambda: "reading" in stream.getvalue())
        printed = Door(stream)
        printed.write("a ")
        time.sleep(0.1)
        printed.write("result\n")
        assert stream.getvalue().endswith("\r\x1b[Ka result\n")
        doing("measuring")
        _until(lambda: "measuring" in stream.getvalue())


def test_inner_work_joins_the_open_line(stream: _Stream) -> None:
    """A command opens the line; what it calls neither opens a second one nor speaks where it is silent."""
    with working("doctor") as outer, working("train") as inner:
        assert inner is outer
        doing("trying", 1)
        far(2, 7)
        assert isinstance(outer, StatusLine)
        assert outer.text(time.perf_counter()).endswith("trying  2 of 7")
    with working("doctor", False), working("train", True):
        doing("trying")
        time.sleep(0.1)
    assert "train" not in stream.getvalue()


def test_a_bar_has_the_line_for_itself(stream: _Stream) -> None:
    """While the bar of a training is open nothing else draws; afterwards the line goes on."""
    with working("train"):
        doing("preparing")
        _until(lambda: "preparing" in stream.getvalue())
        with ProgressBar(4, 10, "accuracy") as bar:
            bar.stretch_done(10, 3.0)
            at = len(stream.getvalue())
            time.sleep(0.1)
            assert stream.getvalue()[at:] == ""
        doing("writing the report")
        _until(lambda: "writing the report" in stream.getvalue())


class _Handle:
    def __init__(self, shown: list[str]) -> None:
        self._shown = shown

    def update(self, bundle: dict[str, Any], **how: Any) -> None:
        self._shown.append(bundle["text/plain"])


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a notebook displays, of a kernel that is none; stderr is no terminal there."""
    shown: list[str] = []

    def display(bundle: dict[str, Any], **how: Any) -> _Handle:
        assert how == {"raw": True, "display_id": True}
        shown.append(bundle["text/plain"])
        return _Handle(shown)

    ipython: Any = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    module: Any = ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    _is_stderr(io.StringIO(), monkeypatch)
    monkeypatch.setattr(status, "DELAY_S", 0.02)
    monkeypatch.setattr(status, "REFRESH_S", 0.02)
    return shown


def test_a_notebook_shows_both(shown: list[str]) -> None:
    """The bar of a training and the line of other work are outputs that are updated in place, then emptied."""
    X, y = [[0.0, 1.0], [1.0, 0.0]] * 8, [0, 1] * 8
    cr.train(cr.Network([2, 2]), X, y, epochs=3)
    assert any(text.startswith("epoch ") for text in shown)
    assert shown[-1] == ""
    with working("doctor"):
        doing("trial 1")
        _until(lambda: shown[-1].endswith("trial 1"))
    assert shown[-1] == ""
    shown.clear()
    cr.train(cr.Network([2, 2]), X, y, epochs=3, progress=False)
    assert shown == []


def test_a_terminal_that_is_gone_ends_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that cannot be written to any more ends the drawing alone."""
    stream = _Stream()
    monkeypatch.setattr(status, "DELAY_S", 0.01)
    with StatusLine("check", shown=True) as line:
        _is_stderr(stream, monkeypatch)
        stream.close()
        line("something")
        time.sleep(0.05)
