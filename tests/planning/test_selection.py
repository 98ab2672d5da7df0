"""Model selection: noise gets a simple training, a pattern a free one; the choice is a function of the seed."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import chainrule as cr
from chainrule.api.model_selection import choose
from chainrule.api.network import Network
from chainrule.api.train import train
from chainrule.api.trial import network_of, tried
from chainrule.data.split import HeldOut, holdout, repeated_holdout
from chainrule.data.table import Table, column_of
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.planning.inputs import EncodedRows
from chainrule.planning.neighbour_trials import with_neighbours
from chainrule.planning.plan import N_SPLITS, Resample, TrainingPlan, plan_table
from chainrule.planning.presets import preset
from chainrule.planning.request import Request
from chainrule.planning.selection import select, select_by_folds, select_by_holdout
from chainrule.planning.summary import tried as tried_in_words
from chainrule.planning.task import choose_task
from chainrule.planning.trials import Fitted
from chainrule.planning.trials import tried as tried_on
from tolerances import PARITY


def plan_of(X: npt.NDArray[Any], y: npt.NDArray[Any], **asked: Any) -> TrainingPlan:
    """The plan of rows of numbers."""
    columns = tuple(column_of(f"x{j}", X[:, j]) for j in range(X.shape[1]))
    table = Table(path="rows", columns=columns, targets=(column_of("y", y),))
    return plan_table(table, Request(**asked), choose_task(table.targets, "auto"), {})


def test_the_best_of_those_tried_is_taken_and_the_longest_where_the_freest_was_best_by_far() -> None:
    """Of equals the simpler; a training that failed is never taken, unless all did."""
    assert select_by_holdout(1, lambda index: pytest.fail("nothing to try")) == 0
    assert select_by_holdout(4, [0.3, 0.2, 0.25].__getitem__) == 1
    assert select_by_holdout(4, [0.3, 0.2, 0.1].__getitem__) == 3
    assert select_by_holdout(4, [0.3, 0.2, 0.19].__getitem__) == 2
    assert select_by_holdout(4, [-0.3, -0.2, -0.31].__getitem__) == 2
    assert select_by_holdout(4, [math.inf, math.inf, 0.5].__getitem__) == 2
    assert select_by_holdout(4, [0.2, 0.2, math.inf].__getitem__) == 0


def test_of_folds_the_lowest_loss_is_taken_and_the_longest_tried_only_behind_a_leader() -> None:
    """The longest is tried where the candidate before it led."""
    assert select_by_folds(3, [0.44, 0.42, 0.1].__getitem__) == 2
    assert select_by_folds(3, [0.42, 0.44, 0.1].__getitem__) == 0
    assert select_by_folds(1, [0.1].__getitem__) == 0


def chosen(noise: float) -> int:
    """The candidate taken for 750 rows of a product of signs under noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((750, 4))
    chance = np.where(X[:, 0] * X[:, 1] > 0, 1 - noise, noise)
    return choose(plan_of(X, (rng.random(750) < chance).astype(np.int64), seed=3)).index


def test_a_pattern_gets_a_free_training_and_chance_does_not() -> None:
    """Without noise the longest training is done; of chance one of the two simplest, and the same again."""
    assert chosen(0.0) == 3
    assert chosen(0.5) == chosen(0.5) <= 1


def test_few_rows_are_held_out_in_several_ways_and_each_is_a_hold_out_of_its_own_seed() -> None:
    """Three parts of 600 rows, with the seeds 5, 6, 7, stratified; of 1,500 rows the part that judges epochs alone."""
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((600, 2)), rng.integers(0, 2, 600)
    plan = plan_of(X, y, seed=5)
    resamples = list(plan.resamples(plan.candidates[0]))
    assert [resample.seed for resample in resamples] == [5, 6, 7]
    order = resamples[0].rows[1]
    for resample, (kept, out) in zip(resamples, repeated_holdout(600, 0.2, [5, 6, 7], order), strict=True):
        assert isinstance(resample.validation, HeldOut)
        assert np.array_equal(resample.validation.out, out) and np.array_equal(resample.validation.kept, kept)
        assert np.array_equal(holdout(600, 0.2, resample.seed, order)[1], out)
    many = plan_of(rng.standard_normal((1500, 2)), rng.integers(0, 2, 1500))
    (only,) = many.resamples(many.candidates[0])
    assert only.validation is many.candidates[0].rows.validation


