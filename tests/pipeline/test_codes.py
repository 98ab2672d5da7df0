"""Whole numbers that are codes: shops, persons and products beside ages, amounts and hours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.data.table import Column, Table
from chainrule.pipeline.codes import CodeEncoder, values_name
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Values

FOLDS = np.arange(3000) % 5


def shops(n_shops: int, n: int = 3000, seed: int = 0, first: int = 0, apart: int = 1) -> tuple[Any, Any]:
    """Numbers of shops, and sales that each shop has a level of its own for."""
    r = np.random.default_rng(seed)
    shop = r.integers(0, n_shops, n)
    return (first + apart * shop).astype(float), 100 * r.normal(size=n_shops)[shop] + 10 * r.normal(size=n)


@pytest.mark.parametrize(("n_shops", "first", "apart"), [(20, 0, 1), (60, 0, 1), (60, 1001, 7), (500, 10_000, 1)])
def test_codes_are_found(n_shops: int, first: int, apart: int) -> None:
    """Numbers in a row, with gaps, and hundreds of them."""
    shop, sales = shops(n_shops, first=first, apart=apart)
    assert values_name(shop, sales[:, None], None, FOLDS)
    assert values_name(np.where(np.arange(3000) % 10 == 0, np.nan, shop), sales[:, None], None, FOLDS)


R = np.random.default_rng(1)
AGE = R.integers(18, 91, 3000).astype(float)
QUANTITIES = {
    "a line": (AGE, 2 * AGE + 1 + R.normal(size=3000)),
    "a line without noise": (AGE, 2 * AGE + 1),
    "a curve": (AGE, (AGE - 50) ** 2 / 100 + R.normal(size=3000)),
    "waves": (AGE, np.sin(AGE / 6) + 0.3 * R.normal(size=3000)),
    "an exponential": (AGE, np.exp(AGE / 15) + R.normal(size=3000)),
    "nothing": (AGE, R.normal(size=3000)),
    "counts, most of them none": ((k := R.poisson(0.3, 3000) * R.integers(1, 200, 3000)), np.sqrt(k) - 3 * (k == 0)),
    "a step": (AGE, (AGE > 50) + 0.3 * R.normal(size=3000)),
    "every row has its own": (np.arange(3000.0), R.normal(size=3000)),
    "fractions": (AGE + 0.5, shops(73)[1]),
    "two values": (AGE % 2, AGE % 2),
}


@pytest.mark.parametrize("name", QUANTITIES)
def test_quantities_stay_quantities(name: str) -> None:
    """What its neighbours predict as well is a quantity."""
    values, target = QUANTITIES[name]
    assert not values_name(np.asarray(values, float), np.asarray(target, float)[:, None], None, FOLDS)


def test_rows_of_weight_0_say_nothing() -> None:
    """Only the shops among rows that count."""
    shop, sales = shops(60)
    weight = (np.arange(3000) < 50).astype(float)
    assert not values_name(shop, sales[:, None], weight, FOLDS)


def table(shop: Any, sales: Any, stated: frozenset[str] = frozenset()) -> Table:
    """A column of shops, one of sales."""
    return Table(
        path="t", columns=(Column("shop", "number", shop),), targets=(Column("sales", "number", sales),), stated=stated
    )


@pytest.mark.parametrize("n_shops", [60, 300])
def test_a_pipeline_keeps_both_readings(n_shops: int) -> None:
    """The encoder comes back with the same bits; a shop that training did not see has the inputs of others."""
    rows = table(*shops(n_shops))
    made = TablePipeline.fit(rows, Values.fit(rows), n_bins=8, codes=True)
    assert isinstance(made.encoders[0], CodeEncoder)
    again = TablePipeline.from_dict(made.to_dict(), made.arrays())
    unseen = table(np.array([0.0, 5, 1e6, np.nan]), np.zeros(4))
    assert np.array_equal(again.features(unseen), made.features(unseen))
    assert len(made.names) == made.features(unseen).shape[1] == len(set(made.names))
    training = made.training_features(rows)
    assert np.array_equal(made.as_new(training, rows), made.features(rows))
    assert np.array_equal(training, made.features(rows)) == (n_shops == 60)


def test_a_stated_number_is_a_number() -> None:
    """--kind shop=number, and presets without codes."""
    rows = table(*shops(60), stated=frozenset({"shop"}))
    assert not isinstance(TablePipeline.fit(rows, Values.fit(rows), codes=True).encoders[0], CodeEncoder)
    rows = table(*shops(60))
    assert not isinstance(TablePipeline.fit(rows, Values.fit(rows)).encoders[0], CodeEncoder)


def test_shops_as_numbers_are_predicted_like_shops_as_names(tmp_path: Path) -> None:
    """3,000 rows of 60 shops whose sales vary by 10 within a shop: the numbers alone leave 5 times as much."""
    shop, sales = shops(60)
    path = tmp_path / "shops.csv"
    path.write_text("shop,sales\n" + "\n".join(f"{a:g},{b:.4f}" for a, b in zip(shop, sales, strict=True)) + "\n")
    plan = cr.plan(str(path), target="sales")
    assert "codes       shop: whole numbers that predict better as names" in plan.summary()
    run = plan.train()
    assert run.evaluate(str(path))["rmse"] < 11
    assert cr.load(run.directory).evaluate(str(path)) == run.evaluate(str(path)) if run.directory else True
