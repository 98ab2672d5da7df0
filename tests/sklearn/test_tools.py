"""The estimators inside scikit-learn's tools: callbacks, frames, routing, searches, calibration, sparse matrices."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import RFE
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from chainrule.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor, fitted
from sklearn import config_context

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
ESTIMATORS = [
    MLPClassifier(max_iter=3, random_state=0),
    MLPRegressor(max_iter=3, random_state=0),
    TabularClassifier(max_iter=3, random_state=0),
    TabularRegressor(max_iter=3, random_state=0),
]
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
ROWS: dict[str, list[Any]] = {
    "colour": ["red", "green", None, "blue"] * 30,
    "size": [1.5, None, 0.25, 4.0] * 30,
    "new": [True, False, False, None] * 30,
}
ANSWERS = ["a", "b", "b", "a"] * 30


def frame_of(library: str, rows: dict[str, list[Any]]) -> Any:
    """The rows as a DataFrame; skipped until the library is installed."""
    return pytest.importorskip(library).DataFrame(rows)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("n", [1, 5], ids=["few rows", "a part held out"])
def test_frames_with_texts_and_gaps(library: str, n: int) -> None:
    """A DataFrame is learned as it is, its columns found by name in any order; numbers of the other kind likewise."""
    table = {name: column * n for name, column in ROWS.items()}
    frame, y = frame_of(library, table), ANSWERS * n
    model = TabularClassifier(random_state=0, max_iter=150).fit(frame, y)
    assert model.feature_names_in_.tolist() == list(ROWS)
    assert model.score(frame, y) > 0.95
    other = frame_of(library, {name: table[name] for name in reversed(table)})
    assert np.array_equal(model.predict_proba(other), model.predict_proba(frame))
    values = [3.0 if answer == "a" else 1.0 for answer in y]
    assert TabularRegressor(random_state=0, max_iter=150).fit(frame, values).score(frame, values) > 0.9


def test_frames_of_two_libraries_are_one_table() -> None:
    """The same rows from pandas and from polars give the same bits, whichever the model was fitted to."""
    pandas, polars = frame_of("pandas", ROWS), frame_of("polars", ROWS)
    model = TabularClassifier(random_state=0, max_iter=20).fit(pandas, ANSWERS)
    assert np.array_equal(model.predict_proba(polars), model.predict_proba(pandas))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_hands_frames_to_the_network(library: str) -> None:
    """A scaler that puts out frames hands its names on, in a pipeline of either kind of estimator."""
    frame = frame_of(library, {"a": X[:, 10].tolist(), "b": X[:, 20].tolist()})
    for estimator in (MLPClassifier(max_iter=3, random_state=0), TabularClassifier(max_iter=3, random_state=0)):
        chain = make_pipeline(StandardScaler(), estimator).set_output(transform=library).fit(frame, Y)
        assert chain[-1].feature_names_in_.tolist() == ["a", "b"]
        assert chain.predict(frame).shape == Y.shape


def test_progress_bar_and_scoring_monitor() -> None:
    """scikit-learn's own callbacks follow the epochs: the bar ends full, the monitor has a score for each of them."""
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brings the callback protocol")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    fit = MLPClassifier(max_iter=4, random_state=0).set_callbacks(monitor, callback.ProgressBar()).fit(X, Y)
    log = monitor.get_logs()
    rows = [row for row in log.data if row["task_name"] == "epoch"]
    assert len(rows) == fit.n_iter_ == 4
    assert rows[-1]["accuracy"] == fit.score(X, Y)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_weights_are_routed(estimator: Any) -> None:
    """With metadata routing a weight that was asked for reaches fit, through cross-validation and pipelines."""
    weight = np.linspace(0, 2, len(X))
    with config_context(enable_metadata_routing=True):
        asking = estimator.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        chain = make_pipeline(scaler, asking)
        cross_validate(chain, X, Y, cv=2, params={"sample_weight": weight}, error_score="raise")
        routed = chain.fit(X, Y, sample_weight=weight)[-1]
    direct = type(estimator)(**estimator.get_params()).fit(StandardScaler().fit_transform(X), Y, sample_weight=weight)
    assert np.array_equal(routed.predict(X), direct.predict(X))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_search_representation_and_pickles(estimator: Any) -> None:
    """A grid search takes each, with workers; its HTML names its settings; fitted or not, it pickles."""
    name = next(name for name in ("alpha", "learning_rate_init") if name in estimator.get_params())
    search = GridSearchCV(estimator, {name: [1e-3, 1e-2]}, cv=2, n_jobs=2, error_score="raise").fit(X, Y)
    assert search.best_params_[name] in (1e-3, 1e-2)
    for html in (estimator._repr_html_(), search.best_estimator_._repr_html_()):
        assert type(estimator).__name__ in html and name in html
    fitted_one = search.best_estimator_
    assert np.array_equal(pickle.loads(pickle.dumps(fitted_one)).predict(X), fitted_one.predict(X))
    assert pickle.loads(pickle.dumps(estimator)).get_params() == estimator.get_params()


