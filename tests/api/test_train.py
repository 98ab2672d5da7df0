"""train: what it learns, what it records, what it refuses."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

import chainrule as cr
from chainrule.errors import DataError, DivergedError, DivergenceWarning, SettingsError, ShapeError

RNG = np.random.default_rng(1)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] > 0).astype(int)


def net(**options) -> cr.Network:
    return cr.Network([4, 8, 2], **options)


def train(network=None, X=X, y=Y, **options) -> cr.Run:
    return cr.train(network or net(), X, y, **{"epochs": 3, "progress": False, **options})


def test_digits_are_learned() -> None:
    """A small network tells handwritten digits apart on rows it has not seen."""
    X, y = load_digits(return_X_y=True)
    run = cr.train(
        cr.Network([64, 64, 10]), X / 16, y, validation=0.2, epochs=40, optimizer=cr.Adam(0.003), progress=False
    )
    assert max(run.history["accuracy"]) >= 0.97
    assert run.network.predict(X / 16).shape == (len(X),)


def test_regression_is_learned() -> None:
    """Diabetes progression is predicted better than by the mean."""
    X, y = load_diabetes(return_X_y=True)
    X, y = X / X.std(axis=0), (y - y.mean()) / y.std()
    network = cr.Network([10, 16, 1], output="identity", loss="squared_error")
    run = cr.train(network, X, y, validation=0.25, epochs=30, optimizer=cr.Adam(0.01), progress=False)
    assert min(run.history["rmse"]) < 0.9  # the mean alone is at 1
    assert run.network.predict(X).shape == y.shape


def test_the_given_network_is_not_changed() -> None:
    """train copies: the network it is given keeps its weights."""
    network = net()
    before = network.parameters.flat.copy()
    run = train(network)
    assert np.array_equal(network.parameters.flat, before)
    assert not np.array_equal(run.network.parameters.flat, before)


def test_history_has_train_and_validation_curves() -> None:
    """One entry an epoch for loss, validation loss, metric, penalty, learning rate and seconds."""
    run = train(validation=0.25, l2=0.01)
    assert set(run.history) == {"loss", "validation_loss", "accuracy", "penalty", "learning_rate", "seconds"}
    assert {len(values) for values in run.history.values()} == {3}


def test_history_loss_is_the_mean_over_rows() -> None:
    """The loss of an epoch weighs every batch by its rows, a short last batch included."""
    run = train(batch_size=50, epochs=1)
    assert run.history["loss"][0] == pytest.approx(np.average(run.losses, weights=[50, 50, 20]), rel=1e-12)


def test_best_epoch_is_kept_with_validation() -> None:
    """run.network has the weights of the best epoch, the last of equals."""
    run = train(validation=(X, Y), epochs=8, optimizer=cr.SGD(2.0))
    scores = run.history["accuracy"]
    assert run.result["best_epoch"] == max(i for i, score in enumerate(scores) if score == max(scores))
    assert np.mean(run.network.predict(X) == Y) == pytest.approx(max(scores))


def test_early_stopping_counts_epochs_without_a_better_metric() -> None:
    """With a learning rate of almost nothing, training stops after the first epoch plus the patience."""
    run = train(validation=0.3, early_stopping=2, epochs=50, optimizer=cr.SGD(1e-12))
    assert run.result["stopped"] == "early_stopping" and len(run.history["loss"]) == 3


@pytest.mark.parametrize("weighting", ["sample_weight", "class_weight"])
def test_weights_equal_repetitions_on_the_full_batch(weighting: str) -> None:
    """Weight 2 trains like the row twice, for one batch of all rows."""
    weight = np.where(Y == 1, 2.0, 1.0)
    repeated = np.repeat(np.arange(len(X)), weight.astype(int))
    options = {"sample_weight": weight} if weighting == "sample_weight" else {"class_weight": {0: 1, 1: 2}}
    shared = {"batch_size": 1000, "epochs": 20, "optimizer": cr.SGD(0.5), "shuffle": False}
    network = net(dtype="float64")
    a = train(network, **shared, **options)
    b = train(network, X[repeated], Y[repeated], **shared)
    np.testing.assert_allclose(a.network.parameters.flat, b.network.parameters.flat, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("network", "X", "message"),
    [
        (cr.Network([4, 16, 2]), X, "z2|loss"),
        (cr.Network([4, 16, 2]), X * 1e30, "z1|loss"),
        (cr.Network([4, 16, 1], activation="tanh", output="identity", loss="squared_error"), X, "loss|z2"),
    ],
)
def test_a_learning_rate_of_a_million_is_named(network: cr.Network, X: np.ndarray, message: str) -> None:
    """The run returns, finite, and the warning names epoch, step and quantity."""
    with pytest.warns(DivergenceWarning, match=r"epoch \d+, step \d+: ") as caught:
        run = train(network, X, Y, optimizer=cr.SGD(1e6), epochs=20)
    assert run.diverged is not None and run.result["stopped"] == "diverged"
    assert np.isfinite(run.network.parameters.flat).all()
    assert run.diverged.step >= 1 and str(run.diverged) == str(caught[0].message)


def test_divergence_can_raise() -> None:
    """on_divergence = "raise" raises the error with its place."""
    with pytest.raises(DivergedError) as error:
        train(X=X * 1e30, optimizer=cr.SGD(1e6), on_divergence="raise")
    assert error.value.quantity in ("z1", "loss") and error.value.step <= 2


def test_a_hard_start_is_no_divergence() -> None:
    """A rough but learning run on unscaled inputs with outliers is not called diverged."""
    rough = X.copy()
    rough[0] = 500.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(X=rough, epochs=5)


def test_time_limit_stops_between_steps() -> None:
    """A limit of a few milliseconds ends a long training, and what was learned is returned."""
    run = train(epochs=100_000, time_limit=0.2)
    assert run.result["stopped"] == "time_limit" and run.result["seconds"] < 5
    assert run.events[-1].value == "time_limit"


BAD = {
    "NaN in X": (dict(X=np.where(X[3, 1] == X, np.nan, X)), DataError, r"X\[3, 1\] is nan"),
    "inf in X": (dict(X=np.where(X[3, 1] == X, np.inf, X)), DataError, r"X\[3, 1\] is inf"),
    "NaN in y": (dict(y=np.where(np.arange(120) == 7, np.nan, Y)), DataError, r"y\[7\] is nan"),
    "short y": (dict(y=Y[:-1]), ShapeError, "expected 120 rows"),
    "wide X": (dict(X=np.ones((120, 5))), ShapeError, r"must be \(n, 4\)"),
    "one row as a vector": (dict(X=np.ones(4)), ShapeError, "X\\[None, :\\]"),
    "strings": (dict(X=np.full((120, 4), "a")), DataError, r"holds text .*must be numbers"),
    "no rows": (dict(X=X[:0], y=Y[:0]), DataError, "0 rows"),
    "class out of range": (dict(y=Y + 1), DataError, "class 2; expected class indices 0 to 1"),
    "half a class": (dict(y=Y + 0.5), DataError, "whole class indices"),
    "epochs": (dict(epochs=0), SettingsError, "epochs=0: must be a whole number ≥ 1"),
    "learning rate": (dict(optimizer="adm"), SettingsError, "did you mean 'adam'"),
    "batch": (dict(batch_size=-1), SettingsError, "batch_size=-1"),
    "validation": (dict(validation=1.5), SettingsError, "validation=1.5"),
    "early stopping alone": (dict(early_stopping=3), SettingsError, "needs validation rows"),
    "metric": (dict(metric="acuracy", validation=0.2), SettingsError, "did you mean 'accuracy'"),
    "engine": (dict(engine="nativ"), SettingsError, "did you mean 'native'"),
    "schedule": (dict(schedule="cosin"), SettingsError, "did you mean 'cosine'"),
    "negative weight": (dict(sample_weight=-np.ones(120)), DataError, "negative"),
    "short weight": (dict(sample_weight=np.ones(3)), ShapeError, r"must be \(120,\)"),
    "dropout": (dict(dropout=1.0), SettingsError, "dropout=1.0"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_line(options: dict, error: type, message: str, tmp_path: Path) -> None:
    """Every mistake is named before the first step, on one line, and leaves no directory behind."""
    with pytest.raises(error, match=message) as caught:
        train(directory=tmp_path / "run", **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_unwritable_directory_is_refused(tmp_path: Path) -> None:
    """A directory below a file cannot be made, and the error says so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(cr.ModelFileError, match="cannot be created"):
        train(directory=tmp_path / "file" / "run")


