"""Texts with structure, such as names of products: words that repeat say something of a text that does not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

LEAST_ROWS = 5
LEAST_SHARE = 0.005
MOST_SHARE = 0.95
"""A word in nearly every row carries no information."""
LEAST_COVERED = 0.3
"""Share of the rows that hold a word that repeats, from which on a text is used by its words."""
MOST_WORDS = 64
WORD = re.compile(r"\b\w+\b")


def frequent_words(texts: Sequence[str], rows: Any) -> tuple[tuple[str, ...], float]:
    """The words that repeat, the most frequent first, and the share of the rows that hold one of them.

    Args      rows (n,): how many rows hold each text, or their weights

    Examples
    --------
    >>> frequent_words(["Kia Rio", "Kia Ceed", "Fiat Uno"], [6, 6, 3])
    (('kia', 'ceed', 'rio'), 0.8)
    """
    rows = np.asarray(rows, np.float64)
    held = [words_of(text) for text in texts]
    places = {word: j for j, word in enumerate(sorted(set().union(*held)))}
    text = np.repeat(np.arange(len(held)), [len(words) for words in held])
    word = np.array([places[word] for words in held for word in words], np.int64)
    n = np.bincount(word, rows[text], len(places))
    least, most = max(LEAST_ROWS, LEAST_SHARE * rows.sum()), MOST_SHARE * rows.sum()
    often = np.flatnonzero((least <= n) & (n <= most))
    chosen = often[np.argsort(-n[often], kind="stable")][:MOST_WORDS]
    if not len(chosen):
        return (), 0.0
    covered = np.zeros(len(held), bool)
    covered[text[np.isin(word, chosen)]] = True
    names = list(places)
    return tuple(names[j] for j in chosen), float(rows[covered].sum() / rows.sum())


def words_of(text: str) -> set[str]:
    """The words of a text, in small letters."""
    return set(WORD.findall(text.lower()))


def held_words(texts: Sequence[str], words: Sequence[str]) -> Any:
    """(n_texts, n_words): 1 where a text holds a word."""
    place = {word: j for j, word in enumerate(words)}
    out = np.zeros((len(texts), len(words)))
    for row, text in zip(out, texts, strict=True):
        row[[place[word] for word in words_of(text) if word in place]] = 1
    return out


def prefixes(texts: Iterable[str], n_words: int) -> list[str]:
    """The first words of each text.

    Examples
    --------
    >>> prefixes(["Kia Rio 1.4 LX", "Fiat"], 2)
    ['kia rio', 'fiat']
    """
    return [" ".join(text.lower().split()[:n_words]) for text in texts]
