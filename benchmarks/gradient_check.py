"""How often the gradient check rejects correct gradients, and how often it detects wrong ones.

    python benchmarks/gradient_check.py [--tables FOLDER] [--healthy 200] [--planted 300] [--seconds 400]

Healthy: trained networks of every activation on real tables, with raw and scaled inputs, confident outputs, decayed
weights, float32 and float64; with --tables every preset on the tables of a folder (benchmarks/tables.py), as `train`
takes them, of each of which some rows are enough. Planted: one entry of a tensor, at least a thousandth of its
largest, is off by one part in ten thousand.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.select import reference
from chainrule.reference.activations import ACTIVATIONS
from chainrule.verify.gradients import check_gradients
from sklearn import datasets
from tables import TABLES

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


def some_rows(folder: Path, name: str, rng: np.random.Generator, to: Path) -> None:
    """Random rows of a table in a file of their own."""
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows[i] for i in rng.permutation(len(rows))[:N_ROWS])


def of_tables(folder: Path, rng: np.random.Generator) -> Made:
    """Networks that `train` makes of every table by every preset, in both precisions, over and over."""
    places = list(itertools.product(("float32", "float64"), ("auto", "plain", "strong"), TABLES))
    with tempfile.TemporaryDirectory() as scratch:
        for dtype, preset, name in itertools.cycle(places):
            if not (folder / f"{name}.csv.gz").exists():
                continue
            target, drop = TABLES[name]
            path, epochs = Path(scratch) / f"{name}.csv", int(rng.choice([1, 10, 60]))
            some_rows(folder, name, rng, path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run = cr.train(
                    path, target=target, drop=[x for x in drop.split(",") if x], preset=preset, dtype=dtype,
                    epochs=epochs, seed=int(rng.integers(1000)), validation=0.2, progress=False,
                )  # fmt: skip
            step = run.replay(0)
            what = f"{name} {preset} {run.network.architecture} {dtype} {epochs} epochs"
            yield what, run.network, step.forward.a[0][:32], step.targets[:32]


class Wrong(NumpyEngine):
    """An engine whose gradient of one entry is off by one part in ten thousand."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng, self.place = rng, ""

    def backward(self, *args: Any, **how: Any) -> Any:
        """The gradient of the reference, with the fault added."""
        result = super().backward(*args, **how)
        tensors = {f"dW{l}": result.dW[l] for l in range(1, len(result.dW))}
        tensors |= {f"db{l}": result.db[l] for l in range(1, len(result.db))}
        while True:
            name = str(self.rng.choice(list(tensors)))
            tensor = tensors[name].reshape(-1)
            large = np.flatnonzero(np.abs(tensor) >= 1e-3 * np.abs(tensor).max(initial=0.0))
            if len(large) and np.abs(tensor).max() > 0:
                at = int(self.rng.choice(large))
                tensor[at] *= 1 + 1e-4
                self.place = f"{name}[{at}] = {tensor[at]:.3g}"
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
    unresolved, done, end = 0, 0, time.monotonic() + seconds
    for what, network, X, targets in itertools.islice(made, n):
        check = check_gradients(reference(), network.parameters, X, targets, max_entries=60)
        unresolved += any(not tensor.resolved for tensor in check.tensors.values())
        done += 1
        if not check.passed:
            yield f"accused: {what}: {check.max_relative_error:.1e}"
        if time.monotonic() > end:
            break
    print(f"{done} healthy networks, {unresolved} with a tensor that cannot be resolved", flush=True)


def planted(made: Made, n: int, seconds: float, rng: np.random.Generator) -> Iterator[str]:
    """Faults that are not found among n, three to a network."""
    n_unresolved, done, end = 0, 0, time.monotonic() + seconds
    for what, network, X, targets in itertools.islice(made, -(-n // 3)):
        for _ in range(3):
            engine = Wrong(rng)
            check = check_gradients(engine, network.parameters, X, targets, max_entries=10**6)
            done += 1
            if check.passed and not check.tensors[engine.place.split("[")[0][1:]].resolved:
                n_unresolved += 1
            elif check.passed:
                yield f"not found: {what}: {engine.place}"
        if time.monotonic() > end:
            break
    print(f"{done} planted errors, {n_unresolved} of them in a tensor that is said to be beyond what can be resolved")


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
