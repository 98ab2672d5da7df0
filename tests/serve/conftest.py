"""A small model of texts, numbers and missing values, as it is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

pytest.importorskip("starlette", reason="the extra 'serve' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two classes from a number, a category and a column with missing values."""
    r = np.random.default_rng(0)
    n = 60
    size, colour = r.normal(size=n), r.choice(["red", "blue", "green"], n)
    gap = np.where(r.random(n) < 0.2, np.nan, r.normal(size=n))
    table = {
        "size": size, "colour": colour.tolist(), "gap": gap,
        "kind": np.where(size + (colour == "red") > 0.3, "large", "small").tolist(),
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("served") / "run"
    cr.train(table, target="kind", epochs=5, progress=False, directory=folder)
    return folder


@pytest.fixture(scope="session")
def served(run_directory: Path) -> Any:
    """The model of that run."""
    from chainrule.serve.model import Served

    run = cr.load(run_directory)
    return Served(predictor=run.predictor, networks=run._networks, pipeline=run._fitted, name="run")
