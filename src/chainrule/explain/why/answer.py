"""The public answer, put together of origin, twin by differences, paths, and what the update did to the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import json_text
from chainrule.errors import SettingsError
from chainrule.explain.why import text
from chainrule.explain.why.changes import of_parameter
from chainrule.explain.why.diagram import diagram
from chainrule.explain.why.expression import TensorEntry, read
from chainrule.explain.why.origins import origin as origin_in
from chainrule.explain.why.paths import from_weight
from chainrule.explain.why.record import Prediction, Provenance, Twin
from chainrule.explain.why.small_numbers import ends_at_zero, least, set_to_zero
from chainrule.explain.why.step_context import StepContext
from chainrule.reference.activations import ACTIVATIONS
from chainrule.text.tables import counted
from chainrule.words.described import Described

H = 1e-5
_MOVED = {"delta": "z", "du": "u", "da": "a", "dX": "X"}


class Answer(Described, Provenance):
    """Everything known about one number of a step; made by `Step.why`.

    Attributes
    ----------
    name : str
        The number, such as "dW2[3,7]".
    value : float
        What the engine recorded.
    dtype, engine : str
        The precision, and who computed it.
    step : int
        The step it belongs to, from 0.
    exact_sums : bool
        Whether the engine's sums can be redone to the bit.
    origin : Origin
        Formula, operands and terms that lead to it.
    twin : Twin or None
        The same derivative by central differences.
    paths : Paths or None
        Of a gradient of a weight: the ways from it to the loss.
    prediction : Prediction or None
        Of an updated parameter or the loss: what the step was to do to J, and what it did.
    updated : bool
        Whether it is a parameter after the step.
    missing : bool
        Whether it is the error signal of an output whose target is missing.
    small : float
        What it had to reach to count, where it was set to 0 because it did not; else 0.

    Examples
    --------
    >>> import chainrule as cr
    >>> X, y = [[0.0], [1.0]], [[0.0], [2.0]]
    >>> net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")
    >>> run = cr.train(net, X, y, optimizer=cr.SGD(0.1), epochs=1, progress=False)
    >>> answer = run.replay(0).why("db1[0]")
    >>> answer.value == float(run.replay(0).backward.db[1][0])
    True
    """

    def _text(self, language: str) -> str:
        return text.described(self, language)

    def __repr__(self) -> str:
        terms = counted(len(self.origin.terms), "term")
        return f"Answer({self.name} = {text.exactly(self.value)}, step {self.step}, {terms})"

    def _repr_html_(self) -> str:
        return text.html(self)

    def numpy(self) -> str:
        """Return lines of NumPy that compute the number again.

        Returns
        -------
        str
            Pasted into Python, they leave the number in `value`.
        """
        return "\n".join(self.origin.code)

    def to_mermaid(self) -> str:
        """Return the number, its operands and what each gives as a Mermaid diagram.

        Returns
        -------
        str
            The text of the diagram.
        """
        return diagram(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values.

        Returns
        -------
        dict
            Every float exactly; one that is not finite as the word "NaN", "Infinity" or "-Infinity".
        """
        origin = self.origin
        fields: dict[str, Any] = {
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
        if self.small:
            fields["set_to_zero_below"] = self.small
        for name, part in (("twin", self.twin), ("prediction", self.prediction), ("paths", self.paths)):
            if part is not None:
                fields[name] = _plain(part)
        return dict(json_text.plain(fields))


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        result = {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
        return result | ({"actual": value.actual} if isinstance(value, Prediction) else {})
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value


def answer(context: StepContext, expression: str, shown: int = 5, row: int | None = None) -> Answer:
    """The answer to why the number named by `expression` is what it is.

    Parameters
    ----------
    context : StepContext
        The step.
    expression : str
        The number, such as "dW2[3,7]".
    shown : int, default 5
        How many paths to keep.
    row : int, optional
        The row of the batch whose paths are wanted; else those of the whole batch, or of the row that gives most.

    Returns
    -------
    Answer
        What is known about the number.

    Raises
    ------
    SettingsError
        If this step has no such number, or its batch no such row.
    """
    entry = read(expression, context.architecture, len(context.record.rows))
    if row is not None and not 0 <= row < len(context.record.rows):
        raise SettingsError(f"row={row}: must be 0 to {len(context.record.rows) - 1}, a row of the batch.")
    with np.errstate(all="ignore"):
        value, origin = of_parameter(context, entry) if entry.kind in context.parameters else origin_in(context, entry)
        bound = least(context, entry)
        value = 0.0 if entry.kind == "da" and abs(value) < bound else value  # no record has it
        is_small = set_to_zero(value, origin, bound)
        origin = ends_at_zero(origin, bound) if is_small else origin
        finite = bool(np.isfinite(context.record.backward.loss))
        return Answer(
            name=str(entry),
            value=float(value),
            dtype=str(context.dtype),
            engine=context.engine,
            step=context.record.step,
            exact_sums=context.exact_sums,
            origin=origin,
            twin=_twin(context, entry) if finite and _moved(context, entry) is not None else None,
            paths=from_weight(context, entry, shown, row) if finite and entry.kind == "dW" else None,
            prediction=_prediction(context, entry) if finite and entry.kind in (*context.parameters, "loss") else None,
            updated=entry.kind in context.parameters,
            missing=entry.kind == "delta" and entry.l == context.L and bool(np.isnan(context.y[entry.at])),
            small=bound if is_small else 0.0,
        )


def _moved(context: StepContext, e: TensorEntry) -> str | None:
    """The quantity to vary to express a number as a difference of J; None if it is not a derivative of J."""
    return {**{f"d{name}": name for name in context.parameters}, **_MOVED}.get(e.kind)


def _twin(context: StepContext, e: TensorEntry) -> Twin:
    kind = _moved(context, e) or ""
    h = H * max(1.0, abs(_moved_value(context, kind, e)))
    above, z_above = context.wide.moved(kind, e.l, e.at, h)
    below, z_below = context.wide.moved(kind, e.l, e.at, -h)
    z_above, z_below = (z if e.l else z[len(z) - context.L :] for z in (z_above, z_below))  # that of layer 0 is no z
    first = context.L - len(z_above) + 1
    kink = any(
        (entry := ACTIVATIONS[context.activation(l)]).kinks and not np.array_equal(entry.side(p), entry.side(q))
        for l, (p, q) in enumerate(zip(z_above, z_below, strict=True), start=first)
    )
    if e.l == 0 and kind != "a":
        sides = [context.wide.sides_of_inputs(kind, e.at, by) for by in (h, -h)]
        kink = kink or any(side is not None and not np.array_equal(side, sides[0]) for side in sides)
    doubt = 4 * float(np.finfo(np.float64).eps) * max(abs(above), abs(below)) / h
    return Twin(str(TensorEntry(kind, e.l, e.at)), (above - below) / (2 * h), h, doubt, kink)


def _moved_value(context: StepContext, kind: str, e: TensorEntry) -> float:
    record = context.record
    if kind == "X":
        return float(record.forward.z[0][e.at])
    arrays: Any = getattr(record.update.old if kind in context.parameters else record.forward, kind)
    return float(arrays[e.l][e.at])


def _prediction(context: StepContext, e: TensorEntry) -> Prediction:
    b, change, L = context.record.backward, context.record.update.change, context.L
    if e.kind != "loss":
        slope, moved = getattr(b, f"d{e.kind}")[e.l][e.at], getattr(change, e.kind)[e.l][e.at]
        after = context.wide.after(only=(e.kind, e.l, e.at))
        return Prediction(context.wide.loss, float(slope) * float(moved), after)
    by_layer = {}
    for l in range(L + 1):
        for kind in context.parameters:
            slopes = getattr(b, f"d{kind}")[l]
            if slopes is None:
                continue
            moved = getattr(change, kind)[l].astype(np.float64)
            by_layer[f"{kind}{l}"] = float((slopes.astype(np.float64) * moved).sum())
    return Prediction(context.wide.loss, sum(by_layer.values()), context.wide.after(), by_layer)
