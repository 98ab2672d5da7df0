"""Parameters as views on one flat vector."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters

ARCHITECTURE = Architecture.build([2, 3, 2], dtype="float64")


def test_order_of_the_flat_vector() -> None:
    """The vector is W1 row by row, b1, W2 row by row, b2."""
    parameters = Parameters(ARCHITECTURE, np.arange(17.0))
    assert parameters.W[0] is parameters.b[0] is None
    assert parameters.W[1].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert parameters.b[1].tolist() == [6, 7, 8]
    assert parameters.W[2].tolist() == [[9, 10], [11, 12], [13, 14]]
    assert parameters.b[2].tolist() == [15, 16]


def test_views_write_through() -> None:
    """Writing to W[l] or b[l] writes to the vector, and the other way round."""
    parameters = Parameters(ARCHITECTURE)
    assert parameters.flat.tobytes() == np.zeros(17).tobytes()
    parameters.W[2][1, 0] = 5.0
    parameters.b[1][:] = 7.0
    assert parameters.flat.tolist() == [0] * 6 + [7] * 3 + [0, 0, 5, 0, 0, 0] + [0, 0]
    parameters.flat[16] = 9.0
    assert parameters.b[2][1] == 9.0


def test_copy_is_independent_and_like_is_a_view() -> None:
    """copy has a vector of its own; like lays the views over the vector it is given."""
    parameters = Parameters(ARCHITECTURE, np.arange(17.0))
    copy = parameters.copy()
    copy.W[1][:] = -1
    assert parameters.flat.tolist() == list(range(17))
    gradient = np.zeros(17)
    parameters.like(gradient).b[2][0] = 3.0
    assert gradient[15] == 3.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_vectors_begin_with_a_line_of_the_cache(dtype: str) -> None:
    """New parameters and copies begin at a multiple of 64 bytes, wherever those they were copied from begin."""
    architecture = Architecture.build([2, 3, 2], dtype=dtype)
    for shift in range(1, 17):
        given = np.arange(17.0 + shift, dtype=dtype)[shift:]
        assert Parameters(architecture).flat.ctypes.data % 64 == 0
        copy = Parameters(architecture, given).copy()
        assert copy.flat.ctypes.data % 64 == 0
        assert copy.flat.tobytes() == given.tobytes()


def test_named() -> None:
    """named walks W1, b1, W2, b2 in the order of the vector."""
    parameters = Parameters(ARCHITECTURE, np.arange(17.0))
    assert [name for name, _ in parameters.named()] == ["W1", "b1", "W2", "b2"]
    assert np.concatenate([array.ravel() for _, array in parameters.named()]).tolist() == list(range(17))


def test_normalised_layers_have_gain_and_shift() -> None:
    """gain[l] and shift[l] follow b[l] in the vector where layer l is normalised, and are None elsewhere."""
    architecture = Architecture.build([1, 2, 1, 1], "tanh", "identity", "squared_error", "float64", ["layer", None])
    parameters = Parameters(architecture, np.arange(13.0))
    assert architecture.n_parameters == 13
    assert [name for name, _ in parameters.named()] == ["W1", "b1", "gain1", "shift1", "W2", "b2", "W3", "b3"]
    assert parameters.gain[0] is parameters.gain[2] is parameters.shift[3] is None
    assert parameters.gain[1].tolist() == [4, 5] and parameters.shift[1].tolist() == [6, 7]
    assert parameters.W[2].tolist() == [[8], [9]]
    parameters.gain[1][0] = -1
    assert parameters.flat[4] == -1


def test_dtype_is_the_architectures() -> None:
    """Fresh parameters have the dtype of the architecture."""
    assert Parameters(Architecture.build([2, 2], dtype="float32")).W[1].dtype == np.float32
    assert Parameters(ARCHITECTURE).b[2].dtype == np.float64
