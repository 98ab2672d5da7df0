"""From a table to the plan of its training: task, which rows are for what, pipelines fitted once, candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import builtin
from chainrule.data.folds import N_FOLDS, folds
from chainrule.data.read import read
from chainrule.data.split import HeldOut, holdout, repeated_holdout
from chainrule.data.table import Selection, Table, Understood, no_such
from chainrule.errors import DataError, SettingsError, unknown_name
from chainrule.network.class_weights import balanced_by_weight
from chainrule.pipeline.columns import SCALINGS
from chainrule.pipeline.screen import telling
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels, Target, Values
from chainrule.planning.apart import held_apart, split_at
from chainrule.planning.candidates import Candidate, make_candidates, output_and_loss
from chainrule.planning.class_weights import with_class_indices
from chainrule.planning.inputs import Arrays, EncodedRows, encode_rows, some
from chainrule.planning.parts import check_weights, has_target, read_like_training, read_test, with_targets
from chainrule.planning.preset import Preset
from chainrule.planning.presets import FEW_ROWS, WITHOUT_TRIALS, few_rows, preset
from chainrule.planning.request import Request
from chainrule.planning.task import PredictionTask, choose_task
from chainrule.run.rows import weighted_by_class
from chainrule.status import doing
from chainrule.visible import short_repr

Rows = npt.NDArray[np.int64]
N_SPLITS = 3
SEVERAL_SPLITS_BELOW = 1_500
"""Of fewer rows several ways to hold a share out are tried."""


@dataclass(frozen=True, kw_only=True)
class Resample:
    """One way to try a candidate: rows to train on, rows to judge the result by, and the seed of the training."""

    rows: Arrays
    seed: int
    validation: HeldOut | Arrays | None = None
    """As train takes it; its loss at the end of the last epoch counts."""
    outside: Arrays | None = None
    """Rows of one fold, which the training never sees: their loss counts."""
    fold: int = 0
    __repr__ = short_repr


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What was understood of a table, and what will be done with it."""

    request: Request
    table: Table
    """The rows that have a target; of a large source a sample of those to train on."""
    parts: dict[str, Table]
    """train, validation where rows are held out or given, and test where there is one."""
    counts: dict[str, int]
    """Rows of each part."""
    task: PredictionTask
    candidates: tuple[Candidate, ...]
    """What will be done; before it, simpler trainings, one of which may be done instead."""
    share: float | None = None
    """The share of the rows that is held out."""
    fold: Rows | None = None
    """The fold of each row, where there are so few that candidates are compared by cross-validation."""
    is_apart: bool = False
    """Whether valid_by or valid_after decide which rows are held out, and not chance."""
    n_left_out: int = 0
    """Rows without any target."""
    source: dict[str, Any] = field(default_factory=dict)
    """Where the rows came from, for the record of a run."""
    cache: Path | None = None
    """The folder that the encoded rows are mapped from, where they are many."""
    __repr__ = short_repr

    @property
    def n_read(self) -> int:
        """Rows of the source that have a target."""
        held_out = self.counts["validation"] if self.share is not None else 0
        return self.counts["train"] + held_out

    def record(
        self, index: int, trials: Sequence[Mapping[str, Any]] = (), candidate: Candidate | None = None
    ) -> dict[str, Any]:
        """Where the rows came from, which candidate was taken and which were tried, for the record of a run.

        Arguments: candidate: the one that is trained, whose model may hold training rows.
        """
        cache = {} if self.cache is None else {"cache": str(self.cache.resolve())}
        source = {name: value for name, value in self.source.items() if name == "data"}
        target = list(self.candidates[index].pipeline.target.columns)
        source |= {"target": target, "task": self.task.name, **self.source}
        source["validation"] = self.share or self.source.get("validation")
        preset = self.candidates[index].preset
        source |= {} if preset is None else {"preset": preset.to_dict()}
        if candidate is not None and candidate.n_neighbours:
            source["neighbours"] = candidate.n_neighbours
            source["influence"] = dict(candidate.rows.influence or {})
        return (
            source | {"n_rows": self.n_read, "candidate": index, **({"trials": list(trials)} if trials else {})} | cache
        )

    def candidate(self, index: int) -> Candidate:
        """The candidate at a place."""
        return self.candidates[index]

    def inputs(self, candidate: Candidate, part: str) -> npt.NDArray[Any] | None:
        """The inputs of a part as a prediction sees them; None where they are not encoded yet."""
        rows, validation = candidate.rows, candidate.rows.validation
        if self.cache is not None or part == "test":
            return None
        if isinstance(validation, HeldOut):
            return rows.as_new(self.parts[part], validation.kept if part == "train" else validation.out)
        return rows.as_new(self.table) if part == "train" or validation is None else validation[0]

    def resamples(self, candidate: Candidate) -> Iterator[Resample]:
        """What a candidate is tried on: each fold; else the rows held out, of few rows in several ways."""
        rows, seed = candidate.rows, self.request.seed
        if self.fold is not None:
            for k in range(N_FOLDS):
                out = self.fold == k
                says = np.ones(len(out)) if rows.weight is None else rows.weight
                if says[out].any() and says[~out].any():  # neither part is empty or weighs nothing
                    seen = self._seen(rows, k, np.arange(len(out)), np.flatnonzero(~out))
                    yield Resample(rows=some(seen, ~out), seed=seed, outside=some(seen, out), fold=k)
        elif self.share is not None and self.n_read < SEVERAL_SPLITS_BELOW and not self.is_apart:
            for k, held_out in enumerate(self._splits):
                is_first = rows.first is rows
                seen = rows.in_split_order if is_first else self._seen(rows, k, rows.split_order, held_out.kept)
                yield Resample(rows=seen, seed=(seed + k) % 2**64, validation=held_out)
        else:
            yield Resample(rows=rows.all, seed=seed, validation=rows.validation)

    def _seen(self, rows: EncodedRows, k: int, order: Rows, kept: Rows) -> Arrays:
        """The rows in an order, their columns and neighbours chosen by those that resample k trains on.

        Neighbours are looked up once for all candidates.
        """
        known = self._known.get((id(rows), k))
        if known is not None:
            return known[1]
        columns = self.columns_of(k, order, kept) if rows.is_screened else None
        seen = rows.anew(self.weighted, order, kept, columns)
        if rows.plain is not None:
            self._known[id(rows), k] = rows, seen
        return seen

    @cached_property
    def _known(self) -> dict[tuple[int, int], tuple[EncodedRows, Arrays]]:
        return {}

    def columns_of(self, k: int, order: Rows, kept: Rows) -> npt.NDArray[np.bool_]:
        """The columns that tell something, by the rows that resample k (−1: the training itself) trains on."""
        if k not in self._columns:
            rows, table = self.candidates[-1].rows.first, self.weighted.take(order[kept])
            p, seed = rows.pipeline, self.request.seed
            least = int(k >= 0)  # a resample by which none does has the most important one
            self._columns[k] = telling(rows.X[order[kept]], p.widths, p.proximity, p.target, table, seed, least)
        return self._columns[k]

    @cached_property
    def _columns(self) -> dict[int, npt.NDArray[np.bool_]]:
        return {}

    def fold_inputs(self, candidate: Candidate, k: int) -> npt.NDArray[Any]:
        """The inputs of all rows as the network that was trained without fold k takes them."""
        rows = candidate.rows
        if not rows.is_screened or self.fold is None:
            return rows.as_new(self.table)
        columns = self.columns_of(k, np.arange(len(self.fold)), np.flatnonzero(self.fold != k))
        return rows.first.as_new(self.table)[:, rows.first.pipeline.only(columns)[1]]

    @cached_property
    def weighted(self) -> Table:
        """The rows that have a target, weighted as the training weighs them."""
        judged = self.candidates[-1].rows.validation
        kept = judged.kept if isinstance(judged, HeldOut) else None
        return weighted_by_classes(self.table, self.request, self.task, kept)

    @cached_property
    def _splits(self) -> list[HeldOut]:
        """Several ways to hold the share out of the rows in the order of the split."""
        y, seed = self.candidates[-1].rows.in_split_order[1], self.request.seed
        seeds, classes = [(seed + k) % 2**64 for k in range(N_SPLITS)], y if self.task.kind == "classes" else None
        return [HeldOut(*rows) for rows in repeated_holdout(len(y), self.share or 0.0, seeds, classes)]


