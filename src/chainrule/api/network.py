"""The public Network: an architecture with its parameters, and both passes over given rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import arrays, targets
from chainrule.engine.protocol import Engine
from chainrule.engine.select import select
from chainrule.errors import SettingsError, ShapeError
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import choose, initialize
from chainrule.network.parameters import Parameters
from chainrule.network.records import Backward, Forward
from chainrule.reference.activations import ACTIVATIONS
from chainrule.training.settings import check

Array = npt.NDArray[Any]


class Network:
    """A feed-forward network of dense layers, its parameters drawn from the seed.

    Args      sizes: units of each layer, the inputs first; activation: one name, or one per hidden
              layer; output: activation of the last layer; loss; initializer: a name, "auto" by
              activation, or one per layer; dtype "float32" or "float64"; seed: a whole number ≥ 0;
              normalization: "layer" (Ba, Kiros, Hinton 2016: each row of z to mean 0 and variance 1
              before the activation), None, or one of them per hidden layer; residual: True adds the
              input of a hidden layer to its output (He et al. 2016) wherever the sizes are equal, or
              one of True and False per hidden layer
    Errors    SettingsError for unknown names, impossible sizes, a loss that has no meaning on the
              output activation, or a residual connection between different sizes
    Example   >>> net = Network([2, 2, 1], activation="tanh", output="sigmoid", seed=0)
              >>> net.W[1].shape, net.b[2].shape
              ((2, 2), (1,))
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str] = "relu",
        output: str = "softmax",
        loss: str = "cross_entropy",
        initializer: str | Sequence[str] = "auto",
        dtype: str = "float32",
        seed: int = 0,
        normalization: str | Sequence[str | None] | None = None,
        residual: bool | Sequence[bool] = False,
    ) -> None:
        self.architecture = Architecture.build(sizes, activation, output, loss, dtype, normalization, residual)
        self.seed = check("seed", seed)
        self.initializers = choose(initializer, self.architecture)
        self.parameters = initialize(self.architecture, self.initializers, self.seed)
        self.kind = targets.default_kind(output, loss, self.architecture.n_outputs)
        self.engine: Engine = select("auto", self.architecture)[0]

    @classmethod
    def of(cls, parameters: Parameters, kind: targets.Kind, seed: int = 0, initializers: Sequence[str] = ()) -> Network:
        """A network around parameters that exist already."""
        network = cls.__new__(cls)
        network.architecture, network.parameters, network.kind = parameters.architecture, parameters, kind
        network.seed, network.initializers = seed, tuple(initializers)
        network.engine = select("auto", parameters.architecture)[0]
        return network

    def copy(self) -> Network:
        """The same network with parameters of its own."""
        return Network.of(self.parameters.copy(), self.kind, self.seed, self.initializers)

    @property
    def W(self) -> list[Array]:
        """Weights W[1] … W[L], writable views (n_in, n_out)."""
        return self.parameters.W

    @property
    def b(self) -> list[Array]:
        """Biases b[1] … b[L], writable views (n_out,)."""
        return self.parameters.b

    @property
    def gain(self) -> list[Array | None]:
        """Gains of the normalised layers, writable views (n_out,); None elsewhere."""
        return self.parameters.gain

    @property
    def shift(self) -> list[Array | None]:
        """Shifts of the normalised layers, writable views (n_out,); None elsewhere."""
        return self.parameters.shift

    def forward(self, X: object) -> Forward:
        """Forward propagation of the rows of X (n, n_inputs): z[l], a[l], u[l] of normalised layers, output."""
        return self.engine.forward(self.parameters, self._features(X))

    def backward(self, X: object, y: object, sample_weight: object = None) -> Backward:
        """Backward propagation: the loss J of these rows and its gradient (delta, dW, db, dX), without penalty.

        Normalised layers also have du[l], dgain[l] and dshift[l].
        """
        rows = self._features(X)
        if len(rows) == 0:
            raise ShapeError(
                "X has 0 rows; expected at least one: J is a mean over rows. forward and predict also take none."
            )
        encoded, _ = self.encode(y, len(rows))
        weight = arrays.weights(sample_weight, len(rows), self.architecture.dtype)
        return self.engine.backward(self.parameters, rows, encoded, weight)

    def predict(self, X: object) -> Array:
        """Class indices (n,), labels (n, k) of 0/1, or values (n,) or (n, k)."""
        return targets.decode(self._output(X), self.kind)

    def predict_proba(self, X: object) -> Array:
        """Probabilities (n, n_classes) of a network with softmax or sigmoid output; both columns for one sigmoid."""
        output = self._output(X)
        if not ACTIVATIONS[self.architecture.output].probability:
            raise SettingsError(
                f"output activation {self.architecture.output!r} gives no probabilities; expected softmax or sigmoid. "
                "Use predict."
            )
        one = self.kind == "class" and output.shape[1] == 1
        return np.hstack([1 - output, output]) if one else output

    def encode(self, y: object, n: int) -> tuple[Array, targets.Kind]:
        """y as engines take it, and what it says the outputs mean."""
        a = self.architecture
        return targets.encode(y, n, output=a.output, loss=a.loss, n_outputs=a.n_outputs, dtype=a.dtype)

    def _output(self, X: object) -> Array:
        rows, refuse = arrays.unchecked_features(X, self.architecture.n_inputs, self.architecture.dtype)
        return self.engine.predict(self.parameters, rows, refuse)

    def _features(self, X: object) -> Array:
        return arrays.features(X, self.architecture.n_inputs, self.architecture.dtype)

    def __repr__(self) -> str:
        a = self.architecture
        return f"Network({a}, {a.hidden}, output={a.output}, loss={a.loss}, {a.n_parameters:,} parameters, {a.dtype})"
