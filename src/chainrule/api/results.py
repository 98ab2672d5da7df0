"""What the report says of a network's predictions: classes confused or values missed, measures, columns, findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.source_rows import source_rows
from chainrule.api.tempered import tempered
from chainrule.data.builtin import TARGETS
from chainrule.data.table import Column, Table
from chainrule.diagnose.doctor.after_training import after_training
from chainrule.errors import ChainruleError
from chainrule.network.targets import points
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import class_text
from chainrule.planning.evaluation import baseline, baseline_of_arrays, scores, scores_of_arrays
from chainrule.planning.importances import measured_importances
from chainrule.planning.measures import Scores
from chainrule.run.record import RunRecord
from chainrule.run.replayer import RunReplayer
from chainrule.run.rows import Rows
from chainrule.words import LANGUAGES

Array = npt.NDArray[Any]
MOST_ROWS, MOST_ROWS_AT_ONCE, MOST_POINTS, ROWS_SHUFFLED = 20_000, 2_000, 400, 1_000
"""Rows judged where a page was asked for, and where a training ends with one; points drawn; rows of importances."""
MOST_CLASSES, MOST_PAIRS = 30, 20
"""Of a whole confusion matrix; of more classes the pairs confused most often."""
PRODUCTS_AT_ONCE = 2e8
MOST_COLUMNS, MOST_READ = 60, 300_000
"""Columns listed, and rows of a source that is read again for its held-out ones."""


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """Rows that are predicted: which part they are, how many there were before sampling, their cells if read."""

    part: str
    n: int
    X: Array
    targets: Array
    weight: Array | None
    table: Table | None = None
    trained_on: Table | None = None


def results_of(replayer: RunReplayer, rows: Rows | None, *, asked: bool) -> dict[str, Any] | None:
    """The results for the page; None without rows or finite weights.

    Arguments: asked: whether a page was asked for: more rows, measures, importances and the doctor's quick rules.
    """
    record, pipeline = replayer.record, _pipeline(replayer.record)
    judged = _judged(replayer, rows, pipeline, asked)
    if judged is None or not len(judged.X) or not np.isfinite(record.parameters.flat).all():
        return None
    target = (record.pipeline or {}).get("target", {})
    network = tempered(Network.of(record.parameters, record.kind, record.seed, record.initializers), target)
    found: dict[str, Any] = {"part": judged.part, "n": judged.n, "n_shown": len(judged.X), "kind": record.kind}
    found |= _predicted(network, pipeline, judged)
    sample = replayer.table_sample
    if sample is not None and pipeline is not None:
        found["columns"] = _columns(pipeline, sample.columns)
        found["n_cells"] = len(sample.targets[0])
    if not asked:
        return found
    measured, simplest = _measures(network, pipeline, judged, rows)
    found["measures"] = [
        [name, value, simplest.get(name)] for name, value in measured.items() if isinstance(value, float)
    ]
    if judged.table is not None and pipeline is not None:
        worth = measured_importances(
            network, pipeline, judged.table, judged.part, seed=record.seed, most_rows=ROWS_SHUFFLED
        )
        columns = [vars(one) for one in worth.columns[:MOST_COLUMNS]]
        found["importances"] = {"n": worth.n_sampled, "columns": columns}
    kind = {"class": "classes", "labels": "labels", "values": "values"}[record.kind]
    quick = after_training(sample, kind, measured, simplest, weighted=record.class_weight is not None)
    found["findings"] = {language: [one.line(language) for one in quick] for language in LANGUAGES}
    return found


def _pipeline(record: RunRecord) -> TablePipeline | None:
    return None if record.pipeline is None else TablePipeline.from_dict(record.pipeline, record.pipeline_arrays)


def _judged(replayer: RunReplayer, rows: Rows | None, pipeline: TablePipeline | None, asked: bool) -> _Judged | None:
    """Rows held out, if they are in memory or can be read again, else those of training."""
    record, most = replayer.record, MOST_ROWS
    if not asked:
        most = int(np.clip(PRODUCTS_AT_ONCE / record.architecture.n_parameters, 50, MOST_ROWS_AT_ONCE))
    again = _read_again(record, pipeline, most) if asked and pipeline is not None else None
    if again is not None:
        return again
    if replayer.validation is not None:
        return _sampled("validation", replayer.validation, record, most)
    return None if rows is None else _sampled("training", rows, record, most)


def _chosen(n: int, most: int) -> Array | slice:
    """All rows, or as many as may be, evenly spread."""
    return slice(None) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)


def _sampled(part: str, rows: Rows, record: RunRecord, most: int) -> _Judged:
    chosen = _chosen(len(rows.X), most)
    weight = None if rows.weight is None or record.class_weight is not None else rows.weight[chosen]
    return _Judged(part=part, n=len(rows.X), X=rows.X[chosen], targets=rows.targets[chosen], weight=weight)


def _read_again(record: RunRecord, pipeline: TablePipeline, most: int) -> _Judged | None:
    """The rows of the source that training held out, or a built-in set's test rows; None where there are none."""
    source = record.source or {}
    is_builtin = source.get("data") in TARGETS
    if "data" not in source or "cache" in source or (record.index is None and not is_builtin):
        return None
    if (source.get("n_rows") or 0) > MOST_READ:
        return None
    try:
        again = source_rows(record, pipeline)
        n, table = len(again.table), again.table.take(_chosen(len(again.table), most))
        X, targets = pipeline.features(table, record.architecture.dtype), pipeline.target.encode(table)
    except (ChainruleError, IndexError):
        return None
    if again.part == "training" or not n:
        return None
    part = "test" if again.part == "test" else "validation"
    return _Judged(part=part, n=n, X=X, targets=targets, weight=table.weight, table=table, trained_on=again.trained_on)


