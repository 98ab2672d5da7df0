"""Neighbours are inputs where rows held out say so, and then by all that the plan, the run and the record show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from chainrule.api.load import load
from chainrule.api.model_selection import choose, train_candidate
from chainrule.api.network import Network
from chainrule.api.plan import plan as plan_of_source
from chainrule.api.run import Run
from chainrule.api.trial import tried
from chainrule.data.table import Table, column_of
from chainrule.errors import SettingsError
from chainrule.planning import summary
from chainrule.planning.neighbour_trials import best_distance, may_have_neighbours, moves, with_neighbours
from chainrule.planning.plan import TrainingPlan, plan_table
from chainrule.planning.request import Request
from chainrule.planning.selection import Selected
from chainrule.planning.task import choose_task

Array = npt.NDArray[Any]


def rows(n: int, seed: int = 0, noise: bool = False) -> tuple[Array, Array]:
    """Targets by a board of 24 × 24 fields, each of a value of its own: what a short training does not learn."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 24, (n, 2))
    board = np.random.default_rng(7).standard_normal((24, 24))
    i, j = X.astype(int).T
    return X, rng.standard_normal(n) if noise else board[i, j]


def may(plan: TrainingPlan) -> bool:
    return may_have_neighbours(plan, plan.candidates[-1].pipeline)


def plan_of(X: Array, y: Array, given: tuple[Array, Array] | None = None, **asked: Any) -> TrainingPlan:
    def table(X: Array, y: Array) -> Table:
        columns = tuple(column_of(f"x{j}", X[:, j]) for j in range(X.shape[1]))
        return Table(path="rows", columns=columns, targets=(column_of("y", y),))

    whole = table(X, y)
    validation = {} if given is None else {"validation": table(*given)}
    return plan_table(whole, Request(**asked), choose_task(whole.targets, "auto"), validation)


@pytest.fixture(scope="module")
def board() -> tuple[TrainingPlan, Selected]:
    plan = plan_of(*rows(3000))
    return plan, choose(plan, progress=False)


def test_local_structure_takes_neighbours_and_noise_does_not(board: tuple[TrainingPlan, Selected]) -> None:
    """The board's fields are told by the nearest rows alone; of noise they say nothing, and nothing more is tried."""
    _, chosen = board
    assert chosen.candidate.n_neighbours == 2400
    before = [trial for trial in chosen.trials if not trial.has_neighbours]
    after = [trial for trial in chosen.trials if trial.has_neighbours]
    assert [trial.candidate for trial in before] == [0, 1, 2] and sorted(trial.candidate for trial in after) == [1, 2]
    assert min(trial.loss for trial in after) < 0.5 * min(trial.loss for trial in before)
    noise = choose(plan_of(*rows(3000, noise=True)), progress=False)
    assert noise.candidate.n_neighbours == 0 and len(noise.trials) == 3


def test_what_is_said_of_it(board: tuple[TrainingPlan, Selected]) -> None:
    """The summary, the names of the inputs and the record of the trials."""
    plan, chosen = board
    assert "2,400 training rows and their targets" in summary.training(chosen.candidate)["neighbours"]
    assert ", neighbours, " in summary.tried(plan, chosen)["tried"]
    assert chosen.candidate.pipeline.names[-1] == "distance of nearest row 5"
    assert [bool(entry.get("has_neighbours")) for entry in chosen.record] == [False] * 3 + [True] * 2
    assert plan.record(chosen.index, chosen.record, chosen.candidate)["neighbours"] == 2400
    assert "neighbours" not in plan.record(chosen.index)


