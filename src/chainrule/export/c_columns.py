"""The pipeline as C: a field of the row for each column, and what makes inputs of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from chainrule.errors import SettingsError
from chainrule.export import c_text
from chainrule.pipeline.codes import CodeEncoder
from chainrule.pipeline.columns import CYCLES, BooleanEncoder, NumberEncoder, TimeEncoder
from chainrule.pipeline.levels import CategoryEncoder
from chainrule.pipeline.ordered import OrderedEncoder
from chainrule.pipeline.table_pipeline import TablePipeline

C_WORDS = (
    " auto break case char const continue default do double else enum extern float for goto if inline int long "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm "
    "typeof bool true false class delete new private public protected template this throw try catch operator "
    "namespace "
)
MACROS = re.compile(
    r"(M_|FP_|U?INT|SIZE_|PTR|WCHAR|SIG_|HUGE|MATH|TERM_|CHAINRULE|FLT_|DBL_|LDBL_)|"
    r"(NAN|INFINITY|NULL|FMA|ABS|SQRT|COPYSIGN|LINE|COUNT|SMALL\w*|MICROSECONDS_OF_DAY|linux|unix|i386|errno|I|EOF)$"
)
"""Names that a header may have made something else of."""
FIELDS: Mapping[type, tuple[str, ...]] = {
    NumberEncoder: (
        "name",
        "center",
        "factor",
        "limited",
        "filled",
        "indicator",
        "knots",
        "edges",
        "low",
        "high",
        "words",
    ),
    BooleanEncoder: ("name",),
    CategoryEncoder: ("name", "levels", "rare", "missing", "means_of", "means"),
    OrderedEncoder: ("name", "levels", "missing"),
    TimeEncoder: ("name", "elapsed", "cycles"),
    CodeEncoder: ("name", "number", "category"),
}
"""What this file knows of each encoder; whatever else one has is refused."""


@dataclass(kw_only=True)
class ColumnText:
    """What one column is in C."""

    prefix: str
    """The name of its field, and of what belongs to it."""
    what: str
    word: str
    """The name of the field of a text in place of a number."""
    tables: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    at: int = 0
    """Its next input."""

    def put(self, value: str, n: int = 1) -> None:
        """The next input; of several ones the expression has their number k."""
        if n == 1:
            self.lines.append(f"  x[{self.at}] = (real)({value});")
        else:
            self.lines.append(f"  for (k = 0; k < {n}; ++k) x[{self.at} + k] = (real)({value});")
        self.at += n


def field_names(names: Sequence[str]) -> list[str]:
    """The names of columns as identifiers of C, each once.

    Examples
    --------
    >>> field_names(["Age", "2nd floor", "int", "Age!", "Age_"])
    ['Age', 'c1_2nd_floor', 'c2_int', 'Age_', 'c4_Age_']
    """
    found: list[str] = []
    for i, name in enumerate(names):
        made = re.sub(r"[^A-Za-z0-9_]", "_", name)
        if not re.match(r"[A-Za-z]", made) or f" {made} " in C_WORDS or MACROS.match(made):
            made = f"c{i}_{made}"
        while made in found:
            made = f"c{i}_{made}"
        found.append(made)
    return found


def columns_of(pipeline: TablePipeline) -> tuple[str, str, str]:
    """The fields of a row, the tables, and the lines that make the inputs x.

    Raises SettingsError for an encoder, or a part of it, that has no text for C.
    """
    refuse_pipeline(pipeline)
    declared, tables, lines, at = [], [], [], 0
    names = field_names([*pipeline.columns, *(f"{name}_text" for name in field_names(pipeline.columns))])
    n = len(pipeline.columns)
    for encoder, name, word in zip(pipeline.encoders, names[:n], names[n:], strict=True):
        part = ColumnText(prefix=name, what=f"column {encoder.name!r}", word=word, at=at)
        declared += _declared(encoder, part)
        WRITERS[type(encoder)](encoder, part)
        tables += part.tables
        lines += [f"  /* {c_text.comment(encoder.name)} */", *part.lines]
        at = part.at
    return "\n".join(declared), "\n".join(tables), "\n".join(lines)


def refuse_pipeline(pipeline: TablePipeline) -> None:
    """SettingsError for what has no text for C."""
    if pipeline.neighbours is not None:
        raise SettingsError(
            "the pipeline looks up the nearest training rows, which are not exported to C. Train with --no-neighbours."
        )
    for encoder in pipeline.encoders:
        for part in (encoder, *(getattr(encoder, name, None) for name in ("elapsed", "number", "category"))):
            if part is not None and type(part).__name__ != "str":
                _refuse_encoder(part, encoder.name)


def _refuse_encoder(encoder: Any, column: str) -> None:
    known = FIELDS.get(type(encoder))
    others = [] if known is None else [item.name for item in fields(encoder) if item.name not in known]
    if known is None or any(getattr(encoder, name) not in (None, (), False) for name in others):
        what = f"as {encoder.kind}" if known is None else f"with {others[0]}"
        raise SettingsError(
            f"column {column!r}: is encoded {what}, which is not exported to C. Leave it out (--drop), or read it as "
            "another kind (--kind)."
        )


def _declared(encoder: Any, part: ColumnText) -> list[str]:
    """The field of a column, and a second one where texts stand among its numbers."""
    original, name = c_text.comment(encoder.name), part.prefix
    if encoder.reads == "category":
        return [f'  const char *{name}; /* {original}: a text, NULL or "" where it is missing */']
    if encoder.reads == "time":
        return [f"  int64_t {name}; /* {original}: microseconds since 1970, CHAINRULE_NO_TIME where it is missing */"]
    if encoder.reads == "boolean":
        return [f"  double {name}; /* {original}: 1 true, 0 false, NAN where it is missing */"]
    number = encoder.number if isinstance(encoder, CodeEncoder) else encoder
    found = [f"  double {name}; /* {original}: a number, NAN where it is missing */"]
    if number.words:
        found.append(f"  const char *{part.word}; /* a text in place of the number, or NULL */")
    return found


# encoders, each as in chainrule.pipeline -----------------------------------------------------------------


def _number(e: NumberEncoder, c: ColumnText) -> None:
    """The inputs of the number in a field."""
    c.lines.append(f"  v = in->{c.prefix};")
    _number_of_v(e, c)


def _number_of_v(e: NumberEncoder, c: ColumnText, always: bool = False) -> None:
    """The same of the number `v`, and whether it is missing."""
    absent = "v != v"
    if e.words:
        _table(c, "texts", sorted(e.words, key=str.encode))
        n = len(e.words)
        c.lines.append(f"  text = in->{c.word};")
        c.lines.append(f"  place = text ? place_of_text({c.prefix}_texts, {n}, text) : -1;")
        absent = "v != v && place < 0"
    if e.indicator or always:
        c.lines.append(f"  absent = {absent};")
    c.lines.append(f"  v = v != v ? {c_text.number(e.filled)} : v;")
    if e.knots.shape[1]:
        c.tables += [
            c_text.numbers("double", f"{c.prefix}_{part}", row)
            for part, row in zip(("from", "to"), e.knots, strict=True)
        ]
        value = f"interpolated(v, {c.prefix}_from, {c.prefix}_to, {e.knots.shape[1]})"
        c.put(f"{c_text.number(e.factor)} * {value}")
    elif e.factor == 0:
        c.put("0")
    else:
        value = f"scaled(v, {c_text.number(e.center)}, {c_text.number(e.factor)})"
        c.put(f"limited({value})" if e.limited else value)
    if e.n_bins:
        c.tables.append(c_text.numbers("double", f"{c.prefix}_edges", e.edges))
        c.put(f"share_of(v, {c.prefix}_edges[k], {c.prefix}_edges[k + 1])", e.n_bins)
    if e.indicator:
        c.put("absent")
    for word in e.words:
        c.put(f"place == {sorted(e.words, key=str.encode).index(word)}")


def _boolean(e: BooleanEncoder, c: ColumnText) -> None:
    c.lines.append(f"  v = in->{c.prefix};")
    c.put("v != v ? 0 : v > 0 ? 1 : -1")


def _table(c: ColumnText, name: str, texts: Sequence[str]) -> None:
    """A sorted table of texts."""
    c.tables.append(c_text.array("char *const", f"{c.prefix}_{name}", [c_text.text(text, c.what) for text in texts]))


def _looked_up(c: ColumnText, name: str, texts: Sequence[str], by_number: bool = False) -> list[int]:
    """The line that sets `place` to the place in a table; which text stands at each place."""
    key = float if by_number else str.encode
    order = sorted(range(len(texts)), key=lambda i: key(texts[i]))
    if not texts:
        c.lines.append("  place = -1;")
    elif by_number:
        c.tables.append(c_text.numbers("double", f"{c.prefix}_{name}", np.array([float(texts[i]) for i in order])))
        c.lines.append(f"  place = place_of_number({c.prefix}_{name}, {len(texts)}, v);")
    else:
        _table(c, name, [texts[i] for i in order])
        c.lines.append(f"  place = absent ? -1 : place_of_text({c.prefix}_{name}, {len(texts)}, text);")
    return order


def _text(c: ColumnText, levels: Sequence[str]) -> None:
    """`text` and whether it is missing; an empty one is, unless training had it as a level."""
    c.lines.append(f"  text = in->{c.prefix};")
    c.lines.append("  absent = !text;" if "" in levels else "  absent = !text || !*text;")


def _category(e: CategoryEncoder, c: ColumnText) -> None:
    _text(c, (*e.levels, *e.means_of))
    _levels(e, c)


def _levels(e: CategoryEncoder, c: ColumnText, by_number: bool = False) -> None:
    """An input for each level, and the means, of the text or number at hand."""
    order = _looked_up(c, "levels", e.levels, by_number)
    n = len(e.levels)
    if e.is_pair:
        first = order.index(0)
        c.put(f"place < 0 ? 0 : place == {first} ? -1 : 1")
        return
    other, missing = (n if e.rare else -1), (n + e.rare if e.missing else n if e.rare else -1)
    if order:
        c.tables.append(c_text.whole_numbers("int", f"{c.prefix}_slots", order))
        c.lines.append(f"  place = absent ? {missing} : place < 0 ? {other} : {c.prefix}_slots[place];")
    else:
        c.lines.append(f"  place = absent ? {missing} : {other};")
    width = n + e.rare + e.missing
    if width:
        c.put("k == place" if width > 1 else "place == 0", width)
    if e.means.size:
        order = _looked_up(c, "known", e.means_of, by_number)
        table = np.vstack([e.means[0, order], e.means[0, -1:]])
        c.tables.append(c_text.numbers("double", f"{c.prefix}_means", table))
        m = table.shape[1]
        c.lines.append(f"  place = place < 0 ? {len(order)} : place;")
        c.put(f"{c.prefix}_means[{m} * place{' + k' if m > 1 else ''}]", m)


def _ordered(e: OrderedEncoder, c: ColumnText) -> None:
    _text(c, e.levels)
    order = _looked_up(c, "levels", e.levels)
    c.tables.append(c_text.whole_numbers("int", f"{c.prefix}_ranks", order))
    c.lines.append(f"  place = place < 0 ? -1 : {c.prefix}_ranks[place];")
    c.put(f"place < 0 ? 0 : 2.0 * place / {len(e.levels) - 1} - 1")
    for step in e.steps:
        c.put(f"place >= {step}")
    if e.missing:
        c.put("place < 0")


def _time(e: TimeEncoder, c: ColumnText) -> None:
    c.lines += [f"  t = in->{c.prefix};", "  v = t == CHAINRULE_NO_TIME ? NAN : (double)t / 1e6;"]
    _number_of_v(e.elapsed, c, always=bool(e.cycles))
    for cycle in e.cycles:
        n = CYCLES[cycle][1]
        c.lines.append(f"  if (absent)\n    for (k = 0; k < {2 * n}; ++k) x[{c.at} + k] = 0;")
        c.lines.append(f"  else\n    waves(x + {c.at}, share_of_{cycle}(t), {n});")
        c.at += 2 * n


def _code(e: CodeEncoder, c: ColumnText) -> None:
    _number(e.number, c)
    c.lines += [f"  v = in->{c.prefix};", "  absent = v != v;"]
    _levels(e.category, c, by_number=True)


WRITERS: Mapping[type, Callable[[Any, ColumnText], None]] = {
    NumberEncoder: _number, BooleanEncoder: _boolean, CategoryEncoder: _category, OrderedEncoder: _ordered,
    TimeEncoder: _time, CodeEncoder: _code,
}  # fmt: skip
