"""What the screens ask of a run. Everything is as the API gives it; nothing is computed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.api.report import report_input_of
from chainrule.api.run import Run
from chainrule.explain.step.update import rule_of
from chainrule.report.collect import about, packed, packed_text
from chainrule.report.pack import Pack
from chainrule.report.report_input import ReplayedStep
from chainrule.studio.curve import points, size_for
from chainrule.web.refusal import RequestError

MOST_NUMBERS = 4_000_000
"""A step of so many numbers is the largest a page is sent."""
ARRAYS = 8
"""Arrays of the size of the parameters that a step holds, about."""


def _about(asked: Any) -> dict[str, Any]:
    """Facts, history and losses of the run, or of the training up to here."""
    shown = asked.shown
    if shown.lead is not None and not shown.lead.status()["step"]:
        return {"waits": True, "name": shown.name}
    run: Run = shown.run()
    values = about(report_input_of(run._replayer, run.rows, None, run.examined, shows_rows=False))
    planned = max(run.n_steps, shown.lead.status()["n_steps"] if shown.lead else 0)
    # from none of these files a path comes to the page
    return values | {
        "waits": False, "name": shown.name, "planned": planned, "losses": points(run.losses, size_for(planned)),
        "parent": run.record.parent,
    }  # fmt: skip


def _step(asked: Any) -> dict[str, Any]:
    """One step with all its numbers, packed as in the report; of networks side by side that of the first."""
    run: Run = asked.shown.run().members[0]
    t = asked.query.whole("t")
    if not 0 <= t < run.n_steps:
        raise RequestError(422, f"t={t}: must be 0 to {run.n_steps - 1} (steps are numbered from 0).")
    if ARRAYS * run.network.parameters.flat.size > MOST_NUMBERS:
        n = run.network.parameters.flat.size
        raise RequestError(413, f"a step of {n:,} parameters is too large for a page. Use run.replay({t}).why(…).")
    seen, pack = run.replay(t), Pack()
    given = ReplayedStep(seen.record, seen.settings, seen.rows, seen.targets, seen.weight)
    step = packed(given, run.network.architecture, pack) | {"rule": rule_of(seen.optimizer, seen.settings)}
    places, numbers = packed_text([step], pack)
    return {"step": step, "places": places, "numbers": numbers, "optimizer": seen.optimizer["name"]}


LOOKS: Mapping[str, Callable[[Any], Any]] = {"about": _about, "step": _step}
FIXED = frozenset({"step"})
"""What stays as it is, however far the training goes."""