def test_the_run_predicts_rows_by_their_neighbours_and_replays(
    board: tuple[TrainingPlan, Selected], tmp_path: Path
) -> None:
    """Better than without by far; every step again to the bit; the loaded run predicts the same."""
    plan, chosen = board
    run = train_candidate(plan, chosen, directory=tmp_path / "run", progress=False)
    X, y = rows(400, seed=1)
    table = {"x0": X[:, 0], "x1": X[:, 1]}
    predicted = run.predict(table)
    assert np.mean((predicted - y) ** 2) < 0.5 * y.var()
    loaded = load(tmp_path / "run")
    assert isinstance(loaded, Run) and np.array_equal(loaded.predict(table), predicted)
    model = load(tmp_path / "run" / "model.safetensors")
    assert np.array_equal(model.predict(table), predicted)
    step = loaded.replay(run.n_steps - 1)
    assert np.isfinite(step.backward.loss)
    assert loaded.record.source is not None and loaded.record.source["neighbours"] == 2400
    assert "2,400 training rows" in loaded._repr_html_()
    again = choose(plan, begun=tmp_path / "run")
    assert again.index == chosen.index and np.array_equal(again.candidate.rows.X, chosen.candidate.rows.X)


def test_nothing_is_stored_where_it_is_not_wanted_or_not_possible() -> None:
    """By request; below 500 rows; in very many columns; without trials."""
    X, y = rows(3000)
    assert may(plan_of(X, y)) and not may(plan_of(X, y, neighbours=False))
    assert not may(plan_of(X[:300], y[:300]))
    wide = np.random.default_rng(0).standard_normal((600, 300))
    assert not may(plan_of(wide, wide[:, 0]))
    assert choose(plan_of(X, y, settings={"epochs": 2}), progress=False).candidate.n_neighbours == 0
    refused: Any = 1
    with pytest.raises(SettingsError, match="neighbours=1: must be True or False"):
        Request(neighbours=refused)


def test_rows_given_to_judge_by_have_neighbours_among_the_training_rows() -> None:
    """All rows are trained on, and what judges them is looked up among them."""
    plan = plan_of(*rows(1500), given=rows(700, seed=2), validation="given")
    candidate = plan.candidates[1]
    near = with_neighbours(plan, candidate)
    assert near.n_neighbours == 1500 and not isinstance(near.rows.validation, type(None))
    judged = near.rows.validation
    assert isinstance(judged, tuple) and judged[0].shape == (700, near.rows.X.shape[1])
    assert np.array_equal(judged[0], near.pipeline.features(plan.parts["validation"], "float32"))
    assert near.network.sizes[0] == near.rows.X.shape[1] == candidate.network.sizes[0] + 6


def test_of_few_rows_every_way_to_hold_out_has_neighbours_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows held out are nobody's neighbour: their targets change no input of the rows trained on."""
    X, y = rows(600)
    plan = plan_of(X, y)
    one = list(plan.resamples(with_neighbours(plan, plan.candidates[1])))
    held_out = one[1].validation
    assert hasattr(held_out, "out")
    order = np.concatenate([plan.candidates[1].rows.validation.kept, plan.candidates[1].rows.validation.out])  # type: ignore[union-attr]
    other = y.copy()
    other[order[held_out.out]] += 3.0  # type: ignore[union-attr]
    two = list(plan_of(X, other).resamples(with_neighbours(plan_of(X, other), plan_of(X, other).candidates[1])))
    n_own = plan.candidates[1].network.sizes[0]
    kept = held_out.kept  # type: ignore[union-attr]
    scaled = lambda Z: Z[:, n_own:] - Z[:, n_own:].mean(axis=0)  # noqa: E731
    a, b = scaled(one[1].rows[0][kept]), scaled(two[1].rows[0][kept])
    assert np.array_equal(a[:, -2:], b[:, -2:])  # distances
    correlation = [abs(np.corrcoef(a[:, j], b[:, j])[0, 1]) for j in range(a.shape[1])]
    assert min(correlation) > 1 - 1e-6  # the same means, in the scale of the targets