def plan_source(
    source: Any, selection: Selection, request: Request, *, test: Any = None, origin: dict[str, Any] | None = None
) -> TrainingPlan:
    """Read every table, and plan.

    Arguments: source: whatever data.read takes; test: the same, of rows to measure the finished model on (a built-in
    set has its own); origin: where the rows came from, for the record of a run. Raises SettingsError, DataError.
    """
    whole = read(source, selection, "train")
    if not whole.targets:
        raise SettingsError("target=None: must name the column to predict (got None). State it.")
    check_weights(whole, selection.weight)
    check_kinds(selection, whole.understood, whole.path)
    task = choose_task_of(whole, request)
    given, table = {}, with_targets(whole)
    if request.share is None:
        given["validation"] = read_like_training(request.validation, table, selection)
    test = source if test is None and isinstance(source, str) and source in builtin.TARGETS else test
    if test is not None:
        given["test"] = read_test(test, table, selection)
    apart = held_apart(source, whole, selection, request)
    split = None if apart is None else split_at(apart[has_target(whole)])
    plan = plan_table(table, request, task, given, selection.missing, selection.weight, split)
    return replace(plan, n_left_out=len(whole) - len(table), source=origin or {})


def plan_table(
    table: Table, request: Request, task: PredictionTask, given: dict[str, Table], missing: tuple[str, ...] = (),
    weight: str | None = None, apart: HeldOut | None = None,
) -> TrainingPlan:  # fmt: skip
    """The plan for rows that all have a target: held out once, each pipeline fitted once, its inputs made once.

    Arguments: given: tables of their own to validate and to test on; missing: cells that mean a missing value; weight:
    the column of the weights of rows, to be found in other tables.
    """
    request = with_class_indices(request, task, [target.name for target in table.targets])
    seed, few = request.seed, is_few(request, len(table))
    share, held_out = _split(table, request, task, few or "validation" in given, apart)
    rows = table
    if held_out is not None:
        rows = table.take(held_out.kept)
        given = {"validation": table.take(held_out.out), **given}
    check_parts({"train": rows, **given})
    fold, n_distinct = folds(table, seed) if few else (None, 0)
    chosen = choose_preset(request, rows, len(rows), task, n_distinct)
    dtype, known = request.dtype or chosen.dtype, dict[int, EncodedRows]()
    fitted = weighted_by_classes(table, request, task, None if held_out is None else held_out.kept)

    def encoded(preset: Preset) -> EncodedRows:
        n_bins = n_bins_of(request, preset)
        if n_bins not in known:
            doing("encoding the columns")
            kept = None if held_out is None else held_out.kept
            pipeline, X = TablePipeline.fit_encoded(
                fitted, target_of(request, task, rows), kept, **encoding_of(request, chosen, preset), missing=missing,
                seed=seed,
            )  # fmt: skip
            pipeline = replace(pipeline, weight=weight)
            judged: HeldOut | Arrays | None = held_out
            if "validation" in given and share is None:
                judged = encode_rows(given["validation"], pipeline, dtype)
            known[n_bins] = EncodedRows(
                pipeline=pipeline, X=X.astype(dtype, copy=False), y=pipeline.target.encode(table), weight=table.weight,
                validation=judged,
            )  # fmt: skip
        return known[n_bins]

    parts = {"train": rows, **given}
    candidates = make_candidates(request, chosen, encoded, task, len(table.targets), "validation" in parts)
    counts = {name: len(part) for name, part in parts.items()}
    return TrainingPlan(
        request=request, table=table, parts=parts, counts=counts, task=task, candidates=candidates, share=share,
        fold=fold, is_apart=apart is not None,
    )  # fmt: skip


