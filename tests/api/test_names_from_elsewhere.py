"""Whoever knows PyTorch, Keras or scikit-learn is led from their names to those here; text to what encodes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ELSEWHERE, from_elsewhere
from chainrule.network.initializers import INITIALIZERS
from chainrule.planning.request import Request
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layer_kinds import LAYER_KINDS
from chainrule.reference.losses import LOSSES
from chainrule.sklearn import MLPClassifier, MLPRegressor
from chainrule.training.update_rules import OPTIMIZER_CLASSES

X, Y = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [1.0, 1.0]]), np.array([0, 1, 0, 1])


def train(**settings: Any) -> cr.Run:
    return cr.train(cr.Network([2, 3, 2]), X, Y, epochs=1, progress=False, **settings)


UNKNOWN: dict[str, tuple[Callable[[], Any], str]] = {
    "mse": (lambda: cr.Network([2, 1], output="identity", loss="mse"), "did you mean 'squared_error'"),
    "L1Loss": (lambda: cr.Network([2, 1], output="identity", loss="L1Loss"), "did you mean 'absolute_error'"),
    "bce": (lambda: cr.Network([2, 1], output="sigmoid", loss="bce"), "did you mean 'cross_entropy'"),
    "linear": (lambda: cr.Network([2, 1], output="linear"), "did you mean 'identity'"),
    "swish": (lambda: cr.Network([2, 3, 2], activation="swish"), "did you mean 'silu'"),
    "batch norm": (lambda: cr.Network([2, 3, 2], normalization="layer_norm"), "did you mean 'layer'"),
    "lr": (lambda: train(lr=0.1), "did you mean 'learning_rate'"),
    "n_epochs": (lambda: train(n_epochs=3), "did you mean 'epochs'"),
    "validation_split": (lambda: train(validation_split=0.1), "did you mean 'validation'"),
    "verbose": (lambda: train(verbose=1), "did you mean 'progress'"),
    "misspelt": (lambda: train(batchsice=1), "did you mean 'batch_size'"),
    "momentum": (lambda: train(momentum=0.9), r"optimizer=SGD\(momentum=…\)"),
    "beta1": (lambda: train(beta1=0.9), r"optimizer=Adam\(beta1=…\)"),
    "lr of SGD": (lambda: cr.SGD(lr=0.1), "did you mean 'learning_rate'"),
    "eps of Adam": (lambda: cr.Adam(eps=1e-8), "did you mean 'epsilon'"),
    "lr of a table": (lambda: cr.train("iris", lr=0.1), "did you mean 'learning_rate'"),
    "lr of a plan": (lambda: cr.plan("iris", lr=0.1), "did you mean 'learning_rate'"),
    "hidden layers of a table": (lambda: cr.plan("iris", hidden_layer_sizes=(3,)), "did you mean 'hidden_sizes'"),
    "xavier": (lambda: cr.Network([2, 3, 2], initializer="xavier"), "did you mean 'glorot_uniform'"),
    "a loss of train": (lambda: train(loss="mse"), r"loss='mse': must be given to the network. Try Network\(…, loss=…"),
    "a loss by its name": (lambda: train(mse=True), r"Try Network\(…, loss='squared_error'\)"),
    "activation": (lambda: train(activation="tanh"), r"Try Network\(…, activation=…\)"),
    "kernel_initializer": (lambda: train(kernel_initializer="he"), r"Try Network\(…, initializer=…\)"),
    "a callback alone": (lambda: train(callbacks=print), r"must be a sequence of callbacks. Try callbacks=\[…\]"),
    "no callback": (lambda: train(callbacks=1), "callbacks=1: must be a sequence of callbacks"),
    "nothing to call": (lambda: train(callbacks=[1]), "callbacks holds 1: must be functions, or objects with on_epoch"),
    "metric": (lambda: train(metric="acc", validation=0.5), "did you mean 'accuracy'"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_names_of_other_libraries_lead_here(name: str) -> None:
    """The error suggests what is meant, whatever is spelt alike."""
    build, expected = UNKNOWN[name]
    with pytest.raises(cr.SettingsError, match=expected):
        build()


def test_attributes_of_other_libraries_lead_here() -> None:
    """cr.fit and net.fit are train; estimators are in chainrule.sklearn; hasattr and copies work as ever."""
    import copy
    import pickle

    net = cr.Network([2, 3, 2])
    for name in ("fit", "train", "compile"):
        with pytest.raises(AttributeError, match=r"chainrule\.train\(network, X, y\)"):
            getattr(net, name)
    with pytest.raises(AttributeError, match=r"Try chainrule\.train$"):
        cr.fit  # noqa: B018
    with pytest.raises(AttributeError, match=r"Try chainrule\.Network$"):
        cr.Sequential  # noqa: B018
    with pytest.raises(AttributeError, match=r"from chainrule\.sklearn import MLPClassifier"):
        cr.MLPClassifier  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'$"):
        cr.nothing  # noqa: B018
    assert not hasattr(net, "fit") and not hasattr(cr, "fit") and not hasattr(net, "__array__")
    assert (copy.deepcopy(net).W[1] == net.W[1]).all()
    assert pickle.loads(pickle.dumps(cr.SGD(0.2))) == cr.SGD(0.2) == copy.copy(cr.SGD(0.2))


def test_signatures_stay() -> None:
    """What is refused by name is still shown by name."""
    assert list(inspect.signature(cr.SGD).parameters) == ["learning_rate", "momentum", "nesterov"]
    assert "learning_rate" in inspect.signature(cr.train).parameters


def test_the_table_of_names_is_true() -> None:
    """Every name it leads to exists, and no name it starts from is one of ours of the same kind."""
    train_names = set(inspect.signature(cr.train).parameters)
    tables = [
        set(LOSSES), set(ACTIVATIONS), set(LAYER_KINDS), set(INITIALIZERS), {"rmse", "mae", "accuracy"},
        train_names, set(cr.__all__), set(inspect.signature(Request).parameters),
        *(set(inspect.signature(c).parameters) for c in OPTIMIZER_CLASSES.values()),
    ]  # fmt: skip
    for ours, others in ELSEWHERE.items():
        homes = [table for table in tables if ours in table]
        assert homes, ours
        assert [name for name in others.split() if any(name in home for home in homes)] == []
        assert others == others.lower()
    assert from_elsewhere("weight_decay", OPTIMIZER_CLASSES) is None


FRAME = {"a": [1.0, 2.0, 3.0, 4.0], "city": ["Rome", "Oslo", "Rome", "Bern"]}


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_frames_with_text_are_led_to_tables(estimator: Any) -> None:
    """The column and its text are named, and what encodes them; at fit and at prediction, in frames and in arrays."""
    pandas = pytest.importorskip("pandas", reason="pip install pandas")
    frame = pandas.DataFrame(FRAME)
    expected = r"column 'city' holds text \('Rome'\).*chainrule\.train\(table, target=COLUMN\).*Tabular"
    net = cr.Network([2, 3, 2])
    for refused in (
        lambda: cr.train(net, frame, Y, progress=False),
        lambda: net.predict(frame),
        lambda: estimator(max_iter=2).fit(frame, Y),
        lambda: estimator(max_iter=2, solver="sgd").partial_fit(
            frame, Y, **({"classes": [0, 1]} if estimator is MLPClassifier else {})
        ),
    ):
        with pytest.raises(cr.DataError, match=expected):
            refused()
    with pytest.raises(cr.DataError, match=r"column 1 holds text \('Rome'\).*Tabular"):
        estimator().fit(frame.to_numpy(), Y)
    fitted = estimator(solver="sgd").partial_fit(X, Y, **({"classes": [0, 1]} if estimator is MLPClassifier else {}))
    with pytest.raises(cr.DataError, match=r"column 1 holds text"):
        fitted.predict(frame.to_numpy())


def test_text_that_is_numbers_stays() -> None:
    """Numbers as text in an array of objects are numbers, as in scikit-learn; other faults keep their own words."""
    as_text = X.astype(object).astype(str).astype(object)
    np.testing.assert_array_equal(cr.Network([2, 3, 2]).predict(as_text), cr.Network([2, 3, 2]).predict(X))
    with pytest.raises(ValueError, match="NaN"):
        MLPClassifier().fit(np.array([["nan", 1.0], [2.0, 3.0]], dtype=object), [0, 1])
    with pytest.raises(cr.DataError, match="does not hold numbers"):
        cr.Network([2, 3, 2]).predict([[1.0, {}]])
    with pytest.raises(cr.DataError, match=r"y holds text \('no'\): must be numbers.*MLPClassifier"):
        cr.train(cr.Network([2, 3, 2]), X, ["no", "yes", "no", "yes"], progress=False)