class Linear:
    """A network z = x @ w of the first inputs."""

    architecture = Network([2, 1], output="identity", loss="squared_error").architecture

    def __init__(self, w: Array) -> None:
        self.w = w

    def predict(self, X: Array) -> Array:
        return X[:, : len(self.w)] @ self.w

    def logits(self, X: Array) -> Array:
        return self.predict(X)[:, None]


def test_the_screen_is_the_share_of_the_squared_error_that_a_step_saves() -> None:
    """A network that predicts 0 leaves the board to its neighbours; one that predicts the truth leaves nothing."""
    plan = plan_of(*rows(3000))
    candidate = plan.candidates[1]
    truth = candidate.pipeline.target.encode(plan.parts["validation"])

    class Fixed(Linear):
        def predict(self, X: Array) -> Array:
            return self.w[: len(X)] if len(X) == len(truth) else np.zeros(len(X))

    resample = next(plan.resamples(candidate))
    empty, exact = (best_distance(plan, candidate, Fixed(z), resample) for z in (np.zeros(len(truth)), truth.ravel()))
    assert 0.4 < empty.saved < 1 and exact.saved == 0


def test_a_column_moves_the_outputs_as_far_as_its_weight_says() -> None:
    """z = 3 a + b + 0 c of three equally spread columns: 1, a third and nothing, in steps of 1 / 1024."""
    rng = np.random.default_rng(3)
    plan = plan_of(rng.standard_normal((3000, 3)), rng.standard_normal(3000), n_bins=0)
    rows_ = plan.candidates[1].rows
    found = moves(Linear(np.array([3.0, 1.0, 0.0])), rows_.pipeline, rows_.X, 0)
    assert found["x0"] == 1.0 and found["x1"] == pytest.approx(1 / 3, rel=0.1) and found["x2"] == 0.0
    assert all(share * 1024 == int(share * 1024) for share in found.values())
    assert moves(Linear(np.zeros(3)), rows_.pipeline, rows_.X, 0) == {}


def test_columns_that_tell_nothing_do_not_part_neighbours(tmp_path: Path) -> None:
    """Beside eight columns of noise the board is found as well, by a distance that hardly sees them; a run goes on
    with the same distance."""
    X, y = rows(3000)
    noise = np.random.default_rng(5).standard_normal((3000, 8))
    plan = plan_of(np.hstack([X, noise]), y + X.sum(axis=1) / 8)  # a slope shows the network which columns matter
    chosen = choose(plan, progress=False)
    influence = chosen.candidate.rows.influence
    assert influence is not None and min(influence["x0"], influence["x1"]) > 4 * max(
        influence[f"x{j}"] for j in range(2, 10)
    )
    alike = best_alike(plan, chosen)
    assert min(trial.loss for trial in chosen.trials if trial.has_neighbours) < 0.7 * alike
    run = train_candidate(plan, chosen, directory=tmp_path / "run", progress=False)
    assert run.record.source is not None and run.record.source["influence"] == dict(influence)
    again = choose(plan, begun=tmp_path / "run")
    assert np.array_equal(again.candidate.rows.X, chosen.candidate.rows.X)


def best_alike(plan: TrainingPlan, chosen: Selected) -> float:
    """The least loss of the same candidates by a distance to which all columns count alike."""
    tries = {trial.candidate for trial in chosen.trials if trial.has_neighbours}
    near = [with_neighbours(plan, plan.candidates[index]) for index in tries]
    done = [tried(candidate, next(plan.resamples(candidate))) for candidate in near]
    return min(one[0] for one in done if one is not None)


def test_a_plan_of_python_takes_the_same_word(tmp_path: Path) -> None:
    """neighbours=False of cr.plan."""
    X, y = rows(600)
    path = tmp_path / "rows.csv"
    path.write_text("a,b,y\n" + "\n".join(f"{a},{b},{t}" for (a, b), t in zip(X, y, strict=True)), "utf-8")
    assert not plan_of_source(path, target="y", neighbours=False).details.request.neighbours
