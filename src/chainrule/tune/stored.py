"""What a stored finding about the learning rate may be."""

from __future__ import annotations

from typing import Any

from chainrule.schema import (
    Either,
    Flag,
    ListOf,
    MapOf,
    Number,
    Optional,
    Record,
    Schema,
    SchemaError,
    Text,
    Whole,
    refuse,
)

_RATE = Number(low=0, open_low=True)
_CURVE = Record({"learning_rate": ListOf(_RATE), "loss": ListOf(Optional(Number()))})
_LEAST_RUNS, _MOST_RUNS = 1, 3
_SUGGESTION: dict[str, Schema] = {
    "optimizer": Text(),
    "hyper": MapOf(Either((Flag(), Number()), "a number, true or false")),
    "approximate": Flag(),
    "network": Text(),
    "batch_size": Whole(1),
    "batch_curvature": Number(),
    "stable_below": Optional(_RATE),
    "proposal": _RATE,
    "suggested": _RATE,
    "interval": ListOf(_RATE, least=2, most=2),
    "start": Number(),
    "n_steps": Whole(1),
    "race": _CURVE,
    "given_up": _CURVE,
    "runs": ListOf(
        Record({"learning_rate": _RATE, "loss": ListOf(Optional(Number()), least=1)}), _LEAST_RUNS, _MOST_RUNS
    ),
    "n_products": Whole(),
    "n_run_steps": Whole(),
    "elapsed_s": Number(low=0),
}
_WITNESSES: dict[str, Schema] = {
    "n_rows": Whole(1),
    "curvature": Number(),
    "curvature_residual": Number(low=0),
    "later_curvature": Optional(Number()),
    "slice": _CURVE,
    "range_test": _CURVE,
    "breaks_at": Optional(_RATE),
    "sampled": Flag(),
}
SUGGESTION, LEARNING_RATE = Record(_SUGGESTION), Record(_SUGGESTION | _WITNESSES, frozenset({"sampled"}))


class FoundSchema:
    """A Suggestion, or a LearningRate where it has a curvature."""

    def check(self, value: Any, place: str) -> dict[str, Any]:
        """The JSON of a finding, its curves and runs in agreement with what it suggests."""
        full = isinstance(value, dict) and "curvature" in value
        found: dict[str, Any] = (LEARNING_RATE if full else SUGGESTION).check(value, place)
        for name in ("race", "given_up", *(("slice", "range_test") if full else ())):
            curve = found[name]
            if len(curve["learning_rate"]) != len(curve["loss"]) or (name != "given_up" and not curve["loss"]):
                raise SchemaError(f"{name} has {len(curve['loss'])} losses; expected one per learning rate")
        if full and all(loss is None for loss in found["slice"]["loss"]):
            raise SchemaError("slice has no finite loss; expected at least one")
        rates = [float(run["learning_rate"]) for run in found["runs"]]
        if float(found["suggested"]) not in rates or rates != sorted(set(rates)) or (full and len(rates) < _MOST_RUNS):
            raise refuse("runs", str(rates)[:60], f"ascending learning rates, {found['suggested']} among them")
        if found["interval"][0] > found["interval"][1]:
            raise refuse("interval", str(found["interval"])[:60], "its lower end first")
        return found
