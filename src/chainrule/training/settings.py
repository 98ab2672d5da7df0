"""Every hyper-parameter, declared once: kind, default, range, meaning, source.

The command line, the documentation and all validation follow from SETTINGS. `Settings` holds the
values of one training, checked; `Optimizer` and its subclasses hold those of an update rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, make_dataclass
from typing import Any, ClassVar

from chainrule.errors import SettingsError, unknown_name
from chainrule.reference.optimizers import HYPER_PARAMETERS, OPTIMIZERS
from chainrule.reference.setting import Setting as Setting
from chainrule.training.schedule import SCHEDULES


def _table(*settings: Setting) -> dict[str, Setting]:
    return {setting.name: setting for setting in settings}


SETTINGS: dict[str, Setting] = _table(
    Setting(name="optimizer", kind=str, default="adam", meaning="update rule", choices=OPTIMIZERS),
    Setting(
        name="learning_rate",
        kind=float,
        default=0.001,
        meaning="η: length of a step along the gradient",
        low=0.0,
        open_low=True,
    ),
    Setting(name="batch_size", kind=int, default=32, meaning="rows of a step", low=1, unit="rows"),
    Setting(name="epochs", kind=int, default=10, meaning="passes over the rows", low=1, high=10_000_000),
    Setting(
        name="l2",
        kind=float,
        default=0.0,
        meaning="adds ½·l2·Σ‖W‖² to the objective; biases are free",
        low=0.0,
        source="Krogh, Hertz (1992)",
    ),
    Setting(
        name="l1",
        kind=float,
        default=0.0,
        meaning="adds l1·Σ|W| to the objective; biases are free",
        low=0.0,
        source="Tibshirani (1996)",
    ),
    Setting(
        name="dropout",
        kind=float,
        default=0.0,
        meaning="share of hidden units dropped in each step",
        low=0.0,
        high=1.0,
        open_high=True,
        source="Srivastava et al. (2014)",
    ),
    Setting(
        name="clip_norm",
        kind=float,
        default=None,
        meaning="longest gradient allowed, all parameters together",
        low=0.0,
        open_low=True,
        optional=True,
        source="Pascanu, Mikolov, Bengio (2013)",
    ),
    Setting(name="schedule", kind=str, default="constant", meaning="how the learning rate changes", choices=SCHEDULES),
    Setting(
        name="warm_up",
        kind=float,
        default=0.0,
        meaning="share of all steps over which the learning rate rises to full",
        low=0.0,
        high=1.0,
        source="Goyal et al. (2017)",
    ),
    Setting(
        name="decay_factor",
        kind=float,
        default=0.1,
        meaning="factor of the schedules step, exponential and plateau",
        low=0.0,
        high=1.0,
        open_low=True,
        open_high=True,
    ),
    Setting(
        name="decay_every",
        kind=int,
        default=10,
        meaning="epochs between decays of the schedules step and exponential; patience of plateau",
        low=1,
        unit="epochs",
    ),
    Setting(
        name="early_stopping",
        kind=int,
        default=None,
        meaning="epochs without a better metric before training stops",
        low=1,
        optional=True,
        unit="epochs",
        source="Prechelt (1998)",
    ),
    Setting(
        name="seed", kind=int, default=0, meaning="the one number all randomness follows from", low=0, high=2**64 - 1
    ),
    Setting(name="shuffle", kind=bool, default=True, meaning="a new order of the rows in every epoch"),
    Setting(
        name="threads",
        kind=int,
        default=None,
        meaning="threads of the native engine; results do not depend on it",
        low=1,
        high=4096,
        optional=True,
    ),
    Setting(
        name="time_limit",
        kind=float,
        default=None,
        meaning="seconds after which training stops with the best model",
        low=0.0,
        open_low=True,
        optional=True,
        unit="s",
    ),
)

OPTIMIZER_SETTINGS = HYPER_PARAMETERS
"""Those of the update rules by name, each in the entry of its rule (chainrule.reference.optimizers)."""


def check(name: str, value: Any) -> Any:
    """The value of a setting or an optimizer's setting, checked against its declaration."""
    return (SETTINGS.get(name) or OPTIMIZER_SETTINGS[name]).check(value)


