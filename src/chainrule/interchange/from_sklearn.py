"""from_sklearn: a fitted perceptron of scikit-learn becomes a Network with the same bits of weights."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from chainrule.api.check import check_gradients
from chainrule.api.network import Network
from chainrule.errors import SettingsError
from chainrule.interchange.layers import LayerRead, check_rows, network_of, refuse_non_finite

ALLOWED = {"float32": 1e-5, "float64": 1e-9}
"""Of the largest output: sums in another order, through many layers."""


def from_sklearn(mlp: Any, *, check: bool = True) -> Network:
    """Make a Network of a fitted multi-layer perceptron of scikit-learn, which stays as it is.

    Parameters
    ----------
    mlp : sklearn.neural_network.MLPClassifier or MLPRegressor
        The fitted estimator itself; of a pipeline its last step, whose inputs the steps before it make.
    check : bool, default True
        Whether outputs are compared with scikit-learn's, and gradients with central differences.

    Returns
    -------
    Network
        The same architecture with the same numbers, bit for bit. Its class i is mlp.classes_[i].

    Raises
    ------
    SettingsError
        For another object, an estimator that is not fitted, parameters that are not finite, or a difference.

    Notes
    -----
    The penalty of scikit-learn, ½·alpha·Σ‖W‖² / Σw, is an argument of `train` here: l2 = alpha / weight of the batch.

    Examples
    --------
    >>> import chainrule as cr
    >>> from sklearn.neural_network import MLPRegressor
    >>> mlp = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0).fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> cr.from_sklearn(mlp).predict([[3.0]]).round(3).tolist()
    [7.0]
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    from chainrule.sklearn.fitted import NAMES

    if not isinstance(mlp, MLPClassifier | MLPRegressor):
        raise SettingsError(
            f"mlp: must be a fitted MLPClassifier or MLPRegressor of scikit-learn (got a {type(mlp).__name__}). "
            "Of a pipeline pass the last step."
        )
    if not hasattr(mlp, "coefs_"):
        raise SettingsError(f"mlp: must be fitted (got {type(mlp).__name__} without coefs_). Call its fit first.")
    loss = "cross_entropy" if isinstance(mlp, MLPClassifier) else mlp.loss
    hidden = NAMES.get(mlp.activation, mlp.activation)
    layers = [
        LayerRead(place=f"layer {l}", W=np.asarray(W), b=np.asarray(b), activation=hidden)
        for l, (W, b) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True), start=1)
    ]
    network = network_of(layers, NAMES.get(mlp.out_activation_, mlp.out_activation_), loss, "mlp")
    if check:
        refuse_non_finite(network, "mlp")
        _compare(network, mlp)
    return network


def _compare(network: Network, mlp: Any) -> None:
    """SettingsError where outputs or gradients differ."""
    X, y = check_rows(network)
    X = X.astype(network.architecture.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of names of columns, which these rows do not have
        theirs = np.asarray((mlp.predict_proba if network.kind != "values" else mlp.predict)(X))
    ours = (network.predict_proba if network.kind != "values" else network.predict)(X)
    error = float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-300))
    allowed = ALLOWED[network.architecture.dtype]
    if not error <= allowed:
        raise SettingsError(
            f"outputs differ from scikit-learn's by {error:.1e} of the largest: must be at most {allowed:g}. The "
            "estimator computes something else than its layers say; pass check=False to take it all the same."
        )
    found = check_gradients(network, X, y)
    if not found.passed:
        raise SettingsError(
            f"gradients differ from central differences by {found.max_relative_error:.1e} of the largest. "
            "Pass check=False to take the network all the same."
        )
