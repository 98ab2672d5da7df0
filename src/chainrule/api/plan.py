"""plan and train: from a table to the plan of its training and to its Run, in two calls or in one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from chainrule.api.arguments import check_dialect, column_names, origin_of, plain, refuse_no_target, settings_by_name
from chainrule.api.ensemble_training import train_chosen
from chainrule.api.model_selection import choose
from chainrule.api.run import Run
from chainrule.api.tables import as_source, is_table
from chainrule.api.workers import is_one, train_by_workers
from chainrule.data.table import Selection, missing_cells
from chainrule.distributed.world import LEAVES
from chainrule.errors import DataError, SettingsError
from chainrule.planning import summary
from chainrule.planning.candidates import Candidate
from chainrule.planning.large import CACHE_ABOVE_MB, is_large, plan_large
from chainrule.planning.plan import TrainingPlan, plan_source
from chainrule.planning.request import AUTO, Request
from chainrule.planning.task import PredictionTask
from chainrule.run.directory import RunDirectory
from chainrule.training.settings import SETTINGS

OF_TRAINING = ("directory", "time_limit", "resume", "keep_data", "callbacks", "progress", "on_divergence", "report")
"""Arguments of train for a table that are not part of its plan."""
OWN = ("validation", "few_rows", "class_weight")
"""Fields of a request that a plan of a table has no name for, or a parameter of its own."""


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """What a table was understood as, and what will be trained on it; nothing is trained before `train`.

    Attributes
    ----------
    details : TrainingPlan
        All of it: the rows by what they are for, their encoded inputs.
    class_weight : "balanced" or mapping, optional
        The weight of each class.
    engine : str
        One of "auto", "native" and "numpy".
    stated : mapping
        The arguments of `chainrule.plan` by name, the table among them.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.plan("iris").task.name
    'classification'
    """

    details: TrainingPlan
    class_weight: Any = None
    engine: str = "auto"
    stated: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def task(self) -> PredictionTask:
        """Classes, labels or values, and the reason."""
        return self.details.task

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The training that will be done, behind the simpler ones that are tried before it."""
        return self.details.candidates

    def summary(self) -> str:
        """Describe what each column was taken for, the rows, the target and the candidates.

        Returns
        -------
        str
            Lines of text.
        """
        return summary.summary(self.details)

    def train(
        self, directory: str | os.PathLike[str] | None = None, *, time_limit: float | None = None, resume: bool = False,
        epochs: int | None = None, workers: int | str | None = None, **how: Any,
    ) -> Run:  # fmt: skip
        """Try the candidates, train the one that is taken.

        Parameters
        ----------
        directory : path, optional
            Where the run is kept.
        time_limit : float, optional
            Seconds for trials and training together.
        resume : bool
            Whether to continue the run in the directory; a new run is started if there is none.
        epochs : int, optional
            Where a finished run goes on: how many it is to have altogether.
        workers : int or "auto", optional
            As for `chainrule.train`: the table, a path or arrays, is planned again by worker 0, to the same plan.
        **how
            The keep_data, callbacks, progress, on_divergence and report, as for `chainrule.train`.

        Returns
        -------
        Run
            Its predict, evaluate and encode take raw columns.

        Raises
        ------
        SettingsError, DataError
            As for `chainrule.train`.
        """
        if workers is not None:
            of_call = {"directory": directory, "time_limit": time_limit, "resume": resume, "epochs": epochs}
            return self._by_workers(workers, {name: one for name, one in of_call.items() if one is not None} | how)
        plan, folder = self.details, None if directory is None else RunDirectory(directory)
        limit = {} if time_limit is None else {"time_limit": SETTINGS["time_limit"].check(time_limit)}
        plan = replace(plan, candidates=tuple(replace(c, settings=c.settings | limit) for c in plan.candidates))
        if plan.request.settings.get("learning_rate") == AUTO:
            how = {"learning_rate": AUTO} | how
        how |= {"class_weight": self.class_weight, "engine": self.engine, "directory": folder, "resume": resume}
        with contextlib.nullcontext() if folder is None else folder.claimed():
            if folder is not None and folder.is_taken and not resume:
                raise SettingsError(f"{folder.path}: holds a run already; name another folder, or give resume=True.")
            begun = folder.path if folder is not None and resume else None
            chosen = choose(plan, self.class_weight, self.engine, begun, how.get("progress", "auto"), epochs)
            return train_chosen(plan, chosen, **how)

    def _by_workers(self, workers: int | str, how: dict[str, Any]) -> Run:
        given = {name: value for name, value in self.stated.items() if value is not None and value != ()}
        given = {"leaves": LEAVES} | given
        if is_one(workers, given):
            return plan(**given).train(**how)
        return train_by_workers(workers, given.pop("table"), (), given | how)

    def __repr__(self) -> str:
        counts = ", ".join(f"{n:,} {name}" for name, n in self.details.counts.items())
        return f"TablePlan({self.details.table.path}: {self.task.name}, {counts}; {self.candidates[-1].name})"


