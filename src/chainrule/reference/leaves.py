"""The leaves of a batch: V contiguous parts of its rows, whose gradients and losses are added up by one tree.

The tree depends on V alone. Whoever computes which leaf, every addition has the same two operands, and the sum the same
bits; rounding makes another V another sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Node: TypeAlias = tuple[int, int]
"""Leaves a … b - 1."""


def rows_of_leaf(n: int, V: int, l: int) -> tuple[int, int]:
    """The first row of leaf l of V and the end of its rows, in a batch of n: ⌊n·l/V⌋, ⌊n·(l+1)/V⌋; perhaps none."""
    return n * l // V, n * (l + 1) // V


def cover(low: int, high: int, V: int, node: Node | None = None) -> list[Node]:
    """The largest nodes of the tree within leaves low … high - 1, from left to right."""
    a, b = node or (0, V)
    if low >= high:
        return []
    if (low, high) == (a, b):
        return [(a, b)]
    m = (a + b) // 2
    return cover(low, min(high, m), V, (a, m)) + cover(max(low, m), high, V, (m, b))


def tree_sum(values: Mapping[Node, Any], node: Node, add: Callable[[Any, Any], Any] = lambda x, y: x + y) -> Any:
    """node(a, b) = its value where it has one, else node(a, m) + node(m, b), m = ⌊(a + b)/2⌋."""
    if node in values:
        return values[node]
    a, b = node
    m = (a + b) // 2
    return add(tree_sum(values, (a, m), add), tree_sum(values, (m, b), add))
