"""Changes to a training under way: each is an order to its Lead, which carries it out between two stretches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chainrule.api.run import Run
from chainrule.studio.lead import Lead
from chainrule.training.parts import checked
from chainrule.training.settings import SETTINGS
from chainrule.web.refusal import RequestError

MOST_STEPS, MOST_BREAKS, MOST_VALUES = 10**9, 20, 20


def _lead(asked: Any) -> Lead:
    lead: Lead | None = asked.shown.lead
    if lead is None or lead.is_over:
        raise RequestError(409, "this training is over; go on from one of its steps instead.")
    return lead


def _pause(asked: Any, given: dict[str, Any]) -> Any:
    _lead(asked).pause()
    return {}


def _continue(asked: Any, given: dict[str, Any]) -> Any:
    _lead(asked).go_on()
    return {}


def _steps(asked: Any, given: dict[str, Any]) -> Any:
    n = given.get("n", 1)
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST_STEPS:
        raise RequestError(422, f"n={str(n)[:20]}: must be a whole number, 1 to {MOST_STEPS:,}.")
    _lead(asked).steps(n)
    return {}


def _set(asked: Any, given: dict[str, Any]) -> Any:
    if not 1 <= len(given) <= MOST_VALUES:
        raise RequestError(422, f"must name 1 to {MOST_VALUES} settings.")
    _lead(asked).set(given)
    return {"values": _lead(asked).status()["values"]}


def _stop(asked: Any, given: dict[str, Any]) -> Any:
    _lead(asked).stop()
    return {}


def _breakpoints(asked: Any, given: dict[str, Any]) -> Any:
    wanted = given.get("breakpoints")
    if not isinstance(wanted, list) or len(wanted) > MOST_BREAKS:
        raise RequestError(422, f"breakpoints: must be a list of at most {MOST_BREAKS}.")
    _lead(asked).set_breaks(wanted)
    return {"breaks": _lead(asked).status()["breaks"]}


def _go_on(asked: Any, given: dict[str, Any]) -> Any:
    """A new run from a step of this one, trained in a thread and led from its first new step."""
    step, epochs, changes = given.get("step"), given.get("epochs"), given.get("changes", {})
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in (step, epochs)) or not isinstance(changes, dict):
        raise RequestError(422, "needs step and epochs, whole numbers, and changes, an object.")
    run: Run = asked.shown.run()
    SETTINGS["epochs"].check(epochs)
    checked(run.settings, changes)
    last = run.n_steps - (run.diverged is not None)
    if not 1 <= step <= last:  # type: ignore[operator]
        raise RequestError(422, f"step={step}: must be 1 to {last}. To begin at step 0, train again.")
    folder = _free_folder(run, step)

    def train(lead: Lead) -> None:
        run.branch(step, epochs, directory=folder, callbacks=[lead], progress=False, **changes)  # type: ignore[arg-type]

    name = f"{asked.shown.name} @ {step}" if folder is None else folder.name
    return {"id": asked.trainings.begin(name, train, paused=bool(given.get("paused"))).id}


def _free_folder(run: Run, step: Any) -> Path | None:
    """The folder of a run that goes on: beside this one, if that is kept in a folder."""
    if run.directory is None:
        return None
    tries = (
        run.directory.with_name(f"{run.directory.name}-at-{step}{end}")
        for end in ("", *map("-{}".format, range(2, 10**6)))
    )
    return next(path for path in tries if not path.exists())


CHANGES: Mapping[str, Callable[[Any, dict[str, Any]], Any]] = {
    "pause": _pause, "continue": _continue, "steps": _steps, "set": _set, "stop": _stop, "breakpoints": _breakpoints,
    "go_on": _go_on,
}  # fmt: skip
