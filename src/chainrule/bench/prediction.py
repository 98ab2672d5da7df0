"""Who predicts: one function for each library, every one with the same weights.

Each takes (workload, n_rows, threads) and returns a function that computes the class probabilities of
those rows n times, and gives the last of them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.api.network import Network
from chainrule.bench import workloads
from chainrule.bench.workloads import Array, Workload

Calls = Callable[[int], Array]


def network(workload: Workload) -> Network:
    """The network whose weights all are given."""
    return Network(workload.sizes, seed=1)


def rows(workload: Workload, n_rows: int) -> Array:
    """Rows to predict, (n_rows, n_0) float32."""
    return np.random.default_rng(1).standard_normal((n_rows, workload.sizes[0])).astype(np.float32)


def _repeated(call: Callable[[], Any]) -> Calls:
    def calls(n: int) -> Array:
        for _ in range(n):
            output = call()
        return np.asarray(output)

    return calls


def chainrule(workload: Workload, n_rows: int, threads: int) -> Calls:
    """The public call."""
    net, X = network(workload), rows(workload, n_rows)
    return _repeated(lambda: net.predict_proba(X))


def torch_eager(workload: Workload, n_rows: int, threads: int) -> Calls:
    """A Sequential in inference mode."""
    import torch

    torch.set_num_threads(threads)
    net, X = network(workload), torch.from_numpy(rows(workload, n_rows))
    layers: list[Any] = []
    for l, (n_in, n_out) in enumerate(pairwise(workload.sizes), start=1):
        layer = torch.nn.Linear(n_in, n_out)
        layer.weight.data, layer.bias.data = torch.tensor(net.W[l].T.copy()), torch.tensor(net.b[l])
        layers += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1], torch.nn.Softmax(dim=1))
    calls = _repeated(lambda: model(X))

    def without_gradients(n: int) -> Array:
        with torch.inference_mode():
            return calls(n)

    return without_gradients


def onnx_runtime(workload: Workload, n_rows: int, threads: int) -> Calls:
    """A session over Gemm, Relu and Softmax nodes with every optimisation on."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    net, X, n_layers = network(workload), rows(workload, n_rows), len(workload.sizes) - 1
    nodes, weights, name = [], [], "X"
    for l in range(1, n_layers + 1):
        weights += [numpy_helper.from_array(net.W[l], f"W{l}"), numpy_helper.from_array(net.b[l], f"b{l}")]
        nodes.append(helper.make_node("Gemm", [name, f"W{l}", f"b{l}"], [f"z{l}"]))
        name = "output" if l == n_layers else f"a{l}"
        nodes.append(helper.make_node("Softmax" if l == n_layers else "Relu", [f"z{l}"], [name]))
    ends = [
        helper.make_tensor_value_info(end, TensorProto.FLOAT, [None, size])
        for end, size in (("X", workload.sizes[0]), ("output", workload.sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return _repeated(lambda: session.run(None, {"X": X})[0])


def scikit_learn(workload: Workload, n_rows: int, threads: int) -> Calls:
    """MLPClassifier.predict_proba, fitted to two rows for its shape, then given the weights."""
    from sklearn.neural_network import MLPClassifier

    net, X, classes = network(workload), rows(workload, n_rows), np.arange(workload.sizes[-1])
    model = MLPClassifier(workload.sizes[1:-1], solver="sgd", batch_size=2)
    model.partial_fit(rows(workload, 2), classes[:2], classes=classes)
    model.coefs_, model.intercepts_ = net.W[1:], net.b[1:]
    return _repeated(lambda: model.predict_proba(X))


PREDICTORS: dict[str, Callable[[Workload, int, int], Calls]] = {
    workloads.OURS: chainrule,
    workloads.ONNX: onnx_runtime,
    workloads.EAGER: torch_eager,
    workloads.SKLEARN: scikit_learn,
}
