"""An update rule with its learning rate and hyper-parameters, checked: SGD, Adam, AdamW, RMSProp, Adagrad.

The facts about a rule, its formula and its hyper-parameters, are stated in its entry (chainrule.reference.optimizers).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, make_dataclass
from typing import Any, ClassVar, TypeVar

from chainrule.errors import SettingsError, refuse_unknown_names, unknown_name
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.setting import Setting

LEARNING_RATE = Setting(
    name="learning_rate",
    kind=float,
    default=0.001,
    meaning="learning rate η",
    low=0.0,
    open_low=True,
)
"""Of every rule; its default is that of the rule."""


Rule = TypeVar("Rule", bound="UpdateRule")


def named(cls: type[Rule]) -> type[Rule]:
    """The class of an update rule whose hyper-parameters of other names are refused with what may be meant."""
    init = cls.__init__

    @functools.wraps(init)
    def checked(self: Any, *values: Any, **hyper: Any) -> None:
        refuse_unknown_names(f"setting of optimizer {cls.name!r}", hyper, (item.name for item in fields(cls)))
        init(self, *values, **hyper)

    cls.__init__ = checked  # type: ignore[method-assign]
    return cls


@dataclass(frozen=True)
class UpdateRule:
    """An update rule with its learning rate; the formulas are in `chainrule.reference.optimizers`.

    Parameters
    ----------
    learning_rate : float
        The length of a step, η > 0.

    Raises
    ------
    SettingsError
        If a hyper-parameter is out of range, or does not fit the others.

    Examples
    --------
    >>> from chainrule.training.update_rules import optimizer_from
    >>> optimizer_from({"name": "sgd", "learning_rate": 0.5})
    SGD(learning_rate=0.5, momentum=0.0, nesterov=False)
    """

    name: ClassVar[str]
    learning_rate: float

    def __post_init__(self) -> None:
        entry = OPTIMIZERS[self.name]
        for setting in (LEARNING_RATE, *entry.settings):
            object.__setattr__(self, setting.name, setting.check(getattr(self, setting.name)))
        if entry.check is not None:
            entry.check(self.hyper)

    @property
    def hyper(self) -> dict[str, float]:
        """The hyper-parameters besides the learning rate."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "learning_rate"}

    def to_dict(self) -> dict[str, Any]:
        """Return name and hyper-parameters as plain JSON values.

        Returns
        -------
        dict
            `name`, `learning_rate` and the hyper-parameters of the rule.

        Examples
        --------
        >>> import chainrule as cr
        >>> cr.Adagrad(0.5).to_dict()
        {'name': 'adagrad', 'learning_rate': 0.5, 'epsilon': 1e-10}
        """
        return {"name": self.name, **asdict(self)}


@named
@dataclass(frozen=True)
class SGD(UpdateRule):
    """Gradient descent on mini-batches, with momentum where momentum > 0.

    Parameters
    ----------
    learning_rate : float, default 0.1
        The length of a step, η > 0.
    momentum : float, default 0.0
        The share of the previous velocity that is kept, μ in [0, 1).
    nesterov : bool, default False
        Whether to look ahead along the velocity; needs momentum > 0.

    Raises
    ------
    SettingsError
        If a hyper-parameter is out of range, or nesterov is set without momentum.

    Notes
    -----
    Plain: θ ← θ − η·g. With momentum: v ← μ·v + g, θ ← θ − η·v. Nesterov: θ ← θ − η·(g + μ·v). The learning rate
    is outside the velocity, as in PyTorch; scikit-learn has it inside, which differs when η changes.

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods".
    Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and momentum in deep learning".

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.SGD(0.5, momentum=0.9)
    SGD(learning_rate=0.5, momentum=0.9, nesterov=False)
    """

    name = "sgd"
    learning_rate: float = OPTIMIZERS["sgd"].learning_rate
    momentum: float = OPTIMIZERS["sgd"].hyper["momentum"]
    nesterov: bool = OPTIMIZERS["sgd"].hyper["nesterov"]


