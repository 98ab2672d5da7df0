"""Which steps to examine: the first ones closely, then fewer and fewer, then at the checkpoints."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

EARLY, LATE = 12, 12
"""Steps taken from the first stretch, at equal ratios, and from the rest, at checkpoints."""


def chosen_steps(n_steps: int, kept: Iterable[int], early: int = EARLY, late: int = LATE) -> list[int]:
    """Steps in order: 0, 1, 2, 3, 5, … up to the first checkpoint after the start, then checkpoints at equal distances.

    Most that goes wrong goes wrong early, and a step at a checkpoint costs nothing to reach. The last step is
    always among them.

    Examples
    --------
    >>> chosen_steps(100, [0, 20, 40, 60, 80, 100], early=4, late=3)
    [0, 1, 6, 20, 40, 80, 99]
    """
    if n_steps <= 0:
        return []
    at = sorted(step for step in kept if 0 < step < n_steps)
    reach = at[0] if at else n_steps
    geometric = np.unique(np.geomspace(1, max(reach, 1) + 1, early).astype(int) - 1)
    picked: list[int] = list(np.linspace(0, len(at) - 1, min(late, len(at))).astype(int)) if at else []
    first = {int(step) for step in geometric if step < reach or not at}
    return sorted({0, *(s for s in first if s < n_steps), *(at[i] for i in picked), n_steps - 1})
