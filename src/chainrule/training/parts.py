"""Which settings hold at a step, and from where its schedule counts: a run that goes on has several parts.

Where a run goes on, an event names what changes there, each with its value before and after. The settings of a run are
those of its last part; those of the parts before follow from the events, backwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainrule.engine.protocol import StepSettings
from chainrule.errors import SettingsError, unknown_name
from chainrule.training.events import CHANGEABLE, EXTEND, Event
from chainrule.training.schedule import PLATEAU_NAME, SCHEDULES
from chainrule.training.settings import Settings, check
from chainrule.training.update_rules import optimizer_from

OF_SCHEDULE = ("schedule", "warm_up", "decay_factor", "decay_every")
SCHEDULED_ANEW = ("learning_rate", *OF_SCHEDULE)
"""Where one of these is given, the schedule begins anew."""
OF_TRAINING = ("epochs", "early_stopping", "divergence_factor", *OF_SCHEDULE)
"""What may change where a run goes on, besides what may change at any step."""


@dataclass(frozen=True)
class RunPart:
    """Steps from `first` on, with the same settings; their schedule counts from a step on, over so many steps."""

    first: int
    settings: Settings
    schedule_from: int
    schedule_steps: int
    factor_before: float | None = None
    """The factor of plateau up to `first`, where it is another from there on."""


def extendable(settings: Settings) -> tuple[str, ...]:
    """What may change where a run with these settings goes on."""
    return (*OF_TRAINING, *CHANGEABLE, *settings.optimizer.hyper)


def checked(settings: Settings, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changed settings, each in its kind and range.

    Raises SettingsError for a setting that cannot change where a run goes on, and for a value out of range.
    """
    found = {}
    for name, value in changes.items():
        if name not in extendable(settings):
            if name in settings.to_dict():
                raise SettingsError(
                    f"{name}={value!r}: must stay as it is when a run goes on. Train a new run, or change one of "
                    f"{', '.join(extendable(settings))}."
                )
            raise unknown_name("extend: setting", name, list(extendable(settings)))
        found[name] = check(name, value)
        if name == "momentum" and (found[name] > 0) != (value_of(settings, name) > 0):
            raise SettingsError("momentum: cannot turn on or off when a run goes on. Train a new run.")
    return found


def joint(step: int, settings: Settings, changes: Mapping[str, Any], factor: float = 1.0) -> Event:
    """The event of a run going on at a step with some settings changed: each with its value before and after.

    Arguments: factor: that of plateau before.
    """
    values = {name: [value_of(settings, name), value] for name, value in changes.items()}
    event = Event(step, EXTEND, value=values)
    if factor != 1.0 and begins_anew(event, with_values(settings, changes)):
        values[PLATEAU_NAME] = [factor, 1.0]
    return event


def begins_anew(event: Event, after: Settings) -> bool:
    """Whether the schedule does, where a run goes on: one over a share of all steps always."""
    return any(name in event.value for name in SCHEDULED_ANEW) or SCHEDULES[after.schedule].changes == "step"


def value_of(settings: Settings, name: str) -> Any:
    """A setting of the training, or one of its update rule."""
    return getattr(settings if hasattr(settings, name) else settings.optimizer, name)


def with_values(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with some of them changed, those of the update rule too."""
    of_rule = {name: value for name, value in values.items() if not hasattr(settings, name) and name != PLATEAU_NAME}
    others = {name: value for name, value in values.items() if hasattr(settings, name)}
    return replace(settings, optimizer=optimizer_from(settings.optimizer.to_dict() | of_rule), **others)


def joints_of(events: Iterable[Event]) -> list[Event]:
    """Where a run went on."""
    return [event for event in events if event.kind == EXTEND]


def at_start(settings: Settings, events: Iterable[Event]) -> Settings:
    """The settings of the first part of a run; `settings` are those of its last."""
    for event in reversed(joints_of(events)):
        settings = with_values(settings, {name: before for name, (before, _) in event.value.items()})
    return settings


def parts_of(settings: Settings, events: Sequence[Event], steps_per_epoch: int) -> list[RunPart]:
    """The parts of a run from its first step on; `settings` are those of its last."""
    first = at_start(settings, events)
    parts = [RunPart(0, first, 0, first.epochs * steps_per_epoch)]
    for event in joints_of(events):
        last, factor = parts[-1], event.value.get(PLATEAU_NAME)
        after = with_values(last.settings, {name: value for name, (_, value) in event.value.items()})
        counted = (last.schedule_from, last.schedule_steps)
        if begins_anew(event, after):
            counted = (event.step, max(1, after.epochs * steps_per_epoch - event.step))
        parts.append(RunPart(event.step, after, *counted, None if factor is None else float(factor[0])))
    return parts


def part_at(parts: Sequence[RunPart], step: int) -> RunPart:
    """The part a step belongs to."""
    return next(part for part in reversed(parts) if part.first <= step)


def factor_at(parts: Sequence[RunPart], step: int, steps_per_epoch: int, of_epoch: float) -> float:
    """The factor of plateau at a step, which is that of its epoch unless the run went on within it later."""
    epoch = step // steps_per_epoch
    later = (p for p in parts if p.first > step and p.first // steps_per_epoch == epoch and p.factor_before is not None)
    return next((part.factor_before for part in later if part.factor_before is not None), of_epoch)


def settings_at(step: int, settings: Settings, events: Sequence[Event]) -> tuple[float, StepSettings]:
    """The learning rate before its schedule, and the step settings, that hold at a step."""
    first = at_start(settings, events)
    eta = first.optimizer.learning_rate
    current = StepSettings(
        optimizer=dict(first.optimizer.hyper),
        l2=first.l2,
        l1=first.l1,
        dropout=first.dropout,
        clip_norm=first.clip_norm,
        alpha=first.alpha,
        learning_rate_factors=first.learning_rate_factors,
    )
    for at, name, value in changes_of(events):
        if at > step:
            continue
        if name == "learning_rate":
            eta = float(value)
        elif name in CHANGEABLE:
            current = replace(current, **{name: value})
        elif name in current.optimizer:
            current = replace(current, optimizer={**current.optimizer, name: value})
    return eta, current


def changes_of(events: Iterable[Event]) -> Iterable[tuple[int, str, Any]]:
    """What was set on the way, in turn: before which step, the name, the value from then on."""
    for event in events:
        if event.kind == "set":
            yield event.step, str(event.name), event.value
        elif event.kind == EXTEND:
            yield from ((event.step, name, after) for name, (_, after) in event.value.items())
