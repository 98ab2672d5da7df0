"""from_onnx: a feed-forward network in an ONNX file becomes a Network with the same bits of weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.errors import SettingsError, named_path
from chainrule.interchange.layers import LayerRead, check_rows, default_output, network_of, refuse_non_finite
from chainrule.interchange.onnx_terms import Term, activation_of, constant, made, shown

Array = npt.NDArray[Any]
MOST_BYTES = 1 << 31
"""A file of ONNX cannot be larger."""
THROUGH = ("Identity", "Dropout", "Flatten")
"""Operators that change nothing of rows of numbers."""
EPSILON = 1e-5


def from_onnx(path: str | os.PathLike[str], *, loss: str | None = None, check: bool = True) -> Network:
    """Make a Network of a feed-forward network in an ONNX file, such as `export --network-only` writes.

    Parameters
    ----------
    path : str or path
        The file: one input (N, n_inputs), layers of Gemm, or of MatMul and Add, each with an activation behind it and a
        LayerNormalization before that as wanted; Flatten, Identity and Dropout anywhere.
    loss : str, optional
        What the network is trained with here; by default the one that `export` stored, else cross-entropy for a
        softmax or sigmoid and squared error for others.
    check : bool, default True
        Whether the outputs are compared with those of onnxruntime.

    Returns
    -------
    Network
        The same architecture with the same numbers, bit for bit.

    Raises
    ------
    SettingsError
        For anything else in the file, named with its place; where outputs differ; where the extra `onnx` is missing.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.from_onnx("network.onnx")  # doctest: +SKIP
    Network(4-8-3, relu, output=softmax, loss=cross_entropy, 67 parameters, float32)
    """
    file = named_path(path, "path", "network.onnx")
    model = _read(file)
    stored = {one.key: one.value for one in model.metadata_props}
    layers, output, dtype = _Walk(model, str(file)).layers()
    chosen = loss or stored.get("loss") or ("cross_entropy" if output in ("softmax", "sigmoid") else "squared_error")
    network = network_of(layers, output or default_output(chosen, layers[-1].W.shape[1]), chosen, str(file))
    if check:
        refuse_non_finite(network, str(file))
        _compare(network, model, dtype, file)
    return network


def _read(file: Path) -> Any:
    try:
        import onnx
    except ImportError:
        raise SettingsError('from_onnx needs onnx. Install it with pip install "chainrule[onnx]".') from None
    try:
        if file.stat().st_size > MOST_BYTES:
            raise SettingsError(f"{file}: must be at most {MOST_BYTES:,} bytes.")
        model = onnx.load_model(str(file), load_external_data=False)
        onnx.checker.check_model(model)
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror or error}).") from None
    except Exception as error:  # of protobuf and of the checker, which share no class
        first = (str(error).splitlines() or ["damaged"])[0][:160]
        raise SettingsError(f"{file}: must be a valid ONNX file without external data ({first}).") from None
    return model


class _Walk:
    """The graph from its input to its output, one layer after the other."""

    def __init__(self, model: Any, source: str) -> None:
        from onnx import numpy_helper

        self._source, graph = source, model.graph
        self._constants: dict[str, Array] = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._nodes: dict[str, Any] = {}
        for node in graph.node:
            if node.op_type == "Constant":
                self._constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            else:
                self._nodes[node.output[0]] = node
        inputs = [one.name for one in graph.input if one.name not in self._constants]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise self._error(
                f"has the inputs {', '.join(inputs) or 'none'} and {len(graph.output)} outputs: must have one of each. "
                "Whole pipelines (export without --network-only) do not come in."
            )
        self._input, self._output = inputs[0], graph.output[0].name

    def _error(self, message: str) -> SettingsError:
        return SettingsError(f"{self._source}: {message}")

    def layers(self) -> tuple[list[LayerRead], str | None, str]:
        """The layers from below, the output activation, and the precision."""
        found: list[LayerRead] = []
        tensor: str = self._output
        while tensor != self._input:
            term, z = self._term(tensor)
            if z == self._input and term == "z" and found:
                break
            if z == self._input:
                raise self._error(f"{shown(term)} of the input has no weights before it: must have a Gemm or MatMul.")
            layer, tensor = self._dense(z)
            layer.activation = activation_of(term, str(layer.W.dtype), layer.place) if term != "z" else "identity"
            found.insert(0, layer)
        for l, layer in enumerate(found, start=1):
            layer.place = f"layer {l}"
        if not found:
            raise self._error("holds no layer of weights: must hold at least one Gemm or MatMul.")
        return found, found[-1].activation, str(found[0].W.dtype)

    def _term(self, tensor: str) -> tuple[Term, str]:
        """What a tensor is in the nearest z below it, and which tensor that is."""
        found: set[str] = set()

        def of(name: str, depth: int, above: str = "the output") -> Term:
            if name in self._constants:
                value = self._constants[name]
                if value.size != 1:
                    raise self._error(f"{above} takes {value.size} numbers, {name!r}, outside a layer: must take one.")
                return constant(float(value.reshape(-1)[0]))
            node = self._nodes.get(name)
            if node is None or self._is_layer(node):
                found.add(name)
                return "z"
            if node.op_type in THROUGH:
                return of(node.input[0], depth)
            if depth > 12:
                raise self._error(f"node {node.op_type} {name!r} nests too deeply to be an activation.")
            attributes = {one.name: one.f if one.type == 1 else one.i for one in node.attribute if one.type in (1, 2)}
            return made(node.op_type, attributes, [of(one, depth + 1, node.op_type) for one in node.input if one])

        term = of(tensor, 0)
        if len(found) != 1:
            raise self._error(f"{shown(term)} joins {len(found)} branches: layers must follow one another.")
        return term, found.pop()

    def _is_layer(self, node: Any) -> bool:
        """Whether a node ends a layer's z: a product with weights, its bias, or the normalisation of both."""
        if node.op_type in ("Gemm", "MatMul", "LayerNormalization"):
            return True
        return node.op_type == "Add" and any(
            one in self._constants and self._constants[one].size > 1 for one in node.input
        )

    def _dense(self, z: str) -> tuple[LayerRead, str]:
        """The layer whose z a tensor is, and the tensor it takes."""
        node, normalization, tensors = self._nodes[z], None, dict[str, Array]()
        place = f"node {node.name or node.op_type!r}"
        if node.op_type == "LayerNormalization":
            tensors = self._normalization(node, place)
            normalization, node = "layer", self._nodes.get(node.input[0])
            if node is None or not self._is_layer(node):
                raise self._error(f"{place}: must come right after a layer's product and bias.")
        b: Array | None = None
        if node.op_type == "Add":
            bias = next(one for one in node.input if one in self._constants and self._constants[one].size > 1)
            b, product = self._constants[bias].reshape(-1), next(one for one in node.input if one != bias)
            node = self._nodes.get(product)
            if node is None or node.op_type != "MatMul":
                raise self._error(f"{place}: adds numbers to what is no product with weights.")
        W, b, below = self._product(node, b, place)
        zeros = np.zeros(W.shape[1], W.dtype)
        layer = LayerRead(place=place, W=W, b=zeros if b is None else b, normalization=normalization, tensors=tensors)
        return layer, below

    def _product(self, node: Any, b: Array | None, place: str) -> tuple[Array, Array | None, str]:
        if len(node.input) < 2 or node.input[1] not in self._constants:
            raise self._error(f"{place}: must multiply by constant weights on its right.")
        W = self._constants[node.input[1]]
        attributes = {one.name: one.f if one.type == 1 else one.i for one in node.attribute}
        if node.op_type == "Gemm":
            if attributes.get("alpha", 1.0) != 1.0 or attributes.get("beta", 1.0) != 1.0 or attributes.get("transA", 0):
                raise self._error(f"{place}: alpha, beta and transA of Gemm must be 1, 1 and 0.")
            W = W.T if attributes.get("transB", 0) else W
            if len(node.input) > 2 and node.input[2]:
                if node.input[2] not in self._constants:
                    raise self._error(f"{place}: must have a constant bias.")
                b = self._constants[node.input[2]].reshape(-1)
        if W.ndim != 2 or (b is not None and b.size not in (1, W.shape[1])):
            raise self._error(f"{place}: has weights of shape {W.shape}: must be (n_in, n_out), with a bias of n_out.")
        if b is not None and b.size != W.shape[1]:
            b = np.full(W.shape[1], b[0])
        return np.ascontiguousarray(W), b, node.input[0]

    def _normalization(self, node: Any, place: str) -> dict[str, Array]:
        attributes: Mapping[str, float] = {one.name: one.f if one.type == 1 else one.i for one in node.attribute}
        if attributes.get("axis", -1) not in (-1, 1) or not np.isclose(attributes.get("epsilon", EPSILON), EPSILON):
            raise self._error(f"{place}: axis and epsilon of LayerNormalization must be -1 and {EPSILON:g}.")
        names = [one for one in node.input[1:] if one]
        if not 1 <= len(names) <= 2 or any(one not in self._constants for one in names):
            raise self._error(f"{place}: must have constant scale and bias.")
        gain = self._constants[names[0]].reshape(-1)
        shift = self._constants[names[1]].reshape(-1) if len(names) == 2 else np.zeros_like(gain)
        return {"gain": gain, "shift": shift}


def _compare(network: Network, model: Any, dtype: str, file: Path) -> None:
    """SettingsError where onnxruntime gives other outputs; nothing where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return
    X, _ = check_rows(network)
    X = X.astype(dtype)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    theirs = np.asarray(session.run(None, {session.get_inputs()[0].name: X})[0]).reshape(len(X), -1)
    ours = network.forward(X).output
    error = float(np.abs(ours - theirs).max() / max(float(np.abs(theirs).max()), 1e-30))
    if not error <= (1e-5 if dtype == "float32" else 1e-9):
        raise SettingsError(
            f"{file}: outputs differ from onnxruntime's by {error:.1e} of the largest. The file computes something "
            "else than its layers say; pass check=False to take it all the same."
        )
