"""Records the output of the public interfaces, and checks whether it has changed.

    python benchmarks/behaviour.py record DIR [--only iris,python]         write the outputs into DIR
    python benchmarks/behaviour.py compare DIR [--only iris] [--lines 20]  compute them again; list every difference

Record before the first change of a refactoring, with the interpreter of that version, and compare after the last.
Interfaces: the command line, chainrule's public names, chainrule.sklearn. Parts are independent: one per
data set, `python` for networks of every activation, loss and optimizer, `sklearn` for all estimators. Times, paths and
versions are replaced by a mark; long lists of numbers by the sha256 of their exact values. `compare` ends with
exit code 1 if something differs. A part whose table is missing (--tables FOLDER) is skipped with a message.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recorded_behaviour import estimators, networks, tables
from recorded_behaviour.outputs import Outputs

HERE = Path(__file__).resolve()
TABLES = HERE.parents[2] / "shared" / "data"
PARTS = {**dict.fromkeys(tables.SUBJECTS, tables.record), "python": networks.record, "sklearn": estimators.record}
SETTINGS = {"COLUMNS": "200", "CHAINRULE_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "NO_COLOR": "1"}


def record(folder: Path, parts: list[str], data: Path) -> None:
    """Every part in a process of its own, two at a time."""

    def one(part: str) -> int:
        arguments = ["part", str(folder), "--only", part, "--tables", str(data)]
        return subprocess.run([sys.executable, str(HERE), *arguments], env=os.environ | SETTINGS).returncode

    with ThreadPoolExecutor(2) as pool:
        failed = [part for part, code in zip(parts, pool.map(one, parts), strict=True) if code]
    if failed:
        raise SystemExit(f"parts that could not be recorded: {', '.join(failed)}")


def differences(before: Path, after: Path, parts: list[str], n_lines: int) -> int:
    """Print what differs, output by output, and return how many outputs do."""
    n_differing = n_outputs = 0
    for part in parts:
        names = {path.name for folder in (before, after) for path in (folder / part).glob("*")}
        n_outputs += len(names)
        for name in sorted(names):
            old, new = (folder / part / name for folder in (before, after))
            if not old.exists() or not new.exists():
                print(f"{part}/{name}: {'not recorded before' if new.exists() else 'no longer there'}")
            elif old.read_bytes() != new.read_bytes():
                texts = [path.read_text(encoding="utf-8").splitlines() for path in (old, new)]
                lines = list(difflib.unified_diff(*texts, "before", "now", n=0, lineterm=""))[2:]
                print(f"{part}/{name}:")
                print("\n".join(f"    {line[:300]}" for line in lines[:n_lines]))
                if len(lines) > n_lines:
                    print(f"    … and {len(lines) - n_lines} lines more (--lines)")
            else:
                continue
            n_differing += 1
    print(f"{n_differing} of {n_outputs} outputs differ" if n_differing else f"all {n_outputs} outputs are as recorded")
    return n_differing


def main() -> int:
    """Record or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("record", "compare", "part"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,…", help=", ".join(PARTS))
    parser.add_argument("--tables", type=Path, default=TABLES, metavar="FOLDER", help="where the CSV files lie")
    parser.add_argument("--lines", type=int, default=12, help="most lines shown of one difference")
    options = parser.parse_args()
    parts = options.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}; expected some of {', '.join(PARTS)}")
    if options.action == "part":
        ticks = itertools.count()
        time.perf_counter = lambda: next(ticks) * 1e-6  # decisions by the clock are the same in every run
        PARTS[parts[0]](Outputs(options.folder, parts[0]), options.tables)
        return 0
    present = [part for part in parts if tables.present(part, options.tables)]
    for part in set(parts) - set(present):
        print(f"{part}: left out, its table is not in {options.tables}", file=sys.stderr)
    if options.action == "record":
        record(options.folder.resolve(), present, options.tables)
        return 0
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is no folder; expected one made by record")
    with tempfile.TemporaryDirectory() as now:
        record(Path(now), present, options.tables)
        return 1 if differences(options.folder, Path(now), present, options.lines) else 0


if __name__ == "__main__":
    raise SystemExit(main())
