"""Training data larger than memory: the rows are read in batches, encoded once into a cache, and mapped from there.

What the small way decides from all rows is decided from all rows here too: kinds of columns, classes, which rows
are held out. Only the encoders are fitted to a sample where there are more rows than SAMPLE_ROWS, and the finished
model is measured on samples. Up to SAMPLE_ROWS rows the result has the bits of the small way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.rehearsal import Recipe, Rows
from chainrule.cli import job as small
from chainrule.cli import train_options
from chainrule.cli.job import Job
from chainrule.data import builtin, split
from chainrule.data.cache import Cache, Writer, open_cache
from chainrule.data.read import Plan, size_in_memory, survey
from chainrule.data.table import Table
from chainrule.errors import DataError, SettingsError
from chainrule.pipeline.table_pipeline import TablePipeline, folds_of
from chainrule.pipeline.target import Classes
from chainrule.planning.presets import preset
from chainrule.planning.task import Task, choose_task
from chainrule.seeding import Purpose, stream_key, words
from chainrule.training.settings import SETTINGS

CACHE_ABOVE_MB = 512
"""Files whose numbers take more than this are trained on from a cache."""

SAMPLE_ROWS = 300_000
TRAIN, VALIDATION = 1, 2
PARTS = {TRAIN: "train", VALIDATION: "validation"}
Roles = npt.NDArray[np.int8]


@dataclass(frozen=True)
class LargeJob(Job):
    """A job whose rows are mapped; its tables are samples of them."""

    cache: Cache
    n_rows: dict[str, int]

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each part."""
        return {name: self.n_rows.get(name, len(table)) for name, table in self.parts.items()}

    @property
    def n_read(self) -> int:
        """Rows of DATA that have a target."""
        return sum(self.n_rows.values())

    def inputs(self, recipe: Recipe) -> Rows:
        """The mapped rows to train on."""
        part = self.cache.parts["train"]
        return part.X, part.y, part.weight

    def trained_on(self, recipe: Recipe) -> Rows:
        """The same."""
        return self.inputs(recipe)

    def gathered(self, recipe: Recipe) -> Rows:
        """The same rows in the same order as in memory."""
        parts = [self.cache.parts[name] for name in PARTS.values()]
        X, y = np.concatenate([part.X for part in parts]), np.concatenate([part.y for part in parts])
        weights = [part.weight for part in parts if part.weight is not None]
        return X, y, np.concatenate(weights) if weights else None

    def validation(self, recipe: Recipe) -> Any:
        """The mapped rows held out, or those of --valid."""
        if "validation" not in self.cache.parts:
            return super().validation(recipe)
        part = self.cache.parts["validation"]
        return (part.X, part.y, *([] if part.weight is None else [part.weight]))


def is_large(options: argparse.Namespace) -> bool:
    """Whether the rows are to be trained on from a cache: asked for, or more than memory is meant for."""
    if options.cache is not None and (options.data in builtin.TARGETS or options.data.lower().endswith(".npz")):
        raise SettingsError(f"--cache is for CSV, Parquet and Arrow; {options.data} is in memory anyway.")
    above = CACHE_ABOVE_MB if options.cache_above is None else _megabytes(options.cache_above)
    return options.cache is not None or size_in_memory(options.data) > above * 2**20


def _megabytes(given: str) -> float:
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise SettingsError(f"--cache-above {given} is not possible; expected a number of megabytes.")
    return value


def understand(options: argparse.Namespace, folder: Path) -> LargeJob:
    """Read the source through, decide, fit the pipeline to a sample, write the cache or open the one there is.

    Errors    DataError where the cache that --cache names was made of other rows
    """
    seed = int(train_options.value(options, SETTINGS["seed"]))
    plan = survey(options.data, small.selection(options))
    targets = plan.of_targets()
    small.check_weights(targets, options.weight)
    try:
        task = choose_task(targets.targets, options.task)
    except DataError as error:
        raise DataError(str(error), path=targets.path) from None
    small.refuse_one_class(task, targets)
    share = small.share_of(options.valid)
    roles = _roles(targets, task, share, seed)
    n_rows = {name: int((roles == role).sum()) for role, name in PARTS.items() if share is not None or role == TRAIN}
    sampled = {role: _sample(np.flatnonzero(roles == role), seed) for role in PARTS}
    parts = _sampled(plan, sampled)
    rows = parts["train"]
    n_numbers = sum(column.kind == "number" for column in rows.columns)
    is_class = task.kind != "values"
    chosen = preset(options.preset, n_rows=n_rows["train"], n_numbers=n_numbers, is_class=is_class)
    if n_rows["train"] > SAMPLE_ROWS:
        chosen = replace(chosen, n_bins=0)  # bins would make the cache many times as large
    output, loss = train_options.output_and_loss(options, task)
    pipeline = small.fitted(options, chosen, rows, task, output, seed)
    dtype = options.dtype or chosen.dtype
    folds = np.full(len(roles), -1, np.int8)
    folds[sampled[TRAIN]] = folds_of(len(rows), seed)
    made_with = _made_with(options, pipeline, share, seed, dtype)
    cache = _cache(options, folder, made_with, lambda: _encoded(plan, pipeline, roles, folds, dtype), n_rows)
    others = {"validation": options.valid} if share is None else {}
    others |= {"test": options.test} if options.test else {}
    for name, source in others.items():
        parts[name] = small.alike(options, source, rows, weighted=name == "validation")
    chosen = replace(chosen, simpler=tuple(replace(rung, n_bins=chosen.n_bins) for rung in chosen.simpler))
    recipes = train_options.recipes(options, chosen, lambda n_bins: pipeline, task, len(rows.targets), output, loss)
    left_out, judges = int((roles == 0).sum()), parts.get("validation") if share is None else None
    return LargeJob(rows, None, share, judges, None, left_out, parts, task, recipes, cache, n_rows)


