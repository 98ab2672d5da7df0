"""Rules about the rows that were held out: are they unseen, and are they rows of the same kind as those trained on?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.finding import Finding
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.run.table_sample import SAMPLE_ROWS
from chainrule.seeding import Purpose, stream_key, words

Array = npt.NDArray[Any]
SHARED = 0.1
"""Share of held-out rows that are training rows, above which they no longer tell how new rows will do."""
FEWEST, APART, MOST_COLUMNS = 20, 10.0, 0.5
"""Held-out rows below which nothing is said; times by which the spread of a column differs; and the share of columns
of which that is so, or whose middle lies a whole range beyond the training rows: more than time or place move them."""


def held_out_rules(case: RunView) -> Iterator[Finding]:
    """Every finding about held-out rows and the inputs of both."""
    if case.held_out is None or not np.ptp(case.X, axis=0).any():
        return
    held = case.held_out[:: -(-len(case.held_out) // SAMPLE_ROWS)]
    yield from _shared(case, held)
    yield from _unlike(case, held)


def _shared(case: RunView, held: Array) -> Iterator[Finding]:
    """Held-out rows that are training rows, beyond what repetitions among the training rows let expect."""
    trained, n_alike = np.unique(_keys(case.task.X), return_counts=True)
    expected = float(n_alike[n_alike > 1].sum()) / case.task.n_samples
    n = int(np.isin(_keys(held), trained).sum())
    if n >= SHARED * len(held) and n > 3 * expected * len(held):
        evidence = {"n": n, "of": len(held), "share": n / len(held), "expected": expected}
        yield Finding(id="duplicate-rows", variant="shared", evidence=evidence)


def _keys(X: Array) -> npt.NDArray[np.uint64]:
    """A number of 64 bits for each row: equal for equal rows, and hardly ever else.

    Formula   Σ_j (bits of x_j) · f_j modulo 2^64, with odd f_j
    Source    multilinear hashing: Carter, Wegman (1979)
    """
    bits = np.ascontiguousarray(X).view(np.uint32 if X.dtype.itemsize == 4 else np.uint64)
    halves = words(stream_key(0, Purpose.CHECK), 2 * bits.shape[1]).astype(np.uint64).reshape(2, -1)
    factors = (halves[0] << np.uint64(32)) | halves[1] | np.uint64(1)
    keys = np.zeros(len(X), np.uint64)
    for j, factor in enumerate(factors):
        keys += bits[:, j].astype(np.uint64) * factor
    return keys


def _unlike(case: RunView, held: Array) -> Iterator[Finding]:
    """Held-out rows at another scale than those trained on, which no epoch was any good for."""
    losses = [value for value in case.history.get("validation_loss", []) if np.isfinite(value)]
    if len(held) < FEWEST or min(losses, default=np.inf) < case.chance:
        return
    low, high = case.X.min(axis=0), case.X.max(axis=0)
    varies = high > low
    wide = held.astype(np.float64)
    middle, spread, own = np.median(wide, axis=0), wide.std(axis=0), case.X.std(axis=0)
    beyond = np.maximum(low - middle, middle - high) > high - low
    times = np.divide(spread, own, out=np.ones(len(own)), where=varies & (spread > 0))
    unlike = varies & (beyond | (np.maximum(times, 1 / times) > APART))
    if unlike.sum() <= MOST_COLUMNS * varies.sum():
        return
    column = int(np.argmax(np.where(unlike, np.abs(middle - case.X.mean(axis=0)) / np.where(varies, own, 1.0), -1.0)))
    evidence = {
        "n": int(unlike.sum()), "of": int(varies.sum()), "column": case.input_name(column),
        "mean": float(case.X[:, column].mean()), "spread": float(own[column]),
        "mean_held": float(wide[:, column].mean()), "spread_held": float(spread[column]),
        "best": float(min(losses, default=np.inf)), "chance": case.chance,
    }  # fmt: skip
    yield Finding(id="input-scale", variant="held-out", evidence=evidence)
