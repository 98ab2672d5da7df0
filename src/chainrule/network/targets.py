"""Targets y as engines take them: class indices, 0/1 labels, or values."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.data.arrays import numeric, plain, refuse_non_finite, unmasked
from chainrule.errors import DataError, ShapeError
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named

OutputKind: TypeAlias = Literal["class", "labels", "values"]
"""What the outputs mean: one class of several, independent 0/1 labels, or numbers."""


def default_kind(output: str, loss: str, n_outputs: int) -> OutputKind:
    """What the outputs of a network mean before it has seen any y."""
    g, of_classes = ACTIVATIONS[output], loss_named(loss).of_classes
    if g.probability and (not g.elementwise or (n_outputs == 1 and of_classes)):
        return "class"
    return "labels" if g.probability and of_classes else "values"


def gives_probabilities(output: str) -> bool:
    """Whether an output activation gives probabilities."""
    return ACTIVATIONS[output].probability


def encode(
    y: object, n: int, *, output: str, loss: str, n_outputs: int, dtype: str, stated: OutputKind | None = None
) -> tuple[npt.NDArray[Any], OutputKind]:
    """y for an engine, and what it says the outputs mean.

    Class indices and one-hot rows are classes, 0/1 on sigmoids with cross-entropy labels, anything else values. Where a
    target has several outputs, each of them has its y.

    Arguments: y: class indices (n,); one-hot or several labels (n, k) of 0/1; values (n,) or (n, k), probabilities
    between 0 and 1 among them; of several labels or values some may be missing, NaN: they stay out of the loss
    stated: what they mean, where that is known already. Returns int32 (n,) class indices or float (n, k), and the
    kind. Raises ShapeError for another length or width; DataError for inf, a class out of range, or NaN where a row
    would say nothing.
    """
    n_heads = loss_named(loss).n_heads
    if n_heads > 1:
        known: dict[str, Any] = {"output": output, "loss": loss, "dtype": dtype, "stated": stated}
        encoded, kind = _encode(_of_points(y, n_outputs, n_heads), n, n_outputs=n_outputs // n_heads, **known)
        return np.repeat(encoded, n_heads, axis=1), kind
    return _encode(y, n, output=output, loss=loss, n_outputs=n_outputs, dtype=dtype, stated=stated)


def _encode(
    y: object, n: int, *, output: str, loss: str, n_outputs: int, dtype: str, stated: OutputKind | None
) -> tuple[npt.NDArray[Any], OutputKind]:
    """The same of outputs that have a target each."""
    array = numeric(unmasked(y) if n_outputs > 1 and getattr(y, "ndim", 0) == 2 else y, "y")
    if array.ndim == 0 or array.ndim > 2 or len(array) != n:
        raise ShapeError(f"y has shape {array.shape}; expected {n} rows, as many as X.")
    of_classes = _may_be_classes(output, loss, n_outputs)
    is_flat = array.ndim == 1 or array.shape[1] == n_outputs == 1
    if of_classes and is_flat and stated != "values" and not _is_soft(array, n_outputs):
        return _classes(array.reshape(-1), n_outputs), "class"
    if array.ndim == 1:
        array = array[:, None]
    if array.shape[1] != n_outputs:
        raise ShapeError(
            f"y has shape {array.shape}; expected ({n}, {n_outputs}): the network has {n_outputs} "
            f"{'outputs' if loss_named(loss).heads is None else 'targets'}."
        )
    converted = plain(array, dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        surely = bool(np.isfinite(converted.sum()))
    if not surely:
        _refuse_missing(converted, array, output)
    _refuse_beyond(converted, output, loss)
    if not ACTIVATIONS[output].elementwise and loss_named(loss).of_classes:
        converted = _summing_to_one(converted)
    return converted, stated or kind_of(converted, output, loss)


def _summing_to_one(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rounded probabilities, such as three of 0.333, divided by their sum: delta = a − y holds for a sum of 1 alone."""
    sums = y.sum(axis=1, dtype=np.float64)
    rounded = np.abs(sums - 1) > 2 * y.shape[1] * np.finfo(y.dtype).eps
    if not rounded.any():
        return y
    y = y.copy()
    y[rounded] = (y[rounded] / sums[rounded, None]).astype(y.dtype)
    return y


