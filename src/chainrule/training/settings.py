"""Every hyper-parameter, declared once: kind, default, range, meaning, source.

The command line, the documentation and all validation follow from SETTINGS. `Settings` holds the
values of one training, checked; those of an update rule are held by its class (update_rules.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from chainrule.engine.protocol import SCHEDULABLE
from chainrule.reference.optimizers import HYPER_PARAMETERS, OPTIMIZERS
from chainrule.reference.penalties import PENALTIES
from chainrule.reference.setting import ByName
from chainrule.reference.setting import Setting as Setting
from chainrule.training.schedule import PLATEAU, SCHEDULES
from chainrule.training.update_rules import LEARNING_RATE, Adam, UpdateRule, optimizer_from


def _table(*settings: Setting) -> dict[str, Setting]:
    return {setting.name: setting for setting in settings}


SETTINGS: dict[str, Setting] = _table(
    Setting(name="optimizer", kind=str, default="adam", meaning="update rule", choices=OPTIMIZERS),
    LEARNING_RATE,
    Setting(name="batch_size", kind=int, default=32, meaning="rows of a step", low=1, unit="rows"),
    Setting(name="epochs", kind=int, default=10, meaning="passes over the rows", low=1, high=10_000_000),
    *(entry.setting for entry in PENALTIES.values()),
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
        name="label_smoothing",
        kind=float,
        default=0.0,
        meaning="share of a target that is spread evenly over the classes; validation is without it",
        low=0.0,
        high=1.0,
        open_high=True,
        source="Szegedy et al. (2016)",
    ),
    Setting(
        name="clip_norm",
        kind=float,
        default=None,
        meaning="maximum norm of the gradient over all parameters",
        low=0.0,
        open_low=True,
        optional=True,
        source="Pascanu, Mikolov, Bengio (2013)",
    ),
    Setting(
        name="divergence_factor",
        kind=float,
        default=1000.0,
        meaning="training stops if the mean loss of an epoch is this many times that of its first step and of a "
        "constant output; none disables it",
        low=1.0,
        open_low=True,
        optional=True,
    ),
    Setting(name="schedule", kind=str, default="constant", meaning="schedule of the learning rate", choices=SCHEDULES),
    Setting(
        name="warm_up",
        kind=float,
        default=0.0,
        meaning="share of all steps over which a factor on the learning rate increases to 1; it multiplies the "
        "schedule, which counts from the first step",
        low=0.0,
        high=1.0,
        source="Goyal et al. (2017)",
    ),
    Setting(
        name="decay_factor",
        kind=float,
        default=0.1,
        meaning="factor of the schedules step, exponential (reached after decay_every epochs) and plateau",
        low=0.0,
        high=1.0,
        open_low=True,
        open_high=True,
    ),
    Setting(
        name="decay_every",
        kind=int,
        default=10,
        meaning="epochs between decays of the schedules step and exponential; of plateau the epochs in a row without a "
        "better metric",
        low=1,
        unit="epochs",
    ),
    ByName(
        name="schedules",
        meaning="schedules of settings besides the learning rate, each a factor on the setting at every step",
        of_each=Setting(
            name="schedule",
            kind=str,
            default="constant",
            meaning="its schedule",
            choices=[name for name in SCHEDULES if name != PLATEAU],
        ),
        names="|".join(SCHEDULABLE),
        names_are=f"one of {', '.join(SCHEDULABLE)}",
        source="Holzmüller, Grinsztajn, Steinwart (2024)",
    ),
    ByName(
        name="learning_rate_factors",
        meaning="factors on the learning rate of some tensors, by their name in every layer (b) or in one (W1); 0 "
        "leaves them as they are",
        of_each=Setting(name="factor", kind=float, default=1.0, meaning="factor on the learning rate", low=0.0),
        names="[A-Za-z_]+[0-9]*",
        names_are="a tensor such as W, b, gain or W1",
        source="Holzmüller, Grinsztajn, Steinwart (2024)",
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
    Setting(name="seed", kind=int, default=0, meaning="seed of all randomness", low=0, high=2**64 - 1),
    Setting(name="shuffle", kind=bool, default=True, meaning="shuffle the rows in every epoch"),
    Setting(
        name="training_metric",
        kind=bool,
        default=False,
        meaning="measure the metric on the training rows too, by a forward pass over them after every epoch",
    ),
    Setting(
        name="leaves",
        kind=int,
        default=1,
        meaning="contiguous parts of a batch whose gradients are added up by one tree; as many workers can share a "
        "step. Results depend on it by rounding, not on the workers",
        low=1,
        high=65536,
    ),
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


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The checked settings of one training; `SETTINGS` declares range, default and meaning of each.

    Parameters
    ----------
    optimizer : UpdateRule, str or dict
        The update rule; Adam by default.
    batch_size : int, default 32
        Rows of a step.
    epochs : int, default 10
        Passes over the rows.
    l2, l1, dropout : float, default 0.0
        Penalties, and the share of hidden units dropped in each step.
    label_smoothing : float, default 0.0
        The share of a target that is spread evenly over the classes.
    clip_norm : float, default None
        The longest gradient allowed.
    divergence_factor : float, default 1000.0
        How many times the loss at the start training may reach; None lets it run.
    schedule : str, default "constant"
        How the learning rate changes.
    warm_up : float, default 0.0
        The share of all steps over which the learning rate increases to its full value.
    decay_factor : float, default 0.1
        The factor of the schedules.
    decay_every : int, default 10
        Epochs between decays.
    schedules : dict
        Schedules of dropout, weight_decay, l2 and l1, by their name.
    learning_rate_factors : dict
        Factors on the learning rate of tensors, by their name.
    early_stopping : int, default None
        Epochs without a better metric before training stops.
    seed : int, default 0
        The one number all randomness follows from.
    shuffle : bool, default True
        Whether the rows come in a new order in every epoch.
    training_metric : bool, default False
        Whether the metric is measured on the training rows too.
    leaves : int, default 1
        The contiguous parts of a batch whose gradients are added up by one tree.
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

    optimizer: UpdateRule = field(default_factory=Adam)
    batch_size: int = SETTINGS["batch_size"].default
    epochs: int = SETTINGS["epochs"].default
    l2: float = SETTINGS["l2"].default
    l1: float = SETTINGS["l1"].default
    dropout: float = SETTINGS["dropout"].default
    label_smoothing: float = SETTINGS["label_smoothing"].default
    clip_norm: float | None = SETTINGS["clip_norm"].default
    divergence_factor: float | None = SETTINGS["divergence_factor"].default
    schedule: str = SETTINGS["schedule"].default
    warm_up: float = SETTINGS["warm_up"].default
    decay_factor: float = SETTINGS["decay_factor"].default
    decay_every: int = SETTINGS["decay_every"].default
    schedules: Mapping[str, str] = field(default_factory=dict, hash=False)
    learning_rate_factors: Mapping[str, float] = field(default_factory=dict, hash=False)
    early_stopping: int | None = SETTINGS["early_stopping"].default
    seed: int = SETTINGS["seed"].default
    shuffle: bool = SETTINGS["shuffle"].default
    training_metric: bool = SETTINGS["training_metric"].default
    leaves: int = SETTINGS["leaves"].default
    metric: str = "auto"
    alpha: float = 0.0
    """l2 grows by alpha / weight of the batch, scikit-learn's way to penalise."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "optimizer", optimizer_from(self.optimizer))
        for item in fields(self):
            if item.name in SETTINGS and item.name != "optimizer":
                object.__setattr__(self, item.name, SETTINGS[item.name].check(getattr(self, item.name)))

    def __repr__(self) -> str:
        kept = ("optimizer", "batch_size", "epochs")
        shown = [
            f"{item.name}={getattr(self, item.name)!r}"
            for item in fields(self)
            if item.name in kept or getattr(self, item.name) not in (item.default, {})
        ]
        return f"Settings({', '.join(shown)})"

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
