"""The two passes of one row as a Mermaid diagram, with the real shapes and values."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from chainrule.errors import SettingsError
from chainrule.glass.narrate import number
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord

SHOWN = 3


def diagram(record: StepRecord, architecture: Architecture, row: int = 0) -> str:
    """Forward and backward propagation as `graph TD`, for any number of layers.

    Returns   Mermaid source: every node holds its equation, its shape and the first values of the row
    Errors    SettingsError if the row is not in the batch
    """
    if not 0 <= row < len(record.rows):
        raise SettingsError(
            f"row {row} is not in the batch of step {record.step}; expected 0 to {len(record.rows) - 1}."
        )
    f, b, L = record.forward, record.backward, len(architecture.layers)
    lines = ["graph TD", '    subgraph FORWARD["Forward propagation"]', f"        A0[{_label('a0 = X', f.a[0][row])}]"]
    for l, layer in enumerate(architecture.layers, start=1):
        lines.append(
            f"        Z{l}[{_label(f'z{l} = a{l - 1} @ W{l} + b{l}', f.z[l][row], f'W{l} {layer.n_in}×{layer.n_out}')}]"
        )
        lines.append(f"        A{l}[{_label(f'a{l} = {layer.activation}(z{l})', f.a[l][row])}]")
        lines += [f"        A{l - 1} --> Z{l}", f"        Z{l} --> A{l}"]
    lines += ["    end", '    subgraph BACKWARD["Backward propagation"]']
    lines.append(f'        J["J = {number(b.loss)}<br/>{architecture.loss}, {len(record.rows)} rows"]')
    above = "J"
    for l in range(L, 0, -1):
        equation = f"delta{l} = ∂J/∂z{l}" if l == L else f"delta{l} = (delta{l + 1} @ W{l + 1}.T) ⊙ g′(z{l})"
        layer = architecture.layers[l - 1]
        lines.append(f"        D{l}[{_label(equation, b.delta[l][row])}]")
        gradient = _label(f"dW{l} = a{l - 1}.T @ delta{l}", b.dW[l].reshape(-1), f"{layer.n_in}×{layer.n_out}")
        lines.append(f"        G{l}[{gradient}]")
        lines += [f"        {above} --> D{l}", f"        D{l} --> G{l}"]
        above = f"D{l}"
    lines += ["    end", f'    A{L} -->|"compare with the target"| J']
    eta = number(record.update.learning_rate)
    lines += [f'    G{l} -.->|"update W{l}, b{l} (η = {eta})"| Z{l}' for l in range(L, 0, -1)]
    return "\n".join(lines)


def _label(equation: str, values: npt.NDArray[Any], shape: str | None = None) -> str:
    """A quoted label: equation, shape, first values."""
    shown = ", ".join(number(value) for value in values[:SHOWN]) + (", …" if len(values) > SHOWN else "")
    return f'"{equation}<br/>{shape or len(values)}<br/>[{shown}]"'
