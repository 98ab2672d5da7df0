"""What is asked for of hidden layers, for all of them or one by one: checked, one value for each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.errors import SettingsError, unknown_name
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layer_kinds import LAYER_KINDS, PARAMETRIC


def per_hidden_layer(what: str, given: Any, n_hidden: int) -> list[Any]:
    """One value for every hidden layer: a single one repeated, or as many as there are layers."""
    if given is None or isinstance(given, str | bool | np.bool_):
        return [given] * n_hidden
    values = list(given)
    if len(values) != n_hidden:
        raise SettingsError(
            f"{what} has {len(values)} names for {n_hidden} hidden layers: must be one name, or one per layer."
            if what != "residual"
            else f"residual has {len(values)} values for {n_hidden} hidden layers: must be True, or one per layer."
        )
    return values


def checked_normalizations(given: Any, n_hidden: int) -> list[str | None]:
    """One kind or None for every hidden layer; SettingsError for a name that is none."""
    kinds = per_hidden_layer("normalization", given, n_hidden)
    for kind in kinds or [given]:
        if kind is not None and kind not in LAYER_KINDS:
            raise unknown_name("normalization", kind, LAYER_KINDS)
    if given is not None and not n_hidden:
        raise SettingsError(f"normalization={given!r} needs a hidden layer. Add one, or leave it out.")
    return kinds


def parametric_kinds(given: Any, normalization: Any, hidden: Sequence[Any]) -> tuple[list[str], list[str]]:
    """The parametric kinds of the hidden activations, and what is applied after them: nothing."""
    if given is not True or normalization is not None or not hidden:
        raise SettingsError(
            f"parametric={given!r} with normalization={normalization!r} and {len(hidden)} hidden layers: must be True "
            "without normalization, of at least one hidden layer. A layer has one kind."
        )
    for name in hidden:
        if name not in ACTIVATIONS:
            raise unknown_name("activation", name, ACTIVATIONS)
        if f"{PARAMETRIC}{name}" not in LAYER_KINDS:
            raise SettingsError(f"activation={name!r}: has no parametric kind. Try 'selu', or parametric=False.")
    return [f"{PARAMETRIC}{name}" for name in hidden], ["identity"] * len(hidden)


def checked_residuals(given: Any, sizes: Sequence[int]) -> list[bool]:
    """Where a_in is added: every hidden layer that keeps the number of units for True, else those named."""
    pairs = list(pairwise(sizes))[:-1]
    skips = per_hidden_layer("residual", given, len(pairs))
    if not all(isinstance(skip, bool | np.bool_) for skip in skips):
        raise SettingsError(f"residual={given!r}: must be True, False, or one of these per layer.")
    if isinstance(given, bool | np.bool_):
        fits = [bool(given) and n_in == n_out for n_in, n_out in pairs]
        if given and not any(fits):
            raise SettingsError(
                f"residual=True adds the input of a hidden layer to its output, but no hidden layer of "
                f"{'-'.join(map(str, sizes))} has as many units as the layer below. Make sizes equal, as in "
                "[20, 64, 64, 10]."
            )
        return fits
    for l, (skip, (n_in, n_out)) in enumerate(zip(skips, pairs, strict=True), start=1):
        if skip and n_in != n_out:
            raise SettingsError(
                f"residual of layer {l} adds {n_in} inputs to {n_out} units: sizes must be equal. "
                "Make them equal, or set residual to False for this layer."
            )
    return [bool(skip) for skip in skips]
