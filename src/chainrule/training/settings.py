"""Every hyper-parameter, declared once: kind, default, range, meaning, source.

The command line, the documentation and all validation follow from SETTINGS. `Settings` holds the
values of one training, checked; `Optimizer` and its subclasses hold those of an update rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from chainrule.errors import SettingsError, unknown_name

OPTIMIZER_NAMES = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "sgd_sutskever", "adam_epsilon_hat")
SCHEDULE_NAMES = ("constant", "step", "exponential", "cosine", "one_cycle", "plateau")


@dataclass(frozen=True)
class Setting:
    """One hyper-parameter. `low`/`high` bound a number; `open_low`/`open_high` exclude the bound itself."""

    name: str
    kind: type
    default: Any
    meaning: str
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    choices: tuple[str, ...] = ()
    optional: bool = False
    unit: str = ""
    source: str = ""

    def expected(self) -> str:
        """The legal values in words, for messages and documentation."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}[self.kind]
        if self.low is not None:
            words += f" {'>' if self.open_low else '≥'} {self.low:g}"
        if self.high is not None:
            words += f"{' and' if self.low is not None else ''} {'<' if self.open_high else '≤'} {self.high:g}"
        return words + (" or none" if self.optional else "")

    def check(self, value: Any) -> Any:
        """The value in its own kind, or a SettingsError that names setting, value, expectation."""
        if value is None and self.optional:
            return None
        try:
            if self.kind is bool:
                if value not in (True, False):
                    raise ValueError
                return bool(value)
            if self.choices:
                if value not in self.choices:
                    raise unknown_name(self.name, value, self.choices)
                return value
            if isinstance(value, (bool, str)):
                raise ValueError
            number = int(value) if self.kind is int else float(value)
            if number != value or not math.isfinite(number) or not self._in_range(number):
                raise ValueError
            return number
        except SettingsError:
            raise
        except (TypeError, ValueError, OverflowError):
            raise SettingsError(f"{self.name} = {value!r} is not possible; expected {self.expected()}.") from None

    def _in_range(self, number: float) -> bool:
        above = self.low is None or (number > self.low if self.open_low else number >= self.low)
        below = self.high is None or (number < self.high if self.open_high else number <= self.high)
        return above and below


def _table(*settings: Setting) -> dict[str, Setting]:
    return {setting.name: setting for setting in settings}


SETTINGS: dict[str, Setting] = _table(
    Setting("optimizer", str, "adam", "update rule", choices=OPTIMIZER_NAMES),
    Setting("learning_rate", float, 0.001, "η: length of a step along the gradient", low=0.0, open_low=True),
    Setting("batch_size", int, 32, "rows of a step", low=1, unit="rows"),
    Setting("epochs", int, 10, "passes over the rows", low=1, high=10_000_000),
    Setting("l2", float, 0.0, "adds ½·l2·Σ‖W‖² to the objective; biases are free", low=0.0,
            source="Krogh, Hertz (1992)"),
    Setting("l1", float, 0.0, "adds l1·Σ|W| to the objective; biases are free", low=0.0,
            source="Tibshirani (1996)"),
    Setting("dropout", float, 0.0, "share of hidden units dropped in each step", low=0.0, high=1.0, open_high=True,
            source="Srivastava et al. (2014)"),
    Setting("clip_norm", float, None, "longest gradient allowed, all parameters together", low=0.0, open_low=True,
            optional=True, source="Pascanu, Mikolov, Bengio (2013)"),
    Setting("schedule", str, "constant", "how the learning rate changes", choices=SCHEDULE_NAMES),
    Setting("warm_up", float, 0.0, "share of all steps over which the learning rate rises to full", low=0.0, high=1.0,
            source="Goyal et al. (2017)"),
    Setting("decay_factor", float, 0.1, "factor of the schedules step, exponential and plateau", low=0.0, high=1.0,
            open_low=True, open_high=True),
    Setting("decay_every", int, 10, "epochs between decays of the schedules step and exponential; patience of plateau",
            low=1, unit="epochs"),
    Setting("early_stopping", int, None, "epochs without a better metric before training stops", low=1, optional=True,
            unit="epochs", source="Prechelt (1998)"),
    Setting("seed", int, 0, "the one number all randomness follows from", low=0, high=2**64 - 1),
    Setting("shuffle", bool, True, "a new order of the rows in every epoch"),
    Setting("threads", int, None, "threads of the native engine; results do not depend on it", low=1, high=4096,
            optional=True),
    Setting("time_limit", float, None, "seconds after which training stops with the best model", low=0.0, open_low=True,
            optional=True, unit="s"),
)  # fmt: skip

