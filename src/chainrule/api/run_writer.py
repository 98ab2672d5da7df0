"""Where a run is kept: a directory or memory; begun afresh or taken up from its last checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import json_text
from chainrule.api.examined import examined_in
from chainrule.api.prepare import Setup
from chainrule.api.trainer import where_it_goes_on
from chainrule.engine.select import select
from chainrule.errors import ModelFileError, SettingsError
from chainrule.run import contents, event_lines, files
from chainrule.run.contents import StateShape
from chainrule.run.directory import KEEP_BYTES, RunDirectory
from chainrule.run.model import parameters_hash
from chainrule.run.names import CHECKPOINTS, DATA, EVENTS, RATE, RUN, SPLIT, TABLE
from chainrule.run.record import RunRecord, versions
from chainrule.run.replayer import RunReplayer
from chainrule.run.resume import LastState, going_on, last_state, more_epochs, refuse_another
from chainrule.run.rows import Rows
from chainrule.run.steady import SteadyDirectory, SteadyStore, Unwritten
from chainrule.run.table_sample import TableSample
from chainrule.training.checkpoints import Checkpoint, CheckpointStore
from chainrule.training.events import Event
from chainrule.training.parts import joints_of
from chainrule.training.result import Result
from chainrule.training.schedule import PLATEAU_NAME

FINISHED = ("epochs", "early_stopping", "diverged")
"""Ways to stop after which there is nothing to resume."""


class RunWriter:
    """Where the run is kept: a directory or memory; a fresh start or the checkpoint to resume from."""

    def __init__(
        self,
        directory: Any,
        setup: Setup,
        keep_data: bool | str,
        pipeline: Any,
        source: Any,
        resume: bool,
        table_sample: TableSample | None = None,
        changes: Mapping[str, Any] | None = None,
        n_known: int | None = None,
    ) -> None:
        """Arguments: changes: the settings that change where a run goes on, by default only more epochs may; n_known:
        the steps that a run has which goes on.
        """
        if directory is not None and not isinstance(directory, RunDirectory):  # one may be claimed already
            directory = RunDirectory(directory)
        self.directory: RunDirectory | None = directory
        self.setup, self.keep_data, self.resume, self.table_sample = setup, keep_data, resume, table_sample
        self.changes, self._n_known = changes, n_known
        self._before: dict[str, Any] | None = None if changes is None else {}
        self.pipeline, self.pipeline_arrays = described(pipeline)
        if source is not None and not isinstance(source, Mapping):
            raise SettingsError(f"source={source!r}: must be a dict that describes the origin of the rows.")
        self.source: dict[str, Any] | None = None if source is None else json_text.plain(source)
        self.parent: dict[str, Any] | None = None
        """The run this one branched from."""
        self.unwritten = Unwritten()
        self.observer = None if self.directory is None else SteadyDirectory(self.directory, self.unwritten)
        self.history: dict[str, list[float]] = {}
        self.events: list[Event] = []
        self.losses: Any = None
        self._seconds_before = 0.0
        self.store = CheckpointStore(setup.n_steps)
        theta = setup.network.parameters.flat.copy()
        self.start = Checkpoint(step=0, theta=theta, optimizer=setup.optimizer_at_start(theta), best_theta=theta)
        self.checksum = setup.rows.checksum if self.directory is None else None

    def claimed(self) -> contextlib.AbstractContextManager[None]:
        """Be the one writer of the directory, where there is one."""
        return contextlib.nullcontext() if self.directory is None else self.directory.claimed()

    def training_begins(self) -> None:
        """From here on the run stays, whatever fails."""
        if self.directory is not None:
            self.directory.training_begins()

    @property
    def _shape(self) -> StateShape:
        return StateShape.of(self.setup.network.architecture, self.setup.settings)

    @property
    def folder(self) -> Path:
        """Where the directory is."""
        assert self.directory is not None
        return self.directory.path

    def open(self) -> bool:
        """Make the directory or take up the run in it; whether that is finished, so that there is nothing to do."""
        if self.directory is None:
            if self.resume:
                raise SettingsError("resume=True: must be given with directory=…, the run to continue.")
            return False
        if self.directory.exists and self.resume:
            return self._take_up(self.directory)
        self.directory.create()
        folder = self.directory
        size = self.setup.rows.X.nbytes + self.setup.rows.targets.nbytes
        if self.keep_data is True or (self.keep_data == "auto" and size <= KEEP_BYTES):
            kept = {"X": self.setup.rows.X, "targets": self.setup.rows.targets}
            if self.setup.rows.weight is not None:
                kept["weight"] = self.setup.rows.weight
            held = self.setup.validation
            if held is not None and (self.keep_data is True or size + held.X.nbytes <= KEEP_BYTES):
                kept |= {"held_out": held.X, "held_out_targets": held.targets}
                if held.weight is not None:
                    kept["held_out_weight"] = held.weight
            files.write_tensors(folder.file(DATA), kept, {"kind": "data"}, durable=False)
        if self.table_sample is not None and self.keep_data is not False:
            self.table_sample.write(folder.file(TABLE))
        if self.setup.rows.index is not None:
            files.write_tensors(folder.file(SPLIT), {"train": self.setup.rows.index}, {"kind": "split"})
        folder.file(EVENTS).touch()
        self.store = SteadyStore(self.unwritten, folder.file(CHECKPOINTS), self.setup.n_steps, shape=self._shape)
        self.store.begin(self.start)
        if self.setup.examined is not None:
            files.write_json(folder.file(RATE), self.setup.examined.to_dict())
        files.write_json(folder.file(RUN), self.record(None))
        return False

    def _take_up(self, folder: RunDirectory) -> bool:
        before, now = contents.read_record(folder.file(RUN)), self.record(None)
        changes = more_epochs(before, now) if self.changes is None else self.changes
        refuse_another(folder.path, before, now, changes)
        if not changes and before.get("result") and _is_whole(before["result"]):
            return True
        self.setup.examined = examined_in(folder)
        edits = {event.step for event in event_lines.read_events(folder.file(EVENTS))[0] if event.kind == "edit"}
        self.store = SteadyStore(
            self.unwritten, folder.file(CHECKPOINTS), self.setup.n_steps, shape=self._shape, pinned=edits
        )
        if changes:
            state: LastState | None = going_on(folder, self.store, before, changes)
        else:
            state = last_state(folder, self.store, before, forget=True)
        if state is None:
            self._begin_anew(folder, before)
            return False
        if self._n_known not in (None, len(state.losses)):
            raise SettingsError(
                f"{folder.path}: went on since this run was loaded: it has {len(state.losses)} steps now, this one "
                f"{self._n_known}. Load it again."
            )
        self.take(state)
        self._write_what_was(folder, before, state, changes)
        return False

    def _write_what_was(
        self, folder: RunDirectory, before: dict[str, Any], state: LastState, changes: Mapping[str, Any]
    ) -> None:
        """The files of a run that goes on, or that was taken up, as they are before its next step."""
        result = before.get("result")
        under_way = before | {"result": None} | ({"ended": result} if result else {})
        if changes:  # run.json last: until then the run is as it was
            self.store.forget_after(state.start.step)
            folder.rewind(len(self.history.get("loss", [])), self.events, state.fill)
            under_way |= {"settings": self.setup.settings.to_dict(), "parts": 1 + len(joints_of(self.events))}
        if changes or result:
            files.write_json(folder.file(RUN), under_way)
        if not changes:
            folder.rewind(len(self.history.get("loss", [])), self.events)
            event = Event(self.start.step, "resume", value=str(result["stopped"] if result else "killed"))
            folder.event_happened(event)
            self.events.append(event)
        if state.goes_on:
            self.store.put(self.start)
        if self._before is not None:
            self._before = before

    def _begin_anew(self, folder: RunDirectory, before: Mapping[str, Any]) -> None:
        """From the first step on: nothing of the way can be used."""
        if before.get("parts", 1) > 1:
            raise ModelFileError(
                f"{folder.file(CHECKPOINTS)}: holds no checkpoint from which this run, which was extended, can go on. "
                "Restore it from a backup, or train again."
            )
        if before.get("result"):
            files.write_json(folder.file(RUN), {**before, "result": None, "ended": before["result"]})
        self.store.forget_after(-1)
        folder.rewind(0, [])

    def take(self, state: LastState) -> None:
        """Begin from this state of a run; where it goes on there with other settings, with what then holds."""
        self.start, self.losses = state.start, state.losses
        self.history.update({name: list(column) for name, column in state.history.items()})
        self.events.extend(state.events)
        self._seconds_before = float(sum(state.history.get("seconds", [])))
        if state.goes_on:
            self.start = where_it_goes_on(self.setup, state)
            self.store.widen(self.setup.n_steps)

    def run_of(self, result: Result) -> RunReplayer:
        """The run that a training came to; nothing is written yet."""
        setup = self.setup
        record = RunRecord(
            parameters=result.parameters,
            kind=setup.kind,
            seed=setup.network.seed,
            initializers=setup.network.initializers,
            settings=setup.settings,
            history=result.history,
            losses=result.losses,
            events=result.events,
            result=self._result(result),
            checkpoints=self.store,
            steps_per_epoch=setup.task.steps_per_epoch,
            fingerprint=None if self.directory is None else setup.fingerprint,
            checksum=self.checksum,
            index=setup.rows.index,
            class_weight=setup.class_weight,
            engine=setup.engine.describe(),
            versions=versions(),
            diverged=result.diverged,
            directory=None if self.directory is None else self.directory.path,
            pipeline=self.pipeline,
            pipeline_arrays=self.pipeline_arrays,
            source=self.source,
            parent=self.parent,
            unwritten=self.unwritten.why,
        )
        held = setup.validation
        held_out = None if held is None else Rows(held.X, held.targets, held.weight)
        return RunReplayer(record, setup.engine, setup.rows, held_out, self.table_sample)

    def so_far(self, result: Result) -> RunReplayer:
        """The run up to some step of a training that goes on: copies, with an engine and checkpoints of its own."""
        history = {name: list(column) for name, column in result.history.items()}
        found = self.run_of(replace(result, history=history, events=list(result.events)))
        record, engine = found.record, self.setup.engine
        record.checkpoints = self.store.snapshot()
        found.engine = select(engine.name, record.architecture, 1, record.settings.optimizer.name)[0]
        return found

    def _result(self, result: Result) -> dict[str, Any]:
        progress = result.progress
        diverged = result.diverged
        return {
            "stopped": result.stopped,
            "epochs": len(result.history.get("loss", [])),
            "steps": len(result.losses),
            "best_epoch": progress.best_epoch,
            "best_score": progress.best_score,
            "metric": self.setup.metric.name if self.setup.validation else "loss",
            "seconds": self._seconds_before + result.seconds,
            "replay": {
                "checkpoint_gap": self.store.longest_gap(len(result.losses)),
                "step_seconds": result.step_seconds,
                **({PLATEAU_NAME: progress.plateau_factor} if PLATEAU_NAME in result.history else {}),
            },
            "sha256": parameters_hash(result.parameters),
            "events": len(result.events),
            "diverged": None
            if diverged is None
            else {
                "message": str(diverged),
                "epoch": diverged.epoch,
                "step": diverged.step,
                "layer": diverged.layer,
                "quantity": diverged.quantity,
            },
        }

    def record(self, result: dict[str, Any] | None) -> dict[str, Any]:
        """The content of run.json; `result` is None until the training has ended."""
        setup, here = self.setup, versions()
        if self._before:  # all that stays as it was when the run went on
            began = {name: value for name, value in self._before.items() if name != "ended"}
            parts = 1 + len(joints_of(self.events))
            return {**began, "settings": setup.settings.to_dict(), "parts": parts, "result": result}
        return {
            "chainrule": here["chainrule"],
            "architecture": setup.network.architecture.to_dict(),
            "initializers": list(setup.network.initializers),
            "initial": parameters_hash(setup.network.parameters),
            "network_seed": setup.network.seed,
            "targets": setup.kind,
            "settings": setup.settings.to_dict(),
            "class_weight": setup.class_weight,
            "fingerprint": setup.fingerprint,
            "held_out": setup.held_out_fingerprint,
            "n_samples": setup.task.n_samples,
            "steps_per_epoch": setup.task.steps_per_epoch,
            "parts": 1 + len(joints_of(self.events)),
            "engine": setup.engine.describe() | {"reason": setup.reason},
            "versions": {name: here[name] for name in ("python", "numpy")},
            "source": self.source,
            "pipeline": self.pipeline,
            **({} if self.parent is None else {"parent": self.parent}),
            "result": result,
        }


def described(pipeline: Any) -> tuple[dict[str, Any] | None, dict[str, npt.NDArray[Any]]]:
    """A pipeline as a model file holds it; one that could not be kept is refused before the training, not after it.

    Raises SettingsError if it has no to_dict() of JSON values, or no arrays() of numbers by name.
    """
    if pipeline is None:
        return None, {}
    try:
        result, arrays = pipeline.to_dict(), pipeline.arrays()
        json_text.text(result)
        kinds = {str(name): np.asarray(array).dtype for name, array in arrays.items()}
        if not isinstance(result, Mapping) or any(
            kind.kind not in "biuf" or kind.itemsize > 8 for kind in kinds.values()
        ):
            raise TypeError("to_dict gives no dict" if not kinds else f"arrays are {kinds}")
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"pipeline={str(pipeline)[:60]!r}: must have to_dict() of plain values and arrays() of numbers to be "
            f"stored with the model ({error}). Try a TablePipeline."
        ) from None
    return dict(result), dict(arrays)


def _is_whole(result: dict[str, Any]) -> bool:
    """Whether nothing of a run is left to do or to write."""
    return result["stopped"] in FINISHED and not result.get("unwritten")
