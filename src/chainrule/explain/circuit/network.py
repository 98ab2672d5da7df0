"""A small network as a circuit of scalars: one row of a step, every weight an input, the loss the output."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import SettingsError
from chainrule.explain.circuit.circuit import Circuit
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import HUBER_DELTA, loss_named

LIMIT = 1000
"""Weights and biases up to which a network is drawn number by number."""


def of_row(architecture: Architecture, parameters: Parameters, x: Any, y: Any, mask: Any = None) -> Circuit:
    """The loss of one row as a circuit in float64.

    Args      x (n_inputs,); y (n_outputs,): dense target; mask: rows of the dropout masks by layer, or None
    Returns   Circuit: its gradients by W1[k,j], b1[j], x[k] are those of this row's loss
    Errors    SettingsError for a network of more than LIMIT weights, or activations and losses whose gates
              mix a row in a way that has no scalar form here
    """
    if architecture.n_parameters > LIMIT:
        raise SettingsError(
            f"the network {architecture} has {architecture.n_parameters:,} weights and biases; a circuit of scalars is "
            f"drawn up to {LIMIT:,}. Ask step.why about single numbers, or draw step.to_mermaid()."
        )
    c = Circuit(f"loss of one row, network {architecture}")
    a = [c.input(f"x[{k}]", value) for k, value in enumerate(x)]
    z: list[int] = []
    for l, layer in enumerate(architecture.layers, start=1):
        z = [_unit(c, parameters, a, l, j) for j in range(layer.n_out)]
        below, u = a, z
        between = parameters.kinds[l]
        if between is not None:
            if between.kind.circuit is None:
                raise SettingsError(
                    f"layer {l} has the kind {between.kind.name!r}, which has no scalar form; expected a kind whose "
                    "entry has a circuit. Ask step.why about single numbers, or draw step.to_mermaid()."
                )
            u = between.kind.circuit(c, z, between.tensors, l)
        a = _activated(c, layer.activation, u, l)
        if mask is not None and mask[l] is not None:
            a = [
                c.gate("multiply", unit, c.input(f"mask{l}[{j}]", mask[l][j], constant=True), name=f"a{l}[{j}]·mask")
                for j, unit in enumerate(a)
            ]
        if layer.residual:
            a = [
                c.gate("add", came, h, name=f"a{l}[{j}] + a{l - 1}[{j}]")
                for j, (came, h) in enumerate(zip(below, a, strict=True))
            ]
    _loss(c, architecture, z, a, np.asarray(y, np.float64))
    return c.backward()


def _unit(c: Circuit, parameters: Parameters, a: list[int], l: int, j: int) -> int:
    products = [
        c.gate("multiply", unit, c.input(f"W{l}[{k},{j}]", float(parameters.W[l][k, j]))) for k, unit in enumerate(a)
    ]
    return c.add_all([*products, c.input(f"b{l}[{j}]", float(parameters.b[l][j]))], name=f"z{l}[{j}]")


def _activated(c: Circuit, activation: str, z: list[int], l: int) -> list[int]:
    names = [f"a{l}[{j}]" for j in range(len(z))]
    if ACTIVATIONS[activation].rectifies:
        return [c.gate("max", unit, c.input("0", 0.0, constant=True), name=n) for unit, n in zip(z, names, strict=True)]
    if ACTIVATIONS[activation].elementwise:
        return [c.gate(activation, unit, name=n) for unit, n in zip(z, names, strict=True)]
    exponentials = [c.gate("exp", unit, name=f"e^z{l}[{j}]") for j, unit in enumerate(z)]
    total = c.add_all(exponentials, name="Σ e^z")
    return [c.gate("divide", e, total, name=n) for e, n in zip(exponentials, names, strict=True)]


def _loss(c: Circuit, architecture: Architecture, z: list[int], a: list[int], y: Any) -> None:
    """The gates of the loss, from a; its terms of weight 0 are left out."""
    loss, output = architecture.loss, architecture.output
    parts = []
    for j, unit in enumerate(a):
        target = float(y[j])
        if loss == "cross_entropy":
            parts += _cross_entropy(c, unit, target, output == "sigmoid")
            continue
        if loss == "poisson":
            product = c.gate("multiply", c.gate("log", unit), c.input(f"y[{j}]", target, constant=True))
            parts.append(c.gate("subtract", unit, product))
            continue
        e = c.gate("subtract", unit, c.input(f"y[{j}]", target, constant=True), name=f"a − y [{j}]")
        parts.append(_error(c, e, loss))
    if len(parts) == 1:
        c.gates[parts[0]].name = "loss"
        return
    c.add_all(parts, name="loss")


def _error(c: Circuit, e: int, loss: str) -> int:
    size = c.gates[e].value
    if loss == "squared_error" or (loss == "huber" and abs(size) <= HUBER_DELTA):
        return c.gate("multiply", c.gate("square", e), c.input("½", 0.5, constant=True))
    sign = c.gate("multiply", e, c.input("sign", 1.0 if size > 0 else -1.0, constant=True))
    if loss.startswith("quantile"):
        level = loss_named(loss).level or 0.0
        return c.gate(
            "multiply", e, c.input("1 − q" if size > 0 else "−q", (1 if size > 0 else 0) - level, constant=True)
        )
    return sign if loss == "absolute_error" else c.gate("subtract", sign, c.input("½", 0.5, constant=True))


def _cross_entropy(c: Circuit, a: int, y: float, binary: bool) -> list[int]:
    parts = []
    if y:
        parts.append(c.gate("multiply", c.gate("log", a), c.input("−y", -y, constant=True)))
    if binary and y != 1:
        rest = c.gate("subtract", c.input("1", 1.0, constant=True), a)
        parts.append(c.gate("multiply", c.gate("log", rest), c.input("−(1 − y)", y - 1, constant=True)))
    return parts
