"""A name in a file that no entry has: which one, and by what call it becomes known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.input_kinds import INPUT_KINDS
from chainrule.reference.layer_kinds import LAYER_KINDS
from chainrule.reference.losses import LOSSES
from chainrule.reference.optimizers import OPTIMIZERS


class UnregisteredError(Exception):
    """An entry is missing: nothing is wrong with the file, so no remedy for files helps."""


def require_architecture(values: Mapping[str, Any]) -> None:
    """Raises UnregisteredError for an activation, a loss or a layer kind that no entry has."""
    _require("activation", values["activations"], ACTIVATIONS, "register_activation")
    _require("loss", [str(values["loss"]).partition(":")[0]], LOSSES, "register_loss")
    kinds = [name for name in values.get("normalization", []) if name is not None]
    _require("layer kind", kinds, LAYER_KINDS, "register_layer")
    for step in values.get("inputs", []):
        if step.get("kind") not in INPUT_KINDS:
            raise UnregisteredError(
                f"input kind {step.get('kind')!r} is unknown: must be one of {', '.join(INPUT_KINDS)}. Install a later "
                "chainrule."
            )


def require_optimizer(values: Any) -> None:
    """Raises UnregisteredError for an update rule that no entry has."""
    name = values.get("name") if isinstance(values, Mapping) else None
    _require("optimizer", [name] if isinstance(name, str) else [], OPTIMIZERS, "register_optimizer")


def _require(what: str, names: Iterable[str], table: Mapping[str, Any], call: str) -> None:
    for name in names:
        if name not in table:
            raise UnregisteredError(
                f"{what} {name!r} is not registered: must be one of {', '.join(table)}. "
                f"Call chainrule.{call}({name!r}, entry) first, with the entry it was trained with."
            )
