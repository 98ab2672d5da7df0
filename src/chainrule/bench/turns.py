"""Taking turns: every contestant waits in a process of its own, held to the same cores and threads.

The parent asks one contestant at a time, so that none disturbs another, and goes round all of them again
and again, so that a machine that changes its pace does so for all. Messages are lines of JSON.
`python -m chainrule.bench.turns NAME THREADS` is such a process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

REMOVED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_CBWR", "CHAINRULE_THREADS", "OMP_WAIT_POLICY")
"""Settings of an environment that would hold a library to other kernels or threads than it takes by itself."""
HELD_TO = {
    "avx2": {
        "OPENBLAS_CORETYPE": "Haswell", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
}  # fmt: skip
"""Where CHAINRULE_ISA holds the engine to older instructions, the settings that hold the other libraries to them."""
PATIENCE_S = 150.0
"""A contestant that takes longer than this for one answer is left out."""
TURN_S = 0.15
LEAST_ROUNDS, MOST_ROUNDS = 3, 25


def environment(threads: int) -> dict[str, str]:
    """The environment of a contestant: as here, with the number of threads for every library."""
    result = {name: value for name, value in os.environ.items() if name not in REMOVED}
    for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM"):
        result[f"{library}_NUM_THREADS"] = str(threads)
    held = HELD_TO.get(os.environ.get("CHAINRULE_ISA", "").strip().lower(), {})
    one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" if threads == 1 else ""
    flags = f"{held.get('XLA_FLAGS', '')} {one}".strip()
    return result | held | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}


class Contestant:
    """The parent's end: asks, waits, and remembers why the contestant fell out."""

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.reason = name, ""
        self._errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 (closed by close)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, name, str(threads)], env=environment(threads), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, process_group=0,
        )  # fmt: skip

    def ask(self, **message: Any) -> dict[str, Any]:
        """The answer to a message, or one with a `reason` on failure."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Timer(PATIENCE_S, self._kill)
        late.start()
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        finally:
            late.cancel()
        answer: dict[str, Any] = json.loads(line) if line else {"reason": self._why_gone()}
        self.reason = answer.get("reason", "")
        return answer

    def _why_gone(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        if self._process.returncode == -9:
            return f"no answer within {PATIENCE_S:.0f} s, or killed"
        return lines[-1] if lines else f"left with exit code {self._process.returncode}"

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process and those it has started, which would hold its pipes open."""
        self._kill()
        self._process.communicate()
        self._errors.close()


@dataclass
class Rounds:
    """Results of the rounds: the values of every round by name, and the reasons for absences."""

    figures: dict[str, list[float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def go_round(
    contestants: Sequence[Contestant], task: Mapping[str, Any], budget_s: float, n_units: int | None = None
) -> Rounds:
    """Seconds of one unit of work (an epoch, a call) in every round; who cannot do it is left out.

    A turn is `n_units` long, or as many as take TURN_S. Every other round runs backwards: threads of a library may go
    on spinning for a while, and no library should always follow the same one.
    """
    rounds, units = Rounds(), {}
    for contestant in contestants:
        answer = contestant.ask(do="prepare", **task)
        if "figure" in answer:
            units[contestant] = n_units or max(1, round(TURN_S / max(answer["figure"], 1e-9)))
            rounds.figures[contestant.name] = []
        else:
            rounds.absent[contestant.name] = answer["reason"]
    began, n_rounds = time.perf_counter(), 0
    while n_rounds < LEAST_ROUNDS or (n_rounds < MOST_ROUNDS and time.perf_counter() - began < budget_s):
        order = list(units.items())[:: 1 if n_rounds % 2 == 0 else -1]
        for contestant, n in order:
            answer = contestant.ask(do="turn", n=n)
            if "figure" in answer:
                rounds.figures[contestant.name].append(answer["figure"])
            else:
                del units[contestant], rounds.figures[contestant.name]
                rounds.absent[contestant.name] = answer["reason"]
        n_rounds += 1
    return rounds


def ratio(peer: Sequence[float], ours: Sequence[float]) -> float:
    """How many times as long the peer takes: the median over rounds, both taken in the same round."""
    return statistics.median(p / o for p, o in zip(peer, ours, strict=True))


def serve(name: str, threads: int) -> None:
    """The contestant's end: prepare what is asked for, do turns of it, answer with the seconds they took."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    work: Any = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if message["do"] == "prepare":
                work = prepare(name, message, threads)
                work(1)  # compiles, and fills caches
            answer: dict[str, Any] = {"figure": timed(work, message.get("n", 1))}
        except ImportError as error:
            answer = {"reason": f"not installed: {error}"}
        except Exception as error:
            answer = {"reason": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def timed(work: Any, n: int) -> float:
    """Seconds of a unit of work; a work that measures by itself gives its figure."""
    began = time.perf_counter()
    result = work(n)
    return result if isinstance(result, float) else (time.perf_counter() - began) / n


def prepare(name: str, task: Mapping[str, Any], threads: int) -> Any:
    """A function that does n units of the task: epochs or calls."""
    from chainrule.bench.prediction import PREDICTORS
    from chainrule.bench.training import TRAINERS
    from chainrule.bench.workloads import WORKLOADS

    workload = WORKLOADS[task["workload"]]
    if task["kind"] == "predict":
        return PREDICTORS[name](workload, task["n_rows"], threads)
    return TRAINERS[name](workload, task["optimizer"], threads)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
