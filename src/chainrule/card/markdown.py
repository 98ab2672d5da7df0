"""A model card as Markdown, in English or Korean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chainrule.card.facts import CardColumn, CardFacts
from chainrule.card.metadata import head
from chainrule.text.tables import number
from chainrule.visible import cut, visible_line
from chainrule.words import sentences

_TEXT = sentences("card")
MOST_COLUMNS, MOST_LEVELS, MOST_IMPORTANCES = 60, 6, 15


def card_text(facts: CardFacts, language: str = "en") -> str:
    """The whole card: metadata, then the sections."""
    text = _TEXT[language]
    parts = [head(facts), f"# {_plain(facts.name)}", _summary(facts, text)]
    for title, lines in (
        ("measures", _measures(facts, text)), ("calibration", _calibration(facts, text)),
        ("importances", _importances(facts, text)), ("columns", _columns(facts, text)),
        ("limits", _limits(facts, text)), ("training", _training(facts, text)), ("again", _again(facts, text)),
    ):  # fmt: skip
        found = list(lines)
        if found:
            parts += [f"## {text[f'title:{title}']}", "\n".join(found)]
    return "\n\n".join(parts) + "\n"


def _summary(facts: CardFacts, text: dict[str, Any]) -> str:
    targets = ", ".join(f"**{_plain(name)}**" for name in facts.targets) or text["outputs"]
    how = "ensemble" if facts.n_members > 1 else "network"
    found = text[f"summary:{facts.task}"].format(
        targets=targets,
        model=text[how].format(network=facts.network, n=facts.n_members, parameters=facts.n_parameters),
    )
    classes = ", ".join(_plain(name) for name in facts.classes[:MOST_COLUMNS])
    return str(found) + (f" {text['classes'].format(classes=classes)}" if classes else "")


def _measures(facts: CardFacts, text: dict[str, Any]) -> Iterator[str]:
    if facts.part is None:
        yield text["unmeasured"].format(why=_plain(facts.unmeasured))
        return
    yield text[f"rows:{facts.part}"].format(n=facts.n_judged)
    yield ""
    yield from _table(
        [text["measure"], text["value"], text["interval"], text["simplest"]],
        (
            [
                one.name,
                number(one.value),
                _interval(one.interval),
                "–" if one.simplest is None else number(one.simplest),
            ]
            for one in facts.measures
        ),
    )
    yield ""
    yield text["about_intervals"]


def _interval(ends: tuple[float, float] | None) -> str:
    return "–" if ends is None else f"{number(ends[0])} … {number(ends[1])}"


def _calibration(facts: CardFacts, text: dict[str, Any]) -> Iterator[str]:
    error = facts.calibration_error
    if error is None:
        return
    yield text["calibration"].format(error=number(error))
    yield ""
    yield from _table(
        [text["n_rows"], text["confidence"], text["accuracy"]],
        ([f"{one.n:,}", number(one.confidence), number(one.accuracy)] for one in facts.calibration if one.n),
    )


def _importances(facts: CardFacts, text: dict[str, Any]) -> Iterator[str]:
    if facts.importances:
        yield text["importances"].format(measure=facts.importance_measure)
        yield ""
        yield from _table(
            [text["column"], text["rise"], text["interval"]],
            (
                [_plain(name), number(rise), _interval((low, high))]
                for name, rise, low, high in facts.importances[:MOST_IMPORTANCES]
            ),
        )


def _columns(facts: CardFacts, text: dict[str, Any]) -> Iterator[str]:
    if not facts.columns:
        return
    rows = ([_plain(one.name), text[f"kind:{one.kind}"], _seen(one, text)] for one in facts.columns[:MOST_COLUMNS])
    yield from _table([text["column"], text["kind"], text["seen"]], rows)
    if len(facts.columns) > MOST_COLUMNS:
        yield ""
        yield text["more_columns"].format(n=len(facts.columns) - MOST_COLUMNS)


def _seen(column: CardColumn, text: dict[str, Any]) -> str:
    """The range or the levels that training saw."""
    found = ""
    if column.low is not None and column.high is not None:
        found = f"{number(column.low)} … {number(column.high)}"
    elif column.n_levels:
        first = ", ".join(_plain(level, 30) for level in column.levels[:MOST_LEVELS])
        found = text["levels"].format(n=column.n_levels, first=first + (", …" if column.n_levels > MOST_LEVELS else ""))
    missing = text["had_missing"] if column.had_missing else ""
    return "; ".join(part for part in (found, missing) if part) or "–"


def _limits(facts: CardFacts, text: dict[str, Any]) -> Iterator[str]:
    if facts.columns:
        yield f"- {text['limit:range']}"
        yield f"- {text['limit:levels']}"
        yield f"- {text['limit:missing']}"
    if facts.n_stored_rows:
        yield f"- {text['limit:stored'].format(n=facts.n_stored_rows)}"
    yield f"- {text['limit:purpose']}"
    yield f"- {text['limit:groups']}"


def _training(facts: CardFacts, text: dict[str, Any]) -> Iterator[str]:
    yield from _table(
        [text["setting"], text["value"]],
        ([f"`{name}`", _plain(str(value), 200)] for name, value in facts.settings.items() if value is not None),
    )
    yield ""
    yield text["length"].format(
        epochs=facts.n_epochs, steps=facts.n_steps, stopped=text.get(f"stopped:{facts.stopped}", facts.stopped)
    )


def _again(facts: CardFacts, text: dict[str, Any]) -> Iterator[str]:
    known = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    yield text["again"].format(seed=facts.seed, engine=facts.engine)
    yield ""
    yield f"- {text['versions'].format(versions=known)}"
    if facts.rows_fingerprint:
        yield f"- {text['fingerprint'].format(sha256=facts.rows_fingerprint)}"
    for sha256 in facts.weights:
        yield f"- {text['weights'].format(sha256=sha256)}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _plain(text: str, most: int = 80) -> str:
    """Text from a table, shown as it is: what Markdown or HTML would read as marks is escaped."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&])", r"\\\1", cut(visible_line(text), most))
