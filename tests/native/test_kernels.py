"""The kernels of every instruction set alone: products, sums and gathered rows, to the bit of a plain loop."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("g++") or shutil.which("clang++")
OBJECTS = sorted(path for path in (ROOT / "build").glob("**/variant_*.dir/**/*.o") if "sanitize" not in path.parts)


@pytest.mark.skipif(COMPILER is None, reason="ends when a C++ compiler is installed")
@pytest.mark.skipif(not OBJECTS, reason="ends when the native module is built under build/ (cmake -B build)")
def test_kernels_alone(tmp_path: Path) -> None:
    """kernels.cpp, linked with the compiled variants, finds every element equal."""
    flags = ["-std=c++20", "-O1", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'native'}"]
    newest = max(OBJECTS, key=lambda path: path.stat().st_mtime)
    objects = [path for path in OBJECTS if path.parents[3] == newest.parents[3]]
    sources = [ROOT / "tests/native/kernels.cpp", ROOT / "native/dispatch.cpp"]
    program = tmp_path / "kernels"
    subprocess.run([str(COMPILER), *flags, *map(str, sources + objects), "-o", str(program)], check=True)
    result = subprocess.run([str(program)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1].endswith(" 0 wrong")
