"""Whether a run can go on with what train is given now, and the last state of it that all of its files agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ModelFileError, SettingsError
from chainrule.reference.small_numbers import RULES
from chainrule.run import contents, event_lines
from chainrule.run.directory import FileStore, RunDirectory, columns_of, refuse_unread
from chainrule.run.names import EVENTS, HISTORY, RUN
from chainrule.run.stored import RESTORE
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.events import EXTEND, Event
from chainrule.training.parts import extendable, joint, joints_of, with_values
from chainrule.training.schedule import PLATEAU_NAME
from chainrule.training.settings import Settings

EXPECTED = "it must be the same to resume. Name another directory."
CHANGED = {
    "fingerprint": "the training rows changed since this run began",
    "held_out": "the held-out rows changed since this run began",
    "initial": "the network has other initial parameters than this run: another seed, or a trained network",
}
"""What the digests of a record say when they differ; all else is named with its values."""
DIVERGED = "diverged, so there is no state to go on from. Train again with a smaller learning rate."
DECIDES_BITS = {"native": ("engine",), "numpy": ("engine", "numpy", "blas")}
"""What of an engine its bits depend on; the native one has the same everywhere."""


def more_epochs(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The epochs of a new run, if they are more than those of the run before: with them it goes on; else nothing."""
    n_epochs = now["settings"]["epochs"]
    return {"epochs": n_epochs} if n_epochs > before["settings"]["epochs"] else {}


def refuse_another(
    folder: Path, before: Mapping[str, Any], now: Mapping[str, Any], changes: Mapping[str, Any] | None = None
) -> None:
    """SettingsError where going on would not lead to the bits of the run in the folder: it names what differs.

    Arguments: before: the run's record; now: the one a new run would have; changes: the settings that are to change.
    """
    settings = Settings.from_dict(before["settings"])  # a setting that is newer than the run has its default
    before = {**before, "settings": with_values(settings, changes or {}).to_dict()}
    for name in ("architecture", "settings"):
        if before.get(name) != now[name]:
            result, changed = _difference(before.get(name), now[name]), _changed(before.get(name) or {}, now[name])
            can = name == "settings" and set(changed) - {"epochs"} and set(changed) <= set(extendable(settings))
            remedy = f" Or change it in Python: run.extend(…, {min(set(changed) - {'epochs'})}=…)." if can else ""
            kind = "other settings" if name == "settings" else f"a different {name}"
            raise SettingsError(f"{folder}: holds a run with {kind} ({result}); {EXPECTED}{remedy}")
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


@dataclass(frozen=True, kw_only=True)
class LastState:
    """A checkpoint, and what the other files hold of the way to it.

    Where the run went on behind the checkpoint and no later one is there, they hold the way up to that step.
    """

    start: Checkpoint
    goes_on: bool
    """Whether the run goes on at the last of the steps known, which the checkpoint knows nothing of."""
    history: dict[str, list[float]]
    events: list[Event]
    losses: npt.NDArray[np.float64]
    fill: dict[str, float] = field(default_factory=dict)
    """What the lines of the history lack, which those to come have."""


def last_state(folder: RunDirectory, store: FileStore, record: Mapping[str, Any], *, forget: bool) -> LastState | None:
    """The latest checkpoint that can be read and is not ahead of losses, history and events.

    A killed process leaves all of them whole. After a power failure or on a full disk the last ones may be cut.

    Arguments: record: what run.json holds; forget: drop the later checkpoints, as their one writer may.
    """
    steps_per_epoch = record["steps_per_epoch"]
    events, damage = event_lines.read_events(folder.file(EVENTS))
    events = event_lines.of_parts(events, record.get("parts", 1))
    if forget:
        refuse_unread(damage)
    epochs = folder.history_lines() if forget else contents.read_history(folder.file(HISTORY))[0]
    try:
        losses = folder.read_losses(max(*store.sizes, *(event.step for event in joints_of(events)), 0, 0))
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
        if begun != at_end or n_events is None or n_events > len(events):
            continue
        known = _known(step, n_events, events, steps_per_epoch)
        if known is None:
            break  # every earlier one is too early too
        n_steps, n_events, goes_on = known
        n_epochs = n_steps // steps_per_epoch
        if n_steps <= len(losses) and n_epochs <= len(epochs):
            if forget:
                store.forget_after(step)
            return LastState(
                start=start, goes_on=goes_on, history=columns_of(epochs[:n_epochs]), events=events[:n_events],
                losses=losses[:n_steps],
            )  # fmt: skip
    return None


