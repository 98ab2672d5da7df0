"""Nobody waits in silence: every command gives a sign of life, and answers from a sample where all takes long."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import check, main
from chainrule.diagnose.search import find
from chainrule.tune import effort
from chainrule.tune.found import from_dict

RNG = np.random.default_rng(7)
X = RNG.normal(size=(640, 8))
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)

SLOWED = """
import importlib, sys, time
import chainrule.cli

def slow(place):
    name, function = place.rsplit(".", 1)
    module = importlib.import_module(name)
    quick, calls = getattr(module, function), []
    def slowed(*arguments, **options):
        if not calls:
            calls.append(time.sleep(1.3))
        return quick(*arguments, **options)
    setattr(module, function, slowed)

places = sys.argv[1].split(",")
for place in places:
    slow(place)
print("ready", flush=True)
sys.exit(chainrule.cli.main(sys.argv[2:]))
"""
SILENT_S = 1.0


def _seen(places: list[str], command: list[str]) -> tuple[list[tuple[float, str]], int]:
    """What a command writes to a terminal and when, from its beginning, where some functions take 1.3 s longer."""
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    call = [sys.executable, "-c", SLOWED, ",".join(places), *command]
    process = subprocess.Popen(call, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    seen: list[tuple[float, str]] = []
    while True:
        try:
            part = os.read(leader, 65_536)
        except OSError:  # how Linux tells the end
            break
        if not part:
            break
        seen.append((time.monotonic(), part.decode("utf-8", "replace")))
    os.close(leader)
    return seen, process.wait(60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and a run of it."""
    folder = tmp_path_factory.mktemp("waiting")
    rows = [
        ",".join(f"{value:.3f}" for value in row) + f",{'ab'[int(label > 0)]}" for row, label in zip(X, Y, strict=True)
    ]
    (folder / "t.csv").write_text("\n".join(["a,b,c,d,e,f,g,h,label", *rows]) + "\n")
    assert main(["train", str(folder / "t.csv"), "--target", "label", "-o", str(folder / "run"), "--epochs", "40",
                 "--network", "8", "--quiet"]) == 0  # fmt: skip
    return folder


COMMANDS: list[tuple[list[str], list[str], list[str]]] = [
    (
        ["planning.plan.read", "planning.plan.make_candidates", "api.trial.set_up", "planning.selection.scores",
         "api.finish.write_model", "api.finish.write_after_training"],
        ["train", "t.csv", "--target", "label", "-o", "again"],
        ["reading", "choosing a model", "measuring", "writing the report"],
    ),
    (["cli.check.parity", "cli.check.sweep", "verify.gradients.compared_entries"], ["check", "run"], ["check  1 s"]),
    (["api.diagnosis.find"], ["explain", "run", "--find", "dead unit"], ["explain  1 s"]),
    (["tune.laboratory.race"], ["learning-rate", "t.csv", "--target", "label"], ["product with the Hessian"]),
    (["tune.laboratory.race", "api.report.collect"], ["report", "run", "--learning-rate"], ["report  1 s"]),
    (["diagnose.doctor.diagnose.data_rules"], ["doctor", "run"], ["rows, columns and labels"]),
]  # fmt: skip


