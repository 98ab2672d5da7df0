"""How often the gradient check rejects correct gradients, and how often it detects wrong ones.

    python benchmarks/gradient_check.py [--tables FOLDER] [--healthy 200] [--planted 300] [--seconds 400]

Healthy: trained networks of every activation on the sets of scikit-learn, with raw and scaled inputs, confident
outputs, decayed weights, float32 and float64; with --tables every preset, in both precisions, on random rows of every
table of a folder, encoded and trained as `train` does. Planted: one entry that the check compares, at least a
thousandth of the largest of its tensor, is off by one part in ten thousand. Of larger tensors only some entries are
compared (MAX_ENTRIES), as the check always does.
"""

from __future__ import annotations

import argparse
import csv
import functools
import gzip
import itertools
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.api.model_selection import train_candidate
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.select import reference
from chainrule.network.parameters import Parameters, tensors
from chainrule.planning.candidates import Candidate
from chainrule.planning.selection import Selected
from chainrule.reference.activations import ACTIVATIONS
from chainrule.verify.gradients import check_gradients, compared_entries
from sklearn import datasets
from tables import TABLES

MAX_ENTRIES, MAX_ENTRIES_OF_MANY, MANY = 60, 15, 400_000
"""Entries of a tensor that are compared; the same of networks of many parameters, and how many these are."""
CONFIDENT = 1e-3
"""The mean loss of confident outputs is less."""
HIDDEN = [name for name, entry in ACTIVATIONS.items() if entry.elementwise and name != "exponential"]


def tables() -> dict[str, tuple[Any, Any, str]]:
    """Inputs and answers of sets that come with scikit-learn; what is predicted."""
    record = {}
    for name in ("iris", "wine", "breast_cancer", "digits"):
        record[name] = (*getattr(datasets, f"load_{name}")(return_X_y=True), "class")
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    record["diabetes"] = (X, y, "values")
    return record


