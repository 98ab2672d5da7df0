"""What remains of a preset where something is stated: the choices that were made for its own are switched off.

A preset is tuned as a whole. Its dropout is that of its width and its schedule that of its optimizer; beside another
network or another optimizer they say nothing, and whoever states these expects the plain meaning of what is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chainrule.planning.preset import Preset
from chainrule.planning.request import AUTO, BY_PRESET, Request
from chainrule.training.settings import OPTIMIZER_SETTINGS, SETTINGS
from chainrule.visible import short_repr

RELATED: dict[str, tuple[str, ...]] = {
    "network": ("dropout", "l2"),
    "optimizer": ("learning_rate", "weight_decay", "schedule", "warm_up", "learning_rate_factors"),
    "schedule": ("warm_up",),
    "l2": ("weight_decay",),
    "weight_decay": ("l2",),
}
"""What is stated otherwise than in the preset → what the preset chose for its own, and is switched off with it."""


@dataclass(frozen=True, kw_only=True)
class PresetChoices:
    """What a preset decides in a training of which something else is stated."""

    name: str
    remain: Mapping[str, Any]
    """Its choices that hold, by name."""
    switched_off: Mapping[str, str]
    """Its choices that do not, by name, with what is stated instead of what they were made for."""
    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the record of a run."""
        return {"name": self.name, "remain": dict(self.remain), "switched_off": dict(self.switched_off)}

    @property
    def text(self) -> str:
        """Both in one line."""
        shown = [f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                 for name, value in self.remain.items()]  # fmt: skip
        text = f"of preset {self.name} remain: {', '.join(shown) or 'nothing'}"
        causes = dict.fromkeys(self.switched_off.values())
        parts = [
            f"{', '.join(name for name, of_name in self.switched_off.items() if of_name == cause)} ({cause} is stated)"
            for cause in causes
        ]
        return f"{text}; switched off: {', '.join(parts)}" if parts else text


def choices(request: Request, preset: Preset) -> PresetChoices | None:
    """What remains of a preset, and what does not; None where nothing is stated that it decides."""
    if request.hidden_sizes is None and not any(name in request.settings for name in BY_PRESET):
        return None
    off = switched_off(request, preset)
    made = {"hidden_sizes": "-".join(map(str, preset.hidden_sizes)) or "none", **_made(preset)}
    stated = {name for name, value in request.settings.items() if value != AUTO}
    stated |= {"hidden_sizes"} if request.hidden_sizes is not None else set()
    stated |= {"metric"} if request.metric != AUTO else set()
    remain = {
        name: value
        for name, value in made.items()
        if name not in stated and name not in off and (value or value is False)
    }
    return PresetChoices(name=request.preset, remain=remain, switched_off=off)


def switched_off(request: Request, preset: Preset) -> dict[str, str]:
    """The choices of a preset that do not hold, each with what is stated instead of what it was made for."""
    made = _made(preset)
    found: dict[str, str] = {}
    for cause in RELATED:
        if _differs(request, preset, cause, made):
            for name in RELATED[cause]:
                if name in made and made[name] != _off(name) and name not in request.settings:
                    found.setdefault(name, cause)
    return found


def fitting(request: Request, preset: Preset) -> Preset:
    """The preset without the choices that are switched off; another optimizer is left to its own defaults."""
    off = switched_off(request, preset)
    settings = {name: value for name, value in preset.settings.items() if name not in off}
    optimizer = {name: value for name, value in preset.optimizer.items() if name not in off}
    if off.get("weight_decay") == "l2":
        optimizer["weight_decay"] = 0.0
    if _differs(request, preset, "optimizer", _made(preset)):
        optimizer = {"name": request.settings["optimizer"]}
    return replace(preset, settings=settings, optimizer=optimizer)


def _made(preset: Preset) -> dict[str, Any]:
    """The choices of a preset by name, the optimizer's own among them."""
    optimizer = dict(preset.optimizer)
    return {"optimizer": optimizer.pop("name"), **optimizer, **preset.settings}


def _off(name: str) -> Any:
    """What a setting is where nobody chose it; the optimizer, its rate and its own settings always are a choice."""
    of_optimizer = name in OPTIMIZER_SETTINGS or name in ("optimizer", "learning_rate")
    return SETTINGS[name].default if name in SETTINGS and not of_optimizer else None


def _differs(request: Request, preset: Preset, cause: str, made: Mapping[str, Any]) -> bool:
    """Whether something is stated otherwise than in the preset."""
    if cause == "network":
        return request.hidden_sizes is not None and tuple(request.hidden_sizes) != preset.hidden_sizes
    stated = request.settings.get(cause)
    return stated is not None and stated != made.get(cause, SETTINGS[cause].default if cause in SETTINGS else 0.0)
