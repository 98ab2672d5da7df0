"""chainrule: feed-forward networks by forward and backward propagation, with every step replayable.

    net = chainrule.Network([64, 32, 10])
    run = chainrule.train(net, X, y, epochs=20)
    print(run.replay(100).explain())
"""

from __future__ import annotations

from chainrule._version import __version__
from chainrule.api.check import check_gradients
from chainrule.api.load import Model, load
from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.api.step import Step
from chainrule.api.train import train
from chainrule.errors import (
    ChainruleError,
    DataError,
    DivergedError,
    DivergenceWarning,
    ModelFileError,
    SettingsError,
    ShapeError,
)
from chainrule.training.settings import SGD, Adagrad, Adam, AdamW, RMSProp

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "ChainruleError",
    "DataError",
    "DivergedError",
    "DivergenceWarning",
    "Model",
    "ModelFileError",
    "Network",
    "RMSProp",
    "Run",
    "SettingsError",
    "ShapeError",
    "Step",
    "__version__",
    "check_gradients",
    "load",
    "train",
]
