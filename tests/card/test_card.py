"""The model card: its numbers are those of evaluate and importances, its texts cannot break the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.card import card_facts
from chainrule.card.facts import CalibrationBin, CardFacts
from chainrule.cli import main
from chainrule.planning.bootstrap import JudgedRows, intervals, judged

N = 600
SECTIONS = ["How good it is", "Calibration", "What it looks at", "Columns", "Limits", "Training", "To make it again"]


def table(n: int = N, seed: int = 0) -> dict[str, Any]:
    """A class from a number and a category; names that Markdown and HTML would read as marks."""
    r = np.random.default_rng(seed)
    size, colour = r.normal(size=n), r.choice(["red|blue", "<script>alert(1)</script>", "plain"], n)
    gap = np.where(r.random(n) < 0.2, np.nan, r.normal(size=n))
    kind = np.where(size + (colour == "plain") + 0.5 * r.normal(size=n) > 0.3, "large", "small")
    return {"size": size, "col|our": colour.tolist(), "gap": gap, "kind": kind.tolist()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of a file of which a fifth is held out."""
    import pyarrow as pa
    from pyarrow import csv

    folder = tmp_path_factory.mktemp("card")
    csv.write_csv(
        pa.table({name: pa.array(values, from_pandas=True) for name, values in table().items()}), folder / "t.csv"
    )
    return cr.train(folder / "t.csv", target="kind", epochs=10, progress=False, directory=folder / "run")


def test_the_measures_are_those_of_the_rows_held_out(run: Any) -> None:
    """Each within its interval, beside the simplest prediction; importances name the columns that tell."""
    facts = card_facts(run)
    assert (facts.part, facts.n_judged, facts.n_train) == ("held_out", N // 5, N - N // 5)
    held = np.setdiff1d(np.arange(N), run.index)
    rows = {name: np.asarray(values)[held].tolist() for name, values in table().items()}
    measured = run.evaluate(rows)
    found = {one.name: one for one in facts.measures}
    for name in ("accuracy", "log_loss", "auc"):
        assert found[name].value == pytest.approx(measured[name], abs=1e-12)
        low, high = found[name].interval or (1, 0)
        assert low <= measured[name] <= high and low < high
    assert found["auc"].simplest == 0.5
    assert {name for name, *_ in facts.importances[:2]} == {"size", "col|our"}
    assert sum(one.n for one in facts.calibration) == N // 5
    assert [one.had_missing for one in facts.columns] == [False, False, True]
    assert facts.columns[1].n_levels == 3


def test_intervals_cover_what_they_should() -> None:
    """The mean of a column of 0 and 1: about the normal interval; the same for the same seed."""
    run = cr.train(table(), target="kind", epochs=1, progress=False)
    rows = judged(run.predictor, run._fitted, _read(run, table(2_000, seed=1)))
    found, again = intervals(rows, 3), intervals(rows, 3)
    assert found == again != intervals(rows, 4)
    p = rows.scores()["accuracy"]
    half = 1.96 * np.sqrt(p * (1 - p) / len(rows))
    low, high = found["accuracy"]
    assert low == pytest.approx(p - half, abs=0.3 * half) and high == pytest.approx(p + half, abs=0.3 * half)


def _read(run: Any, columns: dict[str, Any]) -> Any:
    from chainrule.api.tables import blocks

    return next(iter(blocks(columns, run._fitted, needs_target=True)))


def test_calibration_error_is_the_mean_distance() -> None:
    """|0.9 − 0.5| of 10 rows, |0.6 − 0.7| of 30."""
    bins = (CalibrationBin(10, 0.9, 0.5), CalibrationBin(30, 0.6, 0.7))
    facts = CardFacts(name="m", task="classification", network="2-1", n_parameters=3, calibration=bins)
    assert facts.calibration_error == pytest.approx(0.175)
    assert CardFacts(name="m", task="regression", network="2-1", n_parameters=3).calibration_error is None


def test_the_card_is_whole_in_both_languages(run: Any) -> None:
    """All sections, tables of equal rows, no mark of the data's own, sha256 of the weights."""
    english, korean = run.card(), run.card("ko")
    assert re.findall(r"^## (.+)$", english, re.M) == SECTIONS
    assert len(re.findall(r"^## ", korean, re.M)) == len(SECTIONS)
    for text in (english, korean):
        assert "<script>" not in text and card_facts(run).weights[0] in text
        widths = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
        assert set(widths) == {3, 4, 5}
    assert not re.search("[가-힣]", english)
    with pytest.raises(cr.SettingsError, match="language"):
        run.card("fr")


def test_the_head_is_yaml_with_the_keys_of_hubs(run: Any) -> None:
    """Names as JSON strings; the split is said; values are the measures."""
    yaml = pytest.importorskip("yaml")
    head = yaml.safe_load(run.card().split("---\n")[1])
    assert head["library_name"] == "chainrule" and head["pipeline_tag"] == "tabular-classification"
    (result,) = head["model-index"][0]["results"]
    assert result["dataset"] == {"type": "tabular", "name": "t.csv", "split": "validation"}
    values = {one["name"]: one["value"] for one in result["metrics"]}
    assert values["accuracy"] == {one.name: one.value for one in card_facts(run).measures}["accuracy"]


def test_without_its_rows_the_card_says_so(tmp_path: Path) -> None:
    """Rows given in memory are gone after loading; --data measures on others."""
    cr.train(table(), target="kind", epochs=1, progress=False, directory=tmp_path / "run")
    run = cr.load(tmp_path / "run")
    assert "Nothing was measured" in run.card() and "model-index" not in run.card()
    facts = card_facts(run, table(100, seed=2))
    assert (facts.part, facts.n_judged, facts.n_train) == ("test", 100, None)
    assert all(one.simplest is None for one in facts.measures)
    with pytest.raises(cr.DataError, match="'kind'"):
        run.card(data={"size": [1.0], "col|our": ["plain"], "gap": [0.0]})


def test_arrays_have_a_card_too() -> None:
    """Without columns or measures."""
    net = cr.Network([2, 3, 2], seed=0)
    run = cr.train(net, np.eye(2), [0, 1], epochs=1, progress=False)
    assert "2-3-2" in run.card() and "## Columns" not in run.card()


@pytest.mark.parametrize("how", [{}, {"members": 2}, {"target": "size", "drop": ("kind",)}])
def test_values_and_ensembles(how: dict[str, Any]) -> None:
    """A number has no calibration; an ensemble names its members' weights."""
    run = cr.train(table(200), **{"target": "kind", "epochs": 2, "progress": False} | how)
    facts = card_facts(run, table(100, seed=3))
    assert len(facts.weights) == facts.n_members == how.get("members", 1)
    assert bool(facts.calibration) == ("drop" not in how)
    assert facts.measures


def test_the_command(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To a file or to stdout."""
    out = tmp_path / "README.md"
    assert main(["card", str(run.directory), "-o", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == run.card()
    assert main(["card", str(run.directory), "--language", "ko"]) == 0
    assert "## 성능" in capsys.readouterr().out
    assert main(["card", str(run.directory), "-o", str(run.directory)]) == 2


def test_rows_can_be_judged_apart(run: Any) -> None:
    """The scores of some rows are those of a table of these."""
    rows = judged(run.predictor, run._fitted, _read(run, table(50, seed=5)))
    few = judged(run.predictor, run._fitted, _read(run, {k: list(v)[:20] for k, v in table(50, seed=5).items()}))
    assert isinstance(rows, JudgedRows) and len(rows) == 50
    assert json.dumps(rows.scores(np.arange(20))) == json.dumps(few.scores())
