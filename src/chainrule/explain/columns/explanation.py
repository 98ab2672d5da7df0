"""The public explanation of a row of a table: what each column adds to its predictions, in words and as a dict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chainrule.explain.columns.contributions import TargetContributions
from chainrule.explain.columns.text import contributions_text
from chainrule.text.tables import counted
from chainrule.visible import visible_line
from chainrule.words.described import Described


@dataclass(frozen=True, repr=False)
class RowExplanation(Described):
    """What the columns of a row contribute to its prediction; made by `explain_row` of a run or model.

    Attributes
    ----------
    row : int
        The row of the table, from 0.
    targets : tuple of TargetContributions
        One entry for each target. Iterating over the explanation gives these.

    Notes
    -----
    Integrated gradients from the average x̄ of the training rows to the row x:
    contribution of column c = Σ_{inputs j of c} (x_j − x̄_j) ∫₀¹ ∂s/∂x_j (x̄ + t·(x − x̄)) dt, s the predicted value, or
    the log-odds of the predicted class. They add up to s(x) − s(x̄).

    References
    ----------
    Sundararajan, Taly, Yan (2017), Axiomatic attribution for deep networks

    Examples
    --------
    >>> import chainrule as cr
    >>> table = {"size": [1, 2, 3, 4] * 9, "kind": ["small", "small", "large", "large"] * 9}
    >>> run = cr.train(table, target="kind")
    >>> (kind,) = run.explain_row(table, row=3)
    >>> kind.prediction, kind.found[0].column, kind.found[0].value
    ('kind = large', 'size', '4')
    >>> bool(abs(kind.found[0].contribution - (kind.score - kind.baseline)) < 1e-6)
    True
    """

    row: int
    targets: tuple[TargetContributions, ...]

    def __iter__(self) -> Iterator[TargetContributions]:
        return iter(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def _text(self, language: str) -> str:
        return "\n\n".join(contributions_text(one, language) for one in self.targets)

    def __repr__(self) -> str:
        said = visible_line(", ".join(one.prediction for one in self.targets[:4]))
        said += ", …" if len(self.targets) > 4 else ""
        return f"RowExplanation(row {self.row}: {said}; {counted(len(self.targets[0].found), 'column')})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values.

        Returns
        -------
        dict
            The row; targets, a list with prediction, probability, score, baseline and columns of each.
        """
        return {"row": self.row, "targets": [one.to_dict() for one in self.targets]}
