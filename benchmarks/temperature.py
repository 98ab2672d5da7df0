"""The probabilities of classes at the temperature found on held-out rows, beside those at 1, on the choosing tables.

    python benchmarks/temperature.py FOLDER-OF-TABLES [--seeds 2] [--only NAME,…] [--metric auto]

For each table and split one training with the defaults; the same network is measured on the test rows at temperature 1,
at the temperature that the model keeps, and at the one found without asking whether it helps.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.api.tempered import TemperedNetwork
from chainrule.planning.temperature import found_on
from tables import CHOOSING, REGRESSION, TABLES, calibration_error, rows_of, write

NUMBERS = {"ames_housing", "bike_sharing_hour", "california_housing", "california_housing_messy", "diamonds", "hitters",
           "seoul_bike", "uci_concrete", "uci_energy", "uci_power_plant", "uci_yacht"} | REGRESSION  # fmt: skip
"""Tables whose target is a number."""


def measured(network: Any, X: Any, y: Any) -> tuple[float, float]:
    """Log-loss and calibration error."""
    proba = network.predict_proba(X).astype(np.float64)
    proba = proba / proba.sum(axis=1, keepdims=True)
    cost = -np.log(np.maximum(proba[np.arange(len(y)), y], 1e-15))
    return float(cost.mean()), calibration_error(proba.max(axis=1), proba.argmax(axis=1) == y)


def of_table(folder: Path, name: str, seed: int, metric: str) -> str:
    """One line of the table."""
    header, train, test = rows_of(folder, name, seed)
    target, drop = TABLES[name]
    with tempfile.TemporaryDirectory() as place:
        files = [write(Path(place) / f"{part}.csv", header, rows) for part, rows in (("train", train), ("test", test))]
        run = cr.train(files[0], target=target, drop=drop or (), seed=seed, metric=metric, progress=False)
        tables = [table for table, _ in run._blocks(files[1])]
        X, y = run.encode(files[1]), np.asarray(run.classes, object)
        truth = [row[header.index(target)].strip() for row in test]
        place_of = {str(label): k for k, label in enumerate(y.tolist())}
        known = np.array([place_of.get(word, -1) for word in truth])
        assert sum(map(len, tables)) == len(known)
        X, known = X[known >= 0], known[known >= 0]
        rows = run._replayer.validation
        kept = (run.pipeline or {})["target"].get("temperature", 1.0)
        found = 1.0
        if rows is not None:
            z = run.network.logits(rows.X).astype(np.float64)
            z = np.hstack([0 * z, z]) if z.shape[1] == 1 else z
            held = rows.targets if rows.targets.ndim == 1 else rows.targets[:, 0]
            found = found_on(z, held.astype(int), np.ones(len(z)) if rows.weight is None else rows.weight)
    at = [measured(TemperedNetwork(run.network, T), X, known) for T in (1.0, kept, found)]
    return f"| {name} | {seed} | {kept:g} | {found:g} | " + " | ".join(f"{a:.4f}; {b:.4f}" for a, b in at) + " |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--metric", default="auto")
    options = parser.parse_args()
    print(
        "| table | split | kept | found | at 1: log-loss; calibration error | kept | found |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name in options.only.split(",") if options.only else [name for name in CHOOSING if name not in NUMBERS]:
        for seed in range(options.seeds):
            print(of_table(options.folder, name, seed, options.metric), flush=True)


if __name__ == "__main__":
    main()
