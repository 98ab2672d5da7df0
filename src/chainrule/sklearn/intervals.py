"""What a regressor of tables predicts beside its values."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from chainrule.api.network import Network
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.planning.intervals import beside

Array = npt.NDArray[Any]


class PredictsIntervals:
    """Levels and the standard deviation, where they were asked for."""

    network_: Network
    _pipeline: TablePipeline

    def _inputs(self, X: Any) -> Array:
        """The inputs of rows."""
        raise NotImplementedError

    def predict_intervals(self, X: Any) -> dict[str, Array]:
        """Predict levels beside the values, and with loss="gaussian" the standard deviation.

        Parameters
        ----------
        X : DataFrame, Arrow table or array
            Rows in columns as in fit.

        Returns
        -------
        dict of str to ndarray of shape (n,)
            By the names lower_0.1, upper_0.9, standard_deviation; empty where neither is asked for.

        Raises
        ------
        ValueError
            If X does not have the columns of the fit.
        """
        check_is_fitted(self)
        return beside(self.network_, self._pipeline, self._inputs(X))