def going_on(
    folder: RunDirectory, store: FileStore, record: Mapping[str, Any], changes: Mapping[str, Any]
) -> LastState:
    """The state of a run that is to go on behind its last step with some settings changed; nothing is written.

    Arguments: record: what run.json holds. Raises SettingsError where it diverged; ModelFileError where its files do
    not hold all that came before.
    """
    result = record.get("result")
    state = last_state(folder, store, record, forget=False)
    if result and result["diverged"] is not None:
        raise SettingsError(f"{folder.path}: {DIVERGED}")
    if state is None:
        raise ModelFileError(f"{store.folder}: holds no checkpoint from which the run could go on. {RESTORE}.")
    if result:
        events, damage = event_lines.read_events(folder.file(EVENTS))
        events = event_lines.of_parts(events, record.get("parts", 1))[: result.get("events")]
        epochs, losses = folder.history_lines()[: result["epochs"]], folder.read_losses(result["steps"])
        if damage or len(events) < result.get("events", 0) or (len(epochs), len(losses)) != _size(result):
            raise ModelFileError(f"{folder.path}: losses, history or events are damaged; {RESTORE}.")
        state = replace(state, history=columns_of(epochs), events=events, losses=losses)
    return with_joint(state, Settings.from_dict(record["settings"]), changes)


def with_joint(state: LastState, settings: Settings, changes: Mapping[str, Any]) -> LastState:
    """The state of a run whose next part begins behind the steps known; settings: those up to there."""
    n_steps, start = len(state.losses), state.start
    event = joint(n_steps, settings, changes, start.progress.plateau_factor if start.step == n_steps else 1.0)
    fill, history = {}, state.history
    if with_values(settings, changes).schedule == "plateau" and history and PLATEAU_NAME not in history:
        fill = {PLATEAU_NAME: 1.0}
        history = history | {PLATEAU_NAME: [1.0] * len(history["loss"])}
    return replace(state, goes_on=True, history=history, events=[*state.events, event], fill=fill)


def _size(result: Mapping[str, Any]) -> tuple[int, int]:
    return result["epochs"], result["steps"]


def _known(step: int, n_events: int, events: list[Event], steps_per_epoch: int) -> tuple[int, int, bool] | None:
    """Steps and events that are known behind a checkpoint, and whether the run goes on there.

    None where a later checkpoint is needed: one behind an edit of weights, or behind a step at which the run went on
    before it did so again.
    """
    ahead = events[n_events:]
    if not joints_of(ahead):
        return step, n_events, False
    end = joints_of(ahead)[-1].step
    is_edited = any(event.kind == "edit" and event.step > step for event in ahead)
    if is_edited or any(event.step != end for event in joints_of(ahead)) or (end > step and end % steps_per_epoch):
        return None
    last = max(i for i, event in enumerate(events) if event.kind == EXTEND)
    return end, last + 1, True


def _events_before(step: int, events: list[Event], whole: bool) -> int | None:
    """How many events belong before an older checkpoint, which does not say; None where some of them may be lost."""
    known = whole or step == 0 or (bool(events) and step < events[-1].step)
    return sum(event.step <= step for event in events) if known else None


def _changed(before: Any, now: Any) -> dict[str, tuple[Any, Any]]:
    """What differs between two dicts, by name; of an entry that is one of the same kind, what differs in it."""
    found: dict[str, tuple[Any, Any]] = {}
    for name, value in now.items():
        then = before.get(name)
        if isinstance(then, dict) and isinstance(value, dict) and then.get("name") == value.get("name"):
            found |= _changed(then, value)
        elif then != value:
            found[name] = then, value
    return found


def _difference(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        return "; ".join(f"{name} was {then!r}, is {value!r}" for name, (then, value) in _changed(before, now).items())
    return f"was {str(before)[:12]!r}, is {str(now)[:12]!r}"
