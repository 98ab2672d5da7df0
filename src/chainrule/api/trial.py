"""A trial: a candidate is trained once, in memory and without a record, to see the loss at the end of its training."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from chainrule.api import elsewhere
from chainrule.api.done_before import KEPT_BYTES, WHOLE, DoneBefore, DoneTrials
from chainrule.api.network import Network
from chainrule.api.prepare import Setup, positive_of, set_up
from chainrule.api.trainer import divergence_rule, trainer_of
from chainrule.engine.probabilities import output_loss
from chainrule.errors import DataError
from chainrule.network.class_weights import ClassWeights
from chainrule.planning.candidates import Candidate
from chainrule.planning.inputs import Arrays
from chainrule.planning.plan import Resample
from chainrule.planning.trials import Fitted
from chainrule.run.rows import weighted_by_class
from chainrule.training.checkpoints import Checkpoint, CheckpointStore
from chainrule.training.interrupt import Listening
from chainrule.training.loop import Trainer
from chainrule.training.measure import LossMeasure
from chainrule.training.progress import StepCount
from chainrule.training.result import Result
from chainrule.training.settings import Settings
from chainrule.training.stopping import Interruption, TimeLimit

NO_SETTINGS = ("threads", "time_limit")
"""Arguments of train that do not affect the computation."""
ALL, WATCHED, LOSS = "all", "watched", "loss"
NEVER = 2**62
"""The spacing of checkpoints where nobody goes back to one."""


def network_of(candidate: Candidate) -> Network:
    """The network of a candidate, its parameters drawn from the seed."""
    described = asdict(candidate.network)
    kind = described.pop("kind")
    network = Network(**described)
    network.kind = network.stated = kind
    return network


def tried(
    candidate: Candidate, resample: Resample, class_weight: Any = None, engine: str = "auto",
    done: DoneTrials | None = None,
) -> Fitted | None:  # fmt: skip
    """The loss of a candidate on the rows that judge, and the network; see planning.selection.Fit.

    What it warns of is nobody's concern: the training that is kept says the same.

    Arguments: done: takes up a trial that is what the training of the candidate would be.
    """
    network, (X, y, weight), asked = network_of(candidate), resample.rows, candidate.settings
    settings = Settings(optimizer=candidate.optimizer, **{k: v for k, v in asked.items() if k not in NO_SETTINGS})
    try:
        setup = set_up(
            network, X, y, weight, class_weight, resample.validation, settings, engine, asked["threads"],
            positive_of(candidate.pipeline),
        )  # fmt: skip
    except DataError:
        if resample.outside is not None:  # a fold leaves one class only
            return None
        raise
    watched = _is_watched(candidate, resample)
    is_training = watched and resample.validation is candidate.rows.validation and not settings.training_metric
    store = CheckpointStore(setup.n_steps, **({"budget_bytes": KEPT_BYTES} if is_training else {"spacing": NEVER}))
    result = in_memory(setup, asked["time_limit"], WATCHED if watched else LOSS, store)
    if result.stopped == "interrupted":
        raise KeyboardInterrupt
    trained = Network.of(result.parameters, setup.kind, network.seed, network.initializers)
    if resample.outside is not None:
        try:
            loss = _loss(trained, resample.outside, setup.class_weight, setup.rows.targets)
        except DataError:  # rows of classes that weigh nothing
            return None
    else:
        loss = (result.history.get("validation_loss") or [math.inf])[-1] if watched else _held_out(setup, result)
    loss = float(loss) if result.diverged is None and math.isfinite(loss) else math.inf
    best = min(result.history.get("validation_loss", ()), default=None) if is_training else None
    if done is not None and is_training and result.stopped in WHOLE:
        done.keep(DoneBefore(candidate=candidate, settings=settings, loss=loss, result=result, checkpoints=store))
    return Fitted(loss, trained, best)


def _is_watched(candidate: Candidate, resample: Resample) -> bool:
    """Whether epochs are measured: rules read them, or the network of the best epoch is asked about the same rows."""
    settings = candidate.settings
    reads = settings["early_stopping"] is not None or settings["schedule"] == "plateau"
    return reads or (resample.validation is not None and resample.validation is candidate.rows.validation)


def _held_out(setup: Setup, result: Result) -> float:
    """J of the rows held out at the end of the training; inf where an output is not finite."""
    rows = setup.validation
    if rows is None:
        return math.inf
    with np.errstate(all="ignore"):
        loss, output = output_loss(setup.engine, result.parameters, rows.X, rows.targets, rows.weight)
    return loss if np.isfinite(output).all() else math.inf


def _loss(network: Network, rows: Arrays, by_class: ClassWeights, learned: Any) -> float:
    """J of rows outside a fold, weighted as the rows that were learned."""
    X, y, weight = rows
    encoded, _ = network.encode(y, len(X))
    weighted = weighted_by_class(encoded, weight, by_class, network.architecture.dtype, learned)
    if network.architecture.members > 1:
        return output_loss(network.engine, network.parameters, X, encoded, weighted)[0]
    return float(network.backward(X, y, weighted).loss)


def in_memory(setup: Setup, time_limit: float | None, measured: str, store: CheckpointStore) -> Result:
    """The training from its first step to its end, without a record; by another worker where it has its place there.

    Arguments: measured: ALL that a run measures; of epochs the rows held out alone (WATCHED), or nothing but the LOSS
    of the training, so that the steps are done in few stretches.
    """
    theta = setup.network.parameters.flat.copy()
    start = Checkpoint(step=0, theta=theta, optimizer=setup.optimizer_at_start(theta), best_theta=theta)
    if measured != ALL:
        setup = replace(setup, settings=replace(setup.settings, training_metric=False))
    with Listening() as interrupted, np.errstate(all="ignore"):
        if elsewhere.is_elsewhere():
            found = elsewhere.trained(setup, time_limit, measured, store, interrupted)
            if found is not None:
                return found
        how: dict[str, Any] = {"observers": [StepCount(setup.n_steps)]}
        if measured != LOSS:
            trainer = trainer_of(setup, store, time_limit=time_limit, interrupted=interrupted, **how)
        else:
            trainer = Trainer(
                task=setup.task, settings=setup.settings, engine=setup.engine, checkpoints=store,
                measure=LossMeasure(setup.task), rules=[divergence_rule(setup)],
                limits=[Interruption(interrupted), TimeLimit(time_limit)], **how,
            )  # fmt: skip
        return trainer.run(start)
