"""Rows held out by groups or by time, not by chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import DataError, SettingsError

N = 1200


@pytest.fixture
def table(tmp_path: Path) -> str:
    """60 persons, whose level y follows; a day a row; a year; some rows without y."""
    r = np.random.default_rng(0)
    person, x = r.integers(0, 60, N), r.normal(size=N)
    y = 3 * r.normal(size=60)[person] + x + 0.1 * r.normal(size=N)
    days = np.datetime64("2015-01-01") + np.arange(N)
    lines = [
        f"p{person[k]:02d},{x[k]:.3f},{days[k]},{2015 + k // 365},{'' if k % 50 == 0 else f'{y[k]:.3f}'}"
        for k in range(N)
    ]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["person,x,day,year,y", *lines]) + "\n")
    return str(path)


@pytest.mark.parametrize("drop", [(), ("person",)])
def test_no_person_stands_on_both_sides(table: str, drop: tuple[str, ...]) -> None:
    """Whether the column is used or not; about the share asked for; another seed, other persons."""
    found = {}
    for seed in (0, 1):
        plan = cr.plan(table, target="y", drop=drop, valid_by="person", validation=0.3, seed=seed)
        kinds = {"person": "category"}
        whole = cr.plan(table, target="y", kinds=kinds).details.table.column("person")
        names = np.array(whole.levels)[whole.values]
        rows = plan.details.candidates[-1].rows.validation
        assert not set(names[rows.kept]) & set(names[rows.out])
        assert abs(len(rows.out) / len(names) - 0.3) < 0.03
        found[seed] = set(names[rows.out])
        assert "held out by person" in plan.summary()
    assert found[0] != found[1]


def test_an_honest_loss(table: str) -> None:
    """Held out by chance the persons are known, and the loss looks as if new ones were too."""
    by_chance = cr.train(table, target="y", drop=("day", "year"))
    by_person = cr.train(table, target="y", drop=("day", "year"), valid_by="person")
    assert by_person.history["validation_loss"][-1] > 3 * by_chance.history["validation_loss"][-1]


@pytest.mark.parametrize(
    ("stated", "column", "first"),
    [
        ("2017-06-30", "day", 912),
        ("day=2017-06-30", "day", 912),
        ("year=2016", "year", 730),
        ("day=2017-06-30T12:00:00", "day", 912),
    ],
)
def test_what_is_later_is_held_out(table: str, stated: str, column: str, first: int) -> None:
    """A day counts whole; a column of numbers has a limit too."""
    plan = cr.plan(table, target="y", valid_after=stated)
    rows = plan.details.candidates[-1].rows.validation
    known = np.array([k for k in range(N) if k % 50])
    assert np.array_equal(known[rows.out], known[known >= first])
    assert f"held out after {stated}" in plan.summary()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"valid_by": "nobody"}, DataError, "no column 'nobody'|nobody"),
        ({"valid_after": "2030-01-01"}, DataError, "holds out no row"),
        ({"valid_after": "2000-01-01"}, DataError, "holds out all rows"),
        ({"valid_after": "day=soon"}, SettingsError, "must be a date such as 2015-06-01"),
        ({"valid_after": "day=5"}, SettingsError, "must be a date such as 2015-06-01"),
        ({"valid_after": "day=now"}, SettingsError, "must be a date such as 2015-06-01"),
        ({"valid_after": "person=p07"}, SettingsError, "holds a category"),
        ({"valid_by": "person", "valid_after": "2017-01-01"}, SettingsError, "exclude each other"),
        ({"valid_after": "2017-01-01", "drop": ("day",)}, SettingsError, "not exactly one holds times"),
    ],
)
def test_what_cannot_be(table: str, options: dict, error: type[Exception], words: str) -> None:
    """Named with what to do."""
    with pytest.raises(error, match=words):
        cr.plan(table, target="y", **options)


def test_the_command_line(table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same rows and bits as from Python; the run goes on with the same options."""
    arguments = ["train", table, "--target", "y", "--epochs", "3", "-o", str(tmp_path / "r"), "--valid-by", "person"]
    assert main(arguments) == 0
    assert "held out by person" in capsys.readouterr().out
    run = cr.train(table, target="y", epochs=3, valid_by="person")
    assert run.result["sha256"] == cr.load(tmp_path / "r").result["sha256"]
    assert main([*arguments, "--resume"]) == 0
