"""Ensemble: networks of one architecture whose predictions are averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.heads import PredictsHeads
from chainrule.api.network import Network
from chainrule.errors import SettingsError
from chainrule.network import targets
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.heads import Heads

Array = npt.NDArray[Any]


class Ensemble(PredictsHeads):
    """Networks whose predictions are averaged, in float64 and in their order.

    Parameters
    ----------
    networks : sequence of Network
        At least one, all of one architecture.

    Attributes
    ----------
    networks : tuple of Network
        The members.
    architecture : Architecture
        That of each member.
    kind : str
        What the outputs mean: "class", "labels" or "values".

    Raises
    ------
    SettingsError
        If there is no network, or two differ in their architecture or in what their outputs mean.

    Notes
    -----
    Of classes and labels probabilities are averaged, p = Σ_k p_k / K, and the prediction follows from p; of values the
    outputs of the networks, before they are taken back to the unit of the targets. Averaging probabilities never has a
    larger log-loss than the mean of the members has, as −log is convex (Jensen). A standard deviation is that of the
    mixture, by the law of total variance: σ² = Σ_k σ_k² / K + Σ_k (μ_k − μ)² / K.

    References
    ----------
    Lakshminarayanan, Pritzel, Blundell (2017), "Simple and scalable predictive uncertainty estimation using deep
    ensembles".

    Examples
    --------
    >>> import chainrule as cr
    >>> networks = [cr.Network([1, 1], output="identity", loss="squared_error") for _ in range(2)]
    >>> networks[0].W[1][:], networks[1].W[1][:] = 1.0, 3.0
    >>> both = cr.Ensemble(networks)
    >>> both.predict([[1.0]]).tolist(), both.spread([[1.0]]).tolist()
    ([2.0], [1.0])
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self.networks = tuple(networks)
        if not self.networks:
            raise SettingsError("networks=(): must hold at least one network (got none).")
        first = self.networks[0]
        for k, network in enumerate(self.networks):
            if (network.architecture, network.kind) != (first.architecture, first.kind):
                raise SettingsError(
                    f"networks[{k}] is {network.architecture} with targets {network.kind}: must be as the first, "
                    f"{first.architecture} with targets {first.kind}."
                )
        self.architecture, self.kind = first.architecture, first.kind

    def __len__(self) -> int:
        return len(self.networks)

    def predict(self, X: object) -> Array:
        """Predict classes, labels or values.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            As `Network.predict`, from the mean output.
        """
        mean = self._mean(lambda network: network._output(X)[1])
        return targets.decode(targets.points(mean, self.architecture.loss), self.kind)

    def predict_proba(self, X: object) -> Array:
        """Predict probabilities.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes)
            The mean of those of the members, float64.

        Raises
        ------
        SettingsError
            If the output activation gives no probabilities.
        """
        return self._mean(lambda network: network.predict_proba(X))

    def logits(self, X: object) -> Array:
        """Compute the z of the output layer whose activation is the mean output.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_outputs)
            Of a softmax log p, of sigmoids log p − log(1 − p), each with all its digits; else the mean of z.
        """
        output = ACTIVATIONS[self.architecture.output]
        if not output.probability:
            return self._mean(lambda network: network.logits(X))
        z = [network.logits(X).astype(np.float64) for network in self.networks]
        if output.elementwise:
            return _log_mean([-np.logaddexp(0, -one) for one in z]) - _log_mean([-np.logaddexp(0, one) for one in z])
        return _log_mean([one - np.logaddexp.reduce(one, axis=1, keepdims=True) for one in z])

    def spread(self, X: object) -> Array:
        """Compute how far the members are apart.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes), (n,) or (n, k)
            The standard deviation over the members, √(Σ_k (p_k − p)² / K), of the probabilities of classes and labels,
            and of predicted values.
        """
        return self._deviation(self._members_say(X))

    def _members_say(self, X: object) -> list[Array]:
        """The probabilities, or the values, that each member predicts."""
        is_values = self.kind == "values"
        return [
            (network.predict(X) if is_values else network.predict_proba(X)).astype(np.float64)
            for network in self.networks
        ]

    def _mean(self, of: Callable[[Network], Array]) -> Array:
        return _mean([of(network).astype(np.float64) for network in self.networks])

    def _deviation(self, values: Sequence[Array]) -> Array:
        mean = _mean(values)
        return np.asarray(np.sqrt(_mean([(one - mean) ** 2 for one in values])))

    def _output(self, X: object) -> tuple[Array, Array]:
        raise NotImplementedError

    def _of_heads(self, X: object, heads: Heads, found: Callable[[Array], Array]) -> Array:
        """The mean of the members' levels; with a deviation that of the mixture, and the levels at it."""
        parts = [heads.grouped(network._output(X)[1]).astype(np.float64) for network in self.networks]
        if heads.deviation is None:
            values = _mean([found(one) for one in parts])
        else:
            points = [one[..., 0] for one in parts]
            inner = [heads.deviation(one) for one in parts]
            whole = np.sqrt(_mean([one**2 for one in inner]) + self._deviation(points) ** 2)
            if found is heads.deviation:
                values = whole
            else:  # a level is so many standard deviations from the point
                distance = (found(parts[0]) - points[0][..., None]) / inner[0][..., None]
                values = _mean(points)[..., None] + distance * whole[..., None]
        return values[:, 0] if values.shape[1] == 1 else values

    def __repr__(self) -> str:
        return f"Ensemble({len(self)} of {self.networks[0]!r})"


def _mean(values: Sequence[Array]) -> Array:
    """In the order of the members, so that the bits are those of a sum on paper."""
    total = values[0].copy()
    for one in values[1:]:
        total += one
    return np.asarray(total / len(values))


def _log_mean(logs: Sequence[Array]) -> Array:
    """log(Σ_k e^{v_k} / K), of very small probabilities too."""
    total = logs[0]
    for one in logs[1:]:
        total = np.logaddexp(total, one)
    return np.asarray(total - np.log(len(logs)))