def _measures(
    network: Network, pipeline: TablePipeline | None, judged: _Judged, rows: Rows | None
) -> tuple[Scores, Scores]:
    """The measures of the network, and of the simplest prediction: the training rows' classes, shares or mean."""
    target = None if pipeline is None else pipeline.target
    if pipeline is not None and judged.table is not None and judged.trained_on is not None:
        simplest = baseline(pipeline, judged.trained_on, judged.table)
        in_turn = judged.part == "validation"
        return scores(network, pipeline, [judged.table], judged.X, in_turn=in_turn), simplest
    kind, truth = network.kind, _truth(network, judged.targets)
    measured = scores_of_arrays(network, judged.X, truth, kind, judged.weight, target)
    known = None if rows is None else _truth(network, rows.targets)
    if known is None:
        return measured, {}
    return measured, baseline_of_arrays(known, truth, kind, network.architecture.n_outputs, judged.weight, target)


def _truth(network: Network, targets: Array) -> Array:
    """Class indices (n,), labels (n, k), or values as the network gives them (n, k)."""
    wide = targets.reshape(len(targets), -1)
    if network.kind == "values":  # a target that several outputs speak of stands there as often, where they learned it
        is_encoded = wide.shape[1] == network.architecture.n_outputs
        return points(wide, network.architecture.loss) if is_encoded else wide
    if network.kind != "class":
        return wide
    return wide.argmax(axis=1) if wide.shape[1] > 1 else wide[:, 0].astype(np.int64)


def _predicted(network: Network, pipeline: TablePipeline | None, judged: _Judged) -> dict[str, Any]:
    """Classes against classes, or values against values; of several labels nothing."""
    if network.kind == "labels":
        return {}
    truth, guess = _truth(network, judged.targets), network.predict(judged.X)
    if network.kind == "class":
        names = None if pipeline is None or pipeline.classes is None else list(map(class_text, pipeline.classes))
        return {"confusion": _confusion(truth, guess.reshape(-1), names, max(network.architecture.n_outputs, 2))}
    if pipeline is not None:
        truth, guess = pipeline.target.decode(truth), pipeline.target.decode(guess.reshape(truth.shape))
    pairs = np.column_stack([x.astype(np.float64).reshape(len(x), -1)[:, 0] for x in (truth, guess)])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    places = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), MOST_POINTS)).astype(int))
    residuals = pairs[:, 1] - pairs[:, 0]
    shares = np.quantile(residuals, (0.05, 0.25, 0.5, 0.75, 0.95)).tolist() if len(pairs) else []
    return {"values": {"points": pairs[places].tolist(), "residuals": shares}}


def _confusion(truth: Array, guess: Array, names: list[str] | None, n: int) -> dict[str, Any]:
    """Counts by true class (row) and predicted class (column); of many classes the pairs confused most often."""
    counts = np.bincount(truth * n + guess, minlength=n * n).reshape(n, n)
    named = names or [str(k) for k in range(n)]
    if n <= MOST_CLASSES:
        return {"names": named, "counts": counts.tolist()}
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [[named[p // n], named[p % n], int(wrong.flat[p]), int(counts[p // n].sum())] for p in map(int, order)]
    return {"n_classes": n, "n_wrong": int(wrong.sum()), "pairs": [pair for pair in pairs if pair[2]]}


def _columns(pipeline: TablePipeline, cells: Sequence[Column]) -> list[dict[str, Any]]:
    """What each column was taken for: kind, values and missing cells of the sample, how many inputs it became."""
    described = []
    for column, encoder, width in zip(cells, pipeline.encoders, pipeline.widths, strict=False):
        about: dict[str, Any] = {"name": column.name, "kind": encoder.kind, "inputs": width}
        about["missing"] = int(np.count_nonzero(column.missing))
        present = column.values[~column.missing]
        if column.levels is not None and column.kind in ("category", "boolean"):
            about["levels"] = len(column.levels)
            about["first"] = list(column.levels[:3])
        elif column.kind == "number" and len(present):
            about["range"] = [float(present.min()), float(present.max())]
        elif column.kind == "time" and len(present):
            about["times"] = [str(present.min())[:10], str(present.max())[:10]]
        described.append(about)
    return described[:MOST_COLUMNS]
