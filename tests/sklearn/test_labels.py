"""Labels that are missing or of several kinds, and validation weights of nothing, are named by every classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

X = np.random.default_rng(0).normal(size=(8, 2))
TEXTS = ["a", "b", "a", "b", "a", "b", "a", "b"]


def lacking(values: list[Any], missing: Any = None) -> list[Any]:
    return [*values[:2], missing, *values[3:]]


MISSING: dict[str, Any] = {
    "NaN among texts": np.array(lacking(TEXTS, np.nan), object),
    "None among texts": np.array(lacking(TEXTS), object),
    "a list": lacking(TEXTS),
    "string": pd.Series(lacking(TEXTS), dtype="string"),
    "category": pd.Series(lacking(TEXTS), dtype="category"),
    "str": pd.Series(lacking(TEXTS), dtype="str"),
    "Int64": pd.Series(lacking([0, 1] * 4), dtype="Int64"),
    "boolean": pd.Series(lacking([True, False] * 4), dtype="boolean"),
    "numbers as objects": np.array(lacking([0, 1] * 4, np.nan), object),
}


@pytest.mark.parametrize("estimator", [TabularClassifier, MLPClassifier])
@pytest.mark.parametrize("name", MISSING)
def test_a_missing_label_is_named(estimator: type, name: str) -> None:
    """Its row, how many there are, and what helps: a ValueError in scikit-learn's words."""
    with pytest.raises(ValueError, match=r"y\[2\] is .* \(row 2\), 1 such in all: Input y contains NaN"):
        estimator().fit(X, MISSING[name])
    if estimator is TabularClassifier:
        with pytest.raises(ValueError, match=r"y_val\[2\] is .*Input y_val contains NaN"):
            estimator().fit(X, TEXTS, X_val=X, y_val=MISSING[name])


@pytest.mark.parametrize("estimator", [TabularClassifier, MLPClassifier])
def test_texts_among_numbers_are_named(estimator: type) -> None:
    """What does not compare is no set of classes."""
    with pytest.raises(ValueError, match=r"y holds texts and other values \('a', 1\): must hold labels of one kind"):
        estimator().fit(X, np.array(["a", 1] * 4, object))


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor])
def test_validation_weights_of_nothing_are_named(estimator: type) -> None:
    """Zeros are those of the validation rows, not of the rows to fit."""
    y = np.arange(8) % 2
    with pytest.raises(ValueError, match="sample_weight_val holds zeros only"):
        estimator().fit(X, y, X_val=X, y_val=y, sample_weight_val=np.zeros(8))
