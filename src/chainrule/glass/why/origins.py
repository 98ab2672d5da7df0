"""Where the numbers of both passes come from: z, a, loss, delta, da, dW, db, each by its equation.

The terms are exact products in float64. Beside them the engine's own arithmetic is redone: where it
gives the recorded bits, the running totals are the engine's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.glass.why import code
from chainrule.glass.why.expression import Entry
from chainrule.glass.why.record import Origin, Term
from chainrule.glass.why.scene import Array, Scene
from chainrule.glass.why.sums import chain, running_sum, same_bits
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES


def of_z(scene: Scene, e: Entry) -> tuple[Any, Origin]:
    """z[l][i,j] = Σ_k a[l-1][i,k]·W[l][k,j] + b[l][j]."""
    (i, j), l, f, old = e.at, e.l, scene.record.forward, scene.record.update.old
    x, w, b = f.a[l - 1][i], old.W[l][:, j], old.b[l][j]
    value = f.z[l][i, j]
    names = [(f"a{l - 1}[{i},{k}]", f"W{l}[{k},{j}]") for k in range(len(x))]
    terms = [*_products(names, x, w), Term(f"b{l}[{j}]", ((f"b{l}[{j}]", float(b)),), float(b))]
    with np.errstate(all="ignore"):
        totals = chain(x, w)
        totals = np.append(totals, totals[-1] + b)
    exact = same_bits(totals[-1], value)
    return value, _origin(
        f"z{l}[{i},{j}] = Σ_k a{l - 1}[{i},k]·W{l}[k,{j}] + b{l}[{j}]", terms, f"z{l}[{i},{j}]", totals, exact,
        operands=[name for pair in names for name in pair] + [f"b{l}[{j}]"],
        lines=code.product(x, w, exact, scene.dtype, value, f"a{l - 1}", f"W{l}", bias=b),
    )  # fmt: skip


def of_a(scene: Scene, e: Entry) -> tuple[Any, Origin]:
    """a[l][i,j] = g(z[l][i,j]), ⊙ mask; of softmax e^z_j / Σ_k e^z_k; a[0] is X."""
    (i, j), l, f = e.at, e.l, scene.record.forward
    value = f.a[l][i, j]
    if l == 0:
        name = f"X[{scene.rows[i]},{j}]"
        return value, _origin(f"a0[{i},{j}] = {name}", [Term(name, (), float(value))], name, None, True)
    g, z = ACTIVATIONS[scene.activation(l)], f.z[l][i].astype(np.float64)
    whole = g.g(z[None, :])[0]
    steps: list[tuple[str, float]] = []
    if g.elementwise:
        zs = [(f"z{l}[{i},{j}]", float(z[j]))]
        terms = [Term(f"g(z{l}[{i},{j}])", tuple(zs), float(whole[j]))]
        symbols = f"a{l}[{i},{j}] = g(z{l}[{i},{j}]),  g: {g.formula}"
        operands = [f"z{l}[{i},{j}]"]
    else:
        e_z = np.exp(z - z.max())
        terms = [
            Term(f"e^(z{l}[{i},{k}] − max)", ((f"z{l}[{i},{k}]", float(z[k])),), float(e_z[k])) for k in range(len(z))
        ]
        symbols = f"a{l}[{i},{j}] = e^z{l}[{i},{j}] / Σ_k e^z{l}[{i},k],  max = {z.max():.6g}"
        total = float(e_z.sum())
        steps.append((f"e^z{l}[{i},{j}] / Σ = {e_z[j]:.7g} / {total:.7g}", float(whole[j])))
        operands = [f"z{l}[{i},{k}]" for k in range(len(z))]
    mask = scene.mask(l)
    if mask is not None:
        symbols += f",  · mask{l}[{i},{j}]"
        steps.append((f"· mask = {float(mask[i, j]):.7g}", float(whole[j]) * float(mask[i, j])))
    exact = False
    if g.elementwise:
        with np.errstate(all="ignore"):
            redone = g.g(f.z[l][i, j].reshape(1, 1))[0, 0]
            exact = same_bits(redone if mask is None else redone * mask[i, j], value)
    return value, _origin(
        symbols, terms, "Σ", None, exact, steps=steps, operands=operands,
        lines=code.activation(scene.activation(l), f.z[l][i], j, None if mask is None else mask[i, j], value),
    )  # fmt: skip


def of_da(scene: Scene, e: Entry) -> tuple[Any, Origin]:
    """da[l][i,k] = Σ_j delta[l+1][i,j]·W[l+1][k,j]; of the output the derivative of the loss."""
    (i, k), l = e.at, e.l
    d, w = scene.record.backward.delta[l + 1][i], scene.record.update.old.W[l + 1][k]
    names = [(f"delta{l + 1}[{i},{j}]", f"W{l + 1}[{k},{j}]") for j in range(len(d))]
    totals, exact = chain(d, w), scene.engine == "native"
    recorded = scene.record.backward.dX[i, k] if l == 0 else None
    value = totals[-1] if recorded is None else recorded
    if recorded is not None:
        exact = same_bits(totals[-1], value)
    return value, _origin(
        f"da{l}[{i},{k}] = Σ_j delta{l + 1}[{i},j]·W{l + 1}[{k},j]", _products(names, d, w), f"da{l}[{i},{k}]",
        totals, exact, operands=[name for pair in names for name in pair],
        lines=code.product(d, w, exact, scene.dtype, value, f"delta{l + 1}", f"W{l + 1}"),
    )  # fmt: skip


def of_delta(scene: Scene, e: Entry) -> tuple[Any, Origin]:
    """delta[l][i,j]: BP1 at the output, BP2 below."""
    return _of_output(scene, e) if e.l == scene.L else _of_hidden(scene, e)


def _of_output(scene: Scene, e: Entry) -> tuple[Any, Origin]:
    (i, j), l, f = e.at, e.l, scene.record.forward
    value, a, y, s = scene.record.backward.delta[l][i, j], f.a[l][i], scene.y[i], scene.scale[i]
    pair, name = LOSSES[scene.architecture.loss].pairs[scene.architecture.output], f"delta{l}[{i},{j}]"
    operands, share = [f"a{l}[{i},{j}]", f"z{l}[{i},{j}]"], f"s = w/Σw = {float(s):.7g}"
    if pair.fused:
        terms = [Term(f"a{l}[{i},{j}]", (), float(a[j])), Term("−y", (), -float(y[j]))]
        with np.errstate(all="ignore"):
            redone = (a[j] - y[j]) * s if s > 0 else a[j] * 0
        exact, total = same_bits(redone, value), float(a[j]) - float(y[j])
        return value, _origin(
            f"BP1  {name} = s·(a{l}[{i},{j}] − y),  {share}", terms, "a − y", None, exact,
            steps=[(f"· s = {float(s):.7g}", total * float(s))], operands=operands,
            lines=code.fused_delta(a[j], y[j], s, scene.dtype, value),
        )  # fmt: skip
    wide = [x.astype(np.float64)[None, :] for x in (f.z[l][i], a, y)]
    da = pair.da(wide[1], wide[2])[0]
    g = ACTIVATIONS[scene.architecture.output]
    total = float((g.pullback(wide[0], wide[1], da[None, :]) if pair.delta is None else pair.delta(*wide))[0, j])
    if g.elementwise and pair.delta is None:
        slope = float(g.pullback(wide[0], wide[1], np.ones_like(wide[0]))[0, j])
        terms = [Term("∂loss/∂a", (), float(da[j]))]
        steps = [(f"· g′(z{l}[{i},{j}]) = {slope:.7g}", float(da[j]) * slope)]
        symbols = f"BP1  {name} = s·∂loss/∂a·g′(z{l}[{i},{j}]),  {share}"
    else:
        ds = da * wide[1][0] if not g.elementwise else da
        terms = [Term(f"da·a of unit {k}", (("∂loss/∂a", float(da[k])), (f"a{l}[{i},{k}]", float(a[k]))), float(ds[k]))
                 for k in range(len(da))] if not g.elementwise else [Term("∂loss/∂z", (), total)]  # fmt: skip
        steps = [] if g.elementwise else [(f"a_j·(da_j − Σ) = {float(a[j]):.7g}·({float(da[j]):.7g} − Σ)", total)]
        symbols = f"BP1  {name} = s·" + ("∂loss/∂z" if g.elementwise else "a_j·(da_j − Σ_k da_k·a_k)") + f",  {share}"
    steps.append((f"· s = {float(s):.7g}", total * float(s) if s > 0 else 0.0))
    return value, _origin(
        symbols, terms, "∂loss/∂a" if g.elementwise else "Σ_k da_k·a_k", None, False, steps=steps, operands=operands,
        lines=code.value_alone(total * float(s), value, "s·∂loss/∂z in float64"),
    )  # fmt: skip


def _of_hidden(scene: Scene, e: Entry) -> tuple[Any, Origin]:
    (i, j), l, b, f = e.at, e.l, scene.record.backward, scene.record.forward
    value, name = b.delta[l][i, j], f"delta{l}[{i},{j}]"
    d, w = b.delta[l + 1][i], scene.record.update.old.W[l + 1][j]
    names = [(f"delta{l + 1}[{i},{k}]", f"W{l + 1}[{j},{k}]") for k in range(len(d))]
    terms, totals = _products(names, d, w), chain(d, w)
    da = _sum(terms)
    g, mask = ACTIVATIONS[scene.activation(l)], scene.mask(l)
    symbols = f"BP2  {name} = (Σ_k delta{l + 1}[{i},k]·W{l + 1}[{j},k])"
    steps: list[tuple[str, float]] = []
    at = da
    if mask is not None:
        at *= float(mask[i, j])
        symbols += f"·mask{l}[{i},{j}]"
        steps.append((f"· mask = {float(mask[i, j]):.7g}", at))
    if not g.elementwise:
        whole = float(_wide_delta(scene, l, i)[j])
        symbols += " through the Jacobian of softmax: a_j·(da_j − Σ_k da_k·a_k)"
        steps.append(("a_j·(da_j − Σ_k da_k·a_k)", whole))
        return value, _origin(
            symbols, terms, f"da{l}[{i},{j}]", totals, False, steps=steps, operands=[n for p in names for n in p],
            lines=code.value_alone(whole, value, "the Jacobian of softmax in float64"),
        )  # fmt: skip
    slope = float(_slope(g, f.z[l][i, j], np.float64))
    steps.append((f"· g′(z{l}[{i},{j}]) = {slope:.7g}", at * slope))
    symbols += f"·g′(z{l}[{i},{j}])"
    with np.errstate(all="ignore"):
        came = totals[-1] if mask is None else totals[-1] * mask[i, j]
        redone = _pulled(g, f.z[l][i, j], came)
    exact = same_bits(redone, value)
    return value, _origin(
        symbols, terms, f"da{l}[{i},{j}]", totals, exact, steps=steps,
        operands=[n for pair in names for n in pair] + [f"z{l}[{i},{j}]"],
        lines=code.hidden_delta(
            d, w, exact, scene.dtype, value, f.z[l][i, j], None if mask is None else mask[i, j], scene.activation(l)
        ),
    )  # fmt: skip


def of_dW(scene: Scene, e: Entry) -> tuple[Any, Origin]:
    """BP4: dW[l][k,j] = Σ_i a[l-1][i,k]·delta[l][i,j], one term for every row of the batch."""
    (k, j), l = e.at, e.l
    x, d = scene.record.forward.a[l - 1][:, k], scene.record.backward.delta[l][:, j]
    value = scene.record.backward.dW[l][k, j]
    names = [(f"a{l - 1}[{i},{k}]", f"delta{l}[{i},{j}]") for i in range(len(x))]
    totals = chain(x, d)
    exact = same_bits(totals[-1], value)
    return value, _origin(
        f"BP4  dW{l}[{k},{j}] = Σ_i a{l - 1}[i,{k}]·delta{l}[i,{j}]", _products(names, x, d, scene.rows),
        f"dW{l}[{k},{j}]", totals, exact, operands=[name for pair in names for name in pair],
        lines=code.product(x, d, exact, scene.dtype, value, f"a{l - 1}", f"delta{l}"),
    )  # fmt: skip


def of_db(scene: Scene, e: Entry) -> tuple[Any, Origin]:
    """BP3: db[l][j] = Σ_i delta[l][i,j], one term for every row of the batch."""
    (j,), l = e.at, e.l
    d, value = scene.record.backward.delta[l][:, j], scene.record.backward.db[l][j]
    terms = [Term(f"delta{l}[{i},{j}]", ((f"delta{l}[{i},{j}]", float(x)),), float(x), i, int(scene.rows[i]))
             for i, x in enumerate(d)]  # fmt: skip
    totals = running_sum(d)
    exact = same_bits(totals[-1], value)
    return value, _origin(
        f"BP3  db{l}[{j}] = Σ_i delta{l}[i,{j}]", terms, f"db{l}[{j}]", totals, exact,
        operands=[t.name for t in terms], lines=code.plain_sum(d, exact, scene.dtype, value, f"delta{l}"),
    )  # fmt: skip


def of_loss(scene: Scene, e: Entry) -> tuple[Any, Origin]:
    """J = Σ_i s_i·loss_i over the rows of the batch, s_i = w_i / Σw."""
    value, losses, scale = scene.record.backward.loss, scene.wide.row_losses, scene.scale.astype(np.float64)
    terms = [
        Term(f"s·loss of row {i}", ((f"s_{i}", float(s)), (f"loss_{i}", float(x))), float(s * x) if s > 0 else 0.0, i,
             int(scene.rows[i]))
        for i, (s, x) in enumerate(zip(scale, losses, strict=True))
    ]  # fmt: skip
    return value, _origin(
        f"J = Σ_i s_i·loss_i,  {LOSSES[scene.architecture.loss].formula},  s_i = w_i/Σw", terms, "J", None, False,
        operands=[f"a{scene.L}[{i},{j}]" for i in range(len(losses)) for j in range(scene.architecture.n_outputs)],
        lines=code.loss(losses, scale, value),
    )  # fmt: skip


ORIGINS: dict[str, Callable[[Scene, Entry], tuple[Any, Origin]]] = {
    "z": of_z, "a": of_a, "da": of_da, "delta": of_delta, "dW": of_dW, "db": of_db, "loss": of_loss,
}  # fmt: skip


def _products(names: list[tuple[str, str]], x: Array, w: Array, rows: Any = None) -> list[Term]:
    with np.errstate(all="ignore"):
        values = x.astype(np.float64) * w.astype(np.float64)
    return [
        Term(f"{p} · {q}", ((p, float(x[k])), (q, float(w[k]))), float(values[k]),
             None if rows is None else k, None if rows is None else int(rows[k]))
        for k, (p, q) in enumerate(names)
    ]  # fmt: skip


def _sum(terms: list[Term]) -> float:
    """The sum rounded once; of terms that are no numbers the plain one."""
    values = [term.value for term in terms]
    return math.fsum(values) if all(map(math.isfinite, values)) else float(np.sum(values))


def _origin(
    symbols: str, terms: list[Term], name: str, totals: Array | None, exact: bool, *,
    steps: list[tuple[str, float]] | None = None, operands: list[str] | None = None, lines: list[str] | None = None,
) -> Origin:  # fmt: skip
    values = np.array([term.value for term in terms])
    with np.errstate(all="ignore"):
        running = totals if totals is not None and exact else np.cumsum(values)
    return Origin(
        symbols, tuple(terms), name, _sum(terms), tuple(steps or ()), tuple(map(float, running)), exact,
        tuple(operands or ()), tuple(lines or ()),
    )  # fmt: skip


def _slope(g: Any, z: Any, dtype: Any) -> Any:
    one = np.asarray([[z]], dtype)
    return g.pullback(one, g.g(one), np.ones_like(one))[0, 0]


def _pulled(g: Any, z: Any, da: Any) -> Any:
    """The pullback in the precision of the step, by the operations of the engine where NumPy has them."""
    one, came = np.asarray([[z]]), np.asarray([[da]])
    return g.pullback(one, g.g(one), came)[0, 0]


def _wide_delta(scene: Scene, l: int, i: int) -> Array:
    d, W = scene.record.backward.delta[l + 1][i], scene.record.update.old.W[l + 1]
    da = (d.astype(np.float64) @ W.T.astype(np.float64))[None, :]
    mask, z = scene.mask(l), scene.record.forward.z[l][i : i + 1].astype(np.float64)
    g = ACTIVATIONS[scene.activation(l)]
    return g.pullback(z, g.g(z), da if mask is None else da * mask[i])[0]
