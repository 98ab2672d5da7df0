"""All contestants of the prediction part compute the same thing."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.bench import workloads
from chainrule.bench.parts import PREDICTING_PEERS
from chainrule.bench.prediction import PREDICTORS
from chainrule.bench.workloads import WORKLOADS
from tolerances import NATIVE, assert_close


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("peer", PREDICTING_PEERS)
def test_the_same_probabilities_from_the_same_weights(peer: str) -> None:
    """A peer's probabilities are ours up to rounding, so both did the same work."""
    workload = WORKLOADS["S"]
    try:
        found = PREDICTORS[peer](workload, 7, 1)(2)
    except ImportError as error:
        pytest.skip(f"ends when {error.name} is installed (the [bench] extra)")
    expected = PREDICTORS[workloads.OURS](workload, 7, 1)(1)
    assert found.shape == (7, 10)
    assert np.isclose(expected.sum(axis=1), 1).all()
    assert_close(found, expected, NATIVE["float32"])
