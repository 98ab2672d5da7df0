"""The example notebook runs as it is, and what it shows is small, whole and without scripts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"
MOST_BYTES = 200_000
"""Of the outputs of all cells: what a notebook in a repository can bear."""
SHOWN = ("Network 64-32-10", "Run 64-32-10", "History of 30 epochs", "Step 100 of", "dW2[3,7] = ", "Diagnosis",
         "f = 1/(1 + e^−(w0·x0 + w1·x1 + w2))")  # fmt: skip


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The outputs of all cells, by a kernel of this Python."""
    nbclient = pytest.importorskip("nbclient", reason="pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="pip install nbclient ipykernel")
    import nbformat

    folder = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR"):
            patch.setenv(name, str(folder))
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_shows_its_results(outputs: list[dict[str, Any]]) -> None:
    """Each result is HTML with its heading, and text of a line beside it; all of it together stays small."""
    assert not [output for output in outputs if output["output_type"] == "error"]
    shown = [output["data"] for output in outputs if output["output_type"] == "execute_result"]
    pages = [data["text/html"] for data in shown if "text/html" in data]
    assert len(pages) == len(SHOWN)
    for heading, page in zip(SHOWN, pages, strict=True):
        assert heading in page
        assert not re.search(r"<script|<style|<link|<img|\son\w+=|href=", page)
    assert sum(page.count("<polyline") for page in pages) == 6  # run and history: two losses and the accuracy
    assert all(data["text/plain"].count("\n") <= 3 and len(data["text/plain"]) < 500 for data in shown)
    assert len(json.dumps(outputs).encode()) < MOST_BYTES


def test_the_notebook_is_stored_without_outputs() -> None:
    """What it shows is made anew by whoever runs it."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
