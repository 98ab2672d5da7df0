"""run.card: the facts of a model card, from the run, its pipeline and the rows that training held out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.api.source_rows import source_rows
from chainrule.api.tables import blocks, weight_column
from chainrule.card.facts import CalibrationBin, CardColumn, CardFacts, CardMeasure
from chainrule.data.table import Table
from chainrule.errors import ChainruleError, DataError
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, class_text
from chainrule.planning.bootstrap import JudgedRows, intervals, judged
from chainrule.planning.evaluation import baseline
from chainrule.planning.importances import measured_importances
from chainrule.run.model import parameters_hash
from chainrule.status import doing, working
from chainrule.training.settings import Settings

MOST_ROWS, ROWS_SHUFFLED, N_BINS = 20_000, 2_000, 10
"""Rows measured and rows whose columns are shuffled, of more a sample; ranges of probabilities."""
ALWAYS = ("batch_size", "epochs")
"""Settings that are said even where they are the default."""


def card_facts(run: Any, data: Any = None) -> CardFacts:
    """The facts of a run; data: rows to measure it on, instead of those it held out."""
    record, networks = run.record, run._networks
    source, network = record.source or {}, networks[0]
    trained = (run.network,) if run.ensemble is None else networks  # without a temperature
    kept = None if source.get("data") is None else Path(str(source["data"])).name
    pipeline = None if run.pipeline is None else run._fitted
    facts = CardFacts(
        name=Path(run.directory).resolve().name if run.directory else "model",
        task="regression" if record.kind == "values" else "classification",
        targets=() if pipeline is None else pipeline.target.columns,
        classes=tuple(map(class_text, pipeline.classes or ())) if pipeline is not None else (),
        network=_described(network.architecture),
        n_parameters=network.architecture.n_parameters, n_members=len(networks),
        settings=_settings(record), n_steps=record.n_steps, n_epochs=int(record.result.get("epochs", 0)),
        stopped=str(run.result.get("stopped", "")), source=kept,
        n_stored_rows=0 if pipeline is None or pipeline.neighbours is None else len(pipeline.neighbours.rows),
        columns=() if pipeline is None else tuple(map(_column, pipeline.encoders)),
        versions={"chainrule": source.get("chainrule", record.versions.get("chainrule", "")), **record.versions},
        engine=str(record.engine.get("engine", "")), seed=record.settings.seed,
        weights=tuple(parameters_hash(one.parameters) for one in trained), rows_fingerprint=record.fingerprint,
    )  # fmt: skip
    with working("model card"):
        return facts if pipeline is None else _measured(facts, run, pipeline, data)


def _measured(facts: CardFacts, run: Any, pipeline: TablePipeline, data: Any) -> CardFacts:
    """The facts with measures, calibration and importances; with the reason where no row can be had."""
    doing("reading the rows")
    try:
        part, table, trained_on = _rows(run, pipeline, data)
    except (ChainruleError, IndexError) as error:
        if data is not None:
            raise
        return replace(facts, unmeasured=str(error))
    n_rows = len(table)
    table = table if n_rows <= MOST_ROWS else table.take(np.linspace(0, n_rows - 1, MOST_ROWS).astype(np.int64))
    rows = judged(run.predictor, pipeline, table)
    found = rows.scores()
    ends, simplest = intervals(rows, facts.seed), {} if trained_on is None else baseline(pipeline, trained_on, table)
    measures = tuple(
        CardMeasure(name, value, ends.get(name), _number(simplest.get(name)))
        for name, value in found.items()
        if isinstance(value, float) and math.isfinite(value)
    )
    doing("shuffling columns")
    worth = measured_importances(
        run.predictor, pipeline, table, "data", seed=facts.seed, most_rows=min(ROWS_SHUFFLED, MOST_ROWS)
    )
    return replace(
        facts, part=part, n_judged=n_rows, measures=measures, calibration=_calibration(rows),
        n_train=None if trained_on is None else len(trained_on), importance_measure=worth.measure,
        importances=tuple((one.column, one.rise, one.low, one.high) for one in worth.columns),
    )  # fmt: skip


def _rows(run: Any, pipeline: TablePipeline, data: Any) -> tuple[str, Table, Table | None]:
    """Which rows are measured, these, and those of training where they can be read again."""
    try:
        again = source_rows(run.record, pipeline)
    except (ChainruleError, IndexError):
        if data is None:
            raise
        again = None
    if data is None:
        assert again is not None
        return again.part, again.table, again.trained_on
    tables = list(blocks(data, pipeline, needs_target=True, weight=weight_column(data, pipeline)))
    if len(tables) != 1:
        raise DataError(f"holds over {len(tables[0]):,} rows: must hold fewer to be measured for a card.")
    return "test", tables[0], None if again is None else again.trained_on


def _number(value: Any) -> float | None:
    return value if isinstance(value, float) and math.isfinite(value) else None


def _calibration(rows: JudgedRows) -> tuple[CalibrationBin, ...]:
    """Rows by the probability of the predicted class, in N_BINS ranges of equal width."""
    if not isinstance(rows.pipeline.target, Classes):
        return ()
    known = rows.truth >= 0
    proba, truth = rows.output[known], rows.truth[known]
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == truth
    place = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    return tuple(
        CalibrationBin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for k in range(N_BINS)
        if (inside := place == k).any()
    )


def _column(encoder: Any) -> CardColumn:
    """What an encoder knows of its column."""
    number = getattr(encoder, "number", encoder)
    levels = getattr(encoder, "levels", getattr(encoder, "words", ()) if encoder.kind == "words" else ())
    return CardColumn(
        name=encoder.name, kind=encoder.kind, low=getattr(number, "low", None), high=getattr(number, "high", None),
        levels=tuple(levels[:10]), n_levels=len(levels),
        had_missing=bool(getattr(number, "indicator", False) or getattr(encoder, "missing", False)),
    )  # fmt: skip


def _described(architecture: Any) -> str:
    """Sizes, hidden activations, and the output's: 4-16-3, relu, softmax."""
    names = [name for name in architecture.activations if name is not None]
    return ", ".join([str(architecture), *dict.fromkeys(names)])


def _settings(record: Any) -> dict[str, Any]:
    """The optimizer with all it is made of, and the settings that differ from their defaults."""
    found, default = record.settings.to_dict(), Settings().to_dict()
    optimizer = dict(found.pop("optimizer"))
    chosen = {name: value for name, value in found.items() if name in ALWAYS or value != default[name]}
    chosen.pop("seed", None)  # stands below
    return {"optimizer": optimizer.pop("name"), **optimizer, **chosen}
