"""The answer put together: origin, twin by differences, paths, and what the update did to the loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import SettingsError
from chainrule.glass.why.changes import of_parameter
from chainrule.glass.why.expression import PARAMETERS, Entry, read
from chainrule.glass.why.origins import ORIGINS
from chainrule.glass.why.paths import from_weight
from chainrule.glass.why.record import Answer, Prediction, Twin
from chainrule.glass.why.scene import Scene
from chainrule.reference.activations import ACTIVATIONS

H = 1e-5
_MOVED = {"dW": "W", "db": "b", "dgain": "gain", "dshift": "shift", "delta": "z", "du": "u", "da": "a"}


def answer(scene: Scene, text: str, shown: int = 5, row: int | None = None) -> Answer:
    """Why the number named `text` is what it is.

    Args      shown: how many paths; row: the row of the batch whose paths are wanted, else the whole batch
              or the row that gives most
    Errors    SettingsError for a name that this step does not have, or a row outside its batch
    """
    entry = read(text, scene.architecture, len(scene.record.rows))
    if row is not None and not 0 <= row < len(scene.record.rows):
        raise SettingsError(f"row {row} is not in the batch; expected 0 to {len(scene.record.rows) - 1}.")
    with np.errstate(all="ignore"):
        value, origin = of_parameter(scene, entry) if entry.kind in PARAMETERS else ORIGINS[entry.kind](scene, entry)
        finite = bool(np.isfinite(scene.record.backward.loss))
        return Answer(
            str(entry), float(value), str(scene.dtype), scene.engine, scene.record.step, origin,
            _twin(scene, entry) if finite and entry.kind in _MOVED else None,
            from_weight(scene, entry, shown, row) if finite and entry.kind == "dW" else None,
            _prediction(scene, entry) if finite and entry.kind in (*PARAMETERS, "loss") else None,
        )  # fmt: skip


def _twin(scene: Scene, e: Entry) -> Twin:
    kind = _MOVED[e.kind]
    h = H * max(1.0, abs(_moved_value(scene, kind, e)))
    above, z_above = scene.wide.moved(kind, e.l, e.at, h)
    below, z_below = scene.wide.moved(kind, e.l, e.at, -h)
    first = scene.L - len(z_above) + 1
    kink = any(
        ACTIVATIONS[scene.activation(l)].kinks and not np.array_equal(p > 0, q > 0)
        for l, (p, q) in enumerate(zip(z_above, z_below, strict=True), start=first)
    )
    doubt = 4 * float(np.finfo(np.float64).eps) * max(abs(above), abs(below)) / h
    return Twin(f"{kind}{e.l}[{','.join(map(str, e.at))}]", (above - below) / (2 * h), h, doubt, kink)


def _moved_value(scene: Scene, kind: str, e: Entry) -> float:
    record = scene.record
    arrays: Any = getattr(record.update.old if kind in PARAMETERS else record.forward, kind)
    return float(arrays[e.l][e.at])


def _prediction(scene: Scene, e: Entry) -> Prediction:
    b, change, L = scene.record.backward, scene.record.update.change, scene.L
    if e.kind != "loss":
        slope, moved = getattr(b, f"d{e.kind}")[e.l][e.at], getattr(change, e.kind)[e.l][e.at]
        after = scene.wide.after(only=(e.kind, e.l, e.at))
        return Prediction(scene.wide.loss, float(slope) * float(moved), after)
    by_layer = {}
    for l in range(1, L + 1):
        for kind in PARAMETERS:
            slopes = getattr(b, f"d{kind}")[l]
            if slopes is None:
                continue
            moved = getattr(change, kind)[l].astype(np.float64)
            by_layer[f"{kind}{l}"] = float((slopes.astype(np.float64) * moved).sum())
    return Prediction(scene.wide.loss, sum(by_layer.values()), scene.wide.after(), by_layer)