@dataclass(frozen=True)
class Optimizer:
    """An update rule with its learning rate; the formulas are in `chainrule.reference.optimizers`.

    Parameters
    ----------
    learning_rate : float
        The length of a step along the gradient, η > 0.

    Raises
    ------
    SettingsError
        If a hyper-parameter is out of range, or does not fit the others.

    Examples
    --------
    >>> from chainrule.training.settings import optimizer_from
    >>> optimizer_from({"name": "sgd", "learning_rate": 0.5})
    SGD(learning_rate=0.5, momentum=0.0, nesterov=False)
    """

    name: ClassVar[str]
    learning_rate: float

    def __post_init__(self) -> None:
        entry = OPTIMIZERS[self.name]
        for setting in (SETTINGS["learning_rate"], *entry.settings):
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


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent on mini-batches, with momentum where momentum > 0.

    Parameters
    ----------
    learning_rate : float, default 0.1
        The length of a step along the gradient, η > 0.
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
    stands outside the velocity, as in PyTorch; scikit-learn keeps it inside, which differs when η changes.

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


@dataclass(frozen=True)
class Adam(Optimizer):
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


@dataclass(frozen=True)
class AdamW(Optimizer):
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


@dataclass(frozen=True)
class SutskeverSGD(Optimizer):
    """Gradient descent with the learning rate inside the velocity, as in scikit-learn."""

    name = "sgd_sutskever"
    learning_rate: float = OPTIMIZERS["sgd_sutskever"].learning_rate
    momentum: float = OPTIMIZERS["sgd_sutskever"].hyper["momentum"]
    nesterov: bool = OPTIMIZERS["sgd_sutskever"].hyper["nesterov"]


@dataclass(frozen=True)
class AdamEpsilonHat(Optimizer):
    """Adam with epsilon added before the correction of v, as in scikit-learn."""

    name = "adam_epsilon_hat"
    learning_rate: float = OPTIMIZERS["adam_epsilon_hat"].learning_rate
    beta1: float = OPTIMIZERS["adam_epsilon_hat"].hyper["beta1"]
    beta2: float = OPTIMIZERS["adam_epsilon_hat"].hyper["beta2"]
    epsilon: float = OPTIMIZERS["adam_epsilon_hat"].hyper["epsilon"]


@dataclass(frozen=True)
class RMSProp(Optimizer):
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
    v ← ρ·v + (1 − ρ)·g², θ ← θ − η·g/(√v + ε). ε stands outside the root, as in PyTorch.

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


@dataclass(frozen=True)
class Adagrad(Optimizer):
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


OPTIMIZER_CLASSES: dict[str, type[Optimizer]] = {
    cls.name: cls for cls in (SGD, Adam, AdamW, RMSProp, Adagrad, SutskeverSGD, AdamEpsilonHat)
}


def optimizer_class(name: Any) -> type[Optimizer]:
    """The class of an update rule; of one that was registered it is made from its entry, on first use."""
    if name not in OPTIMIZERS:
        raise unknown_name("optimizer", name, OPTIMIZERS)
    if name not in OPTIMIZER_CLASSES:
        entry = OPTIMIZERS[name]
        declared = [(s.name, s.kind, field(default=s.default)) for s in entry.settings]
        OPTIMIZER_CLASSES[name] = make_dataclass(
            str(name), [("learning_rate", float, field(default=entry.learning_rate)), *declared], bases=(Optimizer,),
            namespace={"name": name, "__doc__": entry.formula}, frozen=True,
        )  # fmt: skip
    return OPTIMIZER_CLASSES[name]


