"""Gradients of a network that came in from PyTorch, against autograd's on the module it came from."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.errors import SettingsError
from chainrule.interchange.layers import check_rows
from chainrule.interchange.torch_layers import SequentialRead, kind_of, leaves
from chainrule.interchange.torch_losses import Criterion
from chainrule.network.parameters import Parameters
from chainrule.reference.layer_kinds import LAYER_KINDS

Array = npt.NDArray[Any]
ALLOWED = 1e-7
"""Of the largest entry of a gradient, in float64: sums in another order, through many layers."""


def compare(network: Network, module: Any, read: SequentialRead, criterion: Any, known: Criterion | None) -> None:
    """Compare J and every gradient on some rows in float64: of the loss that was given, else from delta[L] on.

    Raises SettingsError naming the gradient that differs most.
    """
    import torch

    wide = Network.of(
        Parameters(replace(network.architecture, dtype="float64"), network.parameters.flat.astype(np.float64)),
        network.kind,
    )
    X, y = check_rows(wide)
    found, x = wide.backward(X, y), torch.tensor(X, requires_grad=True)
    if known is None:
        parts = [_prepared(part) for part in read.before_output]
        z = x
        for part in parts:
            z = part(z)
        z.backward(torch.tensor(found.delta[-1]))
    else:
        whole = _prepared(module)
        parts = [part for _, part in leaves(whole, torch.nn, "module")]
        J = known.factor(wide.architecture.n_outputs) * criterion(whole(x), _as_theirs(y, wide, torch))
        J.backward()
        _judge({"J": np.array(found.loss)}, {"J": J.detach().numpy()})
    theirs = {"dX": x.grad.numpy()} | _gradients(parts, torch.nn)
    _judge({name: _named(found, name) for name in theirs}, theirs)


def _judge(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> None:
    """SettingsError where two differ by more than rounding."""
    errors = {
        name: float(np.abs(ours[name] - value).max(initial=0.0) / max(np.abs(value).max(initial=0.0), 1e-300))
        for name, value in theirs.items()
        if np.abs(ours[name] - value).max(initial=0.0) > 0
    }
    name = max(errors, key=lambda name: errors[name], default=None)
    if name is not None and not errors[name] <= ALLOWED:
        raise SettingsError(
            f"{name} differs from autograd's by {errors[name]:.1e} of its largest entry: must be at most {ALLOWED:g}. "
            "The module computes something else than its layers say; pass check=False to take it all the same."
        )


def _gradients(parts: list[Any], nn: Any) -> dict[str, Array]:
    """autograd's, by their names here."""
    found, l = {}, 0
    for part in parts:
        if type(part) is nn.Linear:
            l += 1
            found[f"dW{l}"] = part.weight.grad.numpy().T
            if part.bias is not None:
                found[f"db{l}"] = part.bias.grad.numpy()
        kind = kind_of(part)
        for own, name in LAYER_KINDS[kind].torch_tensors.items() if kind is not None else ():
            found[f"d{own}{l}"] = getattr(part, name).grad.numpy()
    return found


def _named(found: Any, name: str) -> Array:
    """A gradient here by its name."""
    stem = name.rstrip("0123456789")
    gradient: Array = found.dX if stem == name else found.of_tensor(stem[1:])[int(name[len(stem) :])]
    return gradient


def _prepared(module: Any) -> Any:
    """A copy in float64, without dropout."""
    return copy.deepcopy(module).double().cpu().eval().requires_grad_(True)


def _as_theirs(y: Array, network: Network, torch: Any) -> Any:
    """The same targets as a loss of PyTorch takes them."""
    if y.ndim == 1 and network.architecture.n_outputs > 1:
        return torch.tensor(y)
    return torch.tensor(y.reshape(len(y), -1).astype(np.float64))
