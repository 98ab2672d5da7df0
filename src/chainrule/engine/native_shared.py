"""Steps of a native session that several processes share (native/shared_step.hpp)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.data.arrays import plain
from chainrule.engine.lines import aligned
from chainrule.engine.protocol import Array, Floats, StepSettings, Task
from chainrule.reference.leaves import Node

STOPPED = (None, "loss", "weights")
"""What ended a stretch, by its number there."""


class NativeShared:
    """One of several processes that share the steps of a session."""

    def __init__(
        self, session: Any, task: Task, kept: Sequence[str], native: Callable[[StepSettings], Any], n: int, own: int
    ) -> None:
        self._session, self._task, self._kept, self._native, self._own = session, task, kept, native, own
        self.bounds: Sequence[int]
        self.of_norm: Sequence[int]
        self.bounds, self.of_norm = session.share(n, own)

    def of_plain(self, vector: Array) -> Array:
        """A flat vector of the network in the session's layout."""
        out = aligned(self.bounds[-1], self._dtype)
        self._session.to_shared(plain(vector, self._dtype), out)
        return out

    def to_plain(self, vector: Array) -> Array:
        """And back."""
        out = np.empty(self._task.architecture.n_parameters, self._dtype)
        self._session.from_shared(vector, out)
        return out

    def begin(self, theta: Array, state: Mapping[str, Array]) -> None:
        """Take over a state."""
        arrays = [plain(state[name], self._dtype) for name in sorted(state)]
        self._kept = tuple(sorted(state))  # m before v, as the engine keeps them
        self._session.begin_sharing(theta, *[*arrays, None, None][:2])

    def state(self) -> dict[str, Array]:
        """The own slice of the optimizer's arrays."""
        size = self.bounds[self._own + 1] - self.bounds[self._own]
        state = {name: np.empty(size, self._dtype) for name in self._kept}
        self._session.store_slice(*[*state.values(), None, None][:2])
        return state

    def parts(self, step: int, settings: StepSettings, nodes: Sequence[Node], gradients: Array) -> Floats:
        """J of neighbouring nodes, and what each adds to the gradient of J."""
        losses = np.empty(len(nodes))
        self._session.parts(step, self._native(settings), _flat(nodes), gradients, losses)
        return losses

    def penalty(self, step: int, settings: StepSettings) -> float:
        """½·l2·Σ‖W‖² of a step."""
        return float(self._session.penalty(step, self._native(settings)))

    def add_up(self, step: int, settings: StepSettings, sums: Mapping[Node, Array]) -> Floats:
        """Add up the own slice of the gradient by the tree; Σ g² of every piece of it, where gradients are clipped."""
        n = self.of_norm[self._own + 1] - self.of_norm[self._own]
        squares = np.empty(0 if settings.clip_norm is None else n)
        nodes = sorted(sums)
        wanted = None if settings.clip_norm is None else squares
        self._session.add_up(step, self._native(settings), _flat(nodes), [sums[node] for node in nodes], wanted)
        return squares

    def update(self, step: int, learning_rate: float, settings: StepSettings, of_norm: Floats | None) -> str | None:
        """The update of the own slice of theta."""
        return STOPPED[self._session.update_slice(step, learning_rate, self._native(settings), of_norm)]

    @property
    def _dtype(self) -> str:
        return self._task.architecture.dtype


def _flat(nodes: Sequence[Node]) -> list[int]:
    return [leaf for node in nodes for leaf in node]
