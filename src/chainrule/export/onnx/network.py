"""The networks in ONNX: z = a W + b and a = g(z) layer by layer, in the precision of the network."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.api.network import Network
from chainrule.export.onnx.graph import OnnxGraph
from chainrule.export.subject import Format
from chainrule.network.architecture import Dense
from chainrule.reference.activations import ACTIVATIONS

ONNX = Format(
    name="ONNX",
    has_activation=lambda entry: entry.onnx is not None,
    has_kind=lambda kind: kind.onnx is not None,
    entry_field="onnx=…",
)
TYPES = {"float32": 1, "float64": 11}
"""Of onnx.TensorProto."""


def outputs_of(graph: OnnxGraph, network: Network, X: str) -> tuple[str, str]:
    """z and a of the output layer, (N, n_outputs), from the inputs (N, n_inputs)."""
    a, z = X, X
    dtype = network.architecture.dtype
    for l, layer in enumerate(network.architecture.layers, start=1):
        above = a
        product = graph.node("MatMul", a, graph.constant(network.W[l], dtype))
        z = graph.node("Add", product, graph.constant(np.asarray(network.b[l])[None], dtype))
        a = _activated(graph, network, layer, l, z)
        if layer.residual:
            a = graph.node("Add", above, a)
    return z, a


def _activated(graph: OnnxGraph, network: Network, layer: Dense, l: int, z: str) -> str:
    dtype: Any = np.dtype(network.architecture.dtype).type
    if layer.kind is not None:
        names = {one.name: graph.constant(getattr(network.parameters, one.name)[l]) for one in layer.kind.tensors}
        z = graph.text(str(layer.kind.onnx), {"z": z, **names}, dtype)
    return activated(graph, layer.activation, z, dtype)


def activated(graph: OnnxGraph, name: str, z: str, dtype: Any) -> str:
    """g(z) by the text of an activation's entry."""
    text = str(ACTIVATIONS[name].onnx)
    names = {"z": z}
    if "limit" in text:
        names["limit"] = graph.constant(np.log(np.finfo(dtype).max) - 1, dtype)
    return graph.text(text, names, dtype)
