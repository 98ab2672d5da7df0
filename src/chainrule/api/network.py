"""The public Network: an architecture with its parameters, and both passes over given rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api import html
from chainrule.api.heads import PredictsHeads
from chainrule.data import arrays
from chainrule.engine.probabilities import complement, logits
from chainrule.engine.protocol import Engine
from chainrule.engine.select import select
from chainrule.errors import ELSEWHERE, SettingsError, ShapeError
from chainrule.network import targets
from chainrule.network.architecture import Architecture, checked_sizes
from chainrule.network.embeddings import steps_of
from chainrule.network.initializers import choose, initialize
from chainrule.network.members import member_parameters
from chainrule.network.parameters import Parameters
from chainrule.network.records import Backward, Forward
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.training.settings import check

Array = npt.NDArray[Any]


class Network(PredictsHeads):
    """A feed-forward network of dense layers, its parameters drawn from the seed.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the inputs first and the outputs last.
    activation : str or sequence of str, default "relu"
        The activation of the hidden layers: one name, or one per hidden layer.
    output : str, default "softmax"
        The activation of the last layer.
    loss : str, default "cross_entropy"
        The loss.
    initializer : str or sequence of str, default "auto"
        How the weights are drawn: a name, "auto" by activation, or one per layer.
    dtype : str, default "float32"
        The precision, "float32" or "float64".
    seed : int, default 0
        The seed of the parameters, ≥ 0.
    normalization : str or sequence, default None
        "layer" brings each row of z to mean 0 and variance 1 before the activation; None, or one of them per hidden
        layer.
    residual : bool or sequence of bool, default False
        True adds the input of a hidden layer to its output wherever the sizes are equal; or one value per hidden layer.
    embedding : str, mapping or sequence of them, default None
        Embeddings of columns before layer 1: "pbld" or "plr" for all of them, or for some
        {"kind": "pbld", "columns": [0, 3]}; "piecewise_linear" with "edges", "category" with "levels" (docs/layers.md).
    input_scale : bool, default False
        True multiplies every input, after embeddings, by a factor of its own that is learned, `parameters.scale[0]`.
    parametric : bool, default False
        True puts x + alpha ⊙ (g(x) − x) in place of every hidden activation g, alpha[l] learned, initially 1.
    members : int or mapping, default 1
        K networks side by side that share W and b of the hidden layers (TabM-mini): each has its own factors of the
        inputs, `parameters.member_scale[0]`, and its own output layer, W[L] of shape (K, n_in, n_out). The output is
        the mean over members, J the mean of their losses. {"members": K, "spread": 0.5, "blocks": [1, 3]}: factors
        that start at N(1, spread²); how many neighbouring columns, as of one category, start with the same one.

    Attributes
    ----------
    architecture : Architecture
        Layers, loss and dtype, checked.
    parameters : Parameters
        All parameters in one vector with views.
    kind : str
        What the outputs mean: "class", "labels" or "values"; after a training what its targets meant.

    Raises
    ------
    SettingsError
        If a name is unknown, a size is impossible, the loss has no meaning on the output activation, or a residual
        connection joins layers of different sizes.

    Notes
    -----
    Layer l computes z = a_in @ W + b, u = z or what its kind makes of z, a = g(u) or a_in + g(u). a[0] is X, or what
    the input layer makes of X.

    References
    ----------
    Goodfellow, Bengio, Courville (2016), "Deep learning", sections 6.4 and 6.5.
    Ba, Kiros, Hinton (2016), "Layer normalization".
    He, Zhang, Ren, Sun (2016), "Deep residual learning for image recognition".

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([2, 2, 1], activation="tanh", output="sigmoid", seed=0)
    >>> net.W[1].shape, net.b[2].shape
    ((2, 2), (1,))
    """

    stated: targets.OutputKind | None = None
    """What targets mean whatever they hold, where that is known before they are seen: those of a table."""

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
        embedding: str | Mapping[str, Any] | Sequence[Any] | None = None,
        input_scale: bool = False,
        parametric: bool = False,
        members: int | Mapping[str, Any] = 1,
    ) -> None:
        inputs = steps_of(checked_sizes(sizes)[0], embedding, input_scale, members)
        self.architecture = Architecture.build(
            sizes, activation, output, loss, dtype, normalization, residual, inputs=inputs, parametric=parametric
        )
        self.seed = check("seed", seed)
        self.initializers = choose(initializer, self.architecture)
        self.parameters = initialize(self.architecture, self.initializers, self.seed)
        self.kind = targets.default_kind(output, loss, self.architecture.n_outputs)
        self.engine: Engine = select("auto", self.architecture)[0]

    @classmethod
    def of(
        cls, parameters: Parameters, kind: targets.OutputKind, seed: int = 0, initializers: Sequence[str] = ()
    ) -> Network:
        """Make a network around parameters that exist already.

        Parameters
        ----------
        parameters : Parameters
            The parameters, which are shared.
        kind : str
            What the outputs mean.
        seed : int, default 0
            The seed they were drawn from.
        initializers : sequence of str, default ()
            How they were drawn, per layer.

        Returns
        -------
        Network
            The network.
        """
        network = cls.__new__(cls)
        network.architecture, network.parameters, network.kind = parameters.architecture, parameters, kind
        network.seed, network.initializers = seed, tuple(initializers)
        network.engine = select("auto", parameters.architecture)[0]
        return network

    def copy(self) -> Network:
        """Return the same network with parameters of its own.

        Returns
        -------
        Network
            The copy.
        """
        return Network.of(self.parameters.copy(), self.kind, self.seed, self.initializers)

    @property
    def members(self) -> tuple[Network, ...]:
        """Each of the networks side by side, with copies of its parameters; this network where it is one."""
        K = self.architecture.members
        if K == 1:
            return (self,)
        return tuple(Network.of(member_parameters(self.parameters, k), self.kind, self.seed) for k in range(K))

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
        """Propagate rows forward.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        Forward
            The z[l] and a[l] of every layer, u[l] of normalised layers, and the output.

        Raises
        ------
        ShapeError, DataError
            If X has other columns, or values that are not finite.
        """
        return self.engine.forward(self.parameters, self._features(X))

    def backward(self, X: object, y: object, sample_weight: object = None) -> Backward:
        """Compute the loss J of these rows and its gradient, without penalty.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows, at least one.
        y : array
            Class indices or one-hot rows, labels of 0 and 1, or values.
        sample_weight : array of shape (n,), optional
            Weights of the rows, ≥ 0.

        Returns
        -------
        Backward
            The loss, delta, dW, db and dX; of normalised layers du, dgain and dshift too.

        Raises
        ------
        ShapeError, DataError
            If X has no rows, or X and y do not fit the network.
        """
        rows = self._features(X)
        if len(rows) == 0:
            raise ShapeError(
                "X has 0 rows: must have at least one, as J is a mean over rows. forward and predict accept 0 rows."
            )
        encoded, _ = self.encode(y, len(rows))
        weight = arrays.weights(sample_weight, len(rows), self.architecture.dtype)
        return self.engine.backward(self.parameters, rows, encoded, weight)

    def predict(self, X: object) -> Array:
        """Predict classes, labels or values.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            Class indices (n,), labels (n, k) of 0 and 1, or values; of targets with several outputs the point forecast.
        """
        return targets.decode(targets.points(self._output(X)[1], self.architecture.loss), self.kind)

    def predict_proba(self, X: object) -> Array:
        """Predict probabilities.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Both classes for one sigmoid: σ(−z) and σ(z), each with all digits of the dtype.

        Raises
        ------
        SettingsError
            If the output activation is neither softmax nor sigmoid.
        """
        rows, output = self._output(X)
        if not ACTIVATIONS[self.architecture.output].probability:
            raise SettingsError(
                f"output={self.architecture.output!r}: must be softmax or sigmoid to give probabilities. Try predict."
            )
        one = output.shape[1] == 1 and loss_named(self.architecture.loss).of_classes
        return np.hstack([complement(self.engine, self.parameters, rows, output), output]) if one else output

    def logits(self, X: object) -> Array:
        """Compute z of the output layer, before its activation.

        The logarithm of a probability keeps its digits there: of a sigmoid it is −log(1 + e^−z).

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_outputs)
            The weighted inputs of the output units.

        Examples
        --------
        >>> import chainrule as cr
        >>> cr.Network([2, 2, 1], output="sigmoid").logits([[0.0, 0.0]]).tolist()
        [[0.0]]
        """
        return logits(self.engine, self.parameters, self._features(X))

    def encode(self, y: object, n: int) -> tuple[Array, targets.OutputKind]:
        """Encode targets as engines take them.

        Parameters
        ----------
        y : array
            Class indices or one-hot rows, labels of 0 and 1, or values.
        n : int
            How many rows there are.

        Returns
        -------
        targets : ndarray
            Class indices as int32 (n,), or numbers (n, n_outputs).
        kind : str
            What it says the outputs mean.
        """
        a = self.architecture
        return targets.encode(
            y, n, output=a.output, loss=a.loss, n_outputs=a.n_outputs, dtype=a.dtype, stated=self.stated
        )

    def _output(self, X: object) -> tuple[Array, Array]:
        """The rows as the engine takes them, and the output activation."""
        rows, refuse = arrays.unchecked_features(X, self.architecture.n_inputs, self.architecture.dtype)
        return rows, self.engine.predict(self.parameters, rows, refuse)

    def _features(self, X: object) -> Array:
        return arrays.features(X, self.architecture.n_inputs, self.architecture.dtype)

    def __getattr__(self, name: str) -> Any:
        if name in ELSEWHERE["train"].split() or name == "train":
            raise AttributeError(
                f"Network has no attribute {name!r}. Try run = chainrule.train(network, X, y).", name=name
            )
        if name in ("evaluate", "score"):
            raise AttributeError(
                f"Network has no attribute {name!r}. Try network.backward(X, y).loss, or network.predict(X).", name=name
            )
        raise AttributeError(f"Network has no attribute {name!r}", name=name)

    def summary(self) -> str:
        """Describe the layers: units, activations, parameters.

        Returns
        -------
        str
            Lines of text.

        Examples
        --------
        >>> import chainrule as cr
        >>> print(cr.Network([4, 8, 3]).summary())
        layer   units   activation   parameters
        0           4       inputs            0
        1           8         relu           40
        2           3      softmax           27
        4-8-3: 67 parameters, loss cross_entropy, float32
        """
        return html.network_summary(self.architecture)

    def _repr_html_(self) -> str:
        return html.network_html(self.architecture, self.parameters)

    def __repr__(self) -> str:
        a = self.architecture
        return f"Network({a}, {a.hidden}, output={a.output}, loss={a.loss}, {a.n_parameters:,} parameters, {a.dtype})"
