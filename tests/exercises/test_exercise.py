"""Exercises by hand: the numbers are those of the engine, mistakes are recognised, hints lead to the number."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tests import tolerances

import chainrule as cr
from chainrule.exercises.entry import Entry, entries
from chainrule.exercises.exercise import number_of
from chainrule.exercises.mistakes import MISTAKES, tolerance
from chainrule.exercises.problem import GivenStep, passes
from chainrule.network.architecture import Architecture

HEADS = [("relu", "identity", "squared_error", (2, 2, 1)), ("sigmoid", "sigmoid", "squared_error", (2, 2, 2)),
         ("tanh", "sigmoid", "cross_entropy", (3, 2, 1)), ("sigmoid", "softmax", "cross_entropy", (2, 3, 3)),
         ("relu", "identity", "squared_error", (2, 3, 2, 1))]  # fmt: skip


def by_hand() -> GivenStep:
    """x = (1, 2), one hidden relu that is on and one that is off, y = 1: small enough for a sheet of paper."""
    W: list[Any] = [None, np.array([[1.0, -1.0], [0.5, -0.5]]), np.array([[2.0], [3.0]])]
    b: list[Any] = [None, np.array([0.5, 0.0]), np.array([-1.0])]
    return GivenStep(
        architecture=Architecture.build([2, 2, 1], "relu", "identity", "squared_error", "float64"),
        X=np.array([[1.0, 2.0], [0.0, 1.0]]), y=np.array([[1.0], [0.0]]), W=W, b=b, learning_rate=0.1,
    )  # fmt: skip


def test_numbers_by_hand() -> None:
    """z1 = (2.5, −2), (1, −0.5); a2 = 4, 1; J = ½(½·9 + ½·1) = 2.5; delta2 = 1.5, 0.5; delta1 = (3, 0), (1, 0)."""
    step = passes(by_hand())
    assert step.z[1].tolist() == [[2.5, -2.0], [1.0, -0.5]]
    assert step.a[2].tolist() == [[4.0], [1.0]]
    assert step.loss == 2.5
    assert step.delta[2].tolist() == [[1.5], [0.5]]
    assert step.delta[1].tolist() == [[3.0, 0.0], [1.0, 0.0]]
    assert step.dW[1].tolist() == [[3.0, 0.0], [7.0, 0.0]]
    assert step.db[2].tolist() == [2.0]
    np.testing.assert_allclose(step.W[1], [[0.7, -1.0], [-0.2, -0.5]], rtol=tolerances.HAND)


@pytest.mark.parametrize(("activation", "output", "loss", "sizes"), HEADS)
def test_solutions_are_the_step_of_a_training(activation: str, output: str, loss: str, sizes: tuple[int, ...]) -> None:
    """One step of SGD on the same network and rows has these gradients and ends at these weights."""
    ex = cr.exercise(5, sizes, activation, output, loss, n_rows=3)
    net = cr.Network(sizes, activation, output, loss, dtype="float64")
    for l in range(1, len(sizes)):
        net.W[l][...], net.b[l][...] = ex.given.W[l], ex.given.b[l]
    y = ex.given.y.argmax(axis=1) if output == "softmax" else ex.given.y
    g = net.backward(ex.given.X, y)
    run = cr.train(net, ex.given.X, y, optimizer=cr.SGD(ex.given.learning_rate), batch_size=3, epochs=1, progress=False)
    assert g.loss == pytest.approx(ex.right.loss, abs=tolerances.HAND)
    for l in range(1, len(sizes)):
        np.testing.assert_allclose(g.delta[l], ex.right.delta[l], atol=tolerances.HAND)
        np.testing.assert_allclose(g.dW[l], ex.right.dW[l], atol=tolerances.HAND)
        np.testing.assert_allclose(run.network.W[l], ex.right.W[l], atol=tolerances.HAND)


MADE_BY_HAND = {
    "no_bias": ("z1[0,0]", 2.0),
    "no_activation": ("a1[0,1]", -2.0),
    "no_slope": ("delta1[0,1]", 4.5),
    "wrong_sign": ("delta2[0,0]", -1.5),
    "transposed": ("z1[0,0]", -0.5),
    "no_mean": ("delta2[0,0]", 3.0),
    "no_half": ("loss", 5.0),
    "one_row": ("dW1[1,0]", 6.0),
    "inputs_before_activation": ("dW2[1,0]", -3.25),
    "value_for_slope": ("delta1[0,0]", 7.5),
    "no_weights": ("delta1[0,0]", 1.5),
    "new_weights": ("delta1[0,0]", 2.3625),
    "no_learning_rate": ("W2[0,0]", -2.25),
    "only_the_change": ("W2[0,0]", 0.425),
}


@pytest.mark.parametrize("mistake", MADE_BY_HAND)
def test_every_mistake_is_recognised(mistake: str) -> None:
    """Numbers that a learner gets by hand with one thing wrong: each is said to be what it is."""
    name, answer = MADE_BY_HAND[mistake]
    if mistake == "no_half":  # with two rows it is the same number as without 1/n
        one = cr.exercise(0, n_rows=1)
        assert one.check("loss", 2 * one.right.loss).mistake == "no_half"
        return
    ex = cr.exercise(0)
    ex.given, ex.right = by_hand(), passes(by_hand())
    marked = ex.check(name, answer)
    assert not marked.is_right
    assert marked.mistake == mistake
    assert "not yet" in marked.text()
    assert "아직" in marked.text("ko")


def test_one_slope_too_many() -> None:
    """Cross-entropy on sigmoid: (a − y)·a·(1 − a)/n is recognised."""
    ex = cr.exercise(2, (2, 2, 1), "sigmoid", loss="cross_entropy", n_rows=1)
    a = ex.right.a[2][0, 0]
    assert ex.check("delta2[0,0]", (a - ex.given.y[0, 0]) * a * (1 - a)).mistake == "extra_slope"
    assert {*MADE_BY_HAND, "extra_slope"} == set(MISTAKES)


@pytest.mark.parametrize(("activation", "output", "loss", "sizes"), HEADS)
@pytest.mark.parametrize("seed", range(4))
def test_right_answers_are_right_and_no_mistake_is(
    activation: str, output: str, loss: str, sizes: tuple[int, ...], seed: int
) -> None:
    """Right numbers, rounded to four decimals too, are right; what a mistake gives is not."""
    ex = cr.exercise(seed, sizes, activation, output, loss)
    for entry in ex.entries:
        value = entry.of(ex.right)
        assert ex.check(str(entry), value).is_right
        assert ex.check(str(entry), f"{value:.4f}").is_right
        for _, wrong in ex.wrong(entry):
            assert not ex.check(str(entry), wrong).is_right


def evaluated(text: str) -> float:
    """The number that a hint without symbols comes to: sums and products alone."""
    plain = re.sub(r"e\^\(?(-?[\d.e-]+)\)?", r"np.exp(\1)", text).replace("·", "*").replace("−", "-")
    assert re.fullmatch(r"[-+*/().\d e]|(np\.exp|[-+*/().\d e])+", plain), plain
    return float(eval(plain, {"np": np}))


@pytest.mark.parametrize(("activation", "output", "loss", "sizes"), HEADS)
def test_hints_give_one_factor_more_and_end_in_numbers(
    activation: str, output: str, loss: str, sizes: tuple[int, ...]
) -> None:
    """No hint repeats another; fewer symbols are left each time; the last is arithmetic that gives the answer."""
    ex = cr.exercise(3, sizes, activation, output, loss)
    for entry in entries(ex.given):
        rule, *formulas = ex.hints(str(entry))
        assert len(formulas) >= 2
        left = [len(re.findall(r"[a-zA-Zη]+\d?\[|η|loss_|1/n|/n", text)) for text in formulas]
        assert left == sorted(left, reverse=True)
        assert rule != ex.hints(str(entry), "ko")[0]
        last = re.split(" [=←] ", formulas[-1])[-1]
        if not last.startswith("g("):
            value = entry.of(ex.right)
            assert evaluated(last) == pytest.approx(value, abs=2e-4 + 1e-3 * abs(value)), formulas[-1]


def test_a_seed_is_a_sheet() -> None:
    """The same seed, the same sheet; another seed, other numbers; relu needs no calculator."""
    first = cr.exercise(7)
    assert first.text() == cr.exercise(seed=7).text() != cr.exercise(8).text()
    for seed in range(12):
        ex = cr.exercise(seed)
        values = [entry.of(ex.right) for entry in entries(ex.given)]
        assert all(round(value, 4) == pytest.approx(value, abs=1e-12) for value in values)
        assert max(map(abs, values)) <= 15
        assert len(ex.blanks) == len(set(ex.blanks)) == 10
        assert sum(value == 0 for value in ex.solution.values()) <= 3


def test_the_numbers_of_a_seed_stay() -> None:
    """A sheet that a class has printed is still that of its seed."""
    ex = cr.exercise(0)
    assert ex.given.X.tolist() == SEED_0["X"]
    assert list(ex.blanks) == SEED_0["blanks"]
    assert ex.solution["loss"] == SEED_0["loss"]


SEED_0: dict[str, Any] = {
    "X": [[0.0, 1.0], [-2.0, 0.0]],
    "blanks": ["z1[1,1]", "z2[0,0]", "loss", "delta2[0,0]", "dW2[1,0]", "db2[0]", "delta1[1,0]", "dW1[0,1]", "W1[1,0]",
               "W2[1,0]"],
    "loss": 7.0625,
}  # fmt: skip


def test_a_sheet_is_marked() -> None:
    """Nine right and one wrong of ten: 9 of 10; names that are no blanks are refused with those that are."""
    ex = cr.exercise(1)
    answers: dict[str, Any] = {name: f"{value}" for name, value in ex.solution.items()}
    answers[ex.blanks[0]] = 99
    marked = ex.mark(answers)
    assert (marked.n_right, marked.n_blanks, len(marked.answers)) == (9, 10, 10)
    assert marked.text().startswith("9 of 10 right")
    assert ex.mark({}).n_right == 0
    with pytest.raises(cr.SettingsError, match="blank 'z9' is unknown"):
        ex.mark({"z9": 1})


@pytest.mark.parametrize(
    ("text", "value"), [("1/4", 0.25), ("-3", -3.0), ("0,5", 0.5), ("−2", -2.0), (" 1e-3 ", 0.001)]
)
def test_answers_as_text(text: str, value: float) -> None:
    """Fractions, decimal commas and the minus of a keyboard in another language are numbers."""
    assert number_of(text) == value


@pytest.mark.parametrize("answer", ["", "x", "1/0", "nan", float("inf"), None, "1/2/3"])
def test_what_is_no_answer(answer: Any) -> None:
    """It says what a number looks like."""
    with pytest.raises(cr.SettingsError, match="must be a number"):
        cr.exercise(0).check("loss", answer)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sizes": (2, 9, 1)}, "at most 4 layers of at most 4 units"),
        ({"n_rows": 0}, "n_rows=0: must be a whole number from 1 to 4"),
        ({"n_rows": True}, "n_rows=True"),
        ({"n_blanks": 1000}, "from 1 to 37"),
        ({"activation": "rleu"}, "relu"),
        ({"loss": "huber"}, "loss 'huber' is unknown"),
        ({"output": "softmax", "loss": "squared_error", "sizes": (2, 2, 2), "seed": -1}, "seed"),
        ({"sizes": ()}, "sizes"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    """Sizes for no pencil and unknown names are refused, with what is possible."""
    with pytest.raises(cr.SettingsError, match=message):
        cr.exercise(**given)


@pytest.mark.parametrize("name", ["z3[0,0]", "z1[2,0]", "a1[0]", "delta1", "", None, "b1[0,0]", "dW1[0,99]"])
def test_names_there_are_not(name: Any) -> None:
    """A name that is no number of the step is refused with the form of those that are."""
    with pytest.raises(cr.SettingsError, match="no number of this step"):
        cr.exercise(0).check(name, 1.0)


def test_a_weight_that_hardly_moves_is_not_right_by_staying() -> None:
    """The tolerance of a new weight is a share of its change: the old weight is no answer."""
    ex = cr.exercise(1, (2, 2, 2), "sigmoid", "sigmoid", "squared_error")
    entry = Entry("W", 2, (1, 1))
    change = abs(entry.of(ex.right) - ex.given.W[2][1, 1])
    assert tolerance(entry, ex.given, ex.right) <= 0.0002 + 0.005 * change + 1e-15
