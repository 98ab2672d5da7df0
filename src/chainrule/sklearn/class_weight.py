"""The weight of a row from its class and its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.class_weight import compute_sample_weight

Array = npt.NDArray[Any]


def weight_of_rows(class_weight: Any, y: Array, sample_weight: Array | None) -> Array | None:
    """The product of both weights; None where every row counts 1.

        "balanced": a class c of k counts Σw / (k·Σ_{i in c} w_i), w the weights of the rows, so that a row of
        weight 2 is two rows here too (scikit-learn counts rows)

    Arguments: class_weight: None, "balanced", {class: weight}, or a list of them for several labels; y (n,) or (n,
    k).
    """
    if class_weight is None:
        return sample_weight
    if isinstance(class_weight, list) and len(class_weight) != (1 if y.ndim == 1 else y.shape[1]):
        raise ValueError(
            f"class_weight has {len(class_weight)} entries for {1 if y.ndim == 1 else y.shape[1]} outputs: must be a "
            "dict {class: weight} for each, 'balanced', or one dict for a single output."
        )
    if class_weight != "balanced" or sample_weight is None or y.ndim > 1:
        by_class = compute_sample_weight(class_weight, y)
        return by_class if sample_weight is None else by_class * sample_weight
    place = np.unique(y, return_inverse=True)[1]
    of_class = np.bincount(place, weights=sample_weight)
    n_classes = np.count_nonzero(of_class)
    shares = of_class.sum() / (n_classes * np.where(of_class > 0, of_class, 1.0)) if n_classes else of_class
    return np.asarray(shares[place] * sample_weight)