def test_what_was_tried_is_kept_as_plain_values() -> None:
    """Losses of every resample, their mean, seconds; model selection needs nobody but a function that trains."""
    plan = plan_of(np.random.default_rng(1).standard_normal((600, 2)), np.arange(600) % 2, neighbours=False)
    asked: list[tuple[int, int]] = []

    def fit(candidate: Any, resample: Resample) -> Fitted:
        asked.append((candidate.settings["epochs"], candidate.settings["seed"]))
        return Fitted(float(resample.seed), None)

    selection = select(plan, fit)
    assert (selection.index, len(selection.trials), len(asked)) == (0, 3, 3 * N_SPLITS)
    first = selection.trials[0].to_dict()
    assert first["losses"] == [0.0, 1.0, 2.0] and first["loss"] == 1.0 and first["seconds"] >= 0
    assert set(first) == {"candidate", "name", "settings", "losses", "loss", "seconds", "n_columns"}
    assert json.loads(json.dumps(first)) == first


def test_the_loss_of_the_folds_is_weighted_and_what_cannot_be_told_is_left_out() -> None:
    """The mean is by the weight of each fold; rows in one fold alone tell nothing, nor does a fold without a fit."""
    y = np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.5])
    plan = plan_of(np.arange(6.0)[:, None] ** 2, y, few_rows="always")
    plan = replace(plan, fold=np.array([0, 0, 1, 1, 2, 2]))
    weighted = replace(plan.candidates[0], rows=replace(plan.candidates[0].rows, weight=np.array([1, 1, 2, 2, 3, 3])))
    plan = replace(plan, candidates=(weighted, *plan.candidates[1:]))

    net: Any = "net"

    def on_each(plan: TrainingPlan, fit: Any) -> Any:
        return tried_on(plan, [0], plan.candidate, dict, fit)[0]

    trial = on_each(plan, lambda candidate, resample: Fitted(float(resample.fold), net))
    assert trial.losses == (0.0, 1.0, 2.0) and trial.loss == pytest.approx((2 * 0 + 4 * 1 + 6 * 2) / 12)
    assert trial.models == (net,) * 3
    one = on_each(plan, lambda candidate, resample: Fitted(2.0, net) if resample.fold else None)
    assert one.loss == 2.0 and one.models == (None, net, net)
    alone = on_each(replace(plan, fold=np.zeros(6, np.int64)), lambda *_: pytest.fail("one fold"))
    assert (alone.loss, alone.models) == (math.inf, (None,) * 3)


def test_a_fold_that_leaves_one_class_tells_nothing() -> None:
    """It is passed over, whatever the others say."""
    plan = plan_of(np.arange(12.0)[:, None] ** 2, np.array([0] * 8 + [1] * 4), few_rows="always")
    plan = replace(plan, fold=np.array([0] * 4 + [1] * 4 + [2] * 4))
    trial = choose(plan).trials[0]
    assert [model is None for model in trial.models] == [False, False, True] and len(trial.losses) == 2


def test_the_loss_of_a_fold_is_that_of_the_last_epoch() -> None:
    """Looked at in every epoch or only at the end, the rows outside have the same loss."""
    rng = np.random.default_rng(5)
    plan = plan_of(rng.standard_normal((60, 3)), rng.standard_normal(60), few_rows="always")
    (resample, *_) = plan.resamples(plan.candidates[3])
    found = tried(plan.candidates[3], resample)
    again = tried(plan.candidates[3], replace(resample, validation=resample.outside, outside=None))
    assert found is not None and again is not None
    assert found[0] == pytest.approx(again[0], rel=PARITY)


@pytest.mark.parametrize("n_rows", [300, 1_600])
@pytest.mark.parametrize("stated", [{}, {"early_stopping": 3}])
def test_the_loss_of_a_trial_is_that_of_the_history(n_rows: int, stated: dict[str, Any]) -> None:
    """Held-out rows are measured at the end or, where a rule or a choice reads epochs, in each: with the same bits."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((n_rows, 3))
    plan = plan_of(X, np.where(X[:, 0] * X[:, 1] > 0, "a", "b"), settings=stated, preset="strong")
    candidate = plan.candidates[1]
    for resample in plan.resamples(candidate):
        X, y, _ = resample.rows
        run = train(
            network_of(candidate), X, y, validation=resample.validation, optimizer=candidate.optimizer, progress=False,
            **candidate.settings | {"seed": resample.seed},
        )  # fmt: skip
        trial = tried(replace(candidate, settings=candidate.settings | {"seed": resample.seed}), resample)
        assert trial is not None and trial[0] == run.history["validation_loss"][-1]


def test_neighbours_are_looked_up_once_for_all_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """On each resample, and every candidate is shown the same rows."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((240, 2))
    plan, found, looked_up = plan_of(X, X[:, 0] * X[:, 1], few_rows="never"), dict[int, EncodedRows](), list[int]()
    with_them = [with_neighbours(plan, candidate, found) for candidate in plan.candidates[1:]]
    look = TablePipeline.with_neighbours
    monkeypatch.setattr(TablePipeline, "with_neighbours", lambda *given: looked_up.append(1) or look(*given))
    seen = [[resample.rows[0] for resample in plan.resamples(candidate)] for candidate in with_them]
    assert len(looked_up) == N_SPLITS
    assert all(rows is again for first, *others in zip(*seen, strict=True) for rows in (first,) for again in others)
    assert not np.array_equal(seen[0][0], seen[0][1])


