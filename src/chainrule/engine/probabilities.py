"""Probabilities to their last digit: z of the output layer, and what a sigmoid leaves to the other class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chainrule.engine.protocol import Array, Engine
from chainrule.network.parameters import Parameters
from chainrule.reference.activations import ACTIVATIONS


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
