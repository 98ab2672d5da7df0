"""An empty path is no path: it is refused wherever one is given, and never taken for the folder one stands in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import ModelFileError, SettingsError

COMMANDS = [
    ["train", ""], ["train", "iris", "-o", ""], ["train", "iris", "--valid", ""], ["train", "iris", "--test="],
    ["train", "iris", "--cache", ""], ["train", "iris", "--config", ""], ["learning-rate", ""],
    ["learning-rate", "iris", "-o", ""], ["predict", "", "iris", "-o", "out.csv"], ["predict", "run", "", "-o", "o"],
    ["predict", "run", "iris", "-o", ""], ["evaluate", "", "iris"], ["evaluate", "run", ""], ["explain", ""],
    ["explain", "run", "--data", ""], ["explain", "run", "-o", ""], ["check", ""], ["doctor", ""], ["report", ""],
    ["report", "run", "-o", ""], ["bench", "-o", ""], ["bench", "--show", ""],
]  # fmt: skip


@pytest.fixture(scope="module")
def run() -> cr.Run:
    """A training of one step."""
    return cr.train(cr.Network([2, 2]), [[0.0, 1.0], [1.0, 0.0]], [0, 1], epochs=1, progress=False)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """One line that names the argument, exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert re.fullmatch(r"chainrule: [-\w]+='': must name a file or folder .*\n", err) and not out
    assert not list(tmp_path.iterdir())


def test_a_config_with_empty_data(tmp_path: Path, capsys: Any) -> None:
    """A file of options is read by the same rule."""
    config = tmp_path / "options.toml"
    config.write_text('data = ""\n', encoding="utf-8")
    assert main(["train", "--config", str(config), "-o", str(tmp_path / "run")]) == 2
    assert "DATA" in capsys.readouterr().err


@pytest.mark.parametrize(
    "call",
    [
        lambda run: cr.load(""), lambda run: cr.plan(""), lambda run: cr.train(""), lambda run: run.save(""),
        lambda run: run.report(""), lambda run: cr.plan("iris", validation=""),
        lambda run: cr.train("iris", directory="", progress=False),
    ],
    ids=["load", "plan", "train", "save", "report", "validation", "directory"],
)  # fmt: skip
def test_python(call: Callable[[cr.Run], object], run: cr.Run) -> None:
    """The same in Python."""
    with pytest.raises(SettingsError, match=r"='': must be a path"):
        call(run)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="ends on a system with /proc")
@pytest.mark.parametrize("place", ["/proc/x", "/proc/x/y"])
def test_where_no_folder_can_be_made(place: str) -> None:
    """The message says that, not that somebody removes the folder."""
    with pytest.raises(ModelFileError, match=r"^/proc/x.*: cannot be created .*choose a folder with write access"):
        cr.train(cr.Network([2, 2]), [[0.0, 1.0], [1.0, 0.0]], [0, 1], directory=place, epochs=1, progress=False)
