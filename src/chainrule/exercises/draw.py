"""The numbers of an exercise and what is left out, as functions of a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from chainrule.exercises.entry import Entry, entries
from chainrule.exercises.mistakes import worked_out, wrong_values
from chainrule.exercises.problem import Array, GivenStep, WorkedStep, passes
from chainrule.network.architecture import Architecture
from chainrule.reference.activations import ACTIVATIONS
from chainrule.seeding import Key, Purpose, stream_key, uniform, words

INPUTS = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
WEIGHTS = (-2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0)
BIASES = (-1.0, -0.5, 0.0, 0.5, 1.0)
TARGETS = (-1.0, 0.0, 1.0, 2.0)
RATES = (0.1, 0.2, 0.5)
DRAWS = 100
"""Networks that are tried for a seed; the first that suits a class is taken, else the one that lacks least."""
STEEPEST, LARGEST, DECIMALS = 4.0, 15.0, 4
"""Of z of a unit that saturates, of any number, and of its digits where no activation needs a calculator."""


class _Numbers:
    """Values picked from short lists, in turn, from one stream."""

    def __init__(self, key: Key) -> None:
        self._key, self._at = key, 0

    def pick(self, values: Sequence[float], shape: tuple[int, ...]) -> Array:
        """An array of so many picked values."""
        n = int(np.prod(shape))
        self._at += 1
        drawn = words(self._key, n, lane=self._at).astype(np.int64) * len(values) >> 32
        return np.asarray(values, dtype=np.float64)[drawn].reshape(shape)


def step_of(architecture: Architecture, n_rows: int, seed: int) -> GivenStep:
    """The step of a seed: the first of its draws in which no unit is silent throughout and no number is unwieldy."""
    drawn = (_drawn(architecture, n_rows, seed, k) for k in range(DRAWS))
    judged: list[tuple[int, int, GivenStep]] = []
    for given in drawn:
        lacks = _lacks(given, passes(given))
        if lacks == 0:
            return given
        judged.append((lacks, len(judged), given))
    return min(judged)[2]


def _drawn(architecture: Architecture, n_rows: int, seed: int, k: int) -> GivenStep:
    numbers, sizes = _Numbers(stream_key(seed, Purpose.EXERCISE, k)), architecture.sizes
    X = numbers.pick(INPUTS, (n_rows, sizes[0]))
    W = [None, *(numbers.pick(WEIGHTS, pair) for pair in pairwise(sizes))]
    b = [None, *(numbers.pick(BIASES, (size,)) for size in sizes[1:])]
    output = ACTIVATIONS[architecture.output]
    if output.probability and not output.elementwise:
        chosen = numbers.pick(range(sizes[-1]), (n_rows,)).astype(int)
        y = np.eye(sizes[-1])[chosen]
    else:
        y = numbers.pick((0.0, 1.0) if output.probability else TARGETS, (n_rows, sizes[-1]))
    rate = float(numbers.pick(RATES, (1,))[0])
    return GivenStep(architecture=architecture, X=X, y=y, W=W, b=b, learning_rate=rate)


def _lacks(given: GivenStep, right: WorkedStep) -> int:
    """How many things about these numbers would spoil the exercise."""
    faults = 0
    for l in range(1, given.n_layers + 1):
        entry = ACTIVATIONS[given.activations[l]]
        z = right.z[l]
        faults += sum(bool((z == kink).any()) for kink in entry.kinks)
        if entry.elementwise:
            slope = entry.slope(z)
            faults += int(entry.is_silent(slope).sum()) + int((entry.is_silent(slope.T)).sum())
        if entry.steepest is not None or not entry.elementwise:
            faults += int((np.abs(z) > STEEPEST).any())
        faults += int((np.abs(right.delta[l]).sum(axis=0) == 0).any())
    columns = [given.X, *right.dW[1:]]
    faults += sum(int((array == 0).all(axis=0).sum()) for array in columns) + int((given.X == 0).all(axis=1).sum())
    values = [entry.of(right) for entry in entries(given)]
    by_hand = all(ACTIVATIONS[name].bend is ACTIVATIONS["identity"].bend for name in given.activations)
    long = by_hand and any(round(value, DECIMALS) != value for value in values)
    return faults + int(long) + int(max(map(abs, values)) > LARGEST)


LEAST = 0.01
"""A smaller number is asked for only where there is no other of its kind."""


def blanks_of(given: GivenStep, right: WorkedStep, n: int, seed: int) -> tuple[Entry, ...]:
    """The numbers that are left out, in the order of the passes: quantities in turn, numbers with a lesson first."""
    every = entries(given)
    order = np.argsort(uniform(stream_key(seed, Purpose.EXERCISE, DRAWS), len(every)), kind="stable")
    groups: dict[tuple[str, int], list[Entry]] = {}
    for place in order:
        groups.setdefault((every[place].quantity, every[place].layer), []).append(every[place])
    for group in groups.values():
        group.sort(
            key=lambda entry: (abs(worked_out(entry, given, right)) < LEAST, not wrong_values(entry, given, right))
        )
    ranked = sorted(groups, key=lambda group: (RANK.index(group[0]), -group[1]))
    return tuple(sorted(_in_turn([groups[name] for name in ranked], n), key=every.index))


RANK = ("loss", "delta", "dW", "z", "W", "db", "a", "b")
"""Which quantities get the first blanks."""


def _in_turn(groups: list[list[Entry]], n: int) -> Iterator[Entry]:
    """The first of every group, then the second …, n in all."""
    deepest = max(map(len, groups))
    ahead = [group[k] for k in range(deepest) for group in groups if k < len(group)]
    yield from ahead[:n]
