"""Very many rows are divided as those that fit into memory are."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.data.split import holdout
from chainrule.planning import many_rows
from chainrule.planning.many_rows import held_out, least
from chainrule.seeding import Purpose, stream_key, words


@pytest.mark.parametrize("block", [64, 1 << 20])
@pytest.mark.parametrize(
    "shares", [[1.0], [0.5, 0.5], [0.9, 0.1], [0.25] * 4, [0.97, 0.01, 0.01, 0.01], [0.05] * 20, [0.6, 0.0, 0.4]]
)
def test_the_same_rows_are_held_out(monkeypatch: pytest.MonkeyPatch, shares: list[float], block: int) -> None:
    """Those of holdout, of any classes, of equal ones too, where positions tie; whatever the blocks are."""
    monkeypatch.setattr(many_rows, "BLOCK", block)
    for seed, n in enumerate((7, 200, 1000, 20_000)):
        codes = np.random.default_rng(seed).choice(len(shares), n, p=shares).astype(np.int16)
        if seed == 1:
            codes = (np.arange(n) % len(shares)).astype(np.int16)  # classes of one size: all positions tie
        for share in (0.2, 0.5, 0.03 if n > 100 else 0.3):
            kept, out = holdout(n, share, seed, codes if len(shares) > 1 else None)
            found = held_out(codes, len(out), stream_key(seed, Purpose.SPLIT))
            assert np.array_equal(np.flatnonzero(found), out)
            assert np.array_equal(np.flatnonzero(~found), kept)


def test_a_sample_is_that_of_the_least_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows among candidates, ascending."""
    monkeypatch.setattr(many_rows, "BLOCK", 256)
    key = stream_key(3, Purpose.SPLIT, 2)
    candidates = np.random.default_rng(0).uniform(size=5000) < 0.7
    rows = np.flatnonzero(candidates)
    expected = np.sort(rows[np.argsort(words(key, len(rows)), kind="stable")[:100]])
    assert np.array_equal(least(candidates, 100, key), expected)


def test_words_from_any_block_on() -> None:
    """The same stream."""
    key = stream_key(3, Purpose.SPLIT)
    assert np.array_equal(words(key, 100)[40:], words(key, 60, first=40))
