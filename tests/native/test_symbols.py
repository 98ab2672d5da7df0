"""What is compiled for one instruction set cannot be linked into code for another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

BUILDS = Path(__file__).parents[2] / "build"
OBJECTS = sorted(path for path in BUILDS.glob("**/variant_*.dir/**/*.o") if "sanitize" not in path.parts)


@pytest.mark.skipif(shutil.which("nm") is None, reason="ends when binutils (nm) is installed")
@pytest.mark.skipif(not OBJECTS, reason="ends when the native module is built under build/ (cmake -B build)")
def test_a_variant_exports_its_table_alone() -> None:
    """One data symbol, no weak symbols, and no undefined ones but the C library's fma and memory functions."""
    for path in OBJECTS:
        lines = subprocess.run(["nm", str(path)], check=True, capture_output=True, text=True).stdout.splitlines()
        symbols = [line.split()[-2:] for line in lines]
        exported = [name for kind, name in symbols if kind in "TDRBGSC"]
        assert len(exported) == 1, f"{path.name}: {exported}"
        assert "variant_" in exported[0]
        assert not [name for kind, name in symbols if kind in "wWvVu"], path
        allowed = {"fma", "memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
        undefined = {name for kind, name in symbols if kind == "U"}
        assert undefined <= allowed or any(name.startswith(("__asan", "__ubsan", "__tsan")) for name in undefined), (
            undefined
        )
