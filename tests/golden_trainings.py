"""Trainings whose weights are recorded to the bit, and the record: golden_trainings.json beside this file.

    python tests/golden_trainings.py --write       record again, after a change that is meant to change bits
    python tests/golden_trainings.py               list what differs from the record

Every row is made of whole numbers over a power of two, so that no library has a part in them. Bits of the native
engine are the same on every machine. Those of the NumPy engine follow the BLAS and the processor, so it is recorded
where no sum has two terms and no function is called that processors round differently.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr

RECORD = Path(__file__).with_suffix(".json")
ACTIVATIONS = (
    "identity", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "sigmoid", "tanh",
    "exponential",
)  # fmt: skip
OUTPUTS = {
    "softmax squared_error": (3, "softmax", "squared_error"),
    "sigmoid squared_error": (2, "sigmoid", "squared_error"),
    "identity squared_error": (2, "identity", "squared_error"),
    "tanh squared_error": (1, "tanh", "squared_error"),
    "relu squared_error": (2, "relu", "squared_error"),
    "sigmoid cross_entropy": (1, "sigmoid", "cross_entropy"),
    "sigmoid cross_entropy labels": (3, "sigmoid", "cross_entropy"),
    "identity absolute_error": (1, "identity", "absolute_error"),
    "gelu absolute_error": (2, "gelu", "absolute_error"),
    "identity huber": (2, "identity", "huber"),
    "exponential poisson": (1, "exponential", "poisson"),
    "softplus poisson": (2, "softplus", "poisson"),
    "identity quantile": (1, "identity", "quantile"),
    "identity quantile 0.9": (2, "identity", "quantile:0.9"),
    "softmax focal": (3, "softmax", "focal"),
    "sigmoid focal 0.5": (2, "sigmoid", "focal:0.5"),
}
INITIALIZERS = (
    "zeros", "standard_normal", "scaled_normal", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal",
    "lecun_normal",
)  # fmt: skip
OPTIMIZERS = {
    "sgd": cr.SGD(0.1),
    "momentum": cr.SGD(0.05, momentum=0.9),
    "nesterov": cr.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": cr.Adam(0.01),
    "adam betas": cr.Adam(0.01, beta1=0.8, beta2=0.99, epsilon=1e-6),
    "adamw": cr.AdamW(0.01, weight_decay=0.1),
    "rmsprop": cr.RMSProp(0.01),
    "adagrad": cr.Adagrad(0.05),
    "sgd_sutskever": "sgd_sutskever",
    "adam_epsilon_hat": "adam_epsilon_hat",
}
SCHEDULES = {
    "constant": {},
    "step": {"decay_every": 2, "decay_factor": 0.5},
    "exponential": {"decay_every": 1},
    "cosine": {},
    "flat_cosine": {},
    "coslog4": {},
    "one_cycle": {},
    "plateau": {"decay_every": 1, "decay_factor": 0.5, "validation": 0.25, "epochs": 12, "optimizer": cr.SGD(0.5)},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "layer normalization": {"normalization": "layer"},
    "residual": {"residual": True},
    "normalized residual": {"normalization": "layer", "residual": True, "activation": "gelu"},
    "one normalized layer": {"normalization": ["layer", None], "residual": [False, True]},
    "two activations": {"activation": ["tanh", "silu"]},
    "dropout": {"dropout": 0.3},
    "dropout normalized": {"dropout": 0.5, "normalization": "layer", "optimizer": cr.Adam(0.01)},
    "l2": {"l2": 0.02},
    "l1": {"l1": 0.01},
    "l1 l2 clip_norm": {"l1": 0.002, "l2": 0.01, "clip_norm": 0.5, "optimizer": cr.Adam(0.01)},
    "clip_norm": {"clip_norm": 0.1},
    "warm_up": {"warm_up": 0.3, "schedule": "cosine"},
    "sample_weight": {"weighted": True},
    "class_weight": {"class_weight": "balanced"},
    "validation share": {"validation": 0.25, "early_stopping": 2, "epochs": 6},
    "no shuffle": {"shuffle": False},
    "another seed": {"seed": 1234567890123},
    "batch of one": {"batch_size": 1, "n": 9},
    "batch of seven": {"batch_size": 7},
    "all rows in a batch": {"batch_size": 50},
    "batch beyond the rows": {"batch_size": 300},
    "no hidden layer": {"hidden": ()},
    "five layers": {"hidden": (11, 8, 8, 5), "activation": "tanh"},
    "wide": {"hidden": (130, 70), "n_inputs": 65, "n": 100, "batch_size": 64},
    "image": {"hidden": (100,), "n_inputs": 784, "outputs": 10, "n": 40, "batch_size": 10},
    "one input": {"n_inputs": 1},
    "no epoch of whole batches": {"n": 33, "batch_size": 32},
    "many rows": {"hidden": (20,), "n": 3000, "batch_size": 200, "epochs": 1},
}
EXACT: dict[str, dict[str, Any]] = {
    **{f"optimizer {name}": {"optimizer": rule} for name, rule in OPTIMIZERS.items()},
    **{f"schedule {name}": {"schedule": name, **more} for name, more in SCHEDULES.items() if name != "plateau"},
    "l1 l2": {"l1": 0.01, "l2": 0.02},
    "dropout": {"dropout": 0.5},
    "leaky_relu": {"activation": "leaky_relu"},
    "absolute_error": {"loss": "absolute_error"},
    "quantile": {"loss": "quantile:0.25"},
    "five outputs": {"hidden": (), "outputs": 5},
    "sample_weight": {"weighted": True},
}
"""Of networks of one unit a layer, or of none, and one row a batch: no sum has two terms."""


def cases() -> dict[str, dict[str, Any]]:
    """The trainings of the native engine: every one in one or both precisions, by name."""
    found: dict[str, dict[str, Any]] = {}
    for dtype in ("float32", "float64"):
        found |= {f"activation {name} {dtype}": {"activation": name, "dtype": dtype} for name in ACTIVATIONS}
        for name, (n_outputs, output, loss) in OUTPUTS.items():
            found[f"output {name} {dtype}"] = dict(outputs=n_outputs, output=output, loss=loss, dtype=dtype)
        found |= {f"optimizer {name} {dtype}": {"optimizer": rule, "dtype": dtype} for name, rule in OPTIMIZERS.items()}
        found |= {f"option {name} {dtype}": {**options, "dtype": dtype} for name, options in OPTIONS.items()}
    found |= {f"initializer {name}": {"initializer": name} for name in INITIALIZERS}
    found |= {f"schedule {name}": {"epochs": 6, "schedule": name, **more} for name, more in SCHEDULES.items()}
    return found


def exact_cases() -> dict[str, dict[str, Any]]:
    """The trainings that have the same bits with every BLAS and processor, by name."""
    one = {"n_inputs": 1, "hidden": (1,), "outputs": 1, "output": "identity", "loss": "squared_error"}
    more = {"batch_size": 1, "n": 12, "initializer": "he_normal", "activation": "relu"}
    return {
        f"{name} {dtype}": {**one, **more, **case, "dtype": dtype}
        for dtype in ("float32", "float64")
        for name, case in EXACT.items()
    }


def grid(n: int, width: int, salt: int) -> np.ndarray:
    """(n, width) numbers between −1 and 1, whole numbers over 512."""
    i, j = np.ogrid[:n, :width]
    return ((i * 7919 + j * 104729 + i * j * 31 + (i * i) % 97 * 13 + salt * 57) % 1021 - 510) / 512


def train(
    engine: str, *, n_inputs: int = 5, hidden: Any = (8, 8), outputs: int = 3, output: str = "softmax",
    loss: str = "cross_entropy", activation: Any = "relu", initializer: str = "auto", dtype: str = "float32",
    normalization: Any = None, residual: Any = False, n: int = 50, weighted: bool = False, **settings: Any,
) -> cr.Run:  # fmt: skip
    """One training of a network of these sizes on rows of whole numbers."""
    net = cr.Network(
        [n_inputs, *hidden, outputs], activation if hidden else [], output, loss, initializer, dtype, 7,
        normalization if hidden else None, residual if hidden else False,
    )  # fmt: skip
    X, y = grid(n, n_inputs, 1), grid(n, outputs, 2)
    if output == "softmax":
        y = np.arange(n) * np.arange(n) % 11 % outputs
    elif output == "sigmoid" and loss == "cross_entropy":
        y = (y > 0).astype(np.int64)
    elif loss == "poisson" or output in ("sigmoid", "relu"):
        y = np.abs(y)
    weight = (np.arange(n) % 5) / 4 if weighted else None
    settings = {"epochs": 3, "batch_size": 16, "optimizer": cr.SGD(0.1), **settings}
    return cr.train(net, X, y, sample_weight=weight, engine=engine, progress=False, **settings)


def digest(network: cr.Network) -> str:
    """sha256 over weights and biases, gains and shifts, layer by layer."""
    found = hashlib.sha256()
    for tensors in zip(network.W, network.b, network.gain, network.shift, strict=True):
        for tensor in tensors:
            found.update(b"" if tensor is None else np.ascontiguousarray(tensor).tobytes())
    return found.hexdigest()


def measured() -> dict[str, dict[str, str]]:
    """What the record holds, computed now."""
    return {
        "native": {name: digest(train("native", **case).network) for name, case in cases().items()},
        "numpy": {name: digest(train("numpy", **case).network) for name, case in exact_cases().items()},
    }


def recorded() -> dict[str, dict[str, str]]:
    """The record."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


def main() -> int:
    """Write the record, or list what differs from it; exit code 1 where something does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="record what is computed now")
    found = measured()
    if parser.parse_args().write:
        RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"{sum(map(len, found.values()))} trainings recorded in {RECORD}")
        return 0
    known = recorded()
    differing = [
        f"{engine}: {name}"
        for engine in known
        for name in sorted(known[engine].keys() | found[engine].keys())
        if known[engine].get(name) != found[engine].get(name)
    ]
    print("\n".join(differing) or "all as recorded")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
