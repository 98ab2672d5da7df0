"""How fast a core multiplies and adds at most: what no training exceeds. Measured on the instruction set at work."""

from __future__ import annotations

import time

from chainrule.engine.native import addition_chain, multiply_add_loop

ROUNDS = 2**18
"""Rounds of the loop a call: 0.4 to 2 ms."""
SUMS = 12
"""Independent sums of a round, each of a vector."""


def seconds_of(n_operations: float) -> float:
    """Seconds that at least so many floating-point operations take, divided by how many times as many were done."""
    done, began = 0.0, time.perf_counter()
    while done < n_operations:
        done += multiply_add_loop(ROUNDS)
    return (time.perf_counter() - began) * n_operations / done


def measured_units(tries: int = 7) -> tuple[int, float]:
    """Bits of a vector, and how many multiply-adds of whole vectors begin in a cycle of the core.

    A cycle is the time of one addition in a chain of them. Both loops take turns and the fastest of each counts, as
    a core changes its clock and may be shared.
    """
    once = multiply_add_loop(ROUNDS)
    vectors = ROUNDS * SUMS
    cycle = multiply_add = float("inf")
    for _ in range(tries):
        began = time.perf_counter()
        addition_chain(vectors)
        cycle = min(cycle, (time.perf_counter() - began) / vectors)
        multiply_add = min(multiply_add, seconds_of(once) / vectors)
    return round(once / vectors / 2 * 32), cycle / multiply_add
