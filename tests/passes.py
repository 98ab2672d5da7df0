"""A small network with data, for every test of the two passes and of what stands on them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.reference.activations import Array
from chainrule.reference.kinds.layer_norm import LAYER_NORM
from chainrule.reference.layer_kind import Between
from chainrule.reference.propagate import backward, batch_loss, forward, row_scales


class Example:
    """A small network with data: everything both passes need, and both passes."""

    def __init__(self, sizes: tuple[int, ...], hidden: str, output: str, loss: str, n: int = 7, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.L, self.loss, self.output = len(sizes) - 1, loss, output
        self.activations = [None, *[hidden] * (self.L - 1), output]
        self.W: list[Any] = [None, *(rng.normal(size=s) / np.sqrt(s[0]) for s in pairwise(sizes))]
        self.b: list[Any] = [None, *(0.5 * rng.normal(size=size) for size in sizes[1:])]
        self.X = rng.normal(size=(n, sizes[0]))
        self.weight: Array | None = rng.uniform(0.2, 2.0, size=n)
        self.y = rng.normal(size=(n, sizes[-1]))
        if loss in ("cross_entropy", "poisson"):
            self.y = np.abs(self.y) / np.abs(self.y).sum(axis=1, keepdims=True)
        self.masks: list[Any] | None = None
        self.gain: list[Any] | None = None
        self.shift: list[Any] | None = None
        self.residual: list[bool] | None = None

    def with_layers(self, normalised: bool, residual: bool) -> Example:
        """The same with layer normalisation, and a residual connection wherever sizes agree."""
        rng = np.random.default_rng(98)
        sizes = [W.shape[1] for W in self.W[1:-1]]
        if normalised:
            self.gain = [None, *(rng.uniform(0.5, 2, size=n) for n in sizes), None]
            self.shift = [None, *(0.5 * rng.normal(size=n) for n in sizes), None]
        if residual:
            self.residual = [False, *(W.shape[0] == W.shape[1] for W in self.W[1:-1]), False]
        return self

    def with_masks(self, p: float = 0.4) -> Example:
        """The same with dropout on every hidden layer."""
        rng = np.random.default_rng(99)
        shapes = [(len(self.X), W.shape[1]) for W in self.W[1:-1]]
        self.masks = [None, *(np.where(rng.uniform(size=s) < p, 0.0, 1 / (1 - p)) for s in shapes), None]
        return self

    def J(self) -> float:
        """The loss of the batch."""
        z, _, a = self.forward()
        scale = row_scales(self.weight, len(self.X), self.X.dtype)
        return batch_loss(z[-1], a[-1], self.y, scale, self.loss, self.output)[0]

    def both(self) -> dict[str, Any]:
        """Every quantity of both passes by name; position 0 of the lists as documented."""
        passed = self.forward()
        scale = row_scales(self.weight, len(self.X), self.X.dtype)
        J, delta_L = batch_loss(passed.z[-1], passed.a[-1], self.y, scale, self.loss, self.output)
        found = backward(passed, self.W, delta_L, self.activations, self.masks, self.kinds, self.residual)
        learned = {f"d{name}": found.of_tensor(name) for name in ("gain", "shift")}
        return {**passed._asdict(), "J": J, **found._asdict(), **learned}

    @property
    def kinds(self) -> list[Any] | None:
        """The kind of every layer with its tensors: layer normalisation where there is a gain."""
        if self.gain is None or self.shift is None:
            return None
        pairs = zip(self.gain, self.shift, strict=True)
        return [None if g is None else Between(LAYER_NORM, {"gain": g, "shift": s}) for g, s in pairs]

    def forward(self) -> Any:
        """The forward pass."""
        return forward(self.X, self.W, self.b, self.activations, self.masks, self.kinds, self.residual)
