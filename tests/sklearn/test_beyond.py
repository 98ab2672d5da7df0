"""What scikit-learn's own networks refuse: further settings, own validation rows, callbacks, replay."""

from __future__ import annotations

import gc
import pickle
import time
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from chainrule.errors import SettingsError, ShapeError
from chainrule.sklearn import MLPClassifier, MLPRegressor
from chainrule.sklearn.class_weight import weight_of_rows
from chainrule.training import loop
from tolerances import NATIVE_100_STEPS, SKLEARN_EPOCHS, assert_close

X, Y = load_digits(return_X_y=True)
X, Y = X[:400] / 16, Y[:400]
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

FITS: dict[str, Any] = {
    "everything": MLPClassifier(
        (32, 32), ["tanh", "gelu"], normalization="layer", residual=True, dropout=0.1, max_iter=8, schedule="cosine",
        class_weight="balanced", clip_norm=1.0, random_state=0,
    ),
    "invscaling": MLPClassifier(max_iter=5, solver="sgd", learning_rate="invscaling", random_state=0),
    "adaptive": MLPRegressor(
        solver="sgd", learning_rate="adaptive", learning_rate_init=0.1, max_iter=200, n_iter_no_change=2, tol=1e-2,
        random_state=0,
    ),
    "huber": MLPRegressor("huber", max_iter=5, random_state=0),
    "quantile": MLPRegressor("quantile", max_iter=5, quantile=0.9, random_state=0),
}  # fmt: skip


@pytest.mark.parametrize("name", FITS)
def test_every_fit_can_be_replayed(name: str) -> None:
    """The last step of run_ leads to the weights of the fit, to the bit, and its loss is that of the run."""
    fit = FITS[name].fit(X, Y)
    run, step = fit.run_, fit.run_.replay(-1)
    for l, (W, b) in enumerate(zip(fit.coefs_, fit.intercepts_, strict=True), start=1):
        assert np.array_equal(step.update.new.W[l], W)
        assert np.array_equal(step.update.new.b[l], b)
    assert run.losses[-1] == step.backward.loss
    assert len(run.history["loss"]) == fit.n_iter_
    assert "BACKWARD" in run.replay(1).explain()


def test_partial_fit_replays_its_last_call() -> None:
    """run_ after partial_fit is the last call; a step of an earlier one is refused, naming the first there is."""
    fit = MLPClassifier(random_state=0)
    for n in (300, 250, 400):
        fit.partial_fit(X[:n], Y[:n], classes=range(10))
    assert np.array_equal(fit.run_.replay(-1).update.new.W[1], fit.coefs_[0])
    with pytest.raises(SettingsError, match="must be at least"):
        fit.run_.replay(0)


def test_pickles_hold_arrays_and_the_run_on_request() -> None:
    """A pickle predicts the same; it holds run_ with keep_run=True alone, and the run in it replays."""
    fit = MLPClassifier(max_iter=3, random_state=0).fit(X, Y)
    copy = pickle.loads(pickle.dumps(fit))
    assert np.array_equal(copy.predict_proba(X), fit.predict_proba(X))
    assert not hasattr(copy, "run_")
    kept = pickle.loads(pickle.dumps(fit.set_params(keep_run=True)))
    assert np.array_equal(kept.run_.replay(-1).update.new.W[1], fit.coefs_[0])


def test_predictions_follow_coefs() -> None:
    """Weights set or written to by hand are those that predict uses."""
    fit = MLPRegressor(random_state=0, max_iter=2).fit(X, Y)
    fit.coefs_[-1][:] = 0
    assert np.allclose(fit.predict(X), fit.intercepts_[-1][0])
    fit.intercepts_ = [*fit.intercepts_[:-1], np.array([7.0])]
    assert np.array_equal(fit.predict(X), np.full(len(X), 7.0))


def test_own_validation_rows_and_metric() -> None:
    """X_val, y_val are judged after every epoch; early stopping keeps the weights of the best one."""
    settings: dict[str, Any] = dict(early_stopping=True, max_iter=40, n_iter_no_change=3, random_state=0)
    fit = MLPClassifier(**settings, metric="balanced_accuracy").fit(X[:300], Y[:300], X_val=X[300:], y_val=Y[300:])
    assert len(fit.validation_scores_) == len(fit.validation_loss_curve_) == fit.n_iter_
    from sklearn.metrics import balanced_accuracy_score

    assert balanced_accuracy_score(Y[300:], fit.predict(X[300:])) == pytest.approx(fit.best_validation_score_)
    watched = MLPClassifier(max_iter=4, random_state=0).fit(X, Y, X_val=X, y_val=Y)
    assert watched.validation_scores_[-1] == pytest.approx(watched.score(X, Y))


