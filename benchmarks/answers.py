"""How long the commands that question a finished run take on a table of many rows, beside another version.

    python benchmarks/answers.py [--rows 100000] [--rounds 1] [--other OTHER/.venv/bin/chainrule]

Both versions train the same generated table once; then every command is given to each in turn. The seconds are those
of entire processes, start-up included; the median of the rounds is printed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COMMANDS = {
    "check": ("check", "RUN"),
    "explain --find": ("explain", "RUN", "--find", "dead unit"),
    "doctor": ("doctor", "RUN"),
    "learning-rate": ("learning-rate", "DATA", "--target", "y"),
    "report --learning-rate": ("report", "RUN", "--learning-rate", "-o", "REPORT"),
}


def table(path: Path, n_rows: int) -> None:
    """Ten columns of numbers and one of levels; the target depends on four of them, with noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 10))
    level = rng.integers(0, 5, n_rows)
    y = X[:, 0] * X[:, 1] + np.abs(X[:, 2]) + 0.5 * (level == 2) + 0.3 * rng.normal(size=n_rows) > 1
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join([*(f"x{j}" for j in range(10)), "level", "y"]) + "\n")
        for row, name, target in zip(X, level, y, strict=True):
            file.write(",".join(f"{value:.4f}" for value in row) + f",level {name},{'yes' if target else 'no'}\n")


def seconds(command: list[str]) -> float:
    """The wall-clock time of a command, whose exit code may say that something was found."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - began


def main() -> None:
    """Train with each version, then give every command to each in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--other", type=Path, help="the chainrule command of another version")
    options = parser.parse_args()
    versions = {"this version": Path(sys.executable).with_name("chainrule")}
    if options.other is not None:
        versions["other"] = options.other
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = place / "table.csv"
        table(data, options.rows)
        print("| | " + " | ".join(versions) + " |\n|---|" + "---:|" * len(versions), flush=True)
        taken = [
            seconds([str(path), "train", str(data), "--target", "y", "-o", str(place / name)])
            for name, path in versions.items()
        ]
        print("| train | " + " | ".join(f"{t:.1f}" for t in taken) + " |", flush=True)
        for label, words in COMMANDS.items():
            times: dict[str, list[float]] = {name: [] for name in versions}
            for _ in range(options.rounds):
                for name, path in versions.items():
                    values = {"RUN": str(place / name), "DATA": str(data), "REPORT": str(place / "report.html")}
                    times[name].append(seconds([str(path), *(values.get(word, word) for word in words)]))
            print(
                f"| {label} | " + " | ".join(f"{statistics.median(t):.1f}" for t in times.values()) + " |", flush=True
            )


if __name__ == "__main__":
    main()
