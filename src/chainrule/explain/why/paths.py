"""The ways from a weight up to the loss: backpropagation is their sum, taken cleverly.

A way starts at the unit the weight leads to and picks one unit of every layer above. The product along
it is a[k] · (slope · weight) · … · ∂J/∂z of the output unit; the sum over all ways is ∂J/∂W. A layer with a
residual connection may also be gone past, with the factor 1. A layer whose units depend on each other, by
its kind or a softmax, is one factor too: what z of the one unit does to z of the next by all of them.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from chainrule.explain.why.expression import TensorEntry
from chainrule.explain.why.record import Path, Paths
from chainrule.explain.why.step_context import Array, StepContext
from chainrule.reference.activations import ACTIVATIONS

EVERY = 100_000
"""Ways times rows up to which all of them are walked."""


def from_weight(context: StepContext, e: TensorEntry, shown: int, row: int | None = None) -> Paths:
    """The most important ways from W[l][k,j] to the loss.

    On a small network all ways over the whole batch are walked, else the best of the row that gives most
    (or of `row`) are found without walking the others; their sum is exact in both cases.
    """
    l, (k, j) = e.l, e.at
    a = context.record.forward.a[l - 1][:, k].astype(np.float64)
    n_paths = _count(context, l)
    ends = context.record.backward.delta[context.L].astype(np.float64)
    if row is None and n_paths * len(a) <= EVERY:
        return _all(context, l, j, a, ends, shown, n_paths)
    if row is None:
        row = int(np.argmax(np.abs(a * context.record.backward.delta[l][:, j].astype(np.float64))))
    found = _best(context, l, j, float(a[row]), row, ends[row], shown, n_paths)
    named = (replace(path, names=factor_names(context, path, e, row)) for path in found.top)
    return replace(found, top=tuple(named))


def factor_names(context: StepContext, path: Path, e: TensorEntry, row: int) -> tuple[str, ...]:
    """What each factor of a way of one row is: the input, from node to node, and ∂J/∂z of the output unit."""
    l, (k, _) = e.l, e.at
    nodes = [(l + d, unit) for d, unit in enumerate(path.units)]
    between = (_edge_name(context, path.past, row, *pair) for pair in pairwise(nodes))
    return (f"a{l - 1}[{row},{k}]", *between, f"delta{context.L}[{row},{path.units[-1]}]")


def _edge_name(
    context: StepContext, past: tuple[int, ...], i: int, start: tuple[int, int], end: tuple[int, int]
) -> str:
    """What a node of layer m does to one of layer m + 1: slope, mask and weight, those of them that there are."""
    (m, u), (above, v) = start, end
    weight = "" if above in past else f"W{above}[{u},{v}]"
    if m in past:
        return weight or "1"
    if _mixes(context, m):
        reached = f"a{m}[{i},{v}]" if above in past else f"z{above}[{i},{v}]"
        return f"∂{reached}/∂z{m}[{i},{u}]"
    if context.has_kind(m):
        slope = f"∂a{m}[{i},{u}]/∂z{m}[{i},{u}]"
    else:
        mask = "" if context.mask(m) is None else f"·mask{m}[{i},{u}]"
        slope = f"g′(z{m}[{i},{u}]){mask}"
    return f"{slope}·{weight}" if weight else slope


def _count(context: StepContext, l: int) -> int:
    """The ways from a unit of layer l to the outputs."""
    through = past = 1
    for m in range(context.L - 1, l - 1, -1):
        n, onward, skips = context.architecture.sizes[m], context.architecture.sizes[m + 1], context.residual(m + 1)
        through, past = (
            onward * through + skips * (n if _mixes(context, m) else 1) * past,
            onward * through + skips * past,
        )
    return through


def _mixes(context: StepContext, m: int) -> bool:
    """Whether a[m] of one unit depends on z[m] of another."""
    return (context.has_kind(m) and context.kind(m).mixes) or not ACTIVATIONS[context.activation(m)].elementwise


def _slopes(context: StepContext, m: int, i: int) -> Array:
    """What z[m] of row i does to g(u[m]) ⊙ mask: (n_m,) unit by unit, (n_m, n_m) where units mix."""
    g, mask, forward = ACTIVATIONS[context.activation(m)], context.mask(m), context.record.forward
    u = forward.pre_activation(m)[i].astype(np.float64)[None, :]
    n = u.shape[1]
    kept = np.ones(n) if mask is None else mask[i].astype(np.float64)
    if g.elementwise:
        slopes: Array = g.pullback(u, g.g(u), np.ones_like(u))[0] * kept
    else:
        each = np.repeat(u, n, axis=0)
        slopes = g.pullback(each, g.g(each), np.diag(kept)).T
    between = context.wide.parameters.kinds[m]
    if between is None:
        return slopes
    inner = between.kind.effect(forward.z[m][i].astype(np.float64), between.tensors)
    if not between.kind.mixes and g.elementwise:
        return np.diagonal(inner) * slopes
    return inner * slopes if g.elementwise else inner @ slopes


def _edges(context: StepContext, m: int, i: int, past: bool) -> Array:
    """What the nodes of layer m do to those of layer m + 1, for row i.

    The nodes of a layer are its z and, where it can be gone past (`past`: whether m can), its inputs once more.
    """
    W, slopes, n = context.wide.parameters.W[m + 1], _slopes(context, m, i), context.architecture.sizes[m]
    onward = np.hstack([W, np.eye(n)]) if context.residual(m + 1) else W
    through = slopes[:, None] * onward if slopes.ndim == 1 else slopes @ onward
    return np.vstack([through, onward]) if past else through


def _open(context: StepContext, m: int, past: bool) -> npt.NDArray[np.bool_]:
    """Which edges exist in the architecture."""
    n, onward = (
        context.architecture.sizes[m],
        np.ones((context.architecture.sizes[m], context.architecture.sizes[m + 1]), bool),
    )
    if not context.residual(m + 1):
        return np.vstack([onward, onward]) if past else onward
    through = np.hstack([onward, np.ones((n, n), bool) if _mixes(context, m) else np.eye(n, dtype=bool)])
    return np.vstack([through, np.hstack([onward, np.eye(n, dtype=bool)])]) if past else through


def _path(context: StepContext, l: int, nodes: tuple[int, ...], factors: tuple[float, ...], value: float) -> Path:
    """The units of a way, and the layers it goes past."""
    sizes = context.architecture.sizes[l:]
    units = tuple(node % n for node, n in zip(nodes, sizes, strict=True))
    past = tuple(l + d for d, (node, n) in enumerate(zip(nodes, sizes, strict=True)) if node >= n)
    return Path(units, factors, value, past)


def _all(context: StepContext, l: int, j: int, a: Array, ends: Array, shown: int, n_paths: int) -> Paths:
    """Every way, its products added up over the rows of the batch."""
    products = a[:, None]  # (rows, ways so far)
    nodes = np.full((1, 1), j, np.int64)
    for m in range(l, context.L):
        past, last = m > l and context.residual(m), nodes[:, -1]
        edges = np.stack([_edges(context, m, i, past) for i in range(len(a))])  # (rows, nodes of m, nodes of m + 1)
        way, node = np.nonzero(_open(context, m, past)[last])
        products = products[:, way] * edges[:, last[way], node]
        nodes = np.column_stack([nodes[way], node])
    products = products * ends[:, nodes[:, -1]]
    values = products.sum(axis=0)
    order = np.argsort(-np.abs(values), kind="stable")[:shown]
    top = tuple(_path(context, l, tuple(map(int, nodes[p])), (), float(values[p])) for p in order)
    return Paths(top, n_paths, math.fsum(map(float, products.reshape(-1))), None, True)


def _best(context: StepContext, l: int, j: int, a: float, row: int, ends: Array, shown: int, n_paths: int) -> Paths:
    """The best ways of one row: for every unit the best continuations, from the output down."""
    best: list[list[tuple[float, tuple[int, ...], tuple[float, ...]]]] = [
        [(float(end), (o,), (float(end),))] for o, end in enumerate(ends)
    ]
    total = ends
    for m in range(context.L - 1, l - 1, -1):
        past = m > l and context.residual(m)
        edges, is_open = _edges(context, m, row, past), _open(context, m, past)
        total = edges @ total
        wanted = [j] if m == l else range(edges.shape[0])
        continued = {}
        for u in wanted:
            options = (
                (float(edges[u, v]) * value, (u, *units), (float(edges[u, v]), *factors))
                for v in map(int, np.flatnonzero(is_open[u]))
                for value, units, factors in best[v]
            )
            continued[u] = heapq.nlargest(shown, options, key=lambda option: abs(option[0]))
        best = [continued.get(u, []) for u in range(edges.shape[0])]
    top = tuple(_path(context, l, units, (a, *factors), a * value) for value, units, factors in best[j])
    return Paths(top, n_paths, a * float(total[j]), row, False)