@named
@dataclass(frozen=True)
class Adam(UpdateRule):
    """Adam as in the paper; penalties are part of the gradient.

    Parameters
    ----------
    learning_rate : float, default 0.001
        The length of a step, η > 0.
    beta1 : float, default 0.9
        The decay of the running mean of g, β₁ in [0, 1).
    beta2 : float, default 0.999
        The decay of the running mean of g², β₂ in [0, 1).
    epsilon : float, default 1e-8
        Added to √v̂ so that no step divides by zero; > 0.

    Raises
    ------
    SettingsError
        If a hyper-parameter is out of range.

    Notes
    -----
    m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², θ ← θ − η·m̂/(√v̂ + ε) with m̂ = m/(1 − β₁^t), v̂ = v/(1 − β₂^t).
    ε is added after the correction of v, as in algorithm 1 of the paper and in PyTorch; scikit-learn and TensorFlow
    add it before.

    References
    ----------
    Kingma, Ba (2015), "Adam: A method for stochastic optimization", algorithm 1.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Adam(0.01).hyper
    {'beta1': 0.9, 'beta2': 0.999, 'epsilon': 1e-08}
    """

    name = "adam"
    learning_rate: float = OPTIMIZERS["adam"].learning_rate
    beta1: float = OPTIMIZERS["adam"].hyper["beta1"]
    beta2: float = OPTIMIZERS["adam"].hyper["beta2"]
    epsilon: float = OPTIMIZERS["adam"].hyper["epsilon"]


@named
@dataclass(frozen=True)
class AdamW(UpdateRule):
    """Adam with decoupled weight decay.

    Parameters
    ----------
    learning_rate : float, default 0.001
        The length of a step, η > 0.
    beta1 : float, default 0.9
        The decay of the running mean of g, β₁ in [0, 1).
    beta2 : float, default 0.999
        The decay of the running mean of g², β₂ in [0, 1).
    epsilon : float, default 1e-8
        Added to √v̂ so that no step divides by zero; > 0.
    weight_decay : float, default 0.01
        A step removes the share η·weight_decay of every parameter; ≥ 0.

    Raises
    ------
    SettingsError
        If a hyper-parameter is out of range.

    Notes
    -----
    θ ← θ − η·λ·θ − η·m̂/(√v̂ + ε), λ the weight decay, m̂ and v̂ as in `Adam`. The decay is scaled by η, as in PyTorch.

    References
    ----------
    Loshchilov, Hutter (2019), "Decoupled weight decay regularization", algorithm 2.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.AdamW(weight_decay=0.1).weight_decay
    0.1
    """

    name = "adamw"
    learning_rate: float = OPTIMIZERS["adamw"].learning_rate
    beta1: float = OPTIMIZERS["adamw"].hyper["beta1"]
    beta2: float = OPTIMIZERS["adamw"].hyper["beta2"]
    epsilon: float = OPTIMIZERS["adamw"].hyper["epsilon"]
    weight_decay: float = OPTIMIZERS["adamw"].hyper["weight_decay"]


@named
@dataclass(frozen=True)
class SutskeverSGD(UpdateRule):
    """Gradient descent with the learning rate inside the velocity, as in scikit-learn."""

    name = "sgd_sutskever"
    learning_rate: float = OPTIMIZERS["sgd_sutskever"].learning_rate
    momentum: float = OPTIMIZERS["sgd_sutskever"].hyper["momentum"]
    nesterov: bool = OPTIMIZERS["sgd_sutskever"].hyper["nesterov"]


@named
@dataclass(frozen=True)
class AdamEpsilonHat(UpdateRule):
    """Adam with epsilon added before the correction of v, as in scikit-learn."""

    name = "adam_epsilon_hat"
    learning_rate: float = OPTIMIZERS["adam_epsilon_hat"].learning_rate
    beta1: float = OPTIMIZERS["adam_epsilon_hat"].hyper["beta1"]
    beta2: float = OPTIMIZERS["adam_epsilon_hat"].hyper["beta2"]
    epsilon: float = OPTIMIZERS["adam_epsilon_hat"].hyper["epsilon"]


