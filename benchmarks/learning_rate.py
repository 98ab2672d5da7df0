"""The suggested learning rate compared with range-test rules, on real data, against a dense grid of training runs.

    python benchmarks/learning_rate.py FOLDER-OF-TABLES [--only NAME,…] [--optimizers NAME,…] [-o results.json]
                                       [--grids results.json] [--markdown FILE]

A case is a table, a network, a scale of its inputs, an update rule and a seed. Of every case the runs of all learning
rates of a grid of eight a decade from 10⁻⁵ to 10² are done, or taken from earlier results; `best` is the lowest loss
over all training rows that one of them ends with. A rule is right in a case where a run with its suggestion ends with

    loss − best ≤ 0.05·(loss at the start − best).

Rules of the range test, written from their published definitions (fastai, callback/schedule.py): the rate rises by a
constant factor from 1e-7 to 10 over 100 batches; the loss is smoothed exponentially with 0.98, corrected for its
start; the test ends above 4 times the lowest loss; the first 10 and the last 5 points are left out. Then

    valley    the longest falling subsequence of the losses; half of its length after its begin, in thirds and sixths
    steep     where the slope of the loss by the index, that is by log η, is most negative
    minimum   a tenth of the rate of the lowest loss
    slide     from the right, in intervals of 15 points: the last slope before the slopes of an interval's ends differ
              by no more than 0.005 is where the loss stops rising steeply; there the left end is taken
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.api.learning_rate import pose
from chainrule.api.network import Network
from chainrule.data.builtin import TARGETS
from chainrule.reference.optimizers import OPTIMIZERS as ENTRIES
from chainrule.training.settings import Settings
from chainrule.training.update_rules import optimizer_from
from chainrule.tune.laboratory import N_STEPS, suggest
from chainrule.tune.level import Level
from chainrule.tune.problem import Problem, curvature
from chainrule.tune.race import race
from chainrule.tune.stability import stable_factor

GRID = 10.0 ** np.arange(-5, 2.01, 1 / 8)
EPOCHS, MOST_STEPS, MOST_ROWS = 10, 1500, 2000
ALLOWED = 0.05
TABLES = {
    "letter": "letter", "phoneme": "class", "higgs_lightgbm_7k": "label", "california_housing": "MedHouseVal",
    "diamonds": "price", "uci_concrete": "strength", "wine_quality": "quality", "seoul_bike": "Rented Bike Count",
}  # fmt: skip
CLASSES = ("letter", "phoneme", "higgs_lightgbm_7k")


@dataclass(frozen=True)
class Case:
    """What is trained on what."""

    table: str
    hidden: tuple[int, ...]
    activation: str
    scale: float
    batch_size: int


CASES = (
    Case("digits", (30,), "sigmoid", 1, 32),
    Case("digits", (64, 64), "relu", 1, 32),
    Case("digits", (64, 64), "relu", 10, 32),
    Case("digits", (64, 64), "relu", 0.1, 32),
    Case("digits", (64, 64), "tanh", 10, 32),
    Case("digits", (64, 64), "tanh", 0.1, 32),
    Case("mnist", (30,), "sigmoid", 1, 10),
    Case("mnist", (100,), "relu", 1, 32),
    Case("mnist", (100,), "relu", 10, 32),
    Case("mnist", (30, 30), "tanh", 1, 32),
    Case("letter", (64, 64), "relu", 1, 32),
    Case("letter", (64,), "tanh", 0.1, 32),
    Case("phoneme", (32, 32), "relu", 1, 32),
    Case("higgs_lightgbm_7k", (64, 64), "silu", 1, 64),
    Case("breast_cancer", (16,), "relu", 1, 16),
    Case("california_housing", (64, 64), "relu", 1, 32),
    Case("california_housing", (64, 64), "relu", 10, 32),
    Case("california_housing", (64, 64), "silu", 0.1, 32),
    Case("diamonds", (64, 64), "gelu", 1, 64),
    Case("uci_concrete", (32, 32), "tanh", 1, 32),
    Case("wine_quality", (32,), "relu", 1, 32),
    Case("seoul_bike", (64, 64, 64), "relu", 1, 32),
)
OURS = ("cr.learning_rate", "auto", "half of the bound")
RULES = (*OURS, "valley", "slide", "minimum", "steep")
OPTIMIZERS: dict[str, Any] = {
    "sgd": "sgd",
    "momentum": {"name": "sgd", "momentum": 0.9},
    "nesterov": {"name": "sgd", "momentum": 0.9, "nesterov": True},
    "adam": "adam",
}


# data ------------------------------------------------------------------------------------------------------


def rows(name: str, folder: Path) -> tuple[Any, Any]:
    """Numeric columns, standardised (pixels between 0 and 1), and classes or a standardised value."""
    if name == "digits":
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        return X / 16, y
    if name == "mnist":
        with np.load(folder / "mnist.npz") as data:
            return data["x_train"][:3000].reshape(3000, -1) / 255, data["y_train"][:3000]
    if name in TARGETS:
        from sklearn.datasets import load_breast_cancer

        X, y = load_breast_cancer(return_X_y=True)
        return (X - X.mean(axis=0)) / X.std(axis=0), y
    import pandas as pd

    table = pd.read_csv(folder / f"{name}.csv.gz").drop(columns="_split", errors="ignore")
    y = table.pop(TABLES[name])
    numbers = table.select_dtypes("number")
    X = numbers.fillna(numbers.median()).to_numpy(float)
    chosen = np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]
    X, y = X[chosen], y.to_numpy()[chosen]
    X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)
    return X, np.unique(y, return_inverse=True)[1] if name in CLASSES else (y - y.mean()) / y.std()


def problem_of(case: Case, optimizer: str, seed: int, folder: Path) -> Problem:
    """The training of a case; rows that fill no batch are left out, so that no epoch ends with a tiny one."""
    X, y = rows(case.table, folder)
    n = len(X) // case.batch_size * case.batch_size
    X, y = X[:n] * case.scale, y[:n]
    ends = (len(np.unique(y)), "softmax", "cross_entropy") if y.dtype.kind in "iu" else (1, "identity", "squared_error")
    network = Network([X.shape[1], *case.hidden, ends[0]], case.activation, *ends[1:], seed=seed)
    rule = optimizer_from(OPTIMIZERS[optimizer])
    settings = Settings(optimizer=rule, batch_size=case.batch_size, epochs=EPOCHS, seed=seed)
    return pose(network, X, y, settings, threads=1)


def end(problem: Problem, eta: float) -> float:
    """The loss over all rows after a run with this learning rate; inf where it diverged."""
    n_steps = min(MOST_STEPS, EPOCHS * problem.task.steps_per_epoch)
    theta = problem.run(np.full(n_steps, eta)).theta
    if theta is None:
        return float(np.inf)
    with np.errstate(all="ignore"):
        task = problem.task
        J, _ = problem.engine.loss(problem.parameters.like(theta), task.X, task.targets, task.weight)
    return float(J) if np.isfinite(J) else float(np.inf)


# rules -----------------------------------------------------------------------------------------------------


def range_test(problem: Problem) -> tuple[Any, Any]:
    """Learning rates and smoothed losses of the range test, as far as it goes, without its ends."""
    etas = 1e-7 * (10 / 1e-7) ** (np.arange(100) / 99)
    smoothed, lowest, kept = 0.0, np.inf, []
    for t, loss in enumerate(problem.run(etas).losses, start=1):
        smoothed = 0.98 * smoothed + 0.02 * float(loss)
        level = smoothed / (1 - 0.98**t)
        if not np.isfinite(level):
            break
        kept.append(level)
        lowest = min(lowest, level)
        if level > 4 * lowest:
            break
    n = len(kept)
    inside = slice(10, n - 5) if n > 15 else slice(0, n)
    return etas[:n][inside], np.array(kept)[inside]


def valley(etas: Any, losses: Any) -> float:
    """The longest falling subsequence, taken to begin its length before its end; 1/3 + 1/6 of that after its begin."""
    n = len(losses)
    length = np.ones(n, int)
    for i in range(n):
        for j in range(i):
            if losses[i] < losses[j]:
                length[i] = max(length[i], length[j] + 1)
    stop = int(length.argmax())
    start = stop - int(length[stop])
    third = (stop - start) / 3
    return float(etas[start + int(third) + int(third / 2)])


def steep(etas: Any, losses: Any) -> float:
    """Where the loss falls fastest by log η."""
    slopes = np.diff(losses) / np.diff(np.log(etas))
    return float(etas[int(slopes.argmin())])


def minimum(etas: Any, losses: Any) -> float:
    """A tenth of the rate of the lowest loss."""
    return float(etas[int(losses.argmin())]) / 10


def slide(etas: Any, losses: Any, interval: int = 15, threshold: float = 0.005) -> float:
    """The interval slides from the right as long as the slopes at its ends differ; its left end is taken."""
    slopes = np.gradient(losses)
    right = -1
    left = right - interval
    taken = float(etas[left]) if -left <= len(etas) else float(etas[0])
    while -left <= len(losses) and abs(slopes[right] - slopes[left]) > threshold:
        taken = float(etas[left])
        right, left = right - 1, left - 1
    return taken


def half_of_the_bound(problem: Problem) -> float:
    """Half of where the rule becomes unstable, with λ over many rows (1/λ for gradient descent), or λ_P of batches."""
    optimizer, hyper = problem.task.optimizer, problem.settings.optimizer
    if ENTRIES[optimizer].scale is not None:
        return Level(problem).proposal
    return 0.5 * stable_factor(optimizer, hyper) / curvature(problem.hessian(problem.sample())).value


def suggestions(problem: Problem) -> dict[str, float]:
    """What every rule takes."""
    etas, losses = range_test(problem)
    return {
        "cr.learning_rate": race(problem, Level(problem).proposal, N_STEPS).suggested,
        "auto": suggest(problem).suggested,
        "half of the bound": half_of_the_bound(problem),
        "valley": valley(etas, losses),
        "slide": slide(etas, losses),
        "minimum": minimum(etas, losses),
        "steep": steep(etas, losses),
    }


# results ---------------------------------------------------------------------------------------------------


def measure(
    case: Case, optimizer: str, seed: int, folder: Path, grids: dict[Any, list[float | None]]
) -> dict[str, Any]:
    """One case: start, best, the rates that are right, and what every rule takes and loses."""
    problem = problem_of(case, optimizer, seed, folder)
    task = problem.task
    start = float(problem.engine.loss(problem.parameters, task.X, task.targets, task.weight)[0])
    named = f"{case.table} ×{case.scale:g}, {'-'.join(map(str, case.hidden))} {case.activation}"
    known = grids.get((named, optimizer, seed)) or [end(problem, float(eta)) for eta in GRID]
    ends = np.array([np.inf if J is None else J for J in known])
    taken = suggestions(problem)
    reached = {rule: end(problem, eta) for rule, eta in taken.items()}
    best = float(ends.min())
    right = GRID[ends - best <= ALLOWED * (start - best)]
    missed = {rule: (loss - best) / (start - best) for rule, loss in reached.items()}
    return {
        "case": named, "optimizer": optimizer, "seed": seed, "batch_size": case.batch_size, "n_rows": task.n_samples,
        "start": start, "best": best, "right": [float(right.min()), float(right.max())], "taken": taken,
        "missed": {rule: m if np.isfinite(m) else None for rule, m in missed.items()},
        "grid": [J if np.isfinite(J) else None for J in ends.tolist()],
    }  # fmt: skip


def is_right(result: dict[str, Any], rule: str) -> bool:
    """Whether the run with the rule's suggestion ended near enough to the best."""
    missed = result["missed"][rule]
    return missed is not None and missed <= ALLOWED


