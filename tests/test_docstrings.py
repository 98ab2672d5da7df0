"""Every public name says, in sections that tools read, what it takes, gives and raises; every example is right."""

import ast
import dataclasses
import doctest
import importlib
import inspect
import io
import pkgutil
import re
import textwrap
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpydoc.docscrape import NumpyDocString, get_doc_object
from numpydoc.validate import validate

import chainrule
import chainrule.entries
import chainrule.sklearn

NOT_ASKED = {
    "GL01": "the summary begins on the line of the quotes, as everywhere in the package",
    "SS05": "a summary may say what is true afterwards, so that its first word need not be an infinitive",
    "ES01": "one sentence is enough where it says everything",
    "SA01": "modules and the glossary lead to neighbours; a list at every name would be a second index to keep",
    "EX01": "judged below: every name has an example, its methods may share it",
}

RETURNED = (
    "chainrule.api.load.Model",
    "chainrule.api.plan.TablePlan",
    "chainrule.diagnose.doctor.finding.Diagnosis",
    "chainrule.diagnose.doctor.finding.Finding",
    "chainrule.diagnose.search.found.Found",
    "chainrule.diagnose.vitals.deaths.Death",
    "chainrule.diagnose.vitals.measure.Vitals",
    "chainrule.diagnose.vitals.signs.LayerSigns",
    "chainrule.diagnose.vitals.step_signs.StepSigns",
    "chainrule.exercises.exercise.Exercise",
    "chainrule.exercises.exercise.MarkedAnswer",
    "chainrule.exercises.exercise.MarkedSheet",
    "chainrule.explain.circuit.circuit.Circuit",
    "chainrule.explain.circuit.graph.Gate",
    "chainrule.explain.columns.contributions.TargetContributions",
    "chainrule.explain.columns.explanation.RowExplanation",
    "chainrule.explain.columns.importances.Importances",
    "chainrule.explain.columns.influence.Influence",
    "chainrule.explain.why.answer.Answer",
    "chainrule.explain.why.record.Path",
    "chainrule.explain.why.record.Paths",
    "chainrule.explain.why.record.Prediction",
    "chainrule.explain.why.record.Twin",
    "chainrule.network.architecture.Architecture",
    "chainrule.network.architecture.Dense",
    "chainrule.network.parameters.Parameters",
    "chainrule.network.records.Backward",
    "chainrule.network.records.Forward",
    "chainrule.network.records.Moment",
    "chainrule.network.records.StepRecord",
    "chainrule.network.records.Update",
    "chainrule.planning.importances.Importance",
    "chainrule.training.events.Control",
    "chainrule.training.events.Event",
    "chainrule.training.update_rules.UpdateRule",
    "chainrule.training.settings.Settings",
    "chainrule.tune.found.LearningRate",
    "chainrule.tune.found.Suggestion",
    "chainrule.tune.numbers.Curve",
    "chainrule.verify.gradients.GradientCheck",
    "chainrule.verify.outcome.TensorCheck",
)
"""What public calls hand out besides."""

MADE_BY_CALLS = {
    "chainrule.api.run.Run",
    "chainrule.api.step.Step",
    "chainrule.api.ensemble_run.EnsembleRun",
    *RETURNED,
} - {
    "chainrule.exercises.exercise.Exercise",
    "chainrule.explain.circuit.circuit.Circuit",
    "chainrule.network.parameters.Parameters",
    "chainrule.training.update_rules.UpdateRule",
    "chainrule.training.settings.Settings",
}
"""Records that nobody constructs by hand: their fields stand under Attributes."""

PARTS = {
    *(
        "Curve",
        "Death",
        "Event",
        "Finding",
        "Importance",
        "Influence",
        "LayerOfStep",
        "LayerSigns",
        "Moment",
        "Narration",
        "OneNumber",
    ),
    *("Origin", "Pair", "Parts", "Path", "Paths", "Prediction", "Share", "StepRecord", "StepSigns", "Suggestion"),
    *("Importance", "Influence", "TargetContributions", "Tensor", "TensorCheck", "Term", "Twin", "Update", "Worked"),
}
"""Parts of a record or an entry, whose example shows them."""