def test_class_weight_is_sample_weight() -> None:
    """class_weight and the sample weights that mean the same give the same fit."""
    a = MLPClassifier(max_iter=5, random_state=0, class_weight={3: 5.0}).fit(X, Y)
    b = MLPClassifier(max_iter=5, random_state=0).fit(X, Y, sample_weight=np.where(Y == 3, 5.0, 1.0))
    assert np.array_equal(a.coefs_[0], b.coefs_[0])


def test_balanced_classes_count_weights() -> None:
    """class_weight="balanced" counts a row of weight 2 as two rows; a class of no weight divides nothing."""
    y = np.array(["a", "a", "b", "c"])
    weight = np.array([1.0, 2.0, 1.0, 0.0])
    assert np.array_equal(weight_of_rows("balanced", y, weight), [4 / 6, 8 / 6, 2, 0])
    assert np.array_equal(weight_of_rows("balanced", np.array(list("aaab")), None), [4 / 6, 4 / 6, 4 / 6, 2])


def test_early_stopping_on_few_rows_judges_by_all() -> None:
    """Where fewer than ten rows would be held out, every row is learned from and judged by; else a part is not."""
    few = MLPClassifier(early_stopping=True, max_iter=5, random_state=0).fit(X[:60], Y[:60])
    assert few.run_.result["steps"] == 5 and len(few.run_.replay(0).rows) == 60
    assert few.best_validation_score_ == few.score(X[:60], Y[:60])
    enough = MLPClassifier(early_stopping=True, max_iter=5, random_state=0).fit(X[:100], Y[:100])
    assert len(enough.run_.replay(0).rows) == 90


def test_partial_fit_is_there_where_it_can_be() -> None:
    """hasattr says whether there is a partial_fit; whoever calls it where there is none gets a ValueError."""
    assert hasattr(MLPClassifier(), "partial_fit")
    for settings in ({"solver": "lbfgs"}, {"early_stopping": True}):
        refusing: Any = MLPRegressor(**settings)
        assert not hasattr(refusing, "partial_fit")
        with pytest.raises(ValueError, match="partial_fit"):
            refusing.partial_fit(X, Y)


def test_a_sigmoid_is_never_quite_sure() -> None:
    """Where a probability rounds to 0 or 1, the nearest number inside is told."""
    fit = MLPClassifier(max_iter=1, random_state=0).fit(X, Y > 4)
    fit.coefs_[-1][:] *= 1e6
    proba = fit.predict_proba(X)
    assert (proba > 0).all() and (proba < 1).all() and np.allclose(proba.max(axis=1), 1)


def test_time_limit_ends_a_fit() -> None:
    """A fit with a time limit ends soon after it."""
    began = time.perf_counter()
    fit = MLPClassifier((200,), max_iter=100_000, tol=0, n_iter_no_change=np.inf, time_limit=0.2).fit(X, Y)
    assert fit.n_iter_ < 100_000
    assert time.perf_counter() - began < 5


class StopsAfter:
    """A callback of scikit-learn 1.9 that stops after n epochs."""

    def __init__(self, n: int) -> None:
        self.n, self.seen = n, []  # type: ignore[var-annotated]

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing to set up."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing to clear."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing to do."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> bool:
        """The score of the epoch's estimator; True at the last epoch wanted."""
        if context.task_name == "epoch":
            self.seen.append(fitted_estimator.score(X, Y))
        return len(self.seen) >= self.n


def test_callbacks_see_every_epoch_and_may_stop() -> None:
    """A callback is handed a fitted estimator at the end of every epoch and ends the training by True."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brings the callback protocol")
    callback = StopsAfter(4)
    fit = MLPClassifier(random_state=0).set_callbacks(callback).fit(X, Y)
    assert fit.n_iter_ == 4
    assert callback.seen[-1] == fit.score(X, Y)
    assert np.array_equal(fit.coefs_[0], MLPClassifier(random_state=0, max_iter=4).fit(X, Y).coefs_[0])


def test_a_stop_within_a_stretch_ends_where_epoch_by_epoch_ends() -> None:
    """Epochs done ahead are undone: with callbacks (one epoch at a time) and without, the weights are the same bits."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brings the callback protocol")
    fast = MLPClassifier((5,), random_state=0, tol=0.05, n_iter_no_change=3, learning_rate_init=0.01).fit(X, Y)
    slow = MLPClassifier((5,), random_state=0, tol=0.05, n_iter_no_change=3, learning_rate_init=0.01)
    slow.set_callbacks(StopsAfter(1000)).fit(X, Y)
    assert fast.n_iter_ == slow.n_iter_ < 200
    assert np.array_equal(fast.coefs_[0], slow.coefs_[0])