@pytest.mark.parametrize("estimator", ESTIMATORS[::2], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(estimator: Any, method: Any) -> None:
    """CalibratedClassifierCV takes the classifiers and puts out probabilities."""
    proba = CalibratedClassifierCV(estimator, method=method, cv=2).fit(X, Y).predict_proba(X)
    assert proba.shape == (300, 10) and np.allclose(proba.sum(axis=1), 1)


def test_wide_sparse_rows_are_made_dense_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However wide a sparse X is, prediction holds few of its numbers densely at a time, and gives the same bits."""
    wide = sparse.random(400, 3000, density=0.01, format="csr", random_state=0)
    fit = MLPClassifier((5,), max_iter=2, random_state=0).fit(wide, np.arange(400) % 2)
    expected = fit.predict_proba(wide.toarray())
    monkeypatch.setattr(fitted, "BLOCK_NUMBERS", 3000 * 7)
    assert np.array_equal(fit.predict_proba(wide), expected)
    assert np.array_equal(fit.predict_proba(wide.tocsc()), expected)


def test_a_worker_imports_no_more_than_its_estimator_needs() -> None:
    """Every worker of a grid search imports the estimator once more: tables, pipelines and runs are not part of it."""
    code = (
        "import sys, chainrule.sklearn\n"
        "from chainrule.sklearn import MLPClassifier, MLPRegressor\n"
        "assert 'TabularClassifier' in dir(chainrule.sklearn)\n"
        "print([m for m in sys.modules if m.startswith(('chainrule.pipeline', 'chainrule.api', 'chainrule.run'))])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_rows_to_judge_by_come_with_their_answers() -> None:
    """X_val without y_val, or the other way round, is a mistake that is named."""
    for estimator in ESTIMATORS:
        with pytest.raises(ValueError, match="X_val is given, but y_val is None"):
            estimator.fit(X, Y, X_val=X)
        with pytest.raises(ValueError, match="y_val is given, but X_val is None"):
            estimator.fit(X, Y, y_val=Y)


def test_run_is_the_last_fit_or_none() -> None:
    """A fit by lbfgs leaves no run, also where an earlier one by adam did."""
    model = MLPClassifier(max_iter=3, random_state=0).fit(X, Y)
    assert model.run_.history["loss"]
    with pytest.warns(ConvergenceWarning):
        model.set_params(solver="lbfgs").fit(X, Y)
    assert not hasattr(model, "run_")


def test_the_time_limit_of_a_table_holds_for_trials_and_training_together() -> None:
    """A moment for twelve trials and the training: all end early, and what there is predicts."""
    model = TabularClassifier(time_limit=1e-3, random_state=0, threads=1).fit(X, Y)
    assert model.run_.result["stopped"] == "time_limit"
    assert model.predict(X).shape == Y.shape


def test_answers_of_arrow_are_taken() -> None:
    """Texts of a pyarrow array, which no NumPy array shares memory with."""
    arrow = pytest.importorskip("pyarrow")
    texts = arrow.array([f"digit {k}" for k in Y])
    assert TabularClassifier(max_iter=3, random_state=0).fit(X, texts).classes_[0] == "digit 0"
    assert MLPClassifier(max_iter=3, random_state=0).fit(X, texts).classes_[0] == "digit 0"


def test_lbfgs_keeps_the_time_limit() -> None:
    """It ends after the iteration within which the time ran out, and says so."""
    with pytest.warns(ConvergenceWarning, match="StopIteration"):
        model = MLPClassifier(solver="lbfgs", max_iter=10_000, tol=0, time_limit=1e-9, random_state=0).fit(X, Y)
    assert model.n_iter_ == 1


@pytest.mark.parametrize("estimator", ESTIMATORS[::2], ids=lambda e: type(e).__name__)
def test_meta_estimators_take_the_classifiers(estimator: Any) -> None:
    """One against the rest, votes, stacks, bags, selection by importance and self-training fit and score each."""
    importance = {"importance_getter": lambda fit: np.arange(fit.n_features_in_)}
    for meta in (
        OneVsRestClassifier(estimator),
        VotingClassifier([("it", estimator), ("line", LogisticRegression())], voting="soft"),
        StackingClassifier([("it", estimator)], cv=2),
        BaggingClassifier(estimator, n_estimators=2, random_state=0),
        RFE(estimator, n_features_to_select=63, **importance),
    ):
        assert meta.fit(X, Y).score(X, Y) > 0.1
    half_told = np.where(np.arange(len(Y)) % 2, Y, -1)
    assert SelfTrainingClassifier(estimator).fit(X, half_told).score(X, Y) > 0.1


def test_importances_on_request_serve_selection() -> None:
    """RFE takes feature_importances_, which a table's estimator computes where importances=True."""
    search = RFE(TabularClassifier(max_iter=20, importances=True, random_state=0), n_features_to_select=2)
    noise = np.random.default_rng(0).standard_normal((len(X), 2))
    assert search.fit(np.c_[noise, Y == 3, noise[:, ::-1] ** 2, Y > 4], Y).support_.tolist() == [0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_inspection_reads_them(estimator: Any) -> None:
    """Permutation importances and partial dependence of a fitted one."""
    fit = clone(estimator).fit(X, Y)
    assert permutation_importance(fit, X[:50], Y[:50], n_repeats=1).importances_mean.shape == (64,)
    assert partial_dependence(fit, X, [10], grid_resolution=5)["average"].shape[1] == 5


def test_rows_to_judge_by_go_through_a_pipeline() -> None:
    """With metadata routing X_val is transformed on its way like X and judges every epoch."""
    with config_context(enable_metadata_routing=True):
        asking = MLPClassifier(max_iter=3, random_state=0).set_fit_request(X_val=True, y_val=True)
        chain = Pipeline([("scale", StandardScaler()), ("net", asking)], transform_input=["X_val"])
        routed = chain.fit(X[:200], Y[:200], X_val=X[200:], y_val=Y[200:])
    assert routed[-1].validation_scores_[-1] == pytest.approx(routed.score(X[200:], Y[200:]))
