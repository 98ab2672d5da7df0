"""A masked cell is a missing value: refused by name where all must be known, missing where some may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
VALUES, CLASSES = X[:, 0], (X[:, 0] > 0).astype(int)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def masked(a: Any, *place: int) -> Any:
    """The array with one cell masked, whose number must not be read."""
    out = np.ma.array(a.copy(), mask=np.zeros(a.shape, bool))
    out[place] = 9
    out[place] = np.ma.masked
    return out


MX, MV, MC, MW = masked(X, 3, 1), masked(VALUES, 5), masked(CLASSES, 5), masked(np.ones(60), 7)


def regressor(n_outputs: int = 1) -> cr.Network:
    return cr.Network([4, 3, n_outputs], output="identity", loss="squared_error")


def train(network: cr.Network, X: Any, y: Any, **how: Any) -> cr.Run:
    return cr.train(network, X, y, epochs=2, progress=False, **how)


REFUSED: dict[str, tuple[Any, str]] = {
    "X": (lambda: train(regressor(), MX, VALUES), r"X\[3, 1\]"),
    "values": (lambda: train(regressor(), X, MV), r"y\[5\]"),
    "classes": (lambda: train(cr.Network([4, 2]), X, MC), r"y\[5\]"),
    "weights": (lambda: train(regressor(), X, VALUES, sample_weight=MW), r"sample_weight\[7\]"),
    "validation": (lambda: train(regressor(), X, VALUES, validation=(MX, VALUES)), r"X\[3, 1\]"),
    "predict": (lambda: regressor().predict(MX), r"X\[3, 1\]"),
    "forward": (lambda: regressor().forward(MX), r"X\[3, 1\]"),
    "backward": (lambda: regressor().backward(X, MV), r"y\[5\]"),
}
for model, y, my in (
    (MLPRegressor, VALUES, MV), (MLPClassifier, CLASSES, MC),
    (TabularRegressor, VALUES, MV), (TabularClassifier, CLASSES, MC),
):  # fmt: skip
    name = model.__name__

    def fit(X: Any, y: Any, model: Any = model, **how: Any) -> Any:
        return model(max_iter=1).fit(X, y, **how)

    REFUSED[f"{name} y"] = (lambda fit=fit, my=my: fit(X, my), r"y\[5\]")
    REFUSED[f"{name} weights"] = (lambda fit=fit, y=y: fit(X, y, sample_weight=MW), r"sample_weight\[7\]")
    REFUSED[f"{name} y_val"] = (lambda fit=fit, y=y, my=my: fit(X, y, X_val=X, y_val=my), r"y_val\[5\]")
    REFUSED[f"{name} sample_weight_val"] = (
        lambda fit=fit, y=y: fit(X, y, X_val=X, y_val=y, sample_weight_val=MW), r"sample_weight_val\[7\]",
    )  # fmt: skip
    if model in (MLPRegressor, MLPClassifier):
        REFUSED[f"{name} X"] = (lambda fit=fit, y=y: fit(MX, y), r"X\[3, 1\]")
        REFUSED[f"{name} X_val"] = (lambda fit=fit, y=y: fit(X, y, X_val=MX, y_val=y), r"X_val\[3, 1\]")
        REFUSED[f"{name} predict"] = (lambda fit=fit, y=y: fit(X, y).predict(MX), r"X\[3, 1\]")


@pytest.mark.parametrize("case", REFUSED)
def test_masked_cells_are_refused_by_name(case: str) -> None:
    """The place, and what to do about it."""
    mistake, place = REFUSED[case]
    with pytest.raises(ValueError, match=rf"{place} is masked .*a missing value.*filled"):
        mistake()


def test_nothing_masked_is_nothing_special() -> None:
    """A masked array without masked cells trains as the array does."""
    plain, masked_ones = train(regressor(), X, VALUES), train(regressor(), np.ma.array(X), np.ma.array(VALUES))
    assert plain.result["sha256"] == masked_ones.result["sha256"]


def test_one_of_several_targets_may_be_missing() -> None:
    """A masked target of several is NaN: it stays out of the loss."""
    Y = X[:, :2].copy()
    Y[5, 1] = np.nan
    missing, hidden = train(regressor(2), X, Y), train(regressor(2), X, masked(X[:, :2], 5, 1))
    assert missing.result["sha256"] == hidden.result["sha256"]


def test_tables_may_have_gaps() -> None:
    """Where NaN is a missing cell, a masked one is too."""
    gaps = X.copy()
    gaps[3, 1] = np.nan
    fits = [TabularRegressor(max_iter=2, random_state=0).fit(given, VALUES) for given in (gaps, MX)]
    assert fits[0].predict(gaps).tobytes() == fits[1].predict(MX).tobytes()
