"""Executors: tasks at once come to what they come to one after the other, in the same order, and end together."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors, status
from chainrule.api.ensemble_training import train_chosen
from chainrule.api.model_selection import choose
from chainrule.engine.threads import allowed_threads, at_most
from chainrule.planning import memory
from chainrule.planning.executor import SideBySide, in_turn, under_way
from chainrule.planning.members import member_seed
from chainrule.planning.plan import TrainingPlan
from chainrule.run.directory import RunDirectory
from chainrule.training import interrupt
from chainrule.training.interrupt import Listening

RNG = np.random.default_rng(0)
TABLE: dict[str, Any] = {"east": RNG.normal(size=700), "north": RNG.normal(size=700)}
TABLE["kind"] = np.where(TABLE["east"] * TABLE["north"] + 0.3 * RNG.normal(size=700) > 0, "yes", "no")
TWO = SideBySide("tasks", threads=2)


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """No signal was heard a moment ago: two of them soon after each other mean something else."""
    monkeypatch.setattr(interrupt, "_last", {})


def until(holds: Callable[[], bool]) -> bool:
    """Wait for something that another thread does; False where it does not within ten seconds."""
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.001)
    return holds()


def test_two_tasks_are_done_at_once_and_given_in_their_order() -> None:
    """The first one waits for the second, which in turn would wait for ever; results change no place."""
    second = threading.Event()

    def fit(k: int) -> int:
        if k == 0:
            assert second.wait(10)
        if k == 1:
            second.set()
        return k * k

    assert list(TWO(fit, range(5))) == [0, 1, 4, 9, 16]


def test_a_further_item_is_taken_when_somebody_is_idle() -> None:
    """So what items hold, such as the rows of a fold, is there for as many as are at work."""
    taken, may_end = list[int](), [threading.Event() for _ in range(6)]

    def items() -> Iterator[int]:
        for k in range(6):
            taken.append(k)
            yield k

    def fit(k: int) -> int:
        assert may_end[k].wait(10)
        return k

    with under_way(TWO(fit, items())) as results:
        may_end[0].set()
        assert next(results) == 0
        assert taken in ([0, 1], [0, 1, 2])
        for event in may_end:
            event.set()
        assert list(results) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("threads", "most", "n", "share"), [(1, None, 4, 1), (4, 1, 4, 4), (4, None, 1, 4)])
def test_one_at_a_time_is_done_in_the_thread_of_the_caller(threads: int, most: int | None, n: int, share: int) -> None:
    """Where one thread is allowed, memory allows one, or there is one task; it has all threads then."""
    found = list(SideBySide("tasks", threads, most)(lambda k: (threading.get_ident(), allowed_threads(4)[0]), range(n)))
    assert found == [(threading.get_ident(), 4)] * n


def test_without_a_further_thread_tasks_are_done_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may allow one more, or none; what was started for nothing ends."""
    for n_allowed in (0, 1):
        before, start, left = threading.active_count(), threading.Thread.start, [n_allowed]

        def limited(self: threading.Thread, start: Any = start, left: list[int] = left) -> None:
            if left[0] == 0:
                raise RuntimeError("can't start new thread")
            left[0] -= 1
            start(self)

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", limited)
            found = list(TWO(lambda k: (k, threading.get_ident()), range(3)))
        assert found == [(k, threading.get_ident()) for k in range(3)]
        assert threading.active_count() == before


def test_tasks_share_the_threads_that_are_allowed() -> None:
    """Four for two tasks are two each, whatever a training asks for; the last of three has all; nothing is nested."""
    both = threading.Barrier(2)

    def fit(k: int) -> int:
        if k < 2:
            both.wait(10)
        return allowed_threads(4)[0]

    found = list(SideBySide("tasks", 4, 2)(fit, range(3)))
    assert found == [2, 2, 4]
    inner = list(
        SideBySide("tasks", 2, 2)(
            lambda k: list(SideBySide("inner", 2)(lambda i: threading.get_ident(), "ab")), range(2)
        )
    )
    assert all(len(set(one)) == 1 for one in inner)
    with at_most(3):
        assert allowed_threads(8)[0] == 3


