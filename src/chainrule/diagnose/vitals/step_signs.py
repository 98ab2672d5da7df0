"""The vital signs of one step, from its record: how far it overshot, how large its updates were, how noisy it was."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_letters
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.vitals.signs import LayerSigns, norm, of_passes, ratio, wide
from chainrule.engine.protocol import Engine, Task
from chainrule.network.records import StepRecord
from chainrule.visible import short_repr

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class StepSigns:
    """The signs of one step.

    Attributes
    ----------
    step, epoch : int
        Which step, both from 0.
    learning_rate : float
        η of the step.
    loss, loss_after : float
        J of its batch before and after its own update.
    overshoot : float
        α: −1 where the slope along the step is as before, 0 where the step ends at the lowest point, 1 where it ends
        as high on the other side.
    ratios : tuple of float
        ‖ΔW‖/‖W‖ of every layer, 1 … L.
    noise : float or None
        tr Σ / ‖G‖², the gradient noise scale.
    layers : tuple of LayerSigns
        The signs of every layer on the batch of the step.
    sharpness : float or None
        λ, the largest eigenvalue of the Hessian, where it was asked for.
    """

    step: int
    epoch: int
    learning_rate: float
    loss: float
    loss_after: float
    overshoot: float
    ratios: tuple[float, ...]
    noise: float | None
    layers: tuple[LayerSigns, ...]
    sharpness: float | None = None
    __repr__ = short_repr

    @property
    def eta_lambda(self) -> float | None:
        """η·λ: plain gradient descent on the whole loss is stable below 2."""
        return None if self.sharpness is None else self.learning_rate * self.sharpness

    def to_dict(self) -> dict[str, Any]:
        """Return the signs as plain JSON values.

        Returns
        -------
        dict
            A number that is not finite becomes None.
        """
        result = {name: value for name, value in vars(self).items() if name not in ("layers", "ratios")}
        layers = [{**vars(layer), "update_ratio": r} for layer, r in zip(self.layers, self.ratios, strict=True)]
        result |= {"eta_lambda": self.eta_lambda, "layers": layers}
        cleaned: dict[str, Any] = _finite(result)
        return cleaned


def of_record(record: StepRecord, engine: Engine, task: Task, sharpness: float | None = None) -> StepSigns:
    """The signs of a step from its record; one more backward pass, over the same rows after the update."""
    rows, update = record.rows, record.update
    weight = None if task.weight is None else task.weight[rows]
    with np.errstate(all="ignore"):
        after = engine.backward(update.new.parameters, task.X[rows], task.targets[rows], weight)
        before = record.backward
        if record.forward.masks is not None:  # without dropout both times, or the two gradients are of two losses
            before = engine.backward(update.old.parameters, task.X[rows], task.targets[rows], weight)
        change = update.change
        slope, slope_after = (sum(_dots(g, change)) for g in (before, after))
        ratios = tuple(ratio(norm(change.W[l]), norm(update.old.W[l])) for l in range(1, len(change.W)))
        layers = tuple(of_passes(record.forward, record.backward, update.old.parameters))
        result = StepSigns(
            step=record.step,
            epoch=record.epoch,
            learning_rate=float(update.learning_rate),
            loss=float(before.loss),
            loss_after=float(after.loss),
            overshoot=float(-np.divide(slope_after, slope)) if slope else float("nan"),
            ratios=ratios,
            noise=noise_scale(record),
            layers=layers,
            sharpness=sharpness,
        )
    return result


def _dots(g: Any, change: Any) -> list[float]:
    """Parts of g·Δ over every tensor."""
    parts = []
    for name, array in change.named():
        kind, l = name.rstrip("0123456789"), int(name.lstrip(ascii_letters + "_"))
        parts.append(float((wide(getattr(g, f"d{kind}")[l]) * wide(array)).sum()))
    return parts


def noise_scale(record: StepRecord) -> float | None:
    """tr Σ / ‖G‖² from the batch: about the batch size at which noise and gradient are equally long.

        ‖g_i‖² = Σ_l ‖n·delta[l]_i‖²·(‖a[l-1]_i‖² + 1);  tr Σ = (Σ‖g_i‖² − n·‖g‖²) / (n − 1);
        ‖G‖² = ‖g‖² − tr Σ / n, not below 0

    Returns None for a batch of one row, or layers of a kind, whose tensors the formula leaves out.

    Source: McCandlish et al. (2018), section 2.2; norms of single gradients: Goodfellow (2015).
    """
    n = len(record.rows)
    if n < 2 or any(u is not None for u in record.forward.u):
        return None
    each, together = np.zeros(n), 0.0
    for l in range(1, len(record.backward.delta)):
        delta, below = n * wide(record.backward.delta[l]), wide(record.forward.a[l - 1])
        each += (delta**2).sum(axis=1) * ((below**2).sum(axis=1) + 1)
        together += norm(record.backward.dW[l]) ** 2 + norm(record.backward.db[l]) ** 2
    trace = float((each.sum() - n * together) / (n - 1))
    signal = together - trace / n
    return float(trace / signal) if signal > 0 else float("inf")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
