"""Texts of many words: those that repeat, and the first one and the first two as categories."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column
from chainrule.data.words_of_texts import frequent_words, held_words, prefixes
from chainrule.pipeline.levels import CategoryEncoder
from chainrule.pipeline.statistics import counts

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class WordsEncoder:
    """An input for each frequent word; the first word and the first two as categories, by their mean targets too."""

    kind: ClassVar[str] = "words"
    reads: ClassVar[str] = "category"
    name: str
    words: tuple[str, ...]
    first: CategoryEncoder
    first_two: CategoryEncoder

    @classmethod
    def fit(cls, column: Column, weight: Array | None, targets: Array | None, folds: Array | None) -> WordsEncoder:
        """The words of the training rows."""
        levels = column.levels or ()
        seen = counts(column.values, len(levels), weight)
        words, _ = frequent_words(levels, seen) if levels else ((), 0.0)
        first, two = (CategoryEncoder.fit(_beginnings(column, n), weight, targets, folds) for n in (1, 2))
        return cls(name=column.name, words=words, first=first, first_two=two)

    @property
    def names(self) -> tuple[str, ...]:
        """Words, then the categories' inputs."""
        return (*(f"{self.name} holds {word}" for word in self.words), *self.first.names, *self.first_two.names)

    @property
    def proximity(self) -> tuple[float, ...]:
        """Each word by itself, and the beginnings as categories."""
        return (*(0.5,) * len(self.words), *self.first.proximity, *self.first_two.proximity)

    def encode(self, column: Column, folds: Array | None = None) -> Array:
        """(n, width)."""
        held = np.vstack([held_words(column.levels or (), self.words), np.zeros((1, len(self.words)))])[column.values]
        first = self.first.encode(_beginnings(column, 1), folds)
        return np.hstack([held, first, self.first_two.encode(_beginnings(column, 2), folds)])


def _beginnings(column: Column, n_words: int) -> Column:
    """The first words of each text, as a category of its own."""
    texts = prefixes(column.levels or (), n_words)
    levels = sorted(set(texts))
    place = {level: code for code, level in enumerate(levels)}
    codes = np.array([*(place[text] for text in texts), -1], np.int32)[column.values]
    name = f"{column.name} begins" if n_words == 1 else f"{column.name} begins with two words"
    return replace(column, name=name, values=codes, levels=tuple(levels), order=None)
