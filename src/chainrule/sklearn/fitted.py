"""A fitted perceptron: its parameters in one vector, what it predicts, how it opens up, how it is pickled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chainrule.data import arrays
from chainrule.engine.probabilities import complement
from chainrule.engine.protocol import Engine, OwnLoss
from chainrule.engine.select import reference, select, with_own_loss
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensor_names
from chainrule.sklearn import fit_record
from chainrule.verify.gradients import GradientCheck, check_gradients

Array = npt.NDArray[Any]
NAMES = {"logistic": "sigmoid", "exp": "exponential"}
"""scikit-learn's names of activations where ours is another."""
BLOCK_NUMBERS = 4_000_000
"""Numbers of a sparse matrix that are made dense at a time."""


class FittedMLP(BaseEstimator):
    """What coefs_ and intercepts_ are good for."""

    def _architecture(self, sizes: list[int], dtype: Any) -> Architecture:
        hidden = self.activation
        if isinstance(hidden, str):
            names: str | list[str] = NAMES.get(hidden, hidden)
        else:
            names = [NAMES.get(name, name) for name in hidden]
        if len(sizes) == 2:
            names = []
        output = str(NAMES.get(self.out_activation_, self.out_activation_))
        normalization = None if len(sizes) == 2 else self.normalization
        residual = False if len(sizes) == 2 else self.residual
        name = np.dtype(dtype).name
        return Architecture.build(sizes, names, output, self._loss_name(), name, normalization, residual)

    def _adopt_parameters(self, parameters: Parameters) -> None:
        """coefs_ and intercepts_ become views on one vector, which predict reads without packing."""
        self.coefs_, self.intercepts_ = list(parameters.W[1:]), list(parameters.b[1:])
        if self.normalization is not None:
            for name in tensor_names(parameters.architecture)[2:]:  # gains_ and shifts_ of normalised layers
                setattr(self, f"{name}s_", list(getattr(parameters, name)[1:]))
        self._network = (parameters, self._engine_for(parameters.architecture))

    def _engine_for(self, architecture: Architecture, batch_size: int = 0, n_steps: int = 0) -> Engine:
        own = self._own_loss()
        if own is not None:
            return with_own_loss(own)
        threads = fit_record.threads_of(self.threads)
        if threads is None and 0 < n_steps < fit_record.FEW_STEPS and fit_record.is_small(architecture, batch_size):
            threads = 1
        return select("auto", architecture, threads)[0]

    def _network_of(self, dtype: Any = None) -> tuple[Parameters, Engine]:
        """The parameters of coefs_ and intercepts_ in one vector, and the engine for them."""
        known = getattr(self, "_network", None)
        if known is not None and (dtype is None or known[0].flat.dtype == dtype):
            parameters = known[0]
            same = len(self.coefs_) == len(parameters.W) - 1 and all(
                a is b
                for a, b in zip([*self.coefs_, *self.intercepts_], [*parameters.W[1:], *parameters.b[1:]], strict=True)
            )
            if same:
                return known
        sizes = [int(self.coefs_[0].shape[0]), *(int(W.shape[1]) for W in self.coefs_)]
        learned = tensor_names(self._architecture(sizes, np.float64))[2:]
        of_layer = (self.coefs_, self.intercepts_, *(self.__dict__[f"{name}s_"] for name in learned))
        parts = [part for layer in zip(*of_layer, strict=True) for part in layer if part is not None]
        wanted = np.result_type(*parts) if dtype is None else np.dtype(dtype)
        wanted = wanted if wanted in (np.float32, np.float64) else np.dtype(np.float64)
        flat = np.concatenate([np.asarray(part, dtype=wanted).ravel() for part in parts])
        architecture = self._architecture(sizes, wanted)
        return Parameters(architecture, flat), self._engine_for(architecture)

    def _output(self, X: Any, *, both: bool = False) -> Array:
        """The output activation (n, n_outputs).

        Arguments: both: of one sigmoid also the probability of the first class, (n, 2)
        """
        X = self._rows(X)
        parameters, engine = self._network_of()
        dtype = parameters.flat.dtype

        def of(rows: Array) -> Array:
            output = engine.predict(parameters, rows)
            return np.hstack([complement(engine, parameters, rows, output), output]) if both else output

        if not sparse.issparse(X):
            return of(in_range(X, dtype, "X"))
        rows, n = X.tocsr(), max(1, BLOCK_NUMBERS // X.shape[1])
        blocks = (rows[i : i + n].toarray().astype(dtype, copy=False) for i in range(0, X.shape[0], n))
        return np.concatenate([of(block) for block in blocks])

    def _rows(self, X: Any) -> Any:
        """Rows as checked numbers; an array of floats that needs nothing done to it is spared the long checks."""
        if "coefs_" not in self.__dict__:
            check_is_fitted(self)
        if (
            type(X) is np.ndarray
            and X.dtype in (np.float64, np.float32)
            and X.ndim == 2
            and len(X) > 0
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
        ):
            X = np.ascontiguousarray(X)
            with np.errstate(all="ignore"):
                if np.isfinite(X.sum()):
                    return X
        arrays.refuse_masked(X=X)
        with arrays.text_refused(X=X):
            return validate_data(self, X, accept_sparse=["csr", "csc"], dtype=(np.float64, np.float32), reset=False)

    def activations(self, X: Any) -> list[Array]:
        """Compute the activations of every layer.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        list of ndarray of shape (n, n_units)
            The hidden layers first, the output last.

        Raises
        ------
        ValueError
            If X does not have the columns of the fit.
        """
        X = self._rows(X)
        parameters, engine = self._network_of()
        return engine.forward(parameters, in_range(dense(X), parameters.flat.dtype, "X")).a[1:]

    def gradients(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Compute the gradient of the loss, without penalty, by both passes over the rows of X.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, n_features)
            Rows.
        y : array of shape (n,) or (n, k)
            Their answers.
        sample_weight : array of shape (n,), optional
            Weights of the rows, ≥ 0.

        Returns
        -------
        Backward
            The loss, delta[l], dW[l] and db[l] for l = 1 …, and dX.

        Raises
        ------
        ValueError
            If X and y differ in rows, or y has other outputs or classes than in fit.
        """
        return self._network_of()[1].backward(*self._answered_rows(X, y, sample_weight))

    def _answered_rows(self, X: Any, y: Any, sample_weight: Any) -> tuple[Parameters, Array, Array, Array | None]:
        """The parameters, and rows with their answers and weights as engines take them."""
        X = self._rows(X)
        parameters, _ = self._network_of()
        dtype = parameters.flat.dtype
        arrays.refuse_masked(y=y, sample_weight=sample_weight)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        weight, rows = weights_in_range(weight, dtype, "sample_weight"), in_range(dense(X), dtype, "X")
        return parameters, rows, self._answers(y, len(rows), dtype, "X", "y"), weight

    def _check_gradients(self, X: Any, y: Any, sample_weight: Any = None, **options: Any) -> GradientCheck:
        """What chainrule.check_gradients says of this estimator, by the formulas of its own loss where it has one."""
        own = self._own_loss()
        engine = reference() if own is None else with_own_loss(own)
        return check_gradients(engine, *self._answered_rows(X, y, sample_weight), **options)

    def _answers(self, y: Any, n: int, dtype: Any, rows: str, name: str) -> Array:
        """y of n further rows, as engines take it.

        Raises ValueError naming rows and y where they differ in number, outputs or classes, or y is not finite.
        """
        y = self._encode(y)
        if y.shape[:1] != (n,) or n == 0:
            found = y.shape[0] if y.ndim else "no"
            raise ValueError(f"{rows} has {n} rows, {name} {found}: numbers must be equal and at least 1.")
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            raise ValueError(f"{name} holds missing or infinite values: must be finite.")
        targets = in_range(self._targets(y, np.float64), dtype, name)
        n_outputs = targets.shape[1] if targets.ndim == 2 else self.n_outputs_
        if n_outputs != self.n_outputs_:
            raise ValueError(f"{name} has {n_outputs} columns; expected {self.n_outputs_}, as in fit.")
        return targets

    @property
    def run_(self) -> Any:
        """The training as a Run: history, replay of every step. Not kept in pickles unless keep_run=True."""
        record = self.__dict__.get("_record")
        if self._own_loss() is not None:
            raise AttributeError(
                f"{type(self).__name__} has no run_: its loss is a pair of functions, and a run stores losses by name."
            )
        if record is None:
            raise AttributeError(
                f"{type(self).__name__} has no run_: it was not fitted by sgd or adam, or it was pickled without "
                "keep_run=True."
            )
        return record.run(self._network_of(record.task.architecture.dtype)[0])

    # pickling --------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_network", None)
        if not self.keep_run:
            state.pop("_record", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "coefs_" in self.__dict__ and "out_activation_" in self.__dict__:
            self._adopt_parameters(self._network_of()[0])

    # what a classifier and a regressor do differently ----------------------------------------------------

    def _encode(self, y: Any) -> Array:
        raise NotImplementedError

    def _targets(self, y: Array, dtype: Any) -> Array:
        """Encoded y as engines take it: int32 class indices, or floats (n, k)."""
        raise NotImplementedError

    def _loss_name(self) -> str:
        raise NotImplementedError

    def _own_loss(self) -> OwnLoss | None:
        """The pair of functions that is the loss, where it is one."""
        return None


def in_range(values: Any, dtype: Any, name: str) -> Array:
    """X or y as engines take them; class indices stay int32. DataError for a number that does not fit dtype."""
    if values.dtype == np.int32:
        return arrays.plain(values, np.int32)
    converted = arrays.plain(values, dtype)
    if converted.dtype != values.dtype and not arrays.surely_finite(converted):
        arrays.refuse_non_finite(converted, values, name)
    return converted


def weights_in_range(weight: Array | None, dtype: Any, name: str) -> Array | None:
    """The same for weights, whose sum must be a number as well."""
    if weight is None:
        return None
    converted = arrays.plain(weight, dtype)
    arrays.refuse_unfit_weights(converted, weight, name)
    return converted


def dense(X: Any) -> Any:
    """X as a dense array."""
    return X.toarray() if sparse.issparse(X) else X
