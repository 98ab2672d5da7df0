"""Where error signals come from: delta at the output (BP1), da, du and delta below (BP2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.explain.why.expression import TensorEntry
from chainrule.explain.why.layer_kind import of_kind
from chainrule.explain.why.step_context import Array, StepContext
from chainrule.reference.activation import Activation
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.loss import Pair
from chainrule.reference.losses import loss_named
from chainrule.text import numpy_lines as code
from chainrule.text.sums import chain, same_bits
from chainrule.text.terms import Origin, Term, exact_sum, origin_of, products


def of_da(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """da[l][i,k] = Σ_j delta[l+1][i,j]·W[l+1][k,j], and + da[l+1][i,k] where layer l+1 adds its input."""
    (i, k), l = e.at, e.l
    s = _error_sum(context, l, i, k)
    b = context.record.backward
    recorded = (b.dX if b.du[0] is None else b.du[0])[i, k] if l == 0 else None
    exact = context.exact_sums if recorded is None else same_bits(s.totals[-1], recorded)
    value = s.totals[-1] if recorded is None else recorded
    return value, origin_of(
        f"da{l}[{i},{k}] = {s.symbols}", s.terms, f"da{l}[{i},{k}]", s.totals, exact, operands=s.operands,
        lines=s.code(exact, context.dtype, value),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _ErrorSum:
    """What comes down to a[l][i,k]: through the layer above, and past it where that adds its input."""

    symbols: str
    terms: list[Term]
    totals: Array
    operands: list[str]
    d: Array
    w: Array
    past: Any
    l: int

    def code(self, exact: bool, dtype: Any, value: Any) -> list[str]:
        """NumPy lines of the sum."""
        return code.product(
            self.d, self.w, exact, dtype, value, f"delta{self.l + 1}", f"W{self.l + 1}", bias=self.past,
            bias_is=f"da{self.l + 1}, past the layer",
        )  # fmt: skip


def _error_sum(context: StepContext, l: int, i: int, k: int) -> _ErrorSum:
    d, w = context.record.backward.delta[l + 1][i], context.record.update.old.W[l + 1][k]
    names = [(f"delta{l + 1}[{i},{j}]", f"W{l + 1}[{k},{j}]") for j in range(len(d))]
    terms, totals, past = products(names, d, w), chain(d, w), None
    symbols, operands = f"Σ_j delta{l + 1}[{i},j]·W{l + 1}[{k},j]", [name for pair in names for name in pair]
    if context.residual(l + 1):
        name = f"da{l + 1}[{i},{k}]"
        past = _error_sum(context, l + 1, i, k).totals[-1]
        terms.append(Term(name, ((name, float(past)),), float(past)))
        with np.errstate(all="ignore"):
            totals = np.append(totals, totals[-1] + past)
        symbols, operands = f"{symbols} + {name}", [*operands, name]
    return _ErrorSum(symbols=symbols, terms=terms, totals=totals, operands=operands, d=d, w=w, past=past, l=l)


def of_dX(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """dX[i,k] = ∂J/∂X, back through the input layer."""
    return of_kind(context, TensorEntry("delta", 0, e.at))


def of_delta(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """delta[l][i,j]: BP1 at the output, BP2 below."""
    return _of_output(context, e) if e.l == context.L else _of_hidden(context, e)


def _of_output(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    (i, j), l, f = e.at, e.l, context.record.forward
    value, a, y, s = context.record.backward.delta[l][i, j], f.a[l][i], context.y[i], context.scale[i]
    pair, name = loss_named(context.architecture.loss).pair(context.architecture.output), f"delta{l}[{i},{j}]"
    if np.isnan(y[j]):
        return value, origin_of(
            f"BP1  {name} = 0,  y[{i},{j}] is missing", [], "∂loss/∂z", None, True,
            lines=code.value_alone(0.0, value, "a missing target has no loss"),
        )  # fmt: skip
    operands, share = [f"a{l}[{i},{j}]", f"z{l}[{i},{j}]"], f"s = w/Σw = {float(s):.7g}"
    if pair.fused:
        terms = [Term(f"a{l}[{i},{j}]", (), float(a[j])), Term("−y", (), -float(y[j]))]
        with np.errstate(all="ignore"):
            redone = (a[j] - y[j]) * s if s > 0 else a[j] * 0
        exact, total = same_bits(redone, value), float(a[j]) - float(y[j])
        return value, origin_of(
            f"BP1  {name} = s·(a{l}[{i},{j}] − y),  {share}", terms, "a − y", None, exact,
            steps=[(f"· s = {float(s):.7g}", total * float(s))], operands=operands,
            lines=code.fused_delta(a[j], y[j], s, context.dtype, value),
        )  # fmt: skip
    wide = [x.astype(np.float64)[None, :] for x in (f.z[l][i], a, y)]
    symbols, terms, sum_name, steps = _of_pair(pair, ACTIVATIONS[context.architecture.output], wide, e)
    total = steps[-1][1] if steps else terms[0].value
    steps.append((f"· s = {float(s):.7g}", total * float(s) if s > 0 else 0.0))
    return value, origin_of(
        f"BP1  {name} = s·{symbols},  {share}", terms, sum_name, None, False, steps=steps, operands=operands,
        lines=code.value_alone(steps[-1][1], value, "s·∂loss/∂z in float64"),
    )  # fmt: skip


def _of_pair(
    pair: Pair, g: Activation, wide: list[Array], e: TensorEntry
) -> tuple[str, list[Term], str, list[tuple[str, float]]]:
    """∂loss/∂z of an output: formula, terms, the name of their sum, what follows it; wide: z, a, y of the row."""
    (i, j), l, a, da = e.at, e.l, wide[1], pair.da(wide[1], wide[2])
    total = float((g.pullback(wide[0], a, da) if pair.delta is None else pair.delta(*wide))[0, j])
    if g.elementwise and pair.delta is None:
        slope = float(g.pullback(wide[0], a, np.ones_like(a))[0, j])
        steps = [(f"· g′(z{l}[{i},{j}]) = {slope:.7g}", float(da[0, j]) * slope)]
        return (f"∂loss/∂a·g′(z{l}[{i},{j}])", [Term("∂loss/∂a", (), float(da[0, j]))], "∂loss/∂a", steps)
    along = float((da * a).sum())
    if g.elementwise or not np.isclose(float(a[0, j]) * (float(da[0, j]) - along), total, rtol=1e-9, atol=1e-300):
        return "∂loss/∂z", [Term("∂loss/∂z", (), total)], "∂loss/∂z", []
    terms = [
        Term(f"da_{k} · a{l}[{i},{k}]", ((f"da_{k}", float(d)), (f"a{l}[{i},{k}]", float(x))), float(d * x))
        for k, (d, x) in enumerate(zip(da[0], a[0], strict=True))
    ]
    numbers = f"{float(a[0, j]):.7g}·({float(da[0, j]):.7g} − {_bracketed(along)})"
    return "a_j·(da_j − Σ_k da_k·a_k)", terms, "Σ_k da_k·a_k", [(f"a_j·(da_j − Σ) = {numbers}", total)]


def of_du(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """du[l][i,j] = ∂J/∂u: BP2 where layer l has a kind."""
    return _through_activation(context, e, context.record.backward.du[e.l])


def _of_hidden(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    if context.has_kind(e.l):
        return of_kind(context, e)
    return _through_activation(context, e, context.record.backward.delta[e.l])


def _through_activation(context: StepContext, e: TensorEntry, recorded: Array) -> tuple[Any, Origin]:
    """BP2: what comes down to a unit, through its mask and the slope of its activation."""
    (i, j), l, name = e.at, e.l, str(e)
    value, before, on = recorded[i, j], context.record.forward.pre_activation(l), "u" if e.kind == "du" else "z"
    s = _error_sum(context, l, i, j)
    at = exact_sum(s.terms)
    g, mask = ACTIVATIONS[context.activation(l)], context.mask(l)
    symbols = f"BP2  {name} = ({s.symbols})"
    steps: list[tuple[str, float]] = []
    if mask is not None:
        at *= float(mask[i, j])
        symbols += f"·mask{l}[{i},{j}]"
        steps.append((f"· mask = {float(mask[i, j]):.7g}", at))
    if not g.elementwise:
        whole, numbers = _mixed_delta(context, l, i, j)
        symbols += f" through the Jacobian of {g.name}"
        if numbers is not None:
            d = "da" if mask is None else "da·mask"
            symbols += f": p_j·(d_j − Σ_k d_k·p_k),  p = g({on}{l}[{i}]),  d = {d}"
        steps.append((f"Σ_k d_k·∂p_k/∂{on}_j" if numbers is None else f"p_j·(d_j − Σ_k d_k·p_k) = {numbers}", whole))
        return value, origin_of(
            symbols, s.terms, f"da{l}[{i},{j}]", s.totals, False, steps=steps, operands=s.operands,
            lines=code.value_alone(whole, value, f"the Jacobian of {g.name} in float64"),
        )  # fmt: skip
    slope = float(g.slope(np.asarray([[before[i, j]]], np.float64))[0, 0])
    steps.append((f"· g′({on}{l}[{i},{j}]) = {slope:.7g}", at * slope))
    symbols += f"·g′({on}{l}[{i},{j}])"
    with np.errstate(all="ignore"):
        came = s.totals[-1] if mask is None else s.totals[-1] * mask[i, j]
        redone = _pulled(g, before[i, j], came)
    exact = same_bits(redone, value)
    return value, origin_of(
        symbols, s.terms, f"da{l}[{i},{j}]", s.totals, exact, steps=steps, operands=[*s.operands, f"{on}{l}[{i},{j}]"],
        lines=code.through_activation(
            s.code(exact, context.dtype, value)[:-1], exact, context.dtype, value, before[i, j],
            None if mask is None else mask[i, j], g.numpy_pullback or slope, g.name,
        ),
    )  # fmt: skip


def _pulled(g: Any, z: Any, da: Any) -> Any:
    """The pullback in the precision of the step, by the operations of the engine where NumPy has them."""
    one, came = np.asarray([[z]]), np.asarray([[da]])
    return g.pullback(one, g.g(one), came)[0, 0]


def _mixed_delta(context: StepContext, l: int, i: int, j: int) -> tuple[float, str | None]:
    """delta of a unit whose activation mixes the units of the row; of a softmax, that with its numbers too."""
    da = np.array([[exact_sum(_error_sum(context, l, i, k).terms) for k in range(context.architecture.sizes[l])]])
    mask, z = context.mask(l), context.record.forward.pre_activation(l)[i : i + 1].astype(np.float64)
    g = ACTIVATIONS[context.activation(l)]
    d, p = da if mask is None else da * mask[i], g.g(z)
    whole, along = float(g.pullback(z, p, d)[0, j]), float((d * p).sum())
    if not np.allclose(p * (d - along), g.pullback(z, p, d), rtol=1e-9, atol=1e-300, equal_nan=True):
        return whole, None
    return whole, f"{p[0, j]:.7g}·({d[0, j]:.7g} − {_bracketed(along)})"


def _bracketed(x: float) -> str:
    """A number to seven digits, in brackets where it is negative."""
    return f"({x:.7g})" if x < 0 else f"{x:.7g}"
