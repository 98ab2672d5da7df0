"""NumPy lines that make a number again: pasted into Python, the last one leaves it in `value`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.text.sums import chain, same_bits, twice_rounded

_FUSED_32 = [
    "def fma(x, y, s):  # x·y + s, rounded once to float32",
    "    return np.float32(np.float64(x) * np.float64(y) + np.float64(s))",
]
_FUSED_EXACT = [
    "from fractions import Fraction",
    "def fma(x, y, s):  # x·y + s, rounded once: to odd in float64 first, then to the type of s",
    "    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(s))",
    "    near = np.float64(exact.numerator / exact.denominator)",
    "    if isinstance(s, np.float32) and exact != Fraction(float(near)) and not int(near.view(np.uint64)) & 1:",
    "        near = np.nextafter(near, np.inf if exact > Fraction(float(near)) else -np.inf)",
    "    return type(s)(near)",
]


def product(
    x: Any,
    y: Any,
    exact: bool,
    dtype: Any,
    value: Any,
    x_name: str,
    y_name: str,
    bias: Any = None,
    bias_is: str = "the bias",
) -> list[str]:
    """A sum of products as the engine takes it, or in float64 where that order is BLAS's."""
    lines = ["import numpy as np", f"x = {_array(x)}  # {x_name}", f"y = {_array(y)}  # {y_name}"]
    if not exact:
        plus = "" if bias is None else f" + {_float(bias)}"
        return [*lines, f"value = np.{dtype}(np.float64(x) @ np.float64(y){plus})", _had(value, "up to rounding")]
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        plus = "" if bias is None else f" + np.{dtype}({_float(bias)})"
        return [*lines, f"value = (x * y).sum(dtype=np.{dtype}){plus}", _had(value)]
    lines += [*_fma(x, y), f"value = np.{dtype}(0)", "for x_k, y_k in zip(x, y):", "    value = fma(x_k, y_k, value)"]
    if bias is not None:
        lines.append(f"value = value + np.{dtype}({_float(bias)})  # {bias_is}")
    return [*lines, _had(value)]


def through_activation(
    lines: list[str], exact: bool, dtype: Any, value: Any, z: Any, mask: Any, pullback: str | float, name: str
) -> list[str]:
    """The sum of BP2 in `lines`, then the mask and the activation `name`: the text of its pullback, or its slope."""
    lines = list(lines)
    if mask is not None:
        lines.append(f"value = value * np.{dtype}({_float(mask)})  # the mask of dropout")
    if isinstance(pullback, str):
        lines += [f"z = np.{dtype}({_float(z)})", f"value = {pullback}"]
        return [*lines, _had(value, "" if exact else "up to rounding")]
    return [*lines, f"value = value * {pullback!r}  # g′(z) of {name}", _had(value, "up to rounding")]


def activation(
    text: str | float, z: Any, j: int, mask: Any, value: Any, came: Any = None, imports: Sequence[str] = (),
    *, whole: bool = False,
) -> list[str]:  # fmt: skip
    """g(z) in float64: the engine's own polynomials agree to a few units in the last place.

    text: NumPy text of g at z[j], or where there is none the number; whole: whether it reads the whole row.
    """
    lines = [f"import {module}" for module in imports] + ["import numpy as np"]
    if whole:
        lines += [f"z = np.float64({_array(z)})", f"j = {j}"]
    else:
        lines += [f"z = np.float64({_array(z[j : j + 1])})", "j = 0"]
    lines.append(f"value = {text}")
    if mask is not None:
        lines.append(f"value = value * {_float(mask)}  # the mask of dropout")
    if came is not None:
        lines.append(f"value = {_float(came)} + value  # the layer adds its input")
    return [*lines, _had(value, "up to rounding")]


def of_row(name: str, row: Any, lines: list[str], value: Any) -> list[str]:
    """Lines that work on a row, in float64."""
    return ["import numpy as np", f"{name} = np.float64({_array(row)})", *lines, _had(value, "up to rounding")]


def fused_delta(a: Any, y: Any, s: Any, dtype: Any, value: Any) -> list[str]:
    """s·(a − y)."""
    lines = [
        "import numpy as np",
        f"a, y, s = np.{dtype}({_float(a)}), np.{dtype}({_float(y)}), np.{dtype}({_float(s)})",
    ]
    return [*lines, "value = (a - y) * s if s > 0 else a * 0", _had(value)]


def plain_sum(x: Any, exact: bool, dtype: Any, value: Any, name: str) -> list[str]:
    """A sum of numbers one after the other."""
    lines = ["import numpy as np", f"x = {_array(x)}  # {name}"]
    if exact:
        return [*lines, f"value = np.{dtype}(0)", "for x_i in x:", "    value = value + x_i", _had(value)]
    return [*lines, f"value = np.{dtype}(np.float64(x).sum())", _had(value, "up to rounding")]


def loss(losses: Any, scale: Any, value: Any) -> list[str]:
    """J from the losses of the rows, in float64."""
    return [
        "import numpy as np", f"losses = {_array(losses)}", f"s = {_array(scale)}  # w / Σw",
        "value = np.dot(losses, s)", _had(value, "up to rounding"),
    ]  # fmt: skip


def value_alone(wide: float, value: Any, what: str) -> list[str]:
    """A number whose making takes more than a few lines."""
    return [f"value = {_float(wide)}  # {what}", _had(value, "up to rounding")]


def update(names: dict[str, Any], formula: list[str], dtype: Any, value: Any, gradient: Any) -> list[str]:
    """The rule of an optimizer for one number."""
    lines = ["import numpy as np", *_FUSED_EXACT]
    lines += [f"{name} = np.{dtype}({_float(number)})" for name, number in names.items()]
    return [*lines, f"g = np.{dtype}({_float(gradient)})  # after penalty and clipping", *formula, _had(value)]


def _fma(x: Any, y: Any) -> list[str]:
    """The short definition where it gives the same bits along this very chain, else the exact one."""
    if x.dtype == np.float64:
        return _FUSED_EXACT
    s = np.float32(0)
    for x_k, y_k in zip(x, y, strict=True):
        s = twice_rounded(x_k, y_k, s)
    return _FUSED_32 if same_bits(s, chain(x, y)[-1]) else _FUSED_EXACT


def _had(value: Any, how: str = "") -> str:
    return f"# the step had {value!s}{f', the same {how}' if how else ''}"


def _array(x: Any) -> str:
    return f"np.array([{', '.join(_float(v) for v in x)}], dtype=np.{x.dtype})"


def _float(x: Any) -> str:
    """The shortest text that reads back to the same number."""
    if np.isfinite(x):
        return str(x)
    return "np.nan" if np.isnan(x) else "np.inf" if x > 0 else "-np.inf"
