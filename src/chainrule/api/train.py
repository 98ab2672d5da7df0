"""train: from a network, rows and settings to a Run. A thin hand around training/ and run/."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.api import finish
from chainrule.api.learning_rate import AUTO, settle
from chainrule.api.network import Network
from chainrule.api.prepare import Setup, by_rules, positive_of, set_up
from chainrule.api.run import Run
from chainrule.api.run_writer import RunWriter
from chainrule.errors import DivergenceWarning, SettingsError, warn
from chainrule.reference.losses import loss_named
from chainrule.run.resume import rules_of
from chainrule.run.table_sample import TableSample
from chainrule.status import wanted, working
from chainrule.training import metrics
from chainrule.training.checkpoints import CheckpointStore, Progress
from chainrule.training.interrupt import Listening
from chainrule.training.loop import Trainer
from chainrule.training.measure import EpochMeasure
from chainrule.training.progress import ProgressBar
from chainrule.training.result import Result
from chainrule.training.settings import SETTINGS, Settings
from chainrule.training.stopping import Divergence, Interruption, Patience, Plateau, Rule, TimeLimit
from chainrule.training.update_rules import UpdateRule, optimizer_from
from chainrule.tune.found import Suggestion

ON_DIVERGENCE = ("warn", "raise")


def train(
    network: Network,
    X: object,
    y: object,
    *,
    validation: Any = None,
    optimizer: UpdateRule | str | dict[str, Any] | None = None,
    learning_rate: float | str | Suggestion | None = None,
    batch_size: int = 32,
    epochs: int = 10,
    l2: float = 0.0,
    l1: float = 0.0,
    dropout: float = 0.0,
    schedule: str = "constant",
    warm_up: float = 0.0,
    decay_factor: float = 0.1,
    decay_every: int = 10,
    clip_norm: float | None = None,
    divergence_factor: float | None = 1000.0,
    early_stopping: int | None = None,
    metric: str = "auto",
    sample_weight: object = None,
    class_weight: Any = None,
    seed: int = 0,
    shuffle: bool = True,
    engine: str = "auto",
    threads: int | None = None,
    directory: str | os.PathLike[str] | None = None,
    keep_data: bool | str = "auto",
    time_limit: float | None = None,
    callbacks: Sequence[Any] = (),
    progress: bool | str = "auto",
    on_divergence: str = "warn",
    resume: bool = False,
    pipeline: Any = None,
    source: dict[str, Any] | None = None,
    table_sample: TableSample | None = None,
) -> Run:
    """A copy of the network is trained on X, y by mini-batch gradient descent; see `chainrule.train`."""
    settings = Settings(
        optimizer=optimizer_from(optimizer), batch_size=batch_size, epochs=epochs, l2=l2, l1=l1, dropout=dropout,
        clip_norm=clip_norm, divergence_factor=divergence_factor,
        schedule=schedule, warm_up=warm_up, decay_factor=decay_factor, decay_every=decay_every,
        early_stopping=early_stopping, seed=seed, shuffle=shuffle, metric=metric,
    )  # fmt: skip
    _check(threads, time_limit, on_divergence, has_validation=early_stopping is None or validation is not None)
    network = by_rules(network, rules_of(directory if resume else None))
    setup = set_up(
        network, X, y, sample_weight, class_weight, validation, settings, engine, threads, positive_of(pipeline)
    )
    with working("train", progress):
        setup = settle(setup, learning_rate, directory, resume)
    if time_limit is not None and learning_rate == AUTO and setup.examined is not None:
        time_limit = max(time_limit - setup.examined.elapsed_s, 1e-3)
    writer = RunWriter(directory, setup, keep_data, pipeline, source, resume, table_sample)
    with writer.claimed(), working("train", progress):
        with Listening() as interrupted:  # until model and checkpoint are written
            finished = writer.open()
            if finished is not None:
                return finished
            result = _run(setup, writer, callbacks, progress, time_limit, interrupted)
            run = finish.keep(writer, result)
        said = finish.report(run, interrupted, shows_rows=keep_data is not False)
    for warning in said:
        warn(warning)
    if result.diverged is not None:
        if on_divergence == "raise":
            raise result.diverged
        warn(str(result.diverged), DivergenceWarning)
    return run


def _check(threads: int | None, time_limit: float | None, on_divergence: str, *, has_validation: bool) -> None:
    """What Settings does not hold; has_validation: whether there is something to stop early by."""
    SETTINGS["threads"].check(threads)
    SETTINGS["time_limit"].check(time_limit)
    if on_divergence not in ON_DIVERGENCE:
        raise SettingsError(f"on_divergence={on_divergence!r}: must be 'warn' or 'raise'.")
    if not has_validation:
        raise SettingsError("early_stopping needs validation rows. Try validation=(X, y), or a share such as 0.1.")


def _run(
    setup: Setup,
    writer: RunWriter,
    callbacks: Sequence[Any],
    progress: bool | str,
    time_limit: float | None,
    interrupted: Listening,
) -> Result:
    observers: list[Any] = [writer.observer] if writer.observer else []
    with contextlib.ExitStack() as stack:
        if wanted(progress):
            bar = ProgressBar(setup.settings.epochs, setup.task.steps_per_epoch, setup.metric.name)
            observers.append(stack.enter_context(bar))
        stack.enter_context(np.errstate(all="ignore"))
        trainer = trainer_of(
            setup, writer.store, time_limit, interrupted, callbacks=callbacks, observers=observers,
            history=writer.history, events=writer.events,
        )  # fmt: skip
        writer.training_begins()
        return trainer.run(writer.start, writer.losses)


def trainer_of(
    setup: Setup,
    store: CheckpointStore,
    time_limit: float | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    **how: Any,
) -> Trainer:
    """The loop over what train was given; `how`: who watches it, and what of it was done before."""
    task, settings, progress = setup.task, setup.settings, Progress()
    architecture = task.architecture
    scale = loss_named(architecture.loss).scale(task.targets, architecture.n_outputs)
    watched = metrics.TRAINING_LOSS if setup.validation is None else setup.metric
    rules: list[Rule] = [Divergence(scale, factor=settings.divergence_factor)]
    if settings.schedule == "plateau":
        rules.append(Plateau(watched, progress, settings.decay_factor, settings.decay_every))
    rules.append(Patience(watched, progress, settings.early_stopping))
    return Trainer(
        task=task,
        settings=settings,
        engine=setup.engine,
        checkpoints=store,
        measure=EpochMeasure(task, setup.engine, setup.metric, setup.validation),
        rules=rules,
        limits=[Interruption(interrupted), TimeLimit(time_limit)],
        progress=progress,
        keeps_best=setup.validation is not None,
        **how,
    )
