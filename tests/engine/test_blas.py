"""The limit of one BLAS thread holds for everybody who asked for it, whoever leaves first."""

from __future__ import annotations

import contextlib
import threading

from threadpoolctl import ThreadpoolController

from chainrule.engine.blas import one_thread


def n_threads() -> set[int]:
    """The threads of every BLAS in this process."""
    return {one["num_threads"] for one in ThreadpoolController().info() if one["user_api"] == "blas"}


def test_the_limit_holds_until_the_last_thread_left() -> None:
    """The one that came first leaves first; then the number is as before."""
    before, entered, left = n_threads(), threading.Event(), threading.Event()

    def first() -> None:
        with one_thread():
            entered.set()
            assert second_came.wait(10)
        left.set()

    second_came = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(10)
    with one_thread():
        second_came.set()
        assert left.wait(10)
        assert n_threads() == {1}
    thread.join()
    assert n_threads() == before


def test_a_failure_ends_it() -> None:
    """And within itself it changes nothing."""
    before = n_threads()
    with contextlib.suppress(ValueError), one_thread(), one_thread():
        assert n_threads() == {1}
        raise ValueError("inner")
    assert n_threads() == before
