"""Findings of independent evidence stand beside each other, each with its own consequences, and do not contradict."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.diagnose.doctor.diagnose import EXCLUDES, arranged
from chainrule.diagnose.doctor.finding import Finding

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")


def trained(sizes: list[int], X: np.ndarray, y: np.ndarray, rate: float, **how) -> cr.Run:
    how_read = {"output": "identity", "loss": "squared_error"} if y.ndim == 2 else {}
    net = cr.Network(sizes, seed=0, **how_read)
    with np.errstate(all="ignore"):
        return cr.train(net, X, y, optimizer=cr.SGD(rate), progress=False, **how)


def noisy() -> tuple[np.ndarray, np.ndarray]:
    """600 rows of two classes, a fifth of the labels wrong."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    y = (3 * X[:, 0] + X[:, 1] > 0).astype(int)
    bad = rng.random(600) < 0.2
    y[bad] = 1 - y[bad]
    return X, y


@pytest.mark.parametrize(("rate", "cause"), [(1000.0, "learning-rate-too-large"), (1e-7, "learning-rate-too-small")])
def test_wrong_labels_hide_no_rate(rate: float, cause: str) -> None:
    """The rate that kept the run from learning first, with what followed from it; the labels beside it."""
    faults = trained([4, 16, 2], *noisy(), rate).doctor().faults
    assert [finding.id for finding in faults] == [cause, "label-noise"]
    assert [one.id for one in faults[0].consequences][:1] == ["non-finite" if rate > 1 else "stalled"]
    assert not faults[1].consequences


def test_wrong_labels_alone_are_the_first_cause() -> None:
    """At a usual rate nothing else is said: what the noise leaves unlearned is no slow training."""
    faults = trained([4, 16, 2], *noisy(), 0.1).doctor().faults
    assert [finding.id for finding in faults] == ["label-noise"]


def squares() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-6, 6, (250, 2))
    return np.c_[x, x[:, 0] ** 2], x.sum(axis=1, keepdims=True) / 10


@pytest.mark.parametrize("rate", [0.01, 0.02, 0.03])
def test_a_rate_a_few_times_too_large_is_named(rate: float) -> None:
    """The run dies after a few steps far above the constant's loss; a trial goes on for the steps that were planned."""
    run = trained([3, 1], *squares(), rate, batch_size=10, epochs=50)
    assert run.diverged is not None and run.n_steps < 100
    first = run.doctor()[0]
    assert first.id == "learning-rate-too-large" and 0.1 * rate <= first.evidence["better"] <= 0.5 * rate
    assert first.evidence["loss_trial"] < 1e-3 * first.evidence["chance"]
    assert first.consequences[0].id in ("exploding-loss", "non-finite")


def test_a_rate_that_is_right_is_not_named() -> None:
    """Half of the smallest rate that is too large trains to the end."""
    assert trained([3, 1], *squares(), 0.005, batch_size=10, epochs=50).doctor().healthy


@pytest.mark.parametrize("kind", ["values", "classes"])
def test_a_rate_is_named_on_ten_rows(kind: str) -> None:
    """Ten rows are too few for a test over rows; that the run died, and a lower rate fits them, is enough."""
    X = np.random.default_rng(0).normal(size=(10, 3))
    y = X @ [1, 2, -1]
    rows = y[:, None] if kind == "values" else (y > 0).astype(int)
    first = trained([3, 8, 1 if kind == "values" else 2], X, rows, 50.0, epochs=50).doctor()[0]
    assert first.id == "learning-rate-too-large"


def test_codes_hide_no_rate() -> None:
    """-9999 in a table and a rate a million times too small: the rate stopped the run, the codes stand beside it."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=300), rng.normal(size=300)
    coded = np.where(rng.random(300) < 0.1, -9999.0, np.round(a, 2))
    run = cr.train(
        {"a": coded, "b": b, "y": a + b}, target="y", optimizer="sgd", learning_rate=1e-8, epochs=20, progress=False
    )
    assert [finding.id for finding in run.doctor().faults] == ["learning-rate-too-small", "input-scale"]


def test_codes_that_explain_a_failure_stand_alone() -> None:
    """-9999 in arrays makes the curvature a million times as large: with medians in their place the run goes well."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    X[rng.random(X.shape) < 0.05] = -9999
    faults = trained([4, 16, 2], X, y, 0.1, epochs=20).doctor().faults
    assert [(finding.id, finding.variant) for finding in faults] == [("input-scale", "code")]
    assert faults[0].evidence["heals"] is True


def test_a_finite_loss_is_not_called_a_number_that_is_none() -> None:
    """The title is true of the value: a loss of 5.2e5 exploded, NaN and infinity are numbers that are none."""
    diagnosis = trained([3, 1], *squares(), 0.01, batch_size=10, epochs=50).doctor()
    exploded = diagnosis[0].consequences[0]
    assert np.isfinite(exploded.evidence["loss"]) and exploded.title == "Exploding loss"
    assert "Non-finite numbers" not in diagnosis.text()


def finding(id_: str, severity: str = "fault", **more) -> Finding:
    return Finding(id=id_, severity=severity, **more)


def test_findings_that_contradict_are_not_shown_side_by_side() -> None:
    """A loss that is still falling does not stand still, whichever way the findings come."""
    for there, absent in EXCLUDES.items():
        for name in absent:
            shown = arranged([finding(there)], [finding(name)])
            assert [one.id for one in shown] == [there] and not shown[0].consequences
            assert [one.id for one in arranged([finding(name), finding(there)], [])] == [there]


def test_a_note_is_not_shown_beside_the_fault_of_the_same_name() -> None:
    """Inputs whose scale did no harm, and codes among them that did: one finding."""
    shown = arranged([finding("input-scale", variant="code"), finding("input-scale", "note", variant="harmless")], [])
    assert [one.variant for one in shown] == ["code"]


def test_wrong_labels_do_not_explain_a_number_that_is_none() -> None:
    """Where no cause was found of what ended the run, that stands first and for itself."""
    shown = arranged([finding("label-noise")], [finding("non-finite", step=3)])
    assert [one.id for one in shown] == ["non-finite", "label-noise"]


def test_a_run_that_falls_to_the_end_does_not_stand_still() -> None:
    """A loss that is on its way down from above the constant's is no better, but it is not said to stand still."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    run = trained([3, 1], X, 50 + X[:, :1], 3e-3, batch_size=20, epochs=5)
    diagnosis = run.doctor()
    everything = [*diagnosis, *(one for found in diagnosis for one in found.consequences)]
    stalled = [one for one in everything if one.id == "stalled"]
    assert stalled or diagnosis[0].id == "too-few-steps", diagnosis.text()
    assert all(one.variant == "moving" and "stands still" not in one.words("claim") for one in stalled)
