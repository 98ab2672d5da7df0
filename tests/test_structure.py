"""The map is true: imports follow ARCHITECTURE.md, files and functions keep their size, tables are complete."""

from __future__ import annotations

import ast
import functools
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule
from chainrule.reference.layer_kinds import LAYER_KINDS
from chainrule.reference.losses import LOSSES
from chainrule.reference.optimizers import OPTIMIZERS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "chainrule"
ROOMS = re.findall(r"^\| `(\w+)` \|", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), flags=re.M)
FORBIDDEN = {("training", "reference")}
DECLARATIONS = {"training/settings.py", "training/update_rules.py"}
"""May import the entries of the reference, where hyper-parameters are declared."""
FREE = {"_version"}
"""Holds one string; may be imported from anywhere."""
FILES = sorted(PACKAGE.rglob("*.py"))
OTHER_FILES = sorted(
    path for folder in (PACKAGE, ROOT / "native") for ending in ("cpp", "hpp", "js", "css", "html", "pyi")
    for path in folder.rglob(f"*.{ending}")
)  # fmt: skip


PROMISED = {
    "Network", "train", "plan", "Run", "Step", "load", "Model", "circuit",
    "Ensemble", "EnsembleRun", "SGD", "Adam", "AdamW", "RMSProp", "Adagrad", "check_gradients", "learning_rate",
    "from_torch", "from_keras", "from_sklearn", "from_onnx", "Studio", "exercise",
    "register_activation", "register_loss", "register_optimizer", "register_layer",
    "ChainruleError", "ShapeError", "SettingsError", "DataError", "ModelFileError", "DivergedError",
    "DivergenceWarning", "ReplayWarning", "InterruptedWarning", "DamagedFileWarning", "GradientWarning",
    "MeasureWarning", "quantile_bins",
}  # fmt: skip
"""The public names, those to come among them; one is public from the day it exists."""


def room_of(path: Path) -> str:
    """The room a file stands in: its folder, or its own name at the top."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imported_rooms(path: Path) -> set[str]:
    """The rooms a file imports from, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "chainrule" else [f"chainrule.{a.name}" for a in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("chainrule.")}
    return found - FREE


