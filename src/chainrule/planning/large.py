"""Training data larger than memory: the rows are read in batches, encoded once into a cache, and mapped from there.

What is decided from all rows of a table in memory is decided from all rows here too: kinds of columns, classes, which
rows are held out. Only the encoders are fitted to a sample where there are more rows than SAMPLE_ROWS, and the
finished model is measured on samples. Up to SAMPLE_ROWS rows the result has the bits of the way through memory without
neighbours, which need all rows at once.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import builtin
from chainrule.data.cache import Cache, Writer, open_cache
from chainrule.data.opening import size_in_memory
from chainrule.data.read import ReadPlan, survey
from chainrule.data.split import holdout, n_held_out
from chainrule.data.table import Selection, Table
from chainrule.errors import DataError, SettingsError, of_file
from chainrule.pipeline.table_pipeline import TablePipeline, folds_of
from chainrule.pipeline.target import Classes
from chainrule.planning.apart import refuse_apart
from chainrule.planning.candidates import make_candidates
from chainrule.planning.class_weights import with_class_indices
from chainrule.planning.inputs import EncodedRows, encode_rows
from chainrule.planning.large_targets import VERY_MANY, few_values
from chainrule.planning.many_rows import Codes, held_out, least
from chainrule.planning.parts import check_weights, read_like_training, read_test
from chainrule.planning.plan import (
    TrainingPlan,
    check_kinds,
    check_parts,
    choose_preset,
    choose_task_of,
    encoding_of,
    target_of,
    weighted_by_classes,
)
from chainrule.planning.preset import Preset
from chainrule.planning.request import Request
from chainrule.planning.task import PredictionTask
from chainrule.seeding import Purpose, stream_key, words
from chainrule.status import doing

CACHE_ABOVE_MB = 512.0
"""Files whose numbers take more than this are trained on from a cache."""
SAMPLE_ROWS = 300_000
TRAIN, VALIDATION = 1, 2
PARTS = {TRAIN: "train", VALIDATION: "validation"}
Roles = npt.NDArray[np.int8]
Blocks = Callable[[], Iterator[tuple[str, Any, Any, Any]]]


def is_large(source: Any, cache: str | Path | None = None, above_mb: float = CACHE_ABOVE_MB) -> bool:
    """Whether the rows are to be trained on from a cache: asked for, or more than memory is meant for.

    Arguments: cache: the folder that is asked for, if any; above_mb: megabytes of numbers that are many.
    """
    is_path = isinstance(source, (str, Path))
    if cache is not None and (not is_path or str(source) in builtin.TARGETS or str(source).lower().endswith(".npz")):
        named = source if is_path else f"a {type(source).__name__}"
        raise SettingsError(f"A cache needs CSV, Parquet or Arrow; {named} is in memory anyway. Leave it out.")
    return cache is not None or (is_path and size_in_memory(str(source)) > above_mb * 2**20)


def plan_large(
    source: str | Path, selection: Selection, request: Request, *, test: Any = None,
    origin: dict[str, Any] | None = None, cache: str | Path | None = None, beside: Path = Path("runs/cache"),
) -> TrainingPlan:  # fmt: skip
    """Read the source through, decide, fit the pipeline to a sample, write the cache or open the one there is.

    Arguments: as for plan_source; cache: the folder of the cache; where none is named one is made in `beside`. Raises
    DataError if the cache that is named was made of other rows.
    """
    refuse_apart(request)
    reading = survey(source, selection)
    check_kinds(selection, reading.understood, reading.source.path)
    few = few_values(reading)
    targets = reading.of_targets() if few is None else few.some
    check_weights(targets, selection.weight)
    task, share, seed = choose_task_of(targets, request), request.share, request.seed
    request = with_class_indices(request, task, [target.name for target in targets.targets])
    roles = _roles(targets, task, share, seed) if few is None else _roles_of(few.codes, task, share, seed)
    del few
    counts = {name: int((roles == role).sum()) for role, name in PARTS.items() if share is not None or role == TRAIN}
    sampled = {role: _sample(roles == role, seed) for role in PARTS}
    parts = _sampled(reading, sampled)
    check_parts(parts)
    rows = parts["train"]
    chosen = choose_preset(request, rows, counts["train"], task)
    if counts["train"] > SAMPLE_ROWS:
        chosen = replace(chosen, n_bins=0)  # bins would make the cache many times as large
    pipeline = _fitted(rows, request, task, chosen, selection)  # of every candidate
    dtype, folds = request.dtype or chosen.dtype, np.full(len(roles), -1, np.int8)
    folds[sampled[TRAIN]] = folds_of(len(rows), seed)
    made_with = _made_with(pipeline, request, selection, dtype)
    blocks: Blocks = lambda: _encoded(reading, pipeline, roles, folds, dtype)  # noqa: E731
    mapped = _cache(Path(source), cache, beside, made_with, blocks, counts)
    train = mapped.parts["train"]
    if share is None:
        parts["validation"] = read_like_training(request.validation, rows, selection)
        validation = encode_rows(parts["validation"], pipeline, dtype)
    else:
        held_out = mapped.parts["validation"]
        validation = (held_out.X, held_out.y, held_out.weight)
    if test is not None:
        parts["test"] = read_test(test, rows, selection)
    every = EncodedRows(pipeline=pipeline, X=train.X, y=train.y, weight=train.weight, validation=validation)
    return TrainingPlan(
        request=request, table=rows, parts=parts, task=task, share=share, source=origin or {}, cache=mapped.folder,
        candidates=make_candidates(request, chosen, lambda preset: every, task, len(rows.targets), True),
        counts={name: counts.get(name, len(table)) for name, table in parts.items()},
        n_left_out=int((roles == 0).sum()),
    )  # fmt: skip


def _fitted(rows: Table, request: Request, task: PredictionTask, chosen: Preset, selection: Selection) -> TablePipeline:
    """The pipeline, fitted to the sampled training rows."""
    weighted, target = weighted_by_classes(rows, request, task), target_of(request, task, rows)
    how = encoding_of(request, chosen, chosen)
    fitted = TablePipeline.fit(weighted, target, **how, missing=selection.missing, seed=request.seed)
    return replace(fitted, weight=selection.weight)


def _made_with(pipeline: TablePipeline, request: Request, selection: Selection, dtype: str) -> dict[str, Any]:
    """What a cache depends on besides its source."""
    stated = {"validation": request.share, "seed": request.seed, "weight": selection.weight, "dtype": dtype}
    return {"pipeline": _digest(pipeline), **stated}


def _roles(targets: Table, task: PredictionTask, share: float | None, seed: int) -> Roles:
    """Of every row of the source: 0 without a target, 1 to train on, 2 held out; as a table in memory is held out."""
    empty = np.logical_and.reduce([target.missing for target in targets.targets])
    present = np.flatnonzero(~empty)
    roles = np.zeros(len(targets), np.int8)
    roles[present] = TRAIN
    if share is not None:
        classes = Classes.fit(targets, task.words[0]).encode(targets)[present] if task.kind == "classes" else None
        roles[present[holdout(len(present), share, seed, classes)[1]]] = VALIDATION
    return roles


def _roles_of(codes: Codes, task: PredictionTask, share: float | None, seed: int) -> Roles:
    """The same of very many rows, whose targets have few values."""
    present = codes >= 0
    roles = present.astype(np.int8) * np.int8(TRAIN)
    if share is not None:
        own = codes[present] if task.kind == "classes" else np.zeros(int(present.sum()), np.int16)
        out = held_out(own, n_held_out(len(own), share), stream_key(seed, Purpose.SPLIT))
        roles[present] += out * np.int8(VALIDATION - TRAIN)
    return roles


def _sample(candidates: npt.NDArray[np.bool_], seed: int) -> npt.NDArray[np.int64]:
    """At most SAMPLE_ROWS of some rows, ascending, a function of the seed."""
    key, n = stream_key(seed, Purpose.SPLIT, 2), int(candidates.sum())
    if n > SAMPLE_ROWS and len(candidates) > VERY_MANY:
        return least(candidates, SAMPLE_ROWS, key)
    rows = np.flatnonzero(candidates)
    if n <= SAMPLE_ROWS:
        return rows
    rank = words(key, len(rows))
    return np.sort(rows[np.argpartition(rank, SAMPLE_ROWS)[:SAMPLE_ROWS]])


def _sampled(reading: ReadPlan, rows: dict[int, npt.NDArray[np.int64]]) -> dict[str, Table]:
    """The sampled rows of each part, read in one pass."""
    found: dict[int, list[Table]] = {role: [] for role in rows}
    for first, table in _tables(reading):
        for role, wanted in rows.items():
            begin, end = np.searchsorted(wanted, [first, first + len(table)])
            if end > begin:
                found[role].append(table.take(wanted[begin:end] - first))
    return {PARTS[role]: reading.whole(tables) for role, tables in found.items() if tables}


def _tables(reading: ReadPlan) -> Iterator[tuple[int, Table]]:
    """The rows of the source, block by block, each with the number of its first."""
    first = 0
    for block in reading.blocks():
        table = reading.table(block)
        yield first, table
        first += len(table)


def _encoded(
    reading: ReadPlan, pipeline: TablePipeline, roles: Roles, folds: Roles, dtype: str
) -> Iterator[tuple[str, Any, Any, Any]]:
    """Part, inputs, targets, weights of the source's rows, block by block."""
    for first, table in _tables(reading):
        here = slice(first, first + len(table))
        X, y = pipeline.features(table, dtype, folds[here].astype(np.int64)), pipeline.target.encode(table)
        y = y.astype(np.int32 if isinstance(pipeline.target, Classes) else dtype)
        for role, name in PARTS.items():
            rows = np.flatnonzero(roles[here] == role)
            if len(rows):
                weight = None if table.weight is None else table.weight[rows].astype(dtype)
                yield name, X[rows], y[rows], weight


