"""chainrule predict: a CSV with the prediction of every row, and the probability of every class."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.tables import blocks
from chainrule.cli.subject import open_model
from chainrule.cli.train_options import dialect
from chainrule.data.table import Table
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels, class_text
from chainrule.run.files import refuse_unwritable, writing_atomic

Array = npt.NDArray[Any]


def run(options: argparse.Namespace) -> int:
    """Write the file whole or not at all, some rows at a time."""
    target = Path(options.output_file)
    refuse_unwritable(target, options.data, options.run_directory)
    network, pipeline = open_model(options.run_directory)
    n_rows = 0
    with writing_atomic(target) as file:
        file.write(_lines(iter([header(pipeline)])))
        for table in blocks(options.data, pipeline, needs_target=False, dialect=dialect(options)):
            columns = predicted(network, pipeline, table)
            file.write(_lines(zip(*(column.tolist() for column in columns), strict=True)))
            n_rows += len(table)
    print(f"{n_rows:,} predictions in {target}", file=sys.stderr)
    return 0


def header(pipeline: TablePipeline) -> list[str]:
    """prediction, probability_CLASS …; of several targets prediction_TARGET, probability_TARGET."""
    target = pipeline.target
    if isinstance(target, Classes):
        return ["prediction", *(f"probability_{class_text(name)}" for name in target.classes)]
    if isinstance(target, Labels):
        return [*(f"prediction_{name}" for name in target.columns), *(f"probability_{name}" for name in target.columns)]
    return ["prediction"] if len(target.columns) == 1 else [f"prediction_{name}" for name in target.columns]


def predicted(network: Network, pipeline: TablePipeline, table: Table) -> list[Array]:
    """The columns of the file as text: the shortest that reads back to the same bits."""
    X = pipeline.features(table, network.architecture.dtype)
    target, decoded = pipeline.target, pipeline.target.decode(network.predict(X))
    if isinstance(target, Classes):
        names = np.array([class_text(name) for name in decoded.tolist()], dtype=object)
        return [names, *network.predict_proba(X).T.astype(str)]
    if isinstance(target, Labels):
        words = [np.array([class_text(name) for name in column.tolist()], dtype=object) for column in decoded.T]
        return [*words, *network.predict_proba(X).T.astype(str)]
    return list(decoded.reshape(len(table), -1).T.astype(str))


def _lines(rows: Iterator[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
