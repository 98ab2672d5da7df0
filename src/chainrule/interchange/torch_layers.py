"""The layers of an nn.Sequential: Linear, then a layer kind, an activation and dropout, each where it may stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from chainrule.errors import SettingsError
from chainrule.interchange.layers import LayerRead
from chainrule.interchange.torch_losses import LOG_SOFTMAX, ModuleEnd
from chainrule.interchange.torch_spelling import is_module, is_spelt
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layer_kinds import LAYER_KINDS

KNOWN = "Linear, LayerNorm, Dropout, Flatten, Identity and activations"
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class SequentialRead:
    """What an nn.Sequential holds: its layers, its modules, and what training it otherwise would change."""

    def __init__(self, module: Any, nn: Any) -> None:
        self.nn = nn
        self.layers: list[LayerRead] = []
        self.parts: list[Any] = []
        self.last: int | None = None
        """Which of the parts is the activation of the last layer so far."""
        self.without_bias: list[str] = []
        self.dropout: list[float] = []
        for place, part in leaves(module, nn, type(module).__name__):
            self.parts.append(part)
            self._take(place, part)
        self._refuse_shared()

    @property
    def ends(self) -> ModuleEnd:
        """How the module ends."""
        text, activation = (None, None) if self.last is None else self._activation(self.parts[self.last])
        return ModuleEnd(module=text, activation=activation, n_outputs=self.layers[-1].W.shape[1] if self.layers else 0)

    @property
    def before_output(self) -> list[Any]:
        """The modules that compute z of the output layer."""
        return [part for i, part in enumerate(self.parts) if i != self.last]

    def _take(self, place: str, part: Any) -> None:
        """One module; SettingsError for one that has no counterpart here, or stands where it has none."""
        nn, layer = self.nn, self.layers[-1] if self.layers else None
        if type(part) in (nn.Identity, nn.Dropout) or is_spelt(part, "Flatten()", nn):
            self.dropout += [part.p] if type(part) is nn.Dropout and part.p > 0 else []
        elif type(part) is nn.Linear:
            self._refuse_in_the_middle(place)
            self.layers.append(self._linear(place, part))
            self.last = None
        elif (kind := kind_of(part)) is not None:
            if layer is None or layer.normalization or layer.activation:
                refuse(place, part, "must follow a Linear directly. Move it there")
            layer.normalization, layer.tensors = kind, self._tensors(place, part, kind, layer)
        elif self._activation(part)[1] is not None:
            if layer is None or layer.activation:
                refuse(place, part, "must follow a Linear, or its LayerNorm. Leave it out, or put a Linear before it")
            layer.activation, self.last = self._activation(part)[1], len(self.parts) - 1
        else:
            refuse(place, part, f"has no counterpart here. Use {KNOWN}, with their default arguments")

    def _linear(self, place: str, part: Any) -> LayerRead:
        W = _array(part.weight, place)
        if part.bias is None:
            self.without_bias.append(place)
        b = np.zeros(len(W), W.dtype) if part.bias is None else _array(part.bias, place)
        return LayerRead(place=place, W=W.T, b=b)

    def _tensors(self, place: str, part: Any, kind: str, layer: LayerRead) -> dict[str, Any]:
        """The tensors of a layer kind by their names here."""
        entry = LAYER_KINDS[kind]
        text = str(entry.torch).format(n=layer.W.shape[1])
        if not is_spelt(part, text, self.nn) or any(
            getattr(part, name) is None for name in entry.torch_tensors.values()
        ):
            refuse(place, part, f"must be {text}. Change its arguments")
        return {own: _array(getattr(part, theirs), place) for own, theirs in entry.torch_tensors.items()}

    def _activation(self, part: Any) -> tuple[str, str] | tuple[None, None]:
        """Its spelling, and the activation here."""
        if is_spelt(part, LOG_SOFTMAX, self.nn):
            return LOG_SOFTMAX, next(name for name, entry in ACTIVATIONS.items() if not entry.elementwise)
        for name, entry in ACTIVATIONS.items():
            if entry.torch is not None and is_module(entry.torch) and is_spelt(part, entry.torch, self.nn):
                return entry.torch, name
        return None, None

    def _refuse_in_the_middle(self, place: str) -> None:
        """SettingsError for an activation of hidden layers that mixes their units."""
        last = None if self.last is None else self._activation(self.parts[self.last])
        if last is not None and last[1] is not None and not ACTIVATIONS[last[1]].elementwise:
            raise SettingsError(f"{last[0]} before {place}: must be the last activation of the module. Leave it out.")

    def _refuse_shared(self) -> None:
        """SettingsError for a parameter that two modules have in common."""
        seen: set[int] = set()
        for part in self.parts:
            for parameter in part.parameters():
                if id(parameter) in seen:
                    refuse("the module", part, "shares its parameters with another. Give each parameters of its own")
                seen.add(id(parameter))


def leaves(module: Any, nn: Any, place: str) -> Iterator[tuple[str, Any]]:
    """The modules of an nn.Sequential in their order, those of inner ones among them, and where each stands."""
    if any(getattr(module, name, None) for name in HOOKS):
        refuse(place, module, "has hooks, which may change what it computes. Remove them")
    inner = isinstance(module, nn.Sequential)
    if "forward" in vars(module) or (inner and type(module).forward is not nn.Sequential.forward):
        refuse(place, module, "has a forward of its own. Build it as a plain nn.Sequential")
    if not inner:
        yield place, module
        return
    for name, part in module._modules.items():
        yield from leaves(part, nn, f"{place}[{name}]")


def kind_of(part: Any) -> str | None:
    """The layer kind of a module."""
    spelt = {name: entry.torch.partition("(")[0] for name, entry in LAYER_KINDS.items() if entry.torch is not None}
    return next((name for name, text in spelt.items() if text == type(part).__name__), None)


def refuse(place: str, part: Any, why: str) -> NoReturn:
    """SettingsError for a module."""
    text = repr(part)
    shown = text if "\n" not in text else type(part).__name__
    raise SettingsError(f"{place}: {shown} {why}.")


def _array(tensor: Any, place: str) -> npt.NDArray[Any]:
    """The numbers of a parameter, copied."""
    if tensor.is_meta or str(tensor.dtype) not in ("torch.float32", "torch.float64"):
        found = "no numbers (the meta device)" if tensor.is_meta else str(tensor.dtype)
        raise SettingsError(f"{place}: parameters must be float32 or float64 (got {found}). Convert with .float().")
    return np.array(tensor.detach().cpu().numpy())
