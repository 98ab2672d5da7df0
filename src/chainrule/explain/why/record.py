"""What an answer consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.text.terms import Origin


@dataclass(frozen=True)
class Twin:
    """The number once more, from differences of J in float64: (J(x + h) − J(x − h)) / 2h.

    doubt: how far rounding of J alone may move it; kink: a corner lies between the two points.
    """

    of: str
    numeric: float
    h: float
    doubt: float
    kink: bool = False


@dataclass(frozen=True)
class Path:
    """One way from a weight up to the loss: the units it passes, the product along it, and the layers it goes past.

    A layer in `past` is not gone through: its residual connection carries what unit u of the layer below has.
    """

    units: tuple[int, ...]
    factors: tuple[float, ...]
    value: float
    past: tuple[int, ...] = ()


@dataclass(frozen=True)
class Paths:
    """The ways from a weight to the loss: the most important, how many there are, the sum over all.

    row: the row of the batch they belong to, or None for the whole batch; every: whether all were walked.
    """

    top: tuple[Path, ...]
    n_paths: int
    total: float
    row: int | None
    every: bool


@dataclass(frozen=True)
class Prediction:
    """What the update was to do to J by the gradient alone, and what it did: both on the batch of the step."""

    before: float
    predicted: float
    after: float
    by_layer: Mapping[str, float] = field(default_factory=dict)

    @property
    def actual(self) -> float:
        """The change of J."""
        return self.after - self.before


@dataclass(frozen=True)
class Answer:
    """Everything known about one number of a step."""

    name: str
    value: float
    dtype: str
    engine: str
    step: int
    origin: Origin
    twin: Twin | None = None
    paths: Paths | None = None
    prediction: Prediction | None = None

    @property
    def rounding(self) -> float:
        """What the engine's roundings made of the exact result: value − origin.last."""
        return 0.0 if self.value == self.origin.last else self.value - self.origin.last

    @property
    def shares(self) -> list[float]:
        """|term| / Σ|terms| of every term."""
        sizes = [abs(term.value) for term in self.origin.terms]
        whole = sum(sizes)
        return [size / whole if whole else 0.0 for size in sizes]

    def text(self, language: str = "en") -> str:
        """Everything in words and numbers, for a terminal of 80 columns, in "en" or "ko"."""
        from chainrule.explain.why.text import told

        return told(self, language)

    def numpy(self) -> str:
        """Lines of NumPy that make the number again: pasted into Python they leave it in `value`."""
        return "\n".join(self.origin.code)

    def to_mermaid(self) -> str:
        """The number, its operands and what each gives, as a Mermaid diagram."""
        from chainrule.explain.why.diagram import diagram

        return diagram(self)

    def __str__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; every float exactly."""
        origin = self.origin
        told: dict[str, Any] = {
            "name": self.name, "value": self.value, "step": self.step, "dtype": self.dtype, "engine": self.engine,
            "formula": origin.symbols, "numbers": list(origin.lines), "operands": list(origin.operands),
            "terms": [
                {"name": t.name, "factors": dict(t.factors), "value": t.value, "share": share}
                | ({} if t.row is None else {"row": t.row, "example": t.example})
                for t, share in zip(origin.terms, self.shares, strict=True)
            ],
            "total": origin.total, "steps": [list(step) for step in origin.steps],
            "rounding": self.rounding, "running": list(origin.running), "exact": origin.exact,
            "numpy": list(origin.code),
        }  # fmt: skip
        for name, part in (("twin", self.twin), ("prediction", self.prediction), ("paths", self.paths)):
            if part is not None:
                told[name] = _plain(part)
        return told


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        told = {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
        return told | ({"actual": value.actual} if isinstance(value, Prediction) else {})
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value