def plan(
    table: Any,
    target: str | Sequence[str] | None = None,
    *,
    drop: str | Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
    preset: str = "auto",
    seed: int = 0,
    task: str = "auto",
    weight: str | None = None,
    validation: Any = None,
    valid_by: str | None = None,
    valid_after: str | None = None,
    missing: Sequence[str] | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    dialect: Mapping[str, Any] | None = None,
    class_weight: Any = None,
    engine: str = "auto",
    cache: str | Path | None = None,
    **stated: Any,
) -> TablePlan:
    """What a table is, and how a network will be trained on it: task, hold-out or folds, pipeline, candidates.

    Parameters
    ----------
    table : path, DataFrame, Arrow table, mapping of columns, or name
        CSV, TSV, Parquet, Arrow or NPZ; a frame of pandas, polars or pyarrow; a built-in set such as "iris". Files
        larger than memory are encoded into a cache and trained on from there.
    target : str or sequence of str
        The column or columns to predict. A built-in set and an NPZ have their own.
    drop : str or sequence of str
        Columns to leave out.
    kinds : mapping, optional
        What columns hold, by name: "number", "boolean", "category", "time", "time:dmy" and others (docs/data.md).
    preset : str
        What is taken where nothing is stated: "auto", "fast", "plain", "strong" (an ensemble), "tabm-mini", "realmlp".
    seed : int
        The one number all randomness follows from.
    task : str
        "auto", "classification" or "regression".
    weight : str, optional
        The column of row weights, ≥ 0; a row of weight 2 counts as the row twice.
    validation : float or table, optional
        The share of the rows held out to judge the epochs by, 0.2 by default, or rows of their own. Below 500 rows
        nothing is held out by default: candidates are compared by cross-validation.
    valid_by : str, optional
        A column of groups, such as persons: each is held out whole or not at all.
    valid_after : str, optional
        A moment, "2015-06-01" or "column=2015-06-01": the rows that are later are held out.
    missing : sequence of str, optional
        Cells of text that mean a missing value, besides the empty one; after "+" those besides the usual NA, ? ….
    decimal, thousands : str, optional
        The marks of numbers that are text, such as "," and "."; by default what the columns show.
    dialect : mapping, optional
        How a file is written if that is not to be detected: delimiter, quote, decimal, thousands, encoding, dates, skip
        (lines above the header), header (False if there is none), comment, sheet (docs/data.md).
    class_weight : "balanced", mapping or sequence, optional
        As for `chainrule.train`, by names in the table; the statistics of the columns are weighted by it too.
    engine : str
        "auto", "native" or "numpy".
    cache : path, optional
        The folder of encoded rows to train from, made where it is not there yet.
    **stated
        Any setting of `chainrule.train` (epochs, batch_size, l2, dropout, schedule, early_stopping, metric, threads,
        …), optimizer (a name, or one such as SGD(0.1)) and its hyper-parameters, and of the network hidden_sizes,
        activation, normalization, residual, parametric, input_scale, embedding, side_by_side, output, loss,
        initializer, dtype;
        target_scale; scaling, n_bins of numbers; neighbours=False to store no rows; screening=False to leave no
        column out; members, how many are averaged; positive, one of two classes; intervals=(0.1, 0.9), levels.

    Returns
    -------
    TablePlan
        `summary()` says it in words, `train()` does it.

    Raises
    ------
    SettingsError
        No target, an unknown name, an impossible value.
    DataError
        The table cannot be read, or holds no such column.

    Examples
    --------
    >>> import chainrule as cr
    >>> chosen = cr.plan("iris")
    >>> chosen.task.name, chosen.details.counts
    ('classification', {'train': 120, 'test': 30})
    >>> cr.plan("iris", validation=0.25, epochs=5).details.counts
    {'train': 90, 'validation': 30, 'test': 30}
    """
    given = {name: value for name, value in locals().items() if name != "stated"} | stated
    if not is_table(table):
        message = "must be a path, a DataFrame, an Arrow table or a mapping of columns"
        raise DataError(f"table is a {type(table).__name__}: {message}.")
    source = as_source(table)
    names = {entry.name for entry in fields(Request)} - set(OWN)
    settings = settings_by_name({name: value for name, value in stated.items() if name not in names})
    request = Request(
        preset=preset, task=task, seed=seed, settings=settings, class_weight=class_weight,
        validation=as_source(validation) if is_table(validation) else validation, valid_by=valid_by,
        valid_after=valid_after,
        **{name: plain(value) for name, value in stated.items() if name in names},
    )  # fmt: skip
    marks = {name: mark for name, mark in (("decimal", decimal), ("thousands", thousands)) if mark is not None}
    selection = Selection(
        targets=column_names(target) or None,
        weight=weight,
        drop=column_names(drop),
        kinds=dict(kinds or {}),
        missing=missing_cells(None if missing is None else list(missing)),
        **check_dialect({**(dialect or {}), **marks}),
    )
    if selection.targets is None:
        refuse_no_target(source, dialect or {})
    origin = origin_of(source, selection, validation)
    if is_large(source, cache, CACHE_ABOVE_MB):
        found = plan_large(source, selection, request, origin=origin, cache=cache)
    else:
        found = plan_source(source, selection, request, origin=origin)
    return TablePlan(details=found, class_weight=found.request.class_weight, engine=engine, stated=given)
