"""Kinds that are stated by the user or by the types of a frame, and texts with an order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.data.orders import levels_of
from chainrule.data.read import read
from chainrule.data.table import Selection
from chainrule.errors import DataError, SettingsError
from chainrule.pipeline.ordered import OrderedEncoder
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Values
from chainrule.sklearn import TabularClassifier

pd = pytest.importorskip("pandas")
K = np.arange(300)
INTERVALS = pd.cut(K % 50, 5)
COLUMNS: dict[str, tuple[Any, str, str]] = {
    "category of integers": (pd.Categorical(K % 100), "category", "as its type says"),
    "category of floats": (pd.Categorical(K % 100 / 2), "category", "as its type says"),
    "category of dates": (pd.Categorical(pd.Timestamp("2020-01-01") + pd.to_timedelta(K % 30, "D")), "category", "as"),
    "category beyond 2^53": (pd.Categorical(K % 30 + 2**60), "category", "as its type says"),
    "category of texts": (pd.Categorical(np.array(["a", "b"])[K % 2]), "category", "2 levels"),
    "category of truth values": (pd.Categorical(K % 2 == 0), "boolean", ""),
    "ordered": (pd.Categorical(np.array(["S", "M", "L"])[K % 3], ["S", "M", "L"], ordered=True), "category", "S<M<L"),
    "ordered numbers": (pd.Categorical(K % 3, [2, 0, 1], ordered=True), "category", "2<0<1"),
    "cut": (INTERVALS, "category", "(-0.049, 9.8]<"),
    "intervals": (pd.arrays.IntervalArray(INTERVALS), "category", "(-0.049, 9.8]<"),
    "periods": (pd.period_range("2020-01", periods=300, freq="M"), "time", "2020-01-01"),
    "nullable integers": (pd.array([None, *K[1:]], dtype="Int64"), "number", "1 to 299"),
    "nullable truth values": (pd.array([None, *(K[1:] % 2 == 0)], dtype="boolean"), "boolean", "0.333 % missing"),
    "sparse": (pd.arrays.SparseArray((K % 7).astype(float)), "number", "0 to 6"),
    "numbers and texts": (pd.Series([1 if k % 2 else "a" for k in K], dtype=object), "category", "2 levels"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_types_state_kinds(name: str) -> None:
    """What pandas says of a column holds, in training and for the rows to predict."""
    values, kind, detail = COLUMNS[name]
    frame = pd.DataFrame({"c": values, "x": np.sin(K), "y": K % 5 * 1.0})
    table = read(frame, Selection(targets=("y",)))
    entry = table.understood[0]
    assert (entry.kind, entry.used) == (kind, True)
    assert entry.detail.startswith(detail)
    run = cr.train(frame, target="y", epochs=2)
    assert np.isfinite(run.predict(frame.head(7))).all()


def test_a_category_of_integers_has_a_level_for_each() -> None:
    """Every integer keeps its digits."""
    frame = pd.DataFrame({"c": pd.Categorical(K % 30 + 2**60), "y": K * 1.0})
    column = read(frame, Selection(targets=("y",))).column("c")
    assert column.levels == tuple(str(2**60 + k) for k in range(30))
    assert read(frame, Selection(targets=("y",), kinds={"c": "number"})).column("c").kind == "number"


@pytest.mark.parametrize(
    ("values", "what"),
    [([[1, 2]] * 9, "list"), ([{"a": 1}] * 9, "dict"), ([b"ab"] * 9, "bytes"), (np.arange(9) + 1j, "complex numbers")],
)
def test_what_no_column_holds_is_refused(values: Any, what: str) -> None:
    """By name, unless it is dropped."""
    frame = pd.DataFrame({"x": np.arange(9.0), "c": values, "y": np.arange(9.0)})
    with pytest.raises(DataError, match=f"column 'c': .*holds (a )?{what}, .* Leave it out"):
        read(frame, Selection(targets=("y",)))
    assert read(frame, Selection(targets=("y",), drop=("c",))).names == ("x",)


@pytest.mark.parametrize("order", ["a", "a<a", "<a", "a<b<"])
def test_orders_without_a_meaning(order: str) -> None:
    """One level, the same level twice, no level."""
    if "<" in order:
        with pytest.raises(SettingsError, match="must be two or more different levels"):
            levels_of("c", order)
    else:
        with pytest.raises(SettingsError, match="cannot be read as 'a'"):
            read(pd.DataFrame({"c": ["a"], "y": [1.0]}), Selection(targets=("y",), kinds={"c": order}))


def test_a_level_that_the_order_does_not_name() -> None:
    """An error in training, missing in prediction."""
    frame = pd.DataFrame({"size": np.array(["S", "M", "L"])[K % 3], "y": K % 3 * 1.0})
    with pytest.raises(DataError, match="column 'size': holds 'L', which the stated order S<M does not name"):
        read(frame, Selection(targets=("y",), kinds={"size": "S<M"}))
    table = read(frame, Selection(targets=("y",), kinds={"size": "S<M<L"}))
    pipeline = TablePipeline.fit(table, Values.fit(table))
    (encoder,) = pipeline.encoders
    assert isinstance(encoder, OrderedEncoder)
    assert pipeline.names == ("size place", "size from M", "size from L")
    again = TablePipeline.from_dict(pipeline.to_dict(), pipeline.arrays())
    unseen = read(pd.DataFrame({"size": ["L", "S", "XL", None]}), again.selection(needs_target=False))
    assert again.features(unseen).tolist() == [[1, 1, 1], [-1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_the_command_line_states_an_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--order, printed in the list of columns and kept by the run."""
    path = tmp_path / "t.csv"
    path.write_text("size,y\n" + "\n".join(f"{'SML'[k % 3]},{k % 3 + k / 1000}" for k in K) + "\n")
    run = str(tmp_path / "run")
    assert main(["train", str(path), "--target", "y", "--order", "size=S<M<L", "-o", run, "--epochs", "3"]) == 0
    assert "S<M<L" in capsys.readouterr().out
    assert main(["predict", run, str(path), "-o", str(tmp_path / "out.csv")]) == 0


def test_estimators_take_kinds() -> None:
    """Of a frame by name, of an array x0, x1, …; 100 codes in 2,000 rows."""
    r = np.random.default_rng(0)
    code = r.integers(0, 100, 2000)
    y = r.integers(0, 2, 100)[code]
    frame = pd.DataFrame({"code": code, "x": r.normal(size=2000)})
    for X, name in ((frame, "code"), (frame.to_numpy(), "x0")):
        model = TabularClassifier(kinds={name: "category"}, random_state=0).fit(X[:1500], y[:1500])
        assert model.score(X[1500:], y[1500:]) > 0.95
    with pytest.raises(DataError, match="no column 'cod'"):
        TabularClassifier(kinds={"cod": "category"}).fit(frame, y)
    with pytest.raises(DataError, match="no column 'code'"):
        TabularClassifier(kinds={"code": "category"}).fit(frame.to_numpy(), y)
