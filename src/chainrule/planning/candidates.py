"""Candidates: a preset and what is stated become networks, optimizers and settings, the simplest training first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from chainrule.errors import SettingsError, unknown_name
from chainrule.network.architecture import Architecture
from chainrule.network.embeddings import steps_of
from chainrule.network.initializers import choose
from chainrule.network.targets import OutputKind
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Values
from chainrule.planning.embedding import embedding_of
from chainrule.planning.inputs import EncodedRows
from chainrule.planning.preset import Preset
from chainrule.planning.related import PresetChoices, choices, fitting
from chainrule.planning.request import AUTO, PASSED, Request
from chainrule.planning.task import PredictionTask
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES, loss_named, with_levels
from chainrule.text.tables import counted
from chainrule.training.settings import OPTIMIZER_SETTINGS, SETTINGS
from chainrule.training.update_rules import UpdateRule, optimizer_class, optimizer_from
from chainrule.visible import short_repr

OUTPUTS = {
    "classes": ("softmax", "sigmoid"),
    "labels": ("sigmoid",),
    "values": ("identity", "exponential", "softplus"),
}
"""Output activations by preference; the first that the loss has a meaning on is taken."""
KINDS: dict[str, OutputKind] = {"classes": "class", "labels": "labels", "values": "values"}
"""What the outputs mean for a task."""


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """A network before its first parameter is drawn: the arguments of Network, checked.

    Raises SettingsError as for Network.
    """

    sizes: tuple[int, ...]
    activation: Any
    output: str
    loss: str
    initializer: Any
    dtype: str
    seed: int
    normalization: Any
    residual: bool
    parametric: bool = False
    input_scale: bool = False
    embedding: Any = None
    members: Any = 1
    kind: OutputKind
    """What its outputs mean, whatever the targets hold."""
    __repr__ = short_repr

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", _fitting(self.members, self.sizes[0]))
        choose(self.initializer, self.architecture)

    @cached_property
    def architecture(self) -> Architecture:
        """Its layers."""
        described = {name: value for name, value in asdict(self).items() if name not in ("initializer", "seed", "kind")}
        names = ("embedding", "input_scale", "members")
        inputs = steps_of(self.sizes[0], *(described.pop(name) for name in names))
        return Architecture.build(**described, inputs=inputs)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One training: of which inputs and network, by which rule, with which settings."""

    rows: EncodedRows
    network: NetworkPlan
    optimizer: UpdateRule
    settings: dict[str, Any]
    """Further arguments of train, the seed and the time limit among them."""
    preset: PresetChoices | None = None
    """What its preset decides, where something else is stated."""
    __repr__ = short_repr

    @property
    def pipeline(self) -> TablePipeline:
        """From the columns to its inputs."""
        return self.rows.pipeline

    @property
    def name(self) -> str:
        """In a few words."""
        l2 = f", l2 {self.settings['l2']:g}" if self.settings.get("l2") else ""
        near = f", {counted(len(self.pipeline.columns), 'column')}" if self.rows.is_screened else ""
        near += ", neighbours" if self.n_neighbours else ""
        near += ", logarithm" if self.on_logarithm else ""
        return f"{self.network.architecture}{near}{l2}, {counted(self.settings['epochs'], 'epoch')}"

    @property
    def on_logarithm(self) -> bool:
        """Whether it learns the logarithm of its target."""
        return isinstance(self.pipeline.target, Values) and self.pipeline.target.logarithm

    @property
    def n_neighbours(self) -> int:
        """Training rows that the model holds, for what the nearest of them say."""
        return 0 if self.pipeline.neighbours is None else len(self.pipeline.neighbours)

    def to_dict(self) -> dict[str, Any]:
        """Network, optimizer and settings as plain values."""
        network = {name: _plain(value) for name, value in asdict(self.network).items() if name != "kind"}
        return {"network": network, "optimizer": self.optimizer.to_dict(), "settings": self.settings}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def make_candidates(
    request: Request, chosen: Preset, encoded: Callable[[Preset], EncodedRows], task: PredictionTask, n_targets: int,
    has_validation: bool,
) -> tuple[Candidate, ...]:  # fmt: skip
    """The training that the request and the preset ask for, behind the simpler ones that are tried before it.

    None is tried where epochs are stated; the one without hidden layers is left out where they are described.

    Arguments: encoded: the rows as the pipeline of a preset has them; has_validation: whether rows judge the epochs.
    """
    keeps_linear = not request.describes_network
    simpler = () if "epochs" in request.settings else chosen.simpler
    presets = (*(preset for preset in simpler if preset.hidden_sizes or keeps_linear), chosen)
    output, loss = output_and_loss(request, task)
    found = []
    for preset in presets:
        rows = encoded(preset)
        n_inputs = rows.X.shape[1]
        made = preset.for_inputs(n_inputs)
        rule = fitting(request, made)
        keeps_sizes = request.hidden_sizes is None or (preset is not chosen and not preset.hidden_sizes)
        hidden = preset.hidden_sizes if keeps_sizes else request.hidden_sizes or ()
        sizes = (n_inputs, *hidden, _n_outputs(task, n_targets, output, loss))
        rule = rule.for_sizes(sizes)
        network = _network(request, rule, sizes, output, loss, KINDS[task.kind], rows)
        settings = _settings(request, rule, has_validation)
        found.append(
            Candidate(
                rows=rows, network=network, optimizer=_optimizer(request, rule), settings=settings,
                preset=choices(request, made),
            )
        )  # fmt: skip
    return tuple(found)


