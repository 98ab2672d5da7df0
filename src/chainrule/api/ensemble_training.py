"""The candidate that was chosen is trained: once, or as the members of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from chainrule.api.ensemble import Ensemble
from chainrule.api.ensemble_run import BROKEN_OFF, EnsembleRun, facts_of
from chainrule.api.model_selection import executor, train_candidate
from chainrule.api.run import Run
from chainrule.errors import InterruptedWarning, warn
from chainrule.pipeline.target import Values
from chainrule.planning.clock import Clock
from chainrule.planning.executor import Execute, under_way
from chainrule.planning.members import member_of, n_members
from chainrule.planning.plan import TrainingPlan
from chainrule.planning.selection import Selected, calibrated
from chainrule.run.directory import RunDirectory
from chainrule.run.ensemble import EnsembleDirectory
from chainrule.status import working

CALIBRATION = "target.calibration"
LEAST_S = 0.01
"""With less time left, no further member is begun."""


def train_chosen(
    plan: TrainingPlan, selection: Selected, *, recorded: bool = True, execute: Execute | None = None, **how: Any
) -> Run:
    """The Run of the candidate that was taken; that of an ensemble where the plan asks for several members.

    Arguments: recorded, how: as of train_candidate; execute: who trains the members, by default several at once in
    threads of this process.
    """
    n = n_members(plan.request, selection.candidate)
    if n == 1:
        return train_candidate(plan, selection, recorded=recorded, **how)
    return train_members(plan, selection, n, recorded=recorded, execute=execute, **how)


def train_members(
    plan: TrainingPlan, selection: Selected, n: int, *, recorded: bool = True, execute: Execute | None = None,
    directory: RunDirectory | None = None, **how: Any,
) -> EnsembleRun:  # fmt: skip
    """Train members; those that came to their end, and all before them, are the model, at every moment.

    A time limit is for all of them. One that is broken off ends the training, and counts only where it is the first.

    Arguments: directory: claimed by the caller.
    """
    clock = Clock(how.pop("time_limit", None) or selection.candidate.settings["time_limit"])
    kept = None if directory is None else _Kept(EnsembleDirectory(directory), n)
    report = how.pop("report", True)
    done = list[Run]()

    def fit(k: int) -> Run:
        own = replace(selection, candidate=member_of(selection.candidate, plan.request.seed, k))
        where = {} if kept is None else {"directory": kept.folder.member(k)}
        try:
            return train_candidate(
                plan, own, recorded=recorded, member=(k, n), report=report and k == 0, **how | clock.share(1) | where
            )
        finally:
            if kept is not None:
                kept.folder.training_begins()

    if execute is None:
        execute = executor(plan, (selection.candidate,), "members", how.get("engine", "auto"), how.get("callbacks"))
    stopped = None
    with working("train", how.get("progress", "auto")), under_way(execute(fit, range(n))) as results:
        for run in results:
            broken_off = run.result["stopped"] if run.result["stopped"] in BROKEN_OFF else None
            if not done or broken_off is None:
                _share_rows(done, run)
                done.append(run)
            no_time = clock.share(1).get("time_limit", LEAST_S) < LEAST_S and len(done) < n
            stopped = broken_off or ("time_limit" if no_time else None)
            ensemble = Ensemble([member.network for member in done])
            arrays = _arrays_of(plan, selection, done, ensemble)
            if kept is not None:
                kept.keep(done, stopped, arrays)
            if stopped:
                break
    result = EnsembleRun(done, n, stopped, None if kept is None else kept.folder.path, ensemble, arrays)
    if len(done) < n:
        _say_unfinished(done, n, None if kept is None else kept.folder.path)
    return result


class _Kept:
    """The directory of an ensemble under way."""

    def __init__(self, folder: EnsembleDirectory, n: int) -> None:
        self.folder, self.n = folder, n
        folder.begin(n)

    def keep(self, done: list[Run], stopped: str | None, arrays: Mapping[str, Any]) -> None:
        """The members so far as the one model, then the record of them."""
        record = done[0].record
        self.folder.share_rows(len(done) - 1)
        parameters = [run.network.parameters for run in done]
        self.folder.write_model(parameters, record.about_model(), arrays)
        if len(done) == 1:
            self.folder.take_report()
        is_over = stopped or (done[0].result["stopped"] if len(done) == self.n else None)
        self.folder.write(self.n, [facts_of(run) for run in done], is_over)


def _arrays_of(plan: TrainingPlan, selection: Selected, done: list[Run], ensemble: Ensemble) -> dict[str, Any]:
    """The arrays of the pipeline, with levels calibrated for what the ensemble says of the rows held out."""
    arrays = done[0].record.pipeline_arrays
    if CALIBRATION not in arrays or plan.fold is not None:
        return arrays
    target = calibrated(plan, selection, ensemble).target
    assert isinstance(target, Values)
    return {**arrays, CALIBRATION: target.calibration}


def _share_rows(done: list[Run], run: Run) -> None:
    """Members were trained on the same rows, which are held once."""
    if done and run._replayer.rows is not None and done[0]._replayer.rows is not None:
        run._replayer.share_rows(done[0]._replayer)


def _say_unfinished(done: list[Run], n: int, folder: Path | None) -> None:
    only = "their mean" if len(done) > 1 else "that one"
    only += ", as far as it came" if done[0].result["stopped"] in BROKEN_OFF else ""
    remedy = "" if folder is None else f" The same with resume trains the others ({folder})."
    warn(f"{len(done)} of {n} members trained; the model is {only}.{remedy}", InterruptedWarning)
