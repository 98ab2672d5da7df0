"""How far rounding can move J, which no difference quotient can see below."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.engine.protocol import Array, Targets, dense_targets
from chainrule.network.parameters import Parameters
from chainrule.network.records import Forward
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layers import dense_forward
from chainrule.reference.members import for_members

ROUNDINGS = 8
"""Roundings that a sum, or a function, is good to: half a unit each, and a few of exp and log."""


def rounding_of_J(parameters: Parameters, forward: Forward, delta: Any, targets: Targets, weight: Any) -> float:
    """How far rounding can change J: that of every sum of a layer, propagated by ∂J/∂z, and that of the loss.

    The roundings of different sums are independent, so their squares add up. The loss rounds in the size of its
    terms, which cancel where an output is saturated: J is then smaller than its rounding.
    """
    a, sums = parameters.architecture, []
    for l, a_in in enumerate(forward.a[:-1], start=1):
        W, b = np.abs(parameters.W[l]), np.abs(parameters.b[l])
        sums.append(_norm(delta[l] * dense_forward(np.abs(a_in), W, b, "identity")[0]))
    y = for_members(dense_targets(targets, a), a.members)
    z, output = np.abs(forward.z[-1]), forward.a[-1]
    terms = np.abs(output - y) * (np.abs(output) + np.abs(y))
    of_rows = np.nan_to_num(terms + z if ACTIVATIONS[a.output].elementwise else terms).sum(axis=1) + 1
    if weight is None:
        weight = np.ones(len(of_rows))
    else:
        weight = for_members(weight / (weight.max(initial=0.0) or 1), a.members)
    of_loss = weight * of_rows / (weight.sum() or 1)
    return ROUNDINGS * float(np.finfo(np.float64).eps) * math.hypot(*sums, _norm(of_loss))


def _norm(numbers: Array) -> float:
    """√Σx², of numbers whose squares may be beyond float64 too."""
    largest = float(np.abs(numbers).max(initial=0.0))
    return largest * float(np.sqrt(((numbers / largest) ** 2).sum())) if 0 < largest < np.inf else largest
