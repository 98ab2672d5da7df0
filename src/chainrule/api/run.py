"""The public Run: what a training came to, and the way back to any of its steps."""

from __future__ import annotations

import operator
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.rows import Rows, prepare_rows
from chainrule.api.step import Step
from chainrule.api.tables import PredictsTables
from chainrule.engine.protocol import Engine, Task
from chainrule.errors import DataError, DivergedError, ModelFileError, ReplayWarning, SettingsError
from chainrule.run import contents, stored
from chainrule.run.model import write_model
from chainrule.run.names import DATA, EVENTS, HISTORY, SPLIT, STEPS
from chainrule.training.checkpoints import CheckpointStore
from chainrule.training.events import Event, settings_at
from chainrule.training.loop import PLATEAU_NAME
from chainrule.training.replaying import Remembered, Replayer
from chainrule.training.settings import Settings

if TYPE_CHECKING:
    from chainrule.diagnose.doctor.finding import Diagnosis
    from chainrule.diagnose.search.found import Found
    from chainrule.diagnose.vitals.measure import Vitals
    from chainrule.tune.found import LearningRate, Suggestion

Array = npt.NDArray[Any]


@dataclass
class Run(PredictsTables):
    """A finished training. Steps are numbered from 0; see replay.

    network: the best (with validation) or the last parameters; history: lists, one entry an epoch;
    diverged: the DivergedError that ended the training, or None; result: how it ended, in plain values.
    """

    network: Network
    settings: Settings
    history: dict[str, list[float]]
    losses: npt.NDArray[np.float64]
    """J of every step's batch."""
    events: list[Event]
    result: dict[str, Any]
    engine: Engine
    checkpoints: CheckpointStore
    rows: Rows | None
    recorded_fingerprint: str | None
    """The fingerprint, where it was taken already."""
    index: npt.NDArray[np.int64] | None = None
    steps_per_epoch: int = 1
    diverged: DivergedError | None = None
    directory: Path | None = None
    pipeline: dict[str, Any] | None = None
    pipeline_arrays: dict[str, Array] = field(default_factory=dict)
    source: dict[str, Any] | None = None
    engine_record: dict[str, Any] = field(default_factory=dict)
    class_weight: Any = None
    held_out: Array | None = None
    """The inputs of the held-out rows, where there are any and the run kept them."""
    examined: Suggestion | None = None
    """What was found about the learning rate: by learning_rate="auto" of train, or by `learning_rate`."""
    glance: str | None = None
    """That of the rows at the training, where no fingerprint was taken then."""
    unwritten: dict[Path, str] = field(default_factory=dict, compare=False)
    """What of this run could not be written to its directory at the end of its training, and why."""
    lost: dict[str, ModelFileError] = field(default_factory=dict)
    """What is wrong with every file of the run's directory that is damaged, by its name."""
    _replayer: tuple[Rows, Replayer] | None = field(default=None, init=False, repr=False, compare=False)
    _own: Rows | None = field(default=None, init=False, repr=False, compare=False)
    _verified: tuple[Rows, str] | None = field(default=None, init=False, repr=False, compare=False)
    _warned: bool = field(default=False, init=False, repr=False, compare=False)

    @property
    def n_steps(self) -> int:
        """Steps that were done."""
        return len(self.losses)

    @property
    def fingerprint(self) -> str:
        """sha256 over the training rows; DataError where it was not taken yet and they were altered since."""
        if self.recorded_fingerprint is None:
            self.recorded_fingerprint = self.kept_rows.fingerprint
        return self.recorded_fingerprint

    @overload
    def replay(self, t: int, data: tuple[Any, ...] | None = None) -> Step: ...
    @overload
    def replay(self, t: slice | Iterable[int], data: tuple[Any, ...] | None = None) -> Iterator[Step]: ...
    def replay(self, t: Any, data: tuple[Any, ...] | None = None) -> Step | Iterator[Step]:
        """Step t exactly as it was, recomputed from the nearest state before it; of several steps, one by one.

        Args      t: 0 … n_steps − 1, or negative from the end; or a range, slice or iterable of such, whose
                  steps are computed when they are asked for, one session moving from each to the next;
                  data: (X, y) or (X, y, sample_weight) as given to train, needed where the run did not
                  keep them
        Returns   a Step, or an iterator of Steps
        Errors    SettingsError for a step that is not in the run; DataError for missing or altered data
        Example   >>> losses = [step.backward.loss for step in run.replay(range(0, 100, 10))]  # doctest: +SKIP
        """
        if isinstance(t, slice):
            t = range(*t.indices(self.n_steps))
        elif not isinstance(t, Iterable):
            step = self._number(t)
            return self._step(step, self._prepared(data))
        if isinstance(t, range):
            for end in (*t[:1], *t[-1:]):
                self._number(end)
        rows = self._prepared(data)
        return (self._step(self._number(one), rows) for one in t)

    def find(
        self,
        what: str | Callable[[Step], Any],
        steps: range | slice | None = None,
        data: tuple[Any, ...] | None = None,
    ) -> Found | None:
        """The first step at which something happened, with layer, unit and example; None if it never did.

        Args      what: "non-finite" (it persists: found by halving), "dead unit" (a rectifier that no
                  training row opens, or the flat side of another activation; units revive, so every step is
                  looked at), "saturated unit" (sigmoid and tanh), "loss doubles" (from the recorded losses), or
                  a function of a Step, the first for which it is true; steps: where to look, else everywhere;
                  data: as for replay
        Returns   Found: step, epoch, layer, unit, row, example, evidence; text(language), to_dict()
        Errors    SettingsError for an unknown name; DataError as for replay
        Example   >>> run.find(lambda step: abs(step.backward.dW[1]).max() > 1)  # doctest: +SKIP
        """
        from chainrule.diagnose.search.find import History, find, first_that_fits

        wanted = range(self.n_steps)[steps if isinstance(steps, slice) else slice(None)]
        if isinstance(steps, range):
            wanted = range(self.n_steps)[slice(steps.start, steps.stop, steps.step)]
        rows = self._prepared(data)
        if not callable(what):
            self.require(STEPS)
        replayer = self.replayer(rows)
        with np.errstate(all="ignore"):
            history = History(
                record=replayer.record,
                task=self._task(rows),
                engine=self.engine,
                losses=self.losses,
                events=self.events,
                index=self.index,
            )
            if callable(what):
                return first_that_fits(history, (self._step(t, rows) for t in wanted), what)
            return find(history, what, wanted)

    def doctor(self, data: tuple[Any, ...] | None = None) -> Diagnosis:
        """What went wrong first in this run, what followed from it, and what would put it right.

        Suspects are tried by replay: the first steps again with one thing changed. Takes seconds; see
        docs/doctor.md for the rules.

        Args      data: as for replay
        Returns   Diagnosis: iterates over findings, first cause first; healthy, text(language), to_json()
        Errors    DataError as for replay
        """
        from chainrule.api.diagnosis import doctor

        return doctor(self, data)

    def vitals(
        self,
        steps: range | slice | Iterable[int] | None = None,
        data: tuple[Any, ...] | None = None,
        *,
        sharpness: bool = True,
    ) -> Vitals:
        """The vital signs of this run at chosen steps, all by replay: nothing is paid until it is asked for.

        Args      steps: as for replay, else the first ones closely and then along the checkpoints; data: as for
                  replay; sharpness: also the largest curvature λ, about 40 gradients of 256 rows a step
        Returns   Vitals: iterates over StepSigns (η·λ, overshoot α, update ratios, gradient norms split into
                  factors, silent and saturated units, gradient noise); deaths; text(language), to_dict()
        Errors    SettingsError for a step that is not in the run; DataError as for replay
        """
        from chainrule.api.diagnosis import vitals

        return vitals(self, steps, data, sharpness)

    def learning_rate(self, data: tuple[Any, ...] | None = None) -> LearningRate:
        """What learning rate is too large, too small and right for this training, from its start and on its rows.

        It becomes `examined`, is kept in the run's directory where it has one, and its page shows it.

        Args      data: as for replay
        Returns   LearningRate, as of chainrule.learning_rate
        Errors    DataError as for replay, or where no learning rate keeps the loss finite
        """
        from chainrule.api.learning_rate import of_run

        return of_run(self, data)

    def _number(self, t: int) -> int:
        """A step's number from 0, where negative ones count from the end."""
        step = operator.index(t)
        step += self.n_steps if step < 0 else 0
        if not 0 <= step < self.n_steps:
            raise SettingsError(
                f"step {t} is not in this run; expected 0 to {self.n_steps - 1} (steps are numbered from 0)."
            )
        return step

    def _prepared(self, data: tuple[Any, ...] | None) -> Rows:
        """The rows, verified; a replay by another engine than recorded is said once."""
        self.require(*self.needed_to_replay)
        rows = self._rows(data)
        if self.engine_differs and not self._warned:
            self._warned = True
            warnings.warn(self.engine_differs, ReplayWarning, stacklevel=3)
        return rows

    @property
    def needed_to_replay(self) -> tuple[str, ...]:
        """The files of a run's directory, besides rows and checkpoints, that a step depends on."""
        return (EVENTS, SPLIT, *((HISTORY,) if self.settings.schedule == "plateau" else ()))

    def require(self, *names: str) -> None:
        """Raise what is wrong with the first of these files of the run that is damaged; nothing where none is."""
        for name in names:
            if name in self.lost:
                raise self.lost[name]

    def _step(self, step: int, rows: Rows) -> Step:
        with np.errstate(all="ignore"):
            record = self.replayer(rows).record(step)
        _, step_settings = settings_at(step, self.settings, self.events)
        weight = None if rows.weight is None else rows.weight[record.rows]
        total = float(len(record.rows)) if weight is None else float(weight.sum(dtype=np.float64))
        step_settings = replace(step_settings, l2=step_settings.l2_of(total), alpha=0.0)
        return Step(
            record=record,
            architecture=self.network.architecture,
            settings=step_settings,
            optimizer=self.settings.optimizer.to_dict(),
            rows=record.rows if self.index is None else self.index[record.rows],
            targets=rows.targets[record.rows],
            weight=weight,
            n_steps=self.n_steps,
            engine=self.engine.name,
            exact_sums=self.engine.exact_sums,
        )

    def replayer(self, rows: Rows) -> Replayer:
        """The session that goes to any step of this run, made once for these rows."""
        if self._replayer is None or self._replayer[0] is not rows:
            session = self.engine.start(self._task(rows), settings_at(0, self.settings, ())[1])
            known = Remembered() if self._replayer is None else self._replayer[1].remembered
            replayer = Replayer(
                session=session,
                checkpoints=self.checkpoints,
                settings=self.settings,
                events=self.events,
                plateau_factor=self._factor,
                steps_per_epoch=self.steps_per_epoch,
                remembered=known,
            )
            self._replayer = (rows, replayer)
        return self._replayer[1]

    @property
    def reach(self) -> dict[str, float]:
        """What it takes to see a step: the most steps to do before it, the seconds of one, and of all of them."""
        kept = self.result.get("replay", {})
        gap = int(kept.get("checkpoint_gap", self.checkpoints.longest_gap(self.n_steps)))
        one = float(kept.get("step_seconds", self.result.get("seconds", 0.0) / max(self.n_steps, 1)))
        return {"steps": gap, "step_seconds": one, "seconds": gap * one}

    @property
    def engine_differs(self) -> str | None:
        """How the engine at hand differs from the recorded one in what bits depend on; None where it does not."""
        before, now = self.engine_record, self.engine.describe()
        same_kind = before.get("engine") == now["engine"]
        names = ("numpy", "blas") if same_kind else ("engine",)  # the native engine has one set of bits everywhere
        told = [f"{name} {before[name]}, here {now[name]}" for name in names if _differ(before, now, name)]
        if not told:
            return None
        return (
            f"this run was trained with {'; '.join(told)}: steps are recomputed to rounding, not to the bit. "
            "Replay where it was trained for the same bits."
        )

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the session that replays: it is made again when asked for."""
        return {**vars(self), "_replayer": None}

    def _task(self, rows: Rows) -> Task:
        s = self.settings
        return Task(
            architecture=self.network.architecture,
            X=rows.X,
            targets=rows.targets,
            weight=rows.weight,
            optimizer=s.optimizer.name,
            batch_size=s.batch_size,
            seed=s.seed,
            shuffle=s.shuffle,
        )

    def _factor(self, epoch: int) -> float:
        known = self.history.get(PLATEAU_NAME, [])
        return known[min(epoch, len(known) - 1)] if known else 1.0

    def _rows(self, data: tuple[Any, ...] | None) -> Rows:
        rows = self.rows
        if data is None and rows is not None and rows is self._own:
            return rows  # read from the run's own file and verified then; nobody else holds them
        if data is None and rows is not None and self._is_verified(rows):
            return rows
        if data is not None:
            rows = prepare_rows(self.network, *data, class_weight=self.class_weight, index=self.index)
        elif rows is None and self.directory is not None and os.path.lexists(self.directory / DATA):
            rows = self._own = self._read_rows(self.directory / DATA)
        if rows is None:
            raise DataError(
                "this run did not keep its data; expected replay(t, data=(X, y)) with the X and y given to train."
            )
        if not self._are_of_training(rows):
            raise DataError(
                "the data differ from those of the training; give X, y and sample_weight exactly as they were."
            )
        n_steps = -(-len(rows.X) // self.settings.batch_size)
        if n_steps != self.steps_per_epoch:
            raise DataError(
                f"the data have {len(rows.X)} rows, {n_steps} steps an epoch; expected {self.steps_per_epoch} steps. "
                "Give X, y and sample_weight exactly as they were."
            )
        self.rows, self._verified = rows, (rows, rows.glance)
        return rows

    def _read_rows(self, path: Path) -> Rows:
        """The rows a run kept, checked as those that are given; only their own file is read."""
        kept = contents.read_rows(path, self.network.architecture)
        with stored.naming(path):
            rows = prepare_rows(self.network, kept["X"], kept["targets"], kept.get("weight"))
        self.held_out = kept.get("held_out")
        return rows

    def _are_of_training(self, rows: Rows) -> bool:
        """Whether rows are those of the training: by the fingerprint, or by the glance where that alone was taken."""
        if self.recorded_fingerprint is None:
            return rows.glance == self.glance
        return rows.fingerprint == self.recorded_fingerprint

    def _is_verified(self, rows: Rows) -> bool:
        """Whether these very rows were seen to be those of the training, and are as they were then."""
        return self._verified is not None and self._verified[0] is rows and self._verified[1] == rows.glance

    @property
    def kept_rows(self) -> Rows:
        """The training rows, where the run kept them; else DataError."""
        return self._rows(None)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model alone (architecture, best parameters, pipeline) as one safetensors file."""
        write_model(Path(path), self.network.parameters, self.about(), self.pipeline_arrays)

    def report(
        self, path: str | os.PathLike[str], data: tuple[Any, ...] | None = None, *, size_mb: float = 7.0
    ) -> Path:
        """A page that shows this run and recomputes its numbers in the reader's browser, as one file.

        Args      data: as for replay, needed where the run did not keep its rows and steps are to be shown;
                  size_mb: how much the steps may take; more room keeps more of them
        Returns   the path written
        Errors    DataError for altered data; ModelFileError if the file cannot be written
        """
        from chainrule.api.report import write_report

        return write_report(self, path, data, size_mb)

    def about(self) -> dict[str, Any]:
        """What the model file says besides its arrays."""
        return {"targets": self.network.kind, "pipeline": self.pipeline, "seed": self.network.seed}

    def __repr__(self) -> str:
        end = f"{self.result.get('stopped')} after {len(self.history.get('loss', []))} epochs, {self.n_steps} steps"
        return f"Run({self.network.architecture}, {self.settings.optimizer.name}, {end})"


def _differ(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> bool:
    return name in before and name in now and before[name] != now[name]