def _digest(pipeline: TablePipeline) -> str:
    described = {
        name: value for name, value in pipeline.to_dict().items() if name != "weight"
    }  # neither is in an input
    described["target"] = {name: value for name, value in described["target"].items() if name != "positive"}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name, array in sorted(pipeline.arrays().items()):
        digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _cache(
    source: Path, named: str | Path | None, beside: Path, made_with: dict[str, Any], blocks: Blocks,
    n_rows: dict[str, int],
) -> Cache:  # fmt: skip
    """The existing cache, or a new one. A cache that was not named by the user is rebuilt when it is stale."""
    if named is not None:
        place = Path(named)
    else:
        described = json.dumps({"source": str(source.resolve()), **made_with}, sort_keys=True)
        place = beside / f"{source.name.split('.')[0]}-{hashlib.sha256(described.encode()).hexdigest()[:12]}"
    try:
        found = open_cache(place, source, made_with)
    except DataError as error:
        if named is not None:
            raise
        warnings.warn(f"{error} It is made anew.", stacklevel=3)
        try:
            shutil.rmtree(place)
        except OSError as error:
            raise DataError(of_file(error.filename or place, "removed", error)) from error
        found = None
    if found is None:
        with Writer(place, source, made_with, n_rows) as writer:
            for i, (part, X, y, weight) in enumerate(blocks()):
                if i == 0:
                    _say_size(place, sum(n_rows.values()), X, y, weight)
                writer.add(part, X, y, weight)
        found = open_cache(place, source, made_with)
    assert found is not None
    return found


def _say_size(place: Path, n_rows: int, *some: Any) -> None:
    """Say how large a cache will be before it is written, from some of its rows; DataError where there is no room."""
    size = n_rows * sum(array[:1].nbytes for array in some if array is not None)
    existing = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if size > free:
        message = f"the cache will take {size / 1e9:,.1f} GB, {free / 1e9:,.1f} GB are free; name another by --cache."
        raise DataError(message, path=str(place))
    doing(f"writing a cache of {size / 1e9:,.2f} GB")
