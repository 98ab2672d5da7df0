"""Optimizers as pairs of pure functions, with the letters of their papers; one entry each.

    start(theta, hyper)                      -> state        a dict of arrays shaped like theta
    update(g, state, theta, t, eta, **hyper) -> theta, state

theta is the flat vector of all parameters, g the gradient of the objective, eta the learning rate of
this step and t = step + 1 counts updates from 1. Every rule acts on each parameter alone, so it may be
applied to any part of the vector. The new arrays are returned; the arguments are left as they were.
"""

from __future__ import annotations

from chainrule.reference.optimizer import Optimizer
from chainrule.reference.rules.adam import ADAM, ADAM_EPSILON_HAT, ADAMW, BETA1, BETA2, WEIGHT_DECAY
from chainrule.reference.rules.descent import MOMENTUM, NESTEROV, SGD, SUTSKEVER
from chainrule.reference.rules.scaled import ADAGRAD, EPSILON, RHO, RMSPROP
from chainrule.reference.setting import Setting

OPTIMIZERS: dict[str, Optimizer] = {
    entry.name: entry for entry in (SGD, ADAM, ADAMW, RMSPROP, ADAGRAD, SUTSKEVER, ADAM_EPSILON_HAT)
}
HYPER_PARAMETERS: dict[str, Setting] = {
    setting.name: setting for setting in (MOMENTUM, NESTEROV, BETA1, BETA2, RHO, EPSILON, WEIGHT_DECAY)
}
"""The hyper-parameters of the rules by name; if defaults differ between rules, that of the first."""
