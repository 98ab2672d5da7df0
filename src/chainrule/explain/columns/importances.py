"""The public importances of the columns of a table, in words and as a dict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chainrule.explain.columns.text import importances_text
from chainrule.planning.importances import Importance, MeasuredImportances
from chainrule.text.tables import counted, number
from chainrule.visible import visible_line
from chainrule.words.described import Described


class Importances(Described, MeasuredImportances):
    """What each column is worth to a network; made by `importances` of a run or model.

    Attributes
    ----------
    rows : str
        Which rows: "data" (those given), "held_out", "test" (of a built-in data set) or "training".
    n_rows, n_sampled : int
        How many these are, and how many of them were used.
    measure : str
        What rises: "log_loss" of classes and labels, "rmse" of values (over all targets).
    columns : tuple of Importance
        The most important first. Iterating over the importances gives these.

    Notes
    -----
    Permutation importance: rise_c = measure(column c shuffled) − measure, mean of 5 shuffles, with the interval
    ± 1.96·sd(d)/√n over the rows, d_i the rise of the loss of row i. Every row counts once, whatever its weight.
    Columns with the same information share their importance.

    References
    ----------
    Breiman (2001), Random forests, section 10

    Examples
    --------
    >>> import chainrule as cr
    >>> table = {"size": [1, 2, 3, 4] * 9, "one": [1, 2, 2] * 12, "kind": ["small", "small", "large", "large"] * 9}
    >>> run = cr.train(table, target="kind")
    >>> found = run.importances(table)
    >>> [one.column for one in found], found.measure
    (['size', 'one'], 'log_loss')
    """

    def __iter__(self) -> Iterator[Importance]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def _text(self, language: str) -> str:
        return importances_text(self, language)

    def __repr__(self) -> str:
        first = "".join(f", {visible_line(one.column)} {number(one.rise)}" for one in self.columns[:1])
        return f"Importances({counted(len(self.columns), 'column')}, {counted(self.n_sampled, 'row')}{first})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values.

        Returns
        -------
        dict
            The attributes rows, n_rows, n_sampled, measure, and a list of columns with column, rise, low and high.
        """
        return {**vars(self), "columns": [vars(one) for one in self.columns]}