def optimizer_from(values: str | Optimizer | Mapping[str, Any] | None) -> Optimizer:
    """An Optimizer from an instance, a name, or {"name": …, hyper-parameters…}; None is Adam."""
    if values is None:
        return Adam()
    if isinstance(values, Optimizer):
        return values
    options = {"name": values} if isinstance(values, str) else dict(values) if isinstance(values, Mapping) else None
    if options is None:
        raise SettingsError(
            f"optimizer {values!r} is no update rule; give one such as chainrule.SGD(learning_rate=0.1), or a name."
        )
    name = options.pop("name", None)
    cls = optimizer_class(name)
    legal = [item.name for item in fields(cls)]
    for key in options:
        if key not in legal:
            raise unknown_name(f"setting of optimizer {name!r}", key, legal)
    return cls(**options)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The checked settings of one training; `SETTINGS` declares range, default and meaning of each.

    Parameters
    ----------
    optimizer : Optimizer, str or dict
        The update rule; Adam by default.
    batch_size : int, default 32
        Rows of a step.
    epochs : int, default 10
        Passes over the rows.
    l2, l1, dropout : float, default 0.0
        Penalties, and the share of hidden units dropped in each step.
    clip_norm : float, default None
        The longest gradient allowed.
    schedule : str, default "constant"
        How the learning rate changes.
    warm_up : float, default 0.0
        The share of all steps over which the learning rate rises to full.
    decay_factor : float, default 0.1
        The factor of the schedules.
    decay_every : int, default 10
        Epochs between decays.
    early_stopping : int, default None
        Epochs without a better metric before training stops.
    seed : int, default 0
        The one number all randomness follows from.
    shuffle : bool, default True
        Whether the rows come in a new order in every epoch.
    metric : str, default "auto"
        What early stopping and the best parameters are judged by.
    alpha : float, default 0.0
        L2 grows by alpha / weight of the batch, as scikit-learn penalises.

    Raises
    ------
    SettingsError
        If a value is out of range, or a name is unknown.

    Examples
    --------
    >>> from chainrule.training.settings import Settings
    >>> Settings(optimizer="sgd", epochs=3).to_dict()["optimizer"]["name"]
    'sgd'
    """

    optimizer: Optimizer = field(default_factory=Adam)
    batch_size: int = SETTINGS["batch_size"].default
    epochs: int = SETTINGS["epochs"].default
    l2: float = SETTINGS["l2"].default
    l1: float = SETTINGS["l1"].default
    dropout: float = SETTINGS["dropout"].default
    clip_norm: float | None = SETTINGS["clip_norm"].default
    schedule: str = SETTINGS["schedule"].default
    warm_up: float = SETTINGS["warm_up"].default
    decay_factor: float = SETTINGS["decay_factor"].default
    decay_every: int = SETTINGS["decay_every"].default
    early_stopping: int | None = SETTINGS["early_stopping"].default
    seed: int = SETTINGS["seed"].default
    shuffle: bool = SETTINGS["shuffle"].default
    metric: str = "auto"
    alpha: float = 0.0
    """l2 grows by alpha / weight of the batch, scikit-learn's way to penalise."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "optimizer", optimizer_from(self.optimizer))
        for item in fields(self):
            if item.name in SETTINGS and item.name != "optimizer":
                object.__setattr__(self, item.name, SETTINGS[item.name].check(getattr(self, item.name)))

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain JSON values.

        Returns
        -------
        dict
            The settings by name; the optimizer as a dict of its own.
        """
        return {item.name: getattr(self, item.name) for item in fields(self)} | {"optimizer": self.optimizer.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Return the settings that `to_dict` wrote.

        Parameters
        ----------
        values : mapping
            What `to_dict` gave.

        Returns
        -------
        Settings
            The same settings.
        """
        return cls(**{item.name: values[item.name] for item in fields(cls) if item.name in values})
