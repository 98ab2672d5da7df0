"""The two passes of one row as a Mermaid diagram, with the real shapes and values."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.explain.step.hidden import da_of_row
from chainrule.explain.step.narrate import check_row
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord
from chainrule.text.tables import Array, largest, number
from chainrule.words import known_language, sentences

SHOWN = 3
TEXT = sentences("diagram")


def diagram(record: StepRecord, architecture: Architecture, row: int = 0, language: str = "en") -> str:
    """Forward and backward propagation as `graph TD`, for any number of layers.

    Returns Mermaid source: every node holds its equation, its shape and values of the row; of dW, which belongs to
    the whole batch, the entries of largest size. Raises SettingsError if the row is not in the batch, or the language
    unknown.
    """
    check_row(record, row)
    known_language(language)
    L, eta = len(architecture.layers), number(record.update.learning_rate)
    lines = ["graph TD", f'    subgraph FORWARD["{TEXT[language]["forward"]}"]']
    lines += [f"        {line}" for line in _forward(record, architecture, row)]
    lines += ["    end", f'    subgraph BACKWARD["{TEXT[language]["backward"]}"]']
    lines += [f"        {line}" for line in _backward(record, architecture, row)]
    lines += ["    end", f'    A{L} -->|"compare with true label"| J']
    if architecture.inputs is not None:
        learned = ", ".join(f"{name}0" for name in architecture.inputs.tensors)
        lines.append(f'    G0 -.->|"update weights {learned} (η = {eta})"| A0')
    for l in range(L, 0, -1):
        learned = ", ".join(f"{name}{l}" for name in architecture.layers[l - 1].tensors)
        lines.append(f'    G{l} -.->|"update weights {learned} (η = {eta})"| Z{l}')
    return "\n".join(lines)


def _forward(record: StepRecord, architecture: Architecture, row: int) -> Iterator[str]:
    f = record.forward
    if architecture.inputs is None:
        yield _node("A0", "Input: a0 = x", _vector(f.a[0][row]))
    else:
        kind = architecture.inputs.kind
        yield _node("X", "Input: x", _vector(f.z[0][row]))
        yield _node("A0", f"a0 = {kind.call}({', '.join(['x', *(f'{t}0' for t in architecture.inputs.tensors)])})",
                    _vector(f.a[0][row]))  # fmt: skip
        yield "X --> A0"
    for l, layer in enumerate(architecture.layers, start=1):
        dropped = "" if f.masks is None or f.masks[l] is None else f" ⊙ mask{l}"
        weights = f"W{l} {layer.n_in}×{layer.n_out}, b{l} {layer.n_out}"
        yield _node(f"Z{l}", f"Layer {l}: z{l} = a{l - 1} @ W{l} + b{l}", weights, _vector(f.z[l][row]))
        prediction = "Prediction: " if l == len(architecture.layers) else ""
        on, skip = f"u{l}" if layer.kind else f"z{l}", f"a{l - 1} + " if layer.residual else ""
        yield f"A{l - 1} --> Z{l}"
        if layer.kind:
            given = ", ".join(f"{name}{l}" for name in ("z", *layer.kind.shapes(layer.n_out)))
            yield _node(f"U{l}", f"u{l} = {layer.kind.call}({given})", _vector(f.u[l][row]))
            yield f"Z{l} --> U{l}"
        yield _node(f"A{l}", f"{prediction}a{l} = {skip}{layer.activation}({on}){dropped}", _vector(f.a[l][row]))
        yield f"{on.upper()} --> A{l}"
        if layer.residual:
            yield f'A{l - 1} -->|"added unchanged"| A{l}'


def _backward(record: StepRecord, architecture: Architecture, row: int) -> Iterator[str]:
    b, L = record.backward, len(architecture.layers)
    yield _node("J", f"Loss: {architecture.loss}", f"J = {number(b.loss)} (batch of {len(record.rows)})")
    da = da_of_row(record, architecture, row)
    for l in range(L, 0, -1):
        if l == L:
            yield _node(f"D{l}", f"delta{l} = ∂J/∂z{l}", _vector(b.delta[l][row]))
            yield f"J --> D{l}"
        else:
            yield from _error(record, architecture, l, row, da[l])
        dW, db, layer = b.dW[l].reshape(-1), b.db[l], architecture.layers[l - 1]
        lines = [
            f"∂J/∂W{l} = a{l - 1}.T @ delta{l}", f"{layer.n_in}×{layer.n_out}, largest {_largest(dW)}",
            f"∂J/∂b{l} = Σ_i delta{l}, largest {_largest(db)}",
        ]  # fmt: skip
        for name in layer.kind.shapes(layer.n_out) if layer.kind else ():
            message = (
                layer.kind.narration.diagram.get(name, "").format(l=l) if layer.kind and layer.kind.narration else ""
            )
            lines.append(f"∂J/∂{name}{l}{f' = {message}' if message else ''}, largest {_largest(b.of_tensor(name)[l])}")
        yield _node(f"G{l}", *lines)
        yield f"D{l} --> G{l}"
    if architecture.inputs is not None:
        yield _node("E0", "da0 = ∂J/∂a0 = delta1 @ W1.T", _vector(b.du[0][row]))
        names = architecture.inputs.tensors
        yield _node("G0", *(f"∂J/∂{name}0, largest {_largest(b.of_tensor(name)[0].reshape(-1))}" for name in names))
        yield "D1 --> E0"
        yield "E0 --> G0"


def _error(record: StepRecord, architecture: Architecture, l: int, row: int, da: Array) -> Iterator[str]:
    """delta of a hidden layer out of the layer above: past a residual connection by da, through a kind by du."""
    layer, adds = architecture.layers[l - 1], architecture.residuals[l + 1]
    b, dropped = record.backward, "" if record.forward.masks is None else f" ⊙ mask{l}"
    above, source = f"(delta{l + 1} @ W{l + 1}.T)", f"D{l + 1}"
    if adds or layer.residual:
        unchanged = f" + da{l + 1}" if adds else ""
        yield _node(f"S{l}", f"da{l} = ∂J/∂a{l} = delta{l + 1} @ W{l + 1}.T{unchanged}", _vector(da))
        yield f"D{l + 1} --> S{l}"
        if adds:
            yield f'S{l + 1} -->|"unchanged"| S{l}'
        above, source = f"da{l}", f"S{l}"
    if layer.kind:
        yield _node(f"E{l}", f"du{l} = ∂J/∂u{l} = {above} ⊙ g′(u{l}){dropped}", _vector(b.du[l][row]))
        yield f"{source} --> E{l}"
        yield _node(f"D{l}", f"delta{l} = ∂J/∂z{l}, back through {layer.kind.call}", _vector(b.delta[l][row]))
        yield f"E{l} --> D{l}"
    else:
        yield _node(f"D{l}", f"delta{l} = ∂J/∂z{l} = {above} ⊙ g′(z{l}){dropped}", _vector(b.delta[l][row]))
        yield f"{source} --> D{l}"


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
