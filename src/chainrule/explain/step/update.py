"""The update in numbers: the gradient after penalty and clipping, and the optimizer's rule worked for one weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.engine.protocol import StepSettings
from chainrule.explain.notation import Notation
from chainrule.network.architecture import Architecture
from chainrule.network.members import of_other_members
from chainrule.network.parameters import tensor_names
from chainrule.network.records import StepRecord, Update
from chainrule.reference.optimizer import OneNumber
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.penalties import PENALTIES
from chainrule.text.tables import aligned, factor, number, wrapped

Pair = tuple[int, int]
OTHER_MEMBERS = "Σ_m≠k"
"""What the other members of networks side by side add to the gradient of what all of them share."""


def update_lines(
    record: StepRecord,
    architecture: Architecture,
    text: Mapping[str, str],
    notation: Notation,
    optimizer: Mapping[str, Any] | None,
    settings: StepSettings,
    entries: Sequence[Pair],
) -> list[str]:
    """Lines of the update: rule, clipping, old → new of one weight and bias a layer, one weight worked out.

    Arguments: entries: for every layer the weight (k, j) to show; position 0 is not used.
    """
    name = str((optimizer or {}).get("name") or "")
    lines = []
    if not np.isfinite(record.backward.loss):
        lines += wrapped(text["not_applied"], 2)
    if name in OPTIMIZERS:
        eta = record.update.learning_rate
        lines.append(f"  {rule_of(optimizer or {}, settings)},   η = {number(eta)}")
        for tensor, factor_of in settings.learning_rate_factors.items():
            lines.append(f"  η({tensor}) = {factor_of:g}·η = {number(factor_of * eta)}")
    scale, result = _clipping(record, settings, text)
    lines += result + _old_and_new(record.update, len(architecture.layers), notation, entries, text)
    l, (k, j) = len(architecture.layers), entries[-1]
    lines += wrapped(text["worked"].format(name=notation.w(l, k, j)), 2)
    for line in rule_in_numbers(record, settings, optimizer or {}, "W", l, (k, j), notation, scale):
        lines += wrapped(line, 4, hang=4)
    return lines


def rule_in_numbers(
    record: StepRecord, settings: StepSettings, optimizer: Mapping[str, Any], part: str, l: int, at: tuple[int, ...],
    notation: Notation, scale: float | None = None,
) -> list[str]:  # fmt: skip
    """The gradient of one number after penalty and clipping, and the optimizer's rule with its numbers put in.

    Arguments: part: "W", "b" or a tensor of the layer's kind; at: its place; scale: the factor of clipping, found
    here where it is not given.
    """
    name = str(optimizer.get("name") or "")
    if scale is None:
        scale = clipped_by(record, settings)[1]
    lines = _gradient(record, settings, scale, part, l, at, notation)
    if name in OPTIMIZERS and np.isfinite(record.backward.loss):
        label = notation.w(l, *at) if part == "W" else notation.entry(part, l, *at)
        numbers, worked = numbers_of(record, settings, optimizer, part, l, at), OPTIMIZERS[name].worked
        if worked is None:
            lines.append(f"{label}: {number(numbers.theta)} → {number(numbers.theta_new)}")
        else:
            lines += worked(numbers, label)
    return lines


def hyper_at(name: str, optimizer: Mapping[str, Any], settings: StepSettings) -> dict[str, Any]:
    """The optimizer's hyper-parameters that hold at the step: its own, unless an event changed them."""
    known = OPTIMIZERS[name].hyper if name in OPTIMIZERS else {}
    return {**known, **{key: value for key, value in optimizer.items() if key in known}, **settings.optimizer}


def rule_of(optimizer: Mapping[str, Any], settings: StepSettings) -> str:
    """The formula of the optimizer at the step; nothing where it is not known."""
    name = str(optimizer.get("name") or "")
    if name not in OPTIMIZERS:
        return ""
    entry = OPTIMIZERS[name]
    return entry.formula if entry.formula_for is None else entry.formula_for(hyper_at(name, optimizer, settings))


def clipped_by(record: StepRecord, settings: StepSettings) -> tuple[float, float]:
    """The norm of the whole gradient, and the resulting factor of global-norm clipping."""
    record = record.whole or record
    b, inputs = record.backward, record.update.old.parameters.architecture.inputs
    learned = () if inputs is None else inputs.tensors
    squares = sum((float((b.of_tensor(name)[0].astype(np.float64) ** 2).sum()) for name in learned), 0.0)
    for l in range(1, len(b.dW)):
        dW, W = b.dW[l].astype(np.float64), record.update.old.W[l].astype(np.float64)
        for penalty, strength in settings.penalties.items():
            dW = dW + strength * PENALTIES[penalty].slope(W)
        squares += float((dW**2).sum())
        for name in tensor_names(record.update.old.parameters.architecture)[1:]:
            array = b.of_tensor(name)[l]
            squares += 0.0 if array is None else float((array.astype(np.float64) ** 2).sum())
    norm, limit = float(np.sqrt(squares)), settings.clip_norm
    if limit is not None and not np.isfinite(norm):
        return norm, np.nan  # nothing can be shortened by it
    return norm, limit / norm if limit is not None and norm > limit else 1.0