def markdown(results: list[dict[str, Any]]) -> str:
    """The tables of docs/learning-rate.md: how often each rule is right, then what it takes in each case."""
    kinds = list(dict.fromkeys(r["optimizer"] for r in results))
    parts = []
    for kind in kinds:
        chosen = [r for r in results if r["optimizer"] == kind]
        parts.append(f"### {kind.capitalize() if kind != 'sgd' else 'Gradient descent'}\n\n{summary(chosen)}")
    for kind in kinds:
        chosen = [r for r in results if r["optimizer"] == kind]
        parts.append(f"### Cases: {kind}\n\n{cases(chosen, RULES if kind == 'sgd' else OURS)}")
    return "\n\n".join(parts) + "\n"


def summary(results: list[dict[str, Any]]) -> str:
    """How often each rule is right, and by what factor it leaves the right rates."""
    lines = ["| rule | right | of | largest factor below | largest factor above |", "|---|---:|---:|---:|---:|"]
    for rule in RULES:
        below = max(max(r["right"][0] / r["taken"][rule], 1) for r in results)
        above = max(max(r["taken"][rule] / r["right"][1], 1) for r in results)
        n = sum(is_right(r, rule) for r in results)
        lines.append(
            f"| {rule} | {n} ({100 * n / len(results):.0f} %) | {len(results)} | {below:,.3g} | {above:,.3g} |"
        )
    return "\n".join(lines)