def _roles(targets: Table, task: Task, share: float | None, seed: int) -> Roles:
    """Of every row of the source: 0 without a target, 1 to train on, 2 held out; as the small way holds out."""
    empty = np.logical_and.reduce([target.missing for target in targets.targets])
    present = np.flatnonzero(~empty)
    roles = np.zeros(len(targets), np.int8)
    roles[present] = TRAIN
    if share is not None:
        classes = Classes.fit(targets, task.words[0]).encode(targets)[present] if task.kind == "classes" else None
        roles[present[split.holdout(len(present), share, seed, classes)[1]]] = VALIDATION
    return roles


def _sample(rows: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """At most SAMPLE_ROWS of the rows, ascending, a function of the seed."""
    if len(rows) <= SAMPLE_ROWS:
        return rows
    rank = words(stream_key(seed, Purpose.SPLIT, 2), len(rows))
    return np.sort(rows[np.argpartition(rank, SAMPLE_ROWS)[:SAMPLE_ROWS]])


def _sampled(plan: Plan, rows: dict[int, npt.NDArray[np.int64]]) -> dict[str, Table]:
    """The sampled rows of each part, read in one pass."""
    found: dict[int, list[Table]] = {role: [] for role in rows}
    for first, table in _tables(plan):
        for role, wanted in rows.items():
            begin, end = np.searchsorted(wanted, [first, first + len(table)])
            if end > begin:
                found[role].append(table.take(wanted[begin:end] - first))
    return {PARTS[role]: plan.whole(tables) for role, tables in found.items() if tables}


def _tables(plan: Plan) -> Iterator[tuple[int, Table]]:
    """The rows of the source, block by block, each with the number of its first."""
    first = 0
    for block in plan.blocks():
        table = plan.table(block)
        yield first, table
        first += len(table)


def _encoded(
    plan: Plan, pipeline: TablePipeline, roles: Roles, folds: Roles, dtype: str
) -> Iterator[tuple[str, Any, Any, Any]]:
    """Part, inputs, targets, weights of the source's rows, block by block."""
    for first, table in _tables(plan):
        here = slice(first, first + len(table))
        X, y = pipeline.features(table, dtype, folds[here].astype(np.int64)), pipeline.target.encode(table)
        y = y.astype(np.int32 if isinstance(pipeline.target, Classes) else dtype)
        for role, name in PARTS.items():
            rows = np.flatnonzero(roles[here] == role)
            if len(rows):
                weight = None if table.weight is None else table.weight[rows].astype(dtype)
                yield name, X[rows], y[rows], weight


def _made_with(
    options: argparse.Namespace, pipeline: TablePipeline, share: float | None, seed: int, dtype: str
) -> dict[str, Any]:
    """What decides about the rows of a cache besides their source."""
    digest = hashlib.sha256(json.dumps(pipeline.to_dict(), sort_keys=True).encode())
    for name, array in sorted(pipeline.arrays().items()):
        digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return {
        "pipeline": digest.hexdigest(),
        "validation": share,
        "seed": seed,
        "weight": options.weight,
        "dtype": dtype,
    }


def _cache(
    options: argparse.Namespace,
    folder: Path,
    made_with: dict[str, Any],
    encoded: Callable[[], Iterator[tuple[str, Any, Any, Any]]],
    n_rows: dict[str, int],
) -> Cache:
    """The cache there is, or the one that is then written. One that nobody named is written anew when it is stale."""
    source = Path(options.data)
    if options.cache is not None:
        place = Path(options.cache)
    else:
        told = json.dumps({"source": str(source.resolve()), **made_with}, sort_keys=True)
        place = (
            folder.parent / "cache" / f"{source.name.split('.')[0]}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        )
    try:
        found = open_cache(place, source, made_with)
    except DataError as error:
        if options.cache is not None:
            raise
        print(f"chainrule: {error} It is made anew.", file=sys.stderr)
        shutil.rmtree(place)
        found = None
    if found is None:
        with Writer(place, source, made_with, n_rows) as writer:
            for part, X, y, weight in encoded():
                writer.add(part, X, y, weight)
        found = open_cache(place, source, made_with)
    assert found is not None
    return found
