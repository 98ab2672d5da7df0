"""A training of a small table loads no library that takes longer to load than the table to read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from chainrule.cli import main
main(sys.argv[1:])
print(sorted({name.partition(".")[0] for name in sys.modules} & {"sklearn", "scipy", "matplotlib"}))
"""


@pytest.mark.parametrize("target", ["risk", "price"])
def test_scikit_learn_is_not_loaded(tmp_path: Path, target: str) -> None:
    """Neither for texts, classes and their measures nor for standardised values."""
    path = tmp_path / "cars.csv"
    names = [f"{'Kia' if k % 3 else 'Fiat'} nr{k} {'Diesel' if k % 2 else 'LX'}" for k in range(120)]
    values = [f"{k * 37 % 101},{'bad' if k % 7 < 3 else 'good'},{k * k % 211 + k % 2 * 90}" for k in range(120)]
    rows = [f"{name},{value}" for name, value in zip(names, values, strict=True)]
    path.write_text("name,x,risk,price\n" + "\n".join(rows))
    command = ["train", str(path), "--target", target, "-o", str(tmp_path / "run"), "--quiet"]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *command], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == "[]"
    assert (tmp_path / "run" / "model.safetensors").exists()
