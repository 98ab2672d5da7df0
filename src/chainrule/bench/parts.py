"""The parts of a benchmark; each gives entries of plain numbers, ready for JSON.

A part is measured with one number of threads at a time: the contestants' processes are started for it, and
go round every task of the part together.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chainrule.bench import workloads
from chainrule.bench.training import PEAK_OPERATIONS
from chainrule.bench.turns import Contestant, Rounds, go_round, ratio
from chainrule.bench.workloads import SCALING_TARGETS, SHARE_TARGETS, WORKLOADS, ratio_target
from chainrule.text.tables import counted

PartResult = dict[str, Any]
Say = Callable[[str], None]
PEERS = (workloads.EAGER, workloads.COMPILE, workloads.JAX, workloads.SKLEARN, workloads.NUMPY)
PREDICTING_PEERS = (workloads.ONNX, workloads.EAGER, workloads.SKLEARN)
PREDICTED_ROWS = (1, 32, 10_000)
LOOP_EPOCHS = {"S": 300, "N": 30}
"""Epochs of one call of train, where its cost beyond the steps is measured: about a second."""
QUICK_WITHOUT = {workloads.COMPILE: "omitted by --quick: compilation takes most of a minute"}


@contextmanager
def processes(names: Sequence[str], threads: int) -> Iterator[list[Contestant]]:
    """The contestants' processes, ended afterwards whatever happens."""
    started: list[Contestant] = []
    try:
        for name in names:
            started.append(Contestant(name, threads))
        yield started
    finally:
        for contestant in started:
            contestant.close()


def training(name: str, threads: int, budget_s: float, quick: bool, say: Say) -> list[PartResult]:
    """One workload with both optimizers against every peer."""
    left_out = QUICK_WITHOUT if quick else {}
    ours = [workloads.OURS, workloads.PEAK, *([workloads.ALONE] if threads > 1 else [])]
    names = [*ours, *(peer for peer in PEERS if peer not in left_out)]
    entries = []
    with processes(names, threads) as contestants:
        for optimizer in ("sgd", "adam"):
            say(f"training {name} {optimizer}, {counted(threads, 'thread')}")
            task = {"kind": "train", "workload": name, "optimizer": optimizer}
            rounds = go_round(contestants, task, budget_s)
            rounds.absent |= left_out
            entries.append(training_entry(name, optimizer, threads, rounds))
    return entries


def training_entry(name: str, optimizer: str, threads: int, rounds: Rounds) -> PartResult:
    """Medians, ratios and the share of the peak, with their targets."""
    workload, figures = WORKLOADS[name], dict(rounds.figures)
    peaks, alone = figures.pop(workloads.PEAK, []), figures.pop(workloads.ALONE, [])
    ours = figures.get(workloads.OURS, [])
    entry: PartResult = {"part": name, "optimizer": optimizer, "threads": threads, "absent": rounds.absent}
    entry["microseconds"] = {who: statistics.median(f) / workload.n_steps * 1e6 for who, f in figures.items()}
    entry["rounds"] = {who: [round(s / workload.n_steps * 1e6, 2) for s in f] for who, f in figures.items()}
    entry["ratios"] = {who: ratio(f, ours) for who, f in figures.items() if who != workloads.OURS} if ours else {}
    entry["targets"] = {who: ratio_target(name, who, threads) for who in entry["ratios"]}
    if peaks and ours:
        flops = workload.flops_per_step * workload.n_steps
        rates = [PEAK_OPERATIONS / seconds for seconds in peaks]
        entry["peak_gflops_per_core"] = statistics.median(rates) / 1e9
        entry["peak_rounds"] = [round(rate / 1e9, 1) for rate in rates]
        entry["share_of_peak"] = statistics.median(flops / s / (r * threads) for s, r in zip(ours, rates, strict=True))
        entry["share_target"] = SHARE_TARGETS.get((name, optimizer)) if threads == 1 else None
    if alone and ours:
        entry["gain_of_threads"], entry["gain_target"] = ratio(alone, ours), SCALING_TARGETS[name]
    return entry


def prediction(threads: int, budget_s: float, quick: bool, say: Say) -> list[PartResult]:
    """Class probabilities of one row, of a few and of many."""
    entries = []
    with processes([workloads.OURS, *PREDICTING_PEERS], threads) as contestants:
        for name in "SN" if quick else "SNM":
            for n_rows in PREDICTED_ROWS:
                say(f"prediction {name}, {counted(n_rows, 'row')}, {counted(threads, 'thread')}")
                task = {"kind": "predict", "workload": name, "n_rows": n_rows}
                rounds = go_round(contestants, task, budget_s / len(PREDICTED_ROWS))
                entry = {"part": "prediction", "workload": name, "n_rows": n_rows, "threads": threads}
                entries.append(entry | compared(rounds, 1e6))
    return entries


def loop(budget_s: float, say: Say) -> list[PartResult]:
    """What train adds to its steps, without and with a progress bar."""
    entries = []
    with processes([workloads.OURS, workloads.TRAIN, workloads.PROGRESS], 1) as contestants:
        for name in "SN":
            say(f"train beside its steps, {name}")
            task = {"kind": "train", "workload": name, "optimizer": "sgd"}
            rounds = go_round(contestants, task, budget_s, LOOP_EPOCHS[name])
            figures = rounds.figures
            entry = {"part": "loop", "workload": name, "epochs": LOOP_EPOCHS[name]} | compared(rounds, 1e6)
            if workloads.TRAIN in figures and workloads.PROGRESS in figures:
                entry["progress_over_train"] = ratio(figures[workloads.PROGRESS], figures[workloads.TRAIN])
            entries.append(entry)
    return entries


def compared(rounds: Rounds, unit: float) -> PartResult:
    """Medians and ratios of rounds."""
    figures = rounds.figures
    ours = figures.get(workloads.OURS, [])
    return {
        "microseconds": {who: statistics.median(f) * unit for who, f in figures.items()},
        "ratios": {who: ratio(f, ours) for who, f in figures.items() if who != workloads.OURS} if ours else {},
        "absent": rounds.absent,
    }
