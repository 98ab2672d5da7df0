"""Texts with structure, such as names of products: words that repeat say something of a text that does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

LEAST_ROWS = 5
LEAST_SHARE = 0.005
MOST_SHARE = 0.95
"""A word in nearly every row says nothing."""
LEAST_COVERED = 0.3
"""Share of the rows that hold a word that repeats, from which on a text is used by its words."""
MOST_WORDS = 64
WORD = r"(?u)\b\w+\b"


def frequent_words(texts: Sequence[str], rows: Any) -> tuple[tuple[str, ...], float]:
    """The words that repeat, the most frequent first, and the share of the rows that hold one of them.

    Args      rows (n,): how many rows hold each text, or their weights

    Examples
    --------
    >>> frequent_words(["Kia Rio", "Kia Ceed", "Fiat Uno"], [6, 6, 3])
    (('kia', 'ceed', 'rio'), 0.8)
    """
    from sklearn.feature_extraction.text import CountVectorizer

    rows = np.asarray(rows, np.float64)
    vectorizer = CountVectorizer(binary=True, token_pattern=WORD)
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # no text holds a word
        return (), 0.0
    n = counts.T @ rows
    least, most = max(LEAST_ROWS, LEAST_SHARE * rows.sum()), MOST_SHARE * rows.sum()
    names = vectorizer.get_feature_names_out()
    order = [j for j in np.lexsort((names, -n)) if least <= n[j] <= most][:MOST_WORDS]
    if not order:
        return (), 0.0
    covered = np.asarray(counts[:, order].sum(axis=1)).ravel() > 0
    return tuple(map(str, names[order])), float(rows[covered].sum() / rows.sum())


def held_words(texts: Sequence[str], words: Sequence[str]) -> Any:
    """(n_texts, n_words): 1 where a text holds a word."""
    from sklearn.feature_extraction.text import CountVectorizer

    if not texts or not words:
        return np.zeros((len(texts), len(words)))
    found = CountVectorizer(binary=True, token_pattern=WORD, vocabulary=list(words)).transform(texts)
    return found.toarray().astype(np.float64)


def prefixes(texts: Iterable[str], n_words: int) -> list[str]:
    """The first words of each text.

    Examples
    --------
    >>> prefixes(["Kia Rio 1.4 LX", "Fiat"], 2)
    ['kia rio', 'fiat']
    """
    return [" ".join(text.lower().split()[:n_words]) for text in texts]
