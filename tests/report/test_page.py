"""The writer: one file, a policy that allows exactly its own code, and no name that could become code."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import UnwrittenWarning
from chainrule.report import page as page_module
from chainrule.report.collect import Collected
from chainrule.report.page import page, script, static, style
from chainrule.words import sentences

STATIC = Path(page_module.__file__).parent / "static"
MODULES = sorted(STATIC.glob("*.js"))
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}
"""Names of vocabularies, which no browser fetches."""
EVIL = "</script><script>alert(1)</script><!-- ]]> & \u2028 {{script}} {{numbers}} \ud800"


def written(**values: object) -> str:
    return page(Collected({"name": EVIL, **values}, "QUJD"), EVIL.replace("\ud800", ""))


def between(text: str, start: str, end: str) -> str:
    at = text.index(start) + len(start)
    return text[at : text.index(end, at)]


def test_the_policy_allows_exactly_this_script_and_style() -> None:
    """The hashes of the policy are those of the inline elements as a browser hashes them; nothing else is allowed."""
    text = written()
    policy = between(text, 'Content-Security-Policy" content="', '"')
    for start, end, directive in (
        ('<script type="module">', "</script>", "script-src"),
        ("<style>", "</style>", "style-src"),
    ):
        digest = base64.b64encode(hashlib.sha256(between(text, start, end).encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "*" not in policy
    assert "base-uri 'none'; form-action 'none'" in policy


def test_no_name_can_end_its_element() -> None:
    """Whatever names hold, the file has its five script and style elements, and the data come back as they were."""
    text = written()
    assert text.count("<script") == 4 == text.count("</script>") and text.count("<style>") == 1
    assert "<title>&lt;/script&gt;" in text
    assert json.loads(between(text, 'id="data">', "</script>"))["name"] == EVIL
    assert between(text, 'id="numbers">', "</script>") == "QUJD"


def test_nothing_is_fetched() -> None:
    """The file refers to no other: no address but two names of vocabularies, no attribute or function that loads."""
    text = written()
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) == NAMESPACES
    code = script()
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|importScripts|eval|Function|import)\s*\(|^import\b", code, re.M
    )
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\bsrc\s*=", code)
    assert not re.search(r"url\(|@import", style())


def test_the_code_stays_small() -> None:
    """Template, readable style and script, and the words come to at most 300 KB."""
    assert len(page(Collected({}, ""), "").encode()) <= 300_000


def test_modules_have_no_name_twice() -> None:
    """Joined into one, no top-level name of the modules collides, and every import names an export."""
    names: list[str] = []
    for module in MODULES:
        text = module.read_text(encoding="utf-8")
        names += re.findall(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", text, re.M)
        for listed, other in re.findall(r'^import \{([^}]*)\} from "\./(\w+\.js)";', text, re.M):
            exported = set(re.findall(r"^export (?:async )?(?:function|const|let|class) (\w+)", static(other), re.M))
            wanted = {name.strip() for name in listed.split(",") if name.strip()}
            assert wanted <= exported, f"{module.name}: {wanted - exported} not in {other}"
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    assert not re.search(r"^(import|export)\b", script(), re.M)


def test_every_sentence_of_the_page_is_used() -> None:
    """A key of the room `report` stands in a module, whole or by its stem."""
    others = "".join(module.read_text(encoding="utf-8") for module in MODULES) + static("page.html")
    for key in sentences("report")["en"]:
        stem = key.split("_")[0]
        assert f'"{key}"' in others or f"`{stem}_${{" in others or f"{{{{{key}}}}}" in others, f"{key} is not used"


def test_the_same_run_gives_the_same_file(tmp_path: Path) -> None:
    """Nothing of the clock, the machine's paths or chance is in the page."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    run = cr.train(
        cr.Network([3, 4, 2]), X, (X[:, 0] > 0).astype(int), epochs=2, progress=False, directory=tmp_path / "run"
    )
    first = run.report(tmp_path / "a.html").read_bytes()
    assert first == run.report(tmp_path / "b.html").read_bytes()
    assert cr.load(tmp_path / "run").report(tmp_path / "c.html").read_bytes() == first
    assert str(tmp_path).encode() not in first
    assert (tmp_path / "run" / "report.html").stat().st_size > 100_000


def test_altered_rows_leave_a_page_that_says_so(tmp_path: Path) -> None:
    """Rows changed after training cannot be replayed: the page is written without steps and names the reason."""
    X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    run = cr.train(cr.Network([3, 4, 2]), X, (X[:, 0] > 0).astype(int), epochs=2, progress=False)
    run.rows.X[0, 0] += 1
    assert '"missing":{"why":"altered"}' in run.report(tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_does_not_spoil_the_training(tmp_path: Path) -> None:
    """Where RUN/report.html cannot be written, train warns and returns the run; asked for outright it is an error."""
    (tmp_path / "run" / "report.html").mkdir(parents=True)
    X = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.warns(UnwrittenWarning, match=r"report\.html: cannot be written"):
        run = cr.train(
            cr.Network([3, 4, 2]), X, (X[:, 0] > 0).astype(int), epochs=2, progress=False, directory=tmp_path / "run"
        )
    assert run.n_steps == 2
    with pytest.raises(cr.ChainruleError, match="cannot be written"):
        run.report(tmp_path / "run" / "report.html")
