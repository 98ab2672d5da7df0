"""How a layer fares at a step, in a few numbers: activations, silent and saturated units, gradient, update."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord
from chainrule.reference.activations import ACTIVATIONS

MEASURES = ("mean", "spread", "silent", "saturated", "gradient", "ratio")


def of_step(record: StepRecord, architecture: Architecture) -> dict[str, list[float | None]]:
    """Every measure of every layer at one step; None where a measure has no meaning.

    mean, spread: of g(z) over the batch, of g(u) where the layer is normalised; silent: share of units that
    are silent on every row of the batch; saturated: share of entries on the flat ends of an activation that has two;
    gradient: ‖dW‖; ratio: ‖ΔW‖/‖W‖
    """
    result: dict[str, list[float | None]] = {name: [] for name in MEASURES}
    change = record.update.change
    with np.errstate(all="ignore"):
        for l, layer in enumerate(architecture.layers, start=1):
            z = record.forward.pre_activation(l).astype(np.float64)
            entry = ACTIVATIONS[layer.activation]
            a = entry.g(z)
            slope = entry.slope(z) if entry.elementwise else None
            values: dict[str, Any] = {
                "mean": a.mean(),
                "spread": a.std(),
                "silent": None if slope is None else float(entry.is_silent(slope).mean()),
                "saturated": None if slope is None or entry.saturated is None else entry.is_saturated(slope).mean(),
                "gradient": _norm(record.backward.dW[l]),
                "ratio": np.divide(_norm(change.W[l]), _norm(record.update.old.W[l])),
            }
            for name in MEASURES:
                result[name].append(_plain(values[name]))
    return result


def _norm(array: npt.NDArray[Any]) -> float:
    wide = array.astype(np.float64)
    return float(np.sqrt((wide * wide).sum()))  # not BLAS: its threads wait for each other on a busy machine


def _plain(value: Any) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
