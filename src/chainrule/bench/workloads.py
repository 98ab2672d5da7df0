"""What is measured, and what it should come to: four networks with their data, and the targets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LEARNING_RATES = {"sgd": 0.01, "adam": 0.001}
OURS, ALONE, PEAK, TRAIN, PROGRESS = "chainrule", "one thread", "multiply-adds", "train", "train with progress"
EAGER, COMPILE, JAX, SKLEARN, NUMPY = "PyTorch", "torch.compile", "JAX", "scikit-learn", "NumPy engine"
ONNX = "ONNX Runtime"


@dataclass(frozen=True)
class Workload:
    """A classifier with ReLU and softmax, its batch size, and rows enough for an epoch of whole batches."""

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    n_samples: int
    stands_for: str

    @property
    def n_steps(self) -> int:
        """Steps of an epoch; no batch is short."""
        return self.n_samples // self.batch_size

    @property
    def flops_per_step(self) -> int:
        """Floating-point operations of the products: Σ_l 6·B·n_in·n_out, less the gradient of the input."""
        products = [n_in * n_out for n_in, n_out in pairwise(self.sizes)]
        return 6 * self.batch_size * sum(products) - 2 * self.batch_size * products[0]

    def rows(self) -> tuple[Array, Array]:
        """X (n, n_0) float32 and class indices y (n,), the same in every process."""
        generator = np.random.default_rng(0)
        X = generator.standard_normal((self.n_samples, self.sizes[0])).astype(np.float32)
        return X, generator.integers(0, self.sizes[-1], self.n_samples).astype(np.int32)


WORKLOADS = {
    w.name: w
    for w in (
        Workload("S", (20, 64, 64, 10), 64, 8192, "a small table"),
        Workload("N", (784, 100, 10), 10, 8190, "the network of Nielsen's book"),
        Workload("M", (784, 512, 512, 10), 128, 8192, "a usual multilayer perceptron"),
        Workload("L", (784, 2048, 2048, 10), 512, 2048, "bound by arithmetic alone"),
    )
}
RATIO_TARGETS = {
    "S": {EAGER: 18.0, SKLEARN: 12.0, JAX: 2.0},
    "N": {EAGER: 8.5, SKLEARN: 8.5, JAX: 1.5},
    "M": {EAGER: 1.8, SKLEARN: 2.3, JAX: 1.25},
    "L": {EAGER: 1.2, SKLEARN: 1.2, JAX: 1.1},
}
"""Peer time / our time on one thread, at least; a peer without an entry is to be beaten."""
SHARE_TARGETS = {("S", "sgd"): 0.75, ("S", "adam"): 0.75, ("N", "sgd"): 0.60, ("M", "sgd"): 0.85, ("M", "adam"): 0.85,
                 ("L", "sgd"): 0.85, ("L", "adam"): 0.85}  # fmt: skip
"""Share of the core's own peak on one thread, at least."""
SCALING_TARGETS = {"S": 1.3, "N": 1.0, "M": 1.7, "L": 1.7}
"""Time on one thread / time on two, at least."""


def ratio_target(workload: str, peer: str, threads: int) -> float:
    """The least ratio that counts as met."""
    return RATIO_TARGETS[workload].get(peer, 1.0) if threads == 1 else 1.0
