"""Steps of one and of two workers, in turns: python benchmarks/worker_steps.py [ROUNDS].

Prints the shortest step of one worker, of two through common memory and of two by messages, each of one thread, and the
shortest of its parts. The shortest step is what is left of a machine that others use: both workers had a core to
themselves in it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from chainrule.distributed import mpi, team
from chainrule.distributed.mpiexec import command_of, environment_of, mpiexec
from chainrule.engine.native import NativeEngine
from chainrule.engine.native_shared import NativeShared
from chainrule.engine.protocol import StepSettings
from tasks import begin, make_task

CASES = {
    "28-512-512-1, batch 4096": ([28, 512, 512, 1], 4096, 60),
    "784-512-512-10, batch 512": ([784, 512, 512, 10], 512, 300),
}
WAYS = {"1 worker": (1, ""), "2 workers": (2, ""), "2 workers, messages": (2, "messages")}


def work(by_messages: bool) -> None:
    """What every worker does; worker 0 prints a line for each case."""
    if by_messages:
        mpi.common_memory = lambda *_: None
    took: dict[str, list[float]] = {}
    for name in ("parts", "add_up", "update"):
        _watch(name, took)
    own = team.join()
    own.stated_threads = 1
    if not own.leads:
        own.follow()
        return
    for name, (sizes, batch_size, n) in CASES.items():
        how: dict[str, Any] = {"output": "identity", "loss": "squared_error"} if sizes[-1] == 1 else {}
        task = make_task(sizes, n=16 * batch_size, batch_size=batch_size, optimizer="adam", leaves=8, **how)
        session = begin(own.share(NativeEngine(1), 8), task, StepSettings())
        took.clear()
        seconds = []
        if own.comm.size == 1:
            for step in range(n):
                began = time.perf_counter()
                session.advance(step, np.full(1, 1e-3), StepSettings())
                seconds.append(time.perf_counter() - began)
        else:
            session.advance(0, np.full(n, 1e-3), StepSettings())
            seconds = np.diff(took.pop("began")).tolist()
        print(json.dumps([name, min(seconds), {part: min(of) for part, of in took.items()}]), flush=True)
    own.end(0)


def _watch(name: str, took: dict[str, list[float]]) -> None:
    plain = getattr(NativeShared, name)

    def watched(self: NativeShared, *arguments: Any) -> Any:
        began = time.perf_counter()
        if name == "parts":
            took.setdefault("began", []).append(began)
        found = plain(self, *arguments)
        took.setdefault(name, []).append(time.perf_counter() - began)
        return found

    setattr(NativeShared, name, watched)


def main(n_rounds: int) -> None:
    """All ways in turns."""
    best: dict[tuple[str, str], tuple[float, dict[str, float]]] = {}
    path = mpiexec()
    for _ in range(n_rounds):
        for way, (n_workers, how) in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                environment = environment_of(path, Path(folder), n_workers)
                environment.pop("CHAINRULE_JOB")
                told = [*command_of(path, n_workers), sys.executable, __file__, "work", how]
                done = subprocess.run(told, env=environment, capture_output=True, text=True, check=True, timeout=300)
            for line in done.stdout.splitlines():
                if line.startswith("["):
                    case, seconds, parts = json.loads(line)
                    best[case, way] = min(best.get((case, way), (np.inf, {})), (seconds, parts), key=lambda one: one[0])
    for (case, way), (seconds, parts) in sorted(best.items()):
        shown = ", ".join(f"{name} {1e3 * of:.2f}" for name, of in parts.items())
        print(f"{case}  {way:20} {1e3 * seconds:6.2f} ms  {best[case, '1 worker'][0] / seconds:4.2f} x  {shown}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work("messages" in sys.argv)
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
