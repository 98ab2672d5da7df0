"""`chainrule serve` beside FastAPI with ONNX Runtime and the same exported pipeline, on the same machine in turns.

    python benchmarks/serving.py TABLE.csv TARGET [--drop A,B] [--workers 1] [--seconds 3] [--rounds 3]

Needs the extras serve and onnx, and fastapi. The table is trained for three epochs without neighbours and exported.
Clients send one row as JSON over a connection that is kept, 1, 10 and 100 at once, to each server in turn. Printed are
medians over the rounds: requests a second, and the 50th and 99th percentile of the time of a request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.api.tables import blocks
from chainrule.export.onnx.file import write_onnx
from chainrule.export.subject import Subject

CLIENTS = (1, 10, 100)
PEER = """
import numpy as np, onnxruntime
from fastapi import FastAPI
from pydantic import create_model

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession({path!r}, options)
TYPES = {{"tensor(double)": (float | None, np.float64, float("nan")), "tensor(string)": (str | None, object, ""),
         "tensor(int64)": (int | None, np.int64, -2**63)}}
inputs = {{one.name: TYPES[one.type] for one in session.get_inputs()}}
Row = create_model("Row", **{{name: (kind, ...) for name, (kind, _, _) in inputs.items()}})
outputs = [one.name for one in session.get_outputs()]
app = FastAPI()


@app.post("/predict")
def predict(rows: list[Row]):
    given = [row.model_dump() for row in rows]
    feed = {{
        name: np.array([[none if row[name] is None else row[name]] for row in given], dtype)
        for name, (_, dtype, none) in inputs.items()
    }}
    found = session.run(None, feed)
    return {{"predictions": [dict(zip(outputs, [one[i].tolist() for one in found])) for i in range(len(rows))]}}
"""


async def _client(port: int, bodies: list[bytes], start: int, until: float, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    i = start
    while time.perf_counter() < until:
        body = bodies[i % len(bodies)]
        i += 1
        began = time.perf_counter()
        head = f"POST /predict HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not answer.startswith(b"http/1.1 200"):
            raise RuntimeError(answer.decode())
        size = next(line for line in answer.split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(size.split(b":")[1]))
        times.append(time.perf_counter() - began)
    writer.close()


async def _load(port: int, bodies: list[bytes], n: int, seconds: float) -> tuple[float, float, float]:
    times: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_client(port, bodies, 37 * k, until, times) for k in range(n)))
    p50, p99 = np.quantile(times, [0.5, 0.99])
    return len(times) / seconds, 1e3 * float(p50), 1e3 * float(p99)


def _rows(run: Any, path: Path, n: int = 500) -> list[bytes]:
    """Rows as JSON, as both servers take them: numbers and texts."""
    table = next(iter(blocks(path, run._fitted, needs_target=False))).take(slice(0, n))
    columns = {}
    for column in table.columns:
        if column.kind == "category":
            texts = [*(column.levels or ()), None]
            columns[column.name] = [texts[code] for code in column.values.tolist()]
        else:
            columns[column.name] = [None if np.isnan(v) else float(v) for v in column.values.astype(np.float64)]
    return [json.dumps([dict(zip(columns, row, strict=True))]).encode() for row in zip(*columns.values(), strict=True)]


def _up(port: int) -> None:
    import socket

    for _ in range(400):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"no server at {port}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("target")
    parser.add_argument("--drop", default="")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        drop = tuple(filter(None, asked.drop.split(",")))
        cr.train(
            asked.table,
            target=asked.target,
            drop=drop,
            epochs=3,
            progress=False,
            neighbours=False,
            directory=home / "run",
        )
        run = cr.load(home / "run")
        write_onnx(Subject.of(run), home / "model.onnx", None)
        (home / "peer.py").write_text(PEER.format(path=str(home / "model.onnx")))
        ports = {"chainrule serve": 8431, "FastAPI + ONNX Runtime": 8432}
        python, workers = [sys.executable, "-m"], ["--workers", str(asked.workers)]
        commands = [
            [*python, "chainrule", "serve", str(home / "run"), "--port", "8431", *workers],
            [*python, "uvicorn", "peer:app", "--port", "8432", "--log-level", "error", "--no-access-log", *workers],
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        servers = [subprocess.Popen(command, **quiet, env=os.environ) for command in commands]
        try:
            bodies = _rows(run, asked.table)
            for port in ports.values():
                _up(port)
                asyncio.run(_load(port, bodies, 2, 0.5))
            print(f"load of the machine {os.getloadavg()[0]:.1f}, {asked.workers} workers")
            print("| clients | server | requests/s | p50 ms | p99 ms |\n|---|---|---|---|---|")
            for n in CLIENTS:
                found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ports}
                for _ in range(asked.rounds):
                    for name, port in ports.items():
                        found[name].append(asyncio.run(_load(port, bodies, n, asked.seconds)))
                for name, results in found.items():
                    rate, p50, p99 = (statistics.median(column) for column in zip(*results, strict=True))
                    print(f"| {n} | {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} |", flush=True)
        finally:
            for server in servers:
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main()
