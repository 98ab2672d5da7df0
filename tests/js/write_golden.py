"""Golden numbers for the page's mathematics, written by reference/: `python tests/js/write_golden.py [--print]`.

Every activation with its slope, every legal pair of loss and output with J and delta, every optimizer over three
steps, a dense layer and layer normalisation in both directions, and whole steps with numbers of ordinary size and of
no size at all, by the first and by the latest rules for small numbers. tests/js/maths.test.js recomputes them in
JavaScript; test_golden.py in this folder keeps the file what reference/ says today.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import StepSettings, Task
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.reference import layers
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.kinds import layer_norm
from chainrule.reference.losses import LOSSES, loss_named, value_and_delta
from chainrule.reference.optimizers import OPTIMIZERS

FILE = Path(__file__).with_name("golden.json")
RNG = np.random.default_rng(20240229)
Z = RNG.normal(scale=2, size=(5, 4))
DA = RNG.normal(size=(5, 4))
HYPER: dict[str, list[dict[str, Any]]] = {
    "sgd": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "sgd_sutskever": [{"momentum": 0.9, "nesterov": False}, {"momentum": 0.9, "nesterov": True}],
}
"""Settings other than the defaults; every other rule is taken with its own."""


def targets(output: str) -> np.ndarray:
    """Targets that a loss on this output has a meaning for."""
    y = RNG.uniform(size=Z.shape)
    if output == "softmax":
        return np.eye(Z.shape[1])[np.arange(len(Z)) % Z.shape[1]]
    return np.round(y) if output == "sigmoid" else np.round(4 * y)


def activations() -> list[dict[str, Any]]:
    """z -> a, and da -> delta, of every activation."""
    return [
        {"name": name, "a": (a := entry.g(Z)).tolist(), "delta": entry.pullback(Z, a, DA).tolist()}
        for name, entry in ACTIVATIONS.items()
    ]


def losses(*, missing: bool = False) -> list[dict[str, Any]]:
    """The loss of every row and delta for every legal pair; with missing targets, for outputs that act alone."""
    lines = []
    for loss in (*LOSSES, "quantile:0.9", "focal:0.5", "focal:0", "intervals:0.05,0.1,0.9", "intervals:0.1:huber"):
        n_heads = loss_named(loss).n_heads
        if Z.shape[1] % n_heads:
            continue
        for output in loss_named(loss).pairs:
            if missing and not ACTIVATIONS[output].elementwise:
                continue
            y, a = targets(output), ACTIVATIONS[output].g(Z)
            if missing:
                y.flat[::3] = np.nan
            y = np.repeat(y[:, ::n_heads], n_heads, axis=1)
            value, delta = value_and_delta(loss, output, Z, a, y)
            y = np.where(np.isnan(y), None, y)  # JSON has no word for it
            lines.append(
                {"loss": loss, "output": output, "y": y.tolist(), "value": value.tolist(), "delta": delta.tolist()}
            )
    return lines


def optimizers() -> list[dict[str, Any]]:
    """theta after each of three updates."""
    lines = []
    for name, rule in OPTIMIZERS.items():
        for hyper in HYPER.get(name, [{}]):
            settings = {**rule.hyper, **hyper}
            theta, state, path = np.array([0.5, -1.5]), rule.start(np.zeros(2), settings), []
            for t, g in enumerate(([0.2, -0.4], [-0.1, 0.3], [0.05, 0.7]), start=1):
                theta, state = rule.update(np.array(g), state, theta, t, 0.1, **settings)
                path.append({"g": g, "theta": theta.tolist(), "state": {k: v.tolist() for k, v in state.items()}})
            lines.append(
                {"name": name, "hyper": {k: float(v) for k, v in settings.items()}, "start": [0.5, -1.5], "path": path}
            )
    return lines


def layer_kinds() -> dict[str, Any]:
    """A dense layer, and layer normalisation in both directions."""
    W, b, gain, shift = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=4), RNG.normal(size=4)
    z, _ = layers.dense_forward(Z, W, b, "identity")
    u = layer_norm.layer_norm_forward(Z, gain, shift)
    delta, dgain, dshift = layer_norm.layer_norm_backward(Z, gain, DA)
    return {
        "dense": {"W": W.tolist(), "b": b.tolist(), "z": z.tolist()},
        "layer_norm": {
            "gain": gain.tolist(), "shift": shift.tolist(), "u": u.tolist(),
            "delta": delta.tolist(), "dgain": dgain.tolist(), "dshift": dshift.tolist(),
        },
    }  # fmt: skip


STEPS = [
    {"optimizer": rule, "dtype": dtype, "scale": scale, "rules": rules, "step": step}
    for rule, dtype, scale, rules, step in [
        ("adam", "float32", 1.0, 2, 3),
        ("adam", "float32", 1e-39, 1, 3),
        ("adam", "float32", 3e-42, 1, 3),
        ("sgd", "float32", 1e-39, 1, 3),
        ("sgd", "float32", 1e-15, 2, 3),
        ("adam", "float32", 2e-17, 2, 63),
        ("adam", "float32", 1e-17, 2, 62),
        ("sgd", "float32", 3e-17, 2, 63),
        ("rmsprop", "float64", 1e-150, 2, 3),
        ("adam", "float64", 1e-310, 1, 3),
        ("adam", "float64", 1.0, 2, 63),
    ]
]
"""Steps of a network whose weights have about the size `scale`, biases the size of 1."""


def step_of(case: dict[str, Any]) -> dict[str, Any]:
    """One step as the page holds it: arrays of numbers beside their shapes."""
    rng = np.random.default_rng(3)
    dtype, name = case["dtype"], case["optimizer"]
    architecture = Architecture.build([4, 6, 5, 1], "relu", "sigmoid", dtype=dtype, rules=case["rules"])
    parameters = Parameters(architecture, rng.normal(size=architecture.n_parameters).astype(dtype))
    task = Task(
        architecture=architecture, X=rng.normal(size=(4, 4)).astype(dtype), targets=(np.arange(4) % 2).astype(np.int32),
        weight=None, optimizer=name, batch_size=4, seed=0, shuffle=False,
    )  # fmt: skip
    settings = StepSettings(optimizer=OPTIMIZERS[name].hyper, l2=0.01)
    state = {key: rng.normal(size=architecture.n_parameters) for key in OPTIMIZERS[name].keeps(settings.optimizer)}
    state = {key: (x if key == "m" else x * x).astype(dtype) for key, x in state.items()}
    moments = {key: parameters.like(array) for key, array in state.items()}
    for l in range(1, 4):
        parameters.W[l] *= np.dtype(dtype).type(case["scale"])
        for key, moment in moments.items():
            moment.W[l] *= np.dtype(dtype).type(case["scale"]) * (0 if key == "v" and case["scale"] < 1 else 1)
    session = NumpyEngine().start(task, settings)
    session.load(parameters.flat, state)
    r = session.record(case["step"], 0.01, settings)

    def matrix(x: Any) -> Any:
        return None if x is None else {"data": x.ravel().tolist(), "shape": list(x.shape)}

    flat = [b.ravel() for l in range(1, 4) for b in (r.backward.dW[l], r.backward.db[l])]
    y = np.asarray(task.targets, dtype)[:, None]
    return {
        "architecture": architecture.to_dict() | {"n_parameters": architecture.n_parameters},
        "step": {
            "step": r.step, "eta": 0.01, "loss": r.backward.loss, "optimizer": name, "X": matrix(r.forward.a[0]),
            "settings": {"optimizer": settings.optimizer, "l2": 0.01, "l1": 0, "clip_norm": None},
            "y": matrix(y), "weight": None, "masks": None, "theta": matrix(r.update.old.parameters.flat),
            "state": {key: matrix(part.flat) for key, part in r.update.old.optimizer.items()},
            "z": [matrix(x) for x in r.forward.z], "a": [None, *(matrix(x) for x in r.forward.a[1:])],
            "u": [None] * 4, "du": [None] * 4, "delta": [matrix(x) for x in r.backward.delta],
            "dtheta": matrix(np.concatenate(flat)), "gradient": matrix(r.update.gradient.flat),
            "theta_new": matrix(r.update.new.parameters.flat),
        },
    }  # fmt: skip


def golden() -> dict[str, Any]:
    """All of it."""
    global RNG
    RNG = np.random.default_rng(7)
    return {
        "z": Z.tolist(),
        "da": DA.tolist(),
        "activations": activations(),
        "losses": losses(),
        "optimizers": optimizers(),
        "layers": layer_kinds(),
        "missing": losses(missing=True),
        "steps": [case | step_of(case) for case in STEPS],
    }


if __name__ == "__main__":
    text = json.dumps(golden(), separators=(",", ":"))
    if sys.argv[1:] == ["--print"]:
        print(text)
    else:
        FILE.write_text(text + "\n", encoding="utf-8")
