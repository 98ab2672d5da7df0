"""What is exported: the networks of a run or model with their pipeline, and what no format has a text for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.api.ensemble import Ensemble
from chainrule.api.load import Model
from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.errors import SettingsError
from chainrule.network.architecture import Architecture, Dense
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.reference.activation import Activation
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layer_kind import LayerKind

KNOWN_FIELDS = {
    Architecture: ("layers", "loss", "dtype", "rules"),
    Dense: ("n_in", "n_out", "activation", "normalization", "residual"),
}
"""What exporters know of a network; whatever else one has is refused by its name."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The networks whose mean predicts, all of one architecture, and the pipeline before them."""

    networks: tuple[Network, ...]
    pipeline: TablePipeline | None

    @property
    def architecture(self) -> Architecture:
        """That of each network."""
        return self.networks[0].architecture

    @property
    def predictor(self) -> Network | Ensemble:
        """What predicts."""
        return self.networks[0] if len(self.networks) == 1 else Ensemble(self.networks)

    @classmethod
    def of(cls, loaded: Run | Model | Network) -> Subject:
        """Of what `load` gives, or of a network alone."""
        if isinstance(loaded, Network):
            return cls(networks=(loaded,), pipeline=None)
        return cls(networks=loaded._networks, pipeline=None if loaded.pipeline is None else loaded._fitted)


@dataclass(frozen=True, kw_only=True)
class Format:
    """What a format needs of the entries: whether each has a text for it, and what that text is called."""

    name: str
    has_activation: Callable[[Activation], bool]
    has_kind: Callable[[LayerKind], bool]
    entry_field: str


def refuse_without_text(architecture: Architecture, form: Format) -> None:
    """SettingsError for the first part of a network that a format has no text for."""
    _refuse_others(architecture, "the network", form)
    for l, layer in enumerate(architecture.layers, start=1):
        _refuse_others(layer, f"layer {l}", form)
        if not form.has_activation(ACTIVATIONS[layer.activation]):
            raise _without(f"activation {layer.activation!r} of layer {l}", form)
        if layer.kind is not None and not form.has_kind(layer.kind):
            raise _without(f"layer kind {layer.normalization!r} of layer {l}", form)


def _without(what: str, form: Format) -> SettingsError:
    return SettingsError(
        f"{what}: has no text for {form.name}. Register its entry with {form.entry_field}, or train with another one."
    )


def _refuse_others(part: Any, where: str, form: Format) -> None:
    """SettingsError for a field with a value of its own that exporters do not know."""
    known = KNOWN_FIELDS.get(type(part))
    if known is None:
        raise SettingsError(f"{where} is a {type(part).__name__}, which is not exported to {form.name}.")
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if field.name not in known and value != field.default and value is not None:
            raise SettingsError(
                f"{where} has {field.name}={value!r}, which is not exported to {form.name}. Train without it to export."
            )