@named
@dataclass(frozen=True)
class RMSProp(UpdateRule):
    """Gradient over its running root mean square.

    Parameters
    ----------
    learning_rate : float, default 0.001
        The length of a step, η > 0.
    rho : float, default 0.99
        The decay of the running mean of g², ρ in [0, 1).
    epsilon : float, default 1e-8
        Added to √v so that no step divides by zero; > 0.

    Raises
    ------
    SettingsError
        If a hyper-parameter is out of range.

    Notes
    -----
    v ← ρ·v + (1 − ρ)·g², θ ← θ − η·g/(√v + ε). ε is outside the root, as in PyTorch.

    References
    ----------
    Tieleman, Hinton (2012), "Neural networks for machine learning", lecture 6.5.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.RMSProp().rho
    0.99
    """

    name = "rmsprop"
    learning_rate: float = OPTIMIZERS["rmsprop"].learning_rate
    rho: float = OPTIMIZERS["rmsprop"].hyper["rho"]
    epsilon: float = OPTIMIZERS["rmsprop"].hyper["epsilon"]


@named
@dataclass(frozen=True)
class Adagrad(UpdateRule):
    """Gradient over the root of the sum of its squares.

    Parameters
    ----------
    learning_rate : float, default 0.01
        The length of a step, η > 0.
    epsilon : float, default 1e-10
        Added to √v so that no step divides by zero; > 0.

    Raises
    ------
    SettingsError
        If a hyper-parameter is out of range.

    Notes
    -----
    v ← v + g², θ ← θ − η·g/(√v + ε).

    References
    ----------
    Duchi, Hazan, Singer (2011), "Adaptive subgradient methods for online learning", diagonal form.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.Adagrad(0.1)
    Adagrad(learning_rate=0.1, epsilon=1e-10)
    """

    name = "adagrad"
    learning_rate: float = OPTIMIZERS["adagrad"].learning_rate
    epsilon: float = OPTIMIZERS["adagrad"].hyper["epsilon"]


OPTIMIZER_CLASSES: dict[str, type[UpdateRule]] = {
    cls.name: cls for cls in (SGD, Adam, AdamW, RMSProp, Adagrad, SutskeverSGD, AdamEpsilonHat)
}


def optimizer_class(name: Any) -> type[UpdateRule]:
    """The class of an update rule; of one that was registered it is made from its entry, on first use."""
    if name not in OPTIMIZERS:
        raise unknown_name("optimizer", name, OPTIMIZERS)
    if name not in OPTIMIZER_CLASSES:
        entry = OPTIMIZERS[name]
        declared = [(s.name, s.kind, field(default=s.default)) for s in entry.settings]
        OPTIMIZER_CLASSES[name] = named(make_dataclass(
            str(name), [("learning_rate", float, field(default=entry.learning_rate)), *declared], bases=(UpdateRule,),
            namespace={"name": name, "__doc__": entry.formula}, frozen=True,
        ))  # fmt: skip
    return OPTIMIZER_CLASSES[name]


def optimizer_from(values: str | UpdateRule | Mapping[str, Any] | None) -> UpdateRule:
    """An UpdateRule from an instance, a name, or {"name": …, hyper-parameters…}; None is Adam."""
    if values is None:
        return Adam()
    if isinstance(values, UpdateRule):
        return values
    options = {"name": values} if isinstance(values, str) else dict(values) if isinstance(values, Mapping) else None
    if options is None:
        raise SettingsError(
            f"optimizer {values!r} is not an update rule. Try chainrule.SGD(learning_rate=0.1), or a name."
        )
    name = options.pop("name", None)
    cls = optimizer_class(name)
    legal = [item.name for item in fields(cls)]
    refuse_unknown_names(f"setting of optimizer {name!r}", options, legal)
    return cls(**options)