def test_targets_of_every_kind() -> None:
    """Indices, one-hot, one sigmoid, several labels, one and several values all train and predict in kind."""
    one_hot = np.eye(2)[Y]
    a, b = train(seed=5), train(y=one_hot, seed=5)
    assert np.array_equal(a.network.parameters.flat, b.network.parameters.flat)
    binary = train(cr.Network([4, 8, 1], output="sigmoid"), y=Y)
    assert binary.network.predict(X).shape == (120,) and binary.network.predict_proba(X).shape == (120, 2)
    labels = np.stack([Y, X[:, 1] > 0, X[:, 2] > 0], axis=1)
    several = train(cr.Network([4, 8, 3], output="sigmoid"), y=labels)
    assert several.network.predict(X).shape == (120, 3) and set(np.unique(several.network.predict(X))) <= {0, 1}
    values = train(cr.Network([4, 8, 2], output="identity", loss="huber"), y=X[:, :2])
    assert values.network.predict(X).shape == (120, 2)
    nielsen = train(cr.Network([4, 8, 2], "sigmoid", "sigmoid", "squared_error"), y=Y)
    assert nielsen.network.predict(X).shape == (120,)


CLASS_WEIGHTS: dict[str, Any] = {
    "NumPy integers": {np.int64(0): 2.0, np.uint8(1): np.float32(3)},
    "as JSON has them": {"0": 2.0, "1": 3.0},
    "truth values": {False: 2, np.True_: 3},
    "a list": [2.0, 3.0],
    "an array": np.array([2, 3]),
}


