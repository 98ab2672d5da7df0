"""Training data larger than memory: rows per second and memory for 0.1, 1 and 10 million rows of 28 columns.

    python benchmarks/big_data.py [--rows 1e5,1e6,1e7] [--folder /tmp] [--predict]

Writes Parquet files of random numbers (28 float32 columns, a noisy class), trains one epoch of 28-64-1 on each
from the command line through the cache, then again from that cache, and measures the anonymous
memory of the process (RssAnon of /proc: mapped pages belong to the system and are not counted). With --predict, it
measures `chainrule predict` on files of these sizes instead. The files are deleted afterwards.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

N_COLUMNS = 28
GROUP_ROWS = 100_000
OPTIONS = ("--preset", "plain", "--network", "64", "--batch-size", "1024", "--epochs", "1", "--cache-above", "0")


def write(path: Path, n_rows: int) -> None:
    """Random rows whose class depends on all columns and one product."""
    import pyarrow
    from pyarrow import parquet

    random = np.random.default_rng(0)
    weights = random.normal(size=N_COLUMNS) * 0.3
    writer: Any = None
    for first in range(0, n_rows, GROUP_ROWS):
        n = min(GROUP_ROWS, n_rows - first)
        X = random.normal(size=(n, N_COLUMNS)).astype(np.float32)
        label = X @ weights + np.tanh(X[:, 0] * X[:, 1]) + random.logistic(size=n) > 0
        table = pyarrow.table({f"f{j:02d}": X[:, j] for j in range(N_COLUMNS)} | {"label": label.astype(np.int8)})
        writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd", compression_level=1)
        writer.write_table(table)
    writer.close()


def watched(command: list[str]) -> tuple[str, float, float, float]:
    """What the command prints, the seconds it took, those of all its threads on a core, its most RssAnon in MiB."""
    began, used, most = time.perf_counter(), _cpu_s(), 0
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        while process.poll() is None:
            most = max(most, _anonymous_kb(process.pid))
            time.sleep(0.02)
        out.seek(0)
        text = out.read().decode()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return text, time.perf_counter() - began, _cpu_s() - used, most / 1024


def _cpu_s() -> float:
    """Seconds on a core of all processes that were waited for; other work on the machine hardly changes them."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _anonymous_kb(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0)


TRAIN = (sys.executable, "-m", "chainrule", "train")


def training(n_rows: int, folder: str) -> str:
    """Seconds and memory of two trainings, the first of which writes the cache."""
    path = Path(folder) / "rows.parquet"
    write(path, n_rows)
    command = [*TRAIN, str(path), "--target", "label", "--json", *OPTIONS]
    _, first_s, first_cpu_s, most = watched([*command, "-o", f"{folder}/first"])
    text, second_s, second_cpu_s, again = watched([*command, "-o", f"{folder}/second"])
    record = json.loads(text)
    epoch_s, accuracy = record["seconds"], record["validation"]["accuracy"]
    return (
        f"{first_s:8.1f} s {first_cpu_s:7.1f} s  {second_s:13.1f} s {second_cpu_s:7.1f} s  {epoch_s:10.2f} s"
        f"  {0.8 * n_rows / epoch_s:20,.0f}   {max(most, again):5.0f} MiB   {accuracy:8.4f}"
    )


def predicting(n_rows: int, folder: str) -> str:
    """Seconds and memory of a prediction."""
    for name, n in (("few", 10_000), ("rows", n_rows)):
        write(Path(folder) / f"{name}.parquet", n)
    watched([*TRAIN, f"{folder}/few.parquet", "--target", "label", "--json", *OPTIONS, "-o", f"{folder}/run"])
    command = [*TRAIN[:3], "predict", f"{folder}/run", f"{folder}/rows.parquet", "-o", f"{folder}/predicted.csv"]
    _, seconds, _, most = watched(command)
    return f"{seconds:8.1f} s   {n_rows / seconds:10,.0f}   {most:5.0f} MiB"


def main() -> None:
    """Print one line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1e5,1e6,1e7", help="sizes")
    parser.add_argument("--folder", default=None, help="where the files go (10 million rows take 3 GB)")
    parser.add_argument("--predict", action="store_true", help="watch predict instead of train")
    options = parser.parse_args()
    if options.predict:
        print("      rows    predict       rows/s     RssAnon")
    else:
        print(
            "      rows   first run     cores   from the cache     cores   epoch alone   rows/s of the epoch"
            "     RssAnon   accuracy"
        )
    for size in options.rows.split(","):
        n_rows = int(float(size))
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            result = (predicting if options.predict else training)(n_rows, folder)
            print(f"{n_rows:10,}  {result}", flush=True)


if __name__ == "__main__":
    main()
