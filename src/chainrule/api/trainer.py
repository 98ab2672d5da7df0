"""The loop over what train was given, and the way from the last checkpoint of a run to the step where it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.api.prepare import Setup, learned_rows
from chainrule.engine.protocol import Engine
from chainrule.errors import ModelFileError
from chainrule.reference.losses import loss_named
from chainrule.run.resume import LastState
from chainrule.training import metrics
from chainrule.training.checkpoints import Checkpoint, CheckpointStore, Progress
from chainrule.training.events import EXTEND
from chainrule.training.loop import Trainer
from chainrule.training.measure import EpochMeasure
from chainrule.training.parts import begins_anew, part_at, parts_of
from chainrule.training.stopping import Divergence, Interruption, Patience, Plateau, Rule, TimeLimit


def trainer_of(
    setup: Setup,
    store: CheckpointStore,
    time_limit: float | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    engine: Engine | None = None,
    **how: Any,
) -> Trainer:
    """The loop over what train was given.

    Arguments: engine: that does the steps, by default that of the setup; how: who watches, what was done before.
    """
    task, settings, progress = setup.task, setup.settings, Progress()
    watched = metrics.TRAINING_LOSS if setup.validation is None else setup.metric
    rules: list[Rule] = [divergence_rule(setup)]
    if settings.schedule == "plateau":
        rules.append(Plateau(watched, progress, settings.decay_factor, settings.decay_every))
    rules.append(Patience(watched, progress, settings.early_stopping))
    return Trainer(
        task=task,
        settings=settings,
        engine=setup.engine if engine is None else engine,
        checkpoints=store,
        measure=EpochMeasure(task, setup.engine, setup.metric, setup.validation, learned_rows(setup)),
        rules=rules,
        limits=[Interruption(interrupted), TimeLimit(time_limit)],
        progress=progress,
        keeps_best=setup.validation is not None,
        **how,
    )


def divergence_rule(setup: Setup) -> Divergence:
    """The rule that ends a training whose loss ran away, by the loss of a constant output."""
    architecture = setup.task.architecture
    scale = loss_named(architecture.loss).scale(setup.task.targets, architecture.n_outputs)
    return Divergence(scale, factor=setup.settings.divergence_factor)


def where_it_goes_on(setup: Setup, state: LastState) -> Checkpoint:
    """The state before the first step of a run's last part: the steps from its last checkpoint are done again.

    Patience and, where the schedule begins anew, that of plateau and its factor start afresh; the best epoch stays.
    Raises ModelFileError where the steps do not lead to the losses that were recorded.
    """
    start, joint = state.start, state.events[-1]
    if joint.step > start.step:
        start = done_again(setup, state)
    progress = Progress(**start.progress.to_dict())
    progress.epochs_without_better = 0
    if begins_anew(joint, setup.settings):
        progress.plateau_factor, progress.plateau_epochs = 1.0, 0
    n_epochs = joint.step // setup.task.steps_per_epoch
    return replace(start, step=joint.step, progress=progress, n_epochs=n_epochs, n_events=len(state.events))


def done_again(setup: Setup, state: LastState) -> Checkpoint:
    """The state behind all steps known, as the training left it: with its settings, events and rules up to there."""
    n_steps, start = len(state.losses), state.start
    before = part_at(parts_of(setup.settings, state.events, setup.task.steps_per_epoch), n_steps - 1).settings
    trainer = trainer_of(
        replace(setup, settings=before),
        CheckpointStore(n_steps, spacing=n_steps + 1),
        history={name: column[: start.step // setup.task.steps_per_epoch] for name, column in state.history.items()},
        events=[event for event in state.events if event.kind != EXTEND or event.step < n_steps],
        n_epochs=n_steps // setup.task.steps_per_epoch,
    )
    with np.errstate(all="ignore"):
        result = trainer.run(start, state.losses[: start.step].copy())
    if result.losses.tobytes() != state.losses.tobytes():
        raise ModelFileError(
            f"the run cannot go on: its steps from {start.step} on, done again, do not give the losses that were "
            "recorded. Restore its files from a backup, or train again."
        )
    theta, optimizer = trainer.state()
    return replace(start, theta=theta, optimizer=optimizer, best_theta=trainer.best, progress=trainer.progress)
