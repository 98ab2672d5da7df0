"""The history of a training: a dict of lists that shows itself in a few lines."""

from __future__ import annotations

from chainrule.api.html import history_html
from chainrule.html_text import card
from chainrule.text.tables import counted, number
from chainrule.visible import cut


class TrainingHistory(dict[str, list[float]]):
    """The numbers of every epoch by name; `dict(run.history)` is a plain dict of the same lists.

    Examples
    --------
    >>> from chainrule.api.history import TrainingHistory
    >>> TrainingHistory(loss=[0.9, 0.5], seconds=[0.25, 0.5])
    TrainingHistory(2 epochs: loss 0.9 … 0.5, seconds 0.25 … 0.5)
    """

    def __repr__(self) -> str:
        n = max(map(len, self.values()), default=0)
        ends = [
            f"{name} {number(values[0])} … {number(values[-1])}" if values else f"{name} –"
            for name, values in self.items()
        ]
        return f"TrainingHistory({counted(n, 'epoch')}: {cut(', '.join(ends), 240)})"

    def _repr_html_(self) -> str:
        n = max(map(len, self.values()), default=0)
        return card(f"History of {counted(n, 'epoch')}", history_html(self))
