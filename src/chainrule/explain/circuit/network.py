"""A small network as a circuit of scalars: one row of a step, every weight an input, the loss the output."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import SettingsError
from chainrule.explain.circuit.circuit import Circuit
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named

LIMIT = 1000
"""Weights and biases up to which a network is drawn number by number."""


def of_row(architecture: Architecture, parameters: Parameters, x: Any, y: Any, mask: Any = None) -> Circuit:
    """The loss of one row as a circuit in float64.

    Arguments: x (n_inputs,); y (n_outputs,): dense target; mask: rows of the dropout masks by layer, or None. Returns
    Circuit: its gradients by W1[k,j], b1[j], x[k] are those of this row's loss. Raises SettingsError for a network of
    more than LIMIT weights, or activations and losses whose gates mix a row in a way that has no scalar form here.
    """
    if architecture.n_parameters > LIMIT:
        raise SettingsError(
            f"the network {architecture} has {architecture.n_parameters:,} weights and biases; a circuit of scalars is "
            f"drawn up to {LIMIT:,}. Try step.why for single numbers, or step.to_mermaid()."
        )
    c = Circuit(f"loss of one row, network {architecture}")
    a = [c.input(f"x[{k}]", value) for k, value in enumerate(x)]
    if parameters.kinds[0] is not None:
        a = _inputs(c, parameters, a)
    z: list[int] = []
    for l, layer in enumerate(architecture.layers, start=1):
        z = [_unit(c, parameters, a, l, j) for j in range(layer.n_out)]
        below, u = a, z
        between = parameters.kinds[l]
        if between is not None:
            if between.kind.circuit is None:
                raise SettingsError(
                    f"layer {l} has the kind {between.kind.name!r}, which has no scalar form: its "
                    "entry must have a circuit. Try step.why for single numbers, or step.to_mermaid()."
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


def _inputs(c: Circuit, parameters: Parameters, x: list[int]) -> list[int]:
    """The gates of the input layer."""
    kind, tensors = parameters.kinds[0] or (None, {})
    if kind is None or kind.circuit is None:
        raise SettingsError(
            f"the input layer ({'' if kind is None else kind.label}) is not drawn as a circuit of scalars. "
            "Try step.why for single numbers, or step.to_mermaid()."
        )
    return kind.circuit(c, x, tensors, 0)


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
    """The gates of the loss, from a; its terms of weight 0 and outputs without a target are left out."""
    entry = loss_named(architecture.loss)
    gates, n = entry.gates, entry.n_heads
    if gates is None:
        raise SettingsError(
            f"loss {architecture.loss!r} has no scalar form: its entry must have gates. "
            "Try step.why for single numbers, or step.to_mermaid()."
        )
    units: list[Any] = a if n == 1 else [a[j : j + n] for j in range(0, len(a), n)]
    known = [(t, unit) for t, unit in enumerate(units) if not np.isnan(y[t * n])]
    parts = [part for t, unit in known for part in gates(c, unit, float(y[t * n]), architecture.output, t)]
    if len(parts) == 1:
        c.gates[parts[0]].name = "loss"
        return
    c.add_all(parts, name="loss")
