"""A circuit as text, as HTML and as a Mermaid diagram."""

from __future__ import annotations

from chainrule import html_text
from chainrule.explain.circuit.graph import KINDS, Gate, Graph, pattern
from chainrule.text.tables import aligned, number, wrapped
from chainrule.words import known_language, sentences

TEXT = sentences("circuit")


def text(c: Graph, language: str = "en") -> str:
    """Every number with its gate, value, gradient and edges; what forks; what the patterns mean."""
    known_language(language)
    say, names, rows = TEXT[language], label_all(c), _rows(c, language)
    lines = [*wrapped(c.formula), *wrapped(say["head"]), "", *aligned(rows, indent=2, gap=2), ""]
    for i, gate in enumerate(c.gates):
        users = c.users(i)
        if len(users) > 1 and not gate.constant:
            parts = " + ".join(number(c.gates[g].edges[k]) for g, k in users).replace("+ -", "− ")
            lines += wrapped(
                say["forks"].format(name=names[i], n=len(users), sum=parts, total=number(gate.gradient)), 2, hang=2
            )
    return "\n".join([*lines, *wrapped(say["legend"], 2)])


def html(c: Graph) -> str:
    """The table of the numbers; of a long one the beginning and the end."""
    head, *rows = _rows(c, "en")
    return html_text.card(c.formula, html_text.table(head, html_text.some(rows, 30, 10), numbers_from=2))


def _rows(c: Graph, language: str) -> list[tuple[str, ...]]:
    """The heading of the table, and a row for every number."""
    say, names = TEXT[language], label_all(c)
    rows = [tuple(say[name] for name in ("number", "gate", "value", "gradient", "edges", "pattern"))]
    for i, gate in enumerate(c.gates):
        kind = _written(gate, names) if gate.kind else say["constant" if gate.constant else "input"]
        edges = ", ".join(number(x) for x in gate.edges)
        message = say[pattern(gate)] if pattern(gate) else ""
        gradient = "" if gate.constant else number(gate.gradient)
        rows.append((names[i], kind, number(gate.value), gradient, edges, message))
    return rows


def mermaid(c: Graph) -> str:
    """`graph LR`: a node holds its gate, value and gradient; an edge the value forward and the gradient back."""
    names = label_all(c)
    lines = ["graph LR"]
    for i, gate in enumerate(c.gates):
        symbol = "" if gate.kind is None else f"{KINDS[gate.kind].symbol if gate.kind in KINDS else gate.kind}<br/>"
        badge = f"<br/>{pattern(gate)}" if pattern(gate) else ""
        message = f"{symbol}{names[i]} = {number(gate.value)}<br/>∂ = {number(gate.gradient)}{badge}"
        shape = ('(["', '"])') if gate.kind is None else ('["', '"]')
        lines.append(f"    N{i}{shape[0]}{_escaped(message)}{shape[1]}")
    for i, gate in enumerate(c.gates):
        for source, along in zip(gate.inputs, gate.edges, strict=True):
            lines.append(f'    N{source} -->|"{number(c.gates[source].value)} / ∂ {number(along)}"| N{i}')
    return "\n".join(lines)


def label_all(c: Graph) -> list[str]:
    """A name for every number; those without one are t0, t1, …"""
    return [gate.name or f"t{i}" for i, gate in enumerate(c.gates)]


def _written(gate: Gate, names: list[str]) -> str:
    inputs = [names[i] for i in gate.inputs]
    kind = str(gate.kind)
    if kind in ("add", "subtract", "multiply", "divide"):
        return f" {KINDS[kind].symbol} ".join(inputs)
    if kind == "square":
        return f"({inputs[0]})²"
    if kind == "reciprocal":
        return f"1/{inputs[0]}"
    return f"{kind}({', '.join(inputs)})"


def _escaped(label: str) -> str:
    kept = label.replace("#", "#35;").replace('"', "#quot;").replace("<br/>", "\n").replace("<", "#lt;")
    return kept.replace("\n", "<br/>")
