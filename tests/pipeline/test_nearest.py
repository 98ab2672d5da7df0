"""The nearest rows on a grid: exact, in the order of the rows where equally far, the same by tree and by product."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.pipeline import nearest
from chainrule.pipeline.nearest import EXACT_BITS, LIMIT, MOST_BITS, Nearest, grid_bits, on_grid


def by_hand(rows: npt.NDArray[np.int64], query: npt.NDArray[np.int64], k: int) -> list[tuple[int, int]]:
    """Place and squared distance of the k nearest, in whole numbers of Python."""
    far = [sum((int(a) - int(b)) ** 2 for a, b in zip(row, query, strict=True)) for row in rows]
    return [(place, far[place]) for place in sorted(range(len(rows)), key=lambda place: (far[place], place))[:k]]


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32 - 1), st.booleans())
def test_the_nearest_are_those_of_whole_numbers_in_the_order_of_the_rows(
    n: int, d: int, values: int, seed: int, tree: bool
) -> None:
    """Few values a coordinate: many rows are equally far, and the first of them count, by a tree too."""
    rng = np.random.default_rng(seed)
    rows, queries = rng.integers(0, values + 1, (n, d)), rng.integers(0, values + 1, (5, d))
    k = min(3, n)
    search = Nearest(rows)
    if tree and n > k + nearest.SPARE:
        found, squared = search._by_tree(queries.astype(np.float64), k)
    else:
        found, squared = search.of(queries, k)
    for query, places, far in zip(queries, found, squared, strict=True):
        assert list(zip(places.tolist(), far.tolist(), strict=True)) == by_hand(rows, query, k)


def test_a_large_search_takes_the_tree_and_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way is taken follows from sizes alone, and cannot be seen in the result."""
    rng = np.random.default_rng(0)
    rows = on_grid(rng.standard_normal((400, 3)), 10)
    every = Nearest(rows).of(rows, 7)
    monkeypatch.setattr(nearest, "TREE_ABOVE", 1)
    monkeypatch.setattr(nearest, "PAIRS_AT_ONCE", 100)  # in many blocks
    monkeypatch.setattr(Nearest, "_by_all", lambda *_: pytest.fail("the tree was to be asked"))
    tree = Nearest(rows).of(rows, 7)
    assert np.array_equal(every[0], tree[0]) and np.array_equal(every[1], tree[1])


@given(st.integers(1, 10**6), st.integers(1, 10**5))
def test_distances_on_the_grid_are_exact(n: int, d: int) -> None:
    """The largest squared distance times the number of rows is below 2⁵³; the grid is as fine as that allows."""
    bits = grid_bits(n, d)
    largest = d * (2 * int(LIMIT) * 2**bits) ** 2 * n
    assert 0 <= bits <= MOST_BITS
    assert bits == 0 or largest <= 2**EXACT_BITS


def test_points_are_held_within_the_grid() -> None:
    """Rounded to the nearest step; what is far outside is at the edge, and float32 and float64 give the same."""
    points = np.array([[0.1, -1e9, 7.99999, 8.5, 1.0]])
    assert on_grid(points, 2).tolist() == [[0, -32, 32, 32, 4]]
    assert (
        on_grid(points.astype(np.float32), 10).tolist()
        == on_grid(points, 10).tolist()
        == [[102, -8192, 8192, 8192, 1024]]
    )


def test_distances_are_exact_at_the_edges_of_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opposite corners of the finest grid, one step apart: the order is right and the squared distance to the digit."""
    n, d = 3000, 40
    edge = int(LIMIT) * 2 ** grid_bits(n, d)
    rows = np.full((n, d), edge)
    rows[np.arange(1, n), np.arange(1, n) % d] -= np.arange(1, n) % 7
    monkeypatch.setattr(nearest, "NUMBERS_IN_CACHE", n)  # in several blocks
    queries = np.concatenate([np.full((50, d), -edge), rows[:20]])
    found, squared = Nearest(rows).of(queries, 60)
    for query, places, far in zip(queries, found, squared, strict=True):
        assert list(zip(places.tolist(), far.tolist(), strict=True)) == by_hand(rows, query, 60)
