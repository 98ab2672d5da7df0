"""What a network predicts beside the point forecast, where its loss has several outputs for each target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from chainrule.errors import SettingsError
from chainrule.network.architecture import Architecture
from chainrule.reference.heads import Heads
from chainrule.reference.losses import loss_named

Array = npt.NDArray[Any]


class PredictsHeads:
    """The levels and the standard deviation of a network, from its outputs."""

    architecture: Architecture

    def _output(self, X: object) -> tuple[Array, Array]:
        """The rows as the engine takes them, and the output activation."""
        raise NotImplementedError

    def predict_quantiles(self, X: object) -> Array:
        """Predict the levels that the loss names, as "intervals:0.1,0.9" or "gaussian:0.1,0.9" do.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_levels) or (n, n_targets, n_levels)
            The levels in ascending order. They never cross: those below 0.5 are at most the prediction, those above at
            least.

        Raises
        ------
        SettingsError
            If the loss has no levels.

        Examples
        --------
        >>> import chainrule as cr
        >>> net = cr.Network([1, 3], output="identity", loss="intervals:0.1,0.9")
        >>> net.W[1][:] = 0  # softplus(0) = 0.693 below and above the prediction 0
        >>> net.predict_quantiles([[5.0]]).round(3).tolist()
        [[-0.6930000185966492, 0.6930000185966492]]
        """
        heads = loss_named(self.architecture.loss).heads
        if heads is None or not heads.levels:
            raise SettingsError(
                f"loss={self.architecture.loss!r}: predicts no levels. Try intervals:0.1,0.9, or gaussian:0.1,0.9."
            )
        return self._of_heads(X, heads, heads.quantiles)

    def predict_deviation(self, X: object) -> Array:
        """Predict the standard deviation of each target about its prediction, with the loss gaussian.

        Parameters
        ----------
        X : array of shape (n, n_inputs)
            Rows.

        Returns
        -------
        ndarray of shape (n,) or (n, n_targets)
            The standard deviation > 0, in the unit of y.

        Raises
        ------
        SettingsError
            If the loss has no standard deviation.

        Examples
        --------
        >>> import chainrule as cr
        >>> net = cr.Network([1, 2], output="identity", loss="gaussian")
        >>> net.W[1][:] = 0
        >>> net.predict_deviation([[5.0]]).round(3).tolist()  # 0.001 + softplus(0)
        [0.6940000057220459]
        """
        heads = loss_named(self.architecture.loss).heads
        if heads is None or heads.deviation is None:
            raise SettingsError(
                f"loss={self.architecture.loss!r}: predicts no standard deviation. Try loss='gaussian'."
            )
        return self._of_heads(X, heads, heads.deviation)

    def _of_heads(self, X: object, heads: Heads, found: Callable[[Array], Array]) -> Array:
        values = found(heads.grouped(self._output(X)[1]))
        return values[:, 0] if values.shape[1] == 1 else values
