"""A step as a drawing: what was asked is checked, then the cards are drawn up and written as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.engine.protocol import dense_targets
from chainrule.errors import SettingsError
from chainrule.explain.step.drawing import Drawn
from chainrule.explain.step.drawing_svg import THEMES, svg
from chainrule.explain.step.narrate import check_row
from chainrule.explain.step.update import rule_of
from chainrule.words import known_language, sentences

TEXT = sentences("drawing")


def step_svg(
    step: Any, *, row: int, language: str, units: int, theme: str, inputs: Sequence[str] | None,
    outputs: Sequence[str] | None, styled: bool = True,
) -> str:  # fmt: skip
    """The drawing of a row of a step; see Step.svg."""
    known_language(language)
    check_row(step.record, row)
    if theme not in THEMES:
        raise SettingsError(f"theme={theme!r}: must be one of {', '.join(THEMES)}.")
    if isinstance(units, bool) or not isinstance(units, int) or units < 1:
        raise SettingsError(f"units={units!r}: must be an integer >= 1. Try 6.")
    sizes = step.architecture.sizes
    for what, names, n in (("inputs", inputs, sizes[0]), ("outputs", outputs, sizes[-1])):
        if names is not None and len(names) != n:
            raise SettingsError(f"{what}: {len(names)} names for {n} {what}. Pass {n} names, or none.")
    drawn = Drawn(
        step.record, step.architecture, row=row, units=units, y=dense_targets(step.targets, step.architecture)[row],
        weighted=step.weight is not None, rule=rule_of(step.optimizer, step.settings), text=TEXT[language],
        inputs=inputs, outputs=outputs,
    )  # fmt: skip
    return svg(drawn.drawing(), TEXT[language], language=language, theme=theme, styled=styled)
