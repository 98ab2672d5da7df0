"""run.doctor and run.vitals: a run handed to the rooms that look at it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.diagnose.doctor.diagnose import diagnose
from chainrule.diagnose.doctor.finding import Diagnosis
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.diagnose.vitals.measure import Vitals, take
from chainrule.diagnose.vitals.steps import chosen_steps
from chainrule.run.names import STEPS

if TYPE_CHECKING:
    from chainrule.api.run import Run


def doctor(run: Run, data: tuple[Any, ...] | None) -> Diagnosis:
    """The diagnosis of a run, which judges by the losses of its steps and epochs."""
    run.require(STEPS)
    rows = run._prepared(data)
    replayer = run.replayer(rows)
    return diagnose(
        RunView(
            task=run._task(rows),
            engine=run.engine,
            settings=run.settings,
            events=run.events,
            losses=run.losses,
            history=run.history,
            checkpoints=run.checkpoints,
            record=replayer.record,
            plateau_factor=run._factor,
            kind=run.network.kind,
            diverged=run.diverged,
            stopped=str(run.result.get("stopped", "epochs")),
            columns=_columns(run),
            class_weight=run.class_weight,
            held_out=run.held_out,
            index=run.index,
        )
    )


def _columns(run: Run) -> tuple[str, ...] | None:
    """The names of the inputs, where the run was trained on a table."""
    if run.pipeline is None:
        return None
    from chainrule.pipeline.table_pipeline import TablePipeline

    return TablePipeline.from_dict(run.pipeline, run.pipeline_arrays).names


def vitals(run: Run, steps: Any, data: tuple[Any, ...] | None, sharpness: bool) -> Vitals:
    """The vital signs of a run."""
    rows = run._prepared(data)
    replayer, before = run.replayer(rows), run.replayer(rows).n_advanced
    kept = run.checkpoints.sizes
    asked = chosen_steps(run.n_steps, kept) if steps is None else steps
    if isinstance(asked, slice):
        asked = range(*asked.indices(run.n_steps))
    numbered = [run._number(int(step)) for step in (asked if isinstance(asked, Iterable) else [asked])]
    seen = [step for step in numbered if step >= min(kept, default=0)]
    with np.errstate(all="ignore"):
        told = take(replayer.record, run.engine, run._task(rows), seen, seen if sharpness else (), run.settings.l2)
    return Vitals(told.steps, told.deaths, replayer.n_advanced - before)