def cases(results: list[dict[str, Any]], rules: Sequence[str]) -> str:
    """What each rule takes in each case; bold where that is right."""
    lines = ["| case | seed | right rates | " + " | ".join(rules) + " |", "|---|---:|---|" + "---:|" * len(rules)]
    for r in results:
        low, high = r["right"]
        cells = [f"{'**' if is_right(r, rule) else ''}{r['taken'][rule]:.2g}{'**' if is_right(r, rule) else ''}"
                 for rule in rules]  # fmt: skip
        lines.append(f"| {r['case']} | {r['seed']} | {low:.2g} … {high:.2g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def grids_of(file: Path | None) -> dict[Any, list[float | None]]:
    """The ends of the grid by case, optimizer and seed, as earlier results have them."""
    if file is None:
        return {}
    earlier = json.loads(file.read_text(encoding="utf-8"))
    return {(r["case"], r["optimizer"], r["seed"]): r["grid"] for r in earlier}


def put(tables: str, file: Path) -> None:
    """The tables between the marks of a file."""
    before, _, rest = file.read_text(encoding="utf-8").partition("<!-- tables -->\n")
    after = rest.partition("<!-- end of tables -->\n")[2]
    file.write_text(f"{before}<!-- tables -->\n{tables}<!-- end of tables -->\n{after}", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", metavar="TABLE,…")
    parser.add_argument("--optimizers", default="sgd,momentum,nesterov,adam")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("-o", "--output-file", type=Path)
    parser.add_argument("--grids", type=Path, metavar="FILE", help="results whose grids are not run again")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the tables between the marks of this file")
    options = parser.parse_args(argv)
    chosen = [case for case in CASES if not options.only or case.table in options.only.split(",")]
    results, grids = [], grids_of(options.grids)
    for optimizer, case, seed in product(options.optimizers.split(","), chosen, range(options.seeds)):
        began = time.perf_counter()
        r = measure(case, optimizer, seed, options.folder, grids)
        results.append(r)
        result = {rule: is_right(r, rule) for rule in RULES}
        print(f"{optimizer}, {r['case']}, seed {seed}: {result} {time.perf_counter() - began:.1f} s", file=sys.stderr)
    if options.output_file:
        options.output_file.write_text(json.dumps(results, indent=1), encoding="utf-8")
    tables = markdown(results)
    print(tables)
    if options.markdown:
        put(tables, options.markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
