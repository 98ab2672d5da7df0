"""The runs the studio shows, by ids: those of folders named when it was started, and trainings under way.

The page names a run by its id alone; no path comes from it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.api.load import load_run
from chainrule.api.run import Run
from chainrule.run.names import RUN
from chainrule.studio.lead import Lead
from chainrule.web.refusal import RequestError

MOST_LISTED, MOST_LOADED = 500, 4


@dataclass(kw_only=True)
class Shown:
    """One run of the studio."""

    id: str
    name: str
    read: Callable[[], Run] | None = None
    """Reads a run that is kept in a directory."""
    lead: Lead | None = None
    """Leads a training of this process."""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    """One thread at a time asks the run."""
    _loaded: Run | None = None

    def run(self) -> Run:
        """The run; of a training under way, up to here."""
        if self.lead is not None:
            return self.lead.run()
        with self.lock:
            if self._loaded is None:
                assert self.read is not None
                self._loaded = self.read()
            return self._loaded

    def forget(self) -> None:
        """Let go of what was read."""
        self._loaded = None

    @property
    def state(self) -> str:
        """Of a training under way its state; else "stored"."""
        return "stored" if self.lead is None else str(self.lead.status()["state"])


class Shelf:
    """Runs by id."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._shown: dict[str, Shown] = {}
        self._recent: list[Shown] = []
        self._lock = threading.Lock()
        self.look_again()

    def look_again(self) -> None:
        """Find the runs in the folder."""
        if self.folder is None:
            return
        for path in found_in(self.folder):
            one = Shown(id=_id_of(path), name=_name_in(self.folder, path), read=functools.partial(load_run, path))
            with self._lock:
                self._shown.setdefault(one.id, one)

    def add(self, one: Shown) -> None:
        """Show a run."""
        with self._lock:
            self._shown[one.id] = one

    def begin(self, name: str, lead: Lead) -> Shown:
        """Show a training."""
        with self._lock:
            n = sum(other.lead is not None for other in self._shown.values())
            one = Shown(id=f"t{n}", name=name, lead=lead)
            self._shown[one.id] = one
        return one

    def get(self, given: str) -> Shown:
        """The run of an id; RequestError where there is none."""
        one = self._shown.get(given)
        if one is None:
            raise RequestError(404, "no such run; GET /api/runs lists them.")
        if one.lead is None:
            with self._lock:
                self._recent = [one, *(other for other in self._recent if other is not one)]
                for old in self._recent[MOST_LOADED:]:
                    old.forget()
                del self._recent[MOST_LOADED:]
        return one

    def led(self) -> list[Shown]:
        """The trainings of this process."""
        return [one for one in list(self._shown.values()) if one.lead is not None]

    def listed(self) -> list[dict[str, Any]]:
        """All runs in plain values, trainings first."""
        runs = sorted(self._shown.copy().values(), key=lambda one: (one.lead is None, one.name))
        return [{"id": one.id, "name": one.name, "state": one.state} for one in runs]


def found_in(folder: Path) -> list[Path]:
    """The run directories in a folder: itself, its members or those one or two levels below; no links are followed."""
    if (folder / RUN).is_file():
        return [folder]
    found: list[Path] = []
    for level in range(2):
        for parent in [folder] if level == 0 else [path for path in _folders(folder) if path not in found]:
            found += [path for path in _folders(parent) if (path / RUN).is_file()]
            if len(found) >= MOST_LISTED:
                return found[:MOST_LISTED]
    return found


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _id_of(path: Path) -> str:
    return "r" + hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:12]


def _name_in(folder: Path, path: Path) -> str:
    return path.name if path == folder else str(path.relative_to(folder))
