"""Few rows: what they are trained with. Nothing is left to chance, so that a row of weight 2 counts as two rows.

Every step sees all rows and nothing is dropped at random. How long to train is found by comparing several trainings;
see api/rehearsal.py.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.training.presets import Preset, bins

FEW_ROWS = 500
RIDGE_STEPS, RIDGE_RATE = 1000, 2.0
RIDGES: tuple[tuple[float, int], ...] = ((0.01, 0), (0.001, 0), (0.01, 16))
"""The linear models, l2 and most bins of a number: gradient descent with momentum, whose rate is divided by the number
of inputs and by CURVATURE.

Scaled inputs have a mean square of about 1 at most, so the curvature of the loss is below that of the output times
n_inputs + 1, and the rate below 2·(1 + momentum) / curvature, where descent is stable. Of all weights that fit, plain
descent from 0 finds the shortest; Adam moves all weights alike, the useless ones of a wide table too.
"""
CURVATURE = {"softmax": 0.5, "sigmoid": 0.25}
"""At most so large is the second derivative of the cross-entropy with respect to z; of the squared error it is 1.

Source    Böhning (1992), Multinomial logistic regression algorithm
"""
RUNGS: tuple[tuple[int, float, float, int], ...] = (
    (30, 0.005, 1.0, 0), (75, 0.005, 0.5, 0), (75, 0.005, 0.5, 16), (300, 0.005, 0.2, 0), (300, 0.005, 0.2, 16),
    (1000, 0.01, 0.03, 16),
)  # fmt: skip
"""Two hidden layers by AdamW: steps, learning rate, weight decay, most bins of a number; the simplest first."""


def few_rows(n_rows: int, n_distinct: int, n_numbers: int, output: str) -> Preset:
    """What so many rows are trained with, whole batches and no chance, behind the simpler ways.

    Args      n_distinct: rows that differ from each other, which the number of bins follows; n_numbers: columns;
              output: the output activation
    """
    whole = {"batch_size": n_rows, "schedule": "cosine", "shuffle": False}
    rate = RIDGE_RATE / CURVATURE.get(output, 1.0)
    rungs = [
        Preset(
            (), "silu", "robust", bins(most_bins, n_distinct, n_numbers),
            {"name": "sgd", "learning_rate": rate, "momentum": 0.9}, {**whole, "epochs": RIDGE_STEPS, "l2": l2},
            full_rate_inputs=1.0, dtype="float64",
        )
        for l2, most_bins in RIDGES
    ] + [
        Preset(
            (64, 64), "silu", "robust", bins(most_bins, n_distinct, n_numbers),
            {"name": "adamw", "learning_rate": learning_rate, "weight_decay": decay}, {**whole, "epochs": n_steps},
            dtype="float64",
        )
        for n_steps, learning_rate, decay, most_bins in RUNGS
    ]  # fmt: skip
    several = [rung for k, rung in enumerate(rungs) if rung not in rungs[:k]]  # without bins some are alike
    return replace(several[-1], simpler=tuple(several[:-1]))
