"""The curvature a step of the training sees, and the learning rate it proposes."""

from __future__ import annotations

import numpy as np

from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.tune.eigenvalues import Eigenvalue
from chainrule.tune.hessian import Hessian
from chainrule.tune.problem import Array, Problem, curvature
from chainrule.tune.stability import scales, stable_factor

LATER = 20
"""Steps after which the curvature is measured again."""
N_BATCHES, TOLERANCE = 5, 0.01
"""Batches whose median is taken, and the tolerance of each eigenvalue: they differ from each other by more."""
N_BATCHES_AUTO, TOLERANCE_AUTO = 2, 0.1
"""Where the proposal only says where a race begins: its first octaves are a factor of four apart."""


class Level:
    """The curvature a step of the training sees: the median over a few batches, in the coordinates of its rule."""

    def __init__(self, problem: Problem, n_batches: int = N_BATCHES, tolerance: float = TOLERANCE) -> None:
        self.problem, self.n_batches, self.tolerance, self.n_products = problem, n_batches, tolerance, 0
        self.name, self.hyper = problem.task.optimizer, problem.settings.optimizer
        self.factor = stable_factor(self.name, self.hyper)
        hessians = problem.batch_hessians(n_batches)
        self.value, self.scale = self._median(hessians)
        self.stable_below = self.factor / self.value if self.value > 0 else float(np.inf)
        self.gradient = np.mean([h.gradient for h in hessians], axis=0)
        default = OPTIMIZERS[self.name].learning_rate
        says = self.value > 0 and not self._is_still()
        self.proposal = 0.5 * self.stable_below if says else default

    def _is_still(self) -> bool:
        """Whether an adaptive rule would divide gradients of zero by its ε: no step of it has a scale then."""
        epsilon = float(self.hyper.get("epsilon", 0.0))
        return self.scale is not None and float(self.scale.max()) <= 10 * epsilon and not self.gradient.any()

    def bound(self, hessian: Hessian, of_J: Eigenvalue) -> float:
        """Where the rule becomes unstable at the start, over many rows; an adaptive rule, over the batches it saw."""
        if self.scale is not None:
            return self.stable_below
        value = of_J.value if not hessian.l2 else self.counted(curvature(hessian)).value
        return self.factor / value if value > 0 else float(np.inf)

    def later(self, eta: float) -> float | None:
        """The median after some steps; None where the run was not finite by then."""
        theta = self.problem.run(np.full(LATER, eta)).theta
        return None if theta is None else self._median(self.problem.batch_hessians(self.n_batches, theta))[0]

    def counted(self, found: Eigenvalue) -> Eigenvalue:
        """The same, its products counted."""
        self.n_products += found.products
        return found

    def _median(self, hessians: list[Hessian]) -> tuple[float, Array | None]:
        scale = scales(self.name, self.hyper, np.stack([h.gradient for h in hessians]))
        found = [self.counted(curvature(h, scale, self.tolerance)) for h in hessians]
        return float(np.median([eigenvalue.value for eigenvalue in found])), scale