def _split(
    table: Table, request: Request, task: PredictionTask, given: bool, apart: HeldOut | None
) -> tuple[float | None, HeldOut | None]:
    """The share that is held out, and which rows: those that are stated, else by chance; none where others judge."""
    if apart is not None:
        return len(apart.out) / len(table), apart
    if given or request.share is None:
        return None, None
    classes = Classes.fit(table, task.words[0]).encode(table) if task.kind == "classes" else None
    return request.share, HeldOut(*holdout(len(table), request.share, request.seed, classes))


def is_few(request: Request, n_rows: int) -> bool:
    """Whether all rows are trained on and candidates are compared by cross-validation."""
    asked = {"unless stated": request.is_by_default, "always": True, "never": False}[request.few_rows]
    return asked and n_rows < FEW_ROWS and request.preset not in WITHOUT_TRIALS


def choose_preset(request: Request, rows: Table, n_rows: int, task: PredictionTask, n_distinct: int = 0) -> Preset:
    """Of few rows, of which so many are distinct, that for few rows; else (0) the one that is named."""
    n_numbers = sum(column.kind == "number" for column in rows.columns)
    if n_distinct:
        return few_rows(n_rows, n_distinct, n_numbers, output_and_loss(request, task)[0])
    return preset(request.preset, n_rows=n_rows, n_numbers=n_numbers, is_class=task.kind != "values")


