"""chainrule bench: measure, keep, and print speeds beside other libraries. Progress goes to stderr."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from chainrule import json_text
from chainrule.bench import footprint, machine, parts, report
from chainrule.bench.workloads import WORKLOADS
from chainrule.errors import DataError, SettingsError, of_file
from chainrule.run.files import write_json

PARTS = (*WORKLOADS, "prediction", "loop", "footprint")
QUICK_PARTS = ("S", "N", "prediction", "footprint")
BUDGETS_S = {"S": 10.0, "N": 15.0, "M": 20.0, "L": 25.0, "prediction": 6.0, "loop": 8.0}
"""Seconds of rounds of each task of a part, beside the time to start and to compile."""
QUICK_BUDGET_S = 1.5


def run(options: argparse.Namespace) -> int:
    """Measure the parts asked for, or take kept ones, and print them."""
    if options.show:
        results = kept(options.show)
    else:
        results = measured(options)
    if options.json:
        print(json_text.text(results))
    elif options.markdown:
        print(report.markdown(results))
    else:
        report.tables(results)
    return 0


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """The results of all parts, written to the file after each."""
    facts = machine.facts()
    results: dict[str, Any] = {"machine": facts, "core": machine.core(), "entries": []}
    path = options.output_file
    if path and os.path.exists(path):
        old = kept(path)
        if old["machine"] != facts:
            raise DataError(f"{path} holds results of a different machine or other versions. Choose another file.")
        results = old
    for name in chosen(options.parts, PARTS, QUICK_PARTS if options.quick else PARTS):
        for threads in thread_numbers(options.threads, options.quick) if name not in ("loop", "footprint") else (1,):
            if any(e["part"] == name and e.get("threads", 1) == threads for e in results["entries"]):
                continue
            results["entries"] += entries(name, threads, options.quick)
            if path:
                write_json(Path(path), results)
    results["entries"].sort(key=lambda e: (PARTS.index(e["part"]), e.get("threads", 1)))
    return results


def entries(name: str, threads: int, quick: bool) -> list[dict[str, Any]]:
    """One part on one number of threads."""
    budget_s = QUICK_BUDGET_S if quick else BUDGETS_S.get(name, 0.0)
    if name == "footprint":
        say("import time and size")
        return [footprint.footprint(3 if quick else 9)]
    if name == "loop":
        return parts.loop(budget_s, say)
    if name == "prediction":
        return parts.prediction(threads, budget_s, quick, say)
    return parts.training(name, threads, budget_s, quick, say)


def say(what: str) -> None:
    """Report on stderr what is being measured."""
    print(what, file=sys.stderr, flush=True)


def chosen(text: str | None, known: tuple[str, ...], default: tuple[str, ...]) -> list[str]:
    """The parts named in `text`, in their own order."""
    wanted = text.split(",") if text else list(default)
    for name in wanted:
        if name not in known:
            raise SettingsError(f"--parts {name!r}: must be one or more of {', '.join(known)}.")
    return [name for name in known if name in wanted]


def thread_numbers(text: str | None, quick: bool) -> list[int]:
    """The numbers of threads to measure with: given, or 1 and, where two cores are there, 2."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if text is None:
        return [1] if quick or cores < 2 else [1, 2]
    numbers = [int(part) if part.isdigit() else 0 for part in text.split(",")]
    if min(numbers) < 1 or max(numbers) > cores:
        raise SettingsError(f"--threads {text}: must be whole numbers from 1 to {cores}.")
    return numbers


def kept(path: str) -> dict[str, Any]:
    """Results from a file."""
    try:
        with open(path, encoding="utf-8") as file:
            results: dict[str, Any] = json.load(file)
    except OSError as error:
        raise DataError(of_file(path, "read", error)) from None
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error}). Pass a file written by chainrule bench -o.") from None
    if not isinstance(results, dict) or not {"machine", "entries"} <= set(results):
        raise DataError(f"{path}: contains no results. Pass a file written by chainrule bench -o.")
    return results
