"""The loss of what is predicted: of K networks side by side that of their mean output, else J."""

from __future__ import annotations

import numpy as np

from chainrule.engine.protocol import Array, Engine, Targets, dense_targets
from chainrule.network.parameters import Parameters
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import value_and_delta


def output_loss(
    engine: Engine, parameters: Parameters, X: Array, targets: Targets, weight: Array | None = None
) -> tuple[float, Array]:
    """Σ w_i·loss_i / Σ w_i of the output, and the output, (n, n_outputs).

    J of K members is the mean of their losses, which what is learned by and what is predicted do not share.
    """
    J, output = engine.loss(parameters, X, targets, weight)
    a = parameters.architecture
    if a.members == 1 or not np.isfinite(output).all():
        return J, output
    wide = output.astype(np.float64)
    z = ACTIVATIONS[a.output].inverse(wide)
    y = dense_targets(targets, a).astype(np.float64)
    with np.errstate(all="ignore"):
        of_rows = value_and_delta(a.loss, a.output, z, wide, y)[0]
    w = np.ones(len(of_rows)) if weight is None else weight.astype(np.float64)
    total = w.sum()
    return float(np.where(w > 0, of_rows, 0.0) @ w / total) if total else 0.0, output
