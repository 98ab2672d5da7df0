"""Which of very many rows are held out and sampled, in a few bytes a row: the same rows as where all fit into memory.

Rows are ranked by 32-bit words, which are made block by block as often as they are needed and not kept. What is held
out of a class are the rows of the least (word, number); how many that are follows from the classes' sizes. Counts of
the words' leading bits, which add up whoever counts them, say within which few words each class is divided; these
alone are sorted. So every number here is exact, and depends neither on blocks nor on who goes through them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from chainrule.seeding import Key, words

BLOCK = 1 << 20
LEADING = 12
"""Bits of a word by which words are counted."""
Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int16]
Blocks = Callable[[], Iterator[tuple[int, npt.NDArray[np.uint64]]]]


def held_out(codes: Codes, n_out: int, key: Key) -> npt.NDArray[np.bool_]:
    """Of n rows the n_out that are held out, (n,); codes: of their classes, all 0 where there are none."""
    sizes = np.bincount(codes)
    blocks: Blocks = lambda: _keys(key, len(codes))  # noqa: E731
    share, n_classes = n_out / len(codes), int((sizes > 0).sum())
    surely = [max(0, int(share * size) - n_classes) for size in sizes]
    left = n_out - sum(surely)
    last = [min(int(size), first + left) for size, first in zip(sizes, surely, strict=True)]
    near = _between(blocks, codes, surely, last)
    taken = _taken(sizes, surely, near, left)
    limits = np.array([_limit(*of_class) for of_class in zip(taken, surely, near, strict=True)], np.uint64)
    out = np.zeros(len(codes), bool)
    for first, keys in blocks():
        here = slice(first, first + len(keys))
        out[here] = keys <= limits[codes[here]]
    out[np.isin(codes, np.flatnonzero(np.array(taken) == 0))] = False
    return out


def least(candidates: npt.NDArray[np.bool_], n: int, key: Key) -> Rows:
    """The n of some rows, ascending, whose words are least; the first candidate has the first word."""
    chosen = np.flatnonzero(held_out(np.zeros(int(candidates.sum()), np.int16), n, key))
    found, before = [], 0
    for first in range(0, len(candidates), BLOCK):
        rows = np.flatnonzero(candidates[first : first + BLOCK])
        begin, end = np.searchsorted(chosen, [before, before + len(rows)])
        found.append(first + rows[chosen[begin:end] - before])
        before += len(rows)
    return np.concatenate(found)


def _limit(taken: int, first: int, keys: npt.NDArray[np.uint64]) -> np.uint64:
    """The key up to which rows of a class are taken; keys: from its first-th row on."""
    if len(keys) == 0:
        return np.uint64(0)
    return np.uint64(keys[taken - first - 1]) if taken > first else np.uint64(keys[0]) - np.uint64(1)


def _keys(key: Key, n: int) -> Iterator[tuple[int, npt.NDArray[np.uint64]]]:
    """(word, number) of rows as one integer, block by block."""
    for first in range(0, n, BLOCK):
        size = min(BLOCK, n - first)
        word = words(key, size, first=first).astype(np.uint64)
        yield first, word << np.uint64(32) | np.arange(first, first + size, dtype=np.uint64)


def _between(blocks: Blocks, codes: Codes, first: list[int], last: list[int]) -> list[npt.NDArray[np.uint64]]:
    """Of every class the sorted keys of its first-th to last-th row, in the order of keys; exclusive of the last."""
    shift, n_bins = np.uint64(64 - LEADING), 1 << LEADING
    counts = np.zeros((len(first), n_bins), np.int64)
    for at, keys in blocks():
        place = codes[at : at + len(keys)] * np.int64(n_bins) + (keys >> shift).astype(np.int64)
        counts += np.bincount(place, minlength=counts.size).reshape(counts.shape)
    ends = counts.cumsum(axis=1)
    low = np.array([np.searchsorted(row, n, "right") for row, n in zip(ends, first, strict=True)])
    high = np.array([np.searchsorted(row, n, "left") for row, n in zip(ends, last, strict=True)])
    found: list[list[npt.NDArray[np.uint64]]] = [[] for _ in first]
    for at, keys in blocks():
        own, bins = codes[at : at + len(keys)], (keys >> shift).astype(np.int64)
        near = np.flatnonzero((bins >= low[own]) & (bins <= high[own]))
        for c in np.unique(own[near]):
            found[c].append(keys[near[own[near] == c]])
    sorted_keys = []
    for c, parts in enumerate(found):
        keys = np.sort(np.concatenate([*parts, np.empty(0, np.uint64)]))
        before = int(ends[c, low[c] - 1]) if low[c] > 0 else 0
        sorted_keys.append(keys[first[c] - before : last[c] - before])
    return sorted_keys


def _taken(
    sizes: npt.NDArray[np.int64], first: list[int], keys: list[npt.NDArray[np.uint64]], left: int
) -> list[int]:  # fmt: skip
    """How many of each class are held out: k-th rows are taken by (k + ½)/size, of equal ones that of the least key."""
    taken = list(first)

    def next_of(c: int) -> tuple[float, int, int]:
        return ((taken[c] + 0.5) / sizes[c], int(keys[c][taken[c] - first[c]]), c)

    waiting = [next_of(c) for c in range(len(first)) if len(keys[c])]
    heapq.heapify(waiting)
    for _ in range(left):
        _, _, c = heapq.heappop(waiting)
        taken[c] += 1
        if taken[c] - first[c] < len(keys[c]):
            heapq.heappush(waiting, next_of(c))
    return taken
