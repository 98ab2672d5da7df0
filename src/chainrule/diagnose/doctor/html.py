"""A diagnosis as HTML: a row for each finding, its words unfolding below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.html_text import FAULT, GOOD, card, lines, paragraph, table, unfolding


def html(diagnosis: Any, say: Mapping[str, str]) -> str:
    """Whether the run is healthy, the findings in the order of their causes, and each one's text."""
    faults = len(diagnosis.faults)
    head = say["ill"].format(n=faults) if faults else say["healthy"]
    rows = [(f.title, f.id, f.severity, f.step, f.layer, len(f.consequences) or None) for f in diagnosis]
    names = ("finding", "id", "severity", "step", "layer", "consequences")
    each = [unfolding(f"{f.title}: {f.remedy}" if f.remedy else f.title, lines(f.text())) for f in diagnosis]
    summary = diagnosis.text().split("\n\n")[0].replace("\n", " ")
    return card(
        type(diagnosis).__name__,
        paragraph(head, FAULT if faults else GOOD),
        paragraph(summary),
        table(names, rows, numbers_from=3) if rows else "",
        *each,
    )
