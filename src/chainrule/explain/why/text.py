"""An answer as lines for a terminal of 80 columns, and as HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chainrule import html_text
from chainrule.explain.why.record import Path, Provenance
from chainrule.explain.why.small_numbers import powered
from chainrule.text.tables import WIDTH, aligned, columns, wrapped
from chainrule.text.terms import Term
from chainrule.words import known_language, sentences

TEXT = sentences("why")

SHOWN_TERMS = 6
WHOLE_RUN = 10
"""Running totals up to this many are shown one by one; of more the first and the last."""
SHOWN_OPERANDS = 6


def described(answer: Provenance, language: str = "en") -> str:
    """Everything about the number, in "en" or "ko".

    Raises SettingsError for another language.
    """
    known_language(language)
    text = TEXT[language]
    name = text["new"].format(name=answer.name) if answer.updated else answer.name
    lines = wrapped(text["head"].format(
        name=name, value=exactly(answer.value), step=answer.step, dtype=answer.dtype, engine=answer.engine
    ))  # fmt: skip
    lines += ["", *wrapped(answer.origin.symbols, 2, hang=4)]
    for line in answer.origin.lines:
        lines += wrapped(line, 4, hang=4)
    if answer.missing:
        lines += ["", *wrapped(text["missing"], 2)]
    if answer.small:
        said = text["small"].format(power=powered(answer.small), bound=f"{answer.small:.2g}", dtype=answer.dtype)
        lines += ["", *wrapped(said, 2)]
    lines += ["", *_terms(answer, text), *_running(answer, text), *_twin(answer, text)]
    lines += [*_paths(answer, text), *_prediction(answer, text)]
    by_size = sorted(answer.origin.terms, key=lambda term: -abs(term.value))
    known = set(answer.origin.operands)
    first = [name for term in by_size for name, _ in term.factors if name in known]
    names = list(dict.fromkeys([*first, *answer.origin.operands]))
    if names:
        shown = ", ".join(names[:SHOWN_OPERANDS]) + (", …" if len(names) > SHOWN_OPERANDS else "")
        lines += ["", *wrapped(text["ask"].format(names=shown), 2, hang=2)]
    return "\n".join(lines)


def html(answer: Provenance) -> str:
    """Formula and largest terms with their shares; the rest of the text unfolds."""
    text, origin = TEXT["en"], answer.origin
    head = text["head"].format(
        name=answer.name, value=exactly(answer.value), step=answer.step, dtype=answer.dtype, engine=answer.engine
    )
    order = sorted(range(len(origin.terms)), key=lambda k: -abs(origin.terms[k].value))
    rows: list[tuple[Any, ...]] = [
        (term.name if term.row is None else text["row"].format(i=term.row), term.example, _factors(term),
         digits(term.value), f"{answer.shares[k]:.1%}")
        for k in order[:SHOWN_TERMS] for term in [origin.terms[k]]
    ]  # fmt: skip
    if len(order) > SHOWN_TERMS:
        rest = order[SHOWN_TERMS:]
        value, share = sum(origin.terms[k].value for k in rest), sum(answer.shares[k] for k in rest)
        rows.append((text["more"].format(n=len(rest)), "", "", digits(value), f"{share:.1%}"))
    if len(order) > 1:
        rows.append((text["sum"], "", "", digits(origin.total), ""))
    rows += [(what, "", "", digits(value), "") for what, value in origin.steps]
    names = [text[name] for name in ("term", "example", "numbers", "value", "share")]
    return html_text.card(
        head,
        html_text.paragraph(origin.symbols),
        html_text.table(names, rows) if rows else "",
        html_text.unfolding("text()", html_text.lines(described(answer))),
    )


def exactly(value: float) -> str:
    """A number to nine digits, enough to distinguish any two float32 numbers."""
    return f"{value:.9g}"


def digits(value: float) -> str:
    """A number to seven digits, as sums are shown."""
    return f"{value + 0.0:.7g}"  # + 0 takes the sign from a −0


def _terms(answer: Provenance, text: Mapping[str, str]) -> list[str]:
    origin = answer.origin
    order = sorted(range(len(origin.terms)), key=lambda k: -abs(origin.terms[k].value))
    shown = order if len(order) <= SHOWN_TERMS + 1 else order[:SHOWN_TERMS]
    rows = [tuple(text[head] for head in ("term", "example", "numbers", "value", "share"))] if len(order) > 1 else []
    for k in shown:
        term = origin.terms[k]
        share = f"{answer.shares[k]:.1%}" if len(order) > 1 else ""
        example = "" if term.example is None else str(term.example)
        name = term.name if term.row is None else text["row"].format(i=term.row)
        rows.append((name, example, _factors(term), digits(term.value), share))
    if len(shown) < len(order):
        rest = [origin.terms[k].value for k in order[len(shown) :]]
        share = f"{sum(answer.shares[k] for k in order[len(shown) :]):.1%}"
        rows.append((text["more"].format(n=len(rest)), "", "", digits(sum(rest)), share))
    if len(order) > 1:
        rows.append((text["sum"], "", "", digits(origin.total), ""))
    rows += [(what, "", "", digits(value), "") for what, value in origin.steps]
    by_blas = not answer.exact_sums and not origin.exact and len(order) > 1
    rounding = text["blas"] if by_blas else text["rounding"].format(dtype=answer.dtype)
    rows.append((rounding, "", "", digits(answer.rounding), ""))
    rows.append((text["is"].format(name=answer.name), "", "", exactly(answer.value), ""))
    lines = [f"  {text['terms']}"] if len(order) > 1 else []
    return [*lines, *_fitting(rows), *_cancelling(origin.terms, text)]


def _fitting(rows: list[tuple[str, ...]]) -> list[str]:
    """The rows as lines; without the column of factors where they are too wide with it."""
    lines = aligned(_narrow(rows), indent=3, gap=2)
    if max(map(columns, lines)) <= WIDTH:
        return lines
    return aligned(_narrow([(name, example, "", *others) for name, example, _, *others in rows]), indent=3, gap=2)


def _narrow(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """A column goes where no line but its heading has anything in it."""
    kept = [i for i in range(5) if i in (0, 3) or any(row[i] for row in rows[1:])]
    return [tuple(row[i] for i in kept) for row in rows]


def _factors(term: Term) -> str:
    return _product(tuple(x for _, x in term.factors)) if len(term.factors) > 1 else ""


def _product(factors: tuple[float, ...]) -> str:
    """Numbers to four digits as factors: in brackets where they are negative."""
    return " · ".join(f"{x + 0.0:.4g}" if not x < 0 else f"({x:.4g})" for x in factors)


def _cancelling(terms: tuple[Term, ...], text: Mapping[str, str]) -> list[str]:
    up, down = (sum(t.value for t in terms if (t.value > 0) == above and t.value) for above in (True, False))
    if len(terms) < 3 or not up or not down:
        return []
    share = 1 - abs(up + down) / (up - down)
    return wrapped(text["cancel"].format(n=len(terms), up=digits(up), down=digits(down), share=f"{share:.0%}"), 4)


def _running(answer: Provenance, text: Mapping[str, str]) -> list[str]:
    origin, n = answer.origin, len(answer.origin.running)
    if n < 3:
        return [f"  {text['bits']}"] if origin.exact else []
    places = range(n) if n <= WHOLE_RUN else [0, 1, 2, n - 3, n - 2, n - 1]
    rows = []
    for k in places:
        if n > WHOLE_RUN and k == n - 3:
            rows.append(("…", ""))
        rows.append((text["after"].format(n=k + 1), exactly(origin.running[k])))
    head = wrapped(text["running" if origin.exact else "running_wide"].format(name=origin.sum_name), 2)
    return ["", *head, *aligned(rows), *([f"  {text['bits']}"] if origin.exact else [])]


def _twin(answer: Provenance, text: Mapping[str, str]) -> list[str]:
    twin = answer.twin
    if twin is None:
        return []
    gap = abs(twin.numeric - answer.value)
    said = text["twin"].format(
        of=twin.of, numeric=digits(twin.numeric), h=f"{twin.h:.1g}", gap=f"{gap:.1e}", doubt=f"{twin.doubt:.1e}"
    )
    return ["", *wrapped(said, 2), *(wrapped(text["kink"], 2) if twin.kink else [])]


def _paths(answer: Provenance, text: Mapping[str, str]) -> list[str]:
    paths = answer.paths
    if paths is None or not paths.top or paths.n_paths < 2:
        return []
    example = next((t.example for t in answer.origin.terms if t.row == paths.row), None)
    head = text["paths_all" if paths.every else "paths_row"].format(
        n=paths.n_paths, total=digits(paths.total), row=paths.row, example=example
    )
    rows = [
        (
            text["path"].format(units=_way(path, answer)),
            _product(path.factors),
            digits(path.value),
        )
        for path in paths.top
    ]
    whole = sum(path.value for path in paths.top)
    past = wrapped(text["past"], 2) if any(path.past for path in paths.top) else []
    rows.append((text["top_share"].format(n=len(paths.top)), "", digits(whole)))
    if not any(row[1] for row in rows):
        return ["", *wrapped(head, 2), *aligned([(row[0], row[2]) for row in rows]), *past]
    lines = ["", *wrapped(head, 2)]
    for path, line in zip((*paths.top, None), aligned(rows, gap=2), strict=True):
        lines.append(line)
        if path is not None and path.names:
            lines += wrapped(" · ".join(path.names), 6, hang=2)
    return [*lines, *past]


def _way(path: Path, answer: Provenance) -> str:
    """The units of a way, those of layers gone past in brackets."""
    first = int(re.sub(r"^dW(\d+).*", r"\1", answer.name))
    return " → ".join(f"({u})" if first + d in path.past else str(u) for d, u in enumerate(path.units))


def _prediction(answer: Provenance, text: Mapping[str, str]) -> list[str]:
    p = answer.prediction
    if p is None:
        return []
    one = answer.name != "loss"
    said = text["predicted_one" if one else "predicted"].format(
        name=answer.name, predicted=digits(p.predicted), actual=digits(p.actual), before=digits(p.before),
        after=digits(p.after), verdict=text[verdict(p.predicted, p.actual)],
    )  # fmt: skip
    lines = ["", *wrapped(said, 2)]
    if p.by_layer:
        parts = ", ".join(f"{name}\u00a0{digits(value)}" for name, value in p.by_layer.items())
        lines += wrapped(text["by_layer"].format(parts=parts), 2, hang=2)
    return lines


def verdict(predicted: float, actual: float) -> str:
    """How the straight-line prediction fared: a word of the catalogue."""
    if predicted == 0 or abs(actual - predicted) <= 0.1 * abs(predicted):
        return "straight"
    if predicted < 0 < actual:
        return "overshot"
    return "curved" if abs(actual) < abs(predicted) else "better"
