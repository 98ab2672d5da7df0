"""Names of numbers: "dW2[3,7]", "z1[0,4]", "b2[1]", "loss". Read by a grammar, never evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chainrule.errors import SettingsError
from chainrule.network.architecture import Architecture

_FORM = re.compile(r"\s*([A-Za-zδΔ∂/]+?)\s*(\d*)\s*(?:\[\s*(\d+)\s*(?:,\s*(\d+)\s*)?\])?\s*")
_OTHER_NAMES = {"δ": "delta", "J": "loss", "X": "a", "dX": "da", "∂J/∂W": "dW", "∂J/∂b": "db"}


@dataclass(frozen=True)
class TensorEntry:
    """One number of a step: kind, layer, and its place; "loss" has neither."""

    kind: str
    l: int = 0
    at: tuple[int, ...] = ()

    def __str__(self) -> str:
        if self.kind == "loss":
            return self.kind
        number = "" if self.kind in ("X", "dX") else str(self.l)
        return f"{self.kind}{number}[{','.join(map(str, self.at))}]"


def read(text: str, architecture: Architecture, n_rows: int) -> TensorEntry:
    """The entry a name means.

    Raises SettingsError that says what is wrong and lists every legal name with its ranges.
    """
    match = _FORM.fullmatch(str(text))
    shapes = dict(_shapes(architecture, n_rows))
    if match is None:
        raise _refused(text, "is not the name of a number", shapes)
    word, number, first, second = match.groups()
    kind = word if word in ("X", "dX") and architecture.inputs is not None else _OTHER_NAMES.get(word, word)
    if word in ("X", "dX"):
        number = number or "0"
    if kind == "loss" and not number and first is None:
        return TensorEntry("loss")
    name, at = f"{kind}{number}", tuple(int(i) for i in (first, second) if i is not None)
    if name not in shapes:
        layers = [other for other in shapes if other.rstrip("0123456789") == kind]
        raise _refused(text, f"names {name}, which this step does not have" if layers else "is unknown", shapes)
    shape = shapes[name]
    if len(at) != len(shape) or any(i >= n for i, n in zip(at, shape, strict=True)):
        raise _refused(text, "is outside" if len(at) == len(shape) else f"gives {len(at)} places", {name: shape})
    return TensorEntry(kind, int(number), at)


def legal(architecture: Architecture, n_rows: int) -> list[str]:
    """Every legal name with its ranges."""
    return _ranges(dict(_shapes(architecture, n_rows)))


def _shapes(architecture: Architecture, n: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "loss", ()
    sizes = architecture.sizes
    for l in range(1, len(sizes)):
        for name in ("z", "a", "delta"):
            yield f"{name}{l}", (n, sizes[l])
        kind = architecture.layers[l - 1].kind
        if kind is not None:
            for name in ("u", "du"):
                yield f"{name}{l}", (n, sizes[l])
            for name, shape in kind.shapes(sizes[l]).items():
                yield f"{name}{l}", shape
                yield f"d{name}{l}", shape
        for name in ("W", "dW"):
            yield f"{name}{l}", (architecture.layers[l - 1].n_in, sizes[l])
        for name in ("b", "db"):
            yield f"{name}{l}", (sizes[l],)
    inputs = architecture.inputs
    read = architecture.layers[0].n_in
    for l in range(len(sizes) - 1):
        yield f"da{l}", (n, sizes[l] if l else read)
    yield "a0", (n, read)
    if inputs is not None:
        yield from ((f"{name}0", (n, inputs.n_in)) for name in ("X", "dX"))
        for name, shape in inputs.tensors.items():
            yield f"{name}0", shape
            yield f"d{name}0", shape


def _ranges(shapes: dict[str, tuple[int, ...]]) -> list[str]:
    named = ((name if name not in ("X0", "dX0") else name[:-1], shape) for name, shape in shapes.items())
    return [f"{name}[{','.join(f'0…{n - 1}' for n in shape)}]" if shape else name for name, shape in named]


def _refused(text: str, reason: str, shapes: dict[str, tuple[int, ...]]) -> SettingsError:
    return SettingsError(f"{str(text)!r} {reason}; expected {', '.join(_ranges(shapes))}.")
