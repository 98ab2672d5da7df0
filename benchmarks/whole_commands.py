"""Seconds of whole commands: `chainrule train FILE --target …` and a process that fits scikit-learn's MLP, in turns.

    python benchmarks/whole_commands.py FOLDER-OF-TABLES [--only NAME,…] [--repeat 3]

Both read the same file, start-up included; chainrule also writes its run directory. Its modules are compiled first, as
an installation does: processes that may not write bytecode would compile them at every start. Printed are the least
processor seconds (user and system) and the least seconds by the clock of the repetitions, and whether the model was the
same in each.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import chainrule
from tables import REGRESSION, TABLES

NAMES = "uci_yacht,titanic,german_credit,uci_wine_red,phoneme,telco_churn,wine_quality,uci_power_plant"
OF_VALUES = ("uci_", "ames", "bike", "california", "diamonds", "hitters", "seoul")
"""How names of tables begin whose targets are values."""
MLP = """
import sys
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
path, target, drop, is_value = sys.argv[1:]
table = pd.read_csv(path).drop(columns=[name for name in drop.split(",") if name])
y, X = table.pop(target), table
words = [name for name in X if X[name].dtype.kind not in "fiub" and X[name].nunique() <= 100]
numbers = [name for name in X if X[name].dtype.kind in "fiub"]
dense = make_column_transformer(
    (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers),
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
)
stop = {"early_stopping": True, "random_state": 0}
mlp = MLPClassifier(**stop)
if is_value == "1":
    mlp = TransformedTargetRegressor(MLPRegressor(**stop), transformer=StandardScaler())
make_pipeline(dense, mlp).fit(X, y)
"""


def seconds(command: list[str]) -> tuple[float, float]:
    """Of a process: user and system time, and by the clock."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    after, elapsed = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, elapsed


def measured(folder: Path, name: str, repeat: int) -> str:
    """One table: a row of the result."""
    (target, drop), path, own, theirs, models = TABLES[name], str(folder / f"{name}.csv.gz"), [], [], set()
    is_value = name in REGRESSION or name.startswith(
        ("uci_", "ames", "bike", "california", "diamonds", "hitters", "seoul")
    )
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as place:
            run = Path(place) / "run"
            command = ["chainrule", "train", path, "--target", target, "-o", str(run), "--quiet"]
            own.append(seconds([sys.executable, "-m", *command, *(["--drop", drop] if drop else [])]))
            models.add(hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest())
        theirs.append(seconds([sys.executable, "-c", MLP, path, target, drop, str(int(is_value))]))
    least = [min(column) for times in (own, theirs) for column in zip(*times, strict=True)]
    same = "same model" if len(models) == 1 else "models differ"
    return f"{name:18} {least[0]:6.2f} {least[2]:6.2f}   by the clock {least[1]:6.2f} {least[3]:6.2f}   {same}"


def main() -> None:
    """Every table in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default=NAMES)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    compileall.compile_dir(chainrule.__path__[0], quiet=1)
    print("table              chainrule, scikit-learn's MLP", flush=True)
    for name in asked.only.split(","):
        print(measured(asked.folder, name, asked.repeat), flush=True)


if __name__ == "__main__":
    main()
