"""The overhead of `train`: every sequence of steps of a training compared with the same steps in a bare session.

    python benchmarks/loop_cost.py [--sizes S,N] [--optimizer sgd] [--seconds 20]

Behind every stretch of a training on one core (its steps, and all that follows: history, best epoch, checkpoints, the
progress bar where it is drawn) a bare session with the same settings does as many steps. So both have the same machine
at nearly the same time, which two trainings one after the other do not have. Columns: the sum over the stretches of
the training over that of the bare steps, less 1, in processor time, with the interval that holds 95 % of 2,000 samples
drawn with replacement from the pairs; the median over the pairs; and what a call takes besides its stretches.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

import chainrule as cr
from chainrule.bench.workloads import LEARNING_RATES, WORKLOADS, Workload
from chainrule.engine.protocol import StepSettings
from chainrule.engine.select import select
from chainrule.training.loop import Trainer

OPTIMIZERS = {"sgd": cr.SGD, "adam": cr.Adam}
WARM_UP = 8
CALLS = 15


class InPairs(Trainer):
    """A loop that lets a bare session do the same steps after every stretch, and notes what both took."""

    took: ClassVar[list[tuple[float, float]]] = []
    loop_s = 0.0

    def run(self, *args: Any, **options: Any) -> Any:
        settings = StepSettings(optimizer=dict(self.settings.optimizer.hyper))
        self._bare = select("native", self.task.architecture, 1)[0].start(self.task, settings)
        self._bare.load(args[0].theta, args[0].optimizer)
        self._bare_settings, began = settings, time.process_time()
        result = super().run(*args, **options)
        InPairs.loop_s = time.process_time() - began
        return result

    def _advance_stretch(self) -> None:
        first, began = self._step, time.process_time()
        super()._advance_stretch()
        between, paused = time.process_time(), time.perf_counter()
        etas = np.full(self._step - first, self.settings.optimizer.learning_rate)
        self._bare.advance(first, etas, self._bare_settings)
        self.took.append((between - began, time.process_time() - between))
        away = time.perf_counter() - paused  # no time of this training
        self._began += away
        self._epoch_began += away


def trained(workload: Workload, optimizer: str, epochs: int, progress: bool) -> np.ndarray:
    """The pairs of one training, (stretches, training or bare) in seconds of processor time."""
    InPairs.took.clear()
    rule = OPTIMIZERS[optimizer](LEARNING_RATES[optimizer])
    cr.train(
        cr.Network(workload.sizes), *workload.rows(), optimizer=rule, batch_size=workload.batch_size, epochs=epochs,
        progress=progress, threads=1,
    )  # fmt: skip
    return np.array(InPairs.took)


def around(workload: Workload, optimizer: str) -> float:
    """Milliseconds of processor time that a call takes outside its loop."""
    net, rows, found = cr.Network(workload.sizes), workload.rows(), []
    rule = OPTIMIZERS[optimizer](LEARNING_RATES[optimizer])
    for _ in range(CALLS):
        began = time.process_time()
        cr.train(net, *rows, optimizer=rule, batch_size=workload.batch_size, epochs=1, progress=False, threads=1)
        found.append(time.process_time() - began - InPairs.loop_s)
    return 1e3 * statistics.median(found)


def share(pairs: np.ndarray) -> str:
    """Σ training / Σ bare − 1 with its interval, and the median pair."""
    drawn = pairs[np.random.default_rng(0).integers(0, len(pairs), (2000, len(pairs)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1] - 1, [0.025, 0.975])
    whole = pairs[:, 0].sum() / pairs[:, 1].sum() - 1
    return f"{whole:+.1%} ({low:+.1%} … {high:+.1%}) | {np.median(pairs[:, 0] / pairs[:, 1]) - 1:+.1%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="S,N")
    parser.add_argument("--optimizer", default="sgd", choices=list(OPTIMIZERS))
    parser.add_argument("--seconds", type=float, default=20.0, help="of the training and its bare steps together")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (the bar is drawn there)
    import_module("chainrule.api.trainer").Trainer = InPairs  # type: ignore[attr-defined]
    print("| network | bar | pairs | processor | median pair | around a call, ms |\n" + 6 * "|---" + "|")
    for size in options.sizes.split(","):
        workload = WORKLOADS[size]
        epoch_s = trained(workload, options.optimizer, 3, False).sum() / 3
        epochs = max(20, round(options.seconds / epoch_s / 2))
        beside = around(workload, options.optimizer)
        for progress in (False, True):
            pairs = trained(workload, options.optimizer, epochs, progress)[WARM_UP:]
            print(
                f"| {size} {options.optimizer} | {'drawn' if progress else 'none'} | {len(pairs)} | {share(pairs)} "
                f"| {beside:.1f} |", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
