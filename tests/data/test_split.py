"""Splits and targets: stratified, a function of the seed, every row on exactly one side."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.split import holdout


@given(st.integers(10, 300), st.floats(0.1, 0.9), st.integers(0, 2**64 - 1))
def test_every_row_is_on_one_side(n: int, fraction: float, seed: int) -> None:
    """Kept and held-out rows are disjoint, ascending, and together all rows."""
    kept, out = holdout(n, fraction, seed)
    assert sorted([*kept, *out]) == list(range(n))
    assert len(out) == round(n * fraction)
    assert np.all(np.diff(kept) > 0) and np.all(np.diff(out) > 0)


def test_classes_keep_their_shares() -> None:
    """Every class gives its share, to within one row."""
    classes = np.repeat([0, 1, 2], [100, 40, 10])
    _, out = holdout(150, 0.2, 0, classes)
    assert np.all(np.abs(np.bincount(classes[out]) - [20, 8, 2]) <= 1)


def test_the_seed_decides() -> None:
    """The same seed holds out the same rows, another seed others."""
    assert np.array_equal(holdout(100, 0.3, 1)[1], holdout(100, 0.3, 1)[1])
    assert not np.array_equal(holdout(100, 0.3, 1)[1], holdout(100, 0.3, 2)[1])