def test_callbacks_follow_the_iterations_of_lbfgs() -> None:
    """Every iteration is an epoch to a callback, which is handed the estimator fitted so far and may end it."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brings the callback protocol")
    callback = StopsAfter(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = (
            MLPClassifier((8,), solver="lbfgs", normalization="layer", random_state=0).set_callbacks(callback).fit(X, Y)
        )
    assert fit.n_iter_ == 4 and callback.seen == sorted(callback.seen)
    assert callback.seen[-1] == fit.score(X, Y)


def test_a_callback_is_handed_gains_too() -> None:
    """With layer normalisation the estimator of the epoch scores as the one that is fitted to the end."""
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brings the callback protocol")
    callback = StopsAfter(100)
    settings: dict[str, Any] = dict(normalization="layer", max_iter=6, learning_rate_init=0.05, random_state=0)
    fit = MLPClassifier((8,), **settings).set_callbacks(callback).fit(X, Y)
    assert callback.seen[-1] == fit.score(X, Y)


def test_lbfgs_is_judged_by_rows_of_ones_own() -> None:
    """X_val and y_val are scored after every iteration."""
    with pytest.warns(ConvergenceWarning):
        fit = MLPClassifier(solver="lbfgs", max_iter=5, random_state=0).fit(X, Y, X_val=X, y_val=Y)
    assert len(fit.validation_scores_) == len(fit.validation_loss_curve_) == fit.n_iter_ == 5
    assert fit.validation_scores_[-1] == pytest.approx(fit.score(X, Y))
    assert fit.best_validation_score_ == max(fit.validation_scores_)


@pytest.mark.parametrize("settings", [{"dropout": 0.1}, {"clip_norm": 1.0}, {"schedule": "cosine"}, {"warm_up": 0.1}])
def test_lbfgs_refuses_what_it_could_only_ignore(settings: dict[str, Any]) -> None:
    """Settings of the steps of sgd and adam are refused by name, with what would do."""
    with pytest.raises(ValueError, match=f"{next(iter(settings))}=.*solver='lbfgs'.*another solver"):
        MLPClassifier(solver="lbfgs", **settings).fit(X, Y)


def test_a_step_schedule_is_told_how_far_and_how_often() -> None:
    """schedule="step" divides the rate as decay_factor and decay_every say."""
    settings: dict[str, Any] = dict(schedule="step", decay_factor=0.5, decay_every=2, max_iter=5, random_state=0)
    rates = MLPClassifier(**settings).fit(X, Y).run_.history["learning_rate"]
    assert rates == [1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4]


def test_activations_and_gradients() -> None:
    """activations gives every layer's a; gradients agree with a difference of the loss."""
    fit = MLPClassifier((7, 5), "tanh", max_iter=2, random_state=0).fit(X, Y)
    layers = fit.activations(X[:3])
    assert [a.shape for a in layers] == [(3, 7), (3, 5), (3, 10)]
    assert np.allclose(layers[-1], fit.predict_proba(X[:3]))
    gradient, h = fit.gradients(X, Y), 1e-6
    fit.coefs_[0][2, 3] += h
    up = fit.gradients(X, Y).loss
    fit.coefs_[0][2, 3] -= 2 * h
    assert (up - fit.gradients(X, Y).loss) / (2 * h) == pytest.approx(gradient.dW[1][2, 3], rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_quantile_regressor_has_that_share_of_rows_below(solver: str) -> None:
    """loss="quantile" at 0.9 predicts values that about 90 % of the rows lie below, at 0.1 about 10 %."""
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (600, 1))
    y = x[:, 0] + (1.5 + x[:, 0]) * generator.standard_normal(600)
    low, high = (
        MLPRegressor("quantile", (16,), "tanh", quantile=q, solver=solver, max_iter=300, learning_rate_init=0.01,
                     random_state=0).fit(x, y).predict(x)
        for q in (0.1, 0.9)
    )  # fmt: skip
    assert (y < low).mean() == pytest.approx(0.1, abs=0.04)
    assert (y < high).mean() == pytest.approx(0.9, abs=0.04)
    assert (low < high).all()


def half_square(a: Any, y: Any) -> Any:
    """½·Σ_j (a_j − y_j)²."""
    return 0.5 * ((a - y) ** 2).sum(axis=1)


