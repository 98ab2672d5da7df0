"""Modules of PyTorch by their constructor as text: "ELU(alpha=1.0)"; only names of torch.nn and plain values."""

from __future__ import annotations

import ast
import re
from typing import Any

from chainrule.errors import SettingsError

PASSING = ("training", "inplace")
"""Attributes that do not change what a module computes of a row."""


def torch_nn(needed_by: str) -> Any:
    """torch.nn; SettingsError where PyTorch is not installed."""
    try:
        from torch import nn
    except ImportError:
        raise SettingsError(f"{needed_by} needs PyTorch. Install it: pip install 'chainrule[torch]'.") from None
    return nn


def is_module(text: str) -> bool:
    """Whether a text is the constructor of a module of torch.nn, not an expression in z."""
    return re.match(r"[A-Z]\w*\(", text) is not None


def made(text: str, nn: Any) -> Any:
    """The module of a text such as "ELU(alpha=1.0)"."""
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    values = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    return getattr(nn, call.func.id)(*map(ast.literal_eval, call.args), **values)


def is_spelt(module: Any, text: str, nn: Any) -> bool:
    """Whether a module is of exactly this class and computes the same, its weights apart."""
    if type(module).__name__ != text.partition("(")[0]:
        return False
    other = made(text, nn)
    return type(module) is type(other) and facts(module) == facts(other) and buffers(module) == buffers(other)


def facts(module: Any) -> dict[str, Any]:
    """The public attributes that change what a module computes; dimension −1 of rows is dimension 1."""
    found = {name: value for name, value in vars(module).items() if not name.startswith("_") and name not in PASSING}
    return found | ({"dim": 1} if found.get("dim") == -1 else {})


def buffers(module: Any) -> set[str]:
    """The names of numbers it was given beside its parameters, such as class weights."""
    return {name for name, value in module._buffers.items() if value is not None}
