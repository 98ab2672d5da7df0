"""chainrule predict: a CSV with the prediction of every row, and the probability of every class."""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.api.prediction_columns import as_texts, names_of_columns, prediction_columns
from chainrule.api.tables import blocks
from chainrule.cli.subject import open_model
from chainrule.cli.train_options import dialect, names_in
from chainrule.data.opening import names_of
from chainrule.data.read import batches
from chainrule.data.table import Selection, no_such
from chainrule.pipeline.unusual import Unusual
from chainrule.run.files import refuse_unwritable, writing_atomic

MOST_LINES = 12


def run(options: argparse.Namespace) -> int:
    """Write the file whole or not at all, some rows at a time."""
    target = Path(options.output_file)
    refuse_unwritable(target, options.data, options.run_directory)
    network, pipeline = open_model(options.run_directory)
    names, unusual = names_in(options.keep), Unusual(pipeline=pipeline)
    kept = kept_cells(options.data, names, dialect(options))
    with writing_atomic(target) as file:
        file.write(_lines(iter([[*names, *names_of_columns(network, pipeline)]])))
        for table in blocks(options.data, pipeline, needs_target=False, dialect=dialect(options)):
            found = as_texts(prediction_columns(network, pipeline, table))
            columns = zip(*found.values(), strict=True)
            unusual.add(table)
            before = itertools.islice(kept, len(table)) if names else itertools.repeat(())
            file.write(_lines((*cells, *row) for row, cells in zip(columns, before, strict=False)))
    print("\n".join([f"{unusual.n_rows:,} predictions in {target}", *_few(unusual.lines())]), file=sys.stderr)
    return 0


def kept_cells(source: str, names: tuple[str, ...], how: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The cells of some columns of every row, as they stand in a text file."""
    known = names_of(source, **how)
    for name in names:
        if name not in known:
            raise no_such("column", name, list(known), str(source))
    if not names:
        return
    wanted = Selection(
        targets=(), needs_target=False, features=names, kinds=dict.fromkeys(names, "category"), missing=("",), **how
    )
    for table in batches(source, wanted, part="test"):
        texts = [
            np.array([*(column.levels or ()), ""], dtype=object)[column.values].tolist() for column in table.columns
        ]
        yield from zip(*texts, strict=True)


def _few(lines: list[str]) -> list[str]:
    """The first of many lines, and how many follow."""
    rest = len(lines) - MOST_LINES
    return lines if rest <= 0 else [*lines[:MOST_LINES], f"and {rest} more such counts"]


def _lines(rows: Iterator[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
