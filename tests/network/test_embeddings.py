"""What `embedding` and `input_scale` may be: what they mean, and how anything else is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr


def test_columns_count_those_of_X_whatever_comes_before() -> None:
    """The codes of column 1 and the numbers of column 2 are found after column 0 became several numbers."""
    embedding = [
        {"kind": "pbld", "columns": [0], "size": 3},
        {"kind": "category", "columns": [1], "levels": [3], "size": 2},
    ]
    net = cr.Network([3, 4, 2], embedding=embedding, input_scale=True)
    assert net.architecture.inputs.n_out == 3 + 2 + 1
    assert net.W[1].shape == (6, 4)
    net.parameters.table[0][:] = [[1, 2], [3, 4], [5, 6]]
    a0 = net.forward(np.array([[0.5, 2.0, 0.1], [0.5, 7.0, 0.1]])).a[0]
    assert a0[0, 2] == 0.5  # the number itself ends a PBLD embedding
    assert a0[:, 3:5].tolist() == [[5.0, 6.0], [0.0, 0.0]]  # a code that is no level has zeros


def test_a_name_embeds_every_column() -> None:
    """As a string, without options."""
    net = cr.Network([3, 4, 2], embedding="pbld")
    assert net.architecture.inputs.n_out == 12
    assert net.parameters.frequency[0].shape == (3, 16)
    assert abs(float(net.parameters.frequency[0].std()) - 0.1) < 0.03
    assert float(np.abs(net.parameters.phase[0]).max()) <= np.pi


def test_bins_are_quantiles() -> None:
    """Equal quantiles give one edge; edges run from the least to the largest number."""
    X = np.column_stack([np.arange(101.0), np.repeat([0.0, 1.0, 5.0], [60, 20, 21])])
    bins = cr.quantile_bins(X, n_bins=4)
    assert bins == [[0.0, 25.0, 50.0, 75.0, 100.0], [0.0, 1.0, 5.0]]
    assert cr.quantile_bins(X, n_bins=4, columns=[1]) == [bins[1]]
    net = cr.Network([2, 4, 2], embedding={"kind": "piecewise_linear", "edges": bins, "size": 3})
    assert net.parameters.knots[0].shape == (6, 3)
    assert not net.parameters.knots[0].any()


def test_a_column_of_thousands_of_levels_is_a_table() -> None:
    """5,000 levels have 5,000 vectors, of which a step moves those that it sees (and Adam none else at first)."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 5000, 300), rng.normal(size=300)])
    y = (X[:, 0] % 2 == 0).astype(int)
    net = cr.Network([2, 8, 2], "tanh", embedding={"kind": "category", "columns": [0], "levels": [5000]})
    before = net.parameters.table[0].copy()
    run = cr.train(net, X, y, epochs=1, batch_size=300, shuffle=False)
    moved = (run.network.parameters.table[0] != before).any(axis=1)
    assert set(np.flatnonzero(moved)) == set(X[:, 0].astype(int))


REFUSED: dict[str, tuple[Any, str]] = {
    "an unknown name": ("plrs", "did you mean 'plr'"),
    "a number for columns": ({"kind": "plr", "columns": 0.5}, "different column numbers"),
    "a number": (3, "must be a name, a dict"),
    "no name": ({"columns": [0]}, "must be a name, a dict with its name as 'kind'"),
    "an unknown option": ({"kind": "plr", "frequency": 3}, "option 'frequency' is unknown"),
    "a column twice": ([{"kind": "plr", "columns": [0]}, {"kind": "pbld", "columns": [0, 1]}], "embedded twice"),
    "two ways for numbers": ([{"kind": "plr", "columns": [0]}, {"kind": "pbld", "columns": [1]}], "same names"),
    "a column that is not there": ({"kind": "plr", "columns": [3]}, "from 0 to 2"),
    "a sigma of 0": ({"kind": "plr", "sigma": 0}, "sigma=0: must be a number above 0"),
    "a size of 1 with the number": ({"kind": "pbld", "size": 1}, "from 2 to"),
    "no edges": ("piecewise_linear", "quantile_bins"),
    "edges of one column": ({"kind": "piecewise_linear", "edges": [[0, 1]]}, "edges of 1 columns"),
    "edges that fall": ({"kind": "piecewise_linear", "columns": [0], "edges": [[1.0, 0.0]]}, "each above the one"),
    "edges equal in float32": (
        {"kind": "piecewise_linear", "columns": [0], "edges": [[1.0, 1.0 + 1e-12]]}, "in float32 too",
    ),
    "no levels": ({"kind": "category", "columns": [0]}, "how many levels each"),
    "levels of 0": ({"kind": "category", "columns": [0], "levels": [0]}, "how many levels each"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_meaning_is_refused(what: str) -> None:
    """Each message names the thing, what was found, and what it must be."""
    given, message = REFUSED[what]
    with pytest.raises(cr.SettingsError, match=message):
        cr.Network([3, 4, 2], embedding=given)


def test_a_column_without_two_values_has_no_bins() -> None:
    """It is named, with what to do."""
    with pytest.raises(cr.DataError, match="column 1 of X has a single value"):
        cr.quantile_bins(np.column_stack([np.arange(5.0), np.ones(5)]))
    with pytest.raises(cr.SettingsError, match="n_bins=0"):
        cr.quantile_bins(np.ones((3, 1)), n_bins=0)
    with pytest.raises(cr.SettingsError, match="input_scale='yes'"):
        cr.Network([3, 2], input_scale="yes")
