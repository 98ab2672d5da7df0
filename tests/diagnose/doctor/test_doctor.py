"""The doctor names the first cause of runs that were spoilt on purpose, and is silent where nothing is wrong."""

from __future__ import annotations

import json
import re
import string
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

import chainrule as cr
from chainrule.diagnose.doctor.finding import Finding
from chainrule.diagnose.doctor.interface import COMMAND, commands, python
from chainrule.diagnose.doctor.label_rules import quasi_independence
from chainrule.diagnose.doctor.words import HEADINGS, IDS, TRIAL, UNJUDGED, WORDS
from chainrule.reference.activations import ACTIVATIONS
from chainrule.text.tables import columns

X, Y = load_digits(return_X_y=True)
X = X / 16.0
ROWS = np.random.default_rng(1).permutation(len(X))[:900]
X, Y = X[ROWS], Y[ROWS]
RNG = np.random.default_rng(5)
NOISY = np.where(RNG.random(len(Y)) < 0.3, (Y + RNG.integers(1, 10, len(Y))) % 10, Y)


def network(*hidden: int, **options) -> cr.Network:
    return cr.Network([64, *(hidden or (30,)), 10], options.pop("activation", "relu"), seed=1, **options)


def train(net: cr.Network | None = None, X=X, Y=Y, **options) -> cr.Run:
    settings = {"optimizer": cr.SGD(0.3), "batch_size": 32, "epochs": 12, "progress": False, **options}
    with np.errstate(all="ignore"):
        return cr.train(net or network(), X, Y, **settings)


def changed(change, *hidden: int, **options) -> cr.Network:
    net = network(*hidden, **options)
    for l in range(1, len(net.W)):
        change(net, l)
    return net


def times(factor: float):
    def change(net: cr.Network, l: int) -> None:
        net.W[l][:] *= factor

    return change


def biases(value: float):
    def change(net: cr.Network, l: int) -> None:
        if l < len(net.W) - 1:
            net.b[l][:] = value

    return change


def with_cells(value: float, n: int) -> np.ndarray:
    """Digits in n cells of which stands another number."""
    cells = X.copy()
    cells.flat[np.random.default_rng(2).permutation(X.size)[:n]] = value
    return cells


def rare() -> np.ndarray:
    """The rows without most of those of the odd digits."""
    return np.flatnonzero((Y % 2 == 0) | (np.arange(len(Y)) % 25 == 0))


def crossed() -> cr.Run:
    """Two classes on crossing diagonals, and a network without a hidden layer: one line cannot part them."""
    rows = np.random.default_rng(8).uniform(-1, 1, size=(600, 2))
    return train(cr.Network([2, 2], seed=1), X=rows, Y=(rows[:, 0] * rows[:, 1] > 0).astype(int), epochs=30)


