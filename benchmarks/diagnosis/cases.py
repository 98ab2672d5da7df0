"""One case: a training with a fault and its healthy twin, or a healthy training, and what everybody says of it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chainrule as cr
from diagnosis import controls, faults, held_out, plans
from diagnosis.observations import observe
from diagnosis.plans import Plan
from diagnosis.rules import RULE_SETS, alarms

DOCTOR = "chainrule"
JUDGES = (DOCTOR, *RULE_SETS)
HARM = 0.02
"""A fault has harmed if its error on the test rows is this much above that of its healthy twin."""
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """Which training: of a fault on a base, or of a control where the fault is empty."""

    fault: str
    base: str
    seed: int
    held_out: bool = False


def cases(*, quick: bool = False, held_out_ones: bool = False) -> list[Case]:
    """All cases; quick: one network and seed, on built-in sets alone."""
    place = held_out if held_out_ones else None
    the_faults = place.FAULTS if place else faults.FAULTS
    the_controls = place.CONTROLS if place else controls.CONTROLS
    if quick:
        found = [Case(f.name, "relu/digits", 0) for f in the_faults if "relu/digits" in f.bases]
        return found + [Case("", name, 0) for name in the_controls if name.split("/")[1] in ("digits", "iris", "wine")]
    found = [Case(f.name, base, seed, held_out_ones) for f in the_faults for base in f.bases for seed in SEEDS]
    return found + [Case("", name, seed, held_out_ones) for name in the_controls for seed in SEEDS]


def examine(case: Case, folder: Path | None) -> dict[str, Any]:
    """The case with its errors, whether it counts, and every verdict."""
    if not case.fault:
        table = held_out.CONTROLS if case.held_out else controls.CONTROLS
        plan = table[case.base].plan(folder, case.seed)
        run = plan.train()
        error = plan.errors(run)[1]
        ailments = controls.ailments(plan, run, error)
        entry: dict[str, Any] = {"right": ["healthy"], "error": error, "counts": not ailments, "ailments": ailments}
        return _reported(case) | entry | _verdicts(plan, run, folder)
    bases = held_out.BASES if case.held_out else plans.BASES
    fault = {f.name: f for f in (held_out.FAULTS if case.held_out else faults.FAULTS)}[case.fault]
    twin, plan = fault.plans(bases[case.base], folder, case.seed)
    healthy = twin.errors(twin.train())
    with plan.in_force():
        run = plan.train()
        faulty = plan.errors(run)
        if fault.flatters:
            harm = (faulty[1] - faulty[0]) - (healthy[1] - healthy[0])
        else:
            harm = faulty[1] - healthy[1]
        entry = {
            "right": sorted(fault.right), "error": faulty[1], "error_of_twin": healthy[1], "harm": harm,
            "counts": harm >= HARM,
        }  # fmt: skip
        if plan.onset is not None:
            entry["onset"] = [round(plan.onset * plan.epochs) * run.steps_per_epoch, run.steps_per_epoch]
        return _reported(case) | entry | _verdicts(plan, run, folder)


def _reported(case: Case) -> dict[str, Any]:
    return {"fault": case.fault, "base": case.base, "seed": case.seed}


def _verdicts(plan: Plan, run: cr.Run, folder: Path | None) -> dict[str, Any]:
    seen = observe(plan, run)
    found = {name: _first(alarms(name, seen)) for name in RULE_SETS}
    if hasattr(run, "doctor"):
        found = {DOCTOR: verdict_of_the_doctor(run, plan)} | found
    return {"n_steps": run.n_steps, "verdicts": found}


def _first(fired: Sequence[Any]) -> dict[str, Any]:
    """The causes that the alarms of the earliest step mean, and those of all alarms."""
    first = [alarm for alarm in fired if alarm.step == fired[0].step]
    return {
        "first": sorted(set().union(*(alarm.means for alarm in first))),
        "any": sorted(set().union(*(alarm.means for alarm in fired))),
        "step": first[0].step if first else None,
        "rules": [alarm.rule for alarm in first],
    }


def verdict_of_the_doctor(run: cr.Run, plan: Plan) -> dict[str, Any]:
    """The first finding that is a fault; notes do not count as a verdict."""
    began = time.perf_counter()
    try:
        findings = [finding for finding in run.doctor() if finding.severity == "fault"]
    except Exception as error:  # a doctor that fails has given no verdict; the benchmark goes on and says so
        return {"first": [f"failed: {error!r}"], "any": [], "step": None, "layer": None, "seconds": 0.0}
    first = findings[0] if findings else None
    return {
        "first": [first.id] if first else [],
        "any": [finding.id for finding in findings],
        "step": first.step if first else None,
        "layer": first.layer if first else None,
        "evidence": {name: str(value)[:120] for name, value in first.evidence.items()} if first else {},
        "seconds": time.perf_counter() - began,
    }


def is_right(entry: dict[str, Any], judge: str, *, anywhere: bool = False) -> bool:
    """Whether a method names a right first cause, or with `anywhere` a right cause at all; for a healthy run, none."""
    said = entry["verdicts"][judge]["any" if anywhere else "first"]
    return not said if not entry["fault"] else bool(set(said) & set(entry["right"]))


def examine_all(chosen: Sequence[Case], folder: Path | None, n_processes: int) -> list[dict[str, Any]]:
    """Every case, in order, in processes of one thread each."""
    if n_processes <= 1:
        return [examine(case, folder) for case in chosen]
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    with ProcessPoolExecutor(n_processes) as pool:
        return list(pool.map(examine, chosen, [folder] * len(chosen), chunksize=4))
