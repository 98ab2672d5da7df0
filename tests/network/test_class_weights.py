"""Class weights by scikit-learn's rules: for classes, labels and the names of a table; anything else is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

import chainrule as cr
from chainrule.sklearn import MLPClassifier, TabularClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 2))
Y = np.array([0, 0, 0, 1, 1, 2] * 2)
LABELS = (RNG.random((12, 3)) < [0.2, 0.5, 0.7]).astype(float)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def trained(class_weight: Any, y: Any = Y, output: str = "softmax", path: Path | None = None, **how: Any) -> cr.Run:
    network = cr.Network([2, 3, 3], output=output, dtype=how.pop("dtype", "float64"))
    return cr.train(
        network, X, y, **{"class_weight": class_weight, "epochs": 2, "directory": path, "progress": False} | how
    )


OF_CLASSES: dict[str, tuple[Any, Any]] = {
    "balanced": ("balanced", "balanced"),
    "all": ({0: 1.0, 1: 2.0, 2: 3.0}, {0: 1.0, 1: 2.0, 2: 3.0}),
    "one": ({2: 5.0}, {2: 5.0}),
    "as JSON has it": ({"0": 1, "1": 10}, {0: 1, 1: 10}),
    "labels that are floats": ({0.0: 4, 2.0: 3}, {0: 4, 2: 3}),
    "in turn": ([1, 2, 3], {0: 1, 1: 2, 2: 3}),
    "an array": (np.array([1, 2, 3]), {0: 1, 1: 2, 2: 3}),
    "none": ({}, {}),
}


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_weights_of_classes_are_those_of_scikit_learn(name: str, one_hot: bool) -> None:
    """Each row counts what compute_sample_weight gives it."""
    given, same = OF_CLASSES[name]
    run = trained(given, np.eye(3)[Y] if one_hot else Y)
    assert run.rows is not None
    np.testing.assert_array_equal(run.rows.weight, compute_sample_weight(same, Y))


OF_LABELS: dict[str, tuple[Any, Any]] = {
    "balanced": ("balanced", "balanced"),
    "dicts": ([{0: 1, 1: 2}, {0: 1, 1: 3}, {1: 5}], [{0: 1, 1: 2}, {0: 1, 1: 3}, {0: 1, 1: 5}]),
    "pairs": ([[1, 2], (1, 3), np.array([1, 5])], [{0: 1, 1: 2}, {0: 1, 1: 3}, {0: 1, 1: 5}]),
    "by label": ({1: {0: 1, 1: 3}}, [{0: 1, 1: 1}, {0: 1, 1: 3}, {0: 1, 1: 1}]),
    "some balanced": (["balanced", None, {1: 2}], ["balanced", {0: 1, 1: 1}, {0: 1, 1: 2}]),
}


@pytest.mark.parametrize("name", OF_LABELS)
def test_weights_of_labels_are_those_of_scikit_learn(name: str, tmp_path: Path) -> None:
    """The product over the labels; what a run recorded is read back, and replays with the data given again."""
    given, same = OF_LABELS[name]
    run = trained(given, LABELS, "sigmoid", tmp_path / "run", keep_data=False)
    assert run.rows is not None
    np.testing.assert_array_equal(run.rows.weight, compute_sample_weight(same, LABELS))
    loaded = cr.load(tmp_path / "run")
    assert loaded.record.class_weight == run.record.class_weight
    assert json.loads((tmp_path / "run" / "run.json").read_text())["class_weight"] is not None
    assert loaded.replay(1, data=(X, LABELS)).backward.loss == run.losses[1]


def test_a_missing_label_counts_one() -> None:
    """Of a row that lacks a label the others decide, and "balanced" counts what is known."""
    y = LABELS.copy()
    y[[0, 4], 1] = np.nan
    run = trained([{1: 2.0}, "balanced", None], y, "sigmoid")
    known = y[~np.isnan(y[:, 1]), 1]
    balanced = {c: len(known) / (2 * (known == c).sum()) for c in (0.0, 1.0)}
    expected = [(2 if row[0] else 1) * balanced.get(row[1], 1) for row in y]
    assert run.rows is not None
    np.testing.assert_allclose(run.rows.weight, expected, rtol=1e-15)


REFUSED: dict[str, tuple[Any, str, type]] = {
    "infinite": ({0: np.inf}, r"class_weight=\{0: inf\}: must be finite weights ≥ 0 \(got inf", cr.SettingsError),
    "beyond float32": ({0: 1e39}, r"class_weight\[0\] is 1e\+39", cr.DataError),
    "zeros": ({0: 0, 1: 0, 2: 0}, "class_weight holds zeros only", cr.DataError),
    "zeros in turn": ([0, 0, 0], "class_weight holds zeros only", cr.DataError),
    "a class there is not": ({7: 5.0}, r"must be weights of the classes 0 to 2.* \(got class 7\)", cr.SettingsError),
    "too few": ([1], r"must be 3 weights, one for each class \(got 1\)", cr.SettingsError),
    "fewer": ([1, 2], r"must be 3 weights, one for each class \(got 2\)", cr.SettingsError),
    "negative": ([1, -2, 1], r"must be finite weights ≥ 0 \(got -2 for class 1\)", cr.SettingsError),
    "a text": ({0: "a"}, r"must be finite weights ≥ 0 \(got 'a' for class 0\)", cr.SettingsError),
    "a number as text": ({0: "5"}, r"must be finite weights ≥ 0 \(got '5' for class 0\)", cr.SettingsError),
    "none": ({0: None}, r"must be finite weights ≥ 0 \(got None for class 0\)", cr.SettingsError),
    "not a number": ({0: np.nan}, r"\(got nan for class 0\)", cr.SettingsError),
    "half a class": ({0.5: 1.0}, r"\(got class 0.5\)", cr.SettingsError),
    "twice": ({0: 1, "0": 2}, "must be one weight for each class", cr.SettingsError),
    "a number": (3, "must be 'balanced', {class: weight ≥ 0} or 3 weights", cr.SettingsError),
    "another word": ("balance", r"\(got balance\)", cr.SettingsError),
    "of labels": ([{0: 1, 1: 2}], "must be 3 weights", cr.SettingsError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_weights_that_are_none_are_refused(name: str, tmp_path: Path) -> None:
    """Said in one line before the first step; nothing is left behind."""
    given, message, error = REFUSED[name]
    with pytest.raises(error, match=message):
        trained(given, path=tmp_path / "run", dtype="float32")
    assert not (tmp_path / "run").exists()


REFUSED_OF_LABELS: dict[str, tuple[Any, str]] = {
    "of classes": ({0: 2.0, 1: 1.0}, r"a list of 3, one \{0: weight, 1: weight\} for each label \(got the number 2.0"),
    "numbers": ([1, 2, 3], "got the number 1 for a label"),
    "too few": ([{1: 2}, {1: 2}], "got 2 entries"),
    "a label there is not": ({3: {1: 2}}, r"weights of the labels 0 to 2.*got label 3"),
    "a class there is not": ([{2: 1}, {}, {}], "weights of the classes 0 to 1.*got class 2"),
    "negative": ([{1: -1}, {}, {}], "got -1 for class 1"),
    "a word": ("balance", "got balance"),
}


@pytest.mark.parametrize("name", REFUSED_OF_LABELS)
def test_weights_of_labels_that_are_none_are_refused(name: str) -> None:
    """The same for several labels."""
    given, message = REFUSED_OF_LABELS[name]
    with pytest.raises(cr.SettingsError, match=message):
        trained(given, LABELS, "sigmoid")


def test_values_have_no_classes() -> None:
    """Of values, soft targets among them, no class can be weighed."""
    for output, y in (("sigmoid", LABELS * 0.5), ("softmax", np.full((12, 3), 1 / 3))):
        with pytest.raises(cr.SettingsError, match="must be None where the targets are values"):
            trained("balanced", y, output)
    with pytest.raises(cr.SettingsError, match="must be None where the targets are values"):
        cr.train(cr.Network([2, 1], output="identity", loss="squared_error"), X, X[:, 0], class_weight={0: 1.0})


@pytest.mark.parametrize("door", ["train", "learning rate"])
def test_every_door_takes_them(door: str) -> None:
    """What train takes the laboratory of learning rates takes, and refuses alike."""
    network = cr.Network([2, 3, 3], output="sigmoid")
    ask = cr.train if door == "train" else cr.learning_rate
    ask(network, X, LABELS, class_weight=[{1: 2}, {1: 3}, {}], **({"progress": False} if door == "train" else {}))
    with pytest.raises(cr.SettingsError, match="got class 7"):
        ask(cr.Network([2, 3, 3]), X, Y, class_weight={7: 5.0})


FRAME_X = RNG.normal(size=(60, 2))


def frame(target: Any) -> Any:
    import pandas as pd

    return pd.DataFrame({"a": FRAME_X[:, 0], "b": FRAME_X[:, 1], **target})


@pytest.mark.parametrize(
    ("classes", "given"),
    [
        (["no", "yes"], {"yes": 5.0}),
        ([3, 8], {8: 5.0}),
        ([3, 8], {"8": 5.0}),
        ([False, True], {True: 5.0}),
        (["no", "yes"], [1.0, 5.0]),
    ],
)
def test_classes_of_a_table_have_their_names(classes: list[Any], given: Any, tmp_path: Path) -> None:
    """A mapping names classes as the table does, not by an index; run.json holds indices, and resume knows them."""
    table = frame({"y": np.array(classes)[(FRAME_X[:, 0] > 0).astype(int)]})
    how: dict[str, Any] = dict(target="y", epochs=2, hidden_sizes=[3], progress=False, directory=tmp_path / "run")
    run = cr.train(table, class_weight=given, **how)
    assert run.record.class_weight == ({0: 1.0, 1: 5.0} if isinstance(given, list) else {1: 5.0})
    assert run.rows is not None and set(np.unique(run.rows.weight)) == {1.0, 5.0}
    assert np.array_equal(run.rows.weight == 5, run.rows.targets.ravel() == 1)
    with pytest.raises(cr.SettingsError, match=r"must be weights of the classes .* \(got class 'maybe'\)"):
        cr.train(table, class_weight={"maybe": 2.0}, **how | {"directory": None})


def test_labels_of_a_table_have_their_names(tmp_path: Path) -> None:
    """Weights by target and class, or a list in the order of the targets; values are refused."""
    table = frame({"p": np.where(FRAME_X[:, 0] > 0, "on", "off"), "q": FRAME_X[:, 1] > 0})
    how: dict[str, Any] = dict(epochs=2, hidden_sizes=[3], progress=False)
    run = cr.train(table, target=["p", "q"], class_weight={"p": {"on": 3.0}}, directory=tmp_path / "run", **how)
    assert run.record.class_weight == [{1: 3.0}, None]
    same = cr.train(table, target=["p", "q"], class_weight=[{"on": 3.0}, {}], **how)
    assert same.result["sha256"] == run.result["sha256"]
    cr.train(table, target=["p", "q"], class_weight="balanced", **how)
    for wrong, message in (({"r": {"on": 1.0}}, "got class 'r'"), ({"p": {"of": 1.0}}, "got class 'of'")):
        with pytest.raises(cr.SettingsError, match=message):
            cr.train(table, target=["p", "q"], class_weight=wrong, **how)
    with pytest.raises(cr.SettingsError, match="must be None where the targets are values"):
        cr.train(table[["a", "b"]], target="b", class_weight="balanced", **how)


OF_ESTIMATORS: list[tuple[Any, str]] = [
    ({0: np.inf}, "got inf for class 0"),
    ({0: -1.0}, "got -1.0 for class 0"),
    ({0: "a"}, "got 'a' for class 0"),
    ({0: None}, "got None for class 0"),
    ({7: 5.0}, r"weights of the classes 0, 1, 2 \(got class 7\)"),
    ([1.0, 2.0], "must be 3 weights"),
]


@pytest.mark.parametrize("estimator", [MLPClassifier, TabularClassifier])
@pytest.mark.parametrize(("given", "message"), OF_ESTIMATORS)
def test_estimators_refuse_alike(estimator: type, given: Any, message: str) -> None:
    """A ValueError that names the weight or the class."""
    with pytest.raises(ValueError, match=message):
        estimator(class_weight=given, max_iter=2).fit(X, Y)


def test_estimators_take_labels_as_given() -> None:
    """A mapping by the label itself, also one that there is not where all others are named; labels by column."""
    names = np.array(["a", "b", "c"])[Y]
    fit = MLPClassifier(class_weight={"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}, max_iter=2, random_state=0).fit(X, names)
    same = MLPClassifier(max_iter=2, random_state=0).fit(X, names, sample_weight=1.0 + Y)
    assert np.array_equal(fit.coefs_[0], same.coefs_[0])
    several = MLPClassifier(class_weight=[{1: 2}, {1: 3}, {0: 1}], max_iter=2, random_state=0).fit(X, LABELS)
    weight = compute_sample_weight([{0: 1, 1: 2}, {0: 1, 1: 3}, {0: 1, 1: 1}], LABELS)
    again = MLPClassifier(max_iter=2, random_state=0).fit(X, LABELS, sample_weight=weight)
    assert np.array_equal(several.coefs_[0], again.coefs_[0])
    parts = MLPClassifier(class_weight={"c": 3.0}, random_state=0)
    for rows in (slice(0, 5), slice(5, 12)):  # the first part lacks the class that is weighed
        parts.partial_fit(X[rows], names[rows], classes=["a", "b", "c"])
