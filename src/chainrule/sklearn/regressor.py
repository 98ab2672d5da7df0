"""MLPRegressor: one value or several."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import assert_all_finite, column_or_1d, validate_data

from chainrule.engine.protocol import OwnLoss
from chainrule.sklearn import scores
from chainrule.sklearn.estimator import BaseMLP, adopt
from chainrule.sklearn.fitted import in_range
from chainrule.training.settings import AdamEpsilonHat

Array = npt.NDArray[Any]
LOSSES = ("squared_error", "poisson", "absolute_error", "huber", "quantile")


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron that predicts values.

    Every parameter up to max_fun means what it means in sklearn.neural_network.MLPRegressor.

    Args      loss: squared_error, poisson (exponential output), absolute_error, huber, quantile, or a pair of
              functions (value, delta), see docs/sklearn.md; quantile: the level that loss="quantile" predicts,
              between 0 and 1; activation: also any other activation of chainrule, or a list with one for each hidden
              layer; normalization, residual, dropout, clip_norm, schedule, warm_up, decay_factor, decay_every,
              time_limit, threads, keep_run: as in MLPClassifier; metric: what early_stopping watches, "auto" (R²) or
              a scorer of scikit-learn
    Source    docs/sklearn.md
    Example   >>> from sklearn.datasets import load_diabetes
              >>> X, y = load_diabetes(return_X_y=True)
              >>> MLPRegressor(solver="lbfgs", random_state=0, max_iter=50).fit(X, y).predict(X).shape
              (442,)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(LOSSES)), tuple],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = AdamEpsilonHat.beta1,
        beta_2: float = AdamEpsilonHat.beta2,
        epsilon: float = AdamEpsilonHat.epsilon,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        quantile: float = 0.5,
        normalization: Any = None,
        residual: Any = False,
        dropout: float = 0.0,
        clip_norm: float | None = None,
        schedule: str = "constant",
        warm_up: float = 0.0,
        decay_factor: float = 0.1,
        decay_every: int = 10,
        metric: str = "auto",
        time_limit: float | None = None,
        threads: int | None = None,
        keep_run: bool = False,
    ) -> None:
        adopt(self, locals())

    def predict(self, X: Any) -> Array:
        """Values (n,) or (n, k)."""
        output = self._output(X)
        return output[:, 0] if output.shape[1] == 1 else output

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        assert_all_finite(y, input_name="y")  # None among numbers becomes NaN only when y is made numeric
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError("loss='poisson' needs y ≥ 0; y holds negative values.")
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _encode(self, y: Any) -> Array:
        return np.asarray(y, dtype=np.float64)

    def _targets(self, y: Any, dtype: Any) -> Array:
        return in_range(np.asarray(y).reshape(len(y), -1), dtype, "y")

    def _n_outputs(self, targets: Array) -> int:
        return int(targets.shape[1])

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _loss_name(self) -> str:
        if self._own_loss() is not None:
            return "squared_error"  # fits every output; the engine of the pair does not ask for it
        return f"quantile:{float(self.quantile)!r}" if self.loss == "quantile" else str(self.loss)

    def _own_loss(self) -> OwnLoss | None:
        if not isinstance(self.loss, tuple):
            return None
        if len(self.loss) != 2 or not all(map(callable, self.loss)):
            raise ValueError(
                f"loss={self.loss!r} is no pair; expected two functions: value(a, y) -> (n,), delta(a, y) -> (n, k). "
                "Sizes of layers are given by name: hidden_layer_sizes=(…); the first argument is the loss."
            )
        return self.loss

    def _constants(self, targets: Array) -> Array | None:
        if self.loss != "poisson":
            return None
        y = targets.astype(np.float64)
        return (xlogy(y, y) - y).sum(axis=1)

    def _kind(self) -> Any:
        return "values"

    def _scorer(self) -> Any:
        return scores.scorer(self.metric, "values")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
