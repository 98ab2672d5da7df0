"""K networks side by side as one program, where their weights differ: rows i·K … i·K + K − 1 are those of example i.

Layers that the members share see n·K rows and nothing else. In a layer in which each member has weights of its own
W is (K, n_in, n_out). J is the mean of the members' losses, the output the mean of their outputs.
"""

from __future__ import annotations

import numpy as np

from chainrule.reference.activation import Array


def members_forward(a_in: Array, W: Array, b: Array) -> Array:
    """The products of a layer in which every member has weights of its own.

        z[i·K + k] = a_in[i·K + k] @ W[k] + b[k]

    Arguments: a_in (n·K, n_in); W (K, n_in, n_out); b (K, n_out). Returns z (n·K, n_out).

    Examples
    --------
    >>> members_forward(np.array([[1.0], [1.0]]), np.array([[[2.0]], [[3.0]]]), np.zeros((2, 1))).tolist()
    [[2.0], [3.0]]
    """
    K, n_in, n_out = W.shape
    by_member = a_in.reshape(-1, K, n_in).swapaxes(0, 1)
    return (by_member @ W + b[:, None, :]).swapaxes(0, 1).reshape(-1, n_out)


def members_backward(a_in: Array, W: Array, delta: Array) -> tuple[Array, Array, Array]:
    """The gradients of such a layer.

        dW[k] = Σ_i a_in[i·K + k]ᵀ delta[i·K + k];   db[k] = Σ_i delta[i·K + k];   da_in[i·K + k] = delta @ W[k].T

    Arguments: a_in (n·K, n_in); W (K, n_in, n_out); delta (n·K, n_out). Returns dW, db (K, n_out), da_in (n·K, n_in).
    """
    a, d = (x.reshape(-1, len(W), x.shape[1]).swapaxes(0, 1) for x in (a_in, delta))
    return a.swapaxes(1, 2) @ d, d.sum(axis=1), members_below(W, delta)


def members_below(W: Array, delta: Array) -> Array:
    """∂J/∂a_in of such a layer, (n·K, n_in)."""
    d = delta.reshape(-1, len(W), delta.shape[1]).swapaxes(0, 1)
    return (d @ W.swapaxes(1, 2)).swapaxes(0, 1).reshape(-1, W.shape[1])


def mean_of_members(a: Array, K: int) -> Array:
    """The mean over members, (n, n_out), of an array (n·K, n_out)."""
    return a if K == 1 else a.reshape(-1, K, a.shape[1]).mean(axis=1)


def for_members(x: Array, K: int) -> Array:
    """What belongs to examples, (n, …), for the rows of their members: each of them K times, (n·K, …)."""
    return x if K == 1 else np.repeat(x, K, axis=0)
