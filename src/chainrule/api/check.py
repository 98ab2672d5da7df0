"""check_gradients for a public Network."""

from __future__ import annotations

from typing import Any

from chainrule.api.network import Network
from chainrule.errors import SettingsError
from chainrule.run.rows import prepare_rows


def check_gradients(network: Any, X: object, y: object, sample_weight: object = None, **options: Any) -> Any:
    """Compare backpropagation with central differences in float64, tensor by tensor.

    Parameters
    ----------
    network : Network, Run or estimator
        The network, a run's, or a fitted estimator of `chainrule.sklearn`; its parameters stay as they are.
    X : array of shape (n, n_inputs)
        Rows; of an estimator whatever its fit takes.
    y : array
        Their targets, as for `train`; of an estimator as for its fit.
    sample_weight : array of shape (n,), optional
        Weights of the rows, ≥ 0.
    **options
        The h, max_entries, threshold and seed of `chainrule.verify.gradients.check_gradients`.

    Returns
    -------
    GradientCheck
        `passed`, `max_relative_error`, `tensors`, `kinks`, `text(language)`.

    Raises
    ------
    SettingsError, ShapeError, DataError
        If an option is out of range, or the rows do not fit the network.

    Notes
    -----
    The error of a tensor is max|a − n| / max(max|a|, max|n|), n = (J(θ + h) − J(θ − h)) / 2h, for every W[l], b[l],
    gain[l], shift[l] and for X.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([2, 3, 1], activation="tanh", output="sigmoid", dtype="float64")
    >>> cr.check_gradients(net, [[0.0, 1.0], [1.0, 0.5]], [0, 1]).passed
    True
    """
    from chainrule.engine.select import reference
    from chainrule.verify.gradients import check_gradients as compare

    of_estimator = getattr(network, "_check_gradients", None)
    if of_estimator is not None:
        return of_estimator(X, y, sample_weight, **options)
    network = getattr(network, "network", network)
    if not isinstance(network, Network):
        kind = type(network).__name__
        raise SettingsError(
            f"network is a {kind}: must be a Network, a Run or a fitted estimator of chainrule.sklearn."
        )
    rows = prepare_rows(network.architecture, X, y, sample_weight)
    return compare(reference(), network.parameters, rows.X, rows.targets, rows.weight, **options)