OPTIMIZER_SETTINGS: dict[str, Setting] = _table(
    Setting("momentum", float, 0.0, "share of the previous velocity kept (sgd)", low=0.0, high=1.0, open_high=True,
            source="Polyak (1964)"),
    Setting("nesterov", bool, False, "look ahead along the velocity (sgd)", source="Sutskever et al. (2013)"),
    Setting("beta1", float, 0.9, "decay of the running mean of g (adam, adamw)", low=0.0, high=1.0, open_high=True,
            source="Kingma, Ba (2015)"),
    Setting("beta2", float, 0.999, "decay of the running mean of g² (adam, adamw)", low=0.0, high=1.0, open_high=True,
            source="Kingma, Ba (2015)"),
    Setting("rho", float, 0.99, "decay of the running mean of g² (rmsprop)", low=0.0, high=1.0, open_high=True,
            source="Tieleman, Hinton (2012)"),
    Setting("epsilon", float, 1e-8, "added to √v so that no step divides by zero", low=0.0, open_low=True),
    Setting("weight_decay", float, 0.01, "share η·weight_decay of every parameter removed in a step (adamw)", low=0.0,
            source="Loshchilov, Hutter (2019)"),
)  # fmt: skip


def check(name: str, value: Any) -> Any:
    """The value of a setting or an optimizer's setting, checked against its declaration."""
    return (SETTINGS.get(name) or OPTIMIZER_SETTINGS[name]).check(value)


@dataclass(frozen=True)
class Optimizer:
    """An update rule with its learning rate η; see reference/optimizers.py for the formulas."""

    name: ClassVar[str]
    learning_rate: float

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(self, item.name, check(item.name, getattr(self, item.name)))

    @property
    def hyper(self) -> dict[str, float]:
        """The hyper-parameters besides the learning rate."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "learning_rate"}

    def to_dict(self) -> dict[str, Any]:
        """Name and hyper-parameters as plain JSON values."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent on mini-batches; with momentum where momentum > 0."""

    name = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and self.momentum == 0:
            raise SettingsError(
                "nesterov = True looks ahead along the velocity, and momentum = 0 has none; set momentum > 0."
            )


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam as in the paper; penalties are part of the gradient."""

    name = "adam"
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay."""

    name = "adamw"
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01


@dataclass(frozen=True)
class SutskeverSGD(Optimizer):
    """Gradient descent with the learning rate inside the velocity, as in scikit-learn."""

    name = "sgd_sutskever"
    learning_rate: float = 0.001
    momentum: float = 0.9
    nesterov: bool = True


@dataclass(frozen=True)
class AdamEpsilonHat(Optimizer):
    """Adam with epsilon added before the correction of v, as in scikit-learn."""

    name = "adam_epsilon_hat"
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Gradient over its running root mean square."""

    name = "rmsprop"
    learning_rate: float = 0.001
    rho: float = 0.99
    epsilon: float = 1e-8


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Gradient over the root of the sum of its squares."""

    name = "adagrad"
    learning_rate: float = 0.01
    epsilon: float = 1e-10


OPTIMIZER_CLASSES: dict[str, type[Optimizer]] = {
    cls.name: cls for cls in (SGD, Adam, AdamW, RMSProp, Adagrad, SutskeverSGD, AdamEpsilonHat)
}


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
    if name not in OPTIMIZER_CLASSES:
        raise unknown_name("optimizer", name, OPTIMIZER_NAMES)
    cls = OPTIMIZER_CLASSES[name]
    legal = [item.name for item in fields(cls)]
    for key in options:
        if key not in legal:
            raise unknown_name(f"setting of optimizer {name!r}", key, legal)
    return cls(**options)


@dataclass(frozen=True)
class Settings:
    """The checked settings of one training. Field names are those of SETTINGS."""

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
        """All settings as plain JSON values."""
        return {item.name: getattr(self, item.name) for item in fields(self)} | {"optimizer": self.optimizer.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """The inverse of to_dict."""
        return cls(**{item.name: values[item.name] for item in fields(cls) if item.name in values})
