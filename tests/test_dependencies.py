"""What the tests import without asking is what `make test` installs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = {"scikit_learn": "sklearn", "pyyaml": "yaml"}
"""Of the module, where it differs from that of the package."""
REQUIRED = {"scipy", "joblib", "threadpoolctl"}
"""What scikit-learn requires."""
FOLDERS = [".", *sorted(path.name for path in (ROOT / "tests").iterdir() if any(path.glob("*.py")))]


def installed() -> set[str]:
    """Modules of what the package and its extra `dev` depend on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = [re.split(r"[<>=;\[ ]", text)[0].replace("-", "_") for text in stated]
    return REQUIRED | {NAMES.get(name, name) for name in names}


def imported(tree: ast.Module) -> Iterator[str]:
    """Top-level packages that a file imports when it is read, before the first importorskip."""
    for node in tree.body:
        if "importorskip" in ast.dump(node):
            return
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_tests_import_is_installed(folder: str) -> None:
    """Anything else is imported where it is used, and the test skipped where it is absent."""
    files = [path for place in ("tests", "benchmarks") for path in (ROOT / place).rglob("*.py")]
    own = {"chainrule"} | {path.stem for path in files} | {path.parent.name for path in files}
    known = set(sys.stdlib_module_names) | installed() | own
    for path in sorted((ROOT / "tests" / folder).glob("*.py")):
        found = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
        assert found <= known, f"{path}: imports {sorted(found - known)}: add to the extra dev, or importorskip"
