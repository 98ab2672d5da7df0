"""The events of a run as its directory holds them: what they may say, and whether they fit its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chainrule.errors import ModelFileError, SettingsError
from chainrule.run import stored
from chainrule.run.names import RUN
from chainrule.schema import Checked, Json, ListOf, MapOf, Number, Optional, Record, Schema, Text, Whole
from chainrule.training.events import CHANGEABLE, EXTEND, KINDS, Event
from chainrule.training.parts import OF_TRAINING, joints_of, with_values
from chainrule.training.schedule import PLATEAU_NAME
from chainrule.training.settings import OPTIMIZER_SETTINGS, Settings, check

_EVENT = Record(
    {"step": Whole(), "kind": Text(KINDS), "name": Optional(Text()), "value": Json()},
    frozenset({"name", "value"}),
)


def _value_of_joint(name: str) -> Schema:
    return Number(low=0, high=1) if name == PLATEAU_NAME else Checked(lambda found: check(name, found))


class _EventSchema:
    """What changed a run: a setting there is, to a value it may have."""

    def check(self, value: Any, place: str) -> dict[str, Any]:
        """The event's JSON."""
        event: dict[str, Any] = _EVENT.check(value, place)
        if event["kind"] == "set":
            Text((*CHANGEABLE, *OPTIMIZER_SETTINGS)).check(event.get("name"), "name")
            Checked(lambda found: check(str(event["name"]), found)).check(event.get("value"), "value")
        if event["kind"] == EXTEND:
            for name, pair in MapOf(ListOf(Json(), least=2, most=2)).check(event.get("value"), "value").items():
                Text((*OF_TRAINING, *CHANGEABLE, *OPTIMIZER_SETTINGS, PLATEAU_NAME)).check(name, "value")
                for found in pair:
                    _value_of_joint(name).check(found, f"value.{name}")
        return event


def read_events(path: Path) -> tuple[list[Event], ModelFileError | None]:
    """The events up to the first that does not fit, and what is wrong with that."""
    lines, error = stored.read_lines(path, _EventSchema())
    return [Event.from_dict(line) for line in lines], error


def of_parts(events: list[Event], n_parts: int) -> list[Event]:
    """The events of the first parts of a run; a process that was killed may have left one that begins another."""
    begun = [i for i, event in enumerate(events) if event.kind == EXTEND]
    return events[: begun[n_parts - 1]] if len(begun) >= n_parts else events


def refuse_strange_events(path: Path, events: list[Event], settings: Settings) -> ModelFileError | None:
    """What is wrong with the first event that the update rule of the run does not know, or that turns momentum on."""
    hyper = settings.optimizer.hyper
    for i, event in enumerate(events):
        known = event.kind != "set" or event.name in (*CHANGEABLE, *hyper)
        turned = event.name == "momentum" and known and (event.value > 0) != (hyper["momentum"] > 0)
        if not known or turned:
            expected = f"one of {', '.join((*CHANGEABLE, *hyper))}" if not known else "no change from or to 0"
            return ModelFileError(
                f"{path}: line {i + 1} sets {event.name} of {settings.optimizer.name} to {event.value}; expected "
                f"{expected}; {stored.RESTORE}."
            )
    return _refuse_strange_joints(path, events, settings)


def _refuse_strange_joints(path: Path, events: list[Event], settings: Settings) -> ModelFileError | None:
    """What is wrong with an event of a run going on whose values do not lead from one part's settings to the next's."""
    after = settings
    for event in reversed(joints_of(events)):
        try:
            before = with_values(after, {name: value for name, (value, _) in event.value.items()})
            if with_values(before, {name: value for name, (_, value) in event.value.items()}) == after:
                after = before
                continue
        except SettingsError:
            pass
        return ModelFileError(
            f"{path}: the run goes on at step {event.step} with {', '.join(event.value)} changed to values that are "
            f"not those of {RUN}; {stored.RESTORE}."
        )
    return None
