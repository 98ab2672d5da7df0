"""learning_rate: the learning-rate analysis of a network and its rows, also used by "auto" in train."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from chainrule.api.network import Network
from chainrule.api.prepare import Setup
from chainrule.engine.protocol import Engine, StepSettings, Task
from chainrule.engine.select import one_thread, select
from chainrule.errors import DataError, ModelFileError, SettingsError
from chainrule.network.parameters import Parameters
from chainrule.run import contents, files
from chainrule.run.directory import RunDirectory
from chainrule.run.ensemble import first_run
from chainrule.run.names import RATE, RUN
from chainrule.run.replayer import RunReplayer
from chainrule.run.rows import prepare_rows
from chainrule.run.smoothing import learned_targets
from chainrule.status import working
from chainrule.training.settings import SETTINGS, Settings
from chainrule.training.update_rules import UpdateRule, optimizer_from
from chainrule.tune import laboratory
from chainrule.tune.effort import effort
from chainrule.tune.found import LearningRate, Suggestion
from chainrule.tune.problem import Problem


def learning_rate(
    network: Network,
    X: object,
    y: object,
    optimizer: UpdateRule | str | dict[str, Any] | None = None,
    batch_size: int = 32,
    epochs: int | None = None,
    seed: int = 0,
    *,
    l2: float = 0.0,
    l1: float = 0.0,
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    clip_norm: float | None = None,
    sample_weight: object = None,
    class_weight: Any = None,
    shuffle: bool = True,
    engine: str = "auto",
    threads: int | None = None,
    thorough: bool = False,
    progress: bool | str = "auto",
) -> LearningRate:
    """Find what learning rate is too large, too small and right for training this network on these rows.

    Parameters
    ----------
    network : Network
        The network, as it will be trained.
    X : array of shape (n, n_inputs)
        Rows.
    y : array
        Their targets, as for `train`.
    optimizer : UpdateRule, str or dict, optional
        The update rule; its own learning rate does not matter. SGD by default.
    batch_size : int, default 32
        Rows of a step.
    epochs : int, optional
        Epochs of the training; no short run is longer.
    seed : int, default 0
        The seed of the training.
    l2, l1, dropout, label_smoothing : float, default 0.0
        Penalties, dropout and smoothing, as for `train`.
    clip_norm : float, optional
        The longest gradient allowed.
    sample_weight : array of shape (n,), optional
        Weights of the rows, ≥ 0.
    class_weight : "balanced", mapping or sequence, optional
        The weight of each class, as for `chainrule.train`.
    shuffle : bool, default True
        Whether the rows come in a new order in every epoch.
    engine : str, default "auto"
        One of "auto", "native" and "numpy".
    threads : int, optional
        Threads of the native engine.
    thorough : bool, default False
        Whether everything is measured in full. Else, where that would take more than a tenth of the training and about
        3 s by the engine's own estimate, runs are shorter and rows and batches fewer; the text then says so.
    progress : bool or str, default "auto"
        Whether to show what is being done; "auto" does so in a terminal and in a notebook.

    Returns
    -------
    LearningRate
        `curvature`, `stable_below`, `suggested`, `interval`, `text(language)`, `svg(language)`.

    Raises
    ------
    SettingsError, ShapeError, DataError
        As for `train`; DataError also if the loss is not finite at the start.

    Notes
    -----
    stable_below = 2/λ for gradient descent, λ the algebraically largest eigenvalue of the Hessian of J;
    tune/stability.py has the other rules. suggested is the middle of the learning rates that do about as well as the
    best in short runs around half of that.

    Examples
    --------
    >>> import chainrule as cr
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> found = cr.learning_rate(cr.Network([4, 8, 3], dtype="float64"), X, y)
    >>> found.interval[0] <= found.suggested <= found.interval[1]
    True
    """
    asked = Settings(
        optimizer=optimizer_from("sgd" if optimizer is None else optimizer),
        batch_size=batch_size, epochs=1 if epochs is None else epochs, l2=l2, l1=l1, dropout=dropout,
        label_smoothing=label_smoothing, clip_norm=clip_norm, seed=seed, shuffle=shuffle,
    )  # fmt: skip
    problem = pose(network, X, y, asked, sample_weight, class_weight, engine, threads)
    n_steps = None if epochs is None else asked.epochs * problem.task.steps_per_epoch
    with working("learning-rate", progress), one_thread():
        return laboratory.examine(problem, within(n_steps, laboratory.N_STEPS), effort(problem, n_steps, thorough))


def within(n_steps: int | None, most: int) -> int:
    """Steps of a short run: no more than the training has, but enough to see where J goes."""
    return most if n_steps is None else max(laboratory.LEAST_STEPS, min(n_steps, most))


def pose(
    network: Network,
    X: object,
    y: object,
    settings: Settings,
    sample_weight: object = None,
    class_weight: Any = None,
    engine: str = "auto",
    threads: int | None = None,
) -> Problem:
    """The training of this network with these settings, before its first step."""
    rows = prepare_rows(
        network.architecture, X, y, sample_weight, class_weight=class_weight, kind=network.stated, is_recorded=False
    )
    if len(rows.X) == 0:
        raise DataError("X has 0 rows: must have at least one.")
    task = Task(
        architecture=network.architecture,
        X=rows.X,
        targets=learned_targets(rows.targets, network.architecture, settings.label_smoothing),
        weight=rows.weight,
        optimizer=settings.optimizer.name,
        batch_size=settings.batch_size,
        seed=settings.seed,
        shuffle=settings.shuffle,
        leaves=settings.leaves,
    )
    chosen, _ = select(engine, network.architecture, threads, settings.optimizer.name)
    return _problem(chosen, task, settings, network.parameters)


def _problem(engine: Engine, task: Task, settings: Settings, parameters: Parameters) -> Problem:
    step = StepSettings(
        optimizer=settings.optimizer.hyper,
        l2=settings.l2,
        l1=settings.l1,
        dropout=settings.dropout,
        clip_norm=settings.clip_norm,
        alpha=settings.alpha,
    )
    return Problem(engine, task, step, parameters)


AUTO = "auto"


def settle(setup: Setup, asked: float | str | Suggestion | None, directory: Any, resume: bool) -> Setup:
    """The training with the learning rate it is to have: the optimizer's, another one, or one that is found first.

    Arguments: asked: None, a number, "auto", or what was found for this training before; directory, resume: a run
    that is continued keeps the one it was begun with where "auto" is asked. Raises SettingsError for anything else,
    or what was found for another update rule; DataError as for suggest.
    """
    if asked is None:
        return setup
    optimizer = setup.settings.optimizer
    if isinstance(asked, Suggestion):
        if asked.optimizer != optimizer.name or asked.hyper != optimizer.hyper:
            raise SettingsError(
                f"learning_rate was found for {asked.optimizer} {asked.hyper}: must be found for {optimizer.name} "
                f"{optimizer.hyper}. Pass the same optimizer to learning_rate and train."
            )
        setup = replace(setup, examined=asked)
        eta = asked.suggested
    elif asked != AUTO:
        eta = SETTINGS["learning_rate"].check(asked)
    elif resume and (begun := begun_with(directory)) is not None:
        eta = begun
    else:
        problem = _problem(setup.engine, setup.task, setup.settings, setup.network.parameters)
        found = laboratory.suggest(problem, within(setup.n_steps, laboratory.N_STEPS_AUTO))
        setup, eta = replace(setup, examined=found), found.suggested
    return replace(setup, settings=replace(setup.settings, optimizer=replace(optimizer, learning_rate=eta)))


def begun_with(directory: Any) -> float | None:
    """The learning rate of the run in a directory; None where there is none."""
    folder = None if directory is None else RunDirectory(first_run(RunDirectory(directory).path))
    if folder is None or not folder.exists:
        return None
    return float(contents.read_record(folder.file(RUN))["settings"]["optimizer"]["learning_rate"])


def of_run(replayer: RunReplayer, data: tuple[Any, ...] | None = None, thorough: bool = False) -> LearningRate:
    """The examination of a run's start on its rows, kept with the run; see Run.learning_rate."""
    run, rows = replayer.record, replayer.rows_of(data)
    start = run.parameters.like(run.checkpoints.get(0).theta)
    settings = replayer.part_of(0)
    problem = _problem(replayer.engine, replayer.task(rows), settings, start)
    n_steps = settings.epochs * run.steps_per_epoch
    with working("learning-rate"), one_thread():
        found = laboratory.examine(problem, within(n_steps, laboratory.N_STEPS), effort(problem, n_steps, thorough))
    if run.directory is not None:
        try:
            with RunDirectory(run.directory).claimed():
                files.write_json(run.directory / RATE, found.to_dict())
        except (ModelFileError, SettingsError) as error:
            warnings.warn(f"the learning-rate analysis is not stored with the run: {error}", stacklevel=3)
    return found
