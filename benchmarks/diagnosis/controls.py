"""Healthy trainings: networks, optimizers, schedules and data of many kinds, none of them with a fault.

Whether one is healthy is decided here and not by a doctor: see `ailments`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import chainrule as cr
from diagnosis.plans import BASES, Base, Plan

RISE, BEHIND, BETTER = 1.15, 0.03, 0.04
"""How far the validation loss may end above its lowest, the test error above that of a linear model, and above that of
the same training for three times as long, or at a rate three times larger or smaller."""

CONTROLS: dict[str, Base] = {
    **{n: BASES[n] for n in ("relu/digits", "tanh/letter", "sigmoid/bike", "sigmoid/digits", "sigmoid/phoneme")},
    "gelu, AdamW, cosine/digits": Base(
        "digits", (64,), "gelu", cr.AdamW(0.003), epochs=15, settings={"schedule": "cosine"}
    ),
    "no hidden layer/digits": Base("digits", (), "relu", cr.SGD(0.5), epochs=25),
    "quadratic cost, sigmoid output/digits": Base(
        "digits", (30,), "sigmoid", cr.SGD(3.0), epochs=30, batch_size=10, outputs=("sigmoid", "squared_error")
    ),
    "relu, dropout 0.2/digits": Base(
        "digits", (96,), "relu", cr.Adam(0.003), epochs=25, settings={"dropout": 0.2}
    ),
    "layer norm, residual/letter": Base(
        "letter", (48, 48, 48), "relu", cr.Adam(0.005), epochs=25, n_train=2000,
        network={"normalization": "layer", "residual": True}, settings={"schedule": "cosine"},
    ),
    "elu, RMSProp/letter": Base("letter", (64,), "elu", cr.RMSProp(0.006), epochs=30, n_train=2000),
    "selu, Adagrad/letter": Base("letter", (64, 32), "selu", cr.Adagrad(0.03), epochs=30, n_train=2000),
    "leaky relu, Nesterov, l2/letter": Base(
        "letter", (64,), "leaky_relu", cr.SGD(0.05, momentum=0.9, nesterov=True), epochs=25, n_train=2000,
        settings={"l2": 1e-4},
    ),
    "relu, one cycle/phoneme": Base(
        "phoneme", (32,), "relu", cr.SGD(0.5), epochs=40, n_train=1500, settings={"schedule": "one_cycle"}
    ),
    "tanh, float64, clipped/phoneme": Base(
        "phoneme", (32, 16), "tanh", cr.SGD(0.1, momentum=0.9), epochs=40, n_train=1500,
        network={"dtype": "float64"}, settings={"clip_norm": 5.0},
    ),
    "silu, Adam, early stopping/bike": Base(
        "bike_sharing_hour", (32, 32), "silu", cr.Adam(0.02), epochs=60, n_train=1500, settings={"early_stopping": 8}
    ),
    "tanh, momentum, step schedule/bike": Base(
        "bike_sharing_hour", (48, 24), "tanh", cr.SGD(0.05, momentum=0.9), epochs=60, n_train=1500,
        settings={"schedule": "step", "decay_every": 30, "decay_factor": 0.3},
    ),
    "relu, Huber/concrete": Base(
        "uci_concrete", (32,), "relu", cr.Adam(0.01), epochs=50, n_train=600, outputs=("identity", "huber")
    ),
    "tanh, l2/energy": Base(
        "uci_energy", (24,), "tanh", cr.Adam(0.02), epochs=60, n_train=460, batch_size=16,
        settings={"l2": 1e-5, "schedule": "cosine"}
    ),
    "softplus, dropout 0.1/wine quality": Base(
        "wine_quality", (24,), "softplus", cr.Adam(0.003), epochs=20, n_train=2000, settings={"dropout": 0.1}
    ),
    "relu, l2/california": Base(
        "california_housing", (32, 16), "relu", cr.SGD(0.03, momentum=0.9), epochs=15, n_train=2000,
        settings={"l2": 1e-3, "schedule": "cosine"},
    ),
    "relu, l2/breast cancer": Base(
        "breast_cancer", (16,), "relu", cr.SGD(0.02, momentum=0.9), epochs=20, n_train=340,
        settings={"l2": 3e-2, "schedule": "cosine"}
    ),
    "tanh/wine": Base("wine", (12,), "tanh", cr.SGD(0.1), epochs=25, n_train=110, batch_size=10, settings={"l2": 1e-2}),
    "tanh/iris": Base("iris", (8,), "tanh", cr.SGD(0.1), epochs=50, n_train=90, batch_size=10),
    "tanh, l2/diabetes": Base(
        "diabetes", (8,), "tanh", cr.SGD(0.02, momentum=0.9), epochs=20, n_train=265,
        settings={"l2": 1e-2, "schedule": "cosine"}
    ),
    "tanh, dropout 0.1/higgs": Base(
        "higgs_lightgbm_7k", (16,), "tanh", cr.SGD(0.1), epochs=12, n_train=2500, settings={"dropout": 0.1}
    ),
}  # fmt: skip


def ailments(plan: Plan, run: cr.Run, error: float) -> list[str]:
    """Reasons why a training is not healthy, from its rows and from further trainings; empty if there are none."""
    found = []
    curve = run.history.get("validation_loss", [])
    if run.diverged is not None or not curve:
        return ["it diverged"]
    if curve[-1] > RISE * min(curve):
        found.append(f"the final validation loss is {curve[-1] / min(curve):.2f} times its minimum")
    if error > linear_error(plan) + BEHIND:
        found.append(f"a linear model has a test error of {linear_error(plan):.3f}, this one {error:.3f}")
    changes: dict[str, Callable[[Plan], None]] = {
        "three times as many epochs": lambda p: setattr(p, "epochs", 3 * p.epochs),
        "three times the learning rate": lambda p: _times(p, 3.0),
        "a third of the learning rate": lambda p: _times(p, 1 / 3),
    }
    for name, change in changes.items():
        other = copy.copy(plan)
        change(other)
        beside = other.errors(other.train())[1]
        if beside < error - BETTER:
            found.append(f"{name}: a test error of {beside:.3f} instead of {error:.3f}")
    return found


def _times(plan: Plan, factor: float) -> None:
    plan.optimizer = replace(plan.optimizer, learning_rate=plan.optimizer.learning_rate * factor)


def linear_error(plan: Plan) -> float:
    """The test error of logistic or ridge regression on the same rows."""
    from sklearn.linear_model import LogisticRegression, Ridge

    d = plan.data
    model: Any = LogisticRegression(max_iter=2000) if d.n_classes else Ridge()
    guess = model.fit(d.X, d.y).predict(d.X_test)
    if d.n_classes == 0:
        return float(np.sqrt(np.mean((guess - d.y_test) ** 2)) / np.std(d.y_test))
    return 1.0 - float(np.mean([np.mean(guess[d.y_test == c] == c) for c in np.unique(d.y_test)]))
