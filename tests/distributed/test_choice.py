"""--workers auto: when others are tried at all, and that the faster of two ways is taken."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.distributed import choice
from chainrule.engine.protocol import Advance, StepSettings


class Timed:
    """A session whose steps take so long."""

    def __init__(self, step_s: float) -> None:
        self.step_s, self.loaded = step_s, 0

    def store(self) -> tuple[Any, dict[str, Any]]:
        return np.zeros(5), {}

    def load(self, theta: Any, state: Any) -> None:
        self.loaded += 1
        assert np.any(theta)

    def advance(self, first: int, etas: Any, settings: Any) -> Advance:
        assert first == 0 and not np.any(etas)
        time.sleep(self.step_s * len(etas))
        return Advance(np.zeros(len(etas)))


@pytest.mark.parametrize(("alone_s", "together_s", "chosen"), [(0.02, 0.002, "2 (auto"), (0.002, 0.02, "1 (auto")])
def test_the_faster_way_is_taken(alone_s: float, together_s: float, chosen: str) -> None:
    """Both are measured in turns on steps that change nothing; the text names the choice and both times."""
    alone, together = Timed(alone_s), Timed(together_s)
    found = choice.measured(alone, together, StepSettings(), 2)  # type: ignore[arg-type]
    assert alone.loaded == together.loaded == 1
    assert found.together == (together_s < alone_s)
    assert found.text().startswith(chosen) and " by 2 workers, " in found.text()


def test_others_are_tried_where_stated_threads_leave_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as fit, at most one a leaf; one process with all threads where their number is open."""
    monkeypatch.setattr(choice, "n_processors", lambda: 12)
    assert [choice.n_workers_here(*given) for given in ((None, 8), (1, 8), (3, 8), (7, 8), (24, 8))] == [1, 8, 4, 1, 1]


def test_auto_on_one_machine_is_this_process(tmp_path: Any, capsys: Any) -> None:
    """No MPI is needed; leaves are 8, and the command says what was chosen and why."""
    run = tmp_path / "run"
    assert main(["train", "iris", "--workers", "auto", "--epochs", "2", "--network", "4", "-o", str(run)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "workers 1 (auto: on one machine the threads of one process are as fast), 8 leaves" in said
    assert cr.load(run).settings.leaves == 8
    X, y = np.eye(6), [0, 1] * 3
    assert cr.train(cr.Network([6, 2]), X, y, epochs=1, workers="auto", progress=False).settings.leaves == 8
    plan = cr.plan("iris", epochs=1)
    assert plan.train(workers="auto", progress=False).settings.leaves == 8
    assert plan.train(progress=False).settings.leaves == 1
