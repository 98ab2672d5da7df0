"""train: from a network, rows and settings to a Run. A thin hand around training/ and run/."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.api.done_before import DoneBefore
from chainrule.api.ending import ending
from chainrule.api.execute import NOTHING_TO_STOP_BY, check_options, execute
from chainrule.api.learning_rate import AUTO, settle
from chainrule.api.load import load_run
from chainrule.api.network import Network
from chainrule.api.own_losses import check_loss
from chainrule.api.prepare import by_rules, positive_of, set_up
from chainrule.api.run import Run
from chainrule.api.run_writer import RunWriter
from chainrule.api.weight_rules import begun_by
from chainrule.errors import SettingsError
from chainrule.run.resume import rules_of
from chainrule.run.table_sample import TableSample
from chainrule.status import working
from chainrule.training.settings import Settings
from chainrule.training.update_rules import UpdateRule, optimizer_from
from chainrule.tune.found import Suggestion


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
    label_smoothing: float = 0.0,
    schedule: str = "constant",
    warm_up: float = 0.0,
    decay_factor: float = 0.1,
    decay_every: int = 10,
    schedules: Mapping[str, str] | None = None,
    learning_rate_factors: Mapping[str, float] | None = None,
    clip_norm: float | None = None,
    divergence_factor: float | None = 1000.0,
    early_stopping: int | None = None,
    metric: str = "auto",
    sample_weight: object = None,
    class_weight: Any = None,
    seed: int = 0,
    shuffle: bool = True,
    training_metric: bool = False,
    leaves: int = 1,
    engine: str = "auto",
    threads: int | None = None,
    directory: str | os.PathLike[str] | None = None,
    keep_data: bool | str = "auto",
    time_limit: float | None = None,
    callbacks: Sequence[Any] = (),
    progress: bool | str = "auto",
    on_divergence: str = "warn",
    resume: bool = False,
    report: bool = True,
    pipeline: Any = None,
    source: dict[str, Any] | None = None,
    table_sample: TableSample | None = None,
    done: DoneBefore | None = None,
) -> Run:
    """A copy of the network is trained on X, y by mini-batch gradient descent; see `chainrule.train`.

    Arguments: done: this training, where a trial with the same rows and weights did it already.
    """
    settings = Settings(
        optimizer=optimizer_from(optimizer), batch_size=batch_size, epochs=epochs, l2=l2, l1=l1, dropout=dropout,
        label_smoothing=label_smoothing, clip_norm=clip_norm, divergence_factor=divergence_factor,
        schedule=schedule, warm_up=warm_up, decay_factor=decay_factor, decay_every=decay_every,
        schedules=schedules or {}, learning_rate_factors=learning_rate_factors or {},
        early_stopping=early_stopping, seed=seed, shuffle=shuffle, metric=metric,
        training_metric=training_metric, leaves=leaves,
    )  # fmt: skip
    check_options(threads, time_limit, on_divergence)
    if early_stopping is not None and validation is None:
        raise SettingsError(NOTHING_TO_STOP_BY)
    network = by_rules(network, rules_of(directory if resume else None))
    given = (network, X, y, sample_weight, class_weight, validation, settings, engine, threads, positive_of(pipeline))
    setup = begun_by(functools.partial(set_up, *given), directory if resume else None)
    check_loss(network, setup.rows.X, setup.rows.targets)
    with working("train", progress):
        setup = settle(setup, learning_rate, directory, resume)
    if time_limit is not None and learning_rate == AUTO and setup.examined is not None:
        time_limit = max(time_limit - setup.examined.elapsed_s, 1e-3)
    writer = RunWriter(directory, setup, keep_data, pipeline, source, resume, table_sample)
    with ending(callbacks) as ended:
        replayer = execute(
            setup, writer, callbacks=callbacks, progress=progress, time_limit=time_limit, on_divergence=on_divergence,
            report=report, shows_rows=keep_data is not False, done=done, as_run=Run._of,
        )  # fmt: skip
        ended.run = load_run(writer.folder) if replayer is None else Run._of(replayer, setup.examined)
    return ended.run
