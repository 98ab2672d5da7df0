"""What an exercise says: its tables, formulas and judgements as plain values, and as text for a terminal."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.exercises.entry import VECTORS, Entry
from chainrule.exercises.hints import steps
from chainrule.exercises.mistakes import tolerance
from chainrule.exercises.problem import GivenStep, WorkedStep
from chainrule.exercises.worksheet import Worksheet
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.text.tables import aligned, number, wrapped
from chainrule.words import sentences


def say(key: str, language: str, **slots: Any) -> str:
    """A sentence of this room."""
    return str(sentences("exercise")[language][key].format(**slots))


def rule(quantity: str, language: str) -> str:
    """The first hint: which rule makes this quantity."""
    return say(f"rule.{quantity}", language)


def mistake(name: str, language: str) -> str:
    """What is said of an answer that a mistake gives."""
    return say(f"mistake.{name}", language)


def judgement(name: str, answer: float, is_right: bool, recognised: str | None, language: str) -> str:
    """What is said of an answer."""
    head = f"{name} = {number(answer)}: " + say("right" if is_right else "wrong", language)
    return head if recognised is None else f"{head} {mistake(recognised, language)}"


def score(n_right: int, n: int, language: str) -> str:
    """How many answers are right."""
    return say("score", language, right=n_right, n=n)


def solved(entry: Entry, given: GivenStep, right: WorkedStep) -> str:
    """The formula with all numbers, and the result."""
    return f"{steps(entry, given, right)[-1]} = {number(entry.of(right))}"


def hints(exercise: Worksheet, entry: Entry, language: str) -> list[str]:
    """The rule, its formula, then one more factor as a number each time."""
    last = entry.quantity == "delta" and entry.layer == exercise.given.n_layers
    return [rule("output_delta" if last else entry.quantity, language), *steps(entry, exercise.given, exercise.right)]


def judged(exercise: Worksheet, language: str) -> dict[str, Any]:
    """By blank what is needed to judge an answer: value, tolerance, wrong numbers with what is said of each, hints."""
    given, right, record = exercise.given, exercise.right, {}
    for entry in exercise.entries:
        wrong = [[number, mistake(name, language)] for name, number in exercise.wrong(entry)]
        record[str(entry)] = {
            "value": entry.of(right),
            "tolerance": tolerance(entry, given, right),
            "wrong": wrong,
            "hints": hints(exercise, entry, language),
            "solution": solved(entry, given, right),
        }
    return record


def formulas(given: GivenStep) -> list[str]:
    """The equations of the step, those of docs/notation.md, with g and the loss spelled out."""
    architecture = given.architecture
    hidden = ACTIVATIONS[given.activations[1]] if given.n_layers > 1 else None
    output, loss = ACTIVATIONS[architecture.output], loss_named(architecture.loss)
    last = given.n_layers
    pair = loss.pair(output.name)
    head = f"delta{last} = (a{last} − y)/n" if pair.fused else f"delta{last} = ∂loss/∂a{last} ⊙ g′(z{last})/n"
    lines = ["z[l] = a[l-1] @ W[l] + b[l],   a[l] = g(z[l]),   a[0] = X"]
    if hidden is not None:
        lines.append(f"g (1 … {last - 1}): {hidden.formula}" if last > 2 else f"g (1): {hidden.formula}")
    lines += [f"g ({last}): {output.formula}", f"J = (Σ_i loss_i)/n,   loss_i = {loss.formula}", head]
    if hidden is not None:
        lines.append("delta[l] = (delta[l+1] @ W[l+1].T) ⊙ g′(z[l])")
    lines += ["dW[l] = a[l-1].T @ delta[l],   db[l] = Σ_i delta[l]_i"]
    return [*lines, f"W[l] ← W[l] − η·dW[l],   b[l] ← b[l] − η·db[l],   η = {number(given.learning_rate)}"]


def _rows(array: Any) -> list[list[float]]:
    return [[float(x) for x in row] for row in np.atleast_2d(array)]


def given_tables(given: GivenStep) -> list[dict[str, Any]]:
    """X, y, W and b as tables of numbers."""
    tables = [{"name": "X = a0", "rows": _rows(given.X)}, {"name": "y", "rows": _rows(given.y)}]
    for l in range(1, given.n_layers + 1):
        tables.append({"name": f"W{l}", "rows": _rows(given.W[l])})
        tables.append({"name": f"b{l}", "rows": _rows(given.b[l])})
    return tables


def asked_tables(exercise: Worksheet) -> list[dict[str, Any]]:
    """The computed tables in the order of the passes; a cell is a number, or the name of a blank."""
    last, tables = exercise.given.n_layers, []
    groups = [("forward", "z", l) for l in range(1, last + 1)] + [("forward", "a", l) for l in range(1, last + 1)]
    groups.sort(key=lambda group: group[2])
    groups.append(("loss", "loss", 0))
    groups += [("backward", quantity, l) for l in range(last, 0, -1) for quantity in ("delta", "dW", "db")]
    groups += [("update", quantity, l) for l in range(1, last + 1) for quantity in ("W", "b")]
    for part, quantity, l in groups:
        tables.append({"part": part, "name": f"{quantity}{l}" if l else "J", "rows": _cells(exercise, quantity, l)})
    return tables


def _cells(exercise: Worksheet, quantity: str, l: int) -> list[list[float | str]]:
    """A table with the names of its blanks in their places."""
    if l == 0:
        entry = Entry("loss")
        return [[str(entry) if entry in exercise.entries else entry.of(exercise.right)]]
    array = np.asarray(getattr(exercise.right, quantity)[l])
    found: list[list[float | str]] = []
    for i, row in enumerate(_rows(array)):
        entries = [Entry(quantity, l, (j,) if quantity in VECTORS else (i, j)) for j in range(len(row))]
        found.append([str(e) if e in exercise.entries else x for e, x in zip(entries, row, strict=True)])
    return found


def whole(exercise: Worksheet, language: str) -> dict[str, Any]:
    """Everything but what judges answers."""
    given = exercise.given
    words = {key: str(sentences("exercise")[language][key]) for key in WORDS}
    return {
        "title": say("title", language, seed=exercise.seed),
        "intro": say("intro", language, network=str(given.architecture), n=len(exercise.blanks)),
        "formulas": formulas(given),
        "given": given_tables(given),
        "asked": asked_tables(exercise),
        "words": words,
    }


WORDS = (
    "given", "formulas", "forward", "loss", "backward", "update", "answer", "hint", "no_more_hints", "solutions",
    "right", "wrong", "rounding", "not_a_number", "marked", "name", "note",
)  # fmt: skip


def text(exercise: Worksheet, language: str) -> str:
    """The sheet for a terminal; blanks are numbered."""
    values = whole(exercise, language)
    words = values["words"]
    lines = [values["title"], "", *wrapped(values["intro"]), "", words["given"]]
    for table in values["given"]:
        lines += _table(table, exercise)
    lines += ["", words["formulas"], *(f"    {line}" for line in values["formulas"])]
    part = ""
    for table in values["asked"]:
        if table["part"] != part:
            part = table["part"]
            lines += ["", words[part]]
        lines += _table(table, exercise)
    asked = [f"({k}) {label(name, words)}" for k, name in enumerate(exercise.blanks, 1)]
    return "\n".join([*lines, "", words["answer"], *(f"    {name}" for name in asked)])


def _table(table: dict[str, Any], exercise: Worksheet) -> list[str]:
    shown = [[f"({exercise.blanks.index(c) + 1}) ___" if isinstance(c, str) else number(c) for c in row]
             for row in table["rows"]]  # fmt: skip
    return aligned([[table["name"] if i == 0 else "", *row] for i, row in enumerate(shown)])


def label(name: str, words: dict[str, str]) -> str:
    """The name of a blank for a reader: a parameter is the one after the update."""
    return f"{name} {words['name']}" if name[0] in "Wb" else name
