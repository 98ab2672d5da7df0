"""Every example of README and docs runs, and prints what it says.

    ```python     runs; all of a page share one namespace; what a print gives is compared with the comment behind it
    ```console    lines that begin with "$ " run in a shell; the lines below a command are what it prints
    ```           output or a picture in letters: not run, so it must hold no command

An … stands for any text, a line that is one … for any lines. `<!-- setup` … `-->` holds Python that runs before what
follows it; `<!-- not run: reason -->` before a block leaves it out; `<!-- needs NAME -->` skips the page where this
library is absent.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.ko.md", *sorted((ROOT / "docs").rglob("*.md"))]
SETUP = r"^<!-- setup\n(?P<setup>.*?)^-->\n"
FENCED = r"(?P<left_out><!-- not run: [^>]+ -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$"
BLOCK = re.compile(f"{SETUP}|{FENCED}", re.M | re.S)
COMMAND = re.compile(r"^(\$ |chainrule |make |pip |python |import |from \w+ import )", re.M)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page, or its setup; `line` is where it begins."""

    kind: str
    text: str
    line: int
    runs: bool


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        if found["setup"] is not None:
            yield Block("setup", found["setup"], line, True)
        else:
            yield Block(found["kind"], found["text"], line, not found["left_out"])


def matches(wanted: str, said: str) -> bool:
    """Whether a line is what was written, where … stands for anything."""
    pattern = ".*".join(re.escape(part) for part in " ".join(wanted.split()).split("…"))
    return re.fullmatch(pattern, " ".join(said.split())) is not None


def compared(wanted: list[str], said: list[str], where: str) -> None:
    """The lines written are those printed, in their order; a line … skips some."""
    at = 0
    skipping = False
    for line in wanted:
        if line.strip() == "…":
            skipping = True
            continue
        if skipping:
            while at < len(said) and not matches(line, said[at]):
                at += 1
        assert at < len(said) and matches(line, said[at]), f"{where}: {line!r} is not printed; printed: {said}"
        at, skipping = at + 1, False
    assert skipping or at == len(said), f"{where}: also printed: {said[at:]}"


def run_python(block: Block, namespace: dict[str, Any], where: str) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block.text, where, "exec"), namespace)
    wanted = [found[1] for found in re.finditer(r"^\s*print\(.*\)  # (.+)$", block.text, re.M)]
    if wanted:
        said = out.getvalue().splitlines()
        compared([line if line.endswith("…") else f"{line}…" for line in wanted], said, where)


def run_console(block: Block, folder: Path, where: str) -> None:
    commands = re.split(r"^\$ ", block.text, flags=re.M)
    assert not commands[0].strip(), f"{where}: a console block begins with a command"
    environment = {
        **os.environ,
        "COLUMNS": "100",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for command in commands[1:]:
        line, *wanted = command.rstrip("\n").split("\n")
        while line.endswith("\\") and wanted:
            line = f"{line[:-1]} {wanted.pop(0)}"
        code = re.search(r"  # exit (\d+)", line)
        result = subprocess.run(
            ["bash", "-c", re.sub(r"  # .*", "", line)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == (int(code[1]) if code else 0), f"{where}: {line}: {result.stdout}{result.stderr}"
        if any(wanted):
            compared(
                [w for w in wanted if w.strip()],
                [s for s in result.stdout.splitlines() if s.strip()],
                f"{where}: {line}",
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("unregistered")
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of a page runs in its order and prints what stands there."""
    for name in re.findall(r"^<!-- needs (\w+) -->$", page.read_text(encoding="utf-8"), re.M):
        pytest.importorskip(name, reason=f"the examples of {page.name} need it: pip install {name}")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.kind in ("python", "setup") and block.runs:
            run_python(block, namespace, where)
        elif block.kind == "console" and block.runs:
            run_console(block, tmp_path, where)
        elif block.kind == "":
            assert not block.runs or not COMMAND.search(block.text), (
                f"{where}: holds a command; mark it console or python"
            )
