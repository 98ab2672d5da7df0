"""How much an examination measures: in full, or, where that would take long, a sample.

Which of the two is decided by the engine's own estimate of a step, never by a clock: the same training gets the same
answer on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.tune.problem import Problem

BUDGET_S = 3.0
"""Unless all is asked for, an examination may take about so long, or a tenth of the training."""
RUNS = 10
"""Short runs of an examination, about: those of the race, and the three that are shown."""
PRODUCTS, PASSES = 60, 4
"""Products with the Hessian over many rows, and the passes each costs as shares of a step of as many rows."""
FEWEST_STEPS = 100
"""As many as the analysis before a training has."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """most_steps: of a short run; rows: of the curvature; exact, tolerance: of that of rows and of batches."""

    most_steps: int = 200
    most_rows: int = 8192
    n_batches: int = 5
    tolerance: float = 0.01
    exact: float = 1e-3
    n_slice: int = 61
    n_range: int = 120
    sampled: bool = False


FULL = Effort()


def effort(problem: Problem, n_steps: int | None, thorough: bool) -> Effort:
    """Everything, or a sample where that would take more than BUDGET_S and a tenth of a training of n_steps."""
    task, n_parameters = problem.task, problem.task.architecture.n_parameters
    step_s = problem.engine.step_seconds(6 * task.batch_size * n_parameters)
    n_rows = min(problem.n_sampled, FULL.most_rows)
    product_s = PASSES * problem.engine.step_seconds(6 * n_rows * n_parameters)
    budget = max(BUDGET_S, (n_steps or 0) * step_s / 10)
    if thorough or RUNS * FULL.most_steps * step_s + PRODUCTS * product_s <= budget:
        return FULL
    most = int(min(max(budget / 2 / (RUNS * step_s), FEWEST_STEPS), FULL.most_steps))
    return Effort(
        most_steps=most, most_rows=256, n_batches=2, tolerance=0.1, exact=0.05, n_slice=25, n_range=60, sampled=True
    )
