"""What learning rate is too large, too small and right, and what says so."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

import chainrule as cr
from chainrule.api.learning_rate import pose
from chainrule.engine.protocol import Advance, StepSettings
from chainrule.errors import DataError, SettingsError
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.text.tables import columns
from chainrule.training.settings import Settings
from chainrule.training.update_rules import optimizer_from
from chainrule.tune.found import LearningRate, from_dict
from chainrule.tune.hessian import Hessian
from chainrule.tune.laboratory import breaks_at, suggest
from chainrule.tune.level import Level
from chainrule.tune.problem import Problem, RunUnderWay
from chainrule.tune.race import race
from chainrule.tune.stability import Preconditioned, scales, stable_factor
from chainrule.tune.wording import TEXT, digits
from tolerances import ALGEBRA, assert_close

RULES: list[tuple[str, dict[str, Any], float]] = [
    ("sgd", {"momentum": 0.0, "nesterov": False}, 2.0),
    ("sgd", {"momentum": 0.5, "nesterov": False}, 3.0),
    ("sgd", {"momentum": 0.9, "nesterov": False}, 3.8),
    ("sgd", {"momentum": 0.5, "nesterov": True}, 1.5),
    ("sgd", {"momentum": 0.9, "nesterov": True}, 3.8 / 2.8),
    ("sgd_sutskever", {"momentum": 0.9, "nesterov": True}, 3.8 / 2.8),
    ("sgd_sutskever", {"momentum": 0.9, "nesterov": False}, 3.8),
]
FIXED: list[tuple[str, dict[str, Any], float]] = [
    ("adam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e9}, 38.0),
    ("adam", {"beta1": 0.5, "beta2": 0.999, "epsilon": 1e9}, 6.0),
    ("rmsprop", {"rho": 0.99, "epsilon": 1e9}, 2.0),
    ("adagrad", {"epsilon": 1e9}, 2.0),
]
"""Adaptive rules whose √v is lost beside ε, so that what they divide by stays the same."""


def converges(name: str, hyper: dict[str, Any], eta: float, curvature: float) -> bool:
    """Whether θ shrinks on ½·λ·θ² by the reference's own update, once what began at 0 has settled."""
    theta = np.full(1, 1e-150)
    state = OPTIMIZERS[name].start(theta, hyper)
    sizes = []
    for step in range(800):
        theta, state = OPTIMIZERS[name].update(curvature * theta, state, theta, step + 1, eta, **hyper)
        sizes.append(abs(float(theta[0])))
    return max(sizes[-50:]) < max(sizes[200:250])


@pytest.mark.parametrize(("name", "hyper", "factor"), RULES + FIXED)
def test_a_rule_is_stable_up_to_its_bound_and_not_beyond(name: str, hyper: dict[str, Any], factor: float) -> None:
    """One per cent below the bound the update converges on a quadratic, one per cent above it does not."""
    assert stable_factor(name, hyper) == pytest.approx(factor, rel=1e-14)
    for curvature in (0.25, 8.0):
        bound = factor / curvature * hyper.get("epsilon", 1.0)
        assert converges(name, hyper, 0.99 * bound, curvature)
        assert not converges(name, hyper, 1.01 * bound, curvature)


