"""What is predicted, by any engine: probabilities to their last digit, and the loss of the output."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chainrule.engine.protocol import Array, Engine, Targets, dense_targets
from chainrule.network.parameters import Parameters
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import value_and_delta


def logits(engine: Engine, parameters: Parameters, X: Array) -> Array:
    """z of the output layer, (n, n_outputs): the output of the same network with a[L] = z[L].

    Of K members a z that has the mean of their outputs.
    """
    a = parameters.architecture
    if a.members > 1:
        return _logits_of_mean(engine, parameters, X)
    layers = (*a.layers[:-1], replace(a.layers[-1], activation="identity"))
    return engine.predict(Parameters(replace(a, layers=layers, loss="squared_error"), parameters.flat), X)


def _logits_of_mean(engine: Engine, parameters: Parameters, X: Array) -> Array:
    g = ACTIVATIONS[parameters.architecture.output]
    output = engine.predict(parameters, X)
    if not (g.probability and g.elementwise):
        return g.inverse(output)
    tiny = np.finfo(output.dtype).tiny
    rest = complement(engine, parameters, X, output)
    return np.log(np.maximum(output, tiny)) - np.log(np.maximum(rest, tiny))


def complement(engine: Engine, parameters: Parameters, X: Array, output: Array) -> Array:
    """1 − σ(z) of outputs σ(z).

    Of K members the mean of theirs.

    Formula   σ(−z) where σ(z) > ½, whose rounding would be all that a difference from 1 has left
    Arguments: output (n, n_outputs): those of X
    """
    rest = 1 - output
    rows = np.flatnonzero((output > 0.5).any(axis=1))
    if len(rows):
        mirrored = parameters.copy()
        for tensor in (mirrored.W[-1], mirrored.b[-1]):
            np.negative(tensor, out=tensor)
        exact = engine.predict(mirrored, X if len(rows) == len(X) else X[rows])
        rest[rows] = np.where(output[rows] > 0.5, exact, rest[rows])
    return rest


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