@pytest.mark.parametrize("settings", [{}, {"solver": "sgd"}, {"solver": "lbfgs"}, {"early_stopping": True}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_own_loss_trains_like_the_same_loss_by_name(settings: dict[str, Any], dtype: Any) -> None:
    """The pair of a squared error gives the weights and the loss curve of squared_error; weights of rows count."""
    options: dict[str, Any] = dict(hidden_layer_sizes=(9,), max_iter=5, random_state=0, **settings)
    weight = np.linspace(0, 2, len(X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        named = MLPRegressor(**options).fit(X.astype(dtype), Y.astype(dtype), weight)
        own = MLPRegressor((half_square, np.subtract), **options).fit(X.astype(dtype), Y.astype(dtype), weight)
    assert own.loss_ == pytest.approx(named.loss_, rel=1e-5)
    for found, expected in zip(own.coefs_, named.coefs_, strict=True):
        assert_close(found, expected, SKLEARN_EPOCHS if dtype == np.float64 else NATIVE_100_STEPS["float32"])
    assert own.coefs_[0].dtype == named.coefs_[0].dtype


def test_an_own_loss_says_what_it_has_not() -> None:
    """It has no run_; it clones, pickles and opens its gradients; what is no pair, or has other shapes, is refused."""
    fit = clone(MLPRegressor((half_square, np.subtract), (5,), max_iter=2, random_state=0)).fit(X, Y)
    with pytest.raises(AttributeError, match="pair of functions"):
        _ = fit.run_
    assert np.array_equal(pickle.loads(pickle.dumps(fit)).predict(X), fit.predict(X))
    assert fit.gradients(X, Y).loss == pytest.approx(half_square(fit.predict(X)[:, None], Y[:, None]).mean())
    with pytest.raises(ValueError, match="must be a name or two functions"):
        MLPRegressor((half_square,)).fit(X, Y)
    with pytest.raises(ShapeError, match=r"value.*expected \(200,\)"):
        MLPRegressor((np.subtract, np.subtract)).fit(X, Y)


def test_a_loss_that_runs_away_is_said() -> None:
    """A learning rate far too large ends with a warning that names it and with finite, earlier weights."""
    with pytest.warns(UserWarning, match="training diverged"):
        fit = MLPRegressor(solver="sgd", learning_rate_init=0.9, activation="identity", random_state=0).fit(100 * X, Y)
    assert np.isfinite(fit.predict(X)).all()
    first = fit.run_.replay((fit.n_iter_ - 1) * fit._record.task.steps_per_epoch)
    assert np.array_equal(first.update.old.W[1], fit.coefs_[0])  # the weights before the epoch that ran away


def test_where_stretches_are_cut_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs one by one or many in a go: the same losses, weights and end, to the bit."""
    fits = []
    n_stretches: list[int] = []
    advance = loop.Trainer._advance

    def counted(self: loop.Trainer, *stretch: Any) -> Any:
        n_stretches[-1] += 1
        return advance(self, *stretch)

    monkeypatch.setattr(loop.Trainer, "_advance", counted)
    monkeypatch.setattr(loop, "UNCERTAIN_SHARE", 1.0)
    for seconds in (0.0, 10.0):
        monkeypatch.setattr(loop, "STRETCH_S", seconds)
        n_stretches.append(0)
        fit = MLPRegressor(hidden_layer_sizes=7, batch_size=30, tol=0.003, learning_rate_init=0.01, random_state=0)
        fits.append(fit.fit(X, Y))
    one, many = fits
    assert one.n_iter_ < one.max_iter  # the rule ended it, within a stretch
    assert n_stretches[0] == one.n_iter_ * one._record.task.steps_per_epoch > 5 * n_stretches[1]
    assert one.loss_curve_ == many.loss_curve_
    assert all(np.array_equal(a, b) for a, b in zip(one.coefs_, many.coefs_, strict=True))


def test_threads_in_workers_do_not_multiply() -> None:
    """A fit in a thread of joblib takes one thread; a worker process has its share of the cores."""
    from joblib import Parallel, delayed

    from chainrule.engine.threads import allowed_threads
    from chainrule.sklearn.fit_record import threads_of

    assert threads_of(None) is None
    assert Parallel(n_jobs=2, backend="threading")(delayed(threads_of)(None) for _ in range(2)) == [1, 1]
    cores = allowed_threads()[0]
    shares = Parallel(n_jobs=2)(delayed(_threads_of_worker)() for _ in range(2))
    assert sum(shares) <= max(cores, 2)


def _threads_of_worker() -> int:
    from chainrule.engine.threads import allowed_threads
    from chainrule.sklearn.fit_record import threads_of

    return allowed_threads(threads_of(None))[0]


def test_a_worker_does_not_collect_modules() -> None:
    """After a fit in a worker process of joblib what was loaded is out of garbage collection; nowhere else."""
    from joblib import Parallel, delayed

    assert min(Parallel(n_jobs=2, backend="loky")(delayed(_fit_and_count_frozen)() for _ in range(2))) > 10_000
    before = gc.get_freeze_count()
    _fit_and_count_frozen()
    assert gc.get_freeze_count() == before


def _fit_and_count_frozen() -> int:
    MLPRegressor(max_iter=1).fit(X, Y)
    return gc.get_freeze_count()
