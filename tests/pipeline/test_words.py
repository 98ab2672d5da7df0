"""Texts with structure: names of products whose first words say much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.data.read import read
from chainrule.data.table import Selection
from chainrule.data.words_of_texts import frequent_words, held_words, prefixes
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Values

R = np.random.default_rng(0)
N = 2000
BRANDS = [f"Brand{k}" for k in range(25)]
MODELS = [f"{brand} M{j}" for brand in BRANDS for j in range(4)]
WORTH = dict(zip(MODELS, R.normal(size=100), strict=True))
CHOSEN = R.integers(0, 100, N)
DIESEL = R.random(N) < 0.5
NAMES = [
    f"{MODELS[k]} {'Diesel' if d else 'Petrol'} nr{R.integers(0, 10**6)}" for k, d in zip(CHOSEN, DIESEL, strict=True)
]
PRICES = np.array([WORTH[MODELS[k]] for k in CHOSEN]) + DIESEL + 0.1 * R.normal(size=N)


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    """2,000 different names of cars, and prices."""
    path = tmp_path / "cars.csv"
    rows = (f"{name},{x:.4f},{price:.4f}" for name, x, price in zip(NAMES, R.normal(size=N), PRICES, strict=True))
    path.write_text("name,x,price\n" + "\n".join(rows) + "\n")
    return path


def test_names_are_used_by_their_words(cars: Path) -> None:
    """Prices follow brand, model and fuel, all of which stand in the name; nothing else tells them."""
    table = read(str(cars), Selection(targets=("price",)))
    assert table.understood[0].kind == "text" and table.understood[0].used
    assert table.understood[0].detail.startswith("2,000 different texts by 31 words that repeat: diesel, petrol, m")
    run = cr.train(str(cars), target="price")
    unseen = {"name": ["Brand3 M1 Diesel nr7", "Brand3 M1 Petrol nr7", "Brand9 M2 Diesel", "new"], "x": [0.0] * 4}
    found = run.predict(unseen)
    assert np.allclose(found[:3], [WORTH["Brand3 M1"] + 1, WORTH["Brand3 M1"], WORTH["Brand9 M2"] + 1], atol=0.4)
    assert run.evaluate(str(cars))["rmse"] < 0.3 < PRICES.std()


def test_a_pipeline_keeps_its_words(cars: Path) -> None:
    """The same inputs after a round trip, also of empty and unknown texts; means leave a row's own fold out."""
    table = read(str(cars), Selection(targets=("price",)))
    made = TablePipeline.fit(table, Values.fit(table))
    again = TablePipeline.from_dict(made.to_dict(), made.arrays())
    unseen = table
    assert np.array_equal(again.features(unseen), made.features(unseen))
    assert len(set(made.names)) == len(made.names) == made.features(unseen).shape[1]
    training = made.training_features(table)
    assert not np.array_equal(training, made.features(table))
    assert np.array_equal(made.as_new(training, table), made.features(table))


@pytest.mark.parametrize(
    "cells",
    [
        [f"C-{k:05d}" for k in range(300)],  # a word in every row, and one of its own
        [f"{k * 7919 % 1000003:x}x" for k in range(300)],
        [" ".join(f"w{(k * 7 + j) * 7919 % 100003}" for j in range(3)) for k in range(300)],
    ],
)
def test_identifiers_stay_out(cells: list[str], tmp_path: Path) -> None:
    """Where no word repeats in some rows and not in others, a text is no use."""
    path = tmp_path / "t.csv"
    path.write_text("c,x,y\n" + "\n".join(f"{cell},{k % 7},{k % 5}" for k, cell in enumerate(cells)) + "\n")
    assert read(str(path), Selection(targets=("y",))).names == ("x",)


def test_stated_words(tmp_path: Path) -> None:
    """--kind c=category:words takes a category of few levels by its words too."""
    path = tmp_path / "t.csv"
    path.write_text(
        "c,y\n" + "\n".join(f"{'big' if k % 2 else 'small'} {'red' if k % 3 else 'blue'},{k}" for k in range(60))
    )
    table = read(str(path), Selection(targets=("y",), kinds={"c": "category:words"}))
    pipeline = TablePipeline.fit(table, Values.fit(table))
    assert pipeline.names[:4] == ("c holds red", "c holds big", "c holds small", "c holds blue")


def test_words_by_hand() -> None:
    """Rows count, not texts; letters of any script."""
    assert frequent_words(["가 나", "가 다", "라"], [4, 4, 2]) == (("가",), 0.8)
    assert frequent_words(["", "--"], [5, 5]) == ((), 0.0)
    assert prefixes(["A  b c", ""], 2) == ["a b", ""]


def test_words_as_scikit_learn_has_them() -> None:
    """The same words in the same texts as by CountVectorizer: letters of any script, digits, one letter, no marks."""
    from sklearn.feature_extraction.text import CountVectorizer

    texts = ["Kia Rio 1.4 LX", "kia-rio", "İstanbul'da ﬁne", "A_b a_B x²", "현대 아반떼, 1.6", "", "née Ünal née"] * 5
    vectorizer = CountVectorizer(binary=True, token_pattern=r"(?u)\b\w+\b")
    held = vectorizer.fit_transform(texts).toarray()
    names = vectorizer.get_feature_names_out()
    assert np.array_equal(held_words(texts, list(names)), held)
    rows = np.arange(1.0, len(texts) + 1)
    words, covered = frequent_words(texts, rows)
    share = dict(zip(names, rows @ held / rows.sum(), strict=True))
    expected = sorted((word for word in names if share[word] <= 0.95), key=lambda word: (-share[word], word))
    assert words == tuple(expected[:64])
    assert covered == pytest.approx(rows[held.any(axis=1)].sum() / rows.sum())