def named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@lru_cache
def names() -> dict[str, Any]:
    """Every public function and class, by module and name."""
    found = [getattr(m, n) for m in (chainrule, chainrule.entries, chainrule.sklearn) for n in m.__all__]
    found = [item for item in found if isinstance(item, type) or inspect.isfunction(item)]
    return {f"{item.__module__}.{item.__qualname__}": item for item in [*found, *map(named, RETURNED)]}


def members(cls: type) -> dict[str, Any]:
    """Its public methods and properties, inherited ones too, as far as they are defined in the package."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] == "chainrule":
            found |= {name: item for name, item in vars(base).items() if not name.startswith("_")}
    fields = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    kept = {}
    for name, item in found.items():
        if name in fields:
            continue
        inner = item.__func__ if isinstance(item, classmethod | staticmethod) else item
        inner = getattr(inner, "_method", inner) if type(inner).__module__.startswith("chainrule.sklearn") else inner
        if inspect.isfunction(inner) or isinstance(inner, property | cached_property):
            kept[name] = inner
    return kept


def public() -> dict[str, Any]:
    """Every public name with its methods and properties."""
    record = {}
    for path, item in names().items():
        record[path] = item
        if isinstance(item, type):
            record |= {f"{path}.{name}": member for name, member in members(item).items()}
    return record


PUBLIC = public()


def body(function: Any) -> ast.FunctionDef:
    function = inspect.unwrap(function)
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


def raised(function: Any) -> set[str]:
    """The names of the errors that a function raises itself."""
    found, tree = set(), body(function)
    caught = {id(n) for t in ast.walk(tree) if isinstance(t, ast.Try) for part in t.body for n in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None and id(node) not in caught:
            call = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = call.attr if isinstance(call, ast.Attribute) else call.id if isinstance(call, ast.Name) else ""
            name = "SettingsError" if name == "unknown_name" else name
            found |= {name} if name[:1].isupper() else set()
    return found - {"AttributeError", "NotImplementedError"}


def documented(section: Any) -> set[str]:
    return {name.strip() for item in section for name in (item.name or item.type).split(",")}


def signature(item: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(item).parameters)
    except (TypeError, ValueError):  # pragma: no cover - a class without a signature takes nothing
        return {}


def wrong_defaults(doc: NumpyDocString, item: Any) -> list[str]:
    """Defaults that a docstring states otherwise than the signature."""
    lines = []
    for entry in doc["Parameters"]:
        stated = re.search(r"default (.+)$", entry.type)
        for name in entry.name.split(", ") if stated else []:
            given = signature(item).get(name)
            if given is not None and ast.literal_eval(stated.group(1)) != given.default:
                lines.append(f"{name} has the default {given.default!r}; stated is {stated.group(1)}")
    return lines


def mistakes(path: str, item: Any) -> list[str]:
    """What a docstring lacks: numpydoc's own judgement, then fields, errors, defaults and examples."""
    text = inspect.getdoc(item) or ""
    if isinstance(item, property | cached_property):
        return [] if re.fullmatch(r"[^a-z\n][^\n]*\.(\n.*)?", text, re.S) else ["SS03: no summary, or not a sentence"]
    if not text:
        return ["GL08: no docstring"]
    doc, record = NumpyDocString(text), path in MADE_BY_CALLS or takes_what_its_base_takes(item)
    judged = validate(get_doc_object(item))["errors"]
    result = [f"{code}: {what}" for code, what in judged if code not in NOT_ASKED and not (record and code == "PR01")]
    if path in MADE_BY_CALLS and dataclasses.is_dataclass(item):
        fields = {field.name for field in dataclasses.fields(item) if field.init and not field.name.startswith("_")}
        if missing := fields - inherited(item):
            result.append(f"Attributes lack {sorted(missing)}")
    if inspect.isfunction(item):
        result += [f"{name} is raised and not under Raises" for name in raised(item) - documented(doc["Raises"])]
    if path in names() and not doc["Examples"] and item.__name__ not in PARTS:
        result.append("EX01: no example")
    return result + wrong_defaults(doc, item)


def takes_what_its_base_takes(item: Any) -> bool:
    """A class without an own __init__: its parameters stand at the public base that has it."""
    if not isinstance(item, type) or "__init__" in vars(item):
        return False
    base = next(base for base in item.__mro__ if "__init__" in vars(base))
    return f"{base.__module__}.{base.__qualname__}" in names()


