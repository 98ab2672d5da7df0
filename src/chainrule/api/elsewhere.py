"""A training that another worker does: what it needs is packed as numbers, and so is what it came to.

It has the bits that it would have here, as it is a function of its rows, settings and seed; so trials and members of
an ensemble may be done by whoever has time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.prepare import Setup, metric_of
from chainrule.distributed import places, team
from chainrule.distributed.comm import Sent
from chainrule.engine.protocol import Task
from chainrule.engine.select import select
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.run.rows import Rows
from chainrule.run.smoothing import learned_targets
from chainrule.training.checkpoints import Checkpoint, CheckpointStore, Progress
from chainrule.training.events import Event
from chainrule.training.measure import Validation
from chainrule.training.result import Result
from chainrule.training.settings import Settings

InMemory = Callable[[Setup, float | None, str, CheckpointStore], Result]
"""Trains without a record; see `trial.in_memory`."""


def is_elsewhere() -> bool:
    """Whether another worker is to do the trainings of this context."""
    return places.PLACE.get() > 0


def trained(
    setup: Setup, time_limit: float | None, measured: str, store: CheckpointStore, is_over: Callable[[], bool]
) -> Result | None:
    """What another worker makes of it; its checkpoints are put into the store. None where it diverged: the same
    training here says at which number.
    """
    about = {"time_limit": time_limit, "measured": measured, "spacing": store.spacing, "budget": store.budget_bytes}
    order, arrays = _packed(setup)
    answer, found = places.ask({"do": "train", **order, **about}, arrays, is_over)
    return None if answer["diverged"] else _result(setup, answer, found, store)


def perform(in_memory: InMemory, task: Sent) -> Sent:
    """Of another worker: train."""
    order, arrays = task
    setup = _unpacked(order, arrays)
    store = CheckpointStore(setup.n_steps, order["budget"], order["spacing"])
    result = in_memory(setup, order["time_limit"], order["measured"], store)
    if result.diverged is not None:
        return {"diverged": True}, []
    kept = [store.get(step) for step in sorted(store.sizes)]
    about = {
        "diverged": False, "history": result.history, "events": [event.to_dict() for event in result.events],
        "progress": result.progress.to_dict(), "stopped": result.stopped, "seconds": result.seconds,
        "step_seconds": result.step_seconds, "state": list(kept[0].optimizer) if kept else [],
        "kept": [[one.step, one.progress.to_dict(), one.n_epochs, one.n_events] for one in kept],
    }  # fmt: skip
    of_kept = [array for one in kept for array in (one.theta, one.best_theta, *one.optimizer.values())]
    return about, [result.parameters.flat, result.losses, *of_kept]


def _packed(setup: Setup) -> Sent:
    network, held = setup.network, setup.validation
    order = {
        "architecture": network.architecture.to_dict(), "network": [network.kind, network.seed, *network.initializers],
        "settings": setup.settings.to_dict(), "engine": setup.engine.name, "kind": setup.kind,
        "positive": setup.positive,
    }  # fmt: skip
    of_rows = [setup.rows.X, setup.rows.targets, setup.rows.weight]
    of_rows += [None] * 4 if held is None else [held.X, held.targets, held.weight, held.dense]
    arrays: list[npt.NDArray[Any]] = [np.asarray(array) for array in of_rows if array is not None]
    return {**order, "there": [array is not None for array in of_rows]}, [network.parameters.flat, *arrays]


def _unpacked(order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> Setup:
    theta, *rest = arrays
    given = iter(rest)
    X, targets, weight, *held = [next(given) if there else None for there in order["there"]]
    architecture, settings = Architecture.from_dict(order["architecture"]), Settings.from_dict(order["settings"])
    kind, seed, *initializers = order["network"]
    network = Network.of(Parameters(architecture, theta), kind, seed, initializers)
    own = team.joined()
    engine, reason = select(
        order["engine"], architecture, None if own is None else own.threads, settings.optimizer.name
    )
    assert X is not None
    assert targets is not None
    held_X, held_targets, held_weight, dense = held
    judging = None
    if held_X is not None and held_targets is not None and dense is not None:
        judging = Validation(held_X, held_targets, held_weight, dense=dense)
    task = Task(
        architecture=architecture, X=X, targets=learned_targets(targets, architecture, settings.label_smoothing),
        weight=weight, optimizer=settings.optimizer.name, batch_size=settings.batch_size, seed=settings.seed,
        shuffle=settings.shuffle, leaves=settings.leaves,
    )  # fmt: skip
    return Setup(
        network=network, settings=settings, engine=engine, reason=reason, rows=Rows(X, targets, weight), task=task,
        metric=metric_of(settings, order["kind"], architecture, order["positive"]),
        validation=judging,
        class_weight=None, kind=order["kind"], positive=order["positive"],
    )  # fmt: skip


def _result(setup: Setup, answer: dict[str, Any], arrays: list[npt.NDArray[Any]], store: CheckpointStore) -> Result:
    theta, losses, *of_kept = arrays
    names, given = answer["state"], iter(of_kept)
    for step, progress, n_epochs, n_events in answer["kept"]:
        kept = Checkpoint(
            step=step, theta=next(given), best_theta=next(given), optimizer={name: next(given) for name in names},
            progress=Progress(**progress), n_epochs=n_epochs, n_events=n_events,
        )  # fmt: skip
        store.put(kept)
    return Result(
        parameters=Parameters(setup.task.architecture, theta), history=answer["history"], losses=losses,
        events=[Event.from_dict(event) for event in answer["events"]], progress=Progress(**answer["progress"]),
        stopped=answer["stopped"], seconds=answer["seconds"], step_seconds=answer["step_seconds"],
    )  # fmt: skip
