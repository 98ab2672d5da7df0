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

from chainrule.data.arrays import text_refused
from chainrule.engine.protocol import OwnLoss
from chainrule.sklearn import scores
from chainrule.sklearn.estimator import BaseMLP, adopt
from chainrule.sklearn.fitted import in_range
from chainrule.training.update_rules import AdamEpsilonHat

Array = npt.NDArray[Any]
LOSSES = ("squared_error", "poisson", "absolute_error", "huber", "quantile")


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron that predicts one value or several.

    Every parameter up to max_fun means what it means in sklearn.neural_network.MLPRegressor; the others are additions.

    Parameters
    ----------
    loss : str or pair of callables, default "squared_error"
        The loss: "squared_error", "poisson" (with an exponential output), "absolute_error", "huber", "quantile", or a
        pair of functions (value, delta), see docs/sklearn.md.
    hidden_layer_sizes : sequence of int, default (100,)
        Units of each hidden layer.
    activation : str or list of str, default "relu"
        The activation of the hidden layers, "identity", "logistic", "tanh", "relu" or any other of chainrule; a list
        has one for each hidden layer.
    solver : {"lbfgs", "sgd", "adam"}, default "adam"
        The optimizer.
    alpha : float, default 0.0001
        The strength of the L2 penalty, ≥ 0; it is divided by the number of rows of the batch.
    batch_size : int, default "auto"
        Rows of a step; "auto" takes min(200, n_samples). Not used by lbfgs.
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        How sgd changes its learning rate: not at all, by 1 / t^power_t, or by a fifth wherever two epochs in a row did
        not improve by tol.
    learning_rate_init : float, default 0.001
        The learning rate of sgd and adam, > 0.
    power_t : float, default 0.5
        The exponent of "invscaling".
    max_iter : int, default 200
        The most epochs, or the most iterations of lbfgs.
    shuffle : bool, default True
        Whether sgd and adam take the rows in a new order in every epoch.
    random_state : int, RandomState or None, default None
        The seed of initial weights, order of the rows and held-out rows.
    tol : float, default 1e-4
        The improvement below which an epoch counts as none.
    verbose : bool or int, default False
        Whether to print each epoch.
    warm_start : bool, default False
        Whether fit continues from the parameters of the fit before.
    momentum : float, default 0.9
        The momentum of sgd, in [0, 1].
    nesterovs_momentum : bool, default True
        Whether sgd takes Nesterov's momentum.
    early_stopping : bool, default False
        Whether rows are held out and training ends when their score stops improving.
    validation_fraction : float, default 0.1
        The share of rows held out by early_stopping, in [0, 1).
    beta_1 : float, default 0.9
        The decay of adam's running mean of g, in [0, 1).
    beta_2 : float, default 0.999
        The decay of adam's running mean of g², in [0, 1).
    epsilon : float, default 1e-8
        Added to adam's denominator, > 0.
    n_iter_no_change : int, default 10
        Epochs without improvement before training ends.
    max_fun : int, default 15000
        The most evaluations of the loss by lbfgs.
    quantile : float, default 0.5
        The level that loss="quantile" predicts, in (0, 1).
    normalization : str or list, default None
        "layer" normalises the rows before each hidden activation; a list has one value for each hidden layer.
    residual : bool or list of bool, default False
        Whether hidden layers add their input to their output, as in `chainrule.Network`.
    dropout : float, default 0.0
        The share of hidden units dropped in a step, in [0, 1).
    clip_norm : float, default None
        The longest gradient allowed, all parameters together.
    schedule : str, default "constant"
        How the learning rate changes within max_iter epochs, as in `chainrule.train`.
    warm_up : float, default 0.0
        The share of the steps over which the learning rate rises to full, in [0, 1].
    decay_factor : float, default 0.1
        The factor of the schedules "step" and "exponential", in (0, 1).
    decay_every : int, default 10
        Epochs between two decays of these schedules.
    metric : str, default "auto"
        What early_stopping watches: "auto" (R²) or the name of a scorer of scikit-learn.
    time_limit : float, default None
        Seconds after which training stops.
    threads : int, default None
        Threads of the engine; None takes the free cores. Results do not depend on it.
    keep_run : bool, default False
        Whether pickles keep `run_`.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and biases (n_out,) of every layer.
    loss_, best_loss_ : float
        The last loss, and the lowest.
    loss_curve_ : list of float
        The loss of every epoch.
    validation_scores_, best_validation_score_ : list of float, float
        The scores of the rows that judge the epochs, where there are any.
    n_iter_, t_ : int
        Epochs, and rows seen.
    n_layers_, n_outputs_ : int
        Layers with input and output, and units of the output.
    out_activation_ : str
        The activation of the output.
    run_ : Run
        The training with every step replayable; of sgd and adam.

    Notes
    -----
    What differs from scikit-learn is listed in docs/sklearn.md.

    Examples
    --------
    >>> from chainrule.sklearn import MLPRegressor
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]  # y = 2·x + 1
    >>> line = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, tol=1e-10, random_state=0)
    >>> line.fit(X, y).predict([[4.0]]).round(3)
    array([9.])
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
        """Predict values.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            The values.

        Raises
        ------
        ValueError
            If X does not have the columns of the fit.
        """
        output = self._output(X)
        return output[:, 0] if output.shape[1] == 1 else output

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        with text_refused(X=X):
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
                f"loss={self.loss!r}: must be a name or two functions, value(a, y) -> (n,) and delta(a, y) -> (n, k). "
                "Pass layer sizes by name, hidden_layer_sizes=(…); the first argument is the loss."
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