def test_a_failure_comes_in_its_place_and_ends_the_others() -> None:
    """Results before it are given; a task beside it hears that it is to end; none behind it is begun."""
    begun, ended = list[int](), threading.Event()

    def fit(k: int) -> int:
        begun.append(k)
        if k == 1:
            raise ValueError("no such member")
        if k == 0:
            return 0
        with Listening() as asked:
            assert until(asked)
        ended.set()
        return k

    results = SideBySide("tasks", 3)(fit, range(9))
    assert next(results) == 0
    with pytest.raises(ValueError, match="no such member"):
        list(results)
    assert ended.is_set() == (2 in begun) and max(begun) <= 3


def test_who_stops_asking_ends_what_is_under_way() -> None:
    """And waits for it: no thread is left."""
    before = threading.active_count()

    def fit(k: int) -> int:
        if k:
            with Listening() as asked:
                assert until(asked)
        return k

    with under_way(TWO(fit, range(4))) as results:
        assert next(results) == 0
    assert threading.active_count() == before


def test_a_signal_ends_all(calm: None) -> None:
    """Both at work hear it; those behind them are begun one by one, as long as the caller asks, and end at once."""
    both, at_work = threading.Barrier(2), list[int]()

    def fit(k: int) -> tuple[int, bool, int]:
        at_work.append(k)
        if k < 2:
            both.wait(10)
        if k == 1:
            signal.raise_signal(signal.SIGINT)
        with Listening() as asked:
            heard = until(asked)
        at_work.remove(k)
        return k, heard, len(at_work)

    found = list(TWO(fit, range(4)))
    assert [one[:2] for one in found] == [(0, True), (1, True), (2, True), (3, True)]
    assert [one[2] for one in found[2:]] == [0, 0]