def test_what_an_adaptive_rule_divides_by() -> None:
    """√v + ε of the first gradients; Adagrad forgets nothing; P^−½·H·P^−½ is what its products say."""
    g = np.array([[3.0, 0.0], [4.0, 2.0]])
    assert scales("sgd", {}, g) is None
    assert_close(scales("adam", {"epsilon": 0.5}, g), [np.sqrt(12.5) + 0.5, np.sqrt(2) + 0.5], ALGEBRA)
    assert_close(scales("adagrad", {"epsilon": 0.5}, g), [5.5, 2.5], ALGEBRA)
    parameters = cr.Network([2, 2, 2], "tanh", dtype="float64").parameters
    hessian = Hessian(parameters, np.eye(2), np.array([0, 1], dtype=np.int32))
    P = np.linspace(0.5, 3, hessian.size)
    full = np.stack([Preconditioned(hessian, P) @ unit for unit in np.eye(hessian.size)], axis=1)
    assert_close(full, hessian.dense() / np.sqrt(np.outer(P, P)), ALGEBRA)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_curvature_is_that_of_the_full_hessian(dtype: str) -> None:
    """.curvature is within one per cent of eigvalsh over the rows, .stable_below is 2 over it."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300]
    network = cr.Network([64, 4, 10], "tanh", dtype=dtype, seed=3)
    found = cr.learning_rate(network, X, y, seed=1)
    rows = X.astype(dtype).astype(np.float64)
    values = np.linalg.eigvalsh(Hessian(network.parameters, rows, y.astype(np.int32)).dense())
    assert abs(found.curvature - values[-1]) <= 0.01 * values[-1]
    assert found.stable_below == 2 / found.curvature
    assert found.n_rows == 300


def test_the_three_runs_answer_the_question(digits_found: LearningRate) -> None:
    """A tenth is slower, ten times is worse than both, and both are real runs from the start."""
    tenth, eta, ten = digits_found.runs
    assert eta == digits_found.suggested
    assert tenth == pytest.approx(eta / 10, rel=0.05)
    assert ten == pytest.approx(eta * 10, rel=0.05)
    ends = [digits_found.end(rate) for rate in (tenth, eta, ten)]
    assert ends[1] < 0.5 * ends[0] < ends[0] < ends[2]
    assert digits_found.interval[0] <= eta <= digits_found.interval[1]
    X, y = load_digits(return_X_y=True)
    run = cr.train(
        cr.Network([64, 30, 10], "sigmoid", seed=0), X[:1600] / 16, y[:1600], optimizer=cr.SGD(eta), epochs=4,
        progress=False,
    )  # fmt: skip
    assert run.losses.tolist() == digits_found.runs[eta].tolist()


@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_the_suggestion_follows_the_scale_of_the_inputs(digits_found: LearningRate, scale: float) -> None:
    """Inputs a tenth or ten times as large move the suggestion the other way, out of the old interval."""
    X, y = load_digits(return_X_y=True)
    found = cr.learning_rate(cr.Network([64, 30, 10], "sigmoid", seed=0), X[:1600] * scale / 16, y[:1600])
    moved = found.suggested / digits_found.suggested
    assert moved > 1 if scale < 1 else moved < 1 / 3


def test_it_is_a_function_of_its_arguments(digits_found: LearningRate) -> None:
    """The same again, to the bit, but for the clock; another seed sees other batches."""
    X, y = load_digits(return_X_y=True)
    again = cr.learning_rate(cr.Network([64, 30, 10], "sigmoid", seed=0), X[:1600] / 16, y[:1600], cr.SGD(0.1))
    one, other = (found.to_dict() | {"elapsed_s": 0} for found in (digits_found, again))
    assert one == other
    seeded = cr.learning_rate(cr.Network([64, 30, 10], "sigmoid", seed=0), X[:1600] / 16, y[:1600], seed=9)
    assert seeded.batch_curvature != again.batch_curvature
    assert seeded.curvature == again.curvature


FOUND = {
    "sgd": cr.SGD(), "momentum": cr.SGD(0.1, momentum=0.9), "nesterov": cr.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": cr.Adam(), "adamw": cr.AdamW(), "rmsprop": cr.RMSProp(), "adagrad": cr.Adagrad(),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_every_rule_is_told_and_drawn_in_both_languages(name: str) -> None:
    """Text within 80 columns, a picture that is XML with finite places, JSON without NaN; Adam says approximate."""
    X, y = load_diabetes(return_X_y=True)
    X, y = X / X.std(axis=0), (y - y.mean()) / y.std()
    network = cr.Network([10, 12, 1], "relu", "identity", "squared_error")
    found = cr.learning_rate(network, X, y, FOUND[name], l2=0.001, dropout=0.1, epochs=3)
    assert found.n_steps == 3 * 14
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["suggested"] == found.suggested
    assert found.approximate == (name not in ("sgd", "momentum", "nesterov"))
    for language in TEXT:
        text, picture = found.text(language), found.svg(language)
        assert max(map(columns, text.splitlines())) <= 80
        assert digits(found.suggested) in text
        assert not found.approximate or {"en": "approximate", "ko": "어림값"}[language] in text
        assert ET.fromstring(picture).tag.endswith("svg")
        assert "nan" not in picture and "inf" not in picture
    with pytest.raises(SettingsError, match="language"):
        found.text("xx")


def test_every_sentence_has_both_languages() -> None:
    """The two catalogues have the same sentences with the same slots."""
    import string

    def slots(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert set(TEXT["en"]) == set(TEXT["ko"])
    for name, text in TEXT["en"].items():
        if isinstance(text, str):
            assert slots(text) == slots(TEXT["ko"][name]), name


def test_a_range_test_ends_where_the_loss_breaks() -> None:
    """At four times the lowest smoothed loss, at the first number that is none, or nowhere."""
    etas = np.arange(1.0, 11.0)
    assert breaks_at(etas, np.ones(10)) is None
    assert breaks_at(etas, np.array([1.0] * 6 + [np.inf] * 4)) == 7
    assert breaks_at(etas, np.array([1.0] * 6 + [np.nan] * 4)) == 7
    # s of ones is 1; then 1 + 0.1/(1 − 0.9^7)·(J − 1) = 1 + (J − 1)/5.217: broken from J = 16.66 on
    assert breaks_at(etas, np.array([1.0] * 6 + [16.7] * 4)) == 7
    assert breaks_at(etas, np.array([1.0] * 6 + [16.6] + [1.0] * 3)) is None


class Valley(Problem):
    """Runs that end at (log2 η − 3)², whatever their steps; no number from η = 2^7 on."""

    def __init__(self) -> None:
        self.begun: list[float] = []

    def begin(self) -> Any:
        """A run that is at its end after the first step."""

        class Slope(RunUnderWay):
            def __init__(self, begun: list[float]) -> None:
                self.etas, self.losses, self._stopped, self._begun = np.zeros(0), np.zeros(0), True, begun

            def on(self, etas: np.ndarray) -> None:
                eta = float(etas[0])
                end = (np.log2(eta) - 3) ** 2 if eta < 120 else np.inf
                losses = np.full(len(etas), end)
                if not len(self.losses):
                    self._begun.append(eta)
                    losses[0] = 100.0
                self.etas, self.losses = np.concatenate([self.etas, etas]), np.concatenate([self.losses, losses])

        return Slope(self.begun)


@pytest.mark.parametrize("proposal", [1.0, 2.0**-9, 2.0**9])
def test_the_race_finds_the_valley_from_either_side(proposal: float) -> None:
    """The best is 2^3; within 5 of 100 lie its neighbours up to two octaves away; ends that win are passed."""
    valley = Valley()
    found = race(valley, proposal, 8)
    assert found.suggested in (4, 8)  # of two in the middle the smaller
    assert found.interval[0] in (2, 4) and found.interval[1] in (16, 32)
    assert len(valley.begun) == len(set(valley.begun)) <= 14
    assert all(len(run.losses) == 8 for run in found.runs.values())
    assert all(len(run.losses) == 4 for run in found.given_up.values())


def test_a_hopeless_run_is_given_up_half_way_and_neighbours_of_the_best_are_run() -> None:
    """From 1: 1/4 and 1/16 lag, 4 and 16 do well; beside them 2 and 32 are run; 64 is too far."""
    found = race(Valley(), 1.0, 8)
    # J: 2^0 -> 9, 2^-2 -> 25, 2^2 -> 1, 2^4 -> 1, 2^6 -> 9, 2^1 -> 4, 2^5 -> 4; of 100, within 5 of the best is 6
    assert sorted(found.runs | found.given_up) == [0.25, 1, 2, 4, 16, 32, 64]
    assert found.interval == (2, 32)
    assert found.suggested == 4  # of 4 and 16, both as near to the middle 8, the smaller
    assert not found.given_up  # 25 of 100 is a progress of 75, more than 0.7 of the best


def test_no_rate_that_stays_finite_is_said() -> None:
    """Where every run overflows, the message has the rates that were tried and the remedy."""

    class Cliff(Valley):
        def begin(self) -> Any:
            going, on = super().begin(), RunUnderWay.on
            going.on = lambda etas: on(going, etas)  # it stopped before it began
            return going

    with pytest.raises(DataError, match=r"no learning rate from 1.5e-08 to 4 keeps the loss finite.*Scale"):
        race(Cliff(), 1.0, 8)


def test_where_everything_does_as_well_the_proposal_is_taken() -> None:
    """Rates over eight octaves that end alike need no further runs: the middle is what curvature proposes."""

    class Flat(Valley):
        def begin(self) -> Any:
            going, on = super().begin(), RunUnderWay.on
            going._stopped = False
            going._session = type("Flat", (), {
                "advance": lambda self, first, etas, *_: Advance(np.where(np.arange(len(etas)) + first, 1.0, 3.0)),
                "store": lambda self: (np.zeros(1), {}),
            })()  # fmt: skip
            going._settings = StepSettings()
            going.on = lambda etas: on(going, etas)
            return going

    found = race(Flat(), 0.5, 8)
    assert found.suggested == 0.5
    assert len(found.runs) == 5


def test_unusual_rows_have_a_modest_answer_or_a_message() -> None:
    """One row, constant columns, nothing to learn, one class: a rate near the proposal."""
    network = cr.Network([3, 4, 1], "relu", "identity", "squared_error")
    y = np.linspace(-1, 1, 40)
    for X, targets in ((np.ones((1, 3)), y[:1]), (np.ones((40, 3)), y), (np.zeros((40, 3)), 0 * y)):
        found = cr.learning_rate(network, X, targets)
        assert found.proposal / 20 < found.suggested < 20 * found.proposal
    found = cr.learning_rate(cr.Network([3, 4, 2]), np.ones((40, 3)), np.zeros(40, dtype=int))
    assert found.proposal / 20 < found.suggested < 20 * found.proposal


def test_a_run_that_is_no_number_is_no_winner() -> None:
    """Where runs overflow, the race still suggests a rate that trains, and JSON has null for what is no number."""
    X, y = load_diabetes(return_X_y=True)
    network = cr.Network([10, 32, 32, 1], "identity", "identity", "squared_error")
    found = cr.learning_rate(network, 1e3 * X, y)
    assert found.end(found.suggested) < found.start
    result = found.to_dict()
    assert None in result["given_up"]["loss"] + result["race"]["loss"]
    assert None in result["range_test"]["loss"]
    assert found.breaks_at < 1000 * found.suggested
    assert "inf" not in found.svg()


def test_auto_is_a_race_of_half_the_steps() -> None:
    """What learning_rate="auto" takes costs a hundred steps a run, half of them where one lags, and a few products."""
    X, y = load_digits(return_X_y=True)
    problem = pose(cr.Network([64, 16, 10]), X / 16, y, Settings(optimizer=optimizer_from("sgd")))
    found = suggest(problem)
    assert found.n_steps == 100
    assert found.n_run_steps == 100 * len(found.race.etas) + 50 * len(found.given_up.etas) <= 800
    assert found.n_products <= 2 * 15
    assert found.interval[0] <= found.suggested <= found.interval[1]
    assert min(found.runs) < found.suggested < max(found.runs)


def test_a_single_best_rate_is_tried_for_longer() -> None:
    """Where one run is best by far, the runs are repeated around it, twice as long."""
    X, y = load_digits(return_X_y=True)
    network = cr.Network([64, 64, 64, 10], "tanh", seed=1)
    problem = pose(network, X / 160, y, Settings(optimizer=optimizer_from({"name": "sgd", "momentum": 0.9}), seed=1))
    short = race(problem, Level(problem, 2, 0.1).proposal, 100)
    assert short.interval[0] == short.interval[1]
    found = suggest(problem)
    assert found.n_steps == 200
    assert found.n_run_steps > short.n_steps + 300


def test_what_is_kept_is_what_was_found(digits_found: LearningRate) -> None:
    """from_dict is the inverse of to_dict, through JSON, for both ways; words and pictures are the same."""
    X, y = load_digits(return_X_y=True)
    short = suggest(pose(cr.Network([64, 16, 10]), X, y, Settings(optimizer=optimizer_from("adam"))))
    for found in (digits_found, short):
        again = from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
        assert type(again) is type(found)
        assert again.to_dict() == found.to_dict()
        for language in TEXT:
            assert again.text(language) == found.text(language)
            assert again.svg(language) == found.svg(language)


def test_refusals() -> None:
    """No rows, and a start that is not finite, are refused with a remedy."""
    network = cr.Network([2, 3, 2], dtype="float64")
    with pytest.raises(DataError, match="0 rows"):
        cr.learning_rate(network, np.zeros((0, 2)), np.zeros(0, dtype=int))
    network.W[1][0, 0] = np.inf
    with pytest.raises(DataError, match="not finite"):
        cr.learning_rate(network, np.ones((4, 2)), np.array([0, 1, 0, 1]))
