"""What train was given becomes a Setup: checked, converted, rows held out, the engine chosen."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.data import arrays, split
from chainrule.engine.protocol import Engine, Targets, Task, dense_targets
from chainrule.engine.select import select
from chainrule.errors import DataError, SettingsError, ShapeError, unknown_name
from chainrule.network.architecture import Architecture
from chainrule.network.class_weights import WEIGHT_RULES, ClassWeights, balanced_by_weight, class_weights
from chainrule.network.parameters import Parameters, tensor_names
from chainrule.network.targets import OutputKind, kind_of
from chainrule.pipeline.target import Classes
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.run.rows import Rows, prepare_rows, refuse_one_class, weighted_by_class
from chainrule.run.smoothing import learned_targets
from chainrule.training import metrics
from chainrule.training.measure import Validation
from chainrule.training.parts import settings_at
from chainrule.training.settings import Settings
from chainrule.tune.found import Suggestion


@dataclass(kw_only=True)
class Setup:
    """Everything train was given, checked and converted."""

    network: Network
    settings: Settings
    engine: Engine
    reason: str
    rows: Rows
    task: Task
    metric: metrics.Metric
    validation: Validation | None
    class_weight: Any
    kind: Any
    positive: int = 1
    """Of two classes the one that a metric such as f1 is about."""
    examined: Suggestion | None = None
    """What was found about the learning rate before the training, where it was looked for."""

    @property
    def n_steps(self) -> int:
        """Steps of the whole training."""
        return self.settings.epochs * self.task.steps_per_epoch

    @functools.cached_property
    def fingerprint(self) -> str:
        """sha256 over the rows, taken once."""
        return self.rows.fingerprint

    @functools.cached_property
    def held_out_fingerprint(self) -> str | None:
        """sha256 of the validation rows, computed once; None if there are none."""
        held = self.validation
        return None if held is None else Rows(held.X, held.targets, held.weight).fingerprint

    def optimizer_at_start(self, theta: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """The optimizer's arrays before the first step."""
        settings = settings_at(0, self.settings, ())[1]
        return OPTIMIZERS[self.task.optimizer].start(theta, settings.optimizer)


def by_rules(network: Network, rules: int) -> Network:
    """The network with the rules for small numbers that a training is to follow; it shares its parameters."""
    if network.architecture.rules == rules:
        return network
    parameters = Parameters(replace(network.architecture, rules=rules), network.parameters.flat)
    return Network.of(parameters, network.kind, network.seed, network.initializers)


def set_up(
    network: Network,
    X: object,
    y: object,
    sample_weight: object,
    class_weight: Any,
    validation: Any,
    settings: Settings,
    engine_name: str,
    threads: int | None,
    positive: int = 1,
    weight_rules: int = WEIGHT_RULES,
) -> Setup:
    """What train was given, checked and converted; rows are held out where a share is asked for.

    Arguments: positive: of two classes the one that a metric such as f1 is about; weight_rules: what class weights mean
    """
    architecture = suited(network.architecture, settings)
    engine, reason = select(engine_name, architecture, threads, settings.optimizer.name)
    features = arrays.features(X, architecture.n_inputs, architecture.dtype)
    if len(features) == 0:
        raise DataError("X has 0 rows: must have at least one.")
    encoded, kind = network.encode(y, len(features))
    weight = arrays.weights(sample_weight, len(features), architecture.dtype)
    index, held_out = None, None
    if isinstance(validation, (int, float)) and not isinstance(validation, bool):
        validation = _share_held_out(float(validation), encoded, kind, settings.seed, said=validation)
    if isinstance(validation, split.HeldOut):
        index, out = validation.kept, validation.out
        held_out = (features[out], encoded[out], None if weight is None else weight[out])
        features, encoded = np.ascontiguousarray(features[index]), np.ascontiguousarray(encoded[index])
        weight = None if weight is None else np.ascontiguousarray(weight[index])
        arrays.refuse_weightless(held_out[2], f"sample_weight of the {len(out)} rows held out for validation")
        arrays.refuse_weightless(weight, f"sample_weight of the {len(index)} training rows, without those held out,")
    elif validation is not None:
        held_out, kind = _given_validation(network, validation, kind)
    if network.stated is not None:
        refuse_one_class(encoded, kind)
    by_class = class_weights(class_weight, kind, architecture.n_outputs)
    by_class = by_class if weight_rules < 3 else balanced_by_weight(by_class, encoded, weight)
    of_validation = by_class if weight_rules > 1 else None
    rows = Rows(features, encoded, weighted_by_class(encoded, weight, by_class, architecture.dtype), index)
    task = Task(
        architecture=architecture, X=rows.X,
        targets=learned_targets(rows.targets, architecture, settings.label_smoothing), weight=rows.weight,
        optimizer=settings.optimizer.name, batch_size=settings.batch_size, seed=settings.seed,
        shuffle=settings.shuffle, leaves=settings.leaves,
    )  # fmt: skip
    metric = metric_of(settings, kind, architecture, positive)
    return Setup(
        network=network, settings=settings, engine=engine, reason=reason, rows=rows, task=task, metric=metric,
        validation=_held(held_out, kind, network, of_validation, encoded), class_weight=by_class, kind=kind,
        positive=positive,
    )  # fmt: skip