def test_a_second_ctrl_c_is_raised(calm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the tasks have ended."""
    monkeypatch.setattr(interrupt, "AS_ONE_S", 0.0)
    before = threading.active_count()

    def fit(k: int) -> int:
        with Listening() as asked:
            if k == 1:
                signal.raise_signal(signal.SIGINT)
                assert until(asked)
                signal.raise_signal(signal.SIGINT)
                time.sleep(0.1)
            return k * until(asked)

    with pytest.raises(KeyboardInterrupt):
        list(TWO(fit, range(4)))
    assert threading.active_count() == before


def test_warnings_are_given_by_the_thread_of_the_caller_in_the_order_of_the_tasks() -> None:
    """At its line, as one after the other."""

    def fit(k: int) -> int:
        time.sleep(0.02 * (k == 0))
        errors.warn(f"task {k}", cr.MeasureWarning)
        return k

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        list(TWO(fit, range(3)))
    assert [str(one.message) for one in heard] == ["task 0", "task 1", "task 2"]
    assert {one.filename for one in heard} == {__file__}


def test_what_several_do_is_said_on_one_line() -> None:
    """How many are done, and the steps of those at work together."""
    both = threading.Barrier(2)
    said = list[str]()

    def fit(k: int) -> None:
        status.doing("nothing of one of them")
        status.far(10 * k + 1, 100)
        both.wait(10)
        if k == 0:
            said.append(line.text(line._began_s))
        both.wait(10)

    with status.StatusLine("train", shown=False) as line:
        list(SideBySide("members", 2)(fit, range(2)))
        said.append(line.text(line._began_s))
    assert said == ["train  0 s  members, 0 of 2 done, step  12 of 200", "train  0 s  members, 2 of 2 done"]


def plan_of(**asked: Any) -> TrainingPlan:
    """The plan of the table."""
    return cr.plan(TABLE, "kind", **asked).details


@pytest.mark.parametrize("rows", [200, 700])
def test_model_selection_side_by_side_is_that_of_one_after_the_other(rows: int) -> None:
    """Trials, losses to the bit, and the choice; of folds and of rows held out in several ways."""
    table = {name: column[:rows] for name, column in TABLE.items()}
    plan = cr.plan(table, "kind").details
    found = [choose(plan, progress=False, execute=execute) for execute in (in_turn, TWO)]
    assert len(found[0].trials) > 2
    assert [(one.index, one.candidate.to_dict()) for one in found] == [
        (found[0].index, found[0].candidate.to_dict())
    ] * 2
    first, second = ([replace_seconds(trial.to_dict()) for trial in one.trials] for one in found)
    assert first == second


def replace_seconds(trial: dict[str, Any]) -> dict[str, Any]:
    """A trial without what the clock says."""
    return {name: value for name, value in trial.items() if name != "seconds"}


def test_members_side_by_side_have_the_bits_of_one_after_the_other(tmp_path: Path) -> None:
    """Parameters, losses and what is kept; alone too."""
    plan = plan_of(members=3, epochs=3)
    chosen = choose(plan, progress=False)
    turn = train_chosen(plan, chosen, execute=in_turn, progress=False)
    folder = RunDirectory(tmp_path / "run")
    with folder.claimed():
        beside = train_chosen(plan, chosen, execute=TWO, progress=False, directory=folder)
    loaded = cr.load(tmp_path / "run")
    for k in range(3):
        assert beside.members[k].settings.seed == member_seed(0, k)
        for one in (beside, loaded):
            assert one.members[k].network.parameters.flat.tobytes() == turn.members[k].network.parameters.flat.tobytes()
            assert np.asarray(one.members[k].losses).tobytes() == np.asarray(turn.members[k].losses).tobytes()


def test_members_that_a_signal_ends_are_kept(tmp_path: Path, calm: None) -> None:
    """The first is the model as far as it came; resuming gives the bits of a training that nothing ended."""
    plan = plan_of(members=2, epochs=40)
    chosen = choose(plan, progress=False)
    both, sent = threading.Barrier(2), threading.Event()

    def stops(control: Any) -> None:
        if control.epoch == 3:
            if both.wait(10) == 0:
                signal.raise_signal(signal.SIGINT)
                sent.set()
            assert sent.wait(10)
            time.sleep(0.1)  # the main thread hears it meanwhile

    folder, how = RunDirectory(tmp_path / "run"), {"progress": False}
    with folder.claimed():
        with pytest.warns(cr.InterruptedWarning) as heard:
            run = train_chosen(plan, chosen, execute=TWO, directory=folder, callbacks=[stops], **how)
        assert "1 of 2 members trained" in " ".join(str(one.message) for one in heard)
        assert run.result["stopped"] == "interrupted" and len(run.members) == 1
        whole = train_chosen(plan, chosen, execute=TWO, directory=folder, resume=True, **how)
    straight = train_chosen(plan, chosen, execute=in_turn, **how)
    for one, other in zip(whole.members, straight.members, strict=True):
        assert one.network.parameters.flat.tobytes() == other.network.parameters.flat.tobytes()


def test_there_are_as_many_as_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what is free, by what the largest training takes: rows, states, and what every training has."""
    candidates = plan_of(epochs=3).candidates
    n_parameters = candidates[0].network.architecture.n_parameters
    rows = candidates[0].rows
    each = rows.X.nbytes + rows.y.nbytes + 16 * 4 * n_parameters + 2**24
    for free, n in ((5 * each, 2), (8 * each, 4), (each // 2, 1)):
        monkeypatch.setattr(memory, "_free_bytes", lambda free=free: free)
        assert memory.trainings_at_once(candidates) == n
    monkeypatch.setattr(memory, "_free_bytes", lambda: None)
    assert memory.trainings_at_once(candidates) is None
