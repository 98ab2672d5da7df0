"""The history as a figure of matplotlib, which is needed for this alone: pip install 'chainrule[plot]'.

No window is opened, pyplot is not used and no setting of matplotlib is changed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.api.html import BESIDE, LOSSES
from chainrule.errors import SettingsError
from chainrule.visible import cut, visible_line


def plot(history: Mapping[str, Sequence[float]], title: str) -> Any:
    """Losses to the left, metrics to the right; an axis is logarithmic where its values span two decades."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SettingsError(
            "run.plot(): matplotlib is required (it is not installed). Try pip install 'chainrule[plot]'; a notebook "
            "shows run.history as curves without it."
        ) from error

    class Plot(Figure):
        """A figure that a notebook shows, whatever its backend is."""

        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    groups = [[name for name in LOSSES if name in history], [n for n in history if n not in (*LOSSES, *BESIDE)]]
    groups = [group for group in groups if group]
    figure = Plot(figsize=(4.8 * len(groups), 3.4), layout="constrained", facecolor="white")
    figure.suptitle(_literal(title), fontsize=11)
    for place, group in enumerate(groups, start=1):
        axes = figure.add_subplot(1, len(groups), place)
        for name in group:
            axes.plot(
                range(len(history[name])), history[name], label=_literal(name), marker="." * (len(history[name]) < 3)
            )
        values = np.array([value for name in group for value in history[name]], np.float64)
        values = values[np.isfinite(values)]
        if len(values) and values.min() > 0 and values.max() / values.min() > 100:
            axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.legend()
    return figure


def _literal(text: str) -> str:
    """A text that matplotlib shows as it is: $ would begin a formula."""
    return cut(visible_line(text)).replace("$", r"\$")
