"""What acts on a terminal is made visible, and long values are cut, at one door for each."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.cli import main
from chainrule.errors import DataError, ModelFileError, SettingsError, unknown_name
from chainrule.visible import Door, brief, cut, visible, visible_line

EVIL = "\x1b[2J\x1b]0;title\x07\u202ea\x9b31m\x7fb\r\ud800"
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def test_escapes_are_readable() -> None:
    """Control characters, marks of direction and halves of characters, beside tab and line end."""
    assert visible(EVIL) == "\\x1b[2J\\x1b]0;title\\x07\\u202ea\\u009b31m\\u007fb\\x0d\\ud800"
    assert visible("a\tb\n가 é 🙂") == "a\tb\n가 é 🙂"
    assert visible_line("a\tb\nc") == "a\\tb\\nc"


@given(st.text())
def test_nothing_acts_afterwards(text: str) -> None:
    """Whatever is written through the door, the stream gets nothing that acts, and can encode it."""
    stream = io.StringIO()
    Door(stream).write(text)
    assert not ACTING.search(stream.getvalue())
    stream.getvalue().encode("utf-8")


@given(st.dictionaries(st.text(), st.text()))
def test_json_through_the_door_is_the_same_json(values: dict[str, str]) -> None:
    """The escapes are JSON's where JSON leaves such characters as they are."""
    stream = io.StringIO()
    Door(stream).write(json.dumps(values, ensure_ascii=False))
    assert json.loads(stream.getvalue()) == values


def test_what_an_encoding_lacks_is_escaped() -> None:
    """A stream of ASCII takes every text."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Door(stream).write("가 é")
    stream.seek(0)
    assert stream.read() == "\\uac00 \\xe9"


@pytest.mark.parametrize(
    "error",
    [
        lambda value: SettingsError(f"learning_rate = {value!r} is not possible; expected a number. Try 0.01."),
        lambda value: DataError("expected a number. Try 0.01.", path="a.csv", line=3, column=value),
        lambda value: DataError(f"holds {value} where it stands bare. Try 0.01.", path="a.csv"),
        lambda value: ModelFileError(f"a.csv: holds {[value] * 5}; Try 0.01."),
        lambda value: unknown_name("loss", value, ["squared_error", "cross_entropy"]),
    ],
)
@pytest.mark.parametrize("value", ["x" * 5_000_000, 'it\'s "quoted" ' + "x" * 100_000, "\x1b[2J" * 1000])
def test_a_message_shows_the_beginning_of_a_value(error, value: str) -> None:
    """A value of any length takes about 80 characters of the message, and the remedy stays."""
    text = str(error(value))
    assert not re.search(r"(x{81}|(\\x1b\[2J){17})", text)
    assert len(text) < 700
    assert "Try 0.01." in text or "Known: squared_error" in text


@pytest.mark.parametrize(
    "message",
    [
        "columns 'a', 'b', 'c d)', and one's own words stay as they are; " * 3 + "Python's and pandas' too.",
        "/" + "a" * 60 + "/" + "b" * 200 + "/rows.csv: cannot be read.",
        "",
    ],
)
def test_an_ordinary_message_stays(message: str) -> None:
    """Short values, apostrophes and paths are not touched."""
    assert brief(message) == message


def test_cut_keeps_what_fits() -> None:
    """At most so many characters, the ellipsis counted."""
    assert (cut("abcd", 4), cut("abcde", 4)) == ("abcd", "abc…")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """A run whose columns and classes have names that act."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{i % 7},{i % 3},{'yes' if i % 7 > 3 else 'no'}\u202e\x1b[31m" for i in range(60)]
    header = "size\x1b[2J,age\u2066\x9b1m,class\x1b]0;t\x07"
    Path("rows\x1b[2J.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    assert main(["train", "rows\x1b[2J.csv", "--target", "class\x1b]0;t\x07", "--epochs", "3", "-o", "run"]) == 0
    capsys.readouterr()
    return "rows\x1b[2J.csv"


def test_no_command_lets_a_name_act(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Names of columns, classes, files and options on stdout and stderr, as results and in errors."""
    for command in (
        ["train", run, "--target", "class\x1b]0;t\x07", "--epochs", "2", "-o", "again"],
        ["explain", "run", "--data", run],
        ["explain", "run", "--data", run, "--format", "json"],
        ["evaluate", "run", run],
        ["explain", "run", "--step", "0"],
        ["doctor", "run"],
        ["predict", "run", run, "-o", "out\x1b[2J.csv"],
        ["predict", "run", "gone\x1b[2J.csv", "-o", "out.csv"],
        ["evaluate", "run\x1b[2J", run],
        ["train", run, "--target", "clas\x1b[2J"],
        ["train", run, "--target", "x", "--loss\x1b[2J", "y"],
        ["\x1b[2J"],
    ):
        main(command)
        result = capsys.readouterr()
        assert result.out + result.err
        assert not ACTING.search(result.out + result.err), command
        if command[:2] == ["train", run] and "-o" in command:
            assert "size\\x1b[2J" in result.out


@pytest.mark.skipif(os.name != "posix", reason="ends on a system with pseudo-terminals")
def test_on_a_terminal_only_our_own_colours_act(run: str) -> None:
    """With a terminal behind both streams the only sequences are colours, and those of the progress line."""
    import pty

    leader, follower = pty.openpty()
    call = [sys.executable, "-m", "chainrule", "train", run, "--target", "class\x1b]0;t\x07", "-o", "again"]
    process = subprocess.Popen([*call, "--epochs", "3"], stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    seen = b""
    while True:
        try:
            part = os.read(leader, 65_536)
        except OSError:  # how Linux tells the end
            break
        if not part:
            break
        seen += part
    os.close(leader)
    assert process.wait(60) == 0
    assert b"size\\x1b[2J" in seen
    assert set(re.findall(rb"\x1b\[?[0-9;?]*[^0-9;?\[]", seen)) <= {b"\x1b[2m", b"\x1b[1m", b"\x1b[0m", b"\x1b[K"}


def test_a_file_keeps_the_true_text(run: str) -> None:
    """What goes into a file is not changed."""
    assert main(["explain", "run", "--data", run, "-o", "told.txt"]) == 0
    assert "size\x1b[2J" in Path("told.txt").read_text(encoding="utf-8")
    assert main(["predict", "run", run, "-o", "out.csv"]) == 0
    assert "\u202e\x1b[31m" in Path("out.csv").read_text(encoding="utf-8")
