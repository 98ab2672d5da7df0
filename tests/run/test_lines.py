"""Lost, doubled, half, glued and altered lines of history and events are noticed, and what is whole is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import DamagedFileWarning, ModelFileError, UnwrittenWarning
from chainrule.run.lines import fault, sealed

X = np.random.default_rng(0).normal(size=(64, 3))
Y = (X[:, 0] > 0).astype(int)


def rates(control: Any) -> None:
    """An event at the end of every second epoch."""
    if control.epoch % 2:
        control.set(learning_rate=0.01 * (control.epoch + 1))


def train(folder: Path, **settings: Any) -> cr.Run:
    given = {"epochs": 8, "batch_size": 16, "callbacks": [rates], "progress": False, "resume": True, **settings}
    return cr.train(cr.Network([3, 4, 2]), X, Y, directory=folder, **given)


def stop_after(n_epochs: int) -> Callable[[Any], None]:
    return lambda control: control.stop() if control.epoch == n_epochs - 1 else None


DAMAGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "lost": lambda lines: [*lines[:1], *lines[2:]],
    "doubled": lambda lines: [*lines[:2], *lines[1:]],
    "half": lambda lines: [lines[0], lines[1][:20] + b"\n", *lines[2:]],
    "glued": lambda lines: [lines[0], lines[1][:20] + lines[2], *lines[3:]],
    "altered": lambda lines: [lines[0], lines[1].replace(b'"line": 1', b'"other": 7, "line": 1'), *lines[2:]],
    "exchanged": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "foreign": lambda lines: [lines[0], b"[1]\n", *lines[1:]],
    "unsealed": lambda lines: [lines[0], lines[1].split(b', "line"')[0] + b"}\n", *lines[2:]],
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_of_the_history_loses_what_follows_alone(name: str, tmp_path: Path) -> None:
    """The epochs before it are there, the loss is told, and the run predicts and replays as before."""
    whole = train(tmp_path)
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"".join(DAMAGES[name](path.read_bytes().splitlines(keepends=True))))
    with pytest.warns(DamagedFileWarning, match=r"history\.jsonl: line [23]"):
        run = cr.load(tmp_path)
    kept = len(run.history["loss"])
    assert kept in (1, 2) and run.history["loss"] == whole.history["loss"][:kept]
    assert np.array_equal(run.network.predict(X), whole.network.predict(X))
    assert run.replay(-1).backward.loss == whole.losses[-1]


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_of_the_events_refuses_replay_by_name(name: str, tmp_path: Path) -> None:
    """What a callback changed is not known then; the model still is."""
    whole = train(tmp_path)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(DAMAGES[name](path.read_bytes().splitlines(keepends=True))))
    with pytest.warns(DamagedFileWarning, match=r"events\.jsonl: line [23]"):
        run = cr.load(tmp_path)
    with pytest.raises(ModelFileError, match=r"events\.jsonl: line [23]"):
        run.replay(-1)
    assert np.array_equal(run.network.predict(X), whole.network.predict(X))


@pytest.mark.parametrize("n_bytes", [1, 20, 150, 10_000])
def test_events_cut_at_their_end_are_missed(n_bytes: int, tmp_path: Path) -> None:
    """Whole lines are gone, or half of one: run.json knows how many there were. The end of the line alone is none."""
    whole = train(tmp_path)
    path = tmp_path / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-n_bytes])
    if n_bytes == 1:
        assert cr.load(tmp_path).events == whole.events
        return
    with pytest.warns(DamagedFileWarning, match=r"events\.jsonl: holds \d events; expected 4"):
        run = cr.load(tmp_path)
    with pytest.raises(ModelFileError, match="events"):
        run.replay(-1)


@pytest.mark.parametrize("damaged", ["events.jsonl", "history.jsonl"])
@pytest.mark.parametrize("name", [*DAMAGES, "cut"])
def test_resume_goes_back_to_where_all_is_whole(damaged: str, name: str, tmp_path: Path) -> None:
    """Damage before the last checkpoint: an earlier one is taken, and the end is that of a run without damage."""
    wanted = train(tmp_path / "whole")
    folder = tmp_path / "run"
    train(folder, callbacks=[rates, stop_after(7)])
    path = folder / damaged
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines)[:-20] if name == "cut" else b"".join(DAMAGES[name](lines)))
    run = train(folder)
    assert run.result["sha256"] == wanted.result["sha256"] and run.losses.tobytes() == wanted.losses.tobytes()
    again = cr.load(folder)
    assert [e for e in again.events if e.kind == "set"] == wanted.events
    assert again.history["loss"] == wanted.history["loss"]
    assert all(again.replay(t).backward.loss == wanted.losses[t] for t in range(again.n_steps))
    numbers = [json.loads(line)["line"] for line in path.read_text().splitlines()]
    assert numbers == list(range(len(numbers)))


def test_runs_without_numbers_load_and_resume(tmp_path: Path) -> None:
    """The lines of an older run have neither number nor checksum; a half one at its end is left out."""
    wanted = train(tmp_path / "whole")
    folder = tmp_path / "run"
    train(folder, callbacks=[rates, stop_after(7)])
    for name in ("history.jsonl", "events.jsonl"):
        path = folder / name
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        older = [{key: value for key, value in line.items() if key not in ("line", "crc32")} for line in lines]
        path.write_text("".join(json.dumps(line) + "\n" for line in older))
    assert cr.load(folder).replay(-1).step == 27
    with open(folder / "history.jsonl", "a") as file:
        file.write('{"epoch": 7, "lo')
    assert cr.load(folder).result["epochs"] == 7
    assert train(folder).result["sha256"] == wanted.result["sha256"]


def test_a_broken_history_does_not_stop_predict(tmp_path: Path, monkeypatch, capsys) -> None:
    """echo '[1]' behind it, or in place of it."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", "iris", "--epochs", "2", "--quiet", "-o", "run"]) == 0
    whole = Path("run/history.jsonl").read_bytes()
    for content in (whole + b"[1]\n", b"[1]\n", b"\xff\xfe\n"):
        Path("run/history.jsonl").write_bytes(content)
        assert main(["predict", "run", "iris", "-o", "out.csv"]) == 0, capsys.readouterr().err


