"""--to torch: a state dict in safetensors, and a module of a few lines that loads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.errors import SettingsError
from chainrule.export.subject import Format, Subject, refuse_without_text
from chainrule.interchange.torch_spelling import is_module
from chainrule.network.architecture import Dense
from chainrule.reference.activations import ACTIVATIONS
from chainrule.run.files import refuse_unwritable, write_atomic

Array = npt.NDArray[Any]
TORCH = Format(
    name="PyTorch",
    has_activation=lambda entry: entry.torch is not None,
    has_kind=lambda kind: kind.torch is not None and set(kind.torch_tensors) == {t.name for t in kind.tensors},
    entry_field="torch=…",
)
HEAD = '''"""{documented} Written by chainrule, the weights beside it."""

from pathlib import Path

{torch}from safetensors.torch import load_file
from torch import nn
'''
OWN = """

class {name}(nn.Module):
    def forward(self, z):
        return {g}
"""
MAKE = """

def one():
    return nn.Sequential(
{body}    ){double}


network = {network}
network.load_state_dict(load_file(Path(__file__).with_suffix(".safetensors")))
"""
RESIDUAL = '''

class Residual(nn.Module):
    """x + inner(x)"""

    def __init__(self, *inner):
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x):
        return x + self.inner(x)
'''
MEAN = '''

class Mean(nn.ModuleList):
    """The mean output of the members."""

    def forward(self, x):
        return torch.stack([member(x) for member in self]).double().mean(0)
'''


def write_torch(subject: Subject, path: Path) -> tuple[Path, ...]:
    """Write the module NAME.py and its state dict NAME.safetensors, each whole or not at all; which files these are.

    Raises SettingsError for another ending, or a part of the network that PyTorch has no module for.
    """
    if path.suffix != ".py":
        raise SettingsError(f"{path}: must end with .py; the weights go into a .safetensors file beside it.")
    weights = path.with_suffix(".safetensors")
    for file in (path, weights):
        refuse_unwritable(file)
    refuse_without_text(subject.architecture, TORCH)
    from safetensors.numpy import save

    write_atomic(weights, save(state_dict(subject), {"format": "pt"}))
    write_atomic(path, module_text(subject).encode())
    return path, weights


def state_dict(subject: Subject) -> dict[str, Array]:
    """The parameters as PyTorch names and transposes them."""
    members = [_state(network) for network in subject.networks]
    if len(members) == 1:
        return members[0]
    return {f"{k}.{name}": array for k, one in enumerate(members) for name, array in one.items()}


def _state(network: Network) -> dict[str, Array]:
    found: dict[str, Array] = {}
    place = 0
    for l, layer in enumerate(network.architecture.layers, start=1):
        prefix, first = (f"{place}.inner.", 0) if layer.residual else ("", place)
        found[f"{prefix}{first}.weight"] = np.ascontiguousarray(network.W[l].T)
        found[f"{prefix}{first}.bias"] = network.b[l]
        if layer.kind is not None:
            for own, theirs in layer.kind.torch_tensors.items():
                found[f"{prefix}{first + 1}.{theirs}"] = getattr(network.parameters, own)[l]
        place += 1 if layer.residual else len(_modules(layer))
    return found


def _modules(layer: Dense) -> list[str]:
    """The constructors of a layer's modules, the activation last."""
    g = str(ACTIVATIONS[layer.activation].torch)
    kind = [] if layer.kind is None else [f"nn.{str(layer.kind.torch).format(n=layer.n_out)}"]
    last = f"nn.{g}" if is_module(g) else f"{_class_of(layer.activation)}()"
    return [f"nn.Linear({layer.n_in}, {layer.n_out})", *kind, last]


def _class_of(activation: str) -> str:
    """The class of an activation that torch.nn has no module for."""
    return "".join(word.capitalize() for word in activation.split("_"))


def module_text(subject: Subject) -> str:
    """The module as Python text; its weights lie beside it."""
    a, several = subject.architecture, len(subject.networks) > 1
    own = {name: str(ACTIVATIONS[name].torch) for name in dict.fromkeys(layer.activation for layer in a.layers)}
    text = HEAD.format(documented=_documented(subject), torch="import torch\n" if several or _has_own(own) else "")
    text += RESIDUAL if any(a.residuals) else ""
    text += "".join(OWN.format(name=_class_of(name), g=g) for name, g in own.items() if not is_module(g))
    text += MEAN if several else ""
    calls = [
        f"Residual({', '.join(_modules(layer))})" if layer.residual else ",\n        ".join(_modules(layer))
        for layer in a.layers
    ]
    body = "".join(f"        {call},\n" for call in calls)
    double = ".double()" if a.dtype == "float64" else ""
    return text + MAKE.format(
        body=body, double=double, network=f"Mean(one() for _ in range({len(subject.networks)}))" if several else "one()"
    )


def _has_own(own: Mapping[str, str]) -> bool:
    return not all(map(is_module, own.values()))


def _documented(subject: Subject) -> str:
    """What goes in and what comes out, in one line."""
    a, pipeline = subject.architecture, subject.pipeline
    rows = f"{a.n_inputs} inputs" if pipeline is None else f"the {a.n_inputs} inputs that run.encode(frame) makes"
    return f"network(X) of {rows}: {a.n_outputs} outputs, {a.output}."
