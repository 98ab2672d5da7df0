"""A network in an ONNX file comes in with its bits, whoever wrote it, or is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.export.onnx.file import write_onnx
from chainrule.export.subject import Subject
from chainrule.reference.activations import ACTIVATIONS

onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")


def graph(nodes: list[Any], tensors: dict[str, Any], path: Path, inputs: tuple[str, ...] = ("X",)) -> Path:
    """A file of these nodes, as another program may write them."""
    helper = onnx.helper
    last = nodes[-1].output[0]
    made = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(one, 1, ["N", 4]) for one in inputs],
        [helper.make_tensor_value_info(last, 1, ["N", None])],
        [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in tensors.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), str(path))
    return path


def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
    return onnx.helper.make_node(kind, inputs.split(), [output], **attributes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(name for name, entry in ACTIVATIONS.items() if entry.elementwise))
def test_what_export_writes_comes_back_with_its_bits(tmp_path: Path, name: str, dtype: str) -> None:
    """Every activation, normalised layers, softmax: equal architecture, parameters and loss."""
    net = cr.Network([4, 6, 5, 3], activation=[name, "relu"], normalization=["layer", None], dtype=dtype, seed=2)
    net.parameters.flat += 0.1 * np.random.default_rng(0).normal(size=net.parameters.flat.size)
    write_onnx(Subject.of(net), tmp_path / "m.onnx", None)
    back = cr.from_onnx(tmp_path / "m.onnx", check=(name, dtype) != ("gelu", "float64"))
    assert back.architecture == net.architecture
    assert back.parameters.flat.tobytes() == net.parameters.flat.tobytes()


def test_train_export_and_back(tmp_path: Path) -> None:
    """Of a table's run the network alone, and steps of it here."""
    run = cr.train("iris", epochs=2, progress=False)
    from dataclasses import replace

    write_onnx(replace(Subject.of(run), networks=(run.network,)), tmp_path / "m.onnx", None, network_only=True)
    back = cr.from_onnx(tmp_path / "m.onnx")
    assert back.parameters.flat.tobytes() == run.network.parameters.flat.tobytes()
    X = run.encode("iris")
    assert np.array_equal(back.predict(X), run.network.predict(X))


def test_files_of_other_programs(tmp_path: Path) -> None:
    """Gemm with transposed weights, Flatten, Dropout, constants as nodes, another form of gelu."""
    r = np.random.default_rng(0)
    W1, b1, W2, b2 = r.normal(size=(6, 4)), r.normal(size=6), r.normal(size=(6, 3)), r.normal(size=3)
    half = onnx.helper.make_node("Constant", [], ["half"], value=onnx.numpy_helper.from_array(np.float32(0.5)))
    nodes = [
        node("Flatten", "X", "f"), node("Gemm", "f W1 b1", "z1", transB=1), half, node("Div", "z1 root", "d"),
        node("Erf", "d", "e"), node("Add", "e one", "p"), node("Mul", "z1 p", "q"), node("Mul", "q half", "a1"),
        node("Dropout", "a1", "a1d"), node("MatMul", "a1d W2", "m"), node("Add", "b2 m", "z2"),
        node("Identity", "z2", "Y"),
    ]  # fmt: skip
    tensors = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "root": np.sqrt(2), "one": 1.0}
    found = cr.from_onnx(graph(nodes, tensors, tmp_path / "m.onnx"))
    assert found.architecture.sizes == (4, 6, 3) and found.architecture.activations[1] == "gelu"
    assert (found.architecture.output, found.architecture.loss) == ("identity", "squared_error")
    assert np.array_equal(found.W[1], W1.T.astype(np.float32)) and np.array_equal(found.W[2], W2.astype(np.float32))


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([node("Relu", "X", "Y")], "has no weights before it"),
        ([node("MatMul", "X W", "z"), node("Add", "z X", "Y")], "joins 2 branches|no product"),
        ([node("MatMul", "X W", "z"), node("Softsign", "z", "Y")], "Softsign"),
        ([node("Gemm", "X W", "z", alpha=2.0), node("Relu", "z", "Y")], "alpha, beta"),
        ([node("MatMul", "X X", "Y")], "constant weights"),
        ([node("MatMul", "X W", "z"), node("Mul", "z v", "Y")], "takes 4 numbers, 'v', outside a layer"),
        ([node("MatMul", "X W", "z"), node("LeakyRelu", "z", "Y", alpha=0.3)], "alpha=0.3"),
        ([node("Conv", "X W", "Y")], "Conv takes 16 numbers"),
    ],
)
def test_what_is_no_feed_forward_network_is_refused(tmp_path: Path, nodes: list[Any], words: str) -> None:
    """With its place; a residual connection, a convolution, another constant."""
    tensors = {"W": np.eye(4), "v": np.ones(4)}
    with pytest.raises(cr.SettingsError, match=words):
        cr.from_onnx(graph(nodes, tensors, tmp_path / "m.onnx"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A whole pipeline, damaged bytes, no file; nothing is evaluated."""
    run = cr.train("iris", epochs=1, progress=False, neighbours=False)
    write_onnx(Subject.of(run), tmp_path / "whole.onnx", None)
    with pytest.raises(cr.SettingsError, match="without --network-only"):
        cr.from_onnx(tmp_path / "whole.onnx")
    content = (tmp_path / "whole.onnx").read_bytes()
    r = np.random.default_rng(0)
    for k in range(60):
        cut = bytearray(content[: int(r.integers(0, len(content)))] if k % 2 else content)
        for place in r.integers(0, max(len(cut), 1), 3):
            if cut:
                cut[place] = int(r.integers(256))
        (tmp_path / "bad.onnx").write_bytes(bytes(cut))
        with pytest.raises(cr.SettingsError, match=r"bad\.onnx"):
            cr.from_onnx(tmp_path / "bad.onnx")
    with pytest.raises(cr.SettingsError, match="cannot be read"):
        cr.from_onnx(tmp_path / "none.onnx")
