"""The public Run: what a training came to, and the way back to any of its steps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from chainrule.api.columns import ExplainsTables
from chainrule.api.diagnoses import DiagnosesRuns
from chainrule.api.going_on import GoesOn
from chainrule.api.history import TrainingHistory
from chainrule.api.network import Network
from chainrule.api.shown import ShownRun
from chainrule.api.step import Step, step_of
from chainrule.engine.protocol import Engine
from chainrule.errors import named_path
from chainrule.run.member_replayer import MemberReplayer
from chainrule.run.model import write_model
from chainrule.run.record import RunRecord
from chainrule.run.replayer import RunReplayer
from chainrule.run.rows import Rows
from chainrule.run.table_sample import TableSample

if TYPE_CHECKING:
    from chainrule.api.source_rows import SourceRows
    from chainrule.pipeline.table_pipeline import TablePipeline
    from chainrule.tune.found import Suggestion


class Run(ShownRun, DiagnosesRuns, ExplainsTables, GoesOn):
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
        validation: Rows | None = None,
        examined: Suggestion | None = None,
        table_sample: TableSample | None = None,
    ) -> None:
        self._take(RunReplayer(record, engine, rows, validation, table_sample), examined)

    @classmethod
    def _of(cls, replayer: RunReplayer, examined: Suggestion | None = None) -> Run:
        """The Run of a training that just ended."""
        run = cls.__new__(cls)
        run._take(replayer, examined)
        return run

    def _take(self, replayer: RunReplayer, examined: Suggestion | None) -> None:
        record, self._replayer = replayer.record, replayer
        self.record, self.engine, self.examined = record, replayer.engine, examined
        self.network = Network.of(record.parameters, record.kind, record.seed, record.initializers)
        self.settings, self.history, self.losses = record.settings, TrainingHistory(record.history), record.losses
        self.events, self.result, self.diverged = record.events, record.result, record.diverged
        self.directory, self.source, self.index = record.directory, record.source, record.index
        self.steps_per_epoch, self.checkpoints = record.steps_per_epoch, record.checkpoints
        self.unwritten = record.unwritten
        self.pipeline, self._pipeline_arrays = record.pipeline, record.pipeline_arrays

    @property
    def members(self) -> tuple[Run, ...]:
        """What makes up the model: the trainings of an ensemble, a view of each of K networks side by side, or this."""
        K = self.record.architecture.members
        return (self,) if K == 1 else tuple(Run._of(MemberReplayer(self._replayer, k)) for k in range(K))

    @property
    def n_steps(self) -> int:
        """Steps that were done."""
        return self.record.n_steps

    @property
    def _table_sample(self) -> TableSample | None:
        """The cells of some training rows, of a run of a table that kept them."""
        return self._replayer.table_sample

    @_table_sample.setter
    def _table_sample(self, sample: TableSample) -> None:
        self._replayer.table_sample = sample

    @property
    def _seed(self) -> int:
        return self.settings.seed

    def _source_rows(self, pipeline: TablePipeline) -> SourceRows:
        from chainrule.api.source_rows import source_rows

        return source_rows(self.record, pipeline)

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

    def card(self, language: str = "en", *, data: Any = None) -> str:
        """Describe the model as a model card in Markdown, with the metadata that model hubs read.

        Parameters
        ----------
        language : {"en", "ko"}, default "en"
            English or Korean.
        data : DataFrame, Arrow table, mapping of columns, or path, optional
            Rows with their targets to measure on; if None, the source of the run is read again for the rows that
            training held out, without these a built-in set's test rows, else those of training.

        Returns
        -------
        str
            Measures with 95 % intervals beside the simplest prediction, calibration, importances, columns, limits,
            settings, and what is needed to train it again to the bit.

        Raises
        ------
        DataError
            If a column or target of data is missing or cannot be read.
        SettingsError
            If the language is unknown.

        Notes
        -----
        Intervals are percentiles of the measures over 200 draws of the rows with replacement.

        References
        ----------
        Mitchell et al. (2019), Model cards for model reporting

        Examples
        --------
        >>> import chainrule as cr
        >>> run = cr.train("iris", epochs=2, progress=False)
        >>> print(run.card())  # doctest: +ELLIPSIS
        ---
        library_name: chainrule
        pipeline_tag: tabular-classification
        ...
        """
        from chainrule.api.card import card_facts
        from chainrule.card.markdown import card_text
        from chainrule.words import known_language

        language = known_language(language)
        return card_text(card_facts(self, data), language)
