"""chainrule: feed-forward networks by forward and backward propagation, with every step replayable.

    net = chainrule.Network([64, 32, 10])
    run = chainrule.train(net, X, y, epochs=20)
    print(run.replay(100).explain())

Public names load when they are first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

from chainrule._version import __version__

TYPE_CHECKING = False
"""That of typing, which takes longer to load than all of this."""

if TYPE_CHECKING:
    from typing import Any

    from chainrule.api.check import check_gradients
    from chainrule.api.ensemble import Ensemble
    from chainrule.api.ensemble_run import EnsembleRun
    from chainrule.api.learning_rate import learning_rate
    from chainrule.api.load import Model, load
    from chainrule.api.network import Network
    from chainrule.api.plan import plan
    from chainrule.api.register import register_activation, register_layer, register_loss, register_optimizer
    from chainrule.api.run import Run
    from chainrule.api.step import Step
    from chainrule.api.training import train
    from chainrule.errors import (
        ChainruleError,
        DataError,
        DivergedError,
        DivergenceWarning,
        GradientWarning,
        InterruptedWarning,
        MeasureWarning,
        ModelFileError,
        ReplayWarning,
        SettingsError,
        ShapeError,
    )
    from chainrule.exercises.exercise import exercise
    from chainrule.explain.circuit.examples import circuit
    from chainrule.interchange.from_keras import from_keras
    from chainrule.interchange.from_onnx import from_onnx
    from chainrule.interchange.from_sklearn import from_sklearn
    from chainrule.interchange.from_torch import from_torch
    from chainrule.pipeline.quantile_bins import quantile_bins
    from chainrule.studio.studio import Studio
    from chainrule.training.update_rules import SGD, Adagrad, Adam, AdamW, RMSProp

_HOMES = {
    "chainrule.api.check": ("check_gradients",),
    "chainrule.api.ensemble": ("Ensemble",),
    "chainrule.api.ensemble_run": ("EnsembleRun",),
    "chainrule.api.learning_rate": ("learning_rate",),
    "chainrule.api.load": ("Model", "load"),
    "chainrule.api.network": ("Network",),
    "chainrule.api.plan": ("plan",),
    "chainrule.api.register": ("register_activation", "register_layer", "register_loss", "register_optimizer"),
    "chainrule.api.run": ("Run",),
    "chainrule.api.step": ("Step",),
    "chainrule.api.training": ("train",),
    "chainrule.errors": (
        "ChainruleError",
        "DataError",
        "DivergedError",
        "DivergenceWarning",
        "GradientWarning",
        "InterruptedWarning",
        "ModelFileError",
        "MeasureWarning",
        "ReplayWarning",
        "SettingsError",
        "ShapeError",
    ),
    "chainrule.exercises.exercise": ("exercise",),
    "chainrule.explain.circuit.examples": ("circuit",),
    "chainrule.interchange.from_keras": ("from_keras",),
    "chainrule.interchange.from_onnx": ("from_onnx",),
    "chainrule.interchange.from_sklearn": ("from_sklearn",),
    "chainrule.interchange.from_torch": ("from_torch",),
    "chainrule.pipeline.quantile_bins": ("quantile_bins",),
    "chainrule.studio.studio": ("Studio",),
    "chainrule.training.update_rules": ("SGD", "Adagrad", "Adam", "AdamW", "RMSProp"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "ChainruleError",
    "DataError",
    "DivergedError",
    "DivergenceWarning",
    "Ensemble",
    "EnsembleRun",
    "GradientWarning",
    "InterruptedWarning",
    "MeasureWarning",
    "Model",
    "ModelFileError",
    "Network",
    "RMSProp",
    "ReplayWarning",
    "Run",
    "SettingsError",
    "ShapeError",
    "Step",
    "Studio",
    "__version__",
    "check_gradients",
    "circuit",
    "exercise",
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "learning_rate",
    "load",
    "plan",
    "quantile_bins",
    "register_activation",
    "register_layer",
    "register_loss",
    "register_optimizer",
    "train",
]


def __getattr__(name: str) -> Any:
    """A public name, loaded from its home on first use. The table is fixed: no name comes from outside."""
    if name not in _HOME:
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}{_meant(name)}", name=name)
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def _meant(name: str) -> str:
    """What may be meant by a name there is not; nothing for those that Python asks for itself."""
    if name.startswith("_"):
        return ""
    from chainrule.errors import from_elsewhere

    if name.startswith(("MLP", "Tabular")):
        return f". Try from chainrule.sklearn import {name}"
    same = from_elsewhere(name, __all__)
    return "" if same is None else f". Try chainrule.{same}"


def __dir__() -> list[str]:
    return sorted(__all__)
