"""Which candidate of a plan is taken, by trials of the simpler ones, and its training as a Run."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from chainrule.api.done_before import DoneTrials
from chainrule.api.run import Run
from chainrule.api.run_writer import FINISHED
from chainrule.api.train import train
from chainrule.api.trial import network_of, tried
from chainrule.engine.select import runs_beside
from chainrule.planning.candidates import Candidate
from chainrule.planning.column_trials import on_named_columns
from chainrule.planning.executor import Execute, SideBySide, in_turn
from chainrule.planning.memory import trainings_at_once
from chainrule.planning.neighbour_trials import with_neighbours
from chainrule.planning.plan import TrainingPlan
from chainrule.planning.selection import Selected, calibrated, select
from chainrule.planning.target_trials import with_logarithm
from chainrule.run import contents
from chainrule.run.directory import RunDirectory
from chainrule.run.ensemble import first_run
from chainrule.run.names import RUN
from chainrule.run.table_sample import TableSample
from chainrule.status import doing, working
from chainrule.training.settings import SETTINGS


def began_with_trials(path: str | os.PathLike[str] | None) -> bool:
    """Whether the run in a folder was chosen among candidates: a plan with stated epochs would have one only."""
    folder = None if path is None else RunDirectory(first_run(RunDirectory(path).path))
    if folder is None or not folder.exists:
        return False
    return bool((contents.read_record(folder.file(RUN)).get("source") or {}).get("trials"))


def n_done(folder: Path | None, epochs: int) -> int | None:
    """The epochs of a run in a folder that ended and goes on to so many; None of another, or where there is none."""
    folder = None if folder is None else first_run(folder)
    if folder is None or not RunDirectory(folder).exists:
        return None
    record = contents.read_record(folder / RUN)
    result, more = record["result"], epochs > record["settings"]["epochs"]
    return int(result["epochs"]) if result and (more or result["stopped"] not in FINISHED) else None


def epochs_apart(stated: dict[str, Any], path: str | os.PathLike[str] | None) -> dict[str, int]:
    """The epochs stated, taken out where they are to be those of a run that was chosen among candidates."""
    if "epochs" not in stated or not began_with_trials(path):
        return {}
    return {"epochs": SETTINGS["epochs"].check(stated.pop("epochs"))}


def choose(
    plan: TrainingPlan, class_weight: Any = None, engine: str = "auto", begun: Path | None = None,
    progress: bool | str = "auto", epochs: int | None = None, execute: Execute | None = None,
) -> Selected:  # fmt: skip
    """The candidate to train, by trials of the simpler ones.

    Arguments: begun: the folder of a run that is continued, which goes on as it began; progress: as of
    train; epochs: to so many, where these are not the plan's; execute: who does the trials, by default several at
    once in threads of this process.
    """
    begun = None if begun is None else first_run(begun)
    if begun is not None and RunDirectory(begun).exists:
        record = contents.read_record(begun / RUN)
        last, source = len(plan.candidates) - 1, record.get("source") or {}
        index = source.get("candidate", source.get("rung", last))  # "rung" in runs of version 0.1
        index = index if isinstance(index, int) and 0 <= index <= last else last
        names = [column["name"] for column in (record.get("pipeline") or {}).get("columns", ())]
        begun_as = on_named_columns(plan.candidates[index], names) if names else plan.candidates[index]
        is_log = (record.get("pipeline") or {}).get("target", {}).get("logarithm", False)
        begun_as = with_logarithm(plan, begun_as) if is_log and not begun_as.on_logarithm else begun_as
        if source.get("neighbours"):
            begun_as = with_neighbours(plan, begun_as, influence=source.get("influence"))
        candidate = _going_on(begun_as, plan.request.settings, record["settings"], epochs)
        return Selected(index=index, candidate=candidate, record=tuple(source.get("trials", ())))
    execute, done = execute or executor(plan, plan.candidates, "choosing a model: trials", engine), DoneTrials()
    with working("train", progress), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of trials
        chosen = select(
            plan, lambda candidate, resample: tried(candidate, resample, class_weight, engine, done), execute
        )
    return replace(chosen, training=done.of(chosen.candidate))


def executor(
    plan: TrainingPlan, candidates: tuple[Candidate, ...], what: str, engine: str, callbacks: Any = None
) -> Execute:
    """Who trains candidates of a plan: this process, as many at once as it has threads and memory for.

    One after the other where a callback looks on, which is written for one training, and where Python computes.
    """
    beside = all(runs_beside(engine, one.network.architecture, one.optimizer.name) for one in candidates)
    if callbacks or not beside:
        return in_turn
    return SideBySide(what, plan.candidates[-1].settings["threads"], trainings_at_once(candidates))


def _going_on(
    candidate: Candidate, stated: Mapping[str, Any], before: Mapping[str, Any], epochs: int | None
) -> Candidate:
    """The candidate with so many epochs; where a run goes on with more, patience stays unless it is stated."""
    settings = candidate.settings | ({} if epochs is None else {"epochs": epochs})
    if settings["epochs"] > before["epochs"] and "early_stopping" not in stated:
        settings["early_stopping"] = before.get("early_stopping")
    return replace(candidate, settings=settings)


def train_candidate(
    plan: TrainingPlan, selection: Selected, *, recorded: bool = True, member: tuple[int, int] | None = None, **how: Any
) -> Run:
    """The Run of the candidate that was taken; `how`: what train takes besides.

    Arguments: recorded: whether the pipeline and the source of the rows become part of the run; member: where it is one
    of several its number and how many there are.
    """
    doing("preparing the rows")
    candidate = selection.candidate
    if recorded:
        source = plan.record(selection.index, selection.record, candidate)
        source |= {"left_out": list(selection.left_out)} if selection.left_out else {}
        source |= {} if member is None else {"member": member[0], "members": member[1]}
        how = {"pipeline": calibrated(plan, selection), "source": source} | how
    table, pipeline = plan.parts["train"], candidate.pipeline
    is_whole = plan.counts["train"] == len(table)
    how = {"table_sample": TableSample.of(table, pipeline.columns, pipeline.widths, is_whole=is_whole)} | how
    X, y, weight = candidate.rows.all
    return train(
        network_of(candidate), X, y, sample_weight=weight, validation=candidate.rows.validation,
        optimizer=candidate.optimizer, **candidate.settings | {"done": selection.training} | how,
    )  # fmt: skip
