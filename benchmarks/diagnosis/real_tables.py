"""Trainings of real tables as people have them: raw cells, default pipelines, tables of one column; faults in cells.

A control is what `chainrule train TABLE --target COLUMN` does with 1500 rows of a table, all columns or one. None
is chosen by what the doctor says of it; those whose validation loss ends 1.15 times above its lowest are not counted,
as among the other controls. A fault changes cells, targets or settings of such a training.
"""

from __future__ import annotations

import csv
import gzip
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from diagnosis.cases import DOCTOR
from diagnosis.controls import RISE

N_ROWS = 1500
Cells = dict[str, list[str]]
Change = Callable[[Cells, str, np.random.Generator], dict[str, Any]]
"""Changes the cells of a table with this target; returns what train is given besides."""

TARGETS: dict[str, tuple[str, str, str]] = {
    "adult": ("income", "_split", "age"),
    "ames_housing": ("SalePrice", "Order,PID", "Gr Liv Area"),
    "bike_sharing_hour": ("cnt", "instant,casual,registered", "temp"),
    "california_housing": ("MedHouseVal", "", "MedInc"),
    "california_housing_messy": ("median_house_value", "", "median_income"),
    "caravan": ("Purchase", "", "MOSTYPE"),
    "customer_gender_kr": ("성별", "회원ID", "총구매액"),
    "diamonds": ("price", "", "carat"),
    "electricity": ("class", "", "nswprice"),
    "german_credit": ("class", "", "duration"),
    "higgs_lightgbm_7k": ("label", "_split", "f01"),
    "hitters": ("Salary", "", "CRuns"),
    "letter": ("letter", "", "x_ege"),
    "mammography": ("class", "", "attr1"),
    "phoneme": ("class", "", "v1"),
    "seoul_bike": ("Rented Bike Count", "", "Temperature"),
    "telco_churn": ("Churn", "customerID", "tenure"),
    "titanic": ("survived", "", "sex"),
    "uci_concrete": ("strength", "", "cement"),
    "uci_energy": ("heating_load", "", "x5"),
    "uci_power_plant": ("PE", "", "AT"),
    "uci_wine_red": ("quality", "", "alcohol"),
    "uci_yacht": ("resistance", "", "fn"),
    "wine_quality": ("quality", "", "density"),
}
"""Target of each table, columns that are no features, and the one feature of a table of one column."""
OF_CLASSES, OF_VALUES = ("telco_churn", "german_credit", "phoneme"), ("california_housing", "uci_concrete", "diamonds")


@dataclass(frozen=True)
class TableFault:
    """A mistake in a table or in what is said with it, and the first causes that are right."""

    name: str
    right: frozenset[str]
    change: Change
    tables: tuple[str, ...]


@dataclass(frozen=True)
class TableCase:
    """Which training: a fault in a table, or a control where the fault is empty."""

    table: str
    seed: int
    fault: str = ""
    one_column: bool = False
    preset: str = "auto"


def copied(cells: Cells, target: str, rng: np.random.Generator) -> dict[str, Any]:
    """The target once more, under another name."""
    cells["copy"] = list(cells[target])
    return {}


def numbered(cells: Cells, target: str, rng: np.random.Generator) -> dict[str, Any]:
    """The class as a number."""
    names = sorted(set(cells[target]))
    cells["code"] = [str(100 * (1 + names.index(name))) for name in cells[target]]
    return {}


def filled(cells: Cells, target: str, rng: np.random.Generator) -> dict[str, Any]:
    """A reason that is written down for one class."""
    last = sorted(set(cells[target]))[-1]
    cells["reason"] = [rng.choice(["moved", "price", "other"]) if name == last else "" for name in cells[target]]
    return {}


def coded(cells: Cells, target: str, rng: np.random.Generator) -> dict[str, Any]:
    """-9999 in a tenth of the cells of the first column of numbers."""
    name = next(name for name in cells if name != target and _is_number(cells[name]))
    cells[name] = ["-9999" if rng.random() < 0.1 else cell for cell in cells[name]]
    return {}


def wrong_labels(cells: Cells, target: str, rng: np.random.Generator) -> None:
    """A fifth of the labels is that of another class."""
    names = sorted(set(cells[target]))
    others = [[other for other in names if other != name] for name in cells[target]]
    cells[target] = [rng.choice(o) if rng.random() < 0.2 else c for c, o in zip(cells[target], others, strict=True)]


