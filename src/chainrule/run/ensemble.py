"""The directory of an ensemble: its record, its model, and the run directories of its members.

ensemble.json        members asked for and those that count, how the training ended
model.safetensors    all members' parameters with the pipeline
members/0 …          the run of each member
report.html          the page of the first member; those of the others are written where they are asked for
"""

from __future__ import annotations

import contextlib
import filecmp
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chainrule._version import __version__
from chainrule.errors import ModelFileError, SettingsError
from chainrule.network.parameters import Parameters
from chainrule.run import files, stored
from chainrule.run.directory import RunDirectory
from chainrule.run.model import read_members, write_members
from chainrule.run.names import DATA, ENSEMBLE, MEMBERS, MODEL, REPORT, RUN, SPLIT, TABLE
from chainrule.schema import ListOf, Optional, Record, Text, Whole

SAME = (DATA, SPLIT, TABLE)
"""Files that are equal in all members."""
_ABOUT = Record(
    {
        "kind": Text(("ensemble",)),
        "format": Whole(1, 1),
        "asked": Whole(1),
        "members": ListOf(Record({"seed": Whole(), "sha256": Text(), "stopped": Text(), "epochs": Whole()})),
        "stopped": Optional(Text()),
    },
)


class EnsembleDirectory:
    """The files of an ensemble, beside those that its members write."""

    def __init__(self, folder: RunDirectory) -> None:
        self.folder, self.path = folder, folder.path

    def member(self, k: int) -> Path:
        """The run directory of member k."""
        return self.path / MEMBERS / str(k)

    def begin(self, asked: int) -> None:
        """Begin an ensemble in the folder, or go on with the one there.

        Raises SettingsError if the folder holds the run of one training.
        """
        if self.folder.exists:
            raise SettingsError(
                f"{self.path}: holds the run of one training, not an ensemble. Name another folder, or continue it as "
                "it was begun."
            )
        if not self.folder.holds_ensemble:
            self.write(asked, (), None)

    def training_begins(self) -> None:
        """From here on the ensemble stays, if its first member was begun, whatever fails."""
        if (self.member(0) / RUN).exists():
            self.folder.training_begins()

    def write(self, asked: int, members: Sequence[Mapping[str, Any]], stopped: str | None) -> None:
        """The record: facts of the members that count, and how the training ended; None where it goes on."""
        about = {"kind": "ensemble", "format": 1, "chainrule": __version__, "asked": asked}
        files.write_json(self.path / ENSEMBLE, {**about, "members": list(members), "stopped": stopped})

    def write_model(self, members: Sequence[Parameters], about: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """The one model of these members."""
        write_members(self.path / MODEL, members, about, arrays)

    def take_report(self) -> None:
        """The page of the first member, which says what it shows, becomes that of the ensemble."""
        page = self.member(0) / REPORT
        if page.is_file():
            files.write_atomic(self.path / REPORT, page.read_bytes())

    def share_rows(self, k: int) -> None:
        """What member k stores as the first member does takes its room once, where the file system has links."""
        for name in SAME if k else ():
            first, own = self.member(0) / name, self.member(k) / name
            with contextlib.suppress(OSError):
                if filecmp.cmp(first, own, shallow=False) and not first.samefile(own):
                    link = own.with_name(f"{name}.tmp.0")
                    os.link(first, link)
                    os.replace(link, own)

    def read(self) -> dict[str, Any]:
        """The record; ModelFileError where it is damaged."""
        about: dict[str, Any] = stored.read_json(self.path / ENSEMBLE, _ABOUT)
        return about

    def read_model(self) -> tuple[list[Parameters], dict[str, Any], dict[str, Any]]:
        """The members' parameters, facts and arrays of the pipeline; as many members as the record counts."""
        n_members = len(self.read()["members"])
        if not n_members:
            raise ModelFileError(
                f"{self.path}: no member of this ensemble finished (killed?). Continue it with resume, then load it."
            )
        parameters, about, arrays = read_members(self.path / MODEL)
        if about.get("members", 0) < n_members:
            raise ModelFileError(
                f"{self.path / MODEL}: holds {about.get('members', 0)} members; expected {n_members}, as {ENSEMBLE} "
                f"says; {stored.RESTORE}."
            )
        return parameters[:n_members], about, arrays


def first_run(folder: Path) -> Path:
    """The folder of a run; of an ensemble that of its first member."""
    return folder / MEMBERS / "0" if (folder / ENSEMBLE).exists() else folder
