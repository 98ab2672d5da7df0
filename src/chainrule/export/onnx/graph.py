"""A graph of ONNX operators, written node by node; texts of entries as nodes.

Operators are those of OPSET, and of ai.onnx.ml for texts. A constant that stands in several places is stored once.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import SettingsError

Array = npt.NDArray[Any]
OPSET, ML_OPSET, IR_VERSION = 20, 3, 10
"""Of August 2023; ONNX Runtime knows them from 1.17 on."""


class OnnxGraph:
    """Nodes, constants, inputs and outputs in the order in which they were added."""

    def __init__(self) -> None:
        self.nodes, self.inputs, self.outputs = list[Any](), list[Any](), list[Any]()
        self._constants: dict[Any, tuple[str, Any]] = {}
        self._n = 0

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """An operator of one output; the name of that."""
        from onnx import helper

        name = self._new(kind.lower())
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, domain=domain, **attributes))
        return name

    def constant(self, value: Any, dtype: Any = None) -> str:
        """An array, a number or texts as a constant."""
        from onnx import helper, numpy_helper

        array = np.asarray(value) if dtype is None else np.asarray(value, dtype)
        is_text = array.dtype.kind in "UO"
        key = (str(array.dtype), array.shape, tuple(array.reshape(-1).tolist()) if is_text else array.tobytes())
        if key not in self._constants:
            name = self._new("text" if is_text else "constant")
            if is_text:
                texts = [str(text).encode() for text in array.reshape(-1).tolist()]
                tensor = helper.make_tensor(name, 8, array.shape, texts)  # 8: string
            else:
                tensor = numpy_helper.from_array(np.asarray(array, order="C"), name)
            self._constants[key] = (name, tensor)
        return self._constants[key][0]

    def _new(self, stem: str) -> str:
        self._n += 1
        return f"{stem}_{self._n}"

    def input(self, name: str, kind: int) -> str:
        """An input (N, 1); kind: a type of onnx.TensorProto."""
        from onnx import helper

        self.inputs.append(helper.make_tensor_value_info(name, kind, ["N", 1]))
        return name

    def output(self, name: str, value: str, kind: int, shape: list[Any]) -> None:
        """A value as an output of this name."""
        from onnx import helper

        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"out_{len(self.outputs)}"))
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def model(self, name: str, about: Mapping[str, str]) -> Any:
        """The whole as an onnx.ModelProto."""
        from onnx import helper

        tensors = [tensor for _, tensor in self._constants.values()]
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, tensors)
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        made = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="chainrule")
        helper.set_model_props(made, dict(about))
        return made

    # short forms ------------------------------------------------------------------------------------------------

    def cast(self, value: str, kind: int) -> str:
        """The value in another type."""
        return self.node("Cast", value, to=kind)

    def mapped(self, texts: str, places: Mapping[str, int], default: int) -> str:
        """The number of each text, int64."""
        keys = list(places) or ["\x00"]
        values = [places.get(key, default) for key in keys]
        return self.node(
            "LabelEncoder", texts, domain="ai.onnx.ml", keys_strings=keys, values_int64s=values, default_int64=default
        )

    def text(self, text: str, names: Mapping[str, str], dtype: Any) -> str:
        """Nested calls such as "Mul(z, Sigmoid(z))" as nodes; only parsed, nothing of it is evaluated."""
        try:
            tree = ast.parse(text, mode="eval").body
        except SyntaxError:
            raise SettingsError(
                f"onnx={text!r}: must be nested calls of ONNX operators. Try 'Mul(z, Sigmoid(z))'."
            ) from None
        return self._of(tree, text, names, dtype)

    def _of(self, tree: ast.expr, text: str, names: Mapping[str, str], dtype: Any) -> str:
        if isinstance(tree, ast.Name) and tree.id in names:
            return names[tree.id]
        if isinstance(tree, ast.Constant | ast.UnaryOp):
            return self.constant(_number(tree, text), dtype)
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
            raise SettingsError(
                f"onnx={text!r}: must be nested calls of ONNX operators on {', '.join(names)} and numbers."
            )
        inputs = [self._of(argument, text, names, dtype) for argument in tree.args]
        return self.node(tree.func.id, *inputs, **{str(one.arg): _number(one.value, text) for one in tree.keywords})


def _number(tree: ast.expr, text: str) -> Any:
    sign = 1
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        sign, tree = -1, tree.operand
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float) and not isinstance(tree.value, bool):
        return sign * tree.value
    raise SettingsError(f"onnx={text!r}: must hold numbers and names only where no operator is called.")
