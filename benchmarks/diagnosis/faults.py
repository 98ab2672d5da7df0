"""The faults: what is put in, into which trainings, and which first causes are right, each with its reason.

The right answers were written down from first principles before any verdict was inspected. A fault that a run cannot
have by the public interface is not here: NaN or infinity in X or y (train refuses them, naming row and column), a
single class, a loss that has no meaning on the output activation. Rows sorted by class and never shuffled, targets in
raw units and hidden layers that are too narrow are left out because no cause among the agreed ones names them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import chainrule as cr
from diagnosis import inject
from diagnosis.inject import Change
from diagnosis.plans import Base, Plan

USUAL = ("relu/digits", "tanh/letter", "sigmoid/bike")
OF_CLASSES = ("relu/digits", "tanh/letter", "sigmoid/phoneme")
MANY_CLASSES = ("relu/digits", "tanh/letter", "sigmoid/digits")
OF_VALUES = ("relu/bike", "tanh/bike", "sigmoid/bike")


@dataclass(frozen=True)
class Fault:
    """One mistake and the set of first causes that name it rightly."""

    name: str
    right: frozenset[str]
    reason: str
    inject: Change
    bases: tuple[str, ...] = USUAL
    ground: Change | None = None
    """What is changed in the healthy twin as well: the ground on which the mistake can hurt."""
    flatters: bool = False
    """Its harm is a validation error that is lower than that of the test rows."""

    def plans(self, base: Base, folder: Path | None, seed: int) -> tuple[Plan, Plan]:
        """The healthy twin and the faulty plan, identical except for the fault."""
        made = []
        for changes in ((self.ground,), (self.ground, self.inject)):
            plan = base.plan(folder, seed)
            for change in changes:
                if change is not None:
                    change(plan, np.random.default_rng([seed, *self.name.encode()]))
            made.append(plan)
        return made[0], made[1]


def fault(name: str, right: str, reason: str, change: Change, *bases: str, **more: object) -> Fault:
    """A Fault of these bases, or of the usual ones; `right` holds the causes separated by blanks."""
    return Fault(name, frozenset(right.split()), reason, change, bases or USUAL, **more)  # type: ignore[arg-type]


def rectified(plan: Plan, rng: np.random.Generator) -> None:
    """Rectifiers in the hidden layers; a momentum that suits them."""
    plan.activation = "relu"


def squashed(plan: Plan, rng: np.random.Generator) -> None:
    """tanh where the units have no bounds on both sides."""
    plan.activation = "sigmoid" if plan.activation == "sigmoid" else "tanh"


def five_layers(plan: Plan, rng: np.random.Generator) -> None:
    """Five hidden layers of 24 units that learn: tanh in place of sigmoid, half the rate."""
    plan.hidden, plan.activation = [24] * 5, "tanh" if plan.activation == "sigmoid" else plan.activation
    inject.rate(0.5 if plan.activation == "relu" else 0.25)(plan, rng)


def eight_layers(plan: Plan, rng: np.random.Generator) -> None:
    """Eight hidden layers of 24 rectifiers that learn."""
    plan.hidden, plan.activation, plan.optimizer = [24] * 8, "relu", cr.Adam(0.002)


def at_a_quarter_of_the_limit(plan: Plan, rng: np.random.Generator) -> None:
    """A linear model by gradient descent at a quarter of 2 / λ, λ the largest eigenvalue of XᵀX / n."""
    X = np.column_stack([plan.data.X, np.ones(len(plan.data.X))])
    largest = float(np.linalg.eigvalsh(X.T @ X / len(X))[-1])
    plan.hidden, plan.optimizer, plan.batch_size = [], cr.SGD(0.5 / largest), 100


def _with(optimizer: object) -> Change:
    return inject.planned(optimizer=optimizer)


RATE = (
    fault("rate x10", "learning-rate-too-large", "only the learning rate was changed", inject.rate(10)),
    fault("rate x100", "learning-rate-too-large", "only the learning rate was changed", inject.rate(100)),
    fault(
        "rate x1000", "learning-rate-too-large", "only the learning rate was changed; overflow is its consequence",
        inject.rate(1000),
    ),
    fault("rate /100", "learning-rate-too-small", "only the learning rate was changed", inject.rate(0.01)),
    fault("rate /1000", "learning-rate-too-small", "only the learning rate was changed", inject.rate(0.001)),
    fault(
        "rate x100 for one epoch", "learning-rate-too-large",
        "only the learning rate is raised, halfway through the run",
        inject.spike(0.5, 100),
    ),
    fault(
        "rate decays too early", "learning-rate-too-small",
        "after three epochs, the schedule has reduced the rate to a thousandth",
        inject.settings(schedule="exponential", decay_factor=0.1, decay_every=1),
    ),
    fault(
        "momentum 0.999", "wrong-optimizer-settings",
        "the rate is suitable for a momentum of 0 or 0.9; a memory of 1000 steps exceeds the length of the run",
        inject.optimizer(momentum=0.999), "relu/digits", "tanh/letter", "tanh/bike",
        ground=_with(cr.SGD(0.02, momentum=0.9)),
    ),
    fault(
        "gradient clipped to 1e-4", "wrong-optimizer-settings learning-rate-too-small",
        "no step is longer than the rate times 1e-4: an optimizer setting, and too short steps",
        inject.settings(clip_norm=1e-4), "relu/digits", "tanh/letter", "tanh/bike",
        ground=_with(cr.SGD(0.02, momentum=0.9)),
    ),
    fault(
        "three times the limit, no hidden layer", "learning-rate-too-large",
        "gradient descent on a quadratic diverges beyond 2 / λ, and does so in a few steps", inject.rate(12.0),
        *OF_VALUES, ground=at_a_quarter_of_the_limit,
    ),
    fault(
        "rate of 50 on ten rows", "learning-rate-too-large", "only the rate was changed; ten rows are all there are",
        _with(cr.SGD(50.0)), "tanh/letter", "relu/bike", "tanh/bike",
        ground=inject.both(inject.few_rows(10), _with(cr.SGD(0.01)), inject.planned(epochs=200, hidden=[8])),
    ),
    fault(
        "wrong labels, rate x10000", "learning-rate-too-large",
        "the labels are as wrong in the twin: the rate alone keeps it from learning", inject.rate(1e4), *OF_CLASSES,
        ground=inject.wrong_labels(0.2),
    ),
    fault(
        "wrong labels, rate /100000", "learning-rate-too-small",
        "the labels are as wrong in the twin: the rate alone keeps it from learning", inject.rate(1e-5), *OF_CLASSES,
        ground=inject.wrong_labels(0.2),
    ),
    fault(
        "Adam with epsilon 10", "wrong-optimizer-settings learning-rate-too-small",
        "epsilon dominates the square root of v: an optimizer setting, and too short steps",
        inject.optimizer(epsilon=10.0), ground=_with(cr.Adam(0.01)),
    ),
)  # fmt: skip

INPUTS = (
    fault("inputs x1000", "input-scale", "only the units of the inputs were changed", inject.scaled(1000)),
    fault("inputs x0.001", "input-scale", "only the units of the inputs were changed", inject.scaled(0.001)),
    fault("inputs +100", "input-scale", "the columns are 100 standard deviations away from 0", inject.shifted(100)),
    fault(
        "columns in mixed units", "input-scale",
        "the units of the columns differ by factors of up to 1e6", inject.mixed_units(3),
    ),
    fault(
        "-99999 for missing", "input-scale",
        "5 % of the cells are 1e5 standard deviations away", inject.sentinel(-99999, 0.05)
    ),
    fault(
        "one cell of 1e30", "input-scale non-finite-data",
        "the number is finite but absurd: a problem of scale, or a corrupt cell; the NaN comes later",
        inject.absurd_row(1e30), ground=rectified,
    ),
    fault("80 % constant columns", "constant-inputs", "four of five columns carry no information",
          inject.constant_columns(0.8)),
    fault(
        "all rows the same", "constant-inputs duplicate-rows", "every column is constant, and every row is a copy",
        inject.one_row,
    ),
)  # fmt: skip

ROWS = (
    fault("30 % wrong labels", "label-noise", "only targets were changed", inject.wrong_labels(0.3)),
    fault("60 % wrong labels", "label-noise", "only targets were changed", inject.wrong_labels(0.6)),
    fault("targets in another order", "label-noise", "no target belongs to its row", inject.misaligned),
    fault(
        "rare classes", "class-imbalance",
        "only 2 % of every other class were kept", inject.rare_classes(0.02), *OF_CLASSES
    ),
    fault("target leaks", "target-leak", "added columns contain the target where it is known", inject.leak),
    fault(
        "training rows in validation", "duplicate-rows", "70 % of the validation rows are training rows",
        inject.shared_rows(0.7), "relu/digits", "tanh/letter", "tanh/bike", ground=inject.few_rows(300), flatters=True,
    ),
    fault(
        "40 rows, large network", "overfitting", "thousands of weights for 40 rows, and many epochs",
        inject.both(inject.few_rows(40), inject.planned(hidden=[128, 128], epochs=200, batch_size=10)),
        ground=_with(cr.Adam(0.01)),
    ),
)  # fmt: skip

WEIGHTS = (
    fault("zero weights", "symmetric-weights", "all units of a layer remain equal", inject.all_weights(0.0)),
    fault("equal weights", "symmetric-weights", "all units of a layer remain equal", inject.all_weights(0.1)),
    fault("weights x10", "weights-too-large", "only the initial weights were changed", inject.weights(10)),
    fault(
        "weights x0.01, five layers", "weights-too-small vanishing-gradient",
        "in a deep network the gain of the weights is the factor by which the gradient shrinks: one number, two names",
        inject.weights(0.01), ground=five_layers,
    ),
    fault(
        "weights x3, eight layers", "exploding-gradient weights-too-large",
        "in a deep network the gain of the weights is the factor by which the gradient grows: one number, two names",
        inject.weights(3), ground=eight_layers,
    ),
    fault(
        "ten layers of sigmoid", "vanishing-gradient", "every layer multiplies the gradient by g' <= 1/4",
        inject.deep(10, 24, activation="sigmoid"),
    ),
    fault(
        "biases of -10 on relu", "dead-units", "no row activates any unit", inject.hidden_biases(-10), ground=rectified,
    ),
    fault(
        "biases of +-10 on tanh or sigmoid", "saturated-units", "g' < 1e-4 in every hidden unit for every row",
        inject.hidden_biases(10, either_sign=True), ground=squashed,
    ),
)  # fmt: skip

WIRING = (
    fault(
        "classes regressed as numbers", "wrong-pair",
        "a class index is not a quantity", inject.class_as_number, *MANY_CLASSES
    ),
    fault(
        "output cannot reach the targets", "wrong-pair",
        "sigmoid ranges from 0 to 1, and the targets lie on both sides of 0",
        inject.planned(output="sigmoid"), *OF_VALUES,
    ),
    fault(
        "relu at the output", "wrong-pair", "more than half of the targets are negative, but the output cannot be",
        inject.planned(output="relu"), *OF_VALUES,
    ),
    fault("no activation in hidden layers", "wrong-pair", "the layers form a single linear map: wiring",
           inject.planned(activation="identity")),
    fault("derivative of the activation negated", "wrong-gradient", "the derivative of the activation is wrong",
           inject.wrong_derivative),
    fault("derivative of the loss negated", "wrong-gradient", "the derivative of the loss is wrong; divergence follows",
           inject.wrong_loss_gradient),
)  # fmt: skip

LENGTH = (
    fault("l2 = 1", "too-strong-regularization", "the penalty dominates the loss", inject.settings(l2=1.0)),
    fault("l1 = 0.1", "too-strong-regularization", "the penalty dominates the loss", inject.settings(l1=0.1)),
    fault(
        "dropout 0.95",
        "too-strong-regularization",
        "only one unit in twenty remains",
        inject.settings(dropout=0.95),
    ),
    fault("one epoch", "too-few-steps", "training stops while the loss is still decreasing", inject.planned(epochs=1)),
    fault(
        "one batch an epoch",
        "too-few-steps",
        "the same number of epochs, but only one step each",
        inject.full_batch,
    ),
)

FAULTS = (*RATE, *INPUTS, *ROWS, *WEIGHTS, *WIRING, *LENGTH)

IDS = (
    "non-finite", "non-finite-data", "input-scale", "constant-inputs", "duplicate-rows", "target-leak", "label-noise",
    "class-imbalance", "wrong-pair", "wrong-gradient", "symmetric-weights", "weights-too-large", "weights-too-small",
    "learning-rate-too-large", "learning-rate-too-small", "dead-units", "saturated-units", "vanishing-gradient",
    "exploding-gradient", "stalled", "too-few-steps", "overfitting", "too-strong-regularization",
    "wrong-optimizer-settings", "exploding-loss", "below-baseline", "perfect-score",
)  # fmt: skip
"""Every cause that a finding may have."""
