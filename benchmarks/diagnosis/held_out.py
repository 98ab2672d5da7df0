"""Further faults and healthy trainings, on other data and other networks.

They were kept apart from the development of the doctor until their first score was known, and belong to it since then.
The right answers were listed like those of faults.py, before any verdict.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import chainrule as cr
from diagnosis import inject
from diagnosis.faults import Fault, eight_layers, fault, five_layers, rectified
from diagnosis.inject import Change
from diagnosis.plans import Base, Plan

BASES: dict[str, Base] = {
    "leaky relu/california": Base("california_housing", (40, 20), "leaky_relu", cr.Adam(0.005), 20, 1800),
    "elu/phoneme": Base("phoneme", (32,), "elu", cr.SGD(0.1, momentum=0.9, nesterov=True), 40, 1500),
    "silu/concrete": Base("uci_concrete", (64,), "silu", cr.RMSProp(0.004), 70, 600, settings={"schedule": "cosine"}),
    "gelu/digits": Base("digits", (48,), "gelu", cr.AdamW(0.003), 15, 1000, 20),
    "tanh/letter": Base("letter", (80,), "tanh", cr.SGD(0.3), 30, 2400),
    "relu/energy": Base("uci_energy", (64, 32), "relu", cr.Adam(0.006), 120, 460),
    "relu/cancer": Base("breast_cancer", (16, 8), "relu", cr.Adam(0.003), 12, 340, settings={"l2": 1e-3}),
}
USUAL = ("leaky relu/california", "elu/phoneme", "gelu/digits")
OF_CLASSES = ("gelu/digits", "elu/phoneme", "tanh/letter")
OF_VALUES = ("leaky relu/california", "silu/concrete", "relu/energy")


def _fault(name: str, right: str, reason: str, change: Change, *bases: str, **more: Any) -> Fault:
    return fault(name, right, reason, change, *(bases or USUAL), **more)


def one_unit(factor: float) -> Change:
    """A third of the columns in a unit `factor` times smaller."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        unit = np.where(rng.random(plan.data.X.shape[1]) < 1 / 3, factor, 1.0)
        unit[0] = factor
        plan.data = plan.data.mapped(lambda X: X * unit)

    return change


def leaking_column(plan: Plan, rng: np.random.Generator) -> None:
    """One column holds the number of the target, a little noisy, where it is known."""
    d = plan.data

    def relabelled(X: Any, y: Any) -> Any:
        y = (y - np.mean(d.y)) / np.std(d.y)
        return np.hstack([X, (y + 0.02 * rng.standard_normal(len(y)))[:, None]])

    unknown = rng.permutation(d.y_test)
    plan.data = replace(
        d, X=relabelled(d.X, d.y), X_valid=relabelled(d.X_valid, d.y_valid), X_test=relabelled(d.X_test, unknown)
    )


