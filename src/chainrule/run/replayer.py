"""From the record of a run to any of its steps: its rows found and verified, then the nearest checkpoint, then steps.

The rows are those that training held in memory, those that are given, or those that the run's directory keeps.
"""

from __future__ import annotations

import operator
import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.engine.protocol import Engine, StepSettings, Task
from chainrule.errors import DamagedFileWarning, DataError, ModelFileError, ReplayWarning, SettingsError
from chainrule.network.records import StepRecord
from chainrule.run import contents, stored
from chainrule.run.names import DATA, TABLE
from chainrule.run.read import LOST
from chainrule.run.record import RunRecord
from chainrule.run.rows import Rows, prepare_rows
from chainrule.run.smoothing import learned_targets
from chainrule.run.table_sample import TableSample
from chainrule.training.parts import RunPart, part_at, parts_of, settings_at
from chainrule.training.replaying import Remembered, Replayer
from chainrule.training.schedules import scheduled
from chainrule.training.settings import Settings


class RunReplayer:
    """The steps of one run, computed again by an engine.

    of_members: of a replayer of one of K networks side by side, which one and K.

    rows: the training rows, if they are in memory; validation: the held-out rows, likewise; table_sample: cells of the
    table they were made of.
    """

    of_members: tuple[int, int] | None = None

    def __init__(
        self,
        record: RunRecord,
        engine: Engine,
        rows: Rows | None = None,
        validation: Rows | None = None,
        table_sample: TableSample | None = None,
    ) -> None:
        self.record, self.engine, self.rows, self.validation = record, engine, rows, validation
        self.held_out = None if validation is None else validation.X
        """The inputs of the held-out rows, where they are known."""
        self._table_sample = table_sample
        self._session: tuple[Rows, Replayer] | None = None
        self._remembered = Remembered()
        self._own: Rows | None = None
        self._verified: tuple[Rows, str] | None = None
        self._warned = False

    @property
    def table_sample(self) -> TableSample | None:
        """The cells of some training rows, of a run of a table that kept them; a damaged file is said, and none are."""
        folder = self.record.directory
        if self._table_sample is None and folder is not None and os.path.lexists(folder / TABLE):
            try:
                most = self.record.steps_per_epoch * self.record.settings.batch_size
                self._table_sample = TableSample.read(folder / TABLE, most)
            except ModelFileError as error:
                message = f"{str(error).rstrip('.')}. Without it {LOST[TABLE]}."
                warnings.warn(message, DamagedFileWarning, stacklevel=3)
        return self._table_sample

    @table_sample.setter
    def table_sample(self, sample: TableSample) -> None:
        self._table_sample = sample

    def share_rows(self, other: RunReplayer) -> None:
        """Hold the rows of another run, which are equal, in place of copies of them."""
        self.rows, self.validation, self.held_out = other.rows, other.validation, other.held_out

    def number(self, t: int) -> int:
        """A step's number from 0, where negative ones count from the end."""
        step, n_steps = operator.index(t), self.record.n_steps
        step += n_steps if step < 0 else 0
        if not 0 <= step < n_steps:
            raise SettingsError(f"step={t}: must be 0 to {n_steps - 1} (steps are numbered from 0).")
        return step

    def prepared(self, data: tuple[Any, ...] | None) -> Rows:
        """The rows, verified; a replay by another engine than recorded is said once."""
        self.record.require(*self.record.needed_to_replay)
        rows = self.rows_of(data)
        if self.engine_differs and not self._warned:
            self._warned = True
            warnings.warn(self.engine_differs, ReplayWarning, stacklevel=3)
        return rows

    def step(self, step: int, rows: Rows) -> StepRecord:
        """Everything of one step, exactly as it was."""
        with np.errstate(all="ignore"):
            return self.session(rows).record(step)

    def settings_of(self, step: int, batch_weight: float) -> StepSettings:
        """The settings of a step whose rows have this weight together, the penalty by weight in l2."""
        _, settings = settings_at(step, self.record.settings, self.record.events)
        settings = settings.times(scheduled(self._part_at(step), step, step + 1, self.record.steps_per_epoch), 0)
        return replace(settings, l2=settings.l2_of(batch_weight), alpha=0.0)

    def part_of(self, step: int) -> Settings:
        """The settings of the part of the run that a step belongs to."""
        return self._part_at(step).settings

    def _part_at(self, step: int) -> RunPart:
        record = self.record
        return part_at(parts_of(record.settings, record.events, record.steps_per_epoch), step)

    def session(self, rows: Rows) -> Replayer:
        """The session that goes to any step of this run, made once for these rows."""
        if self._session is None or self._session[0] is not rows:
            record = self.record
            session = self.engine.start(self.task(rows), settings_at(0, record.settings, record.events)[1])
            replayer = Replayer(
                session=session,
                checkpoints=record.checkpoints,
                settings=record.settings,
                events=record.events,
                plateau_factor=record.plateau_factor,
                steps_per_epoch=record.steps_per_epoch,
                remembered=self._remembered,
            )
            self._session = (rows, replayer)
        return self._session[1]

    def rest(self) -> None:
        """Let the session go; another is made when a step is asked for."""
        self._session, self._remembered = None, Remembered()

    def task(self, rows: Rows) -> Task:
        """What was trained, on these rows."""
        s = self.record.settings
        return Task(
            architecture=self.record.architecture,
            X=rows.X,
            targets=learned_targets(rows.targets, self.record.architecture, s.label_smoothing),
            weight=rows.weight,
            optimizer=s.optimizer.name,
            batch_size=s.batch_size,
            seed=s.seed,
            shuffle=s.shuffle,
            leaves=s.leaves,
        )

    @property
    def engine_differs(self) -> str | None:
        """How the current engine differs from the recorded one in what the bits depend on; None if it does not."""
        before, now = self.record.engine, self.engine.describe()
        same_kind = before.get("engine") == now["engine"]
        names = ("numpy", "blas") if same_kind else ("engine",)  # the native engine has one set of bits everywhere
        result = [f"{name} {before[name]}, here {now[name]}" for name in names if _differ(before, now, name)]
        if not result:
            return None
        return (
            f"this run was trained with {'; '.join(result)}: steps agree up to rounding, not to the bit. "
            "Replay in the original environment for identical bits."
        )

    def rows_of(self, data: tuple[Any, ...] | None) -> Rows:
        """The training rows: in memory, given, or read from the run's own file; DataError if they differ."""
        record, rows = self.record, self.rows
        if data is None and rows is not None and rows is self._own:
            return rows  # read from the run's own file and verified then; there are no other references to them
        if data is None and rows is not None and self._is_verified(rows):
            return rows
        if data is not None:
            rows = prepare_rows(
                record.architecture, *data, class_weight=record.class_weight, index=record.index, kind=record.kind
            )
        elif rows is None and record.directory is not None and os.path.lexists(record.directory / DATA):
            rows = self._own = self._read_rows(record.directory / DATA)
        if rows is None:
            raise DataError(
                "this run did not keep its data. Use replay(t, data=(X, y)) with the X and y passed to train."
            )
        if not self._are_of_training(rows):
            raise DataError(
                "the data differ from those of the training. Pass X, y and sample_weight exactly as in training."
            )
        n_steps = -(-len(rows.X) // record.settings.batch_size)
        if n_steps != record.steps_per_epoch:
            raise DataError(
                f"the data have {len(rows.X)} rows, {n_steps} steps per epoch; expected {record.steps_per_epoch} "
                "steps. Pass X, y and sample_weight exactly as in training."
            )
        self.rows, self._verified = rows, (rows, rows.checksum)
        return rows

    def fingerprint(self) -> str:
        """sha256 over the training rows; DataError if it was not taken yet and they were altered since."""
        if self.record.fingerprint is None:
            self.record.fingerprint = self.rows_of(None).fingerprint
        return self.record.fingerprint

    def _read_rows(self, path: Path) -> Rows:
        """The rows a run kept, checked as those that are given; only their own file is read."""
        kept = contents.read_rows(path, self.record.architecture)
        with stored.naming(path):
            rows = prepare_rows(
                self.record.architecture, kept["X"], kept["targets"], kept.get("weight"), kind=self.record.kind
            )
        self.held_out = kept.get("held_out")
        if "held_out_targets" in kept:
            self.validation = Rows(kept["held_out"], kept["held_out_targets"], kept.get("held_out_weight"))
        return rows

    def _are_of_training(self, rows: Rows) -> bool:
        """Whether rows are those of the training: by the fingerprint, or by the checksum where that alone was taken."""
        if self.record.fingerprint is None:
            return rows.checksum == self.record.checksum
        return rows.fingerprint == self.record.fingerprint

    def _is_verified(self, rows: Rows) -> bool:
        """Whether these very rows were seen to be those of the training, and are as they were then."""
        return self._verified is not None and self._verified[0] is rows and self._verified[1] == rows.checksum

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the session, which is made again when asked for."""
        return {**vars(self), "_session": None, "_remembered": Remembered()}


def _differ(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> bool:
    return name in before and name in now and before[name] != now[name]