def inherited(cls: type) -> set[str]:
    """The attributes that a class and its bases document."""
    return set().union(
        *(documented(NumpyDocString(inspect.cleandoc(c.__doc__ or ""))["Attributes"]) for c in cls.__mro__[:-1])
    )


@pytest.mark.parametrize("path", PUBLIC)
def test_every_public_name_is_documented_in_sections_that_tools_read(path: str) -> None:
    """Summary, parameters with their types, returns, raises, fields of records, an example: as numpydoc reads them."""
    result = mistakes(path, PUBLIC[path])
    assert not result, f"{path}:\n" + "\n".join(result)


def test_a_name_without_parameters_returns_raises_or_example_is_noticed() -> None:
    """The judgement itself: a bare docstring lacks all of it, and a wrong default is found."""

    def bare(rows: int = 3) -> int:
        """Something."""
        if rows < 0:
            raise ValueError(rows)
        return rows

    def wrong(rows: int = 3) -> None:
        """
        Do something.

        Parameters
        ----------
        rows : int, default 4
            How many.
        """

    message = " ".join(mistakes("bare", bare))
    assert all(what in message for what in ("PR01", "RT01", "ValueError is raised")), message
    assert any("default 3" in what for what in mistakes("wrong", wrong))
    assert any("EX01" in what for what in mistakes("chainrule.api.plan.plan", bare)), "an example is asked of a name"


def modules() -> list[str]:
    found = pkgutil.walk_packages(chainrule.__path__, "chainrule.")
    return [module.name for module in found if not module.name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
@pytest.mark.usefixtures("unregistered")
def test_every_example_in_a_docstring_is_right(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run on a machine of its own: public ones know numpy as np alone, internal ones also their module."""
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        clean = any(test.name == path or test.name.startswith(f"{path}.") for path in names())
        test.globs = {"np": np} if clean else {**vars(module), "np": np}
        out = io.StringIO()
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=out.write)
        assert not out.getvalue(), out.getvalue()


def test_no_example_is_written_where_no_tool_finds_it() -> None:
    """Every prompt in the package begins its line, so that doctest runs it."""
    for path in Path(chainrule.__file__).parent.rglob("*.py"):
        hidden = [line for line in path.read_text(encoding="utf-8").splitlines() if re.match(r".*\S.*>>> ", line)]
        assert not hidden, f"{path.name}: {hidden}"


FAMILIES = [
    (chainrule.sklearn.MLPClassifier, chainrule.sklearn.MLPRegressor),
    (chainrule.sklearn.TabularClassifier, chainrule.sklearn.TabularRegressor),
    (chainrule.SGD, chainrule.Adam, chainrule.AdamW, chainrule.RMSProp, chainrule.Adagrad),
]
"""Classes that share parameters. Each states all of its own, for editors read the source; so the texts are compared."""
OF_ITS_OWN = {"metric", "y", "epsilon"}
"""Parameters that mean something else in each: what "auto" is, classes or values, the root it is added to."""


def shared_texts(classes: tuple[type, ...], method: str | None, section: str) -> dict[str, set[str]]:
    """Every text that is given for a parameter or an attribute, its default left out."""
    found: dict[str, set[str]] = {}
    for cls in classes:
        item = cls if method is None else getattr(cls, method, None)
        for entry in NumpyDocString(inspect.getdoc(item) or "")[section] if item is not None else []:
            kind = re.sub(r", default .*$", "", entry.type)
            found.setdefault(entry.name, set()).add(f"{kind}: {' '.join(entry.desc)}")
    return found


@pytest.mark.parametrize("classes", FAMILIES, ids=lambda classes: "-".join(cls.__name__ for cls in classes))
@pytest.mark.parametrize("method", [None, "fit", "predict"])
@pytest.mark.parametrize("section", ["Parameters", "Attributes"])
def test_what_classes_share_reads_the_same(classes: tuple[type, ...], method: str | None, section: str) -> None:
    """A parameter of two classes has one text, so that a change to one of them is a change to both."""
    different = {name: texts for name, texts in shared_texts(classes, method, section).items() if len(texts) > 1}
    assert set(different) <= OF_ITS_OWN, different
