"""An answer as a Mermaid diagram: the number, the largest of its terms, the sum of the others, the rounding."""

from __future__ import annotations

from chainrule.explain.why.record import Provenance

SHOWN = 8


def diagram(answer: Provenance) -> str:
    """`graph RL`: every term a node whose edge to the number carries its value and share."""
    origin = answer.origin
    order = sorted(range(len(origin.terms)), key=lambda k: -abs(origin.terms[k].value))
    lines = ["graph LR", f'    N["{_escaped(answer.name)} = {answer.value:.9g}<br/>{_escaped(origin.symbols)}"]']
    for k in order[:SHOWN]:
        term = origin.terms[k]
        example = "" if term.example is None else f"<br/>example {term.example}"
        lines.append(f'    T{k}(["{_escaped(term.name)}{example}"]) -->|"{term.value:.7g}, {answer.shares[k]:.1%}"| S')
    rest = [origin.terms[k].value for k in order[SHOWN:]]
    if rest:
        lines.append(f'    M(["{len(rest)} more"]) -->|"{sum(rest):.7g}"| S')
    lines.append(f'    S["{_escaped(origin.sum_name)} = {origin.total:.9g}"]')
    last = "S"
    for k, (what, value) in enumerate(origin.steps):
        lines.append(f'    {last} --> P{k}["{_escaped(what)}<br/>= {value:.9g}"]')
        last = f"P{k}"
    lines.append(f'    {last} -->|"rounding {answer.rounding:.3g}"| N')
    return "\n".join(lines)


def _escaped(label: str) -> str:
    return label.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