def _clipping(record: StepRecord, settings: StepSettings, text: Mapping[str, str]) -> tuple[float, list[str]]:
    """The factor of clipping and what there is to say about it."""
    if settings.clip_norm is None:
        return 1.0, []
    norm, scale = clipped_by(record, settings)
    result = text["clipped" if scale != 1 else "not_clipped"]
    shown = result.format(norm=number(norm), limit=number(settings.clip_norm), factor=number(scale))
    return scale, wrapped(shown, 2)


def _old_and_new(u: Update, L: int, notation: Notation, entries: Sequence[Pair], text: Mapping[str, str]) -> list[str]:
    rows = [("", *(text[name] for name in ("was", "gradient", "change", "becomes")))]
    change = u.change
    for l in range(0 if change.architecture.inputs is not None else 1, L + 1):
        k, j = entries[l]
        if l == 0:
            rows += _of_inputs(u, notation)
            continue
        for part in change.architecture.layers[l - 1].tensors:
            at = (k, j) if part == "W" else (min(j, len(getattr(change, part)[l]) - 1),)
            result = (getattr(m, part)[l][at] for m in (u.old, u.gradient, change, u.new))
            rows.append((notation.w(l, k, j) if part == "W" else notation.entry(part, l, at[-1]), *map(number, result)))
    return aligned(rows)


def _of_inputs(u: Update, notation: Notation) -> list[tuple[str, ...]]:
    """A row for every tensor of the input layer: the number whose gradient is largest."""
    rows = []
    inputs, change = u.gradient.architecture.inputs, u.change
    for part in inputs.tensors if inputs is not None else ():
        gradient = getattr(u.gradient, part)[0]
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(gradient))), gradient.shape))
        numbers = (getattr(m, part)[0][at] for m in (u.old, u.gradient, change, u.new))
        rows.append((notation.entry(part, 0, *at), *map(number, numbers)))
    return rows


def _gradient(
    record: StepRecord, settings: StepSettings, scale: float, part: str, l: int, at: tuple[int, ...],
    notation: Notation,
) -> list[str]:  # fmt: skip
    """g of one number from its gradient, penalty (weights alone) and clipping."""
    name = notation.dw(l, *at) if part == "W" else notation.entry(f"d{part}", l, *at)
    name = notation.db(l, *at) if part == "b" else name
    g = number(getattr(record.update.gradient, part)[l][at])
    penalties = {name: s for name, s in settings.penalties.items() if s and part == "W"}
    others = of_other_members(record, part, l, at)
    if not penalties and scale == 1 and not others:
        return [f"g = {name} = {g}"]
    W = float(getattr(record.update.old, part)[l][at])
    symbols, numbers = [name], [number(getattr(record.backward, f"d{part}")[l][at])]
    if others:
        symbols.append(OTHER_MEMBERS)
        numbers.append(factor(others))
    for penalty, strength in penalties.items():
        symbols.append(PENALTIES[penalty].symbols)
        numbers.append(f"{number(strength)}·{factor(float(PENALTIES[penalty].slope(np.asarray(W))))}")
    left, right = " + ".join(symbols), " + ".join(numbers)
    if scale != 1:
        left = f"({left})·c" if len(symbols) > 1 else f"{left}·c"
        right = f"({right})·{number(scale)}" if len(numbers) > 1 else f"{right}·{number(scale)}"
    return [f"g = {left} = {right} = {g}"]


def numbers_of(
    record: StepRecord, settings: StepSettings, optimizer: Mapping[str, Any], part: str, l: int, at: tuple[int, ...]
) -> OneNumber:
    """The update of one parameter with its numbers, as the entry of its rule takes them."""

    def entry(parameters: Any) -> float:
        return float(getattr(parameters, part)[l][at])

    u = record.update
    old, new = ({key: entry(p) for key, p in moment.optimizer.items()} for moment in (u.old, u.new))
    return OneNumber(
        theta=entry(u.old), theta_new=entry(u.new), g=entry(u.gradient), t=record.step + 1,
        eta=u.learning_rate * settings.rate_factor(part, l),
        hyper=hyper_at(str(optimizer.get("name") or ""), optimizer, settings), old=old, new=new,
    )  # fmt: skip
