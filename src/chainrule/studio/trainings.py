"""Trainings that the studio itself begins, each in a thread of its own."""

from __future__ import annotations

import contextvars
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from chainrule.errors import ChainruleError
from chainrule.studio.lead import Lead
from chainrule.studio.shelf import Shelf, Shown
from chainrule.training.interrupt import ended_by

END_S = 30.0
"""Within which trainings keep what they have when the studio ends."""


class Trainings:
    """Threads that train, and their end."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._threads: list[tuple[threading.Thread, Lead]] = []
        self._ending = threading.Event()

    def begin(self, name: str, train: Callable[[Lead], Any], *, paused: bool) -> Shown:
        """Train in a thread: `train` is given the callback that leads the training."""
        lead = Lead(paused=paused)
        shown = self._shelf.begin(name, lead)
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._train, train, lead), name="training", daemon=True)
        self._threads.append((thread, lead))
        thread.start()
        return shown

    def _train(self, train: Callable[[Lead], Any], lead: Lead) -> None:
        try:
            with ended_by(self._ending.is_set), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the page says what they say
                train(lead)
        except ChainruleError as error:
            lead.failed(str(error))
        except Exception as error:
            traceback.print_exc()
            lead.failed(f"{type(error).__name__}: {error}")

    def end(self) -> None:
        """Stop them; each keeps the best it has."""
        self._ending.set()
        for thread, lead in self._threads:
            if not lead.is_over:
                lead.stop_quietly()
            thread.join(END_S)
