"""A number that is not finite ends the training at one step, and is named: epoch, step, layer, quantity."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.select import select
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 4))
VALUES, CLASSES = X[:, 0] - X[:, 1], (X[:, 0] > X[:, 1]).astype(int)
ENGINES = ["native", "numpy"]
DTYPES = ["float32", "float64"]
HUGE = {"float32": 1e37, "float64": 1e307}
SQUARE_OVERFLOWS = {"float32": 1e22, "float64": 1e200}
"""Numbers whose squares are beyond the dtype."""
DIVERGED = pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")


def classifier(dtype: str, **how: Any) -> cr.Network:
    return cr.Network([4, 6, 2], dtype=dtype, **how)


def regressor(dtype: str, loss: str = "squared_error", **how: Any) -> cr.Network:
    output = "exponential" if loss == "poisson" else "identity"
    return cr.Network([4, 6, 1], output=output, loss=loss, dtype=dtype, **how)


def trained(network: cr.Network, X: Any, y: Any, engine: str, **how: Any) -> cr.Run:
    return cr.train(network, X, y, **{"epochs": 3, "batch_size": 20, "engine": engine, "progress": False} | how)


def must_be_named(run: cr.Run, quantity: str, layer: int | None = None) -> None:
    """Stopped as diverged at one step of the first epoch, with finite weights and a finite history left."""
    assert run.diverged is not None
    assert run.result["stopped"] == "diverged"
    assert (run.diverged.epoch, run.diverged.quantity, run.diverged.layer) == (0, quantity, layer)
    assert 0 <= run.diverged.step < 3
    assert np.isfinite(run.network.parameters.flat).all()
    for name, values in run.history.items():
        assert np.isfinite(values).all(), name


@DIVERGED
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("optimizer", "letter"), [("adam", "v"), ("adamw", "v"), ("rmsprop", "v"), ("adagrad", "v"), ("sgd", None)]
)
def test_inputs_near_the_largest_number(engine: str, dtype: str, optimizer: str, letter: str | None) -> None:
    """A v that overflowed would make every later step 0; a sum of losses that overflowed has no mean."""
    run = trained(classifier(dtype), X * HUGE[dtype], CLASSES, engine, optimizer=optimizer, learning_rate=1e-9)
    if letter is not None:
        must_be_named(run, f"{letter} of W1", 1)
    elif dtype == "float64":
        assert run.diverged is not None
        assert run.diverged.quantity in ("loss", "z2", "z1")


@DIVERGED
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile:0.9", "poisson"])
def test_every_loss_of_values(engine: str, dtype: str, loss: str) -> None:
    """Whatever the loss, either all numbers of the history are finite or the run diverged and says where."""
    for scale in (HUGE[dtype], SQUARE_OVERFLOWS[dtype]):
        run = trained(regressor(dtype, loss), X * scale, np.abs(VALUES), engine)
        assert run.diverged is not None or all(np.isfinite(values).all() for values in run.history.values())
        assert np.isfinite(run.network.parameters.flat).all()
        if run.diverged is not None:
            assert run.diverged.step >= 0
            assert run.diverged.quantity in str(run.diverged)


@DIVERGED
@pytest.mark.parametrize("engine", ENGINES)
def test_a_mean_that_overflows_names_the_largest_loss(engine: str) -> None:
    """Losses that are numbers, whose sum is none, end the run at the largest of them."""
    net = cr.Network([4, 2], dtype="float64")
    run = trained(net, X * 1e307, CLASSES, engine, optimizer="sgd", learning_rate=1e-320, batch_size=1)
    assert run.diverged is not None
    assert run.diverged.quantity == "loss"
    assert run.losses[run.diverged.step] == run.losses[:60].max()
    assert run.history["loss"] == []


@DIVERGED
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_variance_that_overflows_is_no_zero(engine: str, dtype: str) -> None:
    """A normalised layer whose variance overflowed is NaN in both engines, not silently its shift."""
    net = classifier(dtype, normalization="layer", residual=False)
    rows = np.ascontiguousarray(X * SQUARE_OVERFLOWS[dtype], dtype=dtype)
    computer = select(engine, net.architecture)[0]
    with np.errstate(all="ignore"):
        assert np.isnan(computer.forward(net.parameters, rows).u[1]).all()
        for n in (1, 5, 60):
            assert np.isnan(computer.predict(net.parameters, rows[:n])).all()
    must_be_named(trained(net, rows, CLASSES, engine), "u1", 1)


@DIVERGED
@pytest.mark.parametrize("engine", ENGINES)
def test_a_gradient_whose_norm_overflows_cannot_be_clipped(engine: str) -> None:
    """clip_norm / inf = 0 would end learning without a word."""
    run = trained(regressor("float64"), X * 1e80, VALUES, engine, optimizer="sgd", clip_norm=1.0)
    must_be_named(run, "norm of the gradient")


@DIVERGED
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_penalties_that_overflow(engine: str, penalty: str) -> None:
    """In float32 the penalised gradient is infinite; in float64 the penalty itself is."""
    how: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 1e-320, penalty: 1e308}
    must_be_named(trained(regressor("float32"), X, VALUES, engine, **how), "gradient of W1 with its penalty", 1)
    must_be_named(trained(regressor("float64"), X, VALUES, engine, **how), "penalty")


@DIVERGED
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", [cr.SGD(0.1, momentum=0.9), cr.SGD(0.1, momentum=0.9, nesterov=True)])
def test_velocities_that_overflow(engine: str, optimizer: Any) -> None:
    """A velocity beyond the dtype is named before the weights that it leaves."""
    run = trained(regressor("float32"), X * 1e18, VALUES * 1e18, engine, optimizer=optimizer)
    assert run.diverged is not None
    assert np.isfinite(run.network.parameters.flat).all()


@DIVERGED
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["auto", "loss", "auc"])
def test_validation_rows_alone(engine: str, dtype: str, metric: str) -> None:
    """Rows held out that overflow end the run at the end of the first epoch; no metric is asked about them."""
    validation = (np.full_like(X, 3e38 if dtype == "float32" else 1.7e308), CLASSES)
    run = trained(classifier(dtype), X, CLASSES, engine, validation=validation, metric=metric)
    must_be_named(run, "validation_loss")
    assert run.diverged is not None
    assert run.diverged.step == 2
    if metric != "auc":
        values = trained(regressor(dtype), X, VALUES, engine, validation=(X * HUGE[dtype], VALUES), metric=metric)
        must_be_named(values, "validation_loss")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_only_ratios_of_weights_count(engine: str, dtype: str) -> None:
    """Weights of any size that a sum can hold train as their ratios do, history and metrics included."""
    weight = RNG.integers(1, 5, 60).astype(np.float64)
    histories = []
    for power in (0, 110, -110) if dtype == "float32" else (0, 1000, -1000):
        how = {"sample_weight": np.ldexp(weight, power), "validation": (X, VALUES, np.ldexp(weight, power))}
        run = trained(regressor(dtype), X, VALUES, engine, **how)
        assert run.diverged is None
        run.history.pop("seconds")
        histories.append((run.result["sha256"], run.history))
    assert histories[0] == histories[1] == histories[2]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_that_add_up_to_nothing_or_too_much(engine: str, dtype: str) -> None:
    """What leaves the dtype, or whose sum no float64 holds, is refused before the first step, with the value found."""
    for weight, result in (
        (np.full(60, 1e308), "1e.308"),
        (np.full(60, 1e300), "1e.300") if dtype == "float32" else (np.full(60, 1.7e308), "adds up to inf"),
        (np.full(60, 1e-300), "becomes 0") if dtype == "float32" else (np.zeros(60), "zeros only"),
        (np.where(np.arange(60) == 7, -1.0, 1.0), r"sample_weight\[7\] is -1.0"),
        (np.where(np.arange(60) == 7, np.nan, 1.0), r"sample_weight\[7\] is nan"),
    ):
        with pytest.raises(cr.DataError, match=result):
            trained(classifier(dtype), X, CLASSES, engine, sample_weight=weight)
    with pytest.raises(cr.DataError, match="class_weight"):
        trained(classifier(dtype), X, CLASSES, engine, class_weight={0: 1e308, 1: 1e308})
    weight = np.full(60, 1e20 if dtype == "float32" else 1e200)
    with pytest.raises(cr.DataError, match="sample_weight times class_weight"):
        trained(classifier(dtype), X, CLASSES, engine, sample_weight=weight, class_weight={0: weight[0], 1: 1.0})


def test_all_the_weight_in_one_part() -> None:
    """A share is held out before the weights of both parts can be known; either may weigh nothing."""
    run = trained(classifier("float32"), X, CLASSES, "native", validation=0.2)
    training = run.rows.index
    assert training is not None
    for rows, result in ((training, "12 rows held out"), (np.setdiff1d(np.arange(60), training), "48 training rows")):
        weight = np.zeros(60)
        weight[rows[0]] = 1.0
        with pytest.raises(cr.DataError, match=result):
            trained(classifier("float32"), X, CLASSES, "native", validation=0.2, sample_weight=weight)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus", "sigmoid", "tanh"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_is_handed_on_by_every_activation(name: str, dtype: str) -> None:
    """A pre-activation that is NaN makes the output NaN in both engines, so that the loss tells of it."""
    architecture = Architecture.build([2, 3, 2], name, "softmax", "cross_entropy", dtype)
    parameters = Parameters(architecture, np.ones(architecture.n_parameters, dtype))
    parameters.W[1][0] = np.nan
    rows = np.ones((5, 2), dtype)
    for engine in ENGINES:
        computer = select(engine, architecture)[0]
        with np.errstate(all="ignore"):
            for n in (1, 5):
                assert np.isnan(computer.predict(parameters, rows[:n])).all(), engine


def test_losses_take_room_as_they_come() -> None:
    """2·10¹⁰ steps that a time limit of a moment never does ask for no memory."""
    rows = np.zeros((200_000, 1), np.float32)
    y = np.arange(200_000) % 2
    run = cr.train(
        cr.Network([1, 2]), rows, y, epochs=1_000_000, batch_size=1, time_limit=0.05, progress=False, engine="native"
    )
    assert run.result["stopped"] == "time_limit"
    assert 0 < len(run.losses) < 10_000_000


@pytest.mark.parametrize("engine", ENGINES)
def test_no_rows(engine: str) -> None:
    """forward and predict of no rows are empty; J of no rows is a mean over nothing."""
    net = regressor("float64")
    net.engine = select(engine, net.architecture)[0]
    none = np.empty((0, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert net.predict(none).shape == (0,)
        assert [a.shape for a in net.forward(none).a] == [(0, 4), (0, 6), (0, 1)]
        with pytest.raises(cr.ShapeError, match="0 rows: must have at least one"):
            net.backward(none, np.empty(0))
