"""How many threads a training takes, by a clock of the test's own: what the choice costs, and when it changes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("g++") or shutil.which("clang++")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="ends when a C++ compiler is installed")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """thread_tuner.cpp, compiled."""
    out = tmp_path_factory.mktemp("choice") / "choice"
    source = Path(__file__).with_name("thread_tuner.cpp")
    command = [COMPILER, "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'native'}", source, "-o", out]
    subprocess.run([str(part) for part in command], check=True)
    return out


def play(program: Path, *scenes: tuple[float, float, int]) -> list[tuple[int, int]]:
    """Threads at the end of each context, and what it cost beyond the faster of both, in thousandths."""
    text = "\n".join(" ".join(map(str, context)) for context in scenes)
    result = subprocess.run([str(program)], input=text, text=True, capture_output=True, check=True).stdout
    return [(int(threads), int(cost)) for threads, cost in (line.split() for line in result.splitlines())]


@pytest.mark.parametrize("alone", [20.0, 300.0, 150_000.0])
def test_the_faster_is_taken(program: Path, alone: float) -> None:
    """All threads where they save a tenth, one otherwise; the trials of a long training cost 2 % at most."""
    for ratio, wanted in ((0.5, 2), (0.8, 2), (1.0, 1), (1.3, 1), (1.9, 1)):
        ((threads, cost),) = play(program, (alone, ratio * alone, 20_000))
        assert threads == wanted
        assert cost <= 20


def test_cores_that_others_use_cost_little(program: Path) -> None:
    """A step that takes a hundred times as long is met a few times, not in every turn of every trial."""
    ((threads, cost),) = play(program, (40.0, 4_000.0, 20_000))
    assert threads == 1
    assert cost < 80


def test_a_change_is_noticed(program: Path) -> None:
    """Cores that become free are used, and those that are taken are left."""
    scenes = [(40.0, 400.0, 1_000), (40.0, 22.0, 10_000), (40.0, 400.0, 1_000), (40.0, 22.0, 10_000)]
    played = play(program, *scenes)
    assert [threads for threads, _ in played] == [1, 2, 1, 2]
    assert all(cost < 150 for _, cost in played[1::2])


@pytest.mark.parametrize("all_threads", [41.0, 46.0])
def test_all_threads_are_left_where_they_gain_nothing(program: Path, all_threads: float) -> None:
    """A trial that was won while cores were free does not bind, even if what follows is only a little slower."""
    _, (threads, cost) = play(program, (40.0, 22.0, 1_000), (40.0, all_threads, 20_000))
    assert threads == 1
    assert cost <= 30
