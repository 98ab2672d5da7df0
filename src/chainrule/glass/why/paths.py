"""The ways from a weight up to the loss: backpropagation is their sum, taken cleverly.

A way starts at the unit the weight leads to and picks one unit of every layer above. The product along
it is a[k] · (slope · weight) · … · ∂J/∂z of the output unit; the sum over all ways is ∂J/∂W.
"""

from __future__ import annotations

import heapq
import math

import numpy as np

from chainrule.glass.why.expression import Entry
from chainrule.glass.why.record import Path, Paths
from chainrule.glass.why.scene import Array, Scene
from chainrule.reference.activations import ACTIVATIONS

EVERY = 100_000
"""Ways times rows up to which all of them are walked."""


def from_weight(scene: Scene, e: Entry, shown: int, row: int | None = None) -> Paths:
    """The most important ways from W[l][k,j] to the loss.

    On a small network all ways over the whole batch are walked, else the best of the row that gives most
    (or of `row`) are found without walking the others; their sum is exact in both cases. Every layer from
    the weight on is plain: neither normalised, which mixes units, nor residual, which has ways past it.
    """
    l, (k, j) = e.l, e.at
    a = scene.record.forward.a[l - 1][:, k].astype(np.float64)
    n_paths = math.prod(scene.architecture.sizes[l + 1 :])
    ends = scene.record.backward.delta[scene.L].astype(np.float64)
    if row is None and n_paths * len(a) <= EVERY:
        return _all(scene, l, j, a, ends, shown, n_paths)
    if row is None:
        row = int(np.argmax(np.abs(a * scene.record.backward.delta[l][:, j].astype(np.float64))))
    return _best(scene, l, j, float(a[row]), row, ends[row], shown, n_paths)


def _edges(scene: Scene, l: int, i: int) -> Array:
    """∂z[l+1] / ∂z[l] of row i, (n_l, n_{l+1}): the slope of each unit times the weights that lead on."""
    z, W = scene.record.forward.z[l][i].astype(np.float64)[None, :], scene.wide.parameters.W[l + 1]
    g, mask = ACTIVATIONS[scene.activation(l)], scene.mask(l)
    onward = W if mask is None else mask[i].astype(np.float64)[:, None] * W
    if g.elementwise:
        return g.pullback(z, g.g(z), np.ones_like(z))[0][:, None] * onward
    n = z.shape[1]
    each = np.repeat(z, W.shape[1], axis=0)
    edges: Array = g.pullback(each, g.g(each), onward.T).T
    assert edges.shape == (n, W.shape[1])
    return edges


def _all(scene: Scene, l: int, j: int, a: Array, ends: Array, shown: int, n_paths: int) -> Paths:
    """Every way, its products added up over the rows of the batch."""
    products = a[:, None]  # (rows, ways so far)
    units = np.zeros((1, 0), np.int64)
    last = np.array([j])
    for m in range(l, scene.L):
        edges = np.stack([_edges(scene, m, i) for i in range(len(a))])  # (rows, n_m, n_{m+1})
        products = (products[:, :, None] * edges[:, last, :]).reshape(len(a), -1)
        n = edges.shape[2]
        units = np.column_stack([np.repeat(units, n, axis=0), np.tile(np.arange(n), len(last))])
        last = np.tile(np.arange(n), len(last))
    products = products * ends[:, last]
    values = products.sum(axis=0)
    order = np.argsort(-np.abs(values), kind="stable")[:shown]
    top = tuple(Path((j, *map(int, units[p])), (), float(values[p])) for p in order)
    return Paths(top, n_paths, math.fsum(map(float, products.reshape(-1))), None, True)


def _best(scene: Scene, l: int, j: int, a: float, row: int, ends: Array, shown: int, n_paths: int) -> Paths:
    """The best ways of one row: for every unit the best continuations, from the output down."""
    best: list[list[tuple[float, tuple[int, ...], tuple[float, ...]]]] = [
        [(float(end), (o,), (float(end),))] for o, end in enumerate(ends)
    ]
    total = ends
    for m in range(scene.L - 1, l - 1, -1):
        edges = _edges(scene, m, row)
        total = edges @ total
        wanted = [j] if m == l else range(edges.shape[0])
        continued = {}
        for u in wanted:
            options = (
                (float(edges[u, v]) * value, (u, *units), (float(edges[u, v]), *factors))
                for v in range(edges.shape[1])
                for value, units, factors in best[v]
            )
            continued[u] = heapq.nlargest(shown, options, key=lambda option: abs(option[0]))
        best = [continued.get(u, []) for u in range(edges.shape[0])]
    top = tuple(Path(units, (a, *factors), a * value) for value, units, factors in best[j])
    return Paths(top, n_paths, a * float(total[j]), row, False)
