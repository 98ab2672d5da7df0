"""What a node of an ONNX graph computes from z, as one nested term; so an activation is known by its formula.

A term is a number, "z", or (operator, attributes, terms). Sums and products have their terms in one order, because a
program that writes files may choose either.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import SettingsError
from chainrule.reference.activations import ACTIVATIONS

Term: TypeAlias = Any
DEFAULTS: dict[str, dict[str, float]] = {
    "LeakyRelu": {"alpha": 0.01}, "Elu": {"alpha": 1.0}, "Selu": {"alpha": 1.67326319217681884765625,
    "gamma": 1.05070102214813232421875}, "Softmax": {"axis": -1}, "LogSoftmax": {"axis": -1},
}  # fmt: skip
"""Attributes that may be left out."""
ALSO = {
    "leaky_relu": ("LeakyRelu(z, alpha=0.01)",),
    "elu": ("Elu(z, alpha=1.0)",),
    "selu": ("Selu(z)",),
    "gelu": ("Gelu(z)", "Mul(Mul(z, Add(Erf(Div(z, 1.4142135623730951)), 1)), 0.5)",
             "Mul(z, Mul(0.5, Add(1, Erf(Div(z, 1.4142135623730951)))))",
             "Mul(z, Mul(0.5, Add(1, Erf(Mul(z, 0.7071067811865476)))))"),
    "mish": ("Mish(z)", "Mul(z, Tanh(Softplus(z)))"),
    "softplus": ("Softplus(z)",),
    "softmax": ("Softmax(z, axis=1)",),
    "relu": ("Max(z, 0)", "Clip(z, 0)"),
    "exponential": ("Exp(z)",),
}  # fmt: skip
"""Other forms in which programs write an activation."""
COMMUTE = ("Add", "Mul", "Max", "Min")


def made(kind: str, attributes: Mapping[str, float], terms: list[Term]) -> Term:
    """A term in the form in which terms are compared."""
    given = {**DEFAULTS.get(kind, {}), **attributes}
    rounded = tuple(sorted((name, _rounded(value)) for name, value in given.items()))
    return (kind, rounded, tuple(sorted(terms, key=repr) if kind in COMMUTE else terms))


def _rounded(value: float) -> float:
    """A number as far as float32 holds it: files store constants in the precision of the network."""
    return float(f"{float(np.float32(value)):.6g}")


def constant(value: float) -> Term:
    """A number as a term."""
    return _rounded(value)


def of_text(text: str, limit: float) -> Term:
    """The term of an entry's text, such as "Mul(z, Sigmoid(z))"; only parsed."""

    def of(tree: Any) -> Term:
        if isinstance(tree, ast.Name):
            return constant(limit) if tree.id == "limit" else "z"
        if isinstance(tree, ast.Constant | ast.UnaryOp):
            return constant(float(ast.literal_eval(tree)))
        attributes = {str(one.arg): float(ast.literal_eval(one.value)) for one in tree.keywords}
        return made(tree.func.id, attributes, [of(one) for one in tree.args])

    return of(ast.parse(text, mode="eval").body)


@cache
def _known(dtype: str) -> dict[Term, str]:
    limit = float(np.log(np.finfo(dtype).max) - 1)
    texts = {name: (*((entry.onnx,) if entry.onnx else ()), *ALSO.get(name, ())) for name, entry in ACTIVATIONS.items()}
    return {of_text(text, limit): name for name, forms in texts.items() for text in forms}


def activation_of(term: Term, dtype: str, place: str) -> str:
    """The activation that a term in z is. Raises SettingsError for any other."""
    name = _known(dtype).get(term)
    if name is None:
        raise SettingsError(f"{place}: computes {shown(term)}, which is no activation here. See docs/export.md.")
    return name


def shown(term: Term) -> str:
    """A term as text, cut where it is long."""
    text = _shown(term)
    return text if len(text) <= 80 else text[:79] + "…"


def _shown(term: Term) -> str:
    if not isinstance(term, tuple):
        return str(term)
    kind, attributes, terms = term
    return f"{kind}({', '.join([*map(_shown, terms), *(f'{name}={value:g}' for name, value in attributes)])})"
