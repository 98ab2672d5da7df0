"""A training from its setup to its end: the writer opened, the loop run, the files and the page written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.api import elsewhere, finish
from chainrule.api.done_before import KEPT_BYTES, DoneBefore, taken_over
from chainrule.api.prepare import Setup
from chainrule.api.run_writer import RunWriter
from chainrule.api.trainer import trainer_of
from chainrule.api.trial import ALL, in_memory
from chainrule.distributed.team import joined
from chainrule.engine.protocol import Engine
from chainrule.errors import DivergenceWarning, SettingsError, warn
from chainrule.run.replayer import RunReplayer
from chainrule.status import wanted, working
from chainrule.training.callbacks import MOMENTS
from chainrule.training.checkpoints import CheckpointStore
from chainrule.training.interrupt import Listening
from chainrule.training.progress import ProgressBar, StepCount
from chainrule.training.result import Result
from chainrule.training.settings import SETTINGS

ON_DIVERGENCE = ("warn", "raise")
MOST_LOST_S = 15.0
"""Seconds of training that may be lost with a worker."""
NOTHING_TO_STOP_BY = "early_stopping needs validation rows. Try validation=(X, y), or a share such as 0.1."


def check_options(threads: int | None, time_limit: float | None, on_divergence: str) -> None:
    """What a training is told besides its settings."""
    SETTINGS["threads"].check(threads)
    SETTINGS["time_limit"].check(time_limit)
    if on_divergence not in ON_DIVERGENCE:
        raise SettingsError(f"on_divergence={on_divergence!r}: must be 'warn' or 'raise'.")


def check_callbacks(callbacks: Any) -> None:
    """SettingsError for what is no sequence of functions, or of objects called at the end of epochs or steps."""
    one = callable(callbacks) or any(hasattr(callbacks, name) for name in MOMENTS)
    if one or not isinstance(callbacks, Iterable):
        remedy = "callbacks=[…] around it" if one else "callbacks=[function]"
        raise SettingsError(f"callbacks={callbacks!r}: must be a sequence of callbacks. Try {remedy}.")
    for callback in callbacks:
        if not callable(callback) and not any(hasattr(callback, name) for name in MOMENTS):
            raise SettingsError(
                f"callbacks holds {callback!r}: must be functions, or objects with {' or '.join(MOMENTS)}. "
                "Try callbacks=[function]."
            )


def execute(
    setup: Setup,
    writer: RunWriter,
    *,
    callbacks: Sequence[Any] = (),
    progress: bool | str = "auto",
    time_limit: float | None = None,
    on_divergence: str = "warn",
    report: bool = True,
    shows_rows: bool = True,
    done: DoneBefore | None = None,
    as_run: Callable[[RunReplayer], Any] = lambda replayer: replayer,
) -> RunReplayer | None:
    """Train; the run as it is then kept, or None where the writer's directory holds it finished already.

    Arguments: report: whether the page is written, where there is a directory; shows_rows: whether it may hold
    training rows; done: the training, where it was done already: it is done again only if a callback looks on, or if
    it was that of other settings; as_run: makes the public Run that callbacks may ask for.
    """
    check_callbacks(callbacks)
    with writer.claimed(), working("train", progress):
        with Listening() as interrupted:  # until model and checkpoint are written
            if writer.open():
                return None
            if done is not None and not callbacks and writer.start.step == 0 and done.is_that_of(setup):
                writer.training_begins()
                result = done.taken_over(writer, [writer.observer] if writer.observer else [])
            elif elsewhere.is_elsewhere() and not callbacks and writer.start.step == 0:
                result = _elsewhere(setup, writer, time_limit)
            else:
                result = _run(setup, writer, callbacks, progress, time_limit, interrupted, as_run)
            replayer = finish.keep(writer, result)
        found = finish.report(replayer, interrupted, setup.examined, writes=report, shows_rows=shows_rows)
    for warning in found:
        warn(warning)
    if result.diverged is not None:
        if on_divergence == "raise":
            raise result.diverged
        warn(str(result.diverged), DivergenceWarning)
    return replayer


def _shared(setup: Setup) -> Engine:
    """The engine, shared by all workers where this process is one of several."""
    own = joined()
    return setup.engine if own is None else own.share(setup.engine, setup.settings.leaves)


def _elsewhere(setup: Setup, writer: RunWriter, time_limit: float | None) -> Result:
    """The training done by another worker, which this one then writes as a run."""
    store = CheckpointStore(setup.n_steps, KEPT_BYTES)
    writer.training_begins()
    result = in_memory(setup, time_limit, ALL, store)
    return taken_over(result, store, writer, [writer.observer] if writer.observer else [])


def _run(
    setup: Setup,
    writer: RunWriter,
    callbacks: Sequence[Any],
    progress: bool | str,
    time_limit: float | None,
    interrupted: Listening,
    as_run: Callable[[RunReplayer], Any],
) -> Result:
    observers: list[Any] = [writer.observer] if writer.observer else []
    if joined() is not None:
        writer.store.most_lost_s = MOST_LOST_S
    with contextlib.ExitStack() as stack:
        if wanted(progress):
            bar = ProgressBar(setup.settings.epochs, setup.task.steps_per_epoch, setup.metric.name)
            observers.append(stack.enter_context(bar))
        else:
            observers.append(StepCount(setup.n_steps))
        stack.enter_context(np.errstate(all="ignore"))
        trainer = trainer_of(
            setup, writer.store, time_limit, interrupted, callbacks=callbacks, observers=observers,
            history=writer.history, events=writer.events, engine=_shared(setup),
            as_run=lambda result: as_run(writer.so_far(result)),
        )  # fmt: skip
        writer.training_begins()
        return trainer.run(writer.start, writer.losses)
