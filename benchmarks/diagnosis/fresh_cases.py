"""The fresh cases: a mistake and its twin, or a training that works; the verdict of the doctor; the score by kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnosis.cases import DOCTOR, is_right, verdict_of_the_doctor
from diagnosis.fresh import FAULTS
from diagnosis.fresh_controls import CONTROLS

HARM = 0.05
"""A fault counts if its error on the test rows is this much above that of its healthy twin."""
SEEDS = (101, 202)


@dataclass(frozen=True)
class FreshCase:
    """A fault, or a control where the fault is empty, and a seed."""

    fault: str
    base: str
    seed: int


def fresh_cases() -> list[FreshCase]:
    """All of them, the faults first."""
    faults = [FreshCase(fault.name, fault.base.data, seed) for fault in FAULTS for seed in SEEDS]
    return faults + [FreshCase("", control.name, seed) for control in CONTROLS for seed in SEEDS]


def examine_fresh(case: FreshCase, folder: Path | None) -> dict[str, Any]:
    """The case with its kind, its errors, whether it counts, and the verdict of the doctor."""
    if not case.fault:
        control = {control.name: control for control in CONTROLS}[case.base]
        plan = control.base.plan(folder, case.seed)
        run = plan.train()
        error = plan.errors(run)[1]
        facts: dict[str, Any] = {
            "kind": "healthy", "right": ["healthy"], "error": error, "counts": error < control.bound,
        }  # fmt: skip
        return facts | _common(case, run, verdict_of_the_doctor(run, plan))
    fault = {fault.name: fault for fault in FAULTS}[case.fault]
    twin, plan = fault.plans(folder, case.seed)
    error_of_twin = twin.errors(twin.train())[1]
    with plan.in_force():
        run = plan.train()
        error = plan.errors(run)[1]
        harm = error - error_of_twin
        facts = {
            "kind": fault.kind, "right": sorted(fault.right), "error": error, "error_of_twin": error_of_twin,
            "harm": harm, "counts": harm >= HARM,
        }  # fmt: skip
        return facts | _common(case, run, verdict_of_the_doctor(run, plan))


def _common(case: FreshCase, run: Any, verdict: dict[str, Any]) -> dict[str, Any]:
    return {
        "fault": case.fault, "base": case.base, "seed": case.seed, "n_steps": run.n_steps,
        "verdicts": {DOCTOR: verdict},
    }  # fmt: skip


def examine_all_fresh(chosen: Sequence[FreshCase], folder: Path | None, n_processes: int) -> list[dict[str, Any]]:
    """Every case, in order, in processes of one thread each."""
    if n_processes <= 1:
        return [examine_fresh(case, folder) for case in chosen]
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    with ProcessPoolExecutor(n_processes) as pool:
        return list(pool.map(examine_fresh, chosen, [folder] * len(chosen)))


def fresh_score(entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Of every kind, and of all faults: cases that count, those whose first cause is right, those that name it at all.

    Of the healthy ones the right ones are those without a finding.
    """
    faults = [entry for entry in entries if entry["fault"] and entry["counts"]]
    kinds = dict.fromkeys(entry["kind"] for entry in entries if entry["fault"])
    groups = {kind: [entry for entry in faults if entry["kind"] == kind] for kind in kinds} | {"all faults": faults}
    groups["healthy"] = [entry for entry in entries if not entry["fault"] and entry["counts"]]
    return {
        name: {
            "cases": len(group),
            "first": sum(is_right(entry, DOCTOR) for entry in group),
            "anywhere": sum(is_right(entry, DOCTOR, anywhere=True) for entry in group),
        }
        for name, group in groups.items()
    }


def fresh_table(entries: Sequence[dict[str, Any]]) -> str:
    """The score as text, with how many cases do not count."""
    lines = [f"{'kind':26}{'cases':>7}{'first cause right':>20}{'named at all':>15}"]
    for kind, row in fresh_score(entries).items():
        lines.append(f"{kind:26}{row['cases']:>7}{row['first']:>20}{row['anywhere']:>15}")
    n_left_out = sum(not entry["counts"] for entry in entries)
    return "\n".join(
        [*lines, f"{n_left_out} cases do not count: a fault that does no harm, or a control above its bound"]
    )
