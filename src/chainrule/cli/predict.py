"""chainrule predict: a CSV with the prediction of every row, and the probability of every class."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path

from chainrule.cli.subject import open_model, open_table
from chainrule.errors import ModelFileError
from chainrule.pipeline.numeric import class_text, matrix
from chainrule.run.files import write_atomic


def run(options: argparse.Namespace) -> int:
    """Write the file whole or not at all."""
    target = Path(options.output_file)
    if not target.absolute().parent.is_dir() or target.is_dir():
        raise ModelFileError(f"{target}: cannot be written; expected a file name in a folder that exists.")
    network, pipeline = open_model(options.run_directory)
    table = open_table(options.data, pipeline, needs_target=False)
    X = pipeline.features(table.names, matrix(table), table.path)
    header, columns = ["prediction"], [pipeline.decode(network.predict(X)).astype(str)]
    if pipeline.classes is not None:
        header += [f"probability_{class_text(name)}" for name in pipeline.classes]
        columns += list(network.predict_proba(X).T.astype(str))  # the shortest text that reads back to the same bits
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
    write_atomic(target, text.getvalue().encode())
    print(f"{len(table):,} predictions in {target}", file=sys.stderr)
    return 0
