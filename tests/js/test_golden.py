"""The golden numbers of the page's mathematics are what reference/ says today."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def same(a: Any, b: Any, rtol: float = 1e-12, atol: float = 1e-15) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], rtol, atol) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y, rtol, atol) for x, y in zip(a, b, strict=True))
    return bool(a == b) if a is None or isinstance(a, str) else bool(np.isclose(a, b, rtol=rtol, atol=atol))


def test_golden_numbers_are_those_of_reference() -> None:
    """golden.json is what `python tests/js/write_golden.py` would write, to the last bits of exp and log."""
    written = subprocess.run(  # on its own: other tests register entries
        [sys.executable, str(HERE / "write_golden.py"), "--print"], check=True, capture_output=True, text=True
    )
    kept, now = json.loads((HERE / "golden.json").read_text(encoding="utf-8")), json.loads(written.stdout)
    assert same(kept.pop("steps"), now.pop("steps"), rtol=1e-4, atol=1e-6)  # float32 sums, in the order of the library
    assert same(kept, now)
