"""chainrule bench keeps and shows results; chainrule --version names what computes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.bench import machine
from chainrule.cli import main

ENTRY = {
    "part": "S", "optimizer": "sgd", "threads": 1, "absent": {"JAX": "not installed: No module named 'jax'"},
    "microseconds": {"chainrule": 25.0, "PyTorch": 400.0, "scikit-learn": 500.0},
    "ratios": {"PyTorch": 16.0, "scikit-learn": 20.0}, "targets": {"PyTorch": 18.0, "scikit-learn": 12.0},
    "share_of_peak": 0.8, "share_target": 0.75, "peak_gflops_per_core": 110.0,
}  # fmt: skip
PREDICTION = {
    "part": "prediction", "workload": "S", "n_rows": 1, "threads": 1, "absent": {},
    "microseconds": {"chainrule": 5.0, "ONNX Runtime": 6.0}, "ratios": {"ONNX Runtime": 1.2},
}  # fmt: skip
SIZE = {
    "part": "footprint", "import_ms": {"chainrule, import alone": 2.0, "chainrule": 80.0},
    "installed_mb": {"chainrule": 1.5}, "wheel_mb": 0.5, "import_target_ms": 50.0, "wheel_target_mb": 5.0, "absent": {},
}  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({"machine": machine.facts(), "entries": [ENTRY, PREDICTION, SIZE]}))
    return path


def test_kept_results_are_shown_with_what_was_met_missed_and_absent(kept: Path, capsys) -> None:
    """Within 80 columns: figures, targets met and missed, and why a library has none."""
    assert main(["bench", "--show", str(kept)]) == 0
    result = capsys.readouterr().out
    assert max(map(len, result.splitlines())) <= 80
    assert "16 ✗18" in result
    assert "20 ✓12" in result
    assert "80 ✓75" in result
    assert "JAX: not installed" in result
    assert "import at most 50 ms (2 ms)" in result


def test_results_as_markdown_and_json(kept: Path, capsys) -> None:
    """The same figures in both."""
    assert main(["bench", "--show", str(kept), "--markdown"]) == 0
    assert "| S sgd | 25 | 400 | – | – | 500 | – |" in capsys.readouterr().out
    assert main(["bench", "--show", str(kept), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"][0] == ENTRY


def test_parts_already_kept_are_not_measured_again(kept: Path, capsys) -> None:
    """A file with the part asked for is printed as it is."""
    arguments = ["bench", "--parts", "S,footprint", "--threads", "1", "-o", str(kept), "--json"]
    assert main(arguments) == 0
    assert len(json.loads(capsys.readouterr().out)["entries"]) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--parts", "S,Q"], "'Q'"),
        (["--threads", "0"], "--threads"),
        (["--show", "nothing.json"], "nothing.json"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(arguments: list[str], words: str, capsys) -> None:
    """What is wrong is named, with what was expected."""
    assert main(["bench", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_results_of_another_machine_are_refused(kept: Path, capsys) -> None:
    """Figures of two machines or versions are never mixed in a file."""
    results = json.loads(kept.read_text())
    results["machine"]["cpu"] = "another"
    kept.write_text(json.dumps(results))
    assert main(["bench", "-o", str(kept)]) == 2
    assert "different machine" in capsys.readouterr().err


def test_version_names_the_engine_and_the_instruction_sets() -> None:
    """Version on the first line; engine, instruction set in use and those available on the second."""
    native = pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
    sets = native.instruction_sets()
    call = [sys.executable, "-m", "chainrule", "--version"]
    result = subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()
    assert result[0].startswith("chainrule ")
    assert result[1] == f"native engine, instruction set {sets[0]} (available: {', '.join(sets)})"