def module_of(path: Path) -> str:
    """The dotted name of a file; a folder's __init__ is the folder."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imported_files() -> dict[str, set[str]]:
    """What every file imports of the package's files, at its top, in functions and for type checkers alike.

    The package itself is no step of a way: it loads public names when they are used.
    """
    known = {module_of(path): path for path in FILES}
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        wanted = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                parts = [f"{node.module}.{alias.name}" for alias in node.names]
                wanted += [part if part in known else node.module for part in parts]
        found[name] = {other for other in wanted if other in known} - {name, "chainrule"}
    return found


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The sets of files that reach each other by imports."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        seen, ahead = set(), [start]
        while ahead:
            new = graph[ahead.pop()] - seen
            seen |= new
            ahead += new
        reached[start] = seen
    mutual = {start: {other for other in seen if start in reached[other]} for start, seen in reached.items()}
    return [set(group) for group in {frozenset(group) for group in mutual.values() if group}]


def test_no_circle_of_imports() -> None:
    """No file reaches itself by imports, wherever in a file they stand."""
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]
    assert [sorted(group) for group in circles(imported_files())] == []


@pytest.mark.parametrize(
    "path", [path for path in FILES if room_of(path) != "engine"], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_engines_are_asked_by_their_protocol(path: Path) -> None:
    """Outside engine/ nothing imports an engine, asks for its class, or compares its name; functions of any may be."""
    doors = {f"chainrule.engine.{name}" for name in ("protocol", "select", "probabilities", "lines")}
    assert {name for name in imported_files()[module_of(path)] if name.startswith("chainrule.engine.")} <= doors
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"isinstance\([^()]*(Engine|Session)\b|\w*(Engine|Session)\.__name__", text)
    asked = r"""\bengine(\w*|\.name|\["\w+"\]|\.get\([^()]*\))\s*(==|!=|(not )?in)\s*[(\["']"""
    assert not re.search(asked, text), re.search(asked, text)


def test_the_map_names_every_room() -> None:
    """Every folder and top-level file of the package is a row of the table, and every row exists."""
    present = {room_of(path) for path in FILES} - FREE - {"__init__", "__main__"}
    assert set(ROOMS) == present


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_upwards(path: Path) -> None:
    """A file imports only from its own room and the rooms above it."""
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    for other in imported_rooms(path):
        allowed = {name for name in (other,) if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()}
        if not allowed:
            continue  # a public name such as chainrule.train, used by a door
        assert ROOMS.index(other) <= ROOMS.index(room), f"{path}: {room} imports {other}"
        if str(path.relative_to(PACKAGE)) not in DECLARATIONS:
            assert (room, other) not in FORBIDDEN, f"{path}: {room} must not import {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    """A file has at most 400 lines; a function 40 besides signature and docstring."""
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 40, f"{path}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", OTHER_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_of_other_languages_stay_small(path: Path) -> None:
    """C++, JavaScript, styles and stubs: at most 400 lines a file, too."""
    assert path.read_text(encoding="utf-8").count("\n") <= 400


NAMING = {"reference", "engine", "network", "sklearn", "bench"}
"""Rooms of the entries, of what computes them, of the defaults, of scikit-learn's own names, of other libraries."""
NAMES = {*LOSSES, *OPTIMIZERS, *LAYER_KINDS} - {"layer"}  # of a tape of operations, too


@pytest.mark.parametrize(
    "path", [path for path in FILES if room_of(path) not in NAMING], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_facts_are_asked_of_entries(path: Path) -> None:
    """Nothing compares the name of a loss, a layer kind or an optimizer: what follows from it stands in its entry."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            named = {part.value for side in (node.left, *node.comparators) for part in ast.walk(side)
                     if isinstance(part, ast.Constant)}  # fmt: skip
            assert not named & NAMES, f"{path}:{node.lineno} names {named & NAMES}"


def test_no_two_classes_share_a_name() -> None:
    """Whoever reads the name of a class need not ask which of two it is."""
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_large_dataclasses_are_keyword_only() -> None:
    """Of a dataclass with more than 5 fields every value is given by its name."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and (how := _dataclass(node)) and "kw_only=True" not in how:
                fields = [part for part in node.body if isinstance(part, ast.AnnAssign) and _is_field(part)]
                assert len(fields) <= 5, f"{path}: {node.name} needs kw_only=True"


def _dataclass(node: ast.ClassDef) -> str:
    """The decorator that makes a class a dataclass, as text, or nothing."""
    return next((text for text in map(ast.unparse, node.decorator_list) if text.startswith("dataclass")), "")


def _is_field(part: ast.AnnAssign) -> bool:
    """Whether an annotation is a value that the constructor takes."""
    return "ClassVar" not in ast.unparse(part.annotation) and "init=False" not in ast.unparse(part)


def test_nothing_is_unpickled_or_evaluated() -> None:
    """No file uses pickle, marshal, eval, exec, or allows pickled arrays."""
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(import pickle|import marshal|import shelve|allow_pickle=True)\b", text), path
        assert not re.search(r"(?<![\w.])(eval|exec)\(", text), path


def test_public_names_are_what_is_promised() -> None:
    """__all__ names exactly the promised names that exist, dir() tells the same, and each has a docstring."""
    existing = {name for name in PROMISED if hasattr(chainrule, name)}
    assert set(chainrule.__all__) == existing | {"__version__"}
    assert dir(chainrule) == sorted(chainrule.__all__)
    assert len(chainrule.__all__) == len(set(chainrule.__all__))
    for name in existing:
        assert getattr(chainrule, name).__doc__
    assert set(chainrule.__all__) - {"__version__"} == set(chainrule._HOME), "a name with a home is public, no other is"


@pytest.mark.parametrize("folder", ["benchmarks", "examples"])
def test_what_benchmarks_and_examples_import_is_there(folder: str) -> None:
    """Nobody runs them in CI: a name that moved is noticed here."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "chainrule":
                module = importlib.import_module(str(node.module))
                for name in (alias.name for alias in node.names if not hasattr(module, alias.name)):
                    importlib.import_module(f"{node.module}.{name}")


def test_importing_loads_numpy_only() -> None:
    """`import chainrule` loads none of the heavy libraries."""
    heavy = ("sklearn", "scipy", "pyarrow", "rich", "pandas")
    code = f"import sys, chainrule; chainrule.Network; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


DIALECT = (
    "told", "glance", "witness", "witnesses", "rehearsal", "rung", "climb", "keeper", "strangers", "material", "judges",
    "scene",
)  # fmt: skip
"""Words that a newcomer from the field would have to learn; the names of things are the field's (docs/glossary.md)."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_names_are_those_of_the_field(path: Path) -> None:
    """No variable, function, class or argument has a word of a private dialect in its name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            names.add(node.arg)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
    parts = {part for name in names for part in re.findall(r"[A-Z]?[a-z]+", name)}
    found = {part.lower() for part in parts} & set(DIALECT)
    assert not found, found
