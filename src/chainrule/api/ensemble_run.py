"""The public EnsembleRun: the trainings of an ensemble, and the one model that they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from chainrule.api.ensemble import Ensemble
from chainrule.api.run import Run
from chainrule.errors import SettingsError, named_path
from chainrule.run.model import parameters_hash, write_members

BROKEN_OFF = ("interrupted", "time_limit")
"""Ways to stop after which a member does not count, unless it is the first."""


class EnsembleRun(Run):
    """Several trainings of one candidate, averaged to one model: what `train` gives with members, or preset "strong".

    It predicts and evaluates as the mean of its members. Whatever belongs to one training (`network`, `settings`,
    `history`, `replay`, `doctor`, …) is that of the first member, members[0]; ask `members[k]` for another's.

    Attributes
    ----------
    members : tuple of Run
        The trainings that count, each with everything a Run has.
    ensemble : Ensemble
        Their networks, averaged.
    n_asked : int
        How many members there were to be; more than len(members) where the training was interrupted.

    Examples
    --------
    >>> import chainrule as cr
    >>> run = cr.train("iris", members=2, epochs=2, progress=False)
    >>> len(run.members), run.predict_proba("iris").shape
    (2, (30, 3))
    >>> bool(run.members[1].replay(0).backward.loss == run.members[1].losses[0])
    True
    """

    ensemble: Ensemble

    def __init__(
        self, members: Sequence[Run], n_asked: int | None = None, stopped: str | None = None,
        directory: Path | None = None, ensemble: Ensemble | None = None,
        pipeline_arrays: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        first = members[0]
        self._take(first._replayer, first.examined)
        self._members = tuple(members)
        self.n_asked = len(members) if n_asked is None else n_asked
        self.ensemble = ensemble or Ensemble([member.network for member in members])
        self.directory = directory
        self._pipeline_arrays = dict(self._pipeline_arrays if pipeline_arrays is None else pipeline_arrays)
        self.diverged = next((member.diverged for member in members if member.diverged is not None), None)
        self.unwritten = {path: why for member in members for path, why in member.unwritten.items()}
        self.result = first.result | {
            "stopped": stopped or first.result["stopped"],
            "seconds": float(sum(member.result["seconds"] for member in members)),
            "members": [facts_of(member) for member in members],
            "members_asked": self.n_asked,
        }

    @property
    def members(self) -> tuple[Run, ...]:
        """The trainings that are averaged."""
        return self._members

    def extend(self, epochs: int, **how: Any) -> NoReturn:
        """Refuse: members go on together, by training again in the same directory.

        Parameters
        ----------
        epochs : int
            As for `Run.extend`.
        **how
            As for `Run.extend`.

        Raises
        ------
        SettingsError
            Always.
        """
        raise SettingsError(
            f"extend({epochs}): must be asked of a run of one training (got an ensemble of {len(self.members)}). Train "
            "again with resume=True and more epochs, or extend a copy of one member's directory."
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model alone (all members' parameters, pipeline) as one safetensors file.

        Parameters
        ----------
        path : str or path
            The file.

        Raises
        ------
        ModelFileError
            If it cannot be written.
        SettingsError
            If the path is empty.
        """
        file = named_path(path, "path", "model.safetensors")
        parameters = [network.parameters for network in self.ensemble.networks]
        write_members(file, parameters, self.record.about_model(), self._pipeline_arrays)

    def __repr__(self) -> str:
        short = "" if self.n_asked == len(self.members) else f" of {self.n_asked} asked for"
        return f"EnsembleRun({len(self.members)} members{short}, members[0] is {super().__repr__()})"


def facts_of(member: Run) -> dict[str, Any]:
    """What the record of an ensemble says of a member."""
    result = member.result
    return {
        "seed": member.settings.seed,
        "sha256": parameters_hash(member.network.parameters),
        "stopped": result["stopped"],
        "epochs": result["epochs"],
    }