def _network(
    request: Request, preset: Preset, sizes: tuple[int, ...], output: str, loss: str, kind: OutputKind,
    rows: EncodedRows,
) -> NetworkPlan:  # fmt: skip
    is_linear = len(sizes) == 2
    return NetworkPlan(
        sizes=sizes,
        activation=request.activation or preset.activation,
        output=output,
        loss=loss,
        initializer=preset.initializers(len(sizes) - 1) if request.initializer == AUTO else request.initializer,
        dtype=request.dtype or preset.dtype,
        seed=request.seed,
        normalization=request.normalization,
        residual=request.residual,
        parametric=request.parametric and not is_linear,
        input_scale=request.input_scale or preset.input_scale,
        embedding=embedding_of(request.embedding, rows.X, preset.embedding),
        members=1 if is_linear else _members(request, preset, rows.pipeline.widths, sizes[0]),
        kind=kind,
    )


def _members(request: Request, preset: Preset, widths: Sequence[int], n_inputs: int) -> Any:
    """The networks side by side, whose factors start alike for all inputs of one column of the table."""
    K = preset.members if request.side_by_side is None else request.side_by_side
    how = {"members": K, "spread": preset.member_spread, "blocks": [n for n in widths if n]}
    return K if K == 1 else _fitting(how, n_inputs)


def _fitting(members: Any, n_inputs: int) -> Any:
    """The members of a network of so many inputs: further ones stand by themselves, of fewer ones all do."""
    if not isinstance(members, dict):
        return members
    blocks = members.get("blocks", [])
    further = n_inputs - sum(blocks)
    return members | {"blocks": [*blocks, *[1] * further] if further >= 0 else [1] * n_inputs}


def _n_outputs(task: PredictionTask, n_targets: int, output: str, loss: str) -> int:
    if task.kind != "classes":
        return n_targets * loss_named(loss).n_heads
    n_classes = len(task.words[0])
    return 1 if n_classes == 2 and loss_named(loss).of_classes and ACTIVATIONS[output].elementwise else n_classes


def _settings(request: Request, preset: Preset, has_validation: bool) -> dict[str, Any]:
    """The settings of train: as stated, else by the preset, else the default.

    Where epochs are stated, early stopping of the preset keeps its share of them.
    """
    stated = {**request.settings, "seed": request.seed}
    chosen = {name: stated.get(name, preset.settings.get(name, SETTINGS[name].default)) for name in PASSED}
    patience = chosen["early_stopping"]
    if patience is not None and "epochs" in stated and "early_stopping" not in stated:
        share = patience / preset.settings["epochs"]
        chosen["early_stopping"] = max(1, min(round(share * chosen["epochs"]), patience))
    if preset.flat_share and not {"epochs", "early_stopping"} & stated.keys():
        chosen["early_stopping"] = math.ceil(preset.flat_share * chosen["epochs"])
    if not has_validation:
        chosen["early_stopping"] = None
    chosen["metric"] = preset.settings.get("metric", AUTO) if request.metric == AUTO else request.metric
    return chosen


def _optimizer(request: Request, preset: Preset) -> UpdateRule:
    """The update rule with its hyper-parameters, the preset's where none is named; one of another rule is refused."""
    name = request.settings.get("optimizer", preset.optimizer["name"])
    legal = [item.name for item in fields(optimizer_class(name))]
    values: dict[str, Any] = dict(preset.optimizer) if name == preset.optimizer["name"] else {"name": name}
    for key in ("learning_rate", *OPTIMIZER_SETTINGS):
        value = request.settings.get(key)
        if value is None or (key, value) == ("learning_rate", AUTO):
            continue
        if key not in legal:
            message = f"must be a setting of optimizer {name!r} (its settings: {', '.join(legal)}). Leave it out."
            raise SettingsError(f"{key}={value}: {message}")
        values[key] = value
    return optimizer_from(values)


def output_and_loss(request: Request, task: PredictionTask) -> tuple[str, str]:
    """The output activation and the loss: those asked for, else what fits the task and each other."""
    legal, is_values = OUTPUTS[task.kind], task.kind == "values"
    loss = request.loss if request.loss != AUTO else "squared_error" if is_values else "cross_entropy"
    if ":" not in loss and loss not in LOSSES:
        raise unknown_name("loss", loss, [AUTO, *LOSSES])
    if request.intervals is not None:
        if not is_values:
            raise SettingsError(
                f"intervals={request.intervals}: must be left out for task {task.name!r}. Where the target holds "
                "numbers, set task to regression."
            )
        loss = with_levels(loss, request.intervals)
    pairs = loss_named(loss).pairs
    if request.output != AUTO:
        message = f"output={request.output}: must be {' or '.join(legal[:2])} for task {task.name!r}"
        if not is_values and request.output not in legal:
            raise SettingsError(f"{message}, which give probabilities (got {request.output}). Leave it out.")
        if is_values and request.output in ACTIVATIONS and not ACTIVATIONS[request.output].elementwise:
            raise SettingsError(f"{message}, which give values (got {request.output}). Leave it out.")
        return request.output, loss
    if task.kind == "classes" and len(task.words[0]) == 2 and loss_named(loss).of_classes:
        return "sigmoid", loss
    for name in legal:
        if name in pairs:
            return name, loss
    raise SettingsError(
        f"loss={loss}: does not fit task {task.name!r}; its supported output activations: {', '.join(pairs)}. "
        f"Try another loss, or task='{'classification' if is_values else 'regression'}'."
    )
