"""scikit-learn estimators: MLPClassifier and MLPRegressor with scikit-learn's meaning, fast and open to the eye.

    from chainrule.sklearn import MLPClassifier

Parameters, attributes and methods are those of sklearn.neural_network; docs/sklearn.md lists what differs.
"""

from __future__ import annotations

from chainrule.sklearn.classifier import MLPClassifier
from chainrule.sklearn.regressor import MLPRegressor
from chainrule.sklearn.tabular import TabularClassifier, TabularRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"]