@pytest.mark.parametrize("kind", CLASS_WEIGHTS)
def test_class_weights_are_recorded_in_whatever_form_they_came(kind: str, tmp_path: Path) -> None:
    """The same weights in any form give the same bits; the run is read back and replays with the data given again."""
    y = (X[:, 0] > 0).astype(int)
    how: dict[str, Any] = dict(epochs=2, progress=False)
    same = cr.train(cr.Network([4, 3, 2]), X, y, class_weight={0: 2.0, 1: 3.0}, **how)
    given = CLASS_WEIGHTS[kind]
    cr.train(cr.Network([4, 3, 2]), X, y, class_weight=given, directory=tmp_path / "run", keep_data=False, **how)
    loaded = cr.load(tmp_path / "run")
    assert loaded.result["sha256"] == same.result["sha256"]
    assert loaded.replay(3, data=(X, y)).backward.loss == same.losses[3]


@pytest.mark.parametrize(
    "given", [{"a": 1.0}, {-1: 1.0}, {0.5: 1.0}, {0: np.inf}, {0: np.nan}, {0: 1, "0": 2}, 3, "no"]
)
def test_class_weights_that_name_no_class_are_refused(given: Any) -> None:
    """Keys that are no index, weights that are no weight: said before the first step."""
    with pytest.raises(SettingsError, match="class_weight"):
        cr.train(cr.Network([4, 3, 2]), X, (X[:, 0] > 0).astype(int), class_weight=given, progress=False)


@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_histories_that_are_not_finite_are_kept(tmp_path: Path) -> None:
    """Metrics without a value: any JSON reader reads the files, and they come back."""
    run = cr.train(
        cr.Network([4, 3, 1], "tanh", "identity", "squared_error"), X, X[:, 0], epochs=3, progress=False,
        validation=(X[:1], X[:1, 0]), metric="r2", directory=tmp_path / "run",
    )  # fmt: skip
    assert any(np.isnan(column).all() for column in run.history.values())
    for path in (tmp_path / "run").glob("*.json*"):
        assert not re.search(r"(?<!\")\b(NaN|Infinity)\b", path.read_text(encoding="utf-8")), path
    assert repr(cr.load(tmp_path / "run").history) == repr(run.history)


@pytest.mark.parametrize("directory", ["", "a\0b", b"bytes", 3], ids=repr)
def test_what_names_no_folder_is_refused(directory: Any) -> None:
    """By a SettingsError that shows the value."""
    with pytest.raises(SettingsError, match=r"^directory=.* must be a path as text"):
        cr.train(cr.Network([2, 2]), np.eye(2), [0, 1], epochs=1, directory=directory)


@pytest.mark.parametrize(
    "given", [([[np.nan, 0, 0, 0]], [0]), ([[0.0, 0.0]], [0]), ([[0.0] * 4], [7]), ([[0.0] * 4], [0], [-1.0])]
)
def test_what_is_wrong_with_validation_rows_says_so(given: tuple[Any, ...]) -> None:
    """A message about rows given as validation begins with that word: X and y alone would be the training's."""
    with pytest.raises(cr.ChainruleError, match=r"^validation: "):
        cr.train(cr.Network([4, 3, 2]), X, Y, validation=given, progress=False)


def test_history_after_a_divergence_in_the_first_epoch(tmp_path: Path) -> None:
    """No epoch came to its end: every name of the history is there, with an empty list, also where it is read again."""
    network = cr.Network([4, 3, 1], output="identity", loss="squared_error")
    with pytest.warns(DivergenceWarning):
        run = train(
            network, y=X[:, 0], optimizer=cr.SGD(1e30), validation=0.2, batch_size=8, directory=tmp_path / "run"
        )
    for one in (run, cr.load(tmp_path / "run")):
        assert one.diverged is not None and one.diverged.epoch == 0
        assert one.history["loss"] == one.history["validation_loss"] == one.history["rmse"] == []
        assert "diverged after 0 epochs, 2 steps" in repr(one)


def test_what_was_done_is_counted_in_english() -> None:
    """One epoch is an epoch."""
    assert repr(train(epochs=1, batch_size=200)).endswith("adam, targets class, 1 epoch, 1 step)")
    assert "early_stopping after 3 epochs, " in repr(
        train(validation=0.3, early_stopping=2, epochs=50, optimizer=cr.SGD(1e-12))
    )


def test_validation_weights_of_nothing_are_those_of_the_validation() -> None:
    """The message speaks of the third of (X, y, weight), not of sample_weight."""
    with pytest.raises(DataError, match="validation: weight holds zeros only"):
        train(validation=(X, Y, np.zeros(len(X))))
    with pytest.raises(DataError, match=r"validation: weight\[3\] is -1"):
        train(validation=(X, Y, np.where(np.arange(len(X)) == 3, -1, 1)))
