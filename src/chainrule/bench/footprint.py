"""What the package costs before it computes: the time of its import and its size on disk."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from chainrule.bench import workloads
from chainrule.bench.turns import environment

IMPORT_ALONE = "chainrule, import alone"
"""The bare statement; the modules behind Network and train are loaded where these are first used."""
IMPORTS = {
    IMPORT_ALONE: "import chainrule",
    workloads.OURS: "import chainrule; chainrule.Network; chainrule.train",
    workloads.EAGER: "import torch",
    workloads.JAX: "import jax, jax.numpy",
    workloads.SKLEARN: "import sklearn.neural_network",
    workloads.ONNX: "import onnxruntime",
}
"""What a program imports before it can train or predict; NumPy, which all need, is imported before."""
DISTRIBUTIONS = {
    workloads.EAGER: ("torch",), workloads.JAX: ("jax", "jaxlib"), workloads.SKLEARN: ("scikit-learn",),
    workloads.ONNX: ("onnxruntime",),
}  # fmt: skip
IMPORT_TARGET_MS, WHEEL_TARGET_MB = 50.0, 5.0
PROGRAM = """import time, numpy
began = time.perf_counter()
{}
print((time.perf_counter() - began) * 1e3)"""


def footprint(n_rounds: int) -> dict[str, Any]:
    """Milliseconds of each import beyond NumPy's, megabytes of each package without its dependencies."""
    times: dict[str, list[float]] = {name: [] for name in IMPORTS}
    absent: dict[str, str] = {}
    for _ in range(n_rounds):
        for name, statement in IMPORTS.items():
            program = [sys.executable, "-c", PROGRAM.format(statement)]
            done = subprocess.run(program, env=environment(1), capture_output=True, text=True)
            if done.returncode:
                absent[name] = done.stderr.strip().splitlines()[-1]
            else:
                times[name].append(float(done.stdout.split()[-1]))
    own = package_files()
    sizes = {workloads.OURS: sum(path.stat().st_size for path in own) / 1e6}
    for name, distributions in DISTRIBUTIONS.items():
        if name not in absent:
            sizes[name] = sum(map(installed_bytes, distributions)) / 1e6
    return {
        "part": "footprint",
        "import_ms": {name: statistics.median(t) for name, t in times.items() if t},
        "import_target_ms": IMPORT_TARGET_MS,
        "installed_mb": sizes,
        "wheel_mb": compressed_bytes(own) / 1e6,
        "wheel_target_mb": WHEEL_TARGET_MB,
        "absent": absent,
    }


def package_files() -> list[Path]:
    """Every file of the package as installed, compiled modules among them."""
    found: set[Path] = set()
    for name in ("chainrule", "chainrule._native"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            found |= set(origin.parent.rglob("*")) if name == "chainrule" else {origin}
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def compressed_bytes(paths: list[Path]) -> int:
    """Their size in one deflated archive, which is what a wheel is."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in paths:
            file.write(path)
    return len(archive.getvalue())


def installed_bytes(distribution: str) -> int:
    """The size of an installed distribution by its own list of files."""
    listed = importlib.metadata.distribution(distribution).files or []
    paths = (Path(str(path.locate())) for path in listed)
    return sum(path.stat().st_size for path in paths if path.is_file())
