"""How often the doctor names the first cause of a faulty run, and how often it raises a false alarm on a healthy one.

    python benchmarks/doctor.py FOLDER-OF-TABLES [-o results.json] [--markdown docs/doctor-benchmark.md] [--wrong FILE]
    python benchmarks/doctor.py FOLDER-OF-TABLES --held-out [-o held-out.json]     other faults, networks and data
    python benchmarks/doctor.py FOLDER-OF-TABLES --fresh [--part 1/4] [-o fresh.json] [--wrong FILE]  scores by kind
    python benchmarks/doctor.py FOLDER-OF-TABLES --tables [--part 1/4] [-o tables.json]             tables as files
    python benchmarks/doctor.py --quick                                            one network, built-in data alone
    python benchmarks/doctor.py --show results.json --held-out-score held-out.json --markdown docs/doctor-benchmark.md

Faults are injected into trainings that work without them, in diagnosis/faults.py, each with its right causes.
The doctor is compared with threshold rules (diagnosis/rules.py). The folder holds NAME.csv.gz of letter, phoneme,
bike_sharing_hour, uci_concrete, uci_energy, wine_quality, california_housing and higgs_lightgbm_7k; for --fresh those
of diagnosis/fresh_sets.py and mnist.npz.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from diagnosis.cases import DOCTOR, cases, examine_all, is_right
from diagnosis.fresh_cases import examine_all_fresh, fresh_cases, fresh_score, fresh_table
from diagnosis.page import page, score, score_table
from diagnosis.real_tables import examine_table, table_cases


def wrong(entries: list[dict[str, Any]]) -> str:
    """Every wrong verdict of the doctor: case, seed, expected, said, evidence."""
    lines = ["# Wrong verdicts of the doctor", ""]
    for e in entries:
        if DOCTOR not in e["verdicts"] or not e["counts"] or is_right(e, DOCTOR):
            continue
        said = e["verdicts"][DOCTOR]
        beside = f" instead of {e['error_of_twin']:.3f}" if e["fault"] else ""
        lines += [
            f"- **{e['fault'] or 'healthy run'}** on {e['base']}, seed {e['seed']} ({e['n_steps']} steps, error "
            f"{e['error']:.3f}{beside}): expected "
            f"{' or '.join(e['right'])}, got {', '.join(said['first']) or 'healthy'} "
            f"(all: {', '.join(said['any']) or 'none'}) at step {said['step']}, layer {said['layer']}",
            f"  evidence: {json.dumps(said.get('evidence', {}), ensure_ascii=False)}",
        ]
    return "\n".join(lines) + "\n"


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="where the tables are")
    parser.add_argument("--quick", action="store_true", help="one network, one seed, built-in sets")
    parser.add_argument("--held-out", action="store_true", help="the second set of cases")
    parser.add_argument("--fresh", action="store_true", help="mistakes that no rule was written by, scored by kind")
    parser.add_argument("--tables", action="store_true", help="raw tables behind default pipelines, the doctor alone")
    parser.add_argument("--part", default="1/1", metavar="I/N", help="every N-th case, from the I-th on")
    parser.add_argument("--tables-score", type=Path, nargs="+", help="JSON of --tables, to be told in the page")
    parser.add_argument("--only", default="", help="faults whose name contains one of these, separated by commas")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("-o", "--output-file", type=Path, help="all cases and verdicts as JSON")
    parser.add_argument("--markdown", type=Path, help="write the page")
    parser.add_argument(
        "--show", type=Path, nargs="+", help="nothing is run: the cases of earlier -o, later ones first"
    )
    parser.add_argument("--held-out-score", type=Path, help="JSON of --held-out, to be told in the page")
    parser.add_argument("--wrong", type=Path, help="write the wrong verdicts of the doctor, with their evidence")
    options = parser.parse_args(arguments)
    if options.folder is None and not options.quick and options.show is None:
        parser.error("a folder of tables is needed, or --quick")
    if options.fresh and (options.quick or options.held_out or options.tables or options.show or options.markdown):
        parser.error("--fresh goes with --part, --only, --processes, -o and --wrong alone")
    if options.quick and options.held_out:
        parser.error("--held-out has no quick form: its networks need the tables")
    return options


def chosen(options: argparse.Namespace, found: list[Any]) -> list[Any]:
    words = [word for word in options.only.split(",") if word]
    named = [case for case in found if not words or any(word in (case.fault or "healthy") for word in words)]
    first, step = map(int, options.part.split("/"))
    return named[first - 1 :: step]


def merged(files: list[Path]) -> list[dict[str, Any]]:
    """The cases of several files, each once; of a case that was done again the last."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for file in files:
        for entry in json.loads(file.read_text())["cases"]:
            found[entry["fault"], entry["base"], entry["seed"]] = entry
    return list(found.values())


def examined(options: argparse.Namespace) -> list[dict[str, Any]]:
    if not options.tables:
        found = chosen(options, cases(quick=options.quick, held_out_ones=options.held_out))
        return examine_all(found, options.folder, options.processes)
    with tempfile.TemporaryDirectory() as place:
        return [examine_table(case, options.folder, Path(place)) for case in chosen(options, table_cases())]


def fresh(options: argparse.Namespace) -> int:
    """The fresh cases: the score by kind is printed; single verdicts stand in the file of --wrong alone."""
    entries = examine_all_fresh(chosen(options, fresh_cases()), options.folder, options.processes)
    print(fresh_table(entries))
    if options.output_file is not None:
        kept = {
            "part": options.part, "when": "once, no verdict looked at", "date": date.today().strftime("%-d %B %Y"),
            "left_out": sum(not entry["counts"] for entry in entries), "score": fresh_score(entries),
        }  # fmt: skip
        options.output_file.write_text(json.dumps(kept, indent=1))
    if options.wrong is not None:
        options.wrong.write_text(wrong(entries), encoding="utf-8")
    return 0


def main(arguments: list[str] | None = None) -> int:
    options = options_of(arguments)
    if options.fresh:
        return fresh(options)
    began = time.perf_counter()
    if options.show is not None:
        entries = merged(options.show)
    else:
        entries = examined(options)
    print(score_table(entries))
    print(f"{len(entries)} runs in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    if options.output_file is not None:
        options.output_file.write_text(json.dumps({"score": score(entries), "cases": entries}, indent=1))
    if options.wrong is not None:
        options.wrong.write_text(wrong(entries), encoding="utf-8")
    if options.markdown is not None:
        held = options.held_out_score
        tables = merged(options.tables_score) if options.tables_score else []
        text = page(entries, json.loads(held.read_text())["score"] if held else None, tables)
        options.markdown.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