SPOILT = {
    "non-finite-data": lambda: train(X=with_cells(1e30, 1)),
    "class-imbalance": lambda: train(X=X[rare()], Y=Y[rare()], epochs=25),
    "exploding-gradient": lambda: train(changed(times(2.2), *[24] * 10), optimizer=cr.Adam(0.002)),
    "stalled": crossed,
    "learning-rate-too-large": lambda: train(optimizer=cr.SGD(30.0)),
    "learning-rate-too-small": lambda: train(optimizer=cr.SGD(0.0003)),
    "symmetric-weights": lambda: train(network(initializer="zeros")),
    "weights-too-large": lambda: train(changed(times(20.0))),
    "weights-too-small": lambda: train(changed(times(0.001), 30, 30, 30)),
    "dead-units": lambda: train(changed(biases(-30.0))),
    "saturated-units": lambda: train(changed(biases(30.0), activation="tanh")),
    "input-scale": lambda: train(X=X * 100),
    "constant-inputs": lambda: train(X=np.ones_like(X)),
    "label-noise": lambda: train(Y=NOISY),
    "wrong-optimizer-settings": lambda: train(optimizer=cr.SGD(0.1, momentum=0.999)),
    "too-strong-regularization": lambda: train(l2=1.0),
    "too-few-steps": lambda: train(epochs=1, batch_size=300),
    "vanishing-gradient": lambda: train(network(30, 30, 30, 30, 30, 30, activation="sigmoid")),
    "wrong-pair": lambda: train(network(activation="identity")),
    "target-leak": lambda: train(cr.Network([65, 30, 10], seed=1), X=np.column_stack([X, Y])),
    "duplicate-rows": lambda: train(X=np.vstack([X[:300], X[:300]]), Y=np.concatenate([Y[:300], Y[:300]]), epochs=20),
    "overfitting": lambda: train(
        network(128, 128), X=X[:40], Y=Y[:40], epochs=200, batch_size=10, optimizer=cr.Adam(0.01),
        validation=(X[300:], NOISY[300:]),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")
@pytest.mark.parametrize("cause", SPOILT)
def test_the_first_cause_is_named(cause: str) -> None:
    """A run spoilt in one way: that way is the first finding, a fault, and its text has no empty slot."""
    diagnosis = SPOILT[cause]().doctor()
    assert diagnosis[0].id == cause, diagnosis.text()
    assert not diagnosis.healthy
    for language in ("en", "ko"):
        text = diagnosis.text(language)
        assert "–" not in text and "{" not in text, text
        assert max(map(columns, text.splitlines())) <= 80


@pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")
def test_a_rate_that_is_absurd_is_named_as_such() -> None:
    """A rate a million times too large diverges at once, and a thousandth of it still does: the rate is the cause."""
    assert train(optimizer=cr.SGD(1e6)).doctor()[0].id == "learning-rate-too-large"


def test_a_code_for_missing_cells_is_told_whether_or_not_it_harmed() -> None:
    """-999 in one cell of twenty: the number, its columns, and how to say that it means missing."""
    first = train(X=with_cells(-999.0, X.size // 20), optimizer=cr.SGD(1e-6)).doctor()[0]
    assert first.id == "input-scale" and first.variant == "code" and first.evidence["value"] == -999.0
    assert "-999" in first.remedy


def test_a_wrong_derivative_is_named(monkeypatch) -> None:
    """An activation of one's own with the wrong sign in its derivative: the tensor, both numbers, nothing before."""
    right = ACTIVATIONS["tanh"]
    broken = replace(right, name="my_tanh", pullback=lambda z, a, da: -right.pullback(z, a, da))
    monkeypatch.setitem(ACTIVATIONS, "my_tanh", broken)
    first = train(network(activation="my_tanh")).doctor()[0]
    assert first.id == "wrong-gradient" and first.layer == 1 and first.severity == "fault"
    assert first.evidence["analytic"] == pytest.approx(-first.evidence["numeric"], rel=1e-3)


def nielsen(
    eta: float, lambda_: float, hidden: int | None = None, loss="cross_entropy", init="scaled_normal"
) -> cr.Run:
    """One of the failing runs of "Neural Networks and Deep Learning", on 900 digits."""
    sizes = [64, *([hidden] if hidden else []), 10]
    net = cr.Network(sizes, "sigmoid", "sigmoid", loss, init, seed=0)
    return train(net, optimizer=cr.SGD(eta), batch_size=10, epochs=20, l2=lambda_ / 1000)


NIELSEN = {
    "3: quadratic, eta 0.001": ("learning-rate-too-small", (0.001, 0, 100, "squared_error", "standard_normal")),
    "4: quadratic, eta 100": ("learning-rate-too-large", (100.0, 0, 30, "squared_error", "standard_normal")),
    "20: eta 10, lambda 1000": ("too-strong-regularization", (10.0, 1000.0)),
    "22: eta 100, lambda 20": ("learning-rate-too-large", (100.0, 20.0)),
    "23: eta 1, lambda 20": ("too-strong-regularization", (1.0, 20.0)),
}


@pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")
@pytest.mark.parametrize("row", NIELSEN)
def test_the_failing_runs_of_the_book(row: str) -> None:
    """The learning rates and penalties that the book tries in vain are named as what they are."""
    cause, arguments = NIELSEN[row]
    diagnosis = nielsen(*arguments).doctor()
    assert diagnosis[0].id == cause, diagnosis.text()


HEALTHY = {
    "relu": lambda: train(validation=0.2),
    "tanh, Adam": lambda: train(network(activation="tanh"), optimizer=cr.Adam(0.005), validation=0.2),
    "quadratic cost": lambda: train(
        network(activation="sigmoid", output="sigmoid", loss="squared_error"), optimizer=cr.SGD(3.0), batch_size=10
    ),
    "dropout, l2": lambda: train(network(96), optimizer=cr.Adam(0.003), dropout=0.2, l2=1e-4, epochs=25),
    "values": lambda: train(
        cr.Network([64, 30, 1], "tanh", output="identity", loss="squared_error", seed=2),
        Y=np.sin(4 * X[:, 20]) + X[:, 30] ** 2, optimizer=cr.Adam(0.005), epochs=40,
    ),
}  # fmt: skip


def graded(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grades as tasters give them: about a quantity of the row, so that neighbouring grades overlap everywhere."""
    return np.clip(np.rint(5 + 1.2 * X[:, 0] - X[:, 1] + rng.normal(0, 0.9, len(X))), 3, 8).astype(int) - 3


def survived(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two classes by chance: a tenth of those who seem lost are saved, and who is by the door is."""
    return (rng.random(len(X)) < np.where(X[:, 0] > 1, 0.98, np.where(X[:, 1] > 0.5, 0.5, 0.12))).astype(int)


@pytest.mark.parametrize("outcome", [graded, survived])
def test_chance_in_the_outcome_is_no_wrong_label(outcome) -> None:
    """Outcomes that the columns leave open are told as a note, of two classes and of many."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1500, 8))
    truth = outcome(rows, rng)
    k = int(truth.max()) + 1
    run = train(cr.Network([8, 16, k], seed=1), X=rows, Y=truth, optimizer=cr.SGD(0.1), epochs=15, validation=0.2)
    diagnosis = run.doctor()
    assert diagnosis.healthy, diagnosis.text()
    notes = {finding.id: finding for finding in diagnosis}
    assert "label-noise" in notes and notes["label-noise"].variant == "open"


def test_labels_drawn_at_random_do_not_depend_on_the_class() -> None:
    """Three classes, two labels each, all alike: χ² = 0 on one degree of freedom; the next class alone: far from it."""
    alike = quasi_independence(np.array([0, 0, 1, 1, 2, 2] * 9), np.array([1, 2, 0, 2, 0, 1] * 9))
    assert alike == (pytest.approx(-1 / np.sqrt(2)), 1)
    circle = quasi_independence(np.array([0, 1, 2] * 9), np.array([1, 2, 0] * 9))
    assert circle[0] > 10


def test_a_value_that_is_often_taken_is_no_copy() -> None:
    """A third of the rows at one and the same point is a note: no two of the other rows are alike."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(900, 6))
    rows[:300] = -1.0
    truth = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    run = train(cr.Network([6, 16, 2], seed=1), X=rows, Y=truth, optimizer=cr.SGD(0.3), epochs=30)
    diagnosis = run.doctor()
    assert diagnosis.healthy and "duplicate-rows" in {finding.id for finding in diagnosis}, diagnosis.text()


def test_a_rare_class_that_overlaps_is_no_fault() -> None:
    """Where equal weights for every class only move mistakes to the others, the rare class is told as a note."""
    rng = np.random.default_rng(6)
    truth = (rng.random(1500) < 0.06).astype(int)
    rows = rng.normal(size=(1500, 6)) + 0.7 * truth[:, None] * (np.arange(6) < 2)
    run = train(cr.Network([6, 16, 2], seed=1), X=rows, Y=truth, optimizer=cr.SGD(0.1), epochs=15)
    diagnosis = run.doctor()
    found = {finding.id: finding for finding in diagnosis}
    assert found["class-imbalance"].severity == "note", diagnosis.text()
    assert found["class-imbalance"].evidence["recall_balanced"] > found["class-imbalance"].evidence["recall"]


def test_a_column_is_constant_only_if_it_is_in_every_row() -> None:
    """A column that differs in one row of many, outside those that are looked at, is not said to be constant."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(5000, 4))
    rows[:, 3] = 0.0
    rows[1, 3] = 1.0
    run = train(cr.Network([4, 8, 2], seed=1), X=rows, Y=(rows[:, 0] > 0).astype(int), epochs=3)
    assert "constant-inputs" not in {finding.id for finding in run.doctor()}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_has_no_fault(name: str) -> None:
    """Trainings that went well are called healthy."""
    diagnosis = HEALTHY[name]().doctor()
    assert diagnosis.healthy, diagnosis.text()
    assert all(finding.severity == "note" for finding in diagnosis)


def test_dead_units_are_a_consequence_of_the_learning_rate() -> None:
    """A rate too large kills a layer: the rate stands first, with the step that overshot, and the deaths under it."""
    first = train(optimizer=cr.SGD(30.0)).doctor()[0]
    dead = {finding.id: finding for finding in first.consequences}["dead-units"]
    assert first.evidence["after"] > first.evidence["before"] and first.step is not None
    assert dead.step > first.step
    assert first.evidence["eta_lambda"] > 2


def test_the_same_run_gets_the_same_diagnosis() -> None:
    """Two diagnoses of equal runs are equal in every number."""
    assert train(optimizer=cr.SGD(30.0)).doctor().to_json() == train(optimizer=cr.SGD(30.0)).doctor().to_json()


def test_json_has_its_schema() -> None:
    """One object: healthy, first_cause, summary, findings with both languages, unjudged; nothing that is no JSON."""
    record = json.loads(train(optimizer=cr.SGD(30.0)).doctor().to_json())
    assert set(record) == {"healthy", "first_cause", "summary", "findings", "unjudged"}
    assert record["first_cause"] == "learning-rate-too-large" and record["healthy"] is False
    for finding in record["findings"]:
        assert set(finding) == {"id", "severity", "step", "layer", "evidence", "text", "consequences"}
        assert set(finding["text"]) == {"en", "ko"}
        assert all(finding["text"][l]["claim"] and finding["text"][l]["remedy"] for l in ("en", "ko"))
    assert record["unjudged"] == ["overfitting"]


def slots(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_both_languages_say_everything_with_the_same_numbers() -> None:
    """Every id has every sentence in both languages, with the same slots, and no Korean particle follows a slot."""
    assert set(WORDS["en"]) == set(WORDS["ko"]) == set(IDS) and len(IDS) == len(set(IDS)) == 27
    assert set(HEADINGS["en"]) == set(HEADINGS["ko"]) and set(UNJUDGED["en"]) == set(UNJUDGED["ko"])
    for id_ in IDS:
        english, korean = WORDS["en"][id_], WORDS["ko"][id_]
        assert set(english) == set(korean), id_
        code = [part for part in english if part.startswith(("experiment", "command"))]
        assert all(english[part] == korean[part] for part in code), "code is code"
        for part, template in korean.items():
            assert slots(template) == slots(english[part]), (id_, part)
            assert not re.search(r"\}(을|를|은|는|이|가|과|와|으로|로)(?![가-힣])", template), (id_, part)
    assert slots(TRIAL["en"]) == slots(TRIAL["ko"])


PYTHON = re.compile(r"cr\.|net\b|\bX\b|\by\[|np\.|sklearn|run\.|=\"|=None|_")
"""What a user of the command line cannot do anything with."""


@pytest.mark.parametrize("id_", IDS)
def test_the_command_line_is_given_commands(id_: str) -> None:
    """Every experiment and remedy has its form for the command line, of every variant too, without Python."""
    for language in ("en", "ko"):
        entry = WORDS[language][id_]
        for name, template in entry.items():
            part, _, variant = name.partition(":")
            if part in COMMAND:
                own = COMMAND[part]
                assert own in entry and (not variant or f"{own}:{variant}" in entry), (id_, name)
            if part in COMMAND.values():
                assert not PYTHON.search(
                    re.sub(r"\{[^}]*\}|balanced_accuracy|cross_entropy|leaky_relu", "", template)
                ), template
                assert slots(template) <= {
                    "train",
                    "rate",
                    "run",
                    "data",
                    "columns",
                    "value",
                    "better",
                    "flags",
                    "zeros",
                    "more_epochs",
                }


def test_commands_name_the_table_and_python_its_call() -> None:
    """The rate as an option of the command that trained, or as an argument of the call."""
    found = Finding(id="learning-rate-too-large", evidence={"better": 0.01, "learning_rate": 1.0})
    source = {"data": "my tables/a.csv", "target": ["price"]}
    asks = commands("runs/a", source)
    assert (
        found.for_interface(asks).experiment
        == "chainrule train 'my tables/a.csv' --target price … --learning-rate 0.01"
    )
    assert "chainrule learning-rate 'my tables/a.csv' --target price shows" in found.for_interface(asks).remedy
    assert found.experiment == "cr.train(net, X, y, learning_rate=0.01, …)"
    assert found.for_interface(python(source)).experiment.startswith("cr.train('my tables/a.csv', target='price', ")
    momentum = Finding(
        id="wrong-optimizer-settings", evidence={"names": ["momentum"], "values": [0.999], "usual": [0.9]}
    )
    assert momentum.for_interface(asks).experiment.endswith("… --momentum 0.9")


def test_an_unknown_language_is_refused() -> None:
    """The error lists the languages there are."""
    with pytest.raises(cr.SettingsError, match="Known: en, ko"):
        Finding(id="stalled").text("fr")
