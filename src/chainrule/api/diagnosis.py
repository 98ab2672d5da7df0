"""run.doctor, run.find and run.vitals: a run passed to the modules that examine it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.api.step import step_of
from chainrule.diagnose.doctor.diagnose import diagnose
from chainrule.diagnose.doctor.finding import Diagnosis
from chainrule.diagnose.doctor.interface import python
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.diagnose.search.find import find, first_that_fits
from chainrule.diagnose.search.found import Found
from chainrule.diagnose.search.history import History
from chainrule.diagnose.vitals.measure import Vitals, take
from chainrule.diagnose.vitals.steps import chosen_steps
from chainrule.errors import SettingsError
from chainrule.run.member_replayer import member_replayer
from chainrule.run.names import STEPS
from chainrule.run.replayer import RunReplayer
from chainrule.status import OpenLine, working


def doctor(
    replayer: RunReplayer, data: tuple[Any, ...] | None, *, thorough: bool = False, progress: bool | str = "auto"
) -> Diagnosis:
    """The diagnosis of a run, which judges by the losses of its steps and epochs."""
    with working("doctor", progress) as line:
        line("reading the rows")
        return _diagnosed(replayer, data, thorough, line)


def _diagnosed(replayer: RunReplayer, data: tuple[Any, ...] | None, thorough: bool, line: OpenLine) -> Diagnosis:
    record = replayer.record
    if record.architecture.members > 1 or replayer.of_members is not None:
        raise SettingsError(
            "doctor: does not examine networks side by side: what it tries is done with one network. Try "
            "run.members[0].vitals(), or train with members=1."
        )
    record.require(STEPS)
    rows = replayer.prepared(data)
    diagnosis = diagnose(
        RunView(
            task=replayer.task(rows),
            engine=replayer.engine,
            settings=record.settings,
            events=record.events,
            losses=record.losses,
            history=record.history,
            checkpoints=record.checkpoints,
            record=replayer.session(rows).record,
            plateau_factor=record.plateau_factor,
            kind=record.kind,
            diverged=record.diverged,
            stopped=str(record.result.get("stopped", "epochs")),
            **_table(replayer),
            class_weight=record.class_weight,
            held_out=replayer.held_out,
            held_out_targets=None if replayer.validation is None else replayer.validation.targets,
            index=record.index,
            thorough=thorough,
            tell=line,
        )
    )
    return diagnosis.for_interface(python(record.source if record.pipeline is not None else None))


def _table(replayer: RunReplayer) -> dict[str, Any]:
    """What is known of the table that the inputs were made of."""
    record, known = replayer.record, {"table_sample": replayer.table_sample}
    if record.pipeline is None:
        return known
    from chainrule.pipeline.table_pipeline import TablePipeline
    from chainrule.pipeline.target import class_text

    pipeline = TablePipeline.from_dict(record.pipeline, record.pipeline_arrays)
    kinds = [encoder.kind for encoder in pipeline.encoders]
    names = None if pipeline.classes is None else tuple(map(class_text, pipeline.classes))
    columns = tuple(zip(pipeline.columns, kinds, pipeline.widths, strict=True))
    return known | {"input_names": pipeline.names, "columns": columns, "class_names": names}


def search(
    replayer: RunReplayer,
    what: Any,
    steps: range,
    data: tuple[Any, ...] | None,
    *,
    thorough: bool = False,
    progress: bool | str = "auto",
) -> tuple[Found | None, int | None]:
    """What was found in these steps, and how many states were examined where not every step was."""
    replayer = member_replayer(replayer)
    record = replayer.record
    with working("find", progress), np.errstate(all="ignore"):
        rows = replayer.prepared(data)
        if not callable(what):
            record.require(STEPS)
        history = History(
            record=replayer.session(rows).record,
            task=replayer.task(rows),
            engine=replayer.engine,
            losses=record.losses,
            events=record.events,
            index=record.index,
            kept=sorted(record.checkpoints.sizes),
            thorough=thorough,
        )
        if callable(what):
            return first_that_fits(history, (step_of(replayer, t, rows) for t in steps), what), None
        return find(history, what, steps), history.n_examined


def vitals(replayer: RunReplayer, steps: Any, data: tuple[Any, ...] | None, sharpness: bool) -> Vitals:
    """The vital signs of a run; of networks side by side those of the first."""
    replayer = member_replayer(replayer)
    record, rows = replayer.record, replayer.prepared(data)
    session = replayer.session(rows)
    before, kept = session.n_advanced, record.checkpoints.sizes
    asked = chosen_steps(record.n_steps, kept) if steps is None else steps
    if isinstance(asked, slice):
        asked = range(*asked.indices(record.n_steps))
    numbered = [replayer.number(int(step)) for step in (asked if isinstance(asked, Iterable) else [asked])]
    seen = [step for step in numbered if step >= min(kept, default=0)]
    with np.errstate(all="ignore"):
        result = take(
            session.record, replayer.engine, replayer.task(rows), seen, seen if sharpness else (), record.settings.l2
        )
    return Vitals(result.steps, result.deaths, session.n_advanced - before)
