"""Two runs side by side: the first step at which they part, and what differs there."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.run.record import RunRecord
from chainrule.training.events import Event, brief
from chainrule.training.parts import part_at, parts_of


def compared(one: RunRecord, other: RunRecord) -> dict[str, Any]:
    """Where two runs part, and why.

    step: the first step whose loss has other bits, None where none has as far as both go; n_common: steps that both
    have; differences: what differs at or before that step, as (what, of one, of other), empty where nothing is known.
    """
    n = min(one.n_steps, other.n_steps)
    differ = np.flatnonzero(one.losses[:n].view(np.uint64) != other.losses[:n].view(np.uint64))
    step = int(differ[0]) if len(differ) else None
    at = n if step is None else step
    found = [pair for pair in _fixed(one, other) if pair[1] != pair[2]] if step == 0 or step is None else []
    if n:
        before = max(min(at, n) - 1, 0)
        found += _settings(one, other, min(at, n - 1), before)
    found += _events(one, other, at)
    losses = None if step is None else [float(one.losses[step]), float(other.losses[step])]
    return {"step": step, "n_common": n, "losses": losses, "differences": [list(pair) for pair in found]}


def _fixed(one: RunRecord, other: RunRecord) -> list[tuple[str, Any, Any]]:
    """What holds for a whole run: network, rows, initial weights, engine."""
    pairs: list[tuple[str, Any, Any]] = [("network", str(one.architecture), str(other.architecture))]
    pairs += [("seed of the weights", one.seed, other.seed), ("rows", _rows(one), _rows(other))]
    pairs += [("engine", one.engine.get("engine"), other.engine.get("engine"))]
    return pairs


def _rows(record: RunRecord) -> str | None:
    found = record.fingerprint or record.checksum
    return None if found is None else found[:16]


def _settings(one: RunRecord, other: RunRecord, at: int, before: int) -> list[tuple[str, Any, Any]]:
    """Settings that differ at the step where the runs part, or right before it."""
    found: dict[str, tuple[str, Any, Any]] = {}
    for step in (before, at):
        a, b = (_plain(part_at(parts_of(r.settings, r.events, r.steps_per_epoch), step).settings) for r in (one, other))
        for name in a.keys() | b.keys():
            if a.get(name) != b.get(name) and name != "epochs":
                found[name] = (name, a.get(name), b.get(name))
    return [found[name] for name in sorted(found)]


def _plain(settings: Any) -> dict[str, Any]:
    values: dict[str, Any] = settings.to_dict()
    optimizer = dict(values.pop("optimizer"))
    return values | {"optimizer": optimizer.pop("name")} | optimizer


def _events(one: RunRecord, other: RunRecord, at: int) -> list[tuple[str, Any, Any]]:
    """Events up to the step that only one of them has."""
    a, b = ([_said(event) for event in record.events if event.step <= at] for record in (one, other))
    mine, theirs = [said for said in a if said not in b], [said for said in b if said not in a]
    pairs = [("event", said, None) for said in mine] + [("event", None, said) for said in theirs]
    return pairs[:20]


def _said(event: Event) -> str:
    return f"{event.step}: {brief(event)}"
