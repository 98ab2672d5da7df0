"""A plan: everything a training is given, before it is done. Faults change plans; nothing else makes them faulty."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.errors import GradientWarning
from diagnosis.sets import Parts, parts

WORST = 10.0
"""An error of values is at most this many deviations of the target: what a run that ended in NaN gets, too."""


@dataclass
class Plan:
    """Data, network and settings of one training, as the public interface takes them."""

    data: Parts
    hidden: list[int]
    activation: str
    optimizer: Any
    seed: int
    epochs: int = 20
    batch_size: int = 32
    output: str = ""
    loss: str = ""
    n_outputs: int = 0
    network: dict[str, Any] = field(default_factory=dict)
    """Further options of Network."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Further options of train."""
    edits: list[Callable[[cr.Network], None]] = field(default_factory=list)
    """Changes to the initial weights."""
    broken: tuple[dict[str, Any], str, Any] | None = None
    """An entry that a user's extension adds to a table of the mathematics: (table, name, entry)."""
    as_number: bool = False
    """Classes are regressed as numbers and rounded to predict."""
    onset: float | None = None
    """Where in the run the fault begins, as a share of its steps."""

    def __post_init__(self) -> None:
        n = self.data.n_classes
        self.output = self.output or ("softmax" if n > 2 else "sigmoid" if n else "identity")
        self.loss = self.loss or ("cross_entropy" if n else "squared_error")
        self.n_outputs = self.n_outputs or (n if n > 2 else 1)

    def fresh(self) -> cr.Network:
        """The network before training."""
        sizes = [self.data.X.shape[1], *self.hidden, self.n_outputs]
        net = cr.Network(sizes, self.activation, self.output, self.loss, seed=self.seed, **self.network)
        for edit in self.edits:
            edit(net)
        return net

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """Inside, the custom entry of the plan is registered."""
        if self.broken is None:
            yield
            return
        table, name, entry = self.broken
        table[name] = entry
        try:
            yield
        finally:
            del table[name]

    def train(self) -> cr.Run:
        """The run of this plan; it may diverge."""
        with warnings.catch_warnings():
            for category in (cr.DivergenceWarning, GradientWarning):  # what the faults are made to do
                warnings.simplefilter("ignore", category)
            return cr.train(
                self.fresh(), self.data.X, self.data.y, validation=(self.data.X_valid, self.data.y_valid),
                optimizer=self.optimizer, epochs=self.epochs, batch_size=self.batch_size, seed=self.seed, threads=1,
                progress=False, **self.settings,
            )  # fmt: skip

    def errors(self, run: cr.Run) -> tuple[float, float]:
        """Errors of the weights after the last step on the validation and on the test rows.

        The last step, because picking the best epoch hides what went wrong after it. The error is
        1 − balanced accuracy for classes, RMSE / deviation of y for values.
        """
        net, new = self.fresh(), run.replay(-1).update.new
        for l in range(1, len(net.W)):
            for ours, theirs in ((net.W, new.W), (net.b, new.b), (net.gain, new.gain), (net.shift, new.shift)):
                if ours[l] is not None:
                    ours[l][:] = theirs[l]
        d = self.data
        return self._error(net, d.X_valid, d.y_valid), self._error(net, d.X_test, d.y_test)

    def _error(self, net: cr.Network, X: Any, y: Any) -> float:
        with np.errstate(all="ignore"):
            output = np.asarray(net.forward(X).output, float)
        finite = bool(np.isfinite(output).all())
        if self.data.n_classes == 0:
            return min(WORST, float(np.sqrt(np.mean((output[:, 0] - y) ** 2)) / np.std(y))) if finite else WORST
        if not finite:
            return 1.0
        if self.as_number:
            guess = np.rint(output[:, 0]).clip(0, self.data.n_classes - 1)
        else:
            guess = output.argmax(axis=1) if self.n_outputs > 1 else output[:, 0] >= 0.5
        return 1.0 - float(np.mean([np.mean(guess[y == c] == c) for c in np.unique(y)]))


@dataclass(frozen=True)
class Base:
    """A network with settings that suit it, on a data set: the healthy training that a fault is put into."""

    data: str
    hidden: tuple[int, ...]
    activation: str
    optimizer: Any
    epochs: int = 20
    n_train: int = 1200
    batch_size: int = 32
    outputs: tuple[str, str] = ("", "")
    """Activation of the output and loss, where they are not those that the targets suggest."""
    network: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    reader: Callable[[str, Path | None, int, int], Parts] = parts
    """How a name becomes rows."""

    def plan(self, folder: Path | None, seed: int) -> Plan:
        """A plan of its own for every seed: other rows in every part, other initial weights, another order."""
        data = self.reader(self.data, folder, seed, self.n_train)
        return Plan(
            data, list(self.hidden), self.activation, self.optimizer, seed, self.epochs, self.batch_size,
            *self.outputs, network=dict(self.network), settings=dict(self.settings),
        )  # fmt: skip


RELU = {"hidden": (32,), "activation": "relu", "optimizer": cr.SGD(0.2)}
TANH = {"hidden": (64, 32), "activation": "tanh", "optimizer": cr.SGD(0.05, momentum=0.9)}
SIGMOID = {"hidden": (48, 24), "activation": "sigmoid", "optimizer": cr.Adam(0.02)}

BASES = {
    "relu/digits": Base("digits", **RELU),
    "tanh/digits": Base("digits", **TANH),
    "sigmoid/digits": Base("digits", **SIGMOID),
    "tanh/letter": Base("letter", **TANH, epochs=25, n_train=2000),
    "sigmoid/phoneme": Base("phoneme", **SIGMOID, epochs=30, n_train=1500),
    "relu/bike": Base("bike_sharing_hour", **RELU | {"optimizer": cr.SGD(0.1)}, epochs=40, n_train=1500),
    "tanh/bike": Base("bike_sharing_hour", **TANH | {"optimizer": cr.SGD(0.03, momentum=0.9)}, epochs=40, n_train=1500),
    "sigmoid/bike": Base("bike_sharing_hour", **SIGMOID, epochs=40, n_train=1500),
}
"""Three networks: a small one of rectifiers by plain gradient descent, tanh with momentum, sigmoid with Adam."""
