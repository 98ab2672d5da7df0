"""The slope of a score is its derivative, whatever the network, and columns add up."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.api.network import Network
from chainrule.explain.columns.contributions import TargetContributions
from chainrule.explain.columns.influence import (
    Influence,
    by_column,
    integrated_gradients,
    log_odds_of,
    score_gradient,
)
from chainrule.explain.columns.text import contributions_text
from chainrule.network.records import Forward
from tolerances import CENTRAL_DIFFERENCE, CENTRAL_DIFFERENCE_STEP, assert_close


@pytest.mark.parametrize(
    ("output", "loss", "n_outputs", "more"),
    [
        ("identity", "squared_error", 2, {}),
        ("exponential", "poisson", 1, {}),
        ("sigmoid", "cross_entropy", 1, {}),
        ("softmax", "cross_entropy", 3, {}),
        ("softmax", "cross_entropy", 3, {"normalization": "layer", "residual": True}),
    ],
)
def test_the_slope_by_central_differences(output: str, loss: str, n_outputs: int, more: dict) -> None:
    """∂s/∂x equals the central differences of the value, or of the log-odds of the probability."""
    network = Network([3, 4, 4, n_outputs], "tanh", output, loss, dtype="float64", seed=1, **more)
    X, h, k = np.random.default_rng(0).normal(size=(1, 3)), CENTRAL_DIFFERENCE_STEP, n_outputs - 1
    log_odds = output in ("sigmoid", "softmax")

    def score(rows: np.ndarray) -> float:
        a = float(network.forward(rows).output[0, k])
        return np.log(a / (1 - a)) if log_odds else a

    slope = [(score(X + h * e) - score(X - h * e)) / (2 * h) for e in np.eye(3)[:, None, :]]
    found = score_gradient(network.parameters, network.forward(X), k, log_odds=log_odds)[0]
    assert_close(found, slope, CENTRAL_DIFFERENCE)


def test_columns_add_up_their_inputs() -> None:
    """Two inputs of the first column, one of the second."""
    assert by_column(np.array([1.0, 2.0, -3.0]), (2, 1)).tolist() == [3, -3]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_text_fits_80_columns(language: str) -> None:
    """Many columns are cut to the largest, the others summed; every line fits."""
    from chainrule.text.tables import columns

    found = tuple(Influence(f"a column with a long name {i} 주구매상품", "value", (-1.0) ** i * i) for i in range(20))
    one = TargetContributions(prediction="price = 3", probability=None, score=3.0, baseline=1.0, found=found)
    text = contributions_text(one, language)
    assert max(map(columns, text.splitlines())) <= 80
    assert "19" in text.splitlines()[4]


@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
@pytest.mark.parametrize(
    ("output", "loss", "n_outputs"),
    [("identity", "squared_error", 1), ("sigmoid", "cross_entropy", 1), ("softmax", "cross_entropy", 3)],
)
def test_contributions_add_up(activation: str, output: str, loss: str, n_outputs: int) -> None:
    """Integrated gradients add up to the difference of the scores; of a linear network they are its weights."""
    log_odds = output != "identity"
    for sizes in ([3, 16, 16, n_outputs], [3, n_outputs]):
        network = Network(sizes, activation, output, loss, seed=2)
        x, average = np.random.default_rng(0).normal(size=(2, 3)) * 3

        def score(rows: Forward) -> np.ndarray:
            return log_odds_of(rows, 0, output == "softmax") if log_odds else rows.output[:, 0].astype(float)

        found = integrated_gradients(
            network.forward, network.parameters, x, average, 0, score, lambda rows: np.ones(len(rows.output)),
            log_odds=log_odds,
        )  # fmt: skip
        assert_close(found.inputs.sum(), found.score - found.baseline, 1e-9)
        if len(sizes) == 2 and output != "softmax":
            assert_close(found.inputs, network.parameters.W[1][:, 0] * (x - average), 1e-5)


def test_log_odds_keep_their_digits() -> None:
    """Of a probability that rounds to 1."""
    network = Network([1, 2], output="softmax", loss="cross_entropy", seed=0)
    network.parameters.W[1][:] = [[40.0, -40.0]]
    assert_close(log_odds_of(network.forward(np.array([[1.0]])), 0, True), [80.0], 1e-6)
