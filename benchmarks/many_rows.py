"""Many rows by several workers: a Parquet folder through the cache and one epoch, and the memory of each process.

    python benchmarks/many_rows.py [--rows 5e6,1e8] [--workers 2] [--folder /tmp] [--columns 28]

Writes a folder of Parquet files (columns of at most 256 distinct values, a noisy class; 100 million rows take 3 GB,
their cache 11 GB), says how large the cache will be, trains one epoch of 28-64-1 by the workers from the command line,
and prints the seconds of the whole run and of the epoch, and the most anonymous memory of each process (RssAnon of
/proc: mapped pages belong to the system and are not counted). Everything is deleted afterwards.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

FILE_ROWS, GROUP_ROWS = 2_000_000, 200_000
OPTIONS = ("--preset", "plain", "--network", "64", "--batch-size", "4096", "--epochs", "1", "--cache-above", "0")


def write(folder: Path, n_rows: int, n_columns: int) -> int:
    """Rows of few values, whose class depends on all columns and one product; bytes of the folder."""
    import pyarrow
    from pyarrow import parquet

    random = np.random.default_rng(0)
    values = np.sort(random.normal(size=256)).astype(np.float32)
    weights = random.normal(size=n_columns).astype(np.float32) * np.float32(0.3)
    writer: Any = None
    for first in range(0, n_rows, GROUP_ROWS):
        n = min(GROUP_ROWS, n_rows - first)
        codes = random.integers(0, 256, (n_columns, n), np.uint8)
        X = values[codes]
        label = weights @ X + np.tanh(X[0] * X[1]) + random.logistic(size=n) > 0
        columns = {f"f{j:02d}": X[j] for j in range(n_columns)} | {"label": label.astype(np.int8)}
        table = pyarrow.table(columns)
        if first % FILE_ROWS == 0:
            if writer is not None:
                writer.close()
            path = folder / f"part-{first // FILE_ROWS:04d}.parquet"
            writer = parquet.ParquetWriter(path, table.schema, compression="none")
        writer.write_table(table)
    writer.close()
    return sum(path.stat().st_size for path in folder.iterdir())


def watched(command: list[str]) -> tuple[str, float, dict[int, int], float]:
    """What a command prints, its seconds, the most kB of RssAnon of each Python below it, and their core seconds."""
    began, most, used = time.perf_counter(), {}, {}
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        while process.poll() is None:
            for pid in _below(process.pid):
                kb, seconds = _facts(pid)
                most[pid], used[pid] = max(most.get(pid, 0), kb), max(used.get(pid, 0.0), seconds)
            time.sleep(0.1)
        out.seek(0)
        text = out.read().decode()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return text, time.perf_counter() - began, most, sum(used.values())


def _below(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
    return found


def _facts(pid: int) -> tuple[int, float]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0.0
    kb = next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)
    return kb, (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    """One line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="5e6", help="sizes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--columns", type=int, default=28)
    parser.add_argument("--folder", default=None, help="where the files go")
    options = parser.parse_args()
    for size in options.rows.split(","):
        n_rows = int(float(size))
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            rows = Path(folder) / "rows"
            rows.mkdir()
            began = time.perf_counter()
            n_bytes = write(rows, n_rows, options.columns)
            print(
                f"{n_rows:,} rows: {n_bytes / 1e9:.2f} GB of Parquet in {time.perf_counter() - began:.0f} s; the cache "
                f"will take {n_rows * (4 * options.columns + 4) / 1e9:.2f} GB",
                flush=True,
            )
            how = ["--target", "label", "--json", *OPTIONS, "--workers", str(options.workers), "--threads", "1"]
            command = [sys.executable, "-m", "chainrule", "train", str(rows), *how, "-o", f"{folder}/run"]
            text, seconds, most, used = watched(command)
            record = json.loads(text)
            epoch_s, accuracy = record["seconds"], record["validation"]["accuracy"]
            memory = ", ".join(f"{kb / 1024:,.0f}" for kb in sorted(most.values(), reverse=True)[:4])
            print(
                f"  whole run {seconds:.0f} s, {used:.0f} s of cores; epoch {epoch_s:.1f} s, "
                f"{0.8 * n_rows / epoch_s:,.0f} rows/s; accuracy {accuracy:.4f}; RssAnon {memory} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
