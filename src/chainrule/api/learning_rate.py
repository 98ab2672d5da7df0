"""learning_rate: from a network and rows to what its learning rate should be. A thin hand around glass/rate."""

from __future__ import annotations

from typing import Any

from chainrule.api.network import Network
from chainrule.api.run import prepare_rows
from chainrule.engine.protocol import StepSettings, Task
from chainrule.engine.select import select
from chainrule.errors import DataError
from chainrule.glass.rate import laboratory
from chainrule.glass.rate.found import LearningRate
from chainrule.glass.rate.problem import Problem
from chainrule.training.settings import Optimizer, Settings, optimizer_from


def learning_rate(
    network: Network,
    X: object,
    y: object,
    optimizer: Optimizer | str | dict[str, Any] | None = None,
    batch_size: int = 32,
    epochs: int | None = None,
    seed: int = 0,
    *,
    l2: float = 0.0,
    l1: float = 0.0,
    dropout: float = 0.0,
    clip_norm: float | None = None,
    sample_weight: object = None,
    class_weight: Any = None,
    shuffle: bool = True,
    engine: str = "auto",
    threads: int | None = None,
) -> LearningRate:
    """What learning rate is too large, too small and right for training this network on these rows, and why.

    Formula   stable_below = 2/λ for gradient descent, λ the algebraically largest eigenvalue of the Hessian
              of J; see glass/rate/stability.py for the other rules. suggested: the middle of the learning
              rates that do about as well as the best in short runs around half of that
    Args      X, y, and the settings as train will be given them; optimizer: its own learning rate does not
              matter, None is SGD; epochs: no short run is longer than the training
    Returns   LearningRate: .curvature, .stable_below, .suggested, .interval, text(language), svg(language)
    Errors    as train; DataError if the loss is not finite at the start
    Example   >>> from sklearn.datasets import load_iris
              >>> X, y = load_iris(return_X_y=True)
              >>> found = learning_rate(Network([4, 8, 3], dtype="float64"), X, y)
              >>> found.interval[0] <= found.suggested <= found.interval[1]
              True
    """
    asked = Settings(
        optimizer_from("sgd" if optimizer is None else optimizer),
        batch_size=batch_size, epochs=1 if epochs is None else epochs, l2=l2, l1=l1, dropout=dropout,
        clip_norm=clip_norm, seed=seed, shuffle=shuffle,
    )  # fmt: skip
    problem = pose(network, X, y, asked, sample_weight, class_weight, engine, threads)
    n_steps = laboratory.N_STEPS
    if epochs is not None:
        n_steps = min(n_steps, asked.epochs * problem.task.steps_per_epoch)
    return laboratory.examine(problem, n_steps)


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
    rows = prepare_rows(network, X, y, sample_weight, class_weight=class_weight)
    if len(rows.X) == 0:
        raise DataError("X has 0 rows; expected at least one.")
    task = Task(
        network.architecture, rows.X, rows.targets, rows.weight, settings.optimizer.name, settings.batch_size,
        settings.seed, settings.shuffle,
    )  # fmt: skip
    step = StepSettings(
        settings.optimizer.hyper, settings.l2, settings.l1, settings.dropout, settings.clip_norm, settings.alpha
    )
    chosen, _ = select(engine, network.architecture, threads)
    return Problem(chosen, task, step, network.parameters)