def test_every_flipped_bit_of_a_line_is_noticed() -> None:
    """The checksum covers values and number, its own digits too."""
    line = sealed({"epoch": 3, "loss": 0.25}, 3)[:-1].encode()
    assert fault(line, 3, older=True) is None
    for place in range(len(line)):
        for bit in range(8):
            damaged = bytearray(line)
            damaged[place] ^= 1 << bit
            result = fault(bytes(damaged), 3, older=False)
            assert result is not None or bytes(damaged).lower() == line


def test_lines_that_find_no_room_are_not_tried_each_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs may be shorter than a write: each line is made once, and what waits is tried now and then."""
    net, tries, made = cr.Network([3, 4, 2]), [], []

    def full(path: Path, content: bytes) -> None:
        tries.append(path)
        raise ModelFileError(f"{path}: cannot be written.")

    def counted(values: Any, number: int) -> str:
        made.append(number)
        return sealed(values, number)

    monkeypatch.setattr("chainrule.run.directory.WAIT_S", 3600.0)
    monkeypatch.setattr("chainrule.run.files.append", full)
    monkeypatch.setattr("chainrule.run.lines.sealed", counted)
    with pytest.warns(UnwrittenWarning):
        run = cr.train(net, X, Y, epochs=200, directory=tmp_path / "run", progress=False)
    n_checkpoints = len(list((tmp_path / "run" / "checkpoints").iterdir()))
    assert made == list(range(200))
    assert len(tries) <= n_checkpoints + 20
    assert len(run.history["loss"]) == 200
