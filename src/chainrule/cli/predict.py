"""chainrule predict: a CSV with the prediction of every row, and the probability of every class."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chainrule.cli.subject import open_model, open_table
from chainrule.errors import DataError
from chainrule.run.files import write_atomic


def run(options: argparse.Namespace) -> int:
    """Write the file whole or not at all."""
    import io

    import pyarrow as pa
    from pyarrow import csv

    _, network, pipeline = open_model(options.run_directory)
    table, X = open_table(options.data, pipeline, need_target=False)
    predictions = pipeline.decode(network.predict(X))
    columns: dict[str, object] = {}
    if predictions.ndim == 1:
        columns["prediction"] = predictions
    else:
        columns |= {f"prediction_{j}": predictions[:, j] for j in range(predictions.shape[1])}
    if pipeline.classes is not None:
        probability = network.predict_proba(X)
        columns |= {f"probability_{name}": probability[:, j] for j, name in enumerate(pipeline.classes)}
    content = io.BytesIO()
    csv.write_csv(pa.table({name: pa.array(values) for name, values in columns.items()}), content)
    target = Path(options.output_file)
    if not target.parent.is_dir():
        raise DataError("the folder does not exist; expected one that does.", path=str(target))
    write_atomic(target, content.getvalue())
    print(f"{len(table):,} predictions in {target}", file=sys.stderr)
    return 0