def scaling_of(request: Request, chosen: Preset) -> str:
    """How numbers are scaled."""
    scaling = request.scaling or chosen.scaling
    if scaling not in SCALINGS:
        raise unknown_name("scaling", scaling, SCALINGS)
    return scaling


def encoding_of(request: Request, chosen: Preset, tried: Preset) -> dict[str, Any]:
    """How the pipeline of a preset encodes numbers: the scaling and codes of the chosen one, bins of its own."""
    return {"scaling": scaling_of(request, chosen), "n_bins": n_bins_of(request, tried), "codes": chosen.codes}


def n_bins_of(request: Request, preset: Preset) -> int:
    """Inputs that tell the place of a number."""
    return preset.n_bins if request.n_bins is None else request.n_bins


def target_of(request: Request, task: PredictionTask, rows: Table) -> Target:
    """The coding of the targets, fitted to the training rows."""
    output = output_and_loss(request, task)[0]
    if request.target_scale == "log" and (task.kind != "values" or output != "identity"):
        what = f"task {task.name!r}" if task.kind != "values" else f"output {output!r}"
        raise SettingsError(f"target_scale='log': must be left out for {what}. It is for numbers by output 'identity'.")
    if task.kind == "classes":
        return Classes.fit(rows, task.words[0], request.positive)
    if request.positive is not None:
        message = "must be left out where no classes of one target are predicted"
        raise SettingsError(f"positive={request.positive!r}: {message} (got {request.positive!r}).")
    if task.kind == "labels":
        return Labels.fit(rows, task.words)
    is_log = request.target_scale == "log"
    return Values.fit(rows, standardised=output == "identity", logarithm=is_log)


def weighted_by_classes(table: Table, request: Request, task: PredictionTask, kept: Rows | None = None) -> Table:
    """The rows, weighted as the training weighs them: statistics of the columns follow those weights.

    Arguments: kept: which of them are trained on; None: all.
    """
    if request.class_weight is None:
        return table
    y = target_of(request, task, table).encode(table)
    learned = y if kept is None else y[kept]
    own = table.weight if kept is None or table.weight is None else table.weight[kept]
    by_class = balanced_by_weight(request.class_weight, learned, own)
    weight = weighted_by_class(y, table.weight, by_class, "float64", learned)
    return replace(table, weight=weight)


def check_kinds(selection: Selection, understood: Sequence[Understood], path: str) -> None:
    """DataError where a kind is stated of a column that is not there."""
    names = [entry.name for entry in understood]
    for name in selection.kinds:
        if name not in names:
            raise no_such("column", name, names, path)


def check_parts(parts: dict[str, Table]) -> None:
    """DataError where the rows to train on or to judge by weigh nothing, all the weight being elsewhere."""
    for name in ("train", "validation"):
        part = parts.get(name)
        if part is not None and part.weight is not None and not part.weight.any():
            message = (
                f"weight is 0 in all {len(part)} rows of {name}: some must be > 0. Hold out another share (--valid), "
                "pass validation rows, or drop the rows of weight 0 before the split."
            )
            raise DataError(message, path=part.path)


def choose_task_of(table: Table, request: Request) -> PredictionTask:
    """The task of a table's targets.

    Raises DataError if the targets do not suit it, or hold one class only.
    """
    try:
        task = choose_task(table.targets, request.task)
    except DataError as error:
        raise DataError(str(error), path=table.path) from None
    if task.kind == "classes" and len(task.words[0]) < 2:
        name, note = table.targets[0].name, next((entry.note for entry in table.understood if entry.note), "")
        message = f"holds one class only ({task.words[0][0]!r}): must hold at least two."
        raise DataError(f"{message} {note}{'.' * bool(note)}".strip(), path=table.path, column=name)
    return task
