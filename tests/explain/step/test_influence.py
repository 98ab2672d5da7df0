"""The slope of a score is its derivative, whatever the network, and columns add up."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.api.network import Network
from chainrule.explain.step.influence import Influence, by_column, contributions_text, score_gradient
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
    assert by_column(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, -1.0]), (2, 1)).tolist() == [3, -3]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_text_fits_80_columns(language: str) -> None:
    """Many columns are cut to the largest, the others summed; every line fits."""
    from chainrule.text.tables import columns

    found = [Influence(f"a column with a long name {i} 주구매상품", "value", (-1.0) ** i * i) for i in range(20)]
    text = contributions_text("price = 3", None, found, language)
    assert max(map(columns, text.splitlines())) <= 80
    assert "19" in text.splitlines()[3]