def rate(value: float, *, noisy: bool = False) -> Change:
    """Gradient descent at a rate, with or without wrong labels."""

    def change(cells: Cells, target: str, rng: np.random.Generator) -> dict[str, Any]:
        if noisy:
            wrong_labels(cells, target, rng)
        return {
            "optimizer": "sgd", "learning_rate": value, "hidden_sizes": (32,), "activation": "tanh", "epochs": 20,
            "preset": "plain",
        }  # fmt: skip

    return change


def _is_number(cells: list[str]) -> bool:
    try:
        return len({float(cell) for cell in cells if cell}) > 20
    except ValueError:
        return False


def _fault(name: str, right: str, change: Change, tables: tuple[str, ...]) -> TableFault:
    return TableFault(name, frozenset(right.split()), change, tables)


FAULTS = (
    _fault("copy of the target", "target-leak", copied, OF_VALUES + OF_CLASSES),
    _fault("class as a number", "target-leak", numbered, OF_CLASSES),
    _fault("filled for one class", "target-leak", filled, OF_CLASSES),
    _fault("-9999 for missing cells", "input-scale", coded, OF_VALUES),
    _fault("rate of 1e-7", "learning-rate-too-small", rate(1e-7), OF_VALUES + OF_CLASSES),
    _fault("rate of 1000", "learning-rate-too-large", rate(1000.0), OF_VALUES + OF_CLASSES),
    _fault("wrong labels, rate of 1e-7", "learning-rate-too-small", rate(1e-7, noisy=True), ("letter", "phoneme")),
    _fault("wrong labels, rate of 1000", "learning-rate-too-large", rate(1000.0, noisy=True), ("letter", "phoneme")),
)


def table_cases() -> list[TableCase]:
    """All controls and faults, two seeds each: tables of all columns by two presets, tables of one column."""
    controls = [
        TableCase(table, seed, one_column=one, preset=preset)
        for table in TARGETS
        for seed in (0, 1)
        for one, preset in ((False, "plain" if seed else "auto"), (True, "auto" if seed else "plain"))
    ]
    return controls + [TableCase(t, seed, fault.name) for fault in FAULTS for t in fault.tables for seed in (0, 1)]


def examine_table(case: TableCase, folder: Path, place: Path) -> dict[str, Any]:
    """The case with the verdict of the doctor."""
    target, drop, feature = TARGETS[case.table]
    rng = np.random.default_rng([case.seed, 7])
    cells = _cells(folder / f"{case.table}.csv.gz", rng)
    kept = [target, feature] if case.one_column else [name for name in cells if name not in drop.split(",")]
    cells = {name: cells[name] for name in kept}
    how: dict[str, Any] = {"preset": case.preset, "seed": case.seed, "progress": False, "threads": 1}
    for fault in FAULTS:
        if fault.name == case.fault:
            how |= fault.change(cells, target, rng)
    file = place / "table.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(cells)
        writer.writerows(zip(*cells.values(), strict=True))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        run = cr.train(str(file), target=target, **how)
        began = time.perf_counter()
        diagnosis = run.doctor()
    right = next((sorted(fault.right) for fault in FAULTS if fault.name == case.fault), ["healthy"])
    base = f"{case.table}{f', {feature} alone' if case.one_column else ''} ({case.preset})"
    first = diagnosis.faults[0] if diagnosis.faults else None
    said = {
        "first": [first.id] if first else [],
        "any": [finding.id for finding in diagnosis.faults],
        "notes": [f"{one.id}:{one.variant}" for one in diagnosis if one.severity == "note"],
        "evidence": {name: str(value)[:120] for name, value in first.evidence.items()} if first else {},
        "seconds": time.perf_counter() - began, "seconds_of_training": float(run.result["seconds"]),
        "step": first.step if first else None, "layer": first.layer if first else None,
    }  # fmt: skip
    curve = run.history.get("validation_loss") or [1.0]
    ailments = [] if case.fault or curve[-1] <= RISE * min(curve) else ["the validation loss ends above its lowest"]
    return {
        "fault": case.fault, "base": base, "seed": case.seed, "right": right, "counts": not ailments, "error": 0.0,
        "error_of_twin": 0.0, "n_steps": run.n_steps, "verdicts": {DOCTOR: said}, "ailments": ailments,
    }  # fmt: skip


def _cells(path: Path, rng: np.random.Generator) -> Cells:
    """N_ROWS rows of a table, drawn, in the order of the table."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    chosen = np.sort(rng.permutation(len(rows))[:N_ROWS])
    return {name: [rows[i][j] for i in chosen] for j, name in enumerate(header)}
