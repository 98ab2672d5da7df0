"""The rows of a table by what they are for: to be trained on, to be judged by, to be compared by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.rehearsal import SEVERAL_SPLITS_BELOW, Choice, Recipe, Rows, choose
from chainrule.data.table import Table

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class TableRows:
    """A table, and which of its rows are for what; a recipe says as which inputs they are taken."""

    table: Table
    """The rows that have a target."""
    kept: npt.NDArray[np.int64] | None
    """Which rows of table are trained on; None where all are."""
    share: float | None
    """The share that is held out to judge epochs by."""
    judges: Table | None
    """Rows of their own to judge epochs by."""
    fold: npt.NDArray[np.int64] | None
    """The fold of each row, where there are so few that trainings are compared by cross-validation."""

    @property
    def n_read(self) -> int:
        """Rows that have a target."""
        return len(self.table)

    def inputs(self, recipe: Recipe) -> Rows:
        """X, y and weights as train takes them: all rows where a share is held out, else those to train on."""
        pipeline = recipe.pipeline
        X = pipeline.training_features(self.table, self.kept, recipe.network.architecture.dtype)
        return X, pipeline.target.encode(self.table), self.table.weight

    def trained_on(self, recipe: Recipe) -> Rows:
        """X, y and weights of the rows the network is trained on, without those held out."""
        X, y, weight = self.inputs(recipe)
        if self.kept is None:
            return X, y, weight
        return X[self.kept], y[self.kept], None if weight is None else weight[self.kept]

    def gathered(self, recipe: Recipe) -> Rows:
        """X, y and weights of all rows, those to train on first, then those of the share that is held out."""
        X, y, weight = self.inputs(recipe)
        if self.kept is None:
            return X, y, weight
        order = np.concatenate([self.kept, np.setdiff1d(np.arange(len(y)), self.kept)])
        return X[order], y[order], None if weight is None else weight[order]

    def validation(self, recipe: Recipe) -> Any:
        """What train takes to judge epochs by: the share to hold out, or rows of their own, or None."""
        if self.share is not None or self.judges is None:
            return self.share
        rows = self.judges
        X = recipe.pipeline.features(rows, recipe.network.architecture.dtype)
        return (X, recipe.pipeline.target.encode(rows), *([] if rows.weight is None else [rows.weight]))

    def choose(self, recipes: tuple[Recipe, ...], **how: Any) -> Choice:
        """Which of the recipes is done; see rehearsal.choose."""
        if self.fold is None and self.share is not None and self.n_read < SEVERAL_SPLITS_BELOW:
            return choose(recipes, self.gathered, fold=None, validation=lambda recipe: self.share, **how)
        return choose(recipes, self.inputs, fold=self.fold, validation=self.validation, **how)
