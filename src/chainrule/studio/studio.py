"""The public Studio: a page on which a training is watched and led, given to `train` as a callback."""

from __future__ import annotations

import sys
import webbrowser
from types import TracebackType
from typing import Any

from chainrule.errors import SettingsError
from chainrule.studio.lead import Lead
from chainrule.studio.shelf import Shelf
from chainrule.studio.trainings import Trainings


class Studio:
    """A local page on which trainings are watched live, paused, stepped, changed and questioned.

    It is a callback of `train`; nothing but what is asked for on the page changes a bit of the training. The page stays
    open when the training is over, until `close` or the end of the process.

    Parameters
    ----------
    paused : bool, default False
        Whether trainings wait before their first step.
    port : int, default 0
        Where to listen on 127.0.0.1; 0 for a free port.
    browser : bool, default True
        Whether a browser is opened; the address is printed in any case.

    Raises
    ------
    SettingsError
        If starlette or uvicorn are not installed (the extra "studio"), or the port is taken.

    Examples
    --------
    >>> import chainrule as cr
    >>> with cr.Studio(browser=False) as studio:  # doctest: +SKIP
    ...     run = cr.train(cr.Network([2, 3, 2]), [[0.0, 1.0], [1.0, 0.0]], [0, 1], callbacks=[studio], progress=False)
    """

    def __init__(self, *, paused: bool = False, port: int = 0, browser: bool = True) -> None:
        self._paused, self._shelf = paused, Shelf()
        self._server = started(self._shelf, port, browser=browser)
        self._lead: Lead | None = None

    @property
    def url(self) -> str:
        """The address of the page, with the token that it needs."""
        return str(self._server.url)

    def on_stretch(self, control: Any) -> None:
        """Lead the training; called by the loop.

        Parameters
        ----------
        control : Control
            Of the training.
        """
        if self._lead is None:
            self._lead = Lead(paused=self._paused)
            self._shelf.begin("training", self._lead)
        self._lead.on_stretch(control)

    def on_training_end(self, run: Any) -> None:
        """Show the run that the training came to; called by `train`.

        Parameters
        ----------
        run : Run or None
            The run; None where an error ended the training.
        """
        if self._lead is not None:
            self._lead.on_training_end(run)
            self._lead = None

    def close(self) -> None:
        """End the page's server."""
        self._server.close()

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Studio(port {self._server.port})"


def started(shelf: Shelf, port: int, *, browser: bool, trainings: Trainings | None = None) -> Any:
    """A server of these runs, its address printed on stderr and opened in a browser where that is wanted.

    SettingsError where what it needs is not installed.
    """
    try:
        from chainrule.studio.server import StudioServer
    except ImportError as error:
        raise SettingsError(
            f'the studio needs {error.name}. Install it with pip install "chainrule[studio]".'
        ) from None
    server = StudioServer(shelf, trainings or Trainings(shelf), port)
    print(f"studio   {server.url}", file=sys.stderr, flush=True)
    if browser:
        webbrowser.open(server.url)
    return server
