"""A dense layer with 1/√n_in under Adam is the ordinary one with smaller weights and a smaller rate of them."""

from __future__ import annotations

from math import sqrt

import numpy as np

import chainrule as cr

N = 50
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, N))
Y = 2 * X[:, 0] - X[:, 1] + 3


def test_adam_takes_the_same_steps() -> None:
    """z = x @ V/√n + b, V by Adam at η, beside z = x @ W + b with W = V/√n at η/√n: W stays V/√n, b is the same."""
    net = cr.Network([N, 1], output="identity", loss="squared_error", initializer="scaled_normal", dtype="float64")
    V, b, eta = net.W[1][:, 0] * sqrt(N), float(net.b[1][0]), 0.1
    rule, factors = cr.Adam(eta, epsilon=1e-30), {"W": 1 / sqrt(N)}
    how = {"batch_size": len(X), "epochs": 30, "shuffle": False, "learning_rate_factors": factors}
    run = cr.train(net, X, Y, optimizer=rule, **how, progress=False)
    theta, m, v = np.append(V, b), np.zeros(N + 1), np.zeros(N + 1)
    for t in range(1, 31):
        delta = (X @ theta[:-1] / sqrt(N) + theta[-1] - Y) / len(X)
        g = np.append(X.T @ delta / sqrt(N), delta.sum())
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        theta = theta - eta * (m / (1 - 0.9**t)) / np.sqrt(v / (1 - 0.999**t))
    assert np.allclose(run.network.W[1][:, 0], theta[:-1] / sqrt(N), rtol=1e-10)
    assert np.allclose(run.network.b[1], theta[-1], rtol=1e-10)
