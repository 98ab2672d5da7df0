"""Faults that no rule was written by: mistakes as people make them, on networks and data of their own.

Each names what was injected; `right` are the findings that say it. A fault counts where the error on the test rows is
clearly worse than that of the twin without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from diagnosis import fresh_changes as own
from diagnosis import inject
from diagnosis.fresh_sets import parts
from diagnosis.inject import Change, both, planned, settings
from diagnosis.plans import Base, Plan


def base(data: str, hidden: tuple[int, ...], activation: str, optimizer: Any, **options: Any) -> Base:
    """A training on a set of the fresh cases."""
    return Base(data, hidden, activation, optimizer, reader=parts, **options)


ADULT = base("adult", (24,), "relu", cr.Adam(0.003), epochs=15, n_train=3000, batch_size=64)
AMES = base("ames_housing", (20,), "tanh", cr.RMSProp(0.001), epochs=25, n_train=1500, settings={"l2": 0.01})
ARM = base("arm", (32, 32), "silu", cr.Adam(0.005), epochs=50, n_train=900)
CANCER = base("breast_cancer", (12,), "elu", cr.SGD(0.05, momentum=0.9), epochs=25, n_train=300, batch_size=16)
CLUSTERS = base("clusters", (40,), "leaky_relu", cr.Adam(0.005), epochs=25, n_train=1400)
DIAMONDS = base("diamonds", (32, 16), "relu", cr.SGD(0.02, momentum=0.9), epochs=15, n_train=5000, batch_size=64)
ELECTRICITY = base("electricity", (32, 32), "elu", cr.Adam(0.003), epochs=25, n_train=3000)
FRIEDMAN = base("friedman", (24,), "gelu", cr.Adam(0.01), epochs=50, n_train=700, batch_size=20)
MAMMOGRAPHY = base(
    "mammography", (16,), "tanh", cr.Adam(0.005), epochs=20, n_train=4000, settings={"class_weight": "balanced"}
)
MNIST = base("mnist", (64,), "relu", cr.SGD(0.1, momentum=0.9), epochs=12, n_train=2500, batch_size=50)
MNIST_DEEP = base("mnist", (80, 40, 40), "tanh", cr.Adam(0.002), epochs=12, n_train=2000, batch_size=40)
MNIST_SIGMOID = base("mnist", (50,), "sigmoid", cr.Adam(0.005), epochs=15, n_train=2000, batch_size=40)
MOONS = base("moons", (16,), "tanh", cr.Adam(0.02), epochs=50, n_train=360, batch_size=12)
PLANE = base("plane", (16,), "relu", cr.Adam(0.005), epochs=40, n_train=600)
POWER = base("uci_power_plant", (30,), "softplus", cr.Adam(0.01), epochs=25, n_train=2400, batch_size=48)
SEOUL = base("seoul_bike", (48, 24), "leaky_relu", cr.SGD(0.05), epochs=40, n_train=2500)
SINE = base("sine", (32, 16), "tanh", cr.Adam(0.01), epochs=80, n_train=300)
SPIRALS = base("spirals", (48, 24), "relu", cr.Adam(0.01), epochs=60, n_train=900)
TELCO = base("telco_churn", (16,), "mish", cr.AdamW(0.002), epochs=12, n_train=2500)
YACHT = base("uci_yacht", (20,), "tanh", cr.Adam(0.02), epochs=150, n_train=180, batch_size=10)


@dataclass(frozen=True)
class FreshFault:
    """A mistake, put into a training that works."""

    name: str
    kind: str
    base: Base
    change: Change
    right: tuple[str, ...]

    def plans(self, folder: Path | None, seed: int) -> tuple[Plan, Plan]:
        """The healthy twin, and the same training with the mistake."""
        twin, plan = self.base.plan(folder, seed), self.base.plan(folder, seed)
        self.change(plan, np.random.default_rng([seed, 83]))
        plan.settings = {name: value for name, value in plan.settings.items() if value is not None}
        return twin, plan


def _fault(kind: str, name: str, on: Base, change: Change, *right: str) -> FreshFault:
    return FreshFault(name, kind, on, change, right)


_RATE = "learning rate"
_LARGE, _SMALL = "learning-rate-too-large", "learning-rate-too-small"
_TARGETS, _INPUTS, _START = "rows and targets", "inputs", "initial weights"
_PENALTY, _AMOUNT, _LEAK, _RARE = "regularisation", "rows and epochs", "leak", "imbalance"
_FORM, _OPTIMIZER = "network, loss, gradient", "optimizer settings"


def _money(y: Any, rng: Any) -> list[Any]:
    return [2.0 * y + 1.0]


def _nearly(y: Any, rng: Any) -> list[Any]:
    return [y + 0.1 * rng.normal(size=len(y))]


def _mostly(y: Any, rng: Any) -> list[Any]:
    return [np.where(rng.random(len(y)) < 0.85, y - 0.5, 0.0)]


FAULTS = (
    # learning rate and schedule
    _fault(_RATE, "Adam with the rate of plain descent", SPIRALS, own.steps_by(cr.Adam(0.5)), _LARGE),
    _fault(_RATE, "RMSProp at 0.3", AMES, own.steps_by(cr.RMSProp(0.3)), _LARGE),
    _fault(_RATE, "a rate for plain descent with momentum 0.9", MNIST, own.steps_by(cr.SGD(2.0, 0.9)), _LARGE),
    _fault(_RATE, "plain descent at 1 on squared errors", SEOUL, own.steps_by(cr.SGD(1.0)), _LARGE, "exploding-loss"),
    _fault(_RATE, "AdamW at 0.2 on a noisy table", TELCO, own.steps_by(cr.AdamW(0.2)), _LARGE),
    _fault(_RATE, "a rate that grows by half an epoch", DIAMONDS, own.factor_of_epochs(1.5, 1), _LARGE),
    _fault(_RATE, "the rate of fine-tuning", MNIST, own.steps_by(cr.SGD(1e-4)), _SMALL),
    _fault(_RATE, "Adam at 1e-5, stopped early", ELECTRICITY, own.steps_by(cr.Adam(1e-5), early_stopping=4), _SMALL),
    _fault(_RATE, "Adagrad with the rate of Adam", CLUSTERS, own.steps_by(cr.Adagrad(1e-3)), _SMALL),
    _fault(_RATE, "Adam at 3e-5 on values", ARM, own.steps_by(cr.Adam(3e-5)), _SMALL),
    _fault(_RATE, "a tenth of the rate after every epoch", SPIRALS,
           settings(schedule="exponential", decay_factor=0.1, decay_every=1), _SMALL, "wrong-optimizer-settings"),
    _fault(_RATE, "a callback cuts the rate to a third every epoch", FRIEDMAN, own.factor_of_epochs(0.3, 1), _SMALL),
    _fault(_RATE, "plateau without patience", SEOUL,
           settings(schedule="plateau", decay_factor=0.02, decay_every=1), _SMALL),
    # settings of the optimizer
    _fault(_OPTIMIZER, "momentum 0.99 with a large rate", DIAMONDS, own.steps_by(cr.SGD(0.1, 0.99)), _LARGE,
           "wrong-optimizer-settings"),
    _fault(_OPTIMIZER, "epsilon 10 in Adam", CLUSTERS, own.steps_by(cr.Adam(0.005, epsilon=10.0)),
           "wrong-optimizer-settings", _SMALL),
    _fault(_OPTIMIZER, "beta1 and beta2 exchanged", SINE, own.steps_by(cr.Adam(0.01, beta1=0.999, beta2=0.9)),
           "wrong-optimizer-settings"),
    _fault(_OPTIMIZER, "gradients cut to 1e-4", MNIST, settings(clip_norm=1e-4), "wrong-optimizer-settings", _SMALL),
    # rows and targets
    _fault(_TARGETS, "targets one row late", MNIST, own.targets(own.by_one), "label-noise"),
    _fault(_TARGETS, "columns sorted, target not", FRIEDMAN, inject.misaligned, "label-noise"),
    _fault(_TARGETS, "three and five mistaken", MNIST_SIGMOID, own.targets(own.confused(3, 5, 0.5)), "label-noise"),
    _fault(_TARGETS, "prices partly in cents", PLANE, own.targets(own.in_cents(0.1, 100.0)), "label-noise"),
    _fault(_TARGETS, "a third of the targets of other rows", POWER, inject.wrong_labels(0.35), "label-noise"),
    _fault(_TARGETS, "an annotator who guesses", CLUSTERS, own.annotators(0.9), "label-noise", "duplicate-rows"),
    _fault(_TARGETS, "a join that repeats rows", ARM, own.repeated(25), "duplicate-rows", "overfitting"),
    _fault(_TARGETS, "thirty pictures over and over", MNIST, own.repeated(30), "duplicate-rows", "overfitting"),
    _fault(_TARGETS, "values in money, plain descent", SEOUL, own.in_money(700.0, 640.0), _LARGE, "exploding-loss"),
    _fault(_TARGETS, "prices of houses, Adam at 0.001", FRIEDMAN,
           both(own.in_money(180000.0, 80000.0), own.steps_by(cr.Adam(0.001))), _SMALL, "too-few-steps"),
    # inputs
    _fault(_INPUTS, "income and time left in their units", ADULT,
           own.in_units({0: (40000.0, 15000.0), 1: (1.6e9, 1e7)}), "input-scale"),
    _fault(_INPUTS, "scaled by the range of an outlier", POWER, own.squeezed(1e4), "input-scale"),
    _fault(_INPUTS, "missing is -9999", CANCER, own.gaps(-9999.0, 0.15, 5), "input-scale"),
    _fault(_INPUTS, "pixels divided by 255 twice", MNIST_DEEP, inject.scaled(1 / 255), "input-scale"),
    _fault(_INPUTS, "pixels not divided", MNIST_SIGMOID, inject.scaled(255.0), "input-scale", "saturated-units"),
    _fault(_INPUTS, "years as numbers", SINE, own.in_units({0: (2010.0, 8.0)}), "input-scale", "saturated-units"),
    _fault(_INPUTS, "validation rows not scaled", ELECTRICITY, own.judged_unscaled(50.0, 20.0), "input-scale"),
    _fault(_INPUTS, "a join that found nothing", SEOUL, own.blank(1), "constant-inputs"),
    _fault(_INPUTS, "one picture for all rows", CLUSTERS, inject.one_row, "constant-inputs", "duplicate-rows"),
    _fault(_INPUTS, "one cell at 1e30", DIAMONDS, own.overflow(1e30), "input-scale", "non-finite-data"),
    # initial weights
    _fault(_START, "weights of zeros", MNIST_DEEP, inject.all_weights(0.0), "symmetric-weights", "weights-too-small"),
    _fault(_START, "weights of 0.05", SPIRALS, inject.all_weights(0.05), "symmetric-weights"),
    _fault(_START, "uniform from 0 to 1", MNIST_SIGMOID, own.drawn(lambda rng, shape: rng.random(shape)),
           "weights-too-large", "saturated-units"),
    _fault(_START, "normal of deviation 1 in three layers", MNIST_DEEP,
           own.drawn(lambda rng, shape: rng.normal(size=shape)), "weights-too-large", "saturated-units"),
    _fault(_START, "normal of deviation 0.0001", SPIRALS,
           own.drawn(lambda rng, shape: 1e-4 * rng.normal(size=shape)), "weights-too-small", "vanishing-gradient"),
    _fault(_START, "biases at -20", SPIRALS, inject.hidden_biases(-20.0), "dead-units"),
    _fault(_START, "negative weights behind pixels", MNIST, own.below_zero(1), "dead-units"),
    _fault(_START, "biases at 30 before tanh", ARM, both(planned(activation="tanh"), inject.hidden_biases(30.0)),
           "saturated-units"),
    _fault(_START, "ten layers of weights four times as large", CLUSTERS,
           both(inject.deep(10, 24), inject.weights(4.0), own.steps_by(cr.SGD(0.01))),
           "weights-too-large", "exploding-gradient"),
    # network, loss, gradient
    _fault(_FORM, "eight layers of sigmoid", SPIRALS, inject.deep(8, 20, activation="sigmoid"), "vanishing-gradient"),
    _fault(_FORM, "classes as values", CLUSTERS, inject.class_as_number, "wrong-pair"),
    _fault(_FORM, "rectified output for values of both signs", AMES, planned(output="relu"), "wrong-pair"),
    _fault(_FORM, "sigmoid output for values", POWER, planned(output="sigmoid", loss="squared_error"), "wrong-pair"),
    _fault(_FORM, "derivative of tanh in z", MNIST_DEEP,
           own.own_activation("tanh", lambda z, a, da: da * (1 - z * z)), "wrong-gradient"),
    _fault(_FORM, "absolute error without its sign", FRIEDMAN,
           own.own_loss("absolute_error", lambda a, y: np.ones_like(a)), "wrong-gradient"),
    # regularisation
    _fault(_PENALTY, "l2 of 0.5", MNIST, settings(l2=0.5), "too-strong-regularization"),
    _fault(_PENALTY, "dropout of 0.9 in small layers", ARM, settings(dropout=0.9), "too-strong-regularization"),
    _fault(_PENALTY, "l1 of 0.05", ELECTRICITY, settings(l1=0.05), "too-strong-regularization"),
    _fault(_PENALTY, "weight decay of 50", MOONS, own.steps_by(cr.AdamW(0.01, weight_decay=50.0)),
           "too-strong-regularization", "wrong-optimizer-settings"),
    # rows and epochs
    _fault(_AMOUNT, "forty rows, a wide network, many epochs", PLANE,
           both(inject.few_rows(40), planned(hidden=[200, 200], epochs=300)), "overfitting"),
    _fault(_AMOUNT, "eighty rows of a large table", ADULT,
           both(inject.few_rows(80), planned(hidden=[100, 100], epochs=150)), "overfitting"),
    _fault(_AMOUNT, "memorised noise", FRIEDMAN,
           both(inject.few_rows(60), planned(hidden=[128, 128], epochs=400)), "overfitting"),
    _fault(_AMOUNT, "one epoch", SPIRALS, planned(epochs=1), "too-few-steps"),
    _fault(_AMOUNT, "all rows in a batch", MNIST_SIGMOID, inject.full_batch, "too-few-steps", _SMALL),
    _fault(_AMOUNT, "a huge batch at the rate of a small one", SEOUL,
           both(planned(batch_size=1250), own.steps_by(cr.SGD(0.01))), "too-few-steps", _SMALL),
    _fault(_AMOUNT, "two epochs of values", YACHT, planned(epochs=2), "too-few-steps"),
    # leak
    _fault(_LEAK, "the price in another currency", DIAMONDS, own.told(_money), "target-leak"),
    _fault(_LEAK, "a noisy copy", ARM, own.told(_nearly), "target-leak"),
    _fault(_LEAK, "the reason of leaving, mostly known", TELCO, own.told(_mostly), "target-leak"),
    _fault(_LEAK, "two columns that add up to the target", SEOUL, own.told(own.two_summands), "target-leak"),
    _fault(_LEAK, "row numbers of a sorted file", CLUSTERS, own.told(own.row_numbers), "target-leak"),
    # imbalance
    _fault(_RARE, "accuracy of a rare disease", MAMMOGRAPHY, settings(class_weight=None), "class-imbalance"),
    _fault(_RARE, "a filter left 25 rows of a class", TELCO, own.kept(1, 25), "class-imbalance"),
    _fault(_RARE, "weights of the rare class inverted", ADULT, own.weight_of_class(1, 0.02), "class-imbalance"),
    _fault(_RARE, "a file cut before its last class", MNIST, own.kept(7, 3), "class-imbalance"),
)  # fmt: skip