def trained(rng: np.random.Generator) -> tuple[str, cr.Network, Any, Any]:
    """A network after a training that went well or is far past it, and rows."""
    sets = tables()
    name = str(rng.choice(list(sets)))
    X, y, kind = sets[name]
    raw = bool(rng.random() < 0.3)
    X = X if raw else (X - X.mean(0)) / np.where(X.std(0) > 0, X.std(0), 1)
    activation, dtype = str(rng.choice(HIDDEN)), str(rng.choice(["float32", "float64"]))
    sizes = [X.shape[1], *rng.choice([4, 8, 16], size=int(rng.integers(1, 3))).tolist()]
    epochs, l2 = int(rng.choice([1, 30, 300])), float(rng.choice([0, 0, 0.01]))
    if kind == "class":
        two = len(np.unique(y)) == 2
        output, loss = ("sigmoid" if two else "softmax"), "cross_entropy"
        sizes.append(1 if two else len(np.unique(y)))
    else:
        output, loss = "identity", str(rng.choice(["squared_error", "huber"]))
        sizes.append(1)
    network = cr.Network(sizes, activation, output, loss, dtype=dtype, seed=int(rng.integers(1000)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = cr.train(network, X, y, optimizer=cr.Adam(0.01), epochs=epochs, l2=l2, progress=False)
    rows = rng.permutation(len(X))[:32]
    what = (
        f"{name}{' raw' if raw else ''} {'-'.join(map(str, sizes))} {activation} {loss} {dtype} {epochs} epochs l2 {l2}"
    )
    return what, run.network, X[rows], y[rows]


N_ROWS = 240
"""Rows taken of every table of a folder."""
KINDS = {"hr_job_change": {"experience": "category"}}
"""Columns about which `train` asks."""
LENGTHS = ("1 epoch", "10 epochs", "60 epochs", "as planned", "learned by heart")
"""By heart: all rows, without dropout, decay or penalty, at three times the rate, for BY_HEART epochs."""
BY_HEART = 300


@functools.cache
def cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table, as text."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def some_rows(path: Path, rng: np.random.Generator, to: Path) -> None:
    """Random rows of a table in a file of their own."""
    header, rows = cells(path)
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows[i] for i in rng.permutation(len(rows))[:N_ROWS])


def for_length(candidate: Candidate, length: str) -> Candidate:
    """The candidate, trained for so long."""
    if length == "learned by heart":
        free = {"weight_decay": 0.0} if hasattr(candidate.optimizer, "weight_decay") else {}
        faster = replace(candidate.optimizer, learning_rate=3 * candidate.optimizer.learning_rate, **free)
        settings = candidate.settings | {"epochs": BY_HEART, "dropout": 0.0, "l2": 0.0, "early_stopping": None}
        rows = replace(candidate.rows, validation=None)
        return replace(candidate, rows=rows, optimizer=faster, settings=settings | {"schedule": "constant"})
    if length == "as planned":
        return candidate
    return replace(candidate, settings=candidate.settings | {"epochs": int(length.split()[0]), "early_stopping": None})


def of_tables(folder: Path, rng: np.random.Generator) -> Made:
    """Networks that `train` makes of every table by every preset, in both precisions, over and over.

    Planned as `train` plans them, with rows held out or, of few rows, without; which candidate is trained is drawn,
    as model selection would take longer than everything else.
    """
    known = {name: entry for name, entry in TABLES.items() if (folder / f"{name}.csv.gz").exists()}
    places = list(itertools.product(("float32", "float64"), ("auto", "plain", "strong"), known))
    with tempfile.TemporaryDirectory() as scratch:
        for dtype, preset, name in itertools.cycle(places):
            target, drop = known[name]
            path, length = Path(scratch) / f"{name}.csv", str(rng.choice(LENGTHS))
            some_rows(folder / f"{name}.csv.gz", rng, path)
            judged = {"validation": 0.2} if preset != "auto" or rng.random() < 0.5 else {}
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                plan = cr.plan(
                    path, target, drop=[x for x in drop.split(",") if x], preset=preset, dtype=dtype,
                    seed=int(rng.integers(1000)), kinds=KINDS.get(name), **judged,
                ).details  # fmt: skip
                index = int(rng.integers(len(plan.candidates)))
                candidate = for_length(plan.candidates[index], length)
                chosen = Selected(index=index, candidate=candidate)
                network = train_candidate(plan, chosen, recorded=False, progress=False).network
            X, y, _ = candidate.rows.all
            rows = rng.permutation(len(X))[:32]
            what = f"{name} {preset} {network.architecture} {dtype}, {length}"
            yield what, network, X[rows], network.encode(y[rows], len(rows))[0]


def n_compared(parameters: Parameters) -> int:
    """Entries of each tensor that the check compares."""
    return MAX_ENTRIES if parameters.flat.size < MANY else MAX_ENTRIES_OF_MANY


class Wrong(NumpyEngine):
    """An engine whose gradient of one entry that the check compares is off by one part in ten thousand."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng, self.tensor, self.place = rng, "", ""

    def backward(self, parameters: Any, *args: Any, **how: Any) -> Any:
        """The gradient of the reference, with the fault added."""
        result = super().backward(parameters, *args, **how)
        layers = enumerate(parameters.architecture.layers, start=1)
        found = [(f"{name}{l}", getattr(result, f"d{name}")[l]) for l, layer in layers for name, _ in tensors(layer)]
        found.append(("X", result.dX))
        while True:
            lane = int(self.rng.integers(len(found)))
            self.tensor, gradient = found[lane]
            flat = gradient.reshape(-1)
            compared = compared_entries(gradient, n_compared(parameters), 0, lane)
            large = compared[np.abs(flat[compared]) >= 1e-3 * np.abs(flat).max(initial=0.0)]
            if len(large) and np.abs(flat).max() > 0:
                at = int(self.rng.choice(large))
                flat[at] *= 1 + 1e-4
                self.place = f"d{self.tensor}[{at}] = {flat[at]:.3g}"
                return result


Made = Iterator[tuple[str, cr.Network, Any, Any]]
"""What it is, a trained network, and rows with their targets as engines take them."""


def of_sets(rng: np.random.Generator) -> Made:
    """Networks on the sets that come with scikit-learn."""
    while True:
        what, network, X, y = trained(rng)
        yield what, network, np.asarray(X, network.architecture.dtype), network.encode(y, len(X))[0]


def healthy(made: Made, n: int, seconds: float) -> Iterator[str]:
    """False accusations among n checks."""
    seen, end = Counter[str](), time.monotonic() + seconds
    for what, network, X, targets in itertools.islice(made, n):
        check = check_gradients(reference(), network.parameters, X, targets, max_entries=n_compared(network.parameters))
        seen["healthy"] += 1
        seen["confident"] += reference().loss(network.parameters, X, targets)[0] < CONFIDENT
        seen["unresolved"] += any(not tensor.resolved for tensor in check.tensors.values())
        if not check.passed:
            yield f"accused: {what}: {check.max_relative_error:.1e}"
        if time.monotonic() > end:
            break
    print(
        f"{seen['healthy']} healthy networks, {seen['confident']} with a loss below {CONFIDENT:g}, "
        f"{seen['unresolved']} with a tensor that cannot be resolved", flush=True,
    )  # fmt: skip


def planted(made: Made, n: int, seconds: float, rng: np.random.Generator) -> Iterator[str]:
    """Faults that are not found among n in tensors that can be resolved, three to every second network."""
    seen, end = Counter[str](), time.monotonic() + seconds
    for what, network, X, targets in itertools.islice(made, 0, None, 2):
        for _ in range(3):
            engine = Wrong(rng)
            check = check_gradients(engine, network.parameters, X, targets, max_entries=n_compared(network.parameters))
            resolved = not check.passed or check.tensors[engine.tensor].resolved
            seen["planted" if resolved else "unresolved"] += 1
            if check.passed and resolved:
                yield f"not found: {what}: {engine.place}"
        if seen["planted"] >= n or time.monotonic() > end:
            break
    print(
        f"{seen['planted']} planted errors, and {seen['unresolved']} more in a tensor that is said to be beyond what "
        "can be resolved", flush=True,
    )  # fmt: skip


def main() -> None:
    """Print what went wrong, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, help="a folder of tables in place of the sets of scikit-learn")
    parser.add_argument("--healthy", type=int, default=200)
    parser.add_argument("--planted", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for each of the two, at most")
    options = parser.parse_args()

    def made(seed: int) -> Made:
        rng = np.random.default_rng(seed)
        return of_sets(rng) if options.tables is None else of_tables(options.tables, rng)

    for title, found in (
        ("accused", healthy(made(1), options.healthy, options.seconds)),
        ("not found", planted(made(2), options.planted, options.seconds, np.random.default_rng(3))),
    ):
        result = list(found)
        print(*result, f"{title}: {len(result)}", sep="\n", flush=True)


if __name__ == "__main__":
    main()
