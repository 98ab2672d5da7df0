"""Whether a run can go on with what train is given now, and the last state of it that all of its files agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ModelFileError, SettingsError
from chainrule.reference.small_numbers import RULES
from chainrule.run import contents
from chainrule.run.directory import FileStore, RunDirectory, columns_of, refuse_unread
from chainrule.run.names import EVENTS, HISTORY, RUN
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.events import Event
from chainrule.training.settings import Settings

EXPECTED = "it must be the same to resume. Name another directory."
CHANGED = {
    "fingerprint": "the training rows changed since this run began",
    "held_out": "the held-out rows changed since this run began",
    "initial": "the network has other initial parameters than this run: another seed, or a trained network",
}
"""What the digests of a record say when they differ; all else is named with its values."""
DECIDES_BITS = {"native": ("engine",), "numpy": ("engine", "numpy", "blas")}
"""What of an engine its bits depend on; the native one has the same everywhere."""


def refuse_another(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """SettingsError where going on would not lead to the bits of the run in the folder: it names what differs.

    Arguments: before: the run's record; now: the one a new run would have.
    """
    settings = Settings.from_dict(before["settings"]).to_dict()  # a setting that is newer than the run has its default
    before = {**before, "settings": settings}
    for name in ("architecture", "settings"):
        if before.get(name) != now[name]:
            result = _difference(before.get(name), now[name])
            raise SettingsError(f"{folder}: holds a run with a different {name} ({result}); {EXPECTED}")
    for name, result in CHANGED.items():
        if name in before and before[name] != now[name]:
            result += f" ({name.replace('_', ' ')} {_difference(before[name], now[name])})"
            if name == "fingerprint" and before["n_samples"] != now["n_samples"]:
                result += f"; they were {before['n_samples']:,}, are {now['n_samples']:,}"
            raise SettingsError(f"{folder}: {result}; {EXPECTED}")
    then, here = before["engine"], now["engine"]
    for name in DECIDES_BITS.get(str(then["engine"]), ("engine",)):
        if name in then and then[name] != here.get(name):
            remedy = f"Resume with engine {then['engine']!r}" if name == "engine" else f"Resume with that {name}"
            raise SettingsError(
                f"{folder}: was trained with a different {name} ({name} was {then[name]!r}, is {here.get(name)!r}), "
                f"which rounds differently; it must be the same to resume. {remedy}, or name another directory."
            )


def rules_of(directory: Any) -> int:
    """The rules for small numbers by which the run in a directory was begun; the latest where there is none."""
    folder = directory if directory is None or isinstance(directory, RunDirectory) else RunDirectory(directory)
    if folder is None or not folder.exists:
        return RULES
    return int(contents.read_record(folder.file(RUN))["architecture"].get("rules", 1))


@dataclass(frozen=True)
class LastState:
    """A checkpoint, and what the other files hold of the way to it."""

    start: Checkpoint
    history: dict[str, list[float]]
    events: list[Event]
    losses: npt.NDArray[np.float64]


def last_state(folder: RunDirectory, store: FileStore, steps_per_epoch: int, *, forget: bool) -> LastState | None:
    """The latest checkpoint that can be read and is not ahead of losses, history and events.

    A killed process leaves all of them whole. After a power failure or on a full disk the last ones may be cut.

    Arguments: forget: drop the later checkpoints, as their one writer may.
    """
    events, damage = contents.read_events(folder.file(EVENTS))
    if forget:
        refuse_unread(damage)
    epochs = folder.history_lines() if forget else contents.read_history(folder.file(HISTORY))[0]
    try:
        losses = folder.read_losses(max(store.sizes, default=0))
    except ModelFileError as error:
        refuse_unread(error)
        losses = np.zeros(0)
    for step in sorted(store.sizes, reverse=True):
        try:
            start = store.get(step)
        except ModelFileError as error:
            if forget:
                refuse_unread(error)
            continue
        n_events = start.n_events
        if n_events is None:
            n_events = _events_before(step, events, damage is None and folder.ends_whole(EVENTS))
        at_end = step // steps_per_epoch  # weights were edited within the last step of an epoch, which had not ended
        begun = at_end if start.n_epochs is None else start.n_epochs
        if step <= len(losses) and begun == at_end <= len(epochs) and n_events is not None and n_events <= len(events):
            if forget:
                store.forget_after(step)
            return LastState(start, columns_of(epochs[:at_end]), events[:n_events], losses[:step])
    return None


def _events_before(step: int, events: list[Event], whole: bool) -> int | None:
    """How many events belong before an older checkpoint, which does not say; None where some of them may be lost."""
    known = whole or step == 0 or (bool(events) and step < events[-1].step)
    return sum(event.step <= step for event in events) if known else None


def _difference(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        names = [name for name in now if before.get(name) != now[name]]
        return "; ".join(f"{name} was {before.get(name)!r}, is {now[name]!r}" for name in names)
    return f"was {str(before)[:12]!r}, is {str(now)[:12]!r}"
