"""Contributions and importances of columns in words, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.explain.columns.contributions import TargetContributions
from chainrule.explain.columns.influence import Influence
from chainrule.planning.importances import MeasuredImportances
from chainrule.text.tables import aligned, number, wrapped
from chainrule.words import sentences

MOST_CONTRIBUTIONS, MOST_IMPORTANCES = 12, 30
"""Columns listed, the largest first; the others are counted."""
_ROW, _WHOLE = sentences("influence"), sentences("importance")


def contributions_text(one: TargetContributions, language: str) -> str:
    """The columns with the largest contributions first, with the numbers, and what they add up to."""
    text, is_value, ranked = _ROW[language], one.probability is None, one.ranked
    listed, rest = ranked[:MOST_CONTRIBUTIONS], ranked[MOST_CONTRIBUTIONS:]
    rows = [
        (_cut(_named(entry, text), 32), _cut(entry.value or text["missing"], 24), _signed(entry.contribution))
        for entry in listed
    ]
    if rest:
        rows.append((text["rest"].format(n=len(rest)), "", _signed(sum(entry.contribution for entry in rest))))
    title = text["title"].format(prediction=one.prediction)
    if one.probability is not None:
        title += text["probability"].format(p=number(one.probability))
    rows = [(text["average"], "", number(one.baseline)), *rows, (text["row"], "", number(one.score))]
    what = text["value" if is_value else "log_odds"]
    lines = [title, "", text["table"].format(score=what), *aligned(rows), ""]
    about = [text["about_value" if is_value else "about"]]
    about += [text["about_neighbours"]] if any(entry.n_neighbours for entry in one.found) else []
    about += [text["temperature"].format(T=number(one.temperature))] if one.temperature != 1 else []
    return "\n".join([*lines, *wrapped(" ".join(about)), *_of_members(one, text)])


def _of_members(one: TargetContributions, text: Mapping[str, str]) -> list[str]:
    """Of an ensemble how far its members are apart."""
    if not one.members:
        return []
    least, most, spread = (number(value) for value in (min(one.members), max(one.members), one.spread))
    return ["", *wrapped(text["members"].format(n=len(one.members), least=least, most=most, spread=spread))]


def importances_text(found: MeasuredImportances, language: str) -> str:
    """The most important columns first, how much the measure rises, and on which rows."""
    text = _WHOLE[language]
    rows = text[found.rows].format(n=f"{found.n_rows:,}")
    if found.n_sampled < found.n_rows:
        rows += text["sampled"].format(n=f"{found.n_sampled:,}")
    listed = found.columns[:MOST_IMPORTANCES]
    shown = [(_cut(one.column, 40), f"{one.rise:+.4g}", f"{one.low:+.4g}", f"{one.high:+.4g}") for one in listed]
    title = text["title"].format(measure=text[found.measure])
    lines = [*wrapped(title), *wrapped(rows), "", *aligned([("", "", "95 %", ""), *shown])]
    if len(found.columns) > len(listed):
        lines.append("    " + text["rest"].format(n=len(found.columns) - len(listed)))
    return "\n".join([*lines, "", *wrapped(text["about"])])


def _named(entry: Influence, text: Mapping[str, str]) -> str:
    return text["neighbours"].format(k=entry.n_neighbours) if entry.n_neighbours else entry.column


def _signed(value: float) -> str:
    return number(value) if value < 0 else f"+{number(value)}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