def test_a_training_that_fails_has_an_infinite_loss_and_warns_of_nothing() -> None:
    """A divergence is inf."""
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((600, 2)), 1e4 * rng.standard_normal(600)
    plan = plan_of(X, y, settings={"optimizer": "sgd", "learning_rate": 1e30}, preset="plain")
    (resample, *_) = plan.resamples(plan.candidates[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = tried(plan.candidates[-1], resample)
    assert done is not None and done[0] == math.inf


def test_classes_are_judged_by_loss_and_accuracy_is_told_beside_it() -> None:
    """metric="loss": the best epoch has the lowest validation loss; the history holds the accuracy of every epoch."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((80, 5)).astype(np.float32)
    y = (X[:, 0] + rng.standard_normal(80) > 0).astype(np.int64)
    network = Network([5, 32, 1], output="sigmoid")
    run = train(
        network, X, y, validation=0.3, metric="loss", epochs=40, optimizer={"name": "adam", "learning_rate": 0.02}
    )
    losses = run.history["validation_loss"]
    assert run.result["best_epoch"] == int(np.argmin(losses)) < 39
    assert run.result["best_score"] == min(losses)
    assert len(run.history["accuracy"]) == 40
    assert preset("auto", n_rows=900, n_numbers=3, is_class=True).settings["metric"] == "loss"
    assert preset("auto", n_rows=900, n_numbers=3, is_class=False).settings["metric"] == "auto"


def said_of(n: int, losses: dict[int, float | None]) -> str:
    """The line about n rows of two classes whose candidates come to these losses; None: no fold says anything."""
    rng = np.random.default_rng(2)
    plan = plan_of(rng.standard_normal((n, 2)), np.arange(n) % 2)
    names = [candidate.name for candidate in plan.candidates]

    def fit(candidate: Any, resample: Resample) -> Any:
        loss = losses.get(names.index(candidate.name), 0.5)
        return None if loss is None else Fitted(loss, None)

    return tried_in_words(plan, select(plan, fit))["tried"]


def test_what_was_not_compared_is_not_said_to_be_the_best() -> None:
    everything = dict.fromkeys(range(9))
    assert said_of(30, everything) == (
        "candidates could not be compared: no fold leaves rows that can be trained on and others to judge by; the "
        "simplest is taken"
    )
    diverged = said_of(30, dict.fromkeys(everything, math.inf))
    assert "inf" not in diverged and diverged.count(": diverged") == 5
    assert diverged.endswith("(mean loss of 3 folds; the simplest is taken)")
    some = said_of(30, {0: math.inf, 1: None, 2: 0.25})
    assert ": diverged; " in some and ": not judged; " in some and "30 epochs: 0.25; " in some
    assert some.endswith("(mean loss of 3 folds; the best is taken)")


@pytest.mark.parametrize("y", [["a", "b"], [2.5, 3.7]])
def test_two_rows(y: list[Any]) -> None:
    """Of one class in each fold nothing can be said; of values two folds say something, or one fold has both rows."""
    table = Table(path="rows", columns=(column_of("x", np.array([1.0, 2.0])),), targets=(column_of("y", np.array(y)),))
    plan = plan_table(table, Request(), choose_task(table.targets, "auto"), {})
    said = tried_in_words(plan, choose(plan))["tried"]
    assert "inf" not in said
    assert ("could not be compared" in said) or "mean loss of 2 folds" in said


@pytest.mark.parametrize(
    ("n_rows", "width", "rates"), [(4_999, 128, 2), (5_000, 128, 3), (99_999, 128, 3), (100_000, 256, 2)]
)
def test_width_and_rates_follow_the_rows(n_rows: int, width: int, rates: int) -> None:
    """Networks of auto grow in thousands of rows; those in between are learned at a higher rate."""
    long = preset("auto", n_rows=n_rows, n_numbers=3, is_class=False)
    assert {one.hidden_sizes for one in (long, *long.simpler[1:])} == {(width, width)}
    assert long.simpler[-1].optimizer["learning_rate"] == rates / 1000
    assert (long.optimizer["learning_rate"] > 0.002) == (rates > 2)


def test_the_longest_training_ends_where_nothing_is_gained() -> None:
    """After half of its epochs without a better one; not where epochs are stated, or patience is."""
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=1_700), "y": rng.normal(size=1_700)}

    def patience(**stated: Any) -> Any:
        settings = cr.plan(table, target="y", **stated).details.candidates[-1].settings
        return settings["epochs"], settings["early_stopping"]

    epochs, waited = patience()
    assert 0.5 * epochs <= waited < 0.5 * epochs + 1
    assert patience(epochs=30) == (30, None) and patience(early_stopping=7) == (epochs, 7)
    assert patience(early_stopping=None) == (epochs, None)
