"""The update in numbers: the gradient after penalty and clipping, and the optimizer's rule worked for one weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.elementary import power
from chainrule.engine.protocol import StepSettings
from chainrule.explain.notation import Notation
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord, Update
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.text.tables import aligned, factor, number, wrapped

Pair = tuple[int, int]


def tell_update(
    record: StepRecord,
    architecture: Architecture,
    text: Mapping[str, str],
    notation: Notation,
    optimizer: Mapping[str, Any] | None,
    settings: StepSettings,
    entries: Sequence[Pair],
) -> list[str]:
    """Lines of the update: rule, clipping, old → new of one weight and bias a layer, one weight worked out.

    Args      entries: for every layer the weight (k, j) to show; position 0 is not used
    """
    name = str((optimizer or {}).get("name") or "")
    hyper = hyper_at(name, optimizer or {}, settings)
    lines = []
    if not np.isfinite(record.backward.loss):
        lines += wrapped(text["not_applied"], 2)
    if name in OPTIMIZERS:
        lines.append(f"  {_rule(name, hyper)},   η = {number(record.update.learning_rate)}")
    scale, told = _clipping(record, settings, text)
    lines += told + _old_and_new(record.update, len(architecture.layers), notation, entries, text)
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

    Args      part: "W", "b", "gain" or "shift"; at: its place; scale: the factor of clipping, found here
              where it is not given
    """
    name = str(optimizer.get("name") or "")
    if scale is None:
        scale = clipped_by(record, settings)[1]
    lines = _gradient(record, settings, scale, part, l, at, notation)
    if name in OPTIMIZERS and np.isfinite(record.backward.loss):
        label = notation.w(l, *at) if part == "W" else notation.entry(part, l, *at)
        lines += _worked(name, hyper_at(name, optimizer, settings), record, part, l, at, label)
    return lines


def hyper_at(name: str, optimizer: Mapping[str, Any], settings: StepSettings) -> dict[str, Any]:
    """The optimizer's hyper-parameters that hold at the step: its own, unless an event changed them."""
    known = OPTIMIZERS[name].hyper if name in OPTIMIZERS else {}
    return {**known, **{key: value for key, value in optimizer.items() if key in known}, **settings.optimizer}


def _rule(name: str, hyper: Mapping[str, Any]) -> str:
    if name == "sgd" and hyper.get("momentum"):
        return "v ← μ·v + g,   θ ← θ − η·" + ("(g + μ·v)" if hyper.get("nesterov") else "v")
    if name == "sgd_sutskever" and not hyper["nesterov"]:
        return "v ← μ·v − η·g,   θ ← θ + v"
    return OPTIMIZERS[name].formula


def clipped_by(record: StepRecord, settings: StepSettings) -> tuple[float, float]:
    """The length of the whole gradient, and the factor that global-norm clipping makes of it."""
    squares, b = 0.0, record.backward
    for l in range(1, len(b.dW)):
        dW, W = b.dW[l].astype(np.float64), record.update.old.W[l].astype(np.float64)
        squares += float(((dW + settings.l2 * W + settings.l1 * np.sign(W)) ** 2).sum())
        for array in (b.db[l], b.dgain[l], b.dshift[l]):
            squares += 0.0 if array is None else float((array.astype(np.float64) ** 2).sum())
    norm, limit = float(np.sqrt(squares)), settings.clip_norm
    return norm, limit / norm if limit is not None and norm > limit else 1.0


def _clipping(record: StepRecord, settings: StepSettings, text: Mapping[str, str]) -> tuple[float, list[str]]:
    """The factor of clipping and what there is to say about it."""
    if settings.clip_norm is None:
        return 1.0, []
    norm, scale = clipped_by(record, settings)
    told = text["clipped" if scale < 1 else "not_clipped"]
    shown = told.format(norm=number(norm), limit=number(settings.clip_norm), factor=number(scale))
    return scale, wrapped(shown, 2)


def _old_and_new(u: Update, L: int, notation: Notation, entries: Sequence[Pair], text: Mapping[str, str]) -> list[str]:
    rows = [("", *(text[name] for name in ("was", "gradient", "change", "becomes")))]
    change = u.change
    for l in range(1, L + 1):
        k, j = entries[l]
        for part in ("W", "b", "gain", "shift"):
            if getattr(change, part)[l] is not None:
                at = (k, j) if part == "W" else (j,)
                told = (getattr(m, part)[l][at] for m in (u.old, u.gradient, change, u.new))
                rows.append((notation.w(l, k, j) if part == "W" else notation.entry(part, l, j), *map(number, told)))
    return aligned(rows)


def _gradient(
    record: StepRecord, settings: StepSettings, scale: float, part: str, l: int, at: tuple[int, ...],
    notation: Notation,
) -> list[str]:  # fmt: skip
    """g of one number from its gradient, penalty (weights alone) and clipping."""
    name = notation.dw(l, *at) if part == "W" else notation.entry(f"d{part}", l, *at)
    name = notation.db(l, *at) if part == "b" else name
    g = number(getattr(record.update.gradient, part)[l][at])
    penalised = part == "W" and bool(settings.l2 or settings.l1)
    if not penalised and scale == 1:
        return [f"g = {name} = {g}"]
    W = float(getattr(record.update.old, part)[l][at])
    symbols, numbers = [name], [number(getattr(record.backward, f"d{part}")[l][at])]
    if penalised and settings.l2:
        symbols.append("l2·W")
        numbers.append(f"{number(settings.l2)}·{factor(W)}")
    if penalised and settings.l1:
        symbols.append("l1·sign(W)")
        numbers.append(f"{number(settings.l1)}·{factor(np.sign(W))}")
    left, right = " + ".join(symbols), " + ".join(numbers)
    if scale < 1:
        left = f"({left})·c" if len(symbols) > 1 else f"{left}·c"
        right = f"({right})·{number(scale)}" if len(numbers) > 1 else f"{right}·{number(scale)}"
    return [f"g = {left} = {right} = {g}"]


