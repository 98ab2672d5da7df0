"""A run that learned most of what there is, and was held back all the same; judged on rows that no training saw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import chainrule as cr
from chainrule.diagnose.doctor.finding import Diagnosis
from chainrule.diagnose.doctor.trials import paired_t

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")


def digits(n: int = 900) -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return X[:n] / 16, y[:n]


def diagnosed(optimizer, *, hidden: tuple[int, ...] = (32,), activation: str = "relu", noise: float = 0.0, **options):
    X, y = digits()
    rng = np.random.default_rng(0)
    bad = rng.random(len(y)) < noise
    y = np.where(bad, (y + rng.integers(1, 10, len(y))) % 10, y)
    net = cr.Network([64, *hidden, 10], activation, seed=0)
    with np.errstate(all="ignore"):
        run = cr.train(net, X, y, optimizer=optimizer, epochs=20, progress=False, **options)
    return run.doctor()


def first(diagnosis: Diagnosis) -> str:
    return diagnosis.faults[0].id if diagnosis.faults else "healthy"


@pytest.mark.parametrize(
    ("optimizer", "options", "cause"),
    [
        (cr.AdamW(0.05), {"hidden": (48, 24), "activation": "elu"}, "learning-rate-too-large"),
        (cr.SGD(0.2), {"schedule": "step", "decay_factor": 0.05, "decay_every": 4}, "learning-rate-too-small"),
    ],
)  # fmt: skip
def test_what_held_a_run_back_is_named(optimizer, options, cause: str) -> None:
    """More than 85 % of the constant's loss is gone, and the same steps without the mistake do much better."""
    diagnosis = diagnosed(optimizer, **options)
    assert first(diagnosis) == cause
    assert diagnosis.summary["loss_at_end"] < 0.3 * diagnosis.summary["chance"]
    seen = diagnosis.faults[0].evidence
    assert seen["trial_unseen"] < seen["own_unseen"]
    assert "no training saw" in diagnosis.faults[0].text("en")


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (cr.Adam(0.005), {}),
        (cr.RMSProp(0.003), {"activation": "tanh"}),
        (cr.AdamW(0.005), {"hidden": (48, 24), "activation": "elu"}),
        (cr.SGD(0.2), {}),
        (cr.SGD(0.1, momentum=0.9), {"schedule": "cosine"}),
        (cr.SGD(0.1, momentum=0.9), {"noise": 0.05}),
    ],
)
def test_the_same_trainings_without_a_mistake_are_healthy(optimizer, options) -> None:
    """No change to a usual setting is told as a cause."""
    assert first(diagnosed(optimizer, **options)) == "healthy"


def test_wrong_labels_hide_no_rate_that_learned_a_little() -> None:
    """Wrong labels or not: a rate that is too large for the run stands before them, and a usual one is not named."""
    assert [finding.id for finding in diagnosed(cr.Adam(0.1), noise=0.3).faults] == [
        "learning-rate-too-large", "label-noise",
    ]  # fmt: skip
    assert [finding.id for finding in diagnosed(cr.Adam(0.003), noise=0.3).faults] == ["label-noise"]


def test_a_few_rows_far_away_do_not_hide_the_difference_of_all_others() -> None:
    """Every row is better by half of the constant's loss; of three nothing is left."""
    rng = np.random.default_rng(0)
    better = rng.random(300) * 0.1
    worse = better + 0.5
    worse[:3] = 1e6
    assert paired_t(worse, better, None) < 4
    assert paired_t(worse, better, None, reach=0.7) > 10
    assert paired_t(better, worse, None, reach=0.7) < -10
