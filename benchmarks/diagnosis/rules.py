"""Rules of fixed thresholds, written from the published definitions of four systems, on numbers of replayed steps.

    SageMaker Debugger   built-in rules and their defaults: amazon-sagemaker-developer-guide, debugger-built-in-rules.md
    AutoTrainer          Zhang et al. (ICSE 2021): gradients, dying units, oscillation, slow convergence
    TheDeepChecker       Ben Braiek, Khomh (TOSEM 2023): the rules that need no further training
    nnscope 0.1          its hints, by its README and thresholds

They are interpreted generously. An alarm counts for every cause that its text may refer to; a verdict is right if
one of the alarms of the earliest step that has any means a right cause; data in 0 … 1 or −1 … 1 count as normalised
everywhere; a loss that must fall within ten steps has ten epochs. What watches a further training (overfitting a tiny
batch, a run without inputs) is not among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from diagnosis.observations import Layer, Moment, Observed


@dataclass(frozen=True)
class Alarm:
    """A rule that fired first at a step, and the causes that its text could mean."""

    step: int
    rule: str
    means: frozenset[str]


Found = Iterator[tuple[int, str, str]]
"""(step, rule, the causes it could mean, separated by blanks)."""

NOT_FINITE = "non-finite non-finite-data exploding-gradient learning-rate-too-large input-scale"
TOO_LARGE = "learning-rate-too-large exploding-gradient"
EXPLODES = "exploding-gradient learning-rate-too-large weights-too-large input-scale"
VANISHES = "vanishing-gradient weights-too-small saturated-units symmetric-weights"
TOO_SMALL = "learning-rate-too-small too-few-steps wrong-optimizer-settings"
STALLS = "stalled learning-rate-too-small too-few-steps wrong-optimizer-settings too-strong-regularization"
WAVERS = "learning-rate-too-large wrong-optimizer-settings"
INITIAL = "weights-too-large weights-too-small symmetric-weights"


def _hidden(moment: Moment) -> list[Layer]:
    return [layer for layer in moment.layers if layer.hidden]


def _share_silent(layer: Layer, active: float) -> float:
    """Share of the units of a layer that are active on less than this share of the rows."""
    return float(np.mean(np.mean(layer.a > 0, axis=0) <= active))


# SageMaker Debugger -------------------------------------------------------------------------------------


def sagemaker(seen: Observed) -> Found:
    """Its built-in rules for tensors, activations, data and the ends of epochs."""
    counts, X = seen.counts, seen.plan.data.X
    if len(counts) and counts.max() / counts.min() > 10:
        yield 0, "ClassImbalance", "class-imbalance"
    if np.abs(X.mean()) > 0.2 and not _in_unit_range(X):
        yield 0, "NotNormalizedImages", "input-scale"
    for moment in seen.moments:
        yield from _sagemaker_tensors(moment)
    yield from _sagemaker_unchanged(seen)
    yield from _sagemaker_epochs(seen)


def _sagemaker_tensors(moment: Moment) -> Found:
    step = moment.step
    if not moment.finite:
        yield step, "ExplodingTensor", NOT_FINITE
        return
    variances = [float(np.var(layer.weight)) for layer in moment.layers]
    if step < 10 and max(variances) > 10 * min(variances):
        yield step, "PoorWeightInitialization", INITIAL
    for layer in moment.layers:
        low, high = np.percentile(layer.gradient, [5, 95])
        if step < 10 and high - low < 1e-3:
            yield step, "PoorWeightInitialization", f"{INITIAL} {VANISHES}"
        if layer.mean_gradient < 1e-7:
            yield step, "VanishingGradient", VANISHES
        if layer.ratio > 10:
            yield step, "WeightUpdateRatio", TOO_LARGE
        if layer.ratio < 1e-8:
            yield step, "WeightUpdateRatio", TOO_SMALL
        if not layer.gradient.any() or not layer.weight.any():
            yield step, "AllZero", "dead-units symmetric-weights"
        if layer.rectified and _share_silent(layer, 0.01) > 0.5:
            yield step, "DeadRelu", "dead-units"
        low, high = (-9.4999, 9.4999) if layer.activation == "tanh" else (-23, 16.99999)
        if layer.bounded and np.mean(np.mean((layer.z < low) | (layer.z > high), axis=0) > 0.99) > 0.5:
            yield step, "SaturatedActivation", "saturated-units"


def _sagemaker_unchanged(seen: Observed) -> Found:
    later = seen.moments
    for before, _, after in zip(later, later[1:], later[2:], strict=False):
        same = [np.allclose(a.weight, b.weight, 1e-5, 1e-8) for a, b in zip(before.layers, after.layers, strict=True)]
        if any(same):
            yield after.step, "UnchangedTensor", f"{STALLS} dead-units symmetric-weights"


def _sagemaker_epochs(seen: Observed) -> Found:
    train, valid = (seen.history.get(name, []) for name in ("loss", "validation_loss"))
    for epoch, (t, v) in enumerate(zip(train, valid, strict=True)):
        # Over ten steps, says the rule: here over ten epochs, for the loss of single batches rises and falls by itself.
        if epoch >= 10 and not t < train[epoch - 10] * (1 - 0.001):
            yield seen.end_of(epoch), "LossNotDecreasing", f"{STALLS} learning-rate-too-large"
        if t > 0 and (v - t) / t > 0.1:
            yield seen.end_of(epoch), "Overfit", "overfitting"
        if epoch >= 10 and min(valid[epoch - 9 : epoch + 1]) > min(valid[: epoch - 9]) - 0.01:
            yield seen.end_of(epoch), "Overtraining", "overfitting"


# AutoTrainer --------------------------------------------------------------------------------------------


def autotrainer(seen: Observed) -> Found:
    """Vanishing, exploding, dying rectifiers, oscillation, slow convergence."""
    for moment in seen.moments:
        if not moment.finite or moment.loss >= 1e3:
            yield moment.step, "explode", NOT_FINITE + " weights-too-large"
            continue
        first, last = moment.layers[0].norm_gradient, moment.layers[-1].norm_gradient
        if first < 1e-3 * last and first < 1e-4:
            yield moment.step, "vanish", VANISHES
        if last > 0 and first > 70 * last:
            yield moment.step, "explode", EXPLODES
        zero = [float(np.mean(layer.gradient == 0)) for layer in moment.layers]
        if any(layer.rectified for layer in moment.layers) and max(zero) >= 0.7:
            yield moment.step, "dying ReLU", "dead-units"
    yield from _autotrainer_accuracy(seen)


def _autotrainer_accuracy(seen: Observed) -> Found:
    accuracy = seen.history.get("accuracy", [])
    n, turns = len(accuracy), 0
    for i in range(1, n - 1):
        swing = max(abs(accuracy[i] - accuracy[i - 1]), abs(accuracy[i] - accuracy[i + 1]))
        turns += (accuracy[i] - accuracy[i - 1]) * (accuracy[i + 1] - accuracy[i]) < 0 and swing >= 0.03
        if turns >= 0.2 * n:
            yield seen.end_of(i + 1), "oscillation", WAVERS
    begin = int(0.3 * n)
    if n > 3 and max(accuracy[: begin + 1]) < 0.6:
        yield seen.end_of(begin), "not converging", f"{STALLS} symmetric-weights label-noise"
    if n > 3 and max(np.diff(accuracy[: begin + 2])) < 0.01 and max(accuracy) < 0.6:
        yield seen.end_of(begin), "slow convergence", TOO_SMALL


# TheDeepChecker -----------------------------------------------------------------------------------------


def deepchecker(seen: Observed) -> Found:
    """Its checks of data, initial weights, activations, gradients, updates and the loss."""
    yield from _deepchecker_start(seen)
    for moment in seen.moments:
        if not moment.finite:
            yield moment.step, "numerical error", NOT_FINITE
            break
        yield from _deepchecker_layers(moment)
    yield from _deepchecker_growth(seen)
    yield from _deepchecker_loss(seen)


def _in_unit_range(X: np.ndarray) -> bool:
    return bool((X.min() >= 0 and X.max() <= 1) or (X.min() >= -1 and X.max() <= 1))


def _deepchecker_start(seen: Observed) -> Found:
    plan, counts, first = seen.plan, seen.counts, seen.moments[0]
    X, scale = plan.data.X, plan.data.X.std(axis=0)
    live = scale > 0
    standard = bool(np.all(np.abs(X.mean(axis=0)[live]) < 0.1) and np.all(np.abs(scale[live] - 1) < 0.1))
    if not standard and not _in_unit_range(X):
        yield 0, "inputs not normalised", "input-scale"
    if not live.any():
        yield 0, "constant inputs", "constant-inputs"
    if len(counts):
        p = counts / counts.sum()
        if np.exp(-np.sum(p * np.log(p))) / len(counts) < 0.5:
            yield 0, "unbalanced labels", "class-imbalance"
        k = max(2, plan.data.n_classes)
        if plan.loss.endswith("cross_entropy") and abs(first.loss - np.log(k)) >= np.log(k):
            yield 0, "initial loss", f"{INITIAL} wrong-pair input-scale"
    elif (plan.output in ("sigmoid", "relu") and plan.data.y.min() < 0) or (
        plan.output in ("sigmoid", "tanh") and np.abs(plan.data.y).max() > 1
    ):
        yield 0, "output range", "wrong-pair"
    for layer in first.layers:
        yield from _deepchecker_weights(layer)


def _deepchecker_weights(layer: Layer) -> Found:
    n_in, n_out = layer.weight.shape
    variance = float(np.var(layer.weight))
    wanted = {"relu": 2 / n_in, "tanh": 2 / (n_in + n_out)}.get(layer.activation, 1 / n_in)
    if variance == 0:
        yield 0, "symmetric weights", "symmetric-weights"
    elif layer.hidden and max(variance / wanted, wanted / variance) > 2.71:
        yield 0, "variance of weights", INITIAL


def _deepchecker_layers(moment: Moment) -> Found:
    step = moment.step
    for layer in moment.layers:
        if layer.mean_ratio > 0.1:
            yield step, "update ratio high", TOO_LARGE
        if layer.mean_ratio < 1e-4:
            yield step, "update ratio low", TOO_SMALL
        if layer.mean_gradient < 1e-6:
            yield step, "vanishing gradient", VANISHES
        if layer.mean_gradient > 1e6:
            yield step, "exploding gradient", EXPLODES
        if np.mean(np.abs(layer.weight) < 1e-5) >= 0.95:
            yield step, "dead weights", "symmetric-weights weights-too-small too-strong-regularization"
        if layer.rectified and np.mean(np.percentile(np.abs(layer.a), 95, axis=0) < 1e-5) > 0.5:
            yield step, "dead units", "dead-units"
        if layer.bounded and layer.rho > 0.85:
            yield step, "saturated units", "saturated-units"


def _deepchecker_growth(seen: Observed) -> Found:
    gradient = [[layer.mean_gradient for layer in moment.layers] for moment in seen.moments]
    penalty = [moment.regularization for moment in seen.moments]
    for i in range(5, len(seen.moments)):
        step = seen.moments[i].step
        for window in zip(*gradient[i - 5 : i + 1], strict=True):
            ratios = np.array(window[1:]) / np.maximum(window[:-1], 1e-300)
            if (ratios >= 2).all():
                yield step, "gradient doubles", EXPLODES
            if (ratios <= 0.5).all():
                yield step, "gradient halves", VANISHES
        ratios = np.array(penalty[i - 4 : i + 1]) / np.maximum(penalty[i - 5 : i], 1e-300)
        if penalty[i] > 0 and (ratios >= 2).all():
            yield step, "penalty outweighs", "too-strong-regularization"


def _deepchecker_loss(seen: Observed) -> Found:
    loss = np.array(seen.history.get("loss", []))
    for epoch in range(5, len(loss)):
        before, now = loss[epoch - 5 : epoch], loss[epoch]
        if now > before[0] * 0.95:
            yield seen.end_of(epoch), "loss stalls", f"{STALLS} label-noise"
        if (loss[epoch - 4 : epoch + 1] >= 2 * loss[epoch - 5 : epoch]).all():
            yield seen.end_of(epoch), "loss diverges", TOO_LARGE
    step_loss = np.array([moment.loss for moment in seen.moments])
    if len(step_loss) >= 50:
        turns = np.diff(np.sign(np.diff(step_loss[:50]))) != 0
        if 1 - turns.mean() < 0.5 and np.std(step_loss[25:50]) > 0.5 * np.mean(step_loss[25:50]):
            yield seen.moments[49].step, "loss wavers", WAVERS
    accuracy = seen.history.get("accuracy", [])
    for epoch in range(10, len(accuracy)):
        if accuracy[epoch] < 1.1 * accuracy[epoch - 5] and accuracy[epoch] < 0.6:
            yield seen.end_of(epoch), "accuracy stalls", "label-noise wrong-pair stalled"


# nnscope ------------------------------------------------------------------------------------------------


def nnscope(seen: Observed) -> Found:
    """Its seven hints; its rule on NaN is let fire, which in its program it cannot."""
    for moment in seen.moments:
        step = moment.step
        if not moment.finite:
            yield step, "NaN", NOT_FINITE
            break
        first, last = moment.layers[0].mean_gradient, moment.layers[-1].mean_gradient
        if last > 1e3 * first:
            yield step, "vanishing gradients", VANISHES
        if max(layer.mean_gradient for layer in moment.layers) > 100:
            yield step, "exploding gradients", EXPLODES
        for layer in _hidden(moment):
            if layer.rectified and _share_silent(layer, 0.0) >= 0.5:
                yield step, "dead units", "dead-units"
            if layer.bounded and _share_pinned(layer) >= 0.5:
                yield step, "saturated units", "saturated-units"
        ratio = [layer.ratio for layer in moment.layers]
        if max(ratio) > 0.1:
            yield step, "learning rate may be too large", "learning-rate-too-large"
        if max(ratio) < 1e-6:
            yield step, "learning rate may be too small", "learning-rate-too-small"
    train, valid = (seen.history.get(name, []) for name in ("loss", "validation_loss"))
    for epoch in range(1, len(valid)):
        best = int(np.argmin(valid[: epoch + 1]))
        if valid[epoch] >= 1.15 * valid[best] and train[epoch] < 0.9 * train[best]:
            yield seen.end_of(epoch), "overfitting", "overfitting"


def _share_pinned(layer: Layer) -> float:
    """Share of units whose activation lies at the ends of its range for every row."""
    a = layer.a
    pinned = (a < 0.03) | (a > 0.97) if layer.activation == "sigmoid" else np.abs(a) > 0.97
    return float(np.mean(pinned.all(axis=0)))


RULE_SETS: dict[str, Callable[[Observed], Found]] = {
    "SageMaker Debugger": sagemaker,
    "AutoTrainer": autotrainer,
    "TheDeepChecker": deepchecker,
    "nnscope": nnscope,
}


def alarms(name: str, seen: Observed) -> list[Alarm]:
    """Every rule of a set that fires, at its first step, in the order of steps."""
    first: dict[tuple[str, str], int] = {}
    with np.errstate(all="ignore"):
        for step, rule, means in RULE_SETS[name](seen):
            key = (rule, means)
            first[key] = min(first.get(key, step), step)
    return sorted((Alarm(step, rule, frozenset(means.split())) for (rule, means), step in first.items()),
                  key=lambda alarm: alarm.step)  # fmt: skip
