"""Trainings that work, some of them in unusual ways: whatever is said against them is a false alarm.

One counts where its error on the test rows is below its bound, which was set by what the training reaches.
"""

from __future__ import annotations

from dataclasses import dataclass

import chainrule as cr
from diagnosis.fresh import base
from diagnosis.plans import Base


@dataclass(frozen=True)
class FreshControl:
    """A healthy training, and the error on the test rows that it stays below."""

    name: str
    base: Base
    bound: float


def _values(loss: str, output: str = "identity") -> dict[str, tuple[str, str]]:
    return {"outputs": (output, loss)}


CONTROLS = tuple(
    FreshControl(*fields)
    for fields in (
        ("iris, sixty rows", base("iris", (8,), "tanh", cr.Adam(0.02), n_train=60, epochs=25, batch_size=10), 0.15),
        ("one column, a curve", base("sine", (24,), "tanh", cr.Adam(0.02), n_train=200, epochs=150), 0.4),
        ("one column, a threshold", base("threshold", (), "relu", cr.SGD(0.5), n_train=300), 0.2),
        ("linear regression", base("plane", (), "relu", cr.SGD(0.05), n_train=400), 0.4),
        ("linear regression of heavy tails by absolute errors",
         base("incomes", (24,), "silu", cr.Adam(0.005), n_train=900, epochs=50, **_values("absolute_error")), 0.6),
        ("pictures in batches of 250",
         base("mnist", (48,), "relu", cr.SGD(0.3, momentum=0.9), n_train=3000, epochs=10, batch_size=250), 0.15),
        ("one row a step", base("moons", (12,), "tanh", cr.SGD(0.05), n_train=240, epochs=40, batch_size=1), 0.15),
        ("a rare disease, balanced weights",
         base("mammography", (12,), "elu", cr.Adam(0.003), n_train=3600, settings={"class_weight": "balanced"}), 0.25),
        ("a rare class well apart", base("rare", (10,), "relu", cr.Adam(0.005), n_train=1500, epochs=20), 0.2),
        ("twelve layers with short cuts",
         base("clusters", (24,) * 12, "relu", cr.Adam(0.001), n_train=1800,
              network={"residual": [False] + [True] * 11, "normalization": "layer"}, epochs=12), 0.15),
        ("six layers of tanh", base("spirals", (20,) * 6, "tanh", cr.Adam(0.003), n_train=900, epochs=60), 0.15),
        ("sigmoid layers", base("breast_cancer", (16,), "sigmoid", cr.Adam(0.01), n_train=320, epochs=30), 0.15),
        ("answers of yes and no, many rows alike",
         base("votes", (16,), "relu", cr.Adam(0.01), n_train=900, epochs=20), 0.05),
        ("counts", base("visits", (12,), "tanh", cr.Adam(0.01), n_train=1200, epochs=20,
                        **_values("poisson", "exponential")), 0.8),
        ("float64", base("friedman", (32,), "tanh", cr.Adam(0.01), n_train=1500, epochs=40,
                         network={"dtype": "float64"}), 0.4),
        ("half of the units dropped", base("mnist", (200,), "relu", cr.Adam(0.002), n_train=2400, epochs=12,
                                           settings={"dropout": 0.5}), 0.15),
        ("decayed weights", base("electricity", (24,), "gelu", cr.AdamW(0.005), n_train=3000, epochs=25), 0.28),
        ("warm-up and cosine", base("uci_power_plant", (40,), "mish", cr.Adam(0.02), n_train=2000, epochs=25,
                                    settings={"schedule": "cosine", "warm_up": 0.1}), 0.35),
        ("one cycle", base("arm", (40, 20), "elu", cr.Adam(0.01), n_train=1200, epochs=40,
                           settings={"schedule": "one_cycle"}), 0.25),
        ("stopped early", base("uci_yacht", (16,), "tanh", cr.Adam(0.02), n_train=184, epochs=300, batch_size=8,
                               settings={"early_stopping": 40}), 0.3),
        ("Adagrad", base("spirals", (64,), "relu", cr.Adagrad(0.1), n_train=1200, epochs=60), 0.15),
        ("RMSProp", base("adult", (16,), "relu", cr.RMSProp(0.001), n_train=4000, epochs=10, batch_size=64), 0.3),
        ("Nesterov's momentum", base("diamonds", (24,), "elu", cr.SGD(0.01, 0.9, nesterov=True), n_train=4500,
                                     epochs=20, batch_size=64), 0.3),
        ("a safety net for gradients", base("seoul_bike", (32,), "relu", cr.Adam(0.003), n_train=3000, epochs=30,
                                            settings={"clip_norm": 5.0}), 0.55),
        ("a large rate for sigmoid layers", base("clusters", (30,), "sigmoid", cr.SGD(2.0), n_train=1200, epochs=30),
         0.15),
    )
)  # fmt: skip
