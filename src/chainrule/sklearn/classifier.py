"""MLPClassifier: classes, two or many, or several labels at once."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from chainrule.data.arrays import text_refused
from chainrule.sklearn import scores
from chainrule.sklearn.class_weight import weight_of_rows
from chainrule.sklearn.estimator import BaseMLP, adopt
from chainrule.sklearn.labels import refuse_odd_labels
from chainrule.sklearn.partial_fit import ByPartsOnly
from chainrule.training.update_rules import AdamEpsilonHat

Array = npt.NDArray[Any]


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multi-layer perceptron that classifies, trained on cross-entropy.

    Every parameter up to max_fun means what it means in sklearn.neural_network.MLPClassifier; the others are additions.

    Parameters
    ----------
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
    class_weight : dict, list or "balanced", default None
        The weight of each class: {label: weight}, a list of weights in the order of `classes_`, or of several labels
        a list with one dict for each.
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
        What early_stopping watches: "auto" (accuracy) or the name of a scorer of scikit-learn.
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
    classes_ : ndarray of shape (n_classes,)
        The classes, or the numbers of the labels.
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
    >>> from sklearn.datasets import load_iris
    >>> from chainrule.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> MLPClassifier(solver="lbfgs", random_state=0).fit(X, y).predict(X[:2])
    array([0, 0])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "class_weight": [None, StrOptions({"balanced"}), dict, list],
    }

    def __init__(
        self,
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
        class_weight: Any = None,
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

    @ByPartsOnly
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Do one more pass over X and y; with solver "sgd" or "adam" and without early stopping.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, n_features)
            Rows.
        y : array of shape (n,) or (n, k)
            Classes or values, or several labels (0/1) or values.
        sample_weight : array of shape (n,), optional
            Weights of the rows, ≥ 0.
        classes : array of shape (n_classes,), optional
            All classes there will be; needed in the first call.

        Returns
        -------
        MLPClassifier
            The estimator.
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer()
            self._label_binarizer.fit(y if type_of_target(y).startswith("multilabel") else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            Classes, or labels of 0 and 1.

        Raises
        ------
        ValueError
            If X does not have the columns of the fit.
        """
        return self._decode(self._output(X))

    def predict_proba(self, X: Any) -> Array:
        """Predict probabilities.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`; of each label by itself where there are several.

        Raises
        ------
        ValueError
            If X does not have the columns of the fit.
        """
        check_is_fitted(self)
        output = self._output(X, both=self.out_activation_ == "logistic" and self.n_outputs_ == 1)
        if self.out_activation_ != "logistic":
            return output
        nearly = np.finfo(output.dtype)  # a sigmoid is never quite 0 or 1
        return np.minimum(np.maximum(output, nearly.smallest_normal, out=output), 1 - nearly.epsneg, out=output)

    def predict_log_proba(self, X: Any) -> Array:
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Logarithms of `predict_proba`.

        Raises
        ------
        ValueError
            If X does not have the columns of the fit.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _decode(self, output: Array) -> Array:
        binarizer = self._label_binarizer
        if binarizer.y_type_.startswith("multilabel") or len(self.classes_) < 2:
            return binarizer.inverse_transform(output if output.shape[1] > 1 else output[:, 0])
        place = output.argmax(axis=1) if output.shape[1] > 1 else (output[:, 0] > 0.5).astype(np.intp)
        return self.classes_[place]

    # y as it comes, and as engines take it ---------------------------------------------------------------

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        refuse_odd_labels(y, "y")
        with text_refused(X=X):
            X, y = validate_data(
                self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=(np.float64, np.float32), reset=reset
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
            return X, y
        classes = unique_labels(y)
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )
        return X, y

    def _encode(self, y: Any) -> Array:
        y = y if sparse.issparse(y) else np.asarray(y)
        return column_or_1d(y) if y.ndim == 2 and y.shape[1] == 1 else y

    def _targets(self, y: Any, dtype: Any) -> Array:
        if self._label_binarizer.y_type_.startswith("multilabel"):
            labels = self._label_binarizer.transform(y)
            return np.ascontiguousarray(labels.toarray() if sparse.issparse(labels) else labels, dtype=dtype)
        place = np.searchsorted(self.classes_, y)
        known = np.minimum(place, len(self.classes_) - 1)
        if not (self.classes_[known] == y).all():
            strange = np.unique(np.asarray(y)[self.classes_[known] != y])[:3].tolist()
            raise ValueError(f"y holds {strange}, which fit did not see: must hold classes among {self.classes_}.")
        return np.ascontiguousarray(place, dtype=np.int32)

    def _n_outputs(self, targets: Array) -> int:
        if targets.ndim == 2:
            return int(targets.shape[1])
        return len(self.classes_) if len(self.classes_) > 2 else 1

    def _out_activation(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _loss_name(self) -> str:
        return "cross_entropy"

    @property
    def loss(self) -> str:
        """The loss: log_loss, as scikit-learn calls cross-entropy."""
        return "log_loss"

    def _weighted(self, y: Array, sample_weight: Any) -> Any:
        return weight_of_rows(self.class_weight, y, sample_weight, self.classes_)

    def _strata(self, targets: Array) -> Array | None:
        return targets.astype(bool)[:, None] if self.n_outputs_ == 1 and targets.ndim == 1 else None

    def _kind(self) -> Any:
        return "labels" if self._label_binarizer.y_type_.startswith("multilabel") else "class"

    def _scorer(self) -> Any:
        return scores.scorer(self.metric, self._kind())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
