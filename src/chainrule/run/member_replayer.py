"""One of K networks side by side as a run of its own: its parameters, and in every step what it did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.engine.protocol import Task, dense_targets
from chainrule.network.members import member_architecture, member_parameters, member_record
from chainrule.network.parameters import Parameters
from chainrule.network.records import StepRecord
from chainrule.run.replayer import RunReplayer
from chainrule.run.rows import Rows
from chainrule.training.checkpoints import Checkpoint, CheckpointStore


class MemberCheckpoints(CheckpointStore):
    """The states of one member, read from those of all."""

    def __init__(self, whole: CheckpointStore, parameters: Parameters, member: int) -> None:
        self.__dict__.update(vars(whole))
        self._whole, self._parameters, self._member = whole, parameters, member

    def _read(self, step: int) -> Checkpoint:
        found = self._whole._read(step)
        arrays = {name: self._own(array) for name, array in found.optimizer.items()}
        return replace(found, theta=self._own(found.theta), optimizer=arrays, best_theta=self._own(found.best_theta))

    def _own(self, flat: Any) -> Any:
        return None if flat is None else member_parameters(self._parameters.like(flat), self._member).flat


class MemberSession:
    """The steps of a session that replays all members, as one of them did them."""

    def __init__(self, session: Any, task: Task, member: int) -> None:
        self._session, self._task, self._member = session, task, member

    @property
    def n_advanced(self) -> int:
        """Steps that were done to get to those asked for."""
        return int(self._session.n_advanced)

    def record(self, step: int) -> StepRecord:
        """What the member did in a step."""
        record: StepRecord = self._session.record(step)
        task, rows = self._task, record.rows
        y = dense_targets(task.targets[rows], task.architecture)
        return member_record(record, self._member, y, None if task.weight is None else task.weight[rows])


class MemberReplayer(RunReplayer):
    """The steps of one member of a run: those of all are computed."""

    def __init__(self, whole: RunReplayer, member: int) -> None:
        record, found = whole.record, replace(whole.record)
        found.parameters = member_parameters(record.parameters, member)
        found.checkpoints = MemberCheckpoints(record.checkpoints, record.parameters, member)
        found.directory = None  # the run's files are those of all members
        super().__init__(found, whole.engine, whole.rows, whole.validation, whole.table_sample)
        self.held_out = whole.held_out
        self._whole, self._member = whole, member
        self.of_members = (member, record.architecture.members)

    def rows_of(self, data: tuple[Any, ...] | None) -> Rows:
        """The training rows, which are those of all members."""
        self.rows = self._whole.rows_of(data)
        return self.rows

    def fingerprint(self) -> str:
        """sha256 over the training rows."""
        return self._whole.fingerprint()

    def session(self, rows: Rows) -> Any:
        """The session of all members, told as this one."""
        return MemberSession(self._whole.session(rows), self._whole.task(rows), self._member)

    def step(self, step: int, rows: Rows) -> StepRecord:
        """Everything that the member did in one step."""
        with np.errstate(all="ignore"):
            found: StepRecord = self.session(rows).record(step)
        return found

    def task(self, rows: Rows) -> Task:
        """What was trained, with the network of one member."""
        whole = self._whole.task(rows)
        return replace(whole, architecture=member_architecture(whole.architecture))


def member_replayer(replayer: RunReplayer, member: int = 0) -> RunReplayer:
    """The replayer of one member; the one given where there is one network."""
    return replayer if replayer.record.architecture.members == 1 else MemberReplayer(replayer, member)
