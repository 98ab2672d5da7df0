"""The table of layer kinds: functions between z and the activation of a hidden layer."""

from __future__ import annotations

from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.kinds.layer_norm import LAYER_NORM
from chainrule.reference.kinds.parametric import parametric
from chainrule.reference.layer_kind import LayerKind

PARAMETRIC = "parametric_"
"""What the names of parametric activations begin with; that of g follows."""
_PARAMETRIC = {
    f"{PARAMETRIC}{name}": parametric(g, f"{PARAMETRIC}{name}")
    for name, g in ACTIVATIONS.items()
    if g.elementwise and name != "identity"
}
LAYER_KINDS: dict[str, LayerKind] = {LAYER_NORM.name: LAYER_NORM, **_PARAMETRIC}
