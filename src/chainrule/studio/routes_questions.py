"""What is asked of a run as a whole, or of one number of it: each answer is what the API says, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chainrule.api.comparison import compared
from chainrule.api.report import report_input_of
from chainrule.api.results import results_of
from chainrule.api.run import Run
from chainrule.report.choose import HEALTH_STEPS
from chainrule.report.collect import gradient_check, health_over
from chainrule.report.report_input import ReportInput
from chainrule.run.replayer import RunReplayer
from chainrule.tune.figure import shown
from chainrule.words import LANGUAGES

CHECK_S = 8.0
EVENLY = 20_000
"""A run of fewer steps is looked at evenly; of a longer one checkpoints are."""
MOST_GATES = 600


def _given(run: Run) -> ReportInput:
    rows = run.kept_rows
    return replace(report_input_of(run._replayer, rows, None, run.examined, shows_rows=False), shows_rows=True)


def _data(asked: Any) -> Any:
    run: Run = asked.shown.run()
    return {"results": results_of(run._replayer, run.kept_rows, asked=True)}


def _health(asked: Any) -> Any:
    return {"health": health_over(_given(asked.shown.run()), HEALTH_STEPS, EVENLY)}


def _check(asked: Any) -> Any:
    return {"check": gradient_check(_given(asked.shown.run()), CHECK_S)}


def _rate(asked: Any) -> Any:
    """The learning-rate analysis; made on a copy that has no directory, for looking changes nothing."""
    run: Run = asked.shown.run()
    if run.examined is None:
        of_run = run._replayer
        copy = RunReplayer(replace(run.record, directory=None), run.engine, run.kept_rows, of_run.validation)
        apart = Run._of(copy)
        apart.learning_rate()
        return {"rate": shown(apart.examined)}  # type: ignore[arg-type]
    return {"rate": shown(run.examined)}


def _doctor(asked: Any) -> Any:
    return {"diagnosis": asked.shown.run().doctor(progress=False).to_dict()}


def _why(asked: Any) -> Any:
    run: Run = asked.shown.run().members[0]
    step = run.replay(asked.query.whole("t"))
    answer = step.why(asked.query.text("name"))
    return {
        "name": answer.name, "value": answer.value, "exact": repr(answer.value), "numpy": answer.numpy(),
        "text": {language: answer.text(language) for language in LANGUAGES},
    }  # fmt: skip


def _circuit(asked: Any) -> Any:
    run: Run = asked.shown.run().members[0]
    circuit = run.replay(asked.query.whole("t")).circuit(asked.query.whole("row", 0))
    found = circuit.to_dict()
    gates: Any = found["gates"]
    return found | {"gates": gates[:MOST_GATES], "n_gates": len(gates), "mermaid": circuit.to_mermaid()}


def _compare(asked: Any) -> Any:
    other = asked.shelf.get(asked.query.text("with"))
    return compared(asked.shown.run().record, other.run().record) | {"with": other.name}


LOOKS: Mapping[str, Callable[[Any], Any]] = {
    "data": _data, "health": _health, "check": _check, "rate": _rate, "doctor": _doctor, "why": _why,
    "circuit": _circuit, "compare": _compare,
}  # fmt: skip
FIXED = frozenset({"why", "circuit"})
