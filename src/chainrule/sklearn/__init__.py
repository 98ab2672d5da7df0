"""scikit-learn estimators: MLPClassifier and MLPRegressor with scikit-learn's meaning, fast and open to the eye.

    from chainrule.sklearn import MLPClassifier

Parameters, attributes and methods are those of sklearn.neural_network; docs/sklearn.md lists what differs. An
estimator loads when it is first used: every worker of a grid search loads it again.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.sklearn.classifier import MLPClassifier
    from chainrule.sklearn.regressor import MLPRegressor
    from chainrule.sklearn.tabular import TabularClassifier
    from chainrule.sklearn.tabular_regressor import TabularRegressor

_HOME = {
    "MLPClassifier": "chainrule.sklearn.classifier",
    "MLPRegressor": "chainrule.sklearn.regressor",
    "TabularClassifier": "chainrule.sklearn.tabular",
    "TabularRegressor": "chainrule.sklearn.tabular_regressor",
}

__all__ = ["MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"]


def __getattr__(name: str) -> Any:
    """An estimator, loaded from its home on first use. The table is fixed: no name comes from outside."""
    if name not in _HOME:
        raise AttributeError(f"module 'chainrule.sklearn' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