def first_biases(value: float) -> Change:
    """Every bias of the first layer starts at a number."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        def edit(net: cr.Network) -> None:
            net.b[1][:] = value

        plan.edits.append(edit)

    return change


FAULTS: tuple[Fault, ...] = (
    _fault("rate x30", "learning-rate-too-large", "only the learning rate was changed", inject.rate(30)),
    _fault("rate x300", "learning-rate-too-large", "only the rate was changed", inject.rate(300), *OF_VALUES),
    _fault("rate /300", "learning-rate-too-small", "only the learning rate was changed", inject.rate(1 / 300)),
    _fault("rate x300 for one epoch", "learning-rate-too-large", "only the rate is raised", inject.spike(0.35, 300)),
    _fault(
        "rate falls to 1/50 every second epoch", "learning-rate-too-small", "the schedule reduces it to almost 0",
        inject.settings(schedule="step", decay_factor=0.02, decay_every=2),
    ),
    _fault(
        "momentum 0.9995", "wrong-optimizer-settings", "the memory exceeds the length of the run",
        inject.optimizer(momentum=0.9995), ground=inject.planned(optimizer=cr.SGD(0.02, momentum=0.9)),
    ),
    _fault(
        "beta1 0.9995", "wrong-optimizer-settings", "the mean of the gradients spans more than the run",
        inject.optimizer(beta1=0.9995), ground=inject.planned(optimizer=cr.Adam(0.01)),
    ),
    _fault("inputs x300", "input-scale", "only the units of the inputs were changed", inject.scaled(300)),
    _fault("a third of the columns x1e4", "input-scale", "the units of the columns differ by 1e4", one_unit(1e4)),
    _fault("inputs -30", "input-scale", "the columns are 30 deviations away from 0", inject.shifted(-30)),
    _fault("9999 for missing", "input-scale", "a tenth of the cells are 1e4 deviations away",
           inject.sentinel(9999, 0.1)),
    _fault("40 % wrong labels", "label-noise", "only targets were changed", inject.wrong_labels(0.4)),
    _fault("targets in another order", "label-noise", "no target belongs to its row", inject.misaligned,
           "tanh/letter", "silu/concrete", "gelu/digits"),
    _fault("rare classes", "class-imbalance", "only 3 % of every other class were kept", inject.rare_classes(0.03),
           *OF_CLASSES),
    _fault("a column leaks the target", "target-leak", "an added column contains the target where known",
           leaking_column, *OF_VALUES),
    _fault("training rows in validation", "duplicate-rows", "half of the validation rows are training rows",
           inject.shared_rows(0.5), "elu/phoneme", "tanh/letter", "silu/concrete", ground=inject.few_rows(250),
           flatters=True),
    _fault("30 rows, large network", "overfitting", "thousands of weights for 30 rows, many epochs",
           inject.both(inject.few_rows(30), inject.planned(hidden=[200, 100], epochs=250, batch_size=10)),
           *OF_VALUES, ground=inject.planned(optimizer=cr.Adam(0.005))),
    _fault("equal weights of 0.03", "symmetric-weights", "all units of a layer remain equal",
           inject.all_weights(0.03)),
    _fault("weights x20", "weights-too-large", "only the initial weights were changed", inject.weights(20)),
    _fault("weights x0.003, five layers", "weights-too-small vanishing-gradient",
           "the gain of the weights is the factor by which the gradient shrinks", inject.weights(0.003),
           ground=five_layers),
    _fault("weights x4, eight layers", "exploding-gradient weights-too-large",
           "the gain of the weights is the factor by which the gradient grows", inject.weights(4),
           ground=eight_layers),
    _fault("eight layers of sigmoid", "vanishing-gradient", "every layer multiplies the gradient by g' <= 1/4",
           inject.deep(8, 16, activation="sigmoid")),
    _fault("biases of -20 in the first layer of relu", "dead-units", "no row activates its units", first_biases(-20),
           ground=rectified),
    _fault("classes regressed as numbers", "wrong-pair", "a class index is not a quantity", inject.class_as_number,
           "gelu/digits", "tanh/letter"),
    _fault("softplus at the output", "wrong-pair", "half of the targets are negative, the output never is",
           inject.planned(output="softplus"), *OF_VALUES),
    _fault("derivative of the activation negated", "wrong-gradient", "the derivative of the activation is wrong",
           inject.wrong_derivative),
    _fault("l2 = 0.3", "too-strong-regularization", "the penalty dominates the loss", inject.settings(l2=0.3)),
    _fault("dropout 0.98", "too-strong-regularization", "one unit in fifty remains", inject.settings(dropout=0.98)),
    _fault("two epochs in batches of 200", "too-few-steps", "training stops after tens of steps while the loss falls",
           inject.planned(epochs=2, batch_size=200)),
)  # fmt: skip

CONTROLS: dict[str, Base] = {
    **BASES,
    "mish, Nesterov/letter": Base("letter", (50, 30), "mish", cr.SGD(0.03, 0.9, True), 18, 2000),
    "tanh, plateau/california": Base(
        "california_housing", (24,), "tanh", cr.SGD(0.05), 30, 1500,
        settings={"schedule": "plateau", "decay_every": 5, "decay_factor": 0.5},
    ),
    "sigmoid, AdamW/energy": Base(
        "uci_energy", (32,), "sigmoid", cr.AdamW(0.1), 150, 460, settings={"schedule": "cosine"}
    ),
    "elu, warm-up/wine quality": Base(
        "wine_quality", (16,), "elu", cr.SGD(0.02), 15, 2000, settings={"warm_up": 0.1, "l2": 1e-3}
    ),
    "relu, absolute error/concrete": Base(
        "uci_concrete", (48,), "relu", cr.Adam(0.005), 40, 600, outputs=("identity", "absolute_error")
    ),
    "layer norm/digits": Base(
        "digits", (32, 32), "tanh", cr.Adam(0.003), 15, 1000, network={"normalization": "layer"}
    ),
}  # fmt: skip
