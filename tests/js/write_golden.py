"""Golden numbers for the page's mathematics, written by reference/: `python tests/js/write_golden.py [--print]`.

Every activation with its slope, every legal pair of loss and output with J and delta, every optimizer over three
steps, a dense layer and layer normalisation in both directions. tests/js/maths.test.js recomputes them in
JavaScript; test_golden.py in this folder keeps the file what reference/ says today.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

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
    for loss in (*LOSSES, "quantile:0.9"):
        for output in loss_named(loss).pairs:
            if missing and not ACTIVATIONS[output].elementwise:
                continue
            y, a = targets(output), ACTIVATIONS[output].g(Z)
            if missing:
                y.flat[::3] = np.nan
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
    }


if __name__ == "__main__":
    text = json.dumps(golden(), separators=(",", ":"))
    if sys.argv[1:] == ["--print"]:
        print(text)
    else:
        FILE.write_text(text + "\n", encoding="utf-8")
