"""check_gradients for a public Network."""

from __future__ import annotations

from typing import Any

from chainrule.api.network import Network
from chainrule.run.rows import prepare_rows


def check_gradients(network: Network, X: object, y: object, sample_weight: object = None, **options: Any) -> Any:
    """Compare backpropagation with central differences in float64, tensor by tensor.

    Formula   max|a − n| / max(max|a|, max|n|) for every W[l], b[l], gain[l], shift[l]; n = (J(θ + h) − J(θ − h)) / 2h
    Args      X, y, sample_weight as for train; options: see chainrule.verify.gradients.check_gradients
    Returns   GradientCheck: passed, max_relative_error, tensors, kinks
    """
    from chainrule.engine.select import reference
    from chainrule.verify.gradients import check_gradients as compare

    rows = prepare_rows(network.architecture, X, y, sample_weight)
    return compare(reference(), network.parameters, rows.X, rows.targets, rows.weight, **options)