def _worked(
    name: str, hyper: Mapping[str, Any], record: StepRecord, part: str, l: int, at: tuple[int, ...], weight: str
) -> list[str]:
    """The rule of the optimizer with the numbers of one parameter."""

    def told(parameters: Any) -> float:
        return float(getattr(parameters, part)[l][at])

    u = record.update
    old, new = ({key: told(p) for key, p in moment.optimizer.items()} for moment in (u.old, u.new))
    theta, g, eta = told(u.old), told(u.gradient), u.learning_rate
    result = number(told(u.new))
    start = f"{weight} ← {number(theta)} − {number(eta)}·"
    if name == "sgd":
        return _sgd(hyper, old, new, g, start, result)
    if name == "sgd_sutskever":
        return _sutskever(hyper, old, new, g, eta, f"{weight} ← {number(theta)} + ", result)
    if name == "adam_epsilon_hat":
        return _adam_epsilon_hat(hyper, old, new, g, record.step + 1, eta, f"{weight} ← {number(theta)} − ", result)
    if name in ("adam", "adamw"):
        return _adam(hyper, old, new, g, record.step + 1, start, result, theta if name == "adamw" else None)
    v, epsilon = new["v"], f"{hyper['epsilon']:g}"
    if name == "adagrad":
        first = f"v ← v + g² = {number(old['v'])} + {factor(g)}² = {number(v)}"
    else:
        rho = hyper["rho"]
        first = f"v ← ρ·v + (1 − ρ)·g² = {rho:g}·{number(old['v'])} + {1 - rho:.4g}·{factor(g)}² = {number(v)}"
    return [first, f"{start}{factor(g)}/(√{number(v)} + {epsilon}) = {result}"]


def _sgd(
    hyper: Mapping[str, Any], old: Mapping[str, float], new: Mapping[str, float], g: float, start: str, result: str
) -> list[str]:
    momentum = hyper.get("momentum") or 0.0
    if not momentum:
        return [f"{start}{factor(g)} = {result}"]
    v = new["v"]
    first = f"v ← μ·v + g = {momentum:g}·{factor(old['v'])} + {factor(g)} = {number(v)}"
    step = f"({number(g)} + {momentum:g}·{factor(v)})" if hyper.get("nesterov") else factor(v)
    return [first, f"{start}{step} = {result}"]


def _sutskever(
    hyper: Mapping[str, Any], old: Mapping[str, float], new: Mapping[str, float], g: float, eta: float, start: str,
    result: str,
) -> list[str]:  # fmt: skip
    momentum, v = hyper["momentum"], new["v"]
    first = f"v ← μ·v − η·g = {momentum:g}·{factor(old['v'])} − {number(eta)}·{factor(g)} = {number(v)}"
    if not hyper["nesterov"]:
        return [first, f"{start}{factor(v)} = {result}"]
    return [first, f"{start}{momentum:g}·{factor(v)} − {number(eta)}·{factor(g)} = {result}"]


def _moments(hyper: Mapping[str, Any], old: Mapping[str, float], new: Mapping[str, float], g: float) -> list[str]:
    b1, b2, m, v = hyper["beta1"], hyper["beta2"], new["m"], new["v"]
    return [
        f"m ← β₁·m + (1 − β₁)·g = {b1:g}·{factor(old['m'])} + {1 - b1:.4g}·{factor(g)} = {number(m)}",
        f"v ← β₂·v + (1 − β₂)·g² = {b2:g}·{number(old['v'])} + {1 - b2:.4g}·{factor(g)}² = {number(v)}",
    ]


def _adam_epsilon_hat(
    hyper: Mapping[str, Any], old: Mapping[str, float], new: Mapping[str, float], g: float, t: int, eta: float,
    start: str, result: str,
) -> list[str]:  # fmt: skip
    b1, b2 = hyper["beta1"], hyper["beta2"]
    size = eta * float(np.sqrt(1 - power(b2, t))) / (1 - power(b1, t))
    told = f"{number(eta)}·√(1 − {b2:g}^{t})/(1 − {b1:g}^{t})"
    return [
        *_moments(hyper, old, new, g),
        f"α ← η·√(1 − β₂^t)/(1 − β₁^t) = {told} = {number(size)}",
        f"{start}{number(size)}·{factor(new['m'])}/(√{number(new['v'])} + {hyper['epsilon']:g}) = {result}",
    ]


def _adam(
    hyper: Mapping[str, Any], old: Mapping[str, float], new: Mapping[str, float], g: float, t: int, start: str,
    result: str, decayed: float | None,
) -> list[str]:  # fmt: skip
    b1, b2, m, v = hyper["beta1"], hyper["beta2"], new["m"], new["v"]
    m_hat, v_hat = m / (1 - power(b1, t)), v / (1 - power(b2, t))
    decay = "" if decayed is None else f"{number(hyper['weight_decay'])}·{factor(decayed)} + "
    step = f"{factor(m_hat)}/(√{number(v_hat)} + {hyper['epsilon']:g})"
    return [
        *_moments(hyper, old, new, g),
        f"m̂ = m/(1 − β₁^t) = {number(m)}/(1 − {b1:g}^{t}) = {number(m_hat)}",
        f"v̂ = v/(1 − β₂^t) = {number(v)}/(1 − {b2:g}^{t}) = {number(v_hat)}",
        f"{start}{step if decayed is None else f'({decay}{step})'} = {result}",
    ]
