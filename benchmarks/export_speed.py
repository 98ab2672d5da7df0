"""How long exported models take for one row and for 10,000, beside this package, on one thread and in turns.

    python benchmarks/export_speed.py TABLE.csv TARGET [--drop A,B] [--rounds 15]

The table is trained for three epochs without neighbours. With the whole pipeline: raw columns in an Arrow table here,
the arrays that ONNX Runtime takes, rows as structs in a loop of C (gcc -O2, and -O3 -march=native). The network alone,
of encoded inputs: here and in PyTorch. Printed are medians of processor microseconds a row.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from exports import cells_of, row_of

import chainrule as cr
from chainrule.api.tables import blocks
from chainrule.export.c_file import write_c
from chainrule.export.onnx.file import feed, write_onnx
from chainrule.export.subject import Subject
from chainrule.export.torch_file import write_torch

DRIVER = """
#include "model.h"
void many(const struct row *in, long n, double *out);
void many(const struct row *in, long n, double *out) {
  long i;
  for (i = 0; i < n; ++i) chainrule_predict(&in[i], out);
}
"""


def c_caller(source: Path, header: Path, rows: list[list[Any]], flags: tuple[str, ...]) -> Callable[[int], None]:
    """Predicts the first n rows in a loop of C."""
    (source.parent / "driver.c").write_text(DRIVER)
    library = source.with_suffix(f".{len(flags)}.so")
    files = [str(source), str(source.parent / "driver.c")]
    subprocess.run(["gcc", "-std=c99", *flags, "-shared", "-fPIC", *files, "-o", str(library), "-lm"], check=True)
    Row, n_outputs = row_of(header)
    data, out = (Row * len(rows))(*(Row(*row) for row in rows)), (ctypes.c_double * n_outputs)()
    many = ctypes.CDLL(str(library)).many
    many.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p]
    return lambda n: many(data, n, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("target")
    parser.add_argument("--drop", default="")
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    os.environ["CHAINRULE_THREADS"] = "1"
    import onnxruntime
    import torch

    torch.set_num_threads(1)
    drop = tuple(filter(None, asked.drop.split(",")))
    run = cr.train(asked.table, target=asked.target, drop=drop, epochs=3, progress=False, neighbours=False)
    subject = Subject.of(run)
    table = next(iter(blocks(asked.table, run._fitted, needs_target=False)))
    table = table.take(np.arange(10_000) % len(table))
    raw = pyarrow.table({column.name: _raw(column) for column in table.columns})
    X = run._fitted.features(table, subject.architecture.dtype)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_onnx(subject, folder / "m.onnx", None)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(folder / "m.onnx"), options)
        given = feed(subject, table)
        source, header = write_c(subject, folder / "model.c")
        place = {column.name: column for column in table.columns}
        cells = [cell for encoder in run._fitted.encoders for cell in cells_of(place[encoder.name], encoder)]
        rows = [list(row) for row in zip(*cells, strict=True)]
        write_torch(subject, folder / "net.py")
        spec = importlib.util.spec_from_file_location("net", folder / "net.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tensor = torch.tensor(X)
        calls: dict[str, Callable[[int], Any]] = {
            "pipeline: chainrule": lambda n: run.predict_proba(raw.slice(0, n)),
            "pipeline: ONNX Runtime": lambda n: session.run(None, {key: value[:n] for key, value in given.items()}),
            "pipeline: C, gcc -O2": c_caller(source, header, rows, ("-O2",)),
            "pipeline: C, gcc -O3 -march=native": c_caller(source, header, rows, ("-O3", "-march=native")),
            "network: chainrule": lambda n: run.predictor.predict_proba(X[:n]),
            "network: PyTorch": lambda n: _no_grad(module.network, tensor[:n]),
        }
        print(f"{run.network.architecture}, load {os.getloadavg()[0]:.1f}\n| | 1 row | 10,000 rows |\n|---|---|---|")
        found = {name: [_timed(call, n, asked.rounds) for n in (1, 10_000)] for name, call in calls.items()}
        for name, (one, many) in found.items():
            print(f"| {name} | {one:.1f} | {many:.2f} |")


def _raw(column: Any) -> Any:
    if column.kind == "category":
        return pyarrow.array([[*(column.levels or ()), None][code] for code in column.values.tolist()])
    return pyarrow.array(column.values.astype(np.float64), from_pandas=True)


def _no_grad(network: Any, tensor: Any) -> Any:
    import torch

    with torch.no_grad():
        return network(tensor)


def _timed(call: Callable[[int], Any], n: int, rounds: int) -> float:
    """Microseconds a row, median over the rounds."""
    call(n)
    repeats = max(1, 300 // n)
    times = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(repeats):
            call(n)
        times.append((time.process_time() - began) / repeats / n * 1e6)
    return statistics.median(times)


if __name__ == "__main__":
    main()
