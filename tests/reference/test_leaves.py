"""The leaves of a batch and the tree that adds them up."""

from __future__ import annotations

import pytest

from chainrule.reference.leaves import cover, rows_of_leaf, tree_sum


def test_leaves_are_neighbours_and_cover_the_batch() -> None:
    """Ten rows in four leaves: 2, 3, 2, 3; two rows in four: every second leaf is empty."""
    assert [rows_of_leaf(10, 4, l) for l in range(4)] == [(0, 2), (2, 5), (5, 7), (7, 10)]
    assert [rows_of_leaf(2, 4, l) for l in range(4)] == [(0, 0), (0, 1), (1, 1), (1, 2)]


def test_the_tree_of_five_leaves_by_hand() -> None:
    """((0 + 1) + (2 + (3 + 4))): halves are cut below the middle."""
    leaves = {(l, l + 1): str(l) for l in range(5)}
    assert tree_sum(leaves, (0, 5), lambda x, y: f"({x}{y})") == "((01)(2(34)))"


def test_rounding_depends_on_the_tree() -> None:
    """1e16 + 1 loses the 1; 1 + 1 first keeps both."""
    values = {(0, 1): 1e16, (1, 2): 0.0, (2, 3): 1.0, (3, 4): 1.0}
    assert tree_sum(values, (0, 4)) == 1e16 + 2
    assert ((1e16 + 0.0) + 1.0) + 1.0 == 1e16


@pytest.mark.parametrize("V", [1, 2, 5, 8, 13])
def test_any_division_among_workers_gives_the_same_tree(V: int) -> None:
    """Sums of the nodes that workers cover lead to the same expression as the leaves themselves."""

    def add(x: str, y: str) -> str:
        return f"({x} {y})"

    leaves = {(l, l + 1): str(l) for l in range(V)}
    whole = tree_sum(leaves, (0, V), add)
    for n_workers in range(1, V + 1):
        nodes = [node for r in range(n_workers) for node in cover(V * r // n_workers, V * (r + 1) // n_workers, V)]
        assert [a for a, _ in nodes] == [0, *(b for _, b in nodes[:-1])]
        assert tree_sum({node: tree_sum(leaves, node, add) for node in nodes}, (0, V), add) == whole


def test_a_cover_takes_the_largest_nodes() -> None:
    """Of eight leaves, 0 … 5 are two nodes, 2 … 5 two, all eight one."""
    assert cover(0, 6, 8) == [(0, 4), (4, 6)]
    assert cover(2, 6, 8) == [(2, 4), (4, 6)]
    assert cover(0, 8, 8) == [(0, 8)]
    assert cover(3, 3, 8) == []
