"""train, the public one: a network on arrays, or whatever suits a table on its columns."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from typing import Any, overload

from chainrule.api import arguments
from chainrule.api import train as of_arrays
from chainrule.api.model_selection import epochs_apart
from chainrule.api.network import Network
from chainrule.api.plan import OF_TRAINING, plan
from chainrule.api.run import Run
from chainrule.api.tables import is_table
from chainrule.api.workers import is_one, train_by_workers
from chainrule.distributed.world import LEAVES
from chainrule.errors import SettingsError
from chainrule.status import working


@overload
def train(network: Network, X: object, y: object, **settings: Any) -> Run: ...
@overload
def train(
    network: Any,
    *,
    target: str | Sequence[str] | None = None,
    directory: str | os.PathLike[str] | None = None,
    time_limit: float | None = None,
    **stated: Any,
) -> Run: ...
def train(network: Any, *rows: Any, **how: Any) -> Run:
    """Train a network on arrays, or whatever suits a table on its columns.

    A copy of the network is trained. A table (a path, a DataFrame, an Arrow table, a mapping of columns, a built-in
    name) in its place is planned and trained on: the parameters are those of `chainrule.plan` and `TablePlan.train`.

    Parameters
    ----------
    network : Network, or a table
        What is trained.
    X : array of shape (n, n_inputs)
        Rows.
    y : array
        Class indices or one-hot rows, labels of 0 and 1, or values: what it holds decides (docs/notation.md).
    validation : tuple (X, y), float or None, default None
        Rows to judge epochs by, or the share to hold out, stratified for classes.
    optimizer : UpdateRule, str or dict, optional
        The update rule, such as SGD(0.5); Adam by default.
    learning_rate : float, "auto" or Suggestion, optional
        The optimizer's own where None; "auto" finds it; or what `chainrule.learning_rate` found.
    batch_size : int, default 32
        Rows of a step, ≥ 1.
    epochs : int, default 10
        Passes over the rows, ≥ 1.
    l2, l1 : float, default 0.0
        Add ½·l2·Σ‖W‖² and l1·Σ|W|; biases are free.
    dropout : float, default 0.0
        The share of hidden units dropped in each step, in [0, 1).
    label_smoothing : float, default 0.0
        The share of a target that is spread evenly over the classes, in [0, 1); validation is without it.
    schedule : str, default "constant"
        How the learning rate changes.
    warm_up : float, default 0.0
        The share of all steps over which the learning rate rises to full, in [0, 1].
    decay_factor : float, default 0.1
        The factor of the schedules "step", "exponential" and "plateau", in (0, 1).
    decay_every : int, default 10
        Epochs between decays of "step" and "exponential"; the patience of "plateau".
    schedules, learning_rate_factors : mapping, optional
        Schedules of dropout, weight_decay, l2 and l1, and factors on the learning rate of tensors (docs/notation.md).
    clip_norm : float, optional
        The longest gradient allowed, all parameters together.
    divergence_factor : float, optional
        Training stops where an epoch's loss is so many times (1000) that of the first step and of a constant output.
    early_stopping : int, optional
        Epochs without a better metric before training ends; needs validation.
    metric : str, default "auto"
        "loss", "accuracy", "balanced_accuracy", "auc", "log_loss", "brier", "rmse", "mae", "r2", or a scorer's name.
    sample_weight : array of shape (n,), optional
        Weights of the rows, ≥ 0.
    class_weight : "balanced", mapping or sequence, optional
        The weight of each class, by scikit-learn's rules: "balanced" is n / (n_classes·count), sums of weights where
        there is a sample_weight, so that a row of weight 2 counts as two; a mapping from class to weight, others count
        1; or a weight for every class in turn. Of several labels a list with one of these for each label, or a mapping
        from label to one: a row counts the product over its labels.
    seed : int, default 0
        The one number all randomness follows from.
    shuffle : bool, default True
        Whether the rows come in a new order in every epoch.
    training_metric : bool, default False
        Whether the history has the metric of the training rows too; a forward pass over them after every epoch.
    leaves : int, default 1
        The parts of a batch whose gradients one tree adds up, ≥ 1 (docs/scale-out.md); another number rounds otherwise.
    engine : str, default "auto"
        One of "auto", "native" and "numpy".
    threads : int, optional
        Threads of the native engine; results do not depend on it.
    directory : path, optional
        Where the run is kept.
    keep_data : bool or str, default "auto"
        Whether the directory keeps the rows, which a replay after loading needs; "auto" keeps up to 64 MiB.
    time_limit : float, optional
        Seconds after which training stops with the best model.
    callbacks : sequence, default ()
        Functions called after every epoch with a training.events.Control, or objects with on_epoch_end, on_step_end or
        on_stretch (about every 100 ms); on_training_end(run) is called at the end.
    progress : bool or str, default "auto"
        Whether to show a progress bar; "auto" does so in a terminal.
    on_divergence : {"warn", "raise"}, default "warn"
        What happens where a number is not finite or the loss explodes.
    resume : bool, default False
        Whether the run found in the directory is continued.
    report : bool, default True
        Whether DIRECTORY/report.html is written after the training; `run.report(path)` writes it at any time.
    pipeline : object, optional
        The pipeline that made X from a table, kept with the run.
    source : dict, optional
        Where the rows came from, kept with the run.
    table_sample, done : object, optional
        What the training of a table gives: cells of it for the doctor; this very training, where a trial did it.
    workers : int or "auto", optional
        Processes on this machine that share every step through MPI (docs/scale-out.md). Arrays go there in files,
        functions are refused; leaves are 8 where they are not given, which is other bits than 1. "auto": one process
        with all threads, unless their number is stated and leaves processors free: then the faster way is measured.

    Returns
    -------
    Run
        Network, history, replay; that of a table predicts raw columns.

    Raises
    ------
    SettingsError, ShapeError, DataError
        If settings or rows do not fit; before the first step.
    DivergedError
        If training diverges and on_divergence is "raise"; else there is a DivergenceWarning, and `run.diverged`.

    Warns
    -----
    InterruptedWarning
        After Ctrl-C, which ends the training after the current step; a second one raises KeyboardInterrupt at once.

    Notes
    -----
    For every batch: forward, J, backward, gradient + penalty, clip, update; `chainrule.reference` has the formulas.

    References
    ----------
    Goodfellow, Bengio, Courville (2016), "Deep learning", chapter 8.

    Examples
    --------
    >>> import chainrule as cr
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> run = cr.train(cr.Network([4, 8, 3]), X, y, epochs=2, progress=False)
    >>> len(run.history["loss"])
    2
    >>> run = cr.train("iris", epochs=5, progress=False)
    >>> sorted(run.evaluate("iris"))[:2]
    ['accuracy', 'auc']
    """
    workers = how.pop("workers", None)
    if workers is not None:
        how["leaves"] = LEAVES if how.get("leaves") is None else how["leaves"]
        if not is_one(workers, how):
            return train_by_workers(workers, network, rows, how)
    if isinstance(network, Network):
        return of_arrays.train(network, *rows, **arguments.known_arguments(of_arrays.train, how, Network))
    if not is_table(network):
        raise SettingsError(f"network is a {type(network).__name__}: must be a Network with X and y, or a table.")
    if rows:
        raise SettingsError("X, y: must be omitted if a table is given, which contains them. Pass target=COLUMN.")
    doing = {name: how.pop(name) for name in OF_TRAINING if name in how}
    doing |= epochs_apart(how, doing.get("directory") if doing.get("resume") else None)
    with working("train", doing.get("progress", "auto")):
        return plan(network, **how).train(**doing)


_of_arrays = inspect.signature(of_arrays.train)
_workers = inspect.Parameter("workers", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="int | str | None")
train.__signature__ = _of_arrays.replace(  # type: ignore[attr-defined]
    parameters=[*_of_arrays.parameters.values(), _workers]
)
