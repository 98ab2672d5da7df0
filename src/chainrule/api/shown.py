"""How a run shows itself: on a line, in a notebook, as a figure of matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainrule.api.history import TrainingHistory
from chainrule.api.html import run_html
from chainrule.api.network import Network
from chainrule.run.record import RunRecord
from chainrule.text.tables import counted
from chainrule.training.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ShownRun:
    """What a run has for its readers."""

    network: Network
    history: TrainingHistory
    settings: Settings
    result: dict[str, Any]
    record: RunRecord

    def plot(self) -> Figure:
        """Draw the losses and the metrics of the epochs; matplotlib is needed: pip install 'chainrule[plot]'.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it; `savefig(path)` writes it. No window is opened.

        Raises
        ------
        SettingsError
            Without matplotlib.

        Examples
        --------
        >>> import chainrule as cr
        >>> X, y = [[0.0], [1.0]], [[0.0], [2.0]]
        >>> run = cr.train(cr.Network([1, 1], "relu", "identity", "squared_error"), X, y, epochs=3, progress=False)
        >>> figure = run.plot()  # doctest: +SKIP
        """
        from chainrule.api.plot import plot

        return plot(self.history, f"{self.network.architecture}, {self.settings.optimizer.name}")

    def __repr__(self) -> str:
        n_epochs, why = len(self.history.get("loss", [])), self.result.get("stopped")
        done = f"{counted(n_epochs, 'epoch')}, {counted(self.record.n_steps, 'step')}"
        end = done if why == "epochs" else f"{why} after {done}"
        return f"Run({self.network.architecture}, {self.settings.optimizer.name}, targets {self.network.kind}, {end})"

    def _repr_html_(self) -> str:
        return run_html(self)
