"""The evidence of a finding as plain JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np


def plain_evidence(value: Any) -> Any:
    """A number or word as JSON has it: one that is not finite as text, of arrays and tuples a list."""
    if isinstance(value, list | tuple):
        return [plain_evidence(each) for each in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else str(float(value))
    return value
