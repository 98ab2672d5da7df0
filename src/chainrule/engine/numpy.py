"""The NumPy engine: calls the reference and nothing else. Simple, no tricks; the yardstick of all engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.arrays import surely_finite
from chainrule.engine.blas import blas_name, one_thread
from chainrule.engine.numpy_leaves import flat_gradient, put_together
from chainrule.engine.numpy_second_order import NumpySecondOrder
from chainrule.engine.numpy_shared import NumpyShared
from chainrule.engine.numpy_update import hides_infinity, is_finite, rate_factors, updated
from chainrule.engine.protocol import Advance, Array, Scheduled, StepSettings, Targets, Task, dense_targets
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensor_names
from chainrule.network.records import Backward, Forward, Moment, StepRecord, Update
from chainrule.reference import penalties, propagate
from chainrule.reference.leaves import rows_of_leaf
from chainrule.reference.members import for_members
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.propagate import row_scales
from chainrule.reference.small_numbers import settled
from chainrule.seeding import keep_words

BLOCK_ROWS = 4096
"""Rows of a block in predict and loss: keeps their memory bounded."""


class NumpyEngine:
    """Both passes by the reference functions."""

    name = "numpy"
    exact_sums = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def forward(self, parameters: Parameters, X: Array, masks: list[Array] | None = None) -> Forward:
        """z, u and a of every layer."""
        z, u, a = self._forward(parameters, X, masks)
        return Forward(z, a, masks, u)

    @staticmethod
    def _forward(parameters: Parameters, X: Array, masks: list[Array] | None) -> propagate.Activations:
        p, architecture = parameters, parameters.architecture
        return propagate.forward(
            X, p.W, p.b, architecture.activations, masks, p.kinds, architecture.residuals, architecture.small
        )

    def backward(
        self,
        parameters: Parameters,
        X: Array,
        targets: Targets,
        weight: Array | None = None,
        masks: list[Array] | None = None,
    ) -> Backward:
        """J and its gradients, from a fresh forward pass."""
        return self.passes(parameters, X, targets, weight, masks)[1]

    def passes(
        self,
        parameters: Parameters,
        X: Array,
        targets: Targets,
        weight: Array | None = None,
        masks: list[Array] | None = None,
        scale: Array | None = None,
    ) -> tuple[Forward, Backward]:
        """The forward and the backward pass over the same rows; scale: of J over more rows, in place of weight."""
        architecture = parameters.architecture
        passed = self._forward(parameters, X, masks)
        scale = row_scales(weight, len(X), X.dtype) if scale is None else scale
        loss, delta_L = self._loss(passed.z[-1], passed.a[-1], targets, scale, architecture)
        g = propagate.backward(
            passed,
            parameters.W,
            delta_L,
            architecture.activations,
            masks,
            parameters.kinds,
            architecture.residuals,
            architecture.small,
        )
        forward = Forward(passed.z, passed.a, masks, passed.u)
        learned = {name: g.of_tensor(name) for name in tensor_names(architecture) if name not in ("W", "b")}
        return forward, Backward(loss=loss, delta=g.delta, dW=g.dW, db=g.db, dX=g.dX, du=g.du, tensors=learned)

    def predict(self, parameters: Parameters, X: Array, refuse: Callable[[], None] | None = None) -> Array:
        """The output activation alone, block by block."""
        if refuse is not None and not surely_finite(X):
            refuse()
        blocks = [self.forward(parameters, X[i : i + BLOCK_ROWS]).output for i in range(0, len(X), BLOCK_ROWS)]
        return np.concatenate(blocks) if blocks else np.empty((0, parameters.architecture.n_outputs), X.dtype)

    def loss(
        self, parameters: Parameters, X: Array, targets: Targets, weight: Array | None = None
    ) -> tuple[float, Array]:
        """J over all rows, and the output activation, block by block."""
        architecture = parameters.architecture
        total, total_weight, outputs = 0.0, 0.0, []
        for i in range(0, len(X), BLOCK_ROWS):
            part = slice(i, i + BLOCK_ROWS)
            w = None if weight is None else weight[part]
            block_weight = float(len(X[part])) if w is None else float(w.sum(dtype=np.float64))
            forward = self.forward(parameters, X[part])
            scale = row_scales(w, len(X[part]), forward.a[-1].dtype)
            loss, _ = self._loss(forward.z[-1], forward.a[-1], targets[part], scale, architecture)
            total, total_weight = total + loss * block_weight, total_weight + block_weight
            outputs.append(forward.output)
        return total / total_weight if total_weight else 0.0, np.concatenate(outputs)

    def penalty(self, parameters: Parameters, l2: float, l1: float) -> float:
        """½·l2·Σ‖W‖² + l1·Σ|W|."""
        return penalties.penalty(parameters.W[1:], {"l2": l2, "l1": l1}) if l2 or l1 else 0.0

    def start(self, task: Task, settings: StepSettings) -> NumpySession:
        """A session for this task; its state is zero until one is loaded."""
        session = NumpySession(self, task)
        theta = np.zeros(task.architecture.n_parameters, task.architecture.dtype)
        session.load(theta, OPTIMIZERS[task.optimizer].start(theta, settings.optimizer))
        return session

    def second_order(
        self,
        parameters: Parameters,
        X: Array,
        targets: Targets,
        weight: Array | None = None,
        masks: list[Array] | None = None,
    ) -> NumpySecondOrder:
        """The Hessian of J over these rows, by its products with vectors."""
        return NumpySecondOrder(parameters, X, targets, weight, masks)

    def step_seconds(self, n_operations: float) -> float:
        """About how long a step of so many operations takes."""
        return 2.5e-4 + n_operations * 2e-11

    def describe(self) -> dict[str, Any]:
        """What run.json records of this engine."""
        return {"engine": self.name, "numpy": np.__version__, "blas": blas_name(), "threads": 1}

    @staticmethod
    def _loss(z: Array, a: Array, targets: Targets, scale: Array, architecture: Architecture) -> tuple[float, Array]:
        K = architecture.members
        y, scale = for_members(dense_targets(targets, architecture), K), for_members(scale / scale.dtype.type(K), K)
        return propagate.batch_loss(z, a, y, scale, architecture.loss, architecture.output, architecture.small)


class NumpySession:
    """One training in NumPy: forward, loss, backward, penalty, clip, update; then the next step."""

    def __init__(self, engine: NumpyEngine, task: Task) -> None:
        self._engine, self._task = engine, task
        self._parameters = Parameters(task.architecture)
        self._state: dict[str, Array] = {}
        self._order: tuple[int, npt.NDArray[np.int64]] | None = None

    def load(self, theta: Array, optimizer: Mapping[str, Array]) -> None:
        """Take over a state (copied)."""
        self._parameters = self._parameters.like(theta.astype(self._task.architecture.dtype))
        self._state = {name: array.copy() for name, array in optimizer.items()}

    def store(self) -> tuple[Array, dict[str, Array]]:
        """The state as fresh copies."""
        return self._parameters.flat.copy(), {name: array.copy() for name, array in self._state.items()}

    def theta(self) -> Array:
        """The flat parameters alone, a fresh copy."""
        return self._parameters.flat.copy()

    def lend(self, theta: Array) -> None:
        """Parameters lie in this vector, and what the optimizer keeps is elsewhere."""
        self._parameters, self._state = Parameters(self._task.architecture, theta), {}

    def advance(
        self,
        first_step: int,
        learning_rates: npt.NDArray[np.float64],
        settings: StepSettings,
        penalties: npt.NDArray[np.float64] | None = None,
        thetas: Array | None = None,
        scheduled: Scheduled | None = None,
    ) -> Advance:
        """Do len(learning_rates) steps from first_step on."""
        with one_thread():
            return self._advance(first_step, learning_rates, settings, penalties, thetas, scheduled or {})

    def record(self, step: int, learning_rate: float, settings: StepSettings) -> StepRecord:
        """Perform one step and return its full record."""
        with one_thread():
            return self._record(step, learning_rate, settings)

    def share(self, n: int, own: int) -> NumpyShared:
        """The steps of this session as shared by n processes."""
        return NumpyShared(self, self._task, n, own)

    def _advance(
        self,
        first_step: int,
        learning_rates: npt.NDArray[np.float64],
        settings: StepSettings,
        penalties: npt.NDArray[np.float64] | None,
        thetas: Array | None,
        scheduled: Scheduled,
    ) -> Advance:
        losses = np.empty(len(learning_rates))
        for i, eta in enumerate(learning_rates):
            of_step = settings.times(scheduled, i)
            record = self._record(first_step + i, float(eta), of_step)
            losses[i] = record.backward.loss
            if penalties is not None:
                l2 = of_step.l2_of(self.weight_of(record.rows))
                penalties[i] = self._engine.penalty(record.update.old.parameters, l2, 0.0)
            if not np.isfinite(losses[i]):
                return Advance(losses[: i + 1], "loss")
            if not self._is_finite():
                return Advance(losses[: i + 1], "weights")
            if thetas is not None and (first_step + i + 1) % self._task.steps_per_epoch == 0:
                thetas[(first_step + i) // self._task.steps_per_epoch - first_step // self._task.steps_per_epoch] = (
                    self._parameters.flat
                )
        return Advance(losses)

    def _record(self, step: int, learning_rate: float, settings: StepSettings) -> StepRecord:
        task, old = self._task, self._parameters
        epoch = step // task.steps_per_epoch
        rows = task.batch(self._order_of(epoch), step)
        forward, backward = put_together(self.passes_of_leaves(step, settings, 0, task.leaves), task.architecture)
        if task.architecture.small and hides_infinity(forward, task.architecture):
            backward = replace(backward, loss=float("nan"))
        l2 = settings.l2_of(self.weight_of(rows))
        gradient = self.penalised(flat_gradient(backward, task.architecture), settings, l2)
        before = Moment(old, {name: old.like(array) for name, array in self._state.items()})
        if np.isfinite(backward.loss):  # else the step ends the training and its update is not applied
            self._parameters, self._state = self._updated(gradient, step, learning_rate, settings)
        after = Moment(self._parameters, {name: old.like(array) for name, array in self._state.items()})
        penalty = self._engine.penalty(old, l2, settings.l1)
        update = Update(before, after, gradient, learning_rate)
        return StepRecord(
            step=step, epoch=epoch, rows=rows, forward=forward, backward=backward, update=update, penalty=penalty
        )

    def l2_of(self, step: int, settings: StepSettings) -> float:
        """l2 of a step."""
        return settings.l2_of(
            self.weight_of(self._task.batch(self._order_of(step // self._task.steps_per_epoch), step))
        )

    def passes_of_leaves(
        self, step: int, settings: StepSettings, low: int, high: int
    ) -> list[tuple[Forward, Backward] | None]:
        """Both passes over each of these leaves of a step, each by itself; None where it has no rows."""
        task, epoch = self._task, step // self._task.steps_per_epoch
        rows = task.batch(self._order_of(epoch), step)
        scale = row_scales(None if task.weight is None else task.weight[rows], len(rows), task.X.dtype)
        masks = self._masks(epoch, step, len(rows) * task.architecture.members, settings.dropout)
        passed: list[tuple[Forward, Backward] | None] = []
        for l in range(low, high):
            a, b = rows_of_leaf(len(rows), task.leaves, l)
            K = task.architecture.members
            own, kept = rows[a:b], masks and [mask if mask is None else mask[a * K : b * K] for mask in masks]
            leaf = (task.X[own], task.targets[own], None, kept, scale[a:b])
            passed.append(self._engine.passes(self._parameters, *leaf) if a < b else None)
        return passed

    def weight_of(self, rows: npt.NDArray[np.int64]) -> float:
        """Of some rows together."""
        weight = self._task.weight
        return float(len(rows)) if weight is None else float(weight[rows].sum(dtype=np.float64))

    def penalised(self, gradient: Parameters, settings: StepSettings, l2: float) -> Parameters:
        """The gradient that the update is by: with penalties, clipped. Changes the one given."""
        if l2 or settings.l1:
            for dW, W in zip(gradient.W[1:], self._parameters.W[1:], strict=True):
                dW += penalties.penalty_gradient(W, {"l2": l2, "l1": settings.l1})
        if settings.clip_norm is not None:
            gradient = gradient.like(penalties.clip(gradient.flat, settings.clip_norm))
        return gradient

    def _updated(
        self, gradient: Parameters, step: int, learning_rate: float, settings: StepSettings
    ) -> tuple[Parameters, dict[str, Array]]:
        """Parameters and the optimizer's arrays behind the update."""
        old, rule, small = self._parameters, OPTIMIZERS[self._task.optimizer], self._task.architecture.small
        factors = rate_factors(gradient, settings)
        theta, state = updated(rule, gradient.flat, self._state, old.flat, step + 1, learning_rate, settings, factors)
        theta, state = settled(theta, state, rule.squares, step + 1, small)
        return old.like(theta), state

    def _is_finite(self) -> bool:
        return all(is_finite(array) for array in (self._parameters.flat, *self._state.values()))

    def _order_of(self, epoch: int) -> npt.NDArray[np.int64]:
        if self._order is None or self._order[0] != epoch:
            self._order = (epoch, self._task.order(epoch))
        return self._order[1]

    def _masks(self, epoch: int, step: int, n: int, p: float) -> list[Array] | None:
        if p == 0:
            return None
        architecture = self._task.architecture
        masks: list[Array] = [None] * (len(architecture.layers) + 1)  # type: ignore[list-item]
        for l, layer in enumerate(architecture.layers[:-1], start=1):
            words = keep_words(self._task.seed, epoch, step, l, n * layer.n_out).reshape(n, layer.n_out)
            masks[l] = penalties.dropout_mask(words, p, np.dtype(architecture.dtype))
        return masks
