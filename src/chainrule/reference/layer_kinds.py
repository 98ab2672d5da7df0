"""The table of layer kinds: functions between z and the activation of a hidden layer."""

from __future__ import annotations

from chainrule.reference.kinds.layer_norm import LAYER_NORM
from chainrule.reference.layer_kind import LayerKind

LAYER_KINDS: dict[str, LayerKind] = {kind.name: kind for kind in (LAYER_NORM,)}
