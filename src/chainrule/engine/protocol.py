"""What every engine can do, and the data it is handed.

An engine computes both passes for given rows, and opens sessions. A session holds the trainable state
of one training and moves it forward step by step. Everything a step depends on is in the Task, the
state, the step's number, its learning rate and the StepSettings: no engine keeps hidden randomness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.network.records import Backward, Forward, StepRecord
from chainrule.reference.leaves import Node
from chainrule.seeding import permutation
from chainrule.visible import short_repr

Array: TypeAlias = npt.NDArray[np.floating[Any]]
Floats: TypeAlias = npt.NDArray[np.float64]
Targets: TypeAlias = npt.NDArray[Any]
"""int32 (n,): class indices, standing for one-hot rows (for 0/1 itself where there is one output);
or float (n, n_outputs): labels or values."""
OwnLoss: TypeAlias = tuple[Callable[[Array, Array], Array], Callable[[Array, Array], Array]]
"""value(a, y) -> (n,) and delta(a, y) -> (n, n_outputs): a loss on identity outputs, not an entry of reference/."""

Scheduled: TypeAlias = Mapping[str, npt.NDArray[np.float64]]
"""Factors on settings by name, (n,): one for each of n steps; what is not there is not scheduled."""
SCHEDULABLE = ("dropout", "weight_decay", "l2", "l1")
"""Settings besides the learning rate that may have a schedule."""


def dense_targets(targets: Targets, architecture: Architecture) -> Array:
    """Targets as a float array (n, n_outputs): class indices become one-hot rows."""
    if targets.ndim == 2:
        return targets.astype(architecture.dtype, copy=False)
    if architecture.n_outputs == 1:
        return targets.astype(architecture.dtype)[:, None]
    return np.eye(architecture.n_outputs, dtype=architecture.dtype)[targets]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is trained on what: all that stays fixed during a training.

    X (n, n_inputs) and weight (n,) or None are in the dtype of the architecture and C-contiguous.
    """

    architecture: Architecture
    X: Array
    targets: Targets
    weight: Array | None
    optimizer: str
    batch_size: int
    seed: int
    shuffle: bool = True
    leaves: int = 1
    """Contiguous parts of a batch whose gradients one tree adds up (reference/leaves.py)."""
    __repr__ = short_repr

    @property
    def n_samples(self) -> int:
        """Rows of X."""
        return len(self.X)

    @property
    def steps_per_epoch(self) -> int:
        """⌈n / batch_size⌉; the last batch of an epoch may be short."""
        return -(-self.n_samples // self.batch_size)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """The order of the rows in an epoch, (n,)."""
        return permutation(self.seed, epoch, self.n_samples) if self.shuffle else np.arange(self.n_samples)

    def batch(self, order: npt.NDArray[np.int64], step: int) -> npt.NDArray[np.int64]:
        """The rows of a step, given the order of its epoch."""
        first = step % self.steps_per_epoch * self.batch_size
        return order[first : first + self.batch_size]


@dataclass(frozen=True, kw_only=True)
class StepSettings:
    """What a step depends on besides task, state, number and learning rate; may change between steps."""

    optimizer: Mapping[str, float] = field(default_factory=dict)
    l2: float = 0.0
    l1: float = 0.0
    dropout: float = 0.0
    clip_norm: float | None = None
    alpha: float = 0.0
    """l2 grows by alpha / weight of the batch."""
    learning_rate_factors: Mapping[str, float] = field(default_factory=dict)
    """Of tensors, by their name in every layer (b) or in one (W1), which counts more."""
    __repr__ = short_repr

    def rate_factor(self, name: str, l: int) -> float:
        """The factor on the learning rate of tensor `name` of layer l."""
        factors = self.learning_rate_factors
        return factors.get(f"{name}{l}", factors.get(name, 1.0))

    def times(self, scheduled: Scheduled, i: int) -> StepSettings:
        """The settings of the i-th of some steps, whose schedules have these factors."""
        if not scheduled:
            return self
        factor = {name: float(factors[i]) for name, factors in scheduled.items()}
        hyper = {name: value * factor.get(name, 1.0) for name, value in self.optimizer.items() if name in factor}
        return replace(
            self, optimizer={**self.optimizer, **hyper}, dropout=self.dropout * factor.get("dropout", 1.0),
            l2=self.l2 * factor.get("l2", 1.0), l1=self.l1 * factor.get("l1", 1.0),
        )  # fmt: skip

    @property
    def penalties(self) -> dict[str, float]:
        """How strong each penalty is, by its name."""
        return {"l2": self.l2, "l1": self.l1}

    def l2_of(self, batch_weight: float) -> float:
        """l2 of a step whose rows have this weight together."""
        return self.l2 + self.alpha / batch_weight if self.alpha and batch_weight else self.l2


@dataclass(frozen=True)
class Advance:
    """What a stretch of steps did: J of each step done; None or the kind of number that stopped it.

    `stopped` = "loss": J of the last step done is not finite and its update was not applied;
    "weights": its update left a non-finite parameter, or such a number in the optimizer's arrays. Either way it is
    the last entry of `losses`.
    """

    losses: npt.NDArray[np.float64]
    stopped: str | None = None
    __repr__ = short_repr


class Shared(Protocol):
    """Steps of a session that several processes share.

    Every one computes the gradients of some neighbouring leaves; of their sum, and of the optimizer's arrays, every one
    owns a slice. Flat vectors are in the session's own layout here, and begin at a cache line.
    """

    bounds: Sequence[int]
    """Where the slices begin in a flat vector, and the end of the last: one more than there are slices."""
    of_norm: Sequence[int]
    """The same of what clipping needs to know of every slice."""

    def of_plain(self, vector: Array) -> Array:
        """A flat vector of the network in the session's layout."""

    def to_plain(self, vector: Array) -> Array:
        """And back."""

    def begin(self, theta: Array, state: Mapping[str, Array]) -> None:
        """Take over a state: parameters that stay where they lie, and the own slice of the optimizer's arrays (copied).

        The session keeps no whole arrays of the optimizer from then on; load gives it some again.
        """

    def state(self) -> dict[str, Array]:
        """The own slice of the optimizer's arrays, fresh copies."""

    def parts(self, step: int, settings: StepSettings, nodes: Sequence[Node], gradients: Array) -> Floats:
        """J of neighbouring nodes, (nodes,); gradients (nodes, size) receives what each adds to the gradient of J."""

    def penalty(self, step: int, settings: StepSettings) -> float:
        """½·l2·Σ‖W‖² of a step."""

    def add_up(self, step: int, settings: StepSettings, sums: Mapping[Node, Array]) -> Floats:
        """Add up the own slice of the gradient by the tree, with penalties.

        Arguments: sums: the own slice of what nodes add that make up the root. Returns what clipping needs to know.
        """

    def update(self, step: int, learning_rate: float, settings: StepSettings, of_norm: Floats | None) -> str | None:
        """The update of the own slice of theta; what stopped it, as Advance has it.

        Arguments: of_norm: what add_up returned to all owners, one after the other, where gradients are clipped.
        """


class Session(Protocol):
    """The trainable state of one training, and the way forward."""

    def load(self, theta: Array, optimizer: Mapping[str, Array]) -> None:
        """Take over a state: the flat parameters and the optimizer's flat arrays (copied)."""

    def store(self) -> tuple[Array, dict[str, Array]]:
        """The state as fresh copies: flat parameters, and the optimizer's arrays by name."""

    def theta(self) -> Array:
        """The flat parameters alone, a fresh copy."""

    def advance(
        self,
        first_step: int,
        learning_rates: npt.NDArray[np.float64],
        settings: StepSettings,
        penalties: npt.NDArray[np.float64] | None = None,
        thetas: Array | None = None,
        scheduled: Scheduled | None = None,
    ) -> Advance:
        """Do len(learning_rates) steps from first_step on, across the ends of epochs.

        Where given, `penalties` receives ½·l2·Σ‖W‖² before each step, a row of `thetas` the flat parameters at the end
        of each epoch, and `scheduled` holds a factor for each step.
        """

    def record(self, step: int, learning_rate: float, settings: StepSettings) -> StepRecord:
        """Perform one step and return its full record; the state afterwards is as after `advance` of that step."""

    def share(self, n: int, own: int) -> Shared:
        """The steps of this session as shared by n processes, of which this is number `own`."""


class SecondOrder(Protocol):
    """The Hessian H of J at given parameters over given rows, known by its products with vectors."""

    loss: float
    """J."""
    gradient: Array
    """(size,): of J."""

    def product(self, v: Array) -> Array:
        """H·v, (size,)."""


class Engine(Protocol):
    """Both passes for given rows, sessions, and second derivatives."""

    name: str
    exact_sums: bool
    """Whether every sum is one chain of fused multiply-adds in a fixed order, which can be redone link by link."""

    def forward(self, parameters: Parameters, X: Array) -> Forward:
        """z and a of every layer."""

    def backward(self, parameters: Parameters, X: Array, targets: Targets, weight: Array | None = None) -> Backward:
        """J and its gradients."""

    def predict(self, parameters: Parameters, X: Array, refuse: Callable[[], None] | None = None) -> Array:
        """The output activation alone, (n, n_outputs), without keeping z.

        refuse    called, where given, if X seems to hold a number that is not finite, which is seen in passing
        """

    def loss(
        self, parameters: Parameters, X: Array, targets: Targets, weight: Array | None = None
    ) -> tuple[float, Array]:
        """J over all given rows in blocks, and the output activation."""

    def penalty(self, parameters: Parameters, l2: float, l1: float) -> float:
        """½·l2·Σ‖W‖² + l1·Σ|W|."""

    def start(self, task: Task, settings: StepSettings) -> Session:
        """A session for this task; load a state before the first step."""

    def second_order(
        self,
        parameters: Parameters,
        X: Array,
        targets: Targets,
        weight: Array | None = None,
        masks: list[Array] | None = None,
    ) -> SecondOrder:
        """The Hessian of J over these rows; masks: of dropout, numbered like the layers."""

    def step_seconds(self, n_operations: float) -> float:
        """About how long a step of so many operations takes on any machine: what trials are measured out by."""

    def describe(self) -> dict[str, Any]:
        """Name, version, instruction set, threads: what run.json records."""
