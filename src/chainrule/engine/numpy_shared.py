"""Steps of a NumPy session that several processes share: plain flat vectors, cut at ⌊size·i/n⌋."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from chainrule.engine.blas import one_thread
from chainrule.engine.numpy_leaves import sums_of
from chainrule.engine.numpy_update import hides_infinity, is_finite, rate_factors, updated
from chainrule.engine.protocol import Array, Floats, StepSettings, Task
from chainrule.network.parameters import Parameters
from chainrule.network.records import Backward, Forward
from chainrule.reference import penalties
from chainrule.reference.leaves import Node, tree_sum
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.small_numbers import settled


class Steps(Protocol):
    """What a NumPy session has that its steps are shared by."""

    def lend(self, theta: Array) -> None:
        """Parameters lie in this vector."""

    def l2_of(self, step: int, settings: StepSettings) -> float:
        """l2 of a step."""

    def passes_of_leaves(
        self, step: int, settings: StepSettings, low: int, high: int
    ) -> list[tuple[Forward, Backward] | None]:
        """Both passes over each of these leaves."""

    def penalised(self, gradient: Parameters, settings: StepSettings, l2: float) -> Parameters:
        """The gradient with penalties."""


class NumpyShared:
    """One of several processes that share the steps of a session."""

    def __init__(self, session: Steps, task: Task, n: int, own: int) -> None:
        self._session, self._task = session, task
        size = self._task.architecture.n_parameters
        self.bounds: Sequence[int] = [size * i // n for i in range(n + 1)]
        self.of_norm: Sequence[int] = self.bounds
        self._slice = slice(self.bounds[own], self.bounds[own + 1])
        self._state: dict[str, Array] = {}
        self._g: Array = np.empty(0)

    def of_plain(self, vector: Array) -> Array:
        """The same."""
        return vector.astype(self._task.architecture.dtype)

    def to_plain(self, vector: Array) -> Array:
        """The same."""
        return vector.astype(self._task.architecture.dtype)

    def begin(self, theta: Array, state: Mapping[str, Array]) -> None:
        """Take over a state."""
        self._session.lend(theta)
        self._theta, self._state = theta, {name: array.copy() for name, array in state.items()}

    def state(self) -> dict[str, Array]:
        """The own slice of the optimizer's arrays."""
        return {name: array.copy() for name, array in self._state.items()}

    def parts(self, step: int, settings: StepSettings, nodes: Sequence[Node], gradients: Array) -> Floats:
        """J of neighbouring nodes, and what each adds to the gradient of J."""
        low, architecture = nodes[0][0], self._task.architecture
        with one_thread():
            passed = self._session.passes_of_leaves(step, settings, low, nodes[-1][1])
            sums = [sums_of(passed, low, node, architecture) for node in nodes]
        hidden = any(one and architecture.small and hides_infinity(one[0], architecture) for one in passed)
        for own, (gradient, _) in zip(gradients, sums, strict=True):
            own[:] = gradient
        return np.array([float("nan") if hidden else loss for _, loss in sums])

    def penalty(self, step: int, settings: StepSettings) -> float:
        """½·l2·Σ‖W‖² of a step."""
        return penalties.penalty(self._parameters.W[1:], {"l2": self._session.l2_of(step, settings), "l1": 0.0})

    def add_up(self, step: int, settings: StepSettings, sums: Mapping[Node, Array]) -> Floats:
        """Add up the own slice of the gradient; the slice itself, as its norm is that of the whole vector."""
        whole = Parameters(self._task.architecture)
        whole.flat[self._slice] = tree_sum(sums, (0, self._task.leaves))
        unclipped, l2 = replace(settings, clip_norm=None), self._session.l2_of(step, settings)
        self._g = self._session.penalised(whole, unclipped, l2).flat[self._slice]
        return self._g.astype(np.float64)

    def update(self, step: int, learning_rate: float, settings: StepSettings, of_norm: Floats | None) -> str | None:
        """The update of the own slice of theta."""
        g, rule, architecture = self._g, OPTIMIZERS[self._task.optimizer], self._task.architecture
        if settings.clip_norm is not None and of_norm is not None:
            g = penalties.clip(of_norm.astype(architecture.dtype), settings.clip_norm)[self._slice]
        factors = rate_factors(self._parameters, settings)
        if factors is not None:
            factors = factors[self._slice]
        own = self._theta[self._slice]
        theta, state = updated(rule, g, self._state, own, step + 1, learning_rate, settings, factors)
        theta, self._state = settled(theta, state, rule.squares, step + 1, architecture.small)
        own[:] = theta
        return None if all(is_finite(array) for array in (theta, *self._state.values())) else "weights"

    @property
    def _parameters(self) -> Parameters:
        return Parameters(self._task.architecture, self._theta)
