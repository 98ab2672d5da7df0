"""Every number of a replayed step: the bits training had, and an independent recomputation in float64."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(11)
X = RNG.normal(size=(400, 12)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)
WEIGHT = RNG.uniform(0.1, 3.0, size=400).astype(np.float32)
EPSILON = float(np.finfo(np.float32).eps)

RUNS = {
    "sgd": {"optimizer": cr.SGD(0.2)},
    "adam": {"optimizer": cr.Adam(0.01)},
    "dropout": {"optimizer": cr.SGD(0.1, momentum=0.9), "dropout": 0.3},
    "l2": {"optimizer": cr.AdamW(0.01), "l2": 0.01},
    "weights": {"optimizer": cr.RMSProp(0.01), "sample_weight": WEIGHT, "class_weight": "balanced"},
}


class Hashes:
    """Keeps the sha256 of all parameters after every step."""

    def __init__(self) -> None:
        self.after: list[str] = []

    def on_step_end(self, control) -> None:
        self.after.append(hashlib.sha256(control.parameters.flat.tobytes()).hexdigest())


@pytest.mark.parametrize("kind", RUNS)
def test_twenty_random_steps(kind: str, tmp_path: Path) -> None:
    """Of 20 random steps, reached from files: W after the step by sha256, z, a, delta, dW, db by float64 NumPy."""
    hashes = Hashes()
    net = cr.Network([12, 24, 16, 3], activation=["tanh", "relu"], seed=4)
    cr.train(
        net, X, Y, batch_size=32, epochs=15, callbacks=[hashes], directory=tmp_path / "run", progress=False,
        **RUNS[kind],
    )  # fmt: skip
    run = cr.load(tmp_path / "run")
    for step in run.replay(RNG.choice(run.n_steps, 20, replace=False).tolist()):
        assert hashlib.sha256(step.update.new.parameters.flat.tobytes()).hexdigest() == hashes.after[step.step]
        assert step.backward.loss == run.losses[step.step]
        recompute(step, RUNS[kind])


def recompute(step: cr.Step, case: dict) -> None:
    """Both passes once more from X, y and the old weights, with nothing of chainrule; each number within its bound."""
    old, f, b = step.update.old, step.forward, step.backward
    W, bias = ([None, *(x.astype(np.float64) for x in part[1:])] for part in (old.W, old.b))
    y = np.eye(3)[Y[step.rows]]
    weight = np.ones(400)
    if "sample_weight" in case:
        sums = np.bincount(Y, WEIGHT)
        weight = WEIGHT.astype(np.float64) * (sums.sum() / (3 * sums))[Y]
    share = weight[step.rows] / weight[step.rows].sum()
    np.testing.assert_array_equal(f.a[0], X[step.rows])
    for l in (1, 2, 3):
        a_in = f.a[l - 1].astype(np.float64)
        z = a_in @ W[l] + bias[l]
        within(f.z[l], z, np.abs(a_in) @ np.abs(W[l]) + np.abs(bias[l]), a_in.shape[1] + 1)
        z = f.z[l].astype(np.float64)
        a = [np.tanh(z), np.maximum(z, 0), softmax(z)][l - 1]
        if f.masks is not None and l < 3:
            kept = f.masks[l]
            assert set(np.unique(kept)) <= {0.0, np.float32(1 / 0.7)}
            a = a * kept
        within(f.a[l], a, 1.0 + np.abs(a), 8)
    a = f.a[3].astype(np.float64)
    assert abs(b.loss + float((share * np.log((softmax(f.z[3].astype(np.float64)) * y).sum(axis=1))).sum())) < 1e-5
    within(b.delta[3], share[:, None] * (a - y), share[:, None] * (a + y), 4)
    for l in (3, 2, 1):
        a_in, delta = f.a[l - 1].astype(np.float64), b.delta[l].astype(np.float64)
        within(b.dW[l], a_in.T @ delta, np.abs(a_in).T @ np.abs(delta), len(delta))
        within(b.db[l], delta.sum(axis=0), np.abs(delta).sum(axis=0), len(delta))
        if l > 1:
            da, size = delta @ W[l].T, np.abs(delta) @ np.abs(W[l]).T
            if f.masks is not None:
                da, size = da * f.masks[l - 1], size * f.masks[l - 1]
            z = f.z[l - 1].astype(np.float64)
            slope = (z > 0) if l - 1 == 2 else 1 - np.tanh(z) ** 2
            within(b.delta[l - 1], da * slope, size, delta.shape[1] + 12)


def softmax(z: np.ndarray) -> np.ndarray:
    """Rows of probabilities."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def within(found: np.ndarray, exact: np.ndarray, size: np.ndarray, n_roundings: int) -> None:
    """A sum of n products in float32 is off by at most n·ε of the sum of their sizes (Higham, theorem 3.5)."""
    assert (np.abs(found - exact) <= n_roundings * EPSILON * size + 1e-37).all()
