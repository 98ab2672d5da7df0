"""Networks of every activation, output, loss, optimizer and layer option in Python: all that can be asked of a run."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from recorded_behaviour.outputs import Outputs
from recorded_behaviour.tables import EVENTS, NUMBERS

HIDDEN = ("identity", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "sigmoid", "tanh",
          "exponential")  # fmt: skip
OUTPUTS = (("softmax", "cross_entropy"), ("sigmoid", "cross_entropy"), ("identity", "squared_error"),
           ("sigmoid", "squared_error"), ("identity", "absolute_error"), ("tanh", "huber"), ("exponential", "poisson"),
           ("softplus", "poisson"), ("identity", "quantile:0.8"), ("softmax", "squared_error"),
           ("identity", "quantile"), ("silu", "huber"))  # fmt: skip
OPTIMIZERS = ("sgd", {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}, "adam", "adamw", "rmsprop", "adagrad",
              "sgd_sutskever", "adam_epsilon_hat", {"name": "sgd", "learning_rate": 0.05, "momentum": 0.8,
              "nesterov": True}, cr.SGD(30.0))  # fmt: skip
LAYERS: tuple[dict[str, Any], ...] = ({}, {"normalization": "layer"}, {"residual": [False, True]},
                                      {"normalization": ["layer", None], "residual": [False, True]})  # fmt: skip
SETTINGS: tuple[dict[str, Any], ...] = (
    {}, {"l2": 0.01}, {"dropout": 0.3}, {"l1": 0.001, "clip_norm": 0.5}, {"schedule": "one_cycle"},
    {"sample_weight": True}, {"schedule": "step", "decay_every": 1}, {"warm_up": 0.5, "schedule": "cosine"},
    {"schedule": "exponential", "dtype": "float64"}, {"engine": "numpy"}, {"validation": 0.2, "early_stopping": 1},
    {"schedule": "plateau", "validation": 0.2, "decay_every": 1},
)  # fmt: skip


def record(outputs: Outputs, folder: Path) -> None:
    """One training for each activation, the other choices in turn, then circuits and refusals."""
    others = zip(cycle(OUTPUTS), cycle(OPTIMIZERS), cycle(LAYERS), cycle(SETTINGS), strict=False)
    for activation, choice in zip(HIDDEN, others, strict=False):
        _training(outputs, activation, *choice)
    for name in ("product", "sigmoid", "max", "staged"):
        circuit = cr.circuit(name)
        outputs.write(f"circuit {name}", [circuit.text("en"), circuit.text("ko"), circuit.to_mermaid()])
        outputs.write(f"circuit {name} dict", circuit.to_dict())
    outputs.write("names", {name: str(getattr(cr, name).__doc__) for name in cr.__all__ if name != "__version__"})
    _refusals(outputs)


def _training(outputs: Outputs, activation: str, output: Any, optimizer: Any, layers: Any, chosen: Any) -> None:
    settings = dict(chosen)
    rng = np.random.default_rng(3)
    n, k = 60, 1 if output[0] == "sigmoid" and output[1] == "cross_entropy" else 3
    X, y = np.round(rng.normal(size=(n, 4)), 3), np.abs(np.round(rng.normal(size=(n, k)), 3))
    if output[0] == "softmax" or k == 1:
        y = rng.integers(0, max(k, 2), n)
    dtype = settings.pop("dtype", "float32")
    if settings.pop("sample_weight", False):
        settings["sample_weight"] = np.round(rng.uniform(0, 2, n), 3)
    net = cr.Network([4, 6, 6, k], activation, output[0], output[1], dtype=dtype, seed=1, **layers)
    run = outputs.call(
        f"{activation} train",
        lambda: cr.train(net, X, y, optimizer=optimizer, batch_size=8, epochs=4, progress=False, **settings),
    )
    outputs.write(f"{activation} run", {"result": run.result, "history": run.history, "losses": run.losses,
                                        "repr": repr(run), "settings": run.settings.to_dict()})  # fmt: skip
    _step(outputs, activation, run, run.replay(9))
    _signs(outputs, activation, run, X, y)
    check = cr.check_gradients(net, X, y)
    outputs.write(f"{activation} check_gradients", [check.text("en"), check.text("ko"), check.passed])
    rate = outputs.call(f"{activation} learning_rate", lambda: cr.learning_rate(net, X, y, optimizer, 8, 20))
    if rate is not None:
        outputs.write(f"{activation} learning_rate text", "\n".join([rate.text("en"), rate.text("ko")]))
        outputs.write(f"{activation} learning_rate dict", rate.to_dict())
        outputs.write(f"{activation} learning_rate svg", rate.svg("ko"))


def _step(outputs: Outputs, name: str, run: cr.Run, step: cr.Step) -> None:
    """All outputs of a step."""
    for language in ("en", "ko"):
        for notation in ("batch", "note", "nielsen"):
            outputs.call(f"{name} explain {language} {notation}", lambda: step.explain(language, 1, notation))  # noqa: B023
        for operation in step.tape:
            outputs.call(f"{name} only {language} {operation}", lambda: step.explain(language, only=operation))  # noqa: B023
        for number in NUMBERS:
            outputs.call(f"{name} why {language} {number}", lambda: step.why(number).text(language))  # noqa: B023
        outputs.call(f"{name} circuit {language}", lambda: step.circuit(0).text(language))  # noqa: B023
    for number in NUMBERS:
        for form in ("numpy", "to_mermaid", "to_dict"):
            outputs.call(f"{name} why {form} {number}", lambda: getattr(step.why(number), form)())  # noqa: B023
    outputs.write(f"{name} mermaid", step.to_mermaid(1))
    outputs.write(f"{name} dict", step.to_dict())
    outputs.write(f"{name} circuit dict", step.circuit(0).to_dict())


def _signs(outputs: Outputs, name: str, run: cr.Run, X: Any, y: Any) -> None:
    """What diagnosis finds in a run."""
    vitals = run.vitals()
    outputs.write(f"{name} vitals", "\n".join([vitals.text("en"), vitals.text("ko")]))
    outputs.write(f"{name} vitals dict", vitals.to_dict())
    doctor = run.doctor()
    outputs.write(f"{name} doctor", "\n".join([doctor.text("en"), doctor.text("ko")]))
    outputs.write(f"{name} doctor dict", doctor.to_dict())
    for what in EVENTS:
        found = run.find(what)
        lines = None if found is None else [found.text("en"), found.text("ko"), found.to_dict()]
        outputs.write(f"{name} find {what}", lines)


def _refusals(outputs: Outputs) -> None:
    """Messages of what is not possible."""
    X, y = np.ones((6, 2)), np.array([0, 1, 0, 1, 0, 1])
    net = cr.Network([2, 3, 2])
    wrong: dict[str, Any] = {
        "activation": lambda: cr.Network([2, 3, 2], "rellu"),
        "loss": lambda: cr.Network([2, 3, 2], loss="poisson"),
        "initializer": lambda: cr.Network([2, 3, 2], initializer="he"),
        "residual": lambda: cr.Network([2, 3, 2], residual=[True]),
        "learning rate": lambda: cr.SGD(-1),
        "optimizer": lambda: cr.train(net, X, y, optimizer="sdg"),
        "schedule": lambda: cr.train(net, X, y, schedule="cos"),
        "shape": lambda: net.forward(np.ones((2, 3))),
        "engine": lambda: cr.train(net, X, y, engine="gpu"),
        "class": lambda: cr.train(net, X, y + 1),
    }
    for name, what in wrong.items():
        outputs.call(f"refused {name}", what)
