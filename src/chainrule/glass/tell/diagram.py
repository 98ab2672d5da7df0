"""The two passes of one row as a Mermaid diagram, with the real shapes and values."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.glass.tables import Array, largest, number
from chainrule.glass.tell.narrate import check_row
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord

SHOWN = 3


def diagram(record: StepRecord, architecture: Architecture, row: int = 0) -> str:
    """Forward and backward propagation as `graph TD`, for any number of layers.

    Returns   Mermaid source: every node holds its equation, its shape and values of the row; of dW, which
              belongs to the whole batch, the entries of largest size
    Errors    SettingsError if the row is not in the batch
    """
    check_row(record, row)
    L, eta = len(architecture.layers), number(record.update.learning_rate)
    lines = ["graph TD", '    subgraph FORWARD["Forward Propagation (예측)"]']
    lines += [f"        {line}" for line in _forward(record, architecture, row)]
    lines += ["    end", '    subgraph BACKWARD["Backward Propagation (학습)"]']
    lines += [f"        {line}" for line in _backward(record, architecture, row)]
    lines += ["    end", f'    A{L} -->|"compare with true label"| J']
    lines += [f'    G{l} -.->|"update weights W{l}, b{l} (η = {eta})"| Z{l}' for l in range(L, 0, -1)]
    return "\n".join(lines)


def _forward(record: StepRecord, architecture: Architecture, row: int) -> Iterator[str]:
    f = record.forward
    yield _node("A0", "Input: a0 = x", _vector(f.a[0][row]))
    for l, layer in enumerate(architecture.layers, start=1):
        dropped = "" if f.masks is None or f.masks[l] is None else f" ⊙ mask{l}"
        weights = f"W{l} {layer.n_in}×{layer.n_out}, b{l} {layer.n_out}"
        yield _node(f"Z{l}", f"Layer {l}: z{l} = a{l - 1} @ W{l} + b{l}", weights, _vector(f.z[l][row]))
        prediction = "Prediction: " if l == len(architecture.layers) else ""
        yield _node(f"A{l}", f"{prediction}a{l} = {layer.activation}(z{l}){dropped}", _vector(f.a[l][row]))
        yield f"A{l - 1} --> Z{l}"
        yield f"Z{l} --> A{l}"


def _backward(record: StepRecord, architecture: Architecture, row: int) -> Iterator[str]:
    b, L = record.backward, len(architecture.layers)
    yield _node("J", f"Loss: {architecture.loss}", f"J = {number(b.loss)} (batch of {len(record.rows)})")
    for l in range(L, 0, -1):
        dropped = "" if record.forward.masks is None or l == L else f" ⊙ mask{l}"
        equation = f"delta{l} = ∂J/∂z{l}"
        if l < L:
            equation += f" = (delta{l + 1} @ W{l + 1}.T) ⊙ g′(z{l}){dropped}"
        dW, db, layer = b.dW[l].reshape(-1), b.db[l], architecture.layers[l - 1]
        yield _node(f"D{l}", equation, _vector(b.delta[l][row]))
        yield _node(
            f"G{l}", f"∂J/∂W{l} = a{l - 1}.T @ delta{l}", f"{layer.n_in}×{layer.n_out}, largest {_largest(dW)}",
            f"∂J/∂b{l} = Σ_i delta{l}, largest {_largest(db)}",
        )  # fmt: skip
        yield f"{'J' if l == L else f'D{l + 1}'} --> D{l}"
        yield f"D{l} --> G{l}"


def _node(name: str, *lines: str) -> str:
    """A node with a quoted label; the few characters that mean something inside quotes are written as entities."""
    escaped = [line.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;") for line in lines]
    return f'{name}["{"<br/>".join(escaped)}"]'


def _vector(values: Array) -> str:
    """The first values of a vector, and how many it has."""
    shown = ", ".join(number(value) for value in values[:SHOWN])
    return f"[{shown}]" if len(values) <= SHOWN else f"[{shown}, … {len(values)} in all]"


def _largest(values: Array) -> str:
    return ", ".join(number(value) for value in values[largest(values, 2)])
