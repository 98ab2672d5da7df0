"""The public Run: what a training came to, and the way back to any of its steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from chainrule.api.history import TrainingHistory
from chainrule.api.network import Network
from chainrule.api.shown import ShownRun
from chainrule.api.step import Step, step_of
from chainrule.api.tables import PredictsTables
from chainrule.engine.protocol import Engine
from chainrule.errors import named_path
from chainrule.run.model import write_model
from chainrule.run.names import STEPS
from chainrule.run.record import RunRecord
from chainrule.run.replayer import RunReplayer
from chainrule.run.rows import Rows
from chainrule.run.table_sample import TableSample

if TYPE_CHECKING:
    from chainrule.diagnose.doctor.finding import Diagnosis
    from chainrule.diagnose.search.found import Found
    from chainrule.diagnose.vitals.measure import Vitals
    from chainrule.tune.found import LearningRate, Suggestion


class Run(ShownRun, PredictsTables):
    """A finished training, made by `train` and `load`. Steps are numbered from 0; see `replay`.

    Attributes
    ----------
    network : Network
        With the best (with validation) or the last parameters.
    settings : Settings
        Optimizer, batch size, penalties, … of the training.
    history : TrainingHistory
        A dict of lists, one entry an epoch; a notebook shows its curves.
    losses : array (n_steps,)
        J of every step's batch.
    events : list of Event
        Changes to the training that do not follow from settings, seed, data and step.
    result : dict
        How it ended, in plain values.
    diverged : DivergedError or None
        What ended the training, where it was that.
    directory : Path or None
        Where the run is kept.
    source : dict or None
        Where the rows came from.
    pipeline : dict or None
        That of a training on a table; see `encode`.
    index : array or None
        Which of the rows given to train were trained on; None where all were.
    steps_per_epoch : int
        Steps of an epoch.
    checkpoints : CheckpointStore
        The states that replay begins at.
    engine : Engine
        Who replays.
    examined : Suggestion or None
        What was found about the learning rate: by learning_rate="auto" of train, or by `learning_rate`.
    unwritten : dict
        What could not be written to the directory at the end of the training, and why.
    record : RunRecord
        All of this as stored, for tools.

    Examples
    --------
    >>> import chainrule as cr
    >>> X, y = [[0.0], [1.0]], [[0.0], [2.0]]
    >>> net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")
    >>> run = cr.train(net, X, y, batch_size=1, epochs=3, progress=False)
    >>> run.n_steps, len(run.history["loss"])
    (6, 3)
    """

    def __init__(
        self,
        record: RunRecord,
        engine: Engine,
        rows: Rows | None = None,
        held_out: npt.NDArray[Any] | None = None,
        examined: Suggestion | None = None,
        table_sample: TableSample | None = None,
    ) -> None:
        self.record, self.engine, self.examined = record, engine, examined
        self.network = Network.of(record.parameters, record.kind, record.seed, record.initializers)
        self.settings, self.history, self.losses = record.settings, TrainingHistory(record.history), record.losses
        self.events, self.result, self.diverged = record.events, record.result, record.diverged
        self.directory, self.source, self.index = record.directory, record.source, record.index
        self.steps_per_epoch, self.checkpoints = record.steps_per_epoch, record.checkpoints
        self.unwritten = record.unwritten
        self.pipeline, self._pipeline_arrays = record.pipeline, record.pipeline_arrays
        self._replayer = RunReplayer(record, engine, rows, held_out, table_sample)

    @property
    def n_steps(self) -> int:
        """Steps that were done."""
        return self.record.n_steps

    @property
    def table_sample(self) -> TableSample | None:
        """The cells of some training rows, of a run of a table that kept them."""
        return self._replayer.table_sample

    @table_sample.setter
    def table_sample(self, sample: TableSample) -> None:
        self._replayer.table_sample = sample

    @property
    def rows(self) -> Rows | None:
        """The training rows, if they are in memory."""
        return self._replayer.rows

    @property
    def kept_rows(self) -> Rows:
        """The training rows, in memory or read from the run directory, verified; otherwise DataError."""
        return self._replayer.rows_of(None)

    @property
    def fingerprint(self) -> str:
        """The sha256 over the training rows; DataError if it was not taken yet and they were altered since."""
        return self._replayer.fingerprint()

    @property
    def reach(self) -> dict[str, float]:
        """What it takes to see a step: the most steps to do before it, the seconds of one, and of all of them."""
        return self.record.reach

    @property
    def engine_differs(self) -> str | None:
        """How the current engine differs from the recorded one in what the bits depend on; None if it does not."""
        return self._replayer.engine_differs

    @overload
    def replay(self, t: int, data: tuple[Any, ...] | None = None) -> Step: ...
    @overload
    def replay(self, t: slice | Iterable[int], data: tuple[Any, ...] | None = None) -> Iterator[Step]: ...
    def replay(self, t: Any, data: tuple[Any, ...] | None = None) -> Step | Iterator[Step]:
        """Recompute step t exactly as it was, from the nearest state before it.

        Parameters
        ----------
        t : int, or range, slice or iterable of int
            The step, 0 … n_steps − 1, or negative from the end. Several steps are computed when they are asked for, one
            session moving from each to the next.
        data : tuple, optional
            (X, y) or (X, y, sample_weight) as given to `train`, needed where the run did not keep them.

        Returns
        -------
        Step or iterator of Step
            The step, or the steps one by one.

        Raises
        ------
        SettingsError
            If the step is not in the run.
        DataError
            If the data are missing, or are not those of the training.

        Examples
        --------
        >>> import chainrule as cr
        >>> X, y = [[0.0], [1.0]], [[0.0], [2.0]]
        >>> net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")
        >>> run = cr.train(net, X, y, epochs=3, progress=False)
        >>> [step.backward.loss for step in run.replay(range(3))] == run.losses.tolist()
        True
        """
        if isinstance(t, slice):
            t = range(*t.indices(self.n_steps))
        elif not isinstance(t, Iterable):
            step = self._replayer.number(t)
            return step_of(self._replayer, step, self._replayer.prepared(data))
        if isinstance(t, range):
            for end in (*t[:1], *t[-1:]):
                self._replayer.number(end)
        rows = self._replayer.prepared(data)
        return (step_of(self._replayer, self._replayer.number(one), rows) for one in t)

    def find(
        self,
        what: str | Callable[[Step], Any],
        steps: range | slice | None = None,
        data: tuple[Any, ...] | None = None,
    ) -> Found | None:
        """Find the first step at which something happened.

        Parameters
        ----------
        what : str or callable
            "non-finite" (it persists: found by halving), "dead unit" (a rectifier that no training row opens, or the
            flat side of another activation; units revive, so every step is looked at), "saturated unit" (sigmoid and
            tanh), "loss doubles" (from the recorded losses), or a function of a Step, the first for which it is true.
        steps : range or slice, optional
            Where to look; everywhere by default.
        data : tuple, optional
            As for `replay`.

        Returns
        -------
        Found or None
            Step, epoch, layer, unit, row, example and evidence; None if it never happened.

        Raises
        ------
        SettingsError
            If the name is unknown.
        DataError
            As for `replay`.

        Examples
        --------
        >>> import chainrule as cr
        >>> X, y = [[0.0], [1.0]], [[0.0], [2.0]]
        >>> net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")
        >>> run = cr.train(net, X, y, epochs=3, progress=False)
        >>> run.find(lambda step: step.backward.loss < 0) is None
        True
        """
        from chainrule.diagnose.search.find import History, find, first_that_fits

        wanted = range(self.n_steps)[steps if isinstance(steps, slice) else slice(None)]
        if isinstance(steps, range):
            wanted = range(self.n_steps)[slice(steps.start, steps.stop, steps.step)]
        replayer, record = self._replayer, self.record
        rows = replayer.prepared(data)
        if not callable(what):
            record.require(STEPS)
        with np.errstate(all="ignore"):
            history = History(
                record=replayer.session(rows).record,
                task=replayer.task(rows),
                engine=self.engine,
                losses=record.losses,
                events=record.events,
                index=record.index,
            )
            if callable(what):
                return first_that_fits(history, (step_of(replayer, t, rows) for t in wanted), what)
            return find(history, what, wanted)

    def doctor(
        self, data: tuple[Any, ...] | None = None, *, thorough: bool = False, progress: bool | str = "auto"
    ) -> Diagnosis:
        """Find what went wrong first in this run, what followed from it, and what would put it right.

        Suspects are tried by replay: the first steps again with one thing changed. It takes seconds; docs/doctor.md
        has the rules.

        Parameters
        ----------
        data : tuple, optional
            As for `replay`.
        thorough : bool, default False
            Whether trials are as long as they tell anything. Else those of a long training are cut, so that an answer
            comes within a tenth of its time or about 5 s, whichever is more; the text then says so.
        progress : bool or str, default "auto"
            Whether to show what is being done; "auto" does so in a terminal.

        Returns
        -------
        Diagnosis
            Iterates over findings, first cause first; `healthy`, `text(language)`, `to_json()`.

        Raises
        ------
        DataError
            As for `replay`.
        """
        from chainrule.api.diagnosis import doctor

        return doctor(self._replayer, data, thorough=thorough, progress=progress)

    def vitals(
        self,
        steps: range | slice | Iterable[int] | None = None,
        data: tuple[Any, ...] | None = None,
        *,
        sharpness: bool = True,
    ) -> Vitals:
        """Measure the vital signs of this run at chosen steps, all by replay.

        Parameters
        ----------
        steps : int, range, slice or iterable of int, optional
            As for `replay`; by default the first ones closely and then along the checkpoints.
        data : tuple, optional
            As for `replay`.
        sharpness : bool, default True
            Whether to measure the largest curvature λ too, about 40 gradients of 256 rows a step.

        Returns
        -------
        Vitals
            Iterates over StepSigns: η·λ, overshoot α, update ratios, gradient norms split into factors, silent and
            saturated units, gradient noise.

        Raises
        ------
        SettingsError
            If a step is not in the run.
        DataError
            As for `replay`.
        """
        from chainrule.api.diagnosis import vitals

        return vitals(self._replayer, steps, data, sharpness)

    def learning_rate(self, data: tuple[Any, ...] | None = None) -> LearningRate:
        """Find what learning rate is too large, too small and right for this training, from its start and on its rows.

        It becomes `examined`, is kept in the run's directory where it has one, and its page shows it.

        Parameters
        ----------
        data : tuple, optional
            As for `replay`.

        Returns
        -------
        LearningRate
            As of `chainrule.learning_rate`.

        Raises
        ------
        DataError
            As for `replay`, or if no learning rate keeps the loss finite.
        """
        from chainrule.api.learning_rate import of_run

        self.examined = found = of_run(self._replayer, data)
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model alone (architecture, best parameters, pipeline) as one safetensors file.

        Parameters
        ----------
        path : str or path
            The file.

        Raises
        ------
        ModelFileError
            If it cannot be written.
        SettingsError
            If the path is empty.
        """
        file = named_path(path, "path", "model.safetensors")
        write_model(file, self.network.parameters, self.record.about_model(), self._pipeline_arrays)

    def report(
        self, path: str | os.PathLike[str], data: tuple[Any, ...] | None = None, *, size_mb: float = 7.0
    ) -> Path:
        """Write a page that shows this run and recomputes its numbers in the reader's browser, as one file.

        Parameters
        ----------
        path : str or path
            The file.
        data : tuple, optional
            As for `replay`; needed where the run did not keep its rows and steps are to be shown.
        size_mb : float, default 7.0
            How much the steps may take, in MB; more room keeps more of them.

        Returns
        -------
        path
            The file that was written.

        Raises
        ------
        DataError
            If the data are not those of the training.
        ModelFileError
            If the file cannot be written.
        SettingsError
            If the path is empty.
        """
        from chainrule.api.report import write_report

        return write_report(self._replayer, path, data, size_mb, self.examined)