def suited(architecture: Architecture, settings: Settings) -> Architecture:
    """The architecture; SettingsError where factors are those of tensors that it has not, or nothing is scheduled."""
    known = [f"{name}{l}" for l, layer in enumerate(architecture.layers, start=1) for name in layer.tensors]
    legal = [*tensor_names(architecture), *known]
    for name in settings.learning_rate_factors:
        if name not in legal:
            raise unknown_name("learning_rate_factors: tensor", name, legal)
    if "weight_decay" in settings.schedules and "weight_decay" not in settings.optimizer.hyper:
        raise SettingsError(
            f"schedules: weight_decay={settings.schedules['weight_decay']!r}: must be left out, for optimizer "
            f"{settings.optimizer.name!r} has no weight_decay. Take adamw, or leave it out."
        )
    return architecture


def metric_of(settings: Settings, kind: OutputKind, architecture: Architecture, positive: int) -> metrics.Metric:
    """What epochs are judged by."""
    metric = metrics.choose(settings.metric, kind, architecture.output, positive)
    if metric.name == "log_loss" and kind == "class" and loss_named(architecture.loss).log_loss:
        return replace(metric, is_loss=True)
    return metric


def positive_of(pipeline: Any) -> int:
    """The index of the positive one of two classes, as the pipeline of a table has it; 1 without one."""
    target = getattr(pipeline, "target", None)
    positive = target.positive_class if isinstance(target, Classes) else None
    return 1 if positive is None else positive[0]


def _share_held_out(share: float, encoded: Any, kind: str, seed: int, *, said: Any) -> split.HeldOut:
    """The rows to hold out, stratified where they have classes; said: the share as it was given."""
    if not 0 < share < 1:
        raise SettingsError(f"validation={said!r}: must be a share between 0 and 1, (X, y), or None.")
    classes = encoded if encoded.ndim == 1 else encoded.argmax(axis=1) if kind == "class" else None
    return split.HeldOut(*split.holdout(len(encoded), share, seed, classes))


def _held(
    rows: tuple[Any, Targets, Any] | None, kind: OutputKind, network: Network, by_class: ClassWeights, learned: Targets
) -> Validation | None:
    """Rows that judge epochs as the loop takes them, their classes weighted as those of the learned targets."""
    if rows is None:
        return None
    X, y, weight = rows
    weight = weighted_by_class(y, weight, by_class, network.architecture.dtype, learned)
    dense = dense_targets(y, network.architecture) if kind == "values" else y
    return Validation(X, y, arrays.moderate(weight), dense=dense)


def learned_rows(setup: Setup) -> Validation | None:
    """The training rows as they are measured, where that is asked for."""
    if not setup.settings.training_metric:
        return None
    task, targets = setup.task, setup.rows.targets  # as they were given: measures are without label smoothing
    dense = dense_targets(targets, task.architecture) if setup.kind == "values" else targets
    return Validation(task.X, targets, arrays.moderate(task.weight), dense=dense)


def _given_validation(
    network: Network, validation: Any, kind: OutputKind
) -> tuple[tuple[Any, Targets, Any], OutputKind]:
    """The rows that judge epochs, and what targets mean for both: values where those of sigmoids do here alone."""
    try:
        Xv, yv, *rest = validation
    except (TypeError, ValueError):
        raise SettingsError(f"validation={validation!r}: must be (X, y), a share such as 0.1, or None.") from None
    try:
        rows = prepare_rows(network.architecture, Xv, yv, rest[0] if rest else None, weight_name="weight")
    except (DataError, ShapeError) as error:
        raise type(error)(f"validation: {error}") from None
    if len(rows.X) == 0:
        raise DataError("validation has 0 rows: must have at least one.")
    a = network.architecture
    is_soft = ACTIVATIONS[a.output].elementwise and kind_of(rows.targets, a.output, a.loss) == "values"
    return (rows.X, rows.targets, rows.weight), "values" if is_soft and network.stated is None else kind
