"""The case: everything the doctor may look at, and the few numbers every rule asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.columns import Cells, cells_of_inputs, cells_of_table
from chainrule.diagnose.vitals.signs import LayerSigns, signs
from chainrule.engine.protocol import Engine, Task, dense_targets
from chainrule.errors import DivergedError
from chainrule.network.parameters import Parameters
from chainrule.network.records import StepRecord
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named, value_and_delta
from chainrule.run.table_sample import TableSample, sampled_rows
from chainrule.training.checkpoints import CheckpointStore
from chainrule.training.events import Event
from chainrule.training.settings import Settings

Array = npt.NDArray[Any]
BARELY = 0.05
"""A run that took away less than this of the constant's loss learned nothing."""
LEARNED = 0.85
"""A run that took away this share of the loss of a constant output is not searched for what slowed it down."""


@dataclass(kw_only=True)
class RunView:
    """A run as the doctor sees it. record(t) recomputes step t; input_names: where they are known."""

    task: Task
    engine: Engine
    settings: Settings
    events: Sequence[Event]
    losses: npt.NDArray[np.float64]
    history: Mapping[str, Sequence[float]]
    checkpoints: CheckpointStore
    record: Callable[[int], StepRecord]
    plateau_factor: Callable[[int], float]
    kind: str
    diverged: DivergedError | None = None
    stopped: str = "epochs"
    input_names: Sequence[str] | None = None
    columns: Sequence[tuple[str, str, int]] | None = None
    """Name, kind and number of inputs of every column, where the run was trained on a table."""
    table_sample: TableSample | None = None
    class_names: Sequence[str] | None = None
    class_weight: Any = None
    held_out: Array | None = None
    """The inputs of the rows that were held out, where they are known."""
    held_out_targets: Array | None = None
    """Their targets as the engine takes them."""
    index: npt.NDArray[np.int64] | None = None
    """Training rows as indices into the X given to train, or None where every row was used."""
    unjudged: list[str] = field(default_factory=list)
    """What could not be judged, as names in words.UNJUDGED."""

    thorough: bool = True
    """Whether trials are as long as they tell anything; else they are cut so that an answer comes within BUDGET_S."""
    tell: Callable[[str], None] | None = None
    """Is told what is being done, several times a second."""
    n_trials: int = 0
    """Trials begun so far."""
    trial_steps: int | None = None
    """The most steps of a trial, where trials were cut."""
    learnable: float | None = None
    """Share of the constant's loss that a forest takes away on rows it has not seen, where it was asked."""
    is_noisy: bool = False
    """Whether labels are wrong: what a change is good for then has to show on rows that were not trained on."""

    def says(self, what: str) -> None:
        """Tell whoever waits what is being done."""
        if self.tell is not None:
            self.tell(what)

    @property
    def n_steps(self) -> int:
        """Steps that were done."""
        return len(self.losses)

    @property
    def n_planned(self) -> int:
        """Steps that were to be done: of a run that diverged as many as it was given, else those that were done."""
        return self.n_steps if self.diverged is None else self.settings.epochs * self.task.steps_per_epoch

    # states ------------------------------------------------------------------------------------------------

    @cached_property
    def first(self) -> int:
        """The first step that can be reached."""
        return self.checkpoints.first

    def state(self, step: int) -> Parameters:
        """The parameters before a step; of step n_steps those the training ended with."""
        if step in self.checkpoints.sizes:
            return Parameters(self.task.architecture, self.checkpoints.get(step).theta)
        if step >= self.n_steps:
            return self.record(self.n_steps - 1).update.new.parameters
        return self.record(step).update.old.parameters

    @cached_property
    def start(self) -> Parameters:
        """The parameters before the first step."""
        return self.state(self.first)

    @cached_property
    def end(self) -> Parameters:
        """The parameters after the last step."""
        return self.state(self.n_steps)

    def optimizer_state(self, step: int) -> Mapping[str, Array]:
        """The optimizer's arrays before a step."""
        if step in self.checkpoints.sizes:
            return self.checkpoints.get(step).optimizer
        moment = self.record(step).update.old if step < self.n_steps else self.record(self.n_steps - 1).update.new
        return {name: parameters.flat for name, parameters in moment.optimizer.items()}

    # rows --------------------------------------------------------------------------------------------------

    @cached_property
    def sample(self) -> npt.NDArray[np.int64]:
        """Training rows that are looked at: all, or SAMPLE_ROWS of them at equal distances."""
        return sampled_rows(self.task.n_samples)

    @cached_property
    def X(self) -> Array:
        """The inputs of the sample, float64."""
        wide: Array = self.task.X[self.sample].astype(np.float64)
        return wide

    @cached_property
    def y(self) -> Array:
        """The targets of the sample, dense, float64."""
        wide: Array = dense_targets(self.task.targets[self.sample], self.task.architecture).astype(np.float64)
        return wide

    @cached_property
    def weight(self) -> Array | None:
        """The weights of the sample."""
        return None if self.task.weight is None else self.task.weight[self.sample]

    @cached_property
    def classes(self) -> npt.NDArray[np.int64] | None:
        """The class of every row of the sample, also where the classes are one-hot values; None for values."""
        return self.classes_of(self.task.targets[self.sample])

    def classes_of(self, targets: Array) -> npt.NDArray[np.int64] | None:
        """The classes of rows by their targets as the engine takes them; None for values."""
        if targets.ndim == 1:
            return targets.astype(np.int64)
        if self.settings.label_smoothing:  # the largest share stays that of the class
            mixes = not ACTIVATIONS[self.task.architecture.output].elementwise
            targets = targets == targets.max(axis=1, keepdims=True) if mixes else targets > 0.5
        one_hot = targets.shape[1] > 1 and bool(((targets == 0) | (targets == 1)).all())
        if one_hot and bool((targets.sum(axis=1) == 1).all()):
            return targets.argmax(axis=1)
        if targets.shape[1] == 1 and bool(((targets == 0) | (targets == 1)).all()):
            return targets[:, 0].astype(np.int64)
        return None

    @cached_property
    def one_value(self) -> Array | None:
        """The targets of a single output, where they are finite and differ."""
        values = self.y[:, 0] if self.y.shape[1] == 1 else None
        return values if values is not None and np.isfinite(values).all() and values.std() > 0 else None

    @cached_property
    def cells(self) -> Cells:
        """The columns of the table as they were read, beside the target; of arrays the inputs."""
        if self.table_sample is not None:
            return cells_of_table(self.table_sample, is_class=self.classes is not None)
        is_class = self.classes is not None
        names = tuple(map(self.class_name, range(int(self.classes.max()) + 1))) if self.classes is not None else ()
        truth = self.classes if is_class else self.one_value
        return cells_of_inputs(self.X, truth, is_class=is_class, columns=self.columns, class_names=names)

    def in_sample(self, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Rows of the cells as rows of the sample; none where their places are not known."""
        if self.table_sample is None:
            return rows
        places = self.table_sample.rows
        return np.zeros(len(self.sample), dtype=bool) if places is None else np.isin(self.sample, places[rows])

    # losses ------------------------------------------------------------------------------------------------

    def row_losses(self, parameters: Parameters, rows: npt.NDArray[np.int64] | None = None) -> Array:
        """The loss of every row of the sample (or of these rows) under these parameters, without dropout."""
        return row_losses(self.engine, self.task, parameters, self.sample if rows is None else rows)

    def mean(self, values: Array) -> float:
        """The weighted mean over the sample; inf where a number is none."""
        with np.errstate(all="ignore"):
            mean = float(np.average(values, weights=self.weight))
        return mean if np.isfinite(mean) else np.inf

    @cached_property
    def loss_at_start(self) -> float:
        """J on the sample before the first step."""
        return self.mean(self.row_losses(self.start))

    @cached_property
    def losses_at_end(self) -> Array:
        """The loss of every row of the sample after the last step."""
        return self.row_losses(self.end)

    @cached_property
    def loss_at_end(self) -> float:
        """J on the sample after the last step."""
        return self.mean(self.losses_at_end)

    @cached_property
    def chance_by_row(self) -> Array:
        """The loss of every row for the best output that is the same for every row."""
        return constant_losses(self.task.architecture.loss, self.y, self.weight)

    @cached_property
    def chance(self) -> float:
        """J of the best constant output: the entropy of the classes, the variance of values …"""
        return self.mean(self.chance_by_row)

    @cached_property
    def least(self) -> float:
        """J of predictions as good as any: 0 for most losses."""
        return self.mean(least_losses(self.task.architecture.loss, self.y, self.weight))

    @property
    def reach(self) -> float:
        """How much of the loss of a constant output there is to take away."""
        return self.chance - self.least

    @cached_property
    def loss_reached(self) -> float:
        """J after the last step, or the mean of the recorded losses of the last epoch where that is lower.

        A run of a noisy gradient may end on a bad step; that alone is no illness. Dropout raises recorded losses.
        """
        last = self.losses[-min(self.n_steps, self.task.steps_per_epoch) :]
        with np.errstate(all="ignore"):
            mean = float(last.mean()) if np.isfinite(last).all() else np.inf
        return min(self.loss_at_end, mean) if self.diverged is None else self.loss_at_end

    @cached_property
    def learned(self) -> float:
        """Share of the reach that the run has taken away: 0 at chance, 1 at the least loss there is."""
        if not np.isfinite(self.loss_reached) or not self.reach > 0:
            return 0.0
        if np.isinf(self.reach):  # nothing is known of the loss of a constant output
            return 1.0
        return (self.chance - self.loss_reached) / self.reach

    @property
    def failed(self) -> bool:
        """Whether the run is searched for what kept it from going down."""
        return self.learned < LEARNED or self.diverged is not None

    @property
    def is_hopeless(self) -> bool:
        """Whether the run learned nothing: what rescues it need not be shown to help on unseen rows."""
        return self.learned < BARELY or self.diverged is not None

    # signs -------------------------------------------------------------------------------------------------

    def signs(self, parameters: Parameters) -> list[LayerSigns]:
        """The signs of every layer on the sample under these parameters."""
        rows = self.sample
        return signs(self.engine, parameters, self.task.X[rows], self.task.targets[rows], self.weight)

    @cached_property
    def signs_at_start(self) -> list[LayerSigns]:
        """The signs of every layer before the first step."""
        return self.signs(self.start)

    @cached_property
    def signs_at_end(self) -> list[LayerSigns]:
        """The signs of every layer after the last step."""
        return self.signs(self.end)

    def learning_rate(self, step: int) -> float:
        """η of a step, schedule and events included."""
        return float(self.record(step).update.learning_rate)

    def example(self, row: int) -> int:
        """A training row as an index into the X given to train."""
        return row if self.index is None else int(self.index[row])

    def input_name(self, j: int) -> str:
        """An input by name, or by number."""
        return f"{self.input_names[j]}" if self.input_names and j < len(self.input_names) else f"{j}"

    def class_name(self, k: int) -> str:
        """A class by the name it has in the table, or by its index."""
        return f"{self.class_names[k]}" if self.class_names and k < len(self.class_names) else f"{k}"


def row_losses(engine: Engine, task: Task, parameters: Parameters, rows: npt.NDArray[np.int64]) -> Array:
    """The loss of every one of these rows under these parameters, float64."""
    architecture = parameters.architecture
    y = dense_targets(task.targets[rows], architecture).astype(np.float64)
    with np.errstate(all="ignore"):
        forward = engine.forward(parameters, np.ascontiguousarray(task.X[rows]))
        z, a = forward.z[-1].astype(np.float64), forward.output.astype(np.float64)
        value, _ = value_and_delta(architecture.loss, architecture.output, z, a, y)
    return np.where(np.isfinite(value), value, np.inf)


def constant_losses(loss: str, y: Array, weight: Array | None) -> Array:
    """The loss of every row for the constant output that is best over all rows, (n,).

    Formula   classes: −Σ_j y_j·log f_j with the frequencies f (labels: both ends); squared error: ½·Σ (y − mean)²;
              absolute error and Huber: about the median; Poisson: a − y·log a at the mean
    """
    constant = loss_named(loss).constant
    if constant is None:  # nothing is known of its best constant
        return np.full(len(y), np.inf)
    return _by_row(constant, y, weight)


def least_losses(loss: str, y: Array, weight: Array | None) -> Array:
    """The loss of every row for a prediction as good as any, (n,): 0 for most losses; for Poisson y − y·log y."""
    least = loss_named(loss).least
    return np.zeros(len(y)) if least is None else _by_row(least, y, weight)


def _by_row(of_entries: Callable[[Array, Array, Array], Array], y: Array, weight: Array | None) -> Array:
    """The sum over the entries of a row that are known; of_entries is given y, which are known, and the means."""
    known = ~np.isnan(y)
    w = known * (np.ones(len(y)) if weight is None else weight.astype(np.float64))[:, None]
    filled = np.where(known, y, 0.0)
    mean = (w * filled).sum(axis=0) / np.maximum(w.sum(axis=0), 1e-300)
    total: Array = np.where(known, of_entries(filled, known, mean), 0.0).sum(axis=1)
    return total
