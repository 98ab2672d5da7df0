"""A network whose probabilities are taken at a temperature: z / T in place of z, the predicted classes as before."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.api.network import Network
from chainrule.network.parameters import Parameters


class TemperedNetwork(Network):
    """The network with W and b of its last layer divided by T; classes are predicted by the network itself.

    Parameters
    ----------
    network : Network
        The network as it was trained.
    temperature : float
        T, > 0.

    Examples
    --------
    >>> import chainrule as cr
    >>> from chainrule.api.tempered import TemperedNetwork
    >>> net = cr.Network([1, 2])
    >>> net.W[1][:] = [[0.0, 2.0]]
    >>> TemperedNetwork(net, 2.0).logits([[1.0]]).tolist()
    [[0.0, 1.0]]
    """

    def __init__(self, network: Network, temperature: float) -> None:
        scaled: Parameters = network.parameters.copy()
        scaled.W[-1][...] = scaled.W[-1] / temperature
        scaled.b[-1][...] = scaled.b[-1] / temperature
        self.__dict__.update(vars(Network.of(scaled, network.kind, network.seed, network.initializers)))
        self.temperature, self._untempered = temperature, network

    def predict(self, X: object) -> Any:
        """Predict classes: those of the network as it was trained.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            Class indices.
        """
        return self._untempered.predict(X)


def tempered(network: Network, target: Any) -> Network:
    """The network as its targets have it: at their temperature, where they have one; `target` coded or as JSON."""
    found = target.get("temperature") if isinstance(target, dict) else getattr(target, "temperature", None)
    return network if found is None else TemperedNetwork(network, float(np.float64(found)))
