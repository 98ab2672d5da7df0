"""Results as tables of 80 columns and as Markdown; both are made from the same rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.bench import workloads
from chainrule.bench.footprint import IMPORT_ALONE
from chainrule.bench.parts import PEERS, PREDICTING_PEERS, PartResult
from chainrule.bench.workloads import WORKLOADS
from chainrule.text.tables import counted
from chainrule.visible import drawing

STYLES = {"✓": "green", "✗": "red"}
HEADINGS = {workloads.COMPILE: "torch.\ncompile", workloads.SKLEARN: "scikit-\nlearn", workloads.NUMPY: "NumPy\nengine",
            "with progress bar / without": "with progress bar\n/ without"}  # fmt: skip
"""Headings for narrow terminals."""


@dataclass
class Sheet:
    """A table before it is drawn."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


def judged(value: float, target: float | None, form: str) -> str:
    """A value with its target, met ✓ or missed ✗."""
    text = form.format(value)
    if target is None:
        return text
    return f"{text} {'✓' if value >= target else '✗'}{form.format(target)}"


def sheets(results: dict[str, Any]) -> Iterator[Sheet]:
    """Every table of the results."""
    entries: list[PartResult] = results["entries"]
    trained = [e for e in entries if e["part"] in WORKLOADS]
    for threads in sorted({e["threads"] for e in trained}):
        of_these = [e for e in trained if e["threads"] == threads]
        yield microseconds(of_these, threads)
        yield ratios(of_these, threads)
    predicted = [e for e in entries if e["part"] == "prediction"]
    for threads in sorted({e["threads"] for e in predicted}):
        yield prediction([e for e in predicted if e["threads"] == threads], threads)
    loops = [e for e in entries if e["part"] == "loop"]
    if loops:
        yield loop(loops)
    for entry in entries:
        if entry["part"] == "footprint":
            yield footprint(entry)


def heading(what: str, threads: int) -> str:
    """A title with the number of threads."""
    return f"{what}, {counted(threads, 'thread')}"


def label(entry: PartResult) -> str:
    """Workload and optimizer."""
    return f"{entry['part']} {entry['optimizer']}"


def cell(entry: PartResult, who: str, kind: str, form: str) -> str:
    """The value of a library, or a dash if it is absent."""
    value = entry[kind].get(who)
    if value is None:
        return "–"
    return (
        judged(value, entry["targets"].get(who), form)
        if kind == "ratios" and "targets" in entry
        else form.format(value)
    )


def microseconds(entries: list[PartResult], threads: int) -> Sheet:
    """Microseconds per training step."""
    who = [workloads.OURS, *PEERS]
    rows = [[label(e), *(cell(e, name, "microseconds", "{:,.0f}") for name in who)] for e in entries]
    return Sheet(heading("Microseconds per training step", threads), ["", *who], rows)


def ratios(entries: list[PartResult], threads: int) -> Sheet:
    """Time of each peer / time of chainrule, the share of the peak and, with more than one thread, the gain."""
    columns = ["", *PEERS, "peak"] + (["gain"] if threads > 1 else [])
    rows = []
    for e in entries:
        row = [label(e), *(cell(e, name, "ratios", "{:.3g}") for name in PEERS)]
        share = e.get("share_of_peak")
        target = e.get("share_target")
        row.append("–" if share is None else judged(100 * share, target and 100 * target, "{:.0f}"))
        if threads > 1:
            gain = e.get("gain_of_threads")
            row.append("–" if gain is None else judged(gain, e["gain_target"], "{:.2f}"))
        rows.append(row)
    note = (
        "Cells: time of the peer / time of chainrule, with the target that was met ✓ or missed ✗. "
        "peak: % of the multiply-adds of the cores."
    )
    return Sheet(heading("Time relative to chainrule", threads), columns, rows, note + absent_text(entries))


