"""The weight of a row from its class and its own, the classes by their labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.network.class_weights import balanced_by_weight, by_place, class_weights, factors
from chainrule.sklearn.fitted import dense

Array = npt.NDArray[Any]


def weight_of_rows(
    class_weight: Any, y: Array, sample_weight: Array | None, classes: Array | None = None
) -> Array | None:
    """The product of both weights; None where every row counts 1.

        "balanced": a class c of k counts Σw / (k·Σ_{i in c} w_i), w the weights of the rows, so that a row of
        weight 2 is two rows here too

    Arguments: class_weight: None, "balanced", {class: weight}, a weight for every class in turn, or a list of them for
    several labels; y (n,) or (n, k); classes: all there are, where y may lack some.
    """
    if class_weight is None:
        return sample_weight
    several = y.ndim == 2
    if isinstance(class_weight, list) and any(isinstance(entry, dict) for entry in class_weight):
        n_outputs = y.shape[1] if several else 1
        if len(class_weight) != n_outputs:
            raise ValueError(
                f"class_weight has {len(class_weight)} entries for {n_outputs} outputs: must be a dict "
                "{class: weight} for each, 'balanced', or one dict for a single output."
            )
        class_weight = class_weight if several else class_weight[0]
    if several:
        labels = dense(y)
        given = class_weights(class_weight, "labels", labels.shape[1])
        by_class = factors(balanced_by_weight(given, labels, sample_weight), labels, labels)
    else:
        known = np.unique(y) if classes is None else classes
        named = by_place(class_weight, {c: i for i, c in enumerate(known.tolist())}, known.tolist(), may_be_absent=True)
        place = np.searchsorted(known, y)
        given = class_weights(named, "class", len(known))
        by_class = factors(balanced_by_weight(given, place, sample_weight), place, place)
    return by_class if sample_weight is None else by_class * sample_weight
