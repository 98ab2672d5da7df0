"""chainrule learning-rate: what is too large, what is too small, what to take, and why; and --learning-rate auto."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from chainrule import json_text
from chainrule.api.learning_rate import begun_with, learning_rate, pose, within
from chainrule.api.trial import network_of
from chainrule.cli.train_options import plan_of
from chainrule.errors import SettingsError
from chainrule.planning.selection import Selected
from chainrule.run.files import refuse_unwritable, write_atomic
from chainrule.training.settings import Settings
from chainrule.tune.figure import Figure, figure
from chainrule.tune.found import Suggestion
from chainrule.tune.laboratory import N_STEPS_AUTO, suggest
from chainrule.tune.png import fonts, png
from chainrule.tune.svg import svg

STEPS = ("batch_size", "l2", "l1", "dropout", "label_smoothing", "clip_norm", "seed", "shuffle")
"""Settings that a step depends on."""


def run(options: argparse.Namespace) -> int:
    """Read the data, plan, analyse, print and plot."""
    if options.data is None:
        raise SettingsError("DATA is missing. Use chainrule learning-rate DATA --target COLUMN (see --help).")
    file = None if options.output_file is None else Path(options.output_file)
    if file is not None:
        check_picture(file, options.language, options.data)
    plan = plan_of(options)
    candidate = plan.candidates[-1]
    X, y, weight = candidate.rows.trained_on
    settings = {name: candidate.settings[name] for name in STEPS}
    found = learning_rate(
        network_of(candidate), X, y, candidate.optimizer, epochs=candidate.settings["epochs"], sample_weight=weight,
        class_weight=plan.request.class_weight, engine=options.engine, threads=candidate.settings["threads"],
        thorough=options.thorough, **settings,
    )  # fmt: skip
    if file is not None:
        picture = PICTURES[file.suffix.lower()]
        write_atomic(file, picture(figure(found), options.language))
    print(json_text.text(found.to_dict()) if options.json else found.text(options.language))
    return 0


PICTURES: dict[str, Callable[[Figure, str], bytes]] = {
    ".svg": lambda drawn, language: svg(drawn, language).encode("utf-8"),
    ".png": png,
}
"""Writers of the picture by the ending of its file."""


def check_picture(file: Path, language: str, *read: str) -> None:
    """SettingsError or ModelFileError if the picture could not be written; said before anything is computed."""
    ending = file.suffix.lower()
    if ending not in PICTURES:
        raise SettingsError(f"{file}: the name of a plot must end in .svg or .png.")
    refuse_unwritable(file, *read)
    if ending == ".png":
        fonts(language)


def settle(
    options: argparse.Namespace, chosen: Selected, folder: Path, class_weight: Any = None
) -> tuple[Selected, Suggestion | None, str]:
    """The choice with the learning rate found by --learning-rate auto, the analysis, and a line describing it.

    A run that is continued keeps the one it was begun with.
    """
    candidate = chosen.candidate
    eta = begun_with(folder) if options.resume else None
    if eta is not None:
        return _with(chosen, eta), None, f"{eta:g}, as at the start of the run"
    X, y, weight = candidate.rows.trained_on
    asked = Settings(optimizer=candidate.optimizer, **{name: candidate.settings[name] for name in STEPS})
    threads = candidate.settings["threads"]
    problem = pose(network_of(candidate), X, y, asked, weight, class_weight, options.engine, threads)
    found = suggest(problem, within(candidate.settings["epochs"] * problem.task.steps_per_epoch, N_STEPS_AUTO))
    low, high = found.interval
    n_runs = len(found.race.etas) + len(found.given_up.etas)
    message = (
        f"{found.suggested:g} by curvature and {n_runs} runs of up to {found.n_steps} steps; {low:g} to {high:g} does "
        f"about as well (cost: {found.n_products} Hessian products, {found.n_run_steps:,} steps)"
    )
    return _with(chosen, found.suggested, found.elapsed_s), found, message


def _with(chosen: Selected, eta: float, elapsed_s: float = 0.0) -> Selected:
    """The same with this learning rate; what was spent on it is taken off a time limit."""
    candidate = chosen.candidate
    settings, limit = candidate.settings, candidate.settings["time_limit"]
    if limit is not None:
        settings = settings | {"time_limit": max(limit - elapsed_s, 1e-3)}
    optimizer = replace(candidate.optimizer, learning_rate=eta)
    return replace(chosen, candidate=replace(candidate, optimizer=optimizer, settings=settings))
