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
from sklearn.utils.validation import column_or_1d, validate_data

from chainrule.sklearn import scores
from chainrule.sklearn.class_weight import weight_of_rows
from chainrule.sklearn.estimator import BaseMLP, adopt
from chainrule.sklearn.partial_fit import ByPartsOnly
from chainrule.training.settings import AdamEpsilonHat

Array = npt.NDArray[Any]


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multi-layer perceptron that classifies, trained on cross-entropy.

    Every parameter up to max_fun means what it means in sklearn.neural_network.MLPClassifier.

    Args      activation: also any other activation of chainrule, or a list with one for each hidden layer;
              class_weight: "balanced" or {class: weight}; normalization, residual: as in chainrule.Network; dropout:
              share of hidden units dropped in a step; clip_norm: longest gradient allowed; schedule, warm_up: how the
              learning rate changes within max_iter epochs; decay_factor, decay_every: of the schedules step and
              exponential, by how much after how many epochs; metric: what early_stopping watches, "auto" (accuracy)
              or a scorer of scikit-learn; time_limit: seconds; threads: None takes the free cores; keep_run: pickles
              keep run_
    Source    docs/sklearn.md
    Example   >>> from sklearn.datasets import load_iris
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
        """One more pass over X and y; the first call names all classes there will be."""
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer()
            self._label_binarizer.fit(y if type_of_target(y).startswith("multilabel") else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """Classes (n,), or labels (n, k) of 0/1."""
        return self._decode(self._output(X))

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (n, n_classes), in the order of classes_; of each label by itself where there are several."""
        output = self._output(X)
        if self.out_activation_ != "logistic":
            return output
        if self.n_outputs_ == 1:
            both = np.empty((len(output), 2), output.dtype)
            both[:, 1] = output[:, 0]
            np.subtract(1, both[:, 1], out=both[:, 0])
            output = both
        nearly = np.finfo(output.dtype)  # a sigmoid is never quite 0 or 1
        return np.minimum(np.maximum(output, nearly.smallest_normal, out=output), 1 - nearly.epsneg, out=output)

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of predict_proba."""
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
            raise ValueError(f"y holds {strange}, which fit did not see; expected classes among {self.classes_}.")
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
        return weight_of_rows(self.class_weight, y, sample_weight)

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
