"""Files with valid checksums and wrong content: no traceback, no memory beyond the file, no long wait.

    python benchmarks/crafted_files.py --files 10000 --workers 2

Every file is a function of its seed; `--first SEED --files 1 --show` repeats one.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

MEMORY_BYTES, SECONDS, ADDRESS_BYTES = 50 * 2**20, 1.0, 6 * 2**30
BATCH = 100


def one(seed: int, bases: dict[str, Path], folder: Path, data: Path) -> dict[str, Any]:
    """Craft one file of a copy of one run, and use it through the doors."""
    from crafted import craft
    from crafted_runs import QUICK, USES, peak_bytes, reset_peak, scenes, used

    rng = random.Random(f"use {seed}")
    base = rng.choice(list(bases))
    run = folder / base
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(bases[base], run)
    scenes(run, rng)
    what = craft(run, seed)
    files = [path for path in run.rglob("*") if path.is_file() and not path.is_symlink()]
    size = max(path.stat().st_size for path in files)
    record: dict[str, Any] = {"seed": seed, "base": base, "what": what, "size": size, "uses": {}}
    slow = [name for name in USES if name not in QUICK]
    for name in (*QUICK, rng.choice(slow)):
        before, began = reset_peak(), time.process_time()  # other work on the machine does not count
        try:
            became = used(name, run, data)
        except BaseException:
            became = "TRACEBACK " + traceback.format_exc(limit=-6)
        seconds, grown = time.process_time() - began, peak_bytes() - before
        record["uses"][name] = {"became": became, "seconds": seconds, "grown": grown}
    return record


def batch(options: argparse.Namespace) -> None:
    """Some files in this process, a line of JSON each."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES, ADDRESS_BYTES))
    home = Path(options.home)
    bases = {path.name: path for path in sorted(home.iterdir()) if path.is_dir()}
    from crafted_runs import used

    with tempfile.TemporaryDirectory() as folder:
        for name in ("load", "predict", "evaluate"):  # what is loaded once is not counted
            used(name, bases["classes"], home / "data.csv")
        for seed in range(options.first, options.first + options.files):
            print(json.dumps(one(seed, bases, Path(folder), home / "data.csv")), flush=True)


def main() -> int:
    """All batches; what they found, as a table. Exit code 1 if anything is beyond its bound."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    parser.add_argument("--show", action="store_true", help="say what became of every use")
    options = parser.parse_args()
    if options.home:
        batch(options)
        return 0
    from crafted_runs import make_runs

    with tempfile.TemporaryDirectory() as home:
        make_runs(Path(home))
        result = gathered(options, home)
    return summed(result, options)


def gathered(options: argparse.Namespace, home: str) -> list[dict[str, Any]]:
    """The lines of all batches, some processes at a time; one that died is a line as well."""
    firsts = list(range(options.first, options.first + options.files, BATCH))
    waiting: list[tuple[int, subprocess.Popen[str]]] = []
    lines: list[dict[str, Any]] = []
    while firsts or waiting:
        while firsts and len(waiting) < options.workers:
            first = firsts.pop(0)
            n = min(BATCH, options.first + options.files - first)
            words = [sys.executable, __file__, "--home", home, "--first", str(first), "--files", str(n)]
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            waiting.append((first, process))
        first, process = waiting.pop(0)
        out, err = process.communicate()
        found = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        lines += found
        if process.returncode:
            died = {
                "became": f"TRACEBACK process ended with {process.returncode}: {err[-800:]}",
                "seconds": 0,
                "grown": 0,
            }
            lines.append({"seed": first + len(found), "base": "", "what": "", "size": 0, "uses": {"process": died}})
    return lines


def summed(lines: list[dict[str, Any]], options: argparse.Namespace) -> int:
    """Print what was found."""
    from crafted_runs import QUICK

    kinds: Counter[str] = Counter()
    bad = 0
    most, longest = 0.0, 0.0
    for line in lines:
        for name, use in line["uses"].items():
            became = use["became"]
            kinds["traceback" if became.startswith("TRACEBACK") else became.split(":")[0]] += 1
            beyond = use["grown"] - 2 * line["size"] > MEMORY_BYTES and name in QUICK
            late = use["seconds"] > SECONDS and name in QUICK
            if name in QUICK:
                most, longest = max(most, use["grown"] - 2 * line["size"]), max(longest, use["seconds"])
            if became.startswith("TRACEBACK") or beyond or late:
                bad += 1
                print(f"seed {line['seed']} {line['base']} {line['what']} {name}: {use['seconds']:.2f} s, "
                      f"{use['grown'] / 2**20:.0f} MB, {became}")  # fmt: skip
            elif options.show:
                print(f"seed {line['seed']} {line['base']} {line['what']} {name}: {use['seconds']:.2f} s, {became}")
    print(f"{len(lines):,} files, {sum(kinds.values()):,} uses: {dict(kinds.most_common())}")
    print(f"beyond twice the file at most {most / 2**20:.1f} MB; longest {longest:.2f} s; {bad} beyond their bounds")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
