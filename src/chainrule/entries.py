"""What an activation, a loss, an optimizer and a layer kind of one's own is written with.

from chainrule.entries import Activation
chainrule.register_activation("hard_tanh", Activation(name="hard_tanh", g=…, pullback=…, bend=…, formula="…"))
"""

from chainrule.reference.activation import Activation
from chainrule.reference.layer_kind import LayerKind, LayerOfStep, Narration, Share, Tensor
from chainrule.reference.loss import Loss, Pair, Worked
from chainrule.reference.optimizer import OneNumber, Optimizer, Parts
from chainrule.reference.setting import Setting
from chainrule.text.terms import Origin, Term, origin_of

__all__ = [
    "Activation",
    "LayerKind",
    "LayerOfStep",
    "Loss",
    "Narration",
    "OneNumber",
    "Optimizer",
    "Origin",
    "Pair",
    "Parts",
    "Setting",
    "Share",
    "Tensor",
    "Term",
    "Worked",
    "origin_of",
]
