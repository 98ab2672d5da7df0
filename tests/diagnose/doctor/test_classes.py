"""Classes that are missed: rows that were lost, weights that hide them; and what is as it was meant to be."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.diagnose.doctor import imbalance_rules
from chainrule.diagnose.doctor.finding import Diagnosis, Finding

RNG = np.random.default_rng(3)
N = 1600
Y = (RNG.random(N) < 0.3).astype(int)
X = RNG.normal(size=(N, 4)) + 1.6 * Y[:, None] * np.array([1.0, -1.0, 0.0, 0.0])
HELD, TRAINED = np.arange(N) < 400, np.arange(N) >= 400


def imbalance(rows: np.ndarray, **options: object) -> Finding | None:
    """What is said of rare classes by a training on these rows, judged on the rows held out."""
    run = cr.train(
        cr.Network([4, 12, 1], "tanh", "sigmoid", seed=1), X[rows], Y[rows], validation=(X[HELD], Y[HELD]),
        optimizer=cr.Adam(0.01), epochs=10, progress=False, **options,
    )  # fmt: skip
    return next((one for one in run.doctor() if one.id == "class-imbalance"), None)


def test_a_class_that_was_filtered_away_is_named() -> None:
    """Ten rows of a class among those trained on, a third of those held out: the class was lost on the way."""
    found = imbalance(np.flatnonzero(TRAINED & ((Y == 0) | (np.cumsum(Y * TRAINED) <= 10))))
    assert found is not None and (found.severity, found.variant) == ("fault", "held-out")
    assert found.evidence["n_rare"] == 10 and found.evidence["share_held"] == pytest.approx(Y[HELD].mean())
    assert "Class 1" in found.words("claim") and "1" in found.words("claim", "ko")


def test_fewer_rows_of_the_frequent_class_are_no_loss() -> None:
    """Half of the frequent class left out, as undersampling does, or none: nothing is said."""
    assert imbalance(np.flatnonzero(TRAINED & ((Y == 1) | (np.arange(N) % 2 == 0)))) is None
    assert imbalance(np.flatnonzero(TRAINED)) is None


def test_a_class_that_few_rows_miss_by_chance_is_no_loss() -> None:
    """Of ten classes some are missing among the first 24 rows: these are few, and none were lost."""
    rng = np.random.default_rng(7)
    grades = rng.permutation(np.repeat(np.arange(10), 60))
    rows = rng.normal(size=(600, 6)) + 3 * np.random.default_rng(1).normal(size=(10, 6))[grades]
    assert len(np.unique(grades[:24])) < 10
    run = cr.train(
        cr.Network([6, 24, 10], seed=1), rows[:24], grades[:24], validation=(rows[24:], grades[24:]),
        optimizer=cr.Adam(0.01), epochs=40, batch_size=10, progress=False,
    )  # fmt: skip
    assert "class-imbalance" not in [finding.id for finding in run.doctor().faults]


@pytest.mark.parametrize("by", ["rows", "classes"])
def test_weights_that_hide_a_class_are_named(by: str) -> None:
    """A fiftieth for every row of the rarer class: it is not recognised, and with equal weights it is."""
    weight = np.where(Y[TRAINED] == 1, 0.02, 1.0)
    found = imbalance(TRAINED, **({"sample_weight": weight} if by == "rows" else {"class_weight": {0: 1.0, 1: 0.02}}))
    assert found is not None and (found.severity, found.variant) == ("fault", "weights")
    assert found.evidence["weight"] == pytest.approx(0.02) and found.evidence["weight_others"] == pytest.approx(1.0)
    assert found.evidence["recall"] < 0.3 < 0.7 < found.evidence["recall_equal"]


@pytest.mark.parametrize(
    "options", [{"class_weight": "balanced"}, {"sample_weight": np.where(Y[TRAINED] == 1, 20.0, 1.0)},
                {"sample_weight": RNG.gamma(0.5, size=int(TRAINED.sum()))}],
    ids=["balanced", "the rare class weighs more", "weights of a survey"],
)  # fmt: skip
def test_weights_of_other_kinds_are_not_accused(options: dict[str, object]) -> None:
    """Balanced ones, those that lift the rarer class, and weights that say nothing of classes."""
    assert imbalance(TRAINED, **options) is None


@pytest.mark.parametrize(("f1_balanced", "severity"), [(0.06, "note"), (0.4, "fault")])
def test_classes_of_a_few_rows_are_counted_together(
    monkeypatch: pytest.MonkeyPatch, f1_balanced: float, severity: str
) -> None:
    """Seven rows of a grade, sixty of another, recognised as rarely with balanced weights: a note; if not, a fault."""
    recalls = iter([(0.02, 0.64, 0.03), (0.05 if severity == "note" else 0.5, 0.63, f1_balanced)])
    monkeypatch.setattr(imbalance_rules, "_recalls", lambda *_: next(recalls))
    grades = np.repeat([0, 1, 2, 3], [700, 660, 60, 7])
    rows = np.random.default_rng(0).normal(size=(len(grades), 3)) + grades[:, None]
    run = cr.train(cr.Network([3, 4, 4], seed=1), rows, grades, optimizer=cr.Adam(0.01), epochs=3, progress=False)
    found = next(one for one in run.doctor() if one.id == "class-imbalance")
    assert found.severity == severity and found.evidence["n_rare"] == 7


def ranked(shuffled: bool) -> Diagnosis:
    """Six rows in a hundred, which the columns make likelier and never sure; or rows of anything."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(1200, 40))
    y = (rng.random(1200) < 0.02 + 0.2 / (1 + np.exp(4 - 2 * rows[:, :4].sum(axis=1)))).astype(int)
    y = rng.permutation(y) if shuffled else y
    return cr.train(
        cr.Network([40, 16, 1], output="sigmoid", seed=1), rows, y, optimizer=cr.Adam(0.003), epochs=3, progress=False
    ).doctor()


def test_a_rare_class_that_is_ranked_is_no_noise() -> None:
    """A forest loses to the frequencies, and still knows which rows are likelier: the labels belong to their rows."""
    assert "label-noise" not in [finding.id for finding in ranked(shuffled=False).faults]
    assert ranked(shuffled=True).faults[0].id == "label-noise"
