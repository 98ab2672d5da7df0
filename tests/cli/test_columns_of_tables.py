"""What predict says of rows unlike the training's, the columns it keeps, and what explain says of columns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chainrule.cli import main

N = 600


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """y is q and a little of size; price says nothing, id counts."""
    folder = tmp_path_factory.mktemp("columns")
    r = np.random.default_rng(0)
    size, q, price = np.array(["small", "mid", "large"])[r.integers(0, 3, N)], np.arange(N) % 7, r.uniform(1, 99, N)
    y = q + 0.5 * (size == "mid") + 0.1 * r.normal(size=N)
    lines = [f"{k:05d},{size[k]},{price[k]:.2f},2024-01-{k % 28 + 1:02d},{q[k]},{y[k]:.3f}" for k in range(N)]
    (folder / "t.csv").write_text("\n".join(["id,size,price,day,q,y", *lines]) + "\n")
    assert main(["train", str(folder / "t.csv"), "--target", "y", "-o", str(folder / "run"), "--quiet"]) == 0
    return folder


def predicted(run: Path, lines: list[str], capsys: pytest.CaptureFixture[str], *more: str) -> tuple[str, list[str]]:
    """stderr, and the lines of the file."""
    (run / "new.csv").write_text("\n".join(["id,size,price,day,q", *lines]) + "\n")
    assert main(["predict", str(run / "run"), str(run / "new.csv"), "-o", str(run / "out.csv"), *more]) == 0
    return capsys.readouterr().err, (run / "out.csv").read_text().splitlines()


def test_usual_rows_are_not_mentioned(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Values a little beyond the training range are usual."""
    err, _ = predicted(run, ["00000,mid,120,2024-01-30,3", "00001,small,1,2024-01-01,8"], capsys)
    assert err.strip().endswith("out.csv") and err.count("\n") == 1


def test_unlike_rows_are_counted(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Levels in upper case, 1e300, a far day, missing values, each counted over all rows."""
    lines = ["0,MID,50,2024-01-05,3", "1,SMALL,1e300,1970-01-01,", "2,XL,50,2024-01-05,", "3,,50,2024-01-05,1"]
    err, _ = predicted(run, lines, capsys)
    assert "size: 3 of 4 rows hold a level that training does not know or saw too seldom, such as 'MID'" in err
    assert "size: 1 of 4 rows hold a missing value, where training had none" in err
    assert "q: 2 of 4 rows hold a missing value" in err
    assert "price: 1 of 4 rows hold a number far outside the training range, such as 1e+300" in err
    assert "day: 1 of 4 rows hold a number far outside the training range, such as 1970-01-01" in err


def test_columns_are_kept_as_they_stand(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids with zeros, columns of the network and others, missing ones; before the predictions."""
    lines = ["00000,mid,50.10,2024-01-05,3", "00001,NA,1,2024-01-06,4"]
    _, found = predicted(run, lines, capsys, "--keep", "id,price", "--keep", "size")
    assert [line.split(",")[:3] for line in found] == [
        ["id", "price", "size"], ["00000", "50.10", "mid"], ["00001", "1", "NA"]
    ]  # fmt: skip
    assert found[0].split(",")[3] == "prediction" and float(found[1].split(",")[3]) == pytest.approx(3.5, abs=0.5)
    arguments = ["predict", str(run / "run"), str(run / "new.csv"), "-o", str(run / "out.csv"), "--keep", "idd"]
    assert main(arguments) == 2
    assert "did you mean 'id'" in capsys.readouterr().err


def test_what_each_column_is_worth(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """q first by far, price within its interval of nothing; held-out rows by themselves, or the rows given."""
    for more, what in (([], "held_out"), (["--data", str(run / "t.csv")], "data")):
        assert main(["explain", str(run / "run"), "--global", "--format", "json", *more]) == 0
        found = json.loads(capsys.readouterr().out)
        columns = {one["column"]: one for one in found["columns"]}
        assert (found["rows"], next(iter(columns))) == (what, "q")
        assert columns["q"]["low"] > 1 > columns["size"]["rise"] > columns["size"]["low"] > 0
        assert abs(columns["price"]["rise"]) < 0.1
        assert all(one["low"] <= one["rise"] <= one["high"] for one in columns.values())
    for language, word in (("en", "95 % interval"), ("ko", "95 % 구간")):
        assert main(["explain", str(run / "run"), "--global", "--language", language]) == 0
        assert word in capsys.readouterr().out


@pytest.mark.parametrize("target", ["size", "y,q"])
def test_of_classes_and_several_values(
    target: str, tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log-loss of classes, the mean square of several values; contributions add up for each."""
    assert main(["train", str(run / "t.csv"), "--target", target, "-o", str(tmp_path / "r"), "--quiet"]) == 0
    assert main(["explain", str(tmp_path / "r"), "--global", "--format", "json"]) == 0
    capsys.readouterr()
    arguments = ["explain", str(tmp_path / "r"), "--data", str(run / "t.csv"), "--row", "3", "--format", "json"]
    assert main(arguments) == 0
    for one in json.loads(capsys.readouterr().out)["drivers"]:
        total = sum(entry["contribution"] for entry in one["columns"])
        assert total == pytest.approx(one["score"] - one["baseline"], abs=1e-9)