@pytest.mark.parametrize(("places", "command", "said"), COMMANDS, ids=lambda value: str(value[0]))
def test_no_command_is_silent(
    places: list[str], command: list[str], said: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a terminal something is written at least every second, however slow the parts are, and says what."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    seen, code = _seen([f"chainrule.{place}" for place in places], command)
    text = "".join(part for _, part in seen)
    assert code in (0, 1), text
    begin = next(i for i, (_, part) in enumerate(seen) if "\r" in part and " s  " in part)  # Python has started
    times = [moment for moment, _ in seen[begin:]]
    assert max(np.diff(times)) < SILENT_S, text
    for words in said:
        assert words in text
    assert "\\x1b" not in text
    shown = re.sub(r"[^\n]*\r\x1b\[K", "", text.replace("\r\n", "\n"))
    assert " s  " not in shown.split("ready\n", 1)[1].split("\n")[0]  # the result begins on an empty line


def test_the_whole_time_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the time of the training stands that of the whole command, with reading, measuring and writing."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    began = time.monotonic()
    assert main(["train", "t.csv", "--target", "label", "-o", "timed", "--epochs", "3", "--network", "8"]) == 0
    passed = time.monotonic() - began
    found = re.search(r"([0-9.]+) s of training, ([0-9.]+) s in all", capsys.readouterr().out)
    assert found is not None
    assert float(found[1]) < float(found[2]) < passed + 0.1


def test_quiet_and_json_are_silent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json nothing but the object is written to a terminal."""
    monkeypatch.chdir(folder)
    seen, code = _seen(["chainrule.cli.check.parity"], ["check", "run", "--json"])
    text = "".join(part for _, part in seen)
    assert code == 0 and "\x1b" not in text
    assert json.loads(text.split("ready", 1)[1])["passed"]


def test_find_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints and the way to the first that shows a dead unit lead to the step that looking at all leads to."""

    class Raise:
        """Acts once."""

        def on_step_end(self, control: Any) -> None:
            if control.step == 200:
                control.set(learning_rate=20.0)

    net = cr.Network([8, 24, 12, 3], "relu", seed=1)
    how: dict[str, Any] = {"optimizer": cr.SGD(0.1), "batch_size": 32, "epochs": 15, "progress": False}
    run = cr.train(net, X, Y, callbacks=[Raise()], **how)
    of_all = run.find("dead unit", thorough=True)
    assert of_all is not None and of_all.n_examined is None
    assert run.find("dead unit") == of_all  # all of it takes no time
    monkeypatch.setattr(find, "BUDGET_S", 0.0)
    found = run.find("dead unit")
    assert found is not None and found.n_examined is not None
    assert (found.step, found.layer) == (of_all.step, of_all.layer)
    assert found.evidence["killed_by"] == of_all.evidence["killed_by"]
    assert found.n_looked < of_all.n_looked / 3
    for language in ("en", "ko"):
        assert "--thorough" in found.text(language) and "--thorough" not in of_all.text(language)
    assert cr.train(net, X, Y, **how).find("dead unit") is None


def test_find_says_that_it_sampled(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is found in a sample, the answer says so, and --thorough looks at every step."""
    monkeypatch.setattr(find, "BUDGET_S", 0.0)
    call = ["explain", str(folder / "run"), "--find", "dead unit"]
    assert main(call) == 0
    assert "--thorough" in capsys.readouterr().out
    assert main([*call, "--thorough"]) == 0
    assert "--thorough" not in capsys.readouterr().out


def test_check_of_a_sample(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A sample compares fewer entries and replays the shortest stretch; it says so, and finds a wrong record too."""
    call = ["check", str(folder / "run"), "--json"]
    assert main(call) == 0
    assert not json.loads(capsys.readouterr().out)["sampled"]
    monkeypatch.setattr(check, "BUDGET_S", 0.0)
    monkeypatch.setattr(check, "BUDGET_SHARE", 0.0)
    assert main(call) == 0
    assert json.loads(capsys.readouterr().out)["sampled"]
    assert main(call[:2]) == 0
    assert "--thorough" in capsys.readouterr().out
    assert main([*call, "--thorough"]) == 0
    assert not json.loads(capsys.readouterr().out)["sampled"]


def test_replay_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several stretches the shortest is replayed, of the others the first step; faults are found."""

    class Edit:
        """Acts twice."""

        def on_step_end(self, control: Any) -> None:
            if control.step in (100, 130):  # a checkpoint follows an edit
                control.edit(lambda parameters: parameters.b[1].__setitem__(0, 0.5))

    net = cr.Network([8, 6, 3], "tanh", seed=1)
    run = cr.train(net, X, Y, batch_size=32, epochs=10, callbacks=[Edit()], progress=False)
    whole = check.replayed(run)
    assert whole.n_stretches == whole.n_wanted >= 2 and not whole.differ
    monkeypatch.setattr(check, "BUDGET_S", 0.0)
    monkeypatch.setattr(check, "BUDGET_SHARE", 0.0)
    part = check.replayed(run, thorough=False)
    assert part.n_stretches == 1 and not part.differ
    assert 0 in part.steps  # the others depend on where checkpoints are, which the clock decides
    last = max(part.steps)
    run.losses[last] += 1e-6
    assert check.replayed(run, thorough=False).differ == [last]


def test_learning_rate_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter runs and fewer rows suggest a rate that the whole examination counts among the good ones, and say so."""
    net = cr.Network([8, 24, 3], "tanh", seed=1)
    whole = cr.learning_rate(net, X, Y)
    assert not whole.sampled and "--thorough" not in whole.text()
    monkeypatch.setattr(effort, "BUDGET_S", 0.0)
    found = cr.learning_rate(net, X, Y)
    assert found.sampled and found.n_run_steps < 0.6 * whole.n_run_steps and found.n_rows == 256
    assert whole.interval[0] / 2 <= found.suggested <= whole.interval[1] * 2
    for language in ("en", "ko"):
        assert "--thorough" in found.text(language)
    again = from_dict(found.to_dict())
    assert again.to_dict() == found.to_dict()
    assert cr.learning_rate(net, X, Y, thorough=True).to_dict() | {"elapsed_s": 0} == whole.to_dict() | {"elapsed_s": 0}