def _is_soft(array: npt.NDArray[Any], n_outputs: int) -> bool:
    """Whether targets of one output hold a number between 0 and 1: the probability of class 1."""
    return n_outputs == 1 and array.dtype.kind == "f" and bool(((array > 0) & (array < 1)).any())


def _may_be_classes(output: str, loss: str, n_outputs: int) -> bool:
    return ACTIVATIONS[output].probability and (loss_named(loss).of_classes or n_outputs > 1)


def kind_of(y: npt.NDArray[Any], output: str, loss: str) -> OutputKind:
    """What targets mean that are as engines take them."""
    if y.ndim == 1:
        return "class"
    if not _may_be_classes(output, loss, y.shape[1]):
        return "values"
    with np.errstate(invalid="ignore"):
        if not ((y == 0) | (y == 1) | np.isnan(y)).all():
            return "values"
        if ACTIVATIONS[output].elementwise and loss_named(loss).of_classes:
            return "labels"
        return "class" if (y.sum(axis=1) == 1).all() else "values"


def _refuse_beyond(y: npt.NDArray[Any], output: str, loss: str) -> None:
    """DataError for numbers that the loss has no meaning for."""
    entry, is_softmax = loss_named(loss), not ACTIVATIONS[output].elementwise
    if (entry.low > -np.inf and (y < entry.low).any()) or (entry.high < np.inf and (y > entry.high).any()):
        ends = (entry.low, entry.high)
        what = "negative numbers" if ends == (0, np.inf) else f"numbers outside [{ends[0]:g}, {ends[1]:g}]"
        raise DataError(f"y holds {what}; loss {loss!r} expects {entry.expected or 'others'}.")
    if is_softmax and entry.of_classes and np.abs(y.sum(axis=1) - 1).max(initial=0) > 1e-3:
        raise DataError(
            "rows of y do not sum to 1; output 'softmax' requires one-hot rows. For labels use output='sigmoid'."
        )


def _refuse_missing(converted: npt.NDArray[Any], array: npt.NDArray[Any], output: str) -> None:
    """DataError for inf; for NaN in a softmax, in a single output, and in every output of a row."""
    missing = np.isnan(converted)
    if ACTIVATIONS[output].elementwise and converted.shape[1] > 1 and not missing.all(axis=1).any():
        converted = np.where(missing, 0, converted)
    refuse_non_finite(converted, array, "y")


def _classes(array: npt.NDArray[Any], n_outputs: int) -> npt.NDArray[np.int32]:
    n_classes = max(n_outputs, 2)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            refuse_non_finite(array.astype(np.float64), array, "y")
        if not (array == np.floor(array)).all():
            raise DataError(
                f"y holds {array[array != np.floor(array)][0]}; expected whole class indices 0 to {n_classes - 1}."
            )
    low, high = (int(array.min()), int(array.max())) if len(array) else (0, 0)
    if low < 0 or high >= n_classes:
        raise DataError(
            f"y holds the class {low if low < 0 else high}; expected class indices 0 to {n_classes - 1}: "
            f"the network has {n_outputs} output{'s' if n_outputs > 1 else ''}."
        )
    return plain(array, np.int32)


def _of_points(y: object, n_outputs: int, n_heads: int) -> object:
    """y of each target, where it is that of every output already, as engines take it."""
    if getattr(y, "ndim", 0) != 2 or getattr(y, "shape", (0, 0))[1] != n_outputs:
        return y
    wide = np.asarray(y)
    first = wide[:, ::n_heads]
    same = np.array_equal(np.repeat(first, n_heads, axis=1), wide, equal_nan=wide.dtype.kind == "f")
    return first if same else y


def points(output: npt.NDArray[Any], loss: str) -> npt.NDArray[Any]:
    """The first output of each target, which is its point forecast; or of targets as engines take them, each one."""
    n = loss_named(loss).n_heads
    return output if n == 1 else output[:, ::n]


def decode(output: npt.NDArray[Any], kind: OutputKind) -> npt.NDArray[Any]:
    """Predictions from the output activation: class indices (n,), labels (n, k), values (n,) or (n, k)."""
    if kind == "class":
        return (output[:, 0] >= 0.5).astype(np.int64) if output.shape[1] == 1 else output.argmax(axis=1)
    if kind == "labels":
        return (output >= 0.5).astype(np.int64)
    return output[:, 0] if output.shape[1] == 1 else output