def prediction(entries: list[PartResult], threads: int) -> Sheet:
    """Microseconds per call, and ratios."""
    rows = []
    for e in entries:
        name = f"{e['workload']} {counted(e['n_rows'], 'row')}"
        ours = cell(e, workloads.OURS, "microseconds", "{:,.1f}")
        peers = [
            f"{cell(e, p, 'microseconds', '{:,.1f}')} ({cell(e, p, 'ratios', '{:.3g}')}×)" for p in PREDICTING_PEERS
        ]
        rows.append([name, ours, *peers])
    columns = ["", workloads.OURS, *PREDICTING_PEERS]
    return Sheet(heading("Microseconds per call for class probabilities", threads), columns, rows, absent_text(entries))


def loop(entries: list[PartResult]) -> Sheet:
    """The overhead of train over its steps."""
    rows = [
        [
            f"{e['workload']} sgd, {e['epochs']} epochs",
            cell(e, workloads.TRAIN, "ratios", "{:.3f}"),
            f"{e['progress_over_train']:.3f}" if "progress_over_train" in e else "–",
        ]
        for e in entries
    ]
    return Sheet("Overhead of train", ["", "train / its steps", "with progress bar / without"], rows)


def footprint(entry: PartResult) -> Sheet:
    """Import time and size of every library."""
    times, sizes = entry["import_ms"], entry["installed_mb"]
    rows = [
        [name, f"{times[name]:,.0f}" if name in times else "–", f"{sizes[name]:,.1f}" if name in sizes else "–"]
        for name in (*times, *(n for n in sizes if n not in times))
    ]
    note = (
        f"Targets: import at most {entry['import_target_ms']:.0f} ms ({times.get(IMPORT_ALONE, float('nan')):.0f} ms), "
        f"wheel at most {entry['wheel_target_mb']:.0f} MB ({entry['wheel_mb']:.2f} MB)."
    )
    return Sheet("Import time beyond NumPy, and size without dependencies", ["", "ms", "MB"], rows, note)


def absent_text(entries: list[PartResult]) -> str:
    """One sentence for each library that could not be measured, with the reason."""
    reasons = {name: reason for e in entries for name, reason in e["absent"].items()}
    return "".join(f" {name}: {reason}." for name, reason in reasons.items())


def about(results: dict[str, Any]) -> str:
    """One line about the machine."""
    m = results["machine"]
    found = ", ".join(f"{name} {v}" for name, v in m["versions"].items() if v)
    computes = m.get("instruction_set", m["engine"])
    units, parts = results.get("core"), [m.get("microarchitecture")]
    if units:
        parts.append(f"{counted(units['units'], 'multiply-add')} of {units['vector_bits']} bits a cycle")
    described = "; ".join(part for part in parts if part)
    cpu = f"{m['cpu']} ({described})" if described else m["cpu"]
    return f"chainrule {m['chainrule']} ({computes}), {cpu}, {m['cores']} cores; Python {m['python']}, {found}"


def tables(results: dict[str, Any]) -> None:
    """Print every table."""
    console = Console(file=drawing(sys.stdout), highlight=False, markup=False, emoji=False)
    console.print(about(results))
    for sheet in sheets(results):
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for i, column in enumerate(sheet.columns):
            table.add_column(HEADINGS.get(column, column), justify="right" if i else "left", no_wrap=True)
        for row in sheet.rows:
            table.add_row(*(Text(text, next((s for mark, s in STYLES.items() if mark in text), "")) for text in row))
        console.print(Text(f"\n{sheet.title}", "bold"))
        console.print(table)
        if sheet.note:
            console.print(sheet.note.strip())


def markdown(results: dict[str, Any]) -> str:
    """Every table in Markdown."""
    lines = []
    for sheet in sheets(results):
        lines += [
            f"### {sheet.title}",
            "",
            f"| {' | '.join(sheet.columns)} |",
            "|---" + "|---:" * (len(sheet.columns) - 1) + "|",
        ]
        lines += [f"| {' | '.join(row)} |" for row in sheet.rows]
        lines += ["", *([sheet.note.strip(), ""] if sheet.note.strip() else [])]
    return "\n".join(lines).rstrip()
