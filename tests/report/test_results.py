"""Results on the page: predictions of the right rows, equal to what the API gives, names as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.results import MOST_CLASSES, results_of
from chainrule.text.tables import number
from report_browser import CHROMIUM, Browser

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to run these")
CELLS = "[...document.querySelectorAll('#confusion tbody tr')].map(r => [...r.children].map(e => e.textContent))"
TABLE = (
    "(name => [...[...document.querySelectorAll('.results table')].find(e => e.caption.textContent.startsWith(name))"
    ".tBodies[0].rows].map(r => [...r.cells].map(c => c.textContent)))"
)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> cr.Run:
    """A run of a table of three classes, whose names are markup."""
    folder, rng = tmp_path_factory.mktemp("table"), np.random.default_rng(0)
    size, city = rng.normal(size=300).round(3), rng.choice(["서울", "<b>Lima</b>", "Oslo"], 300)
    answer = np.where(size > 0.5, "<i>yes</i>", np.where(size < -0.7, "maybe", "</script>"))
    lines = [
        "size,<u>city</u>,answer",
        *(f"{s if s > -2 else ''},{c},{a}" for s, c, a in zip(size, city, answer, strict=True)),
    ]
    (folder / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    run = cr.train(folder / "t.csv", target="answer", epochs=6, progress=False, directory=folder / "run")
    return cr.load(run.directory)


def held_out(run: cr.Run) -> tuple[Any, Any]:
    """The cells and answers of the rows that training held out."""
    lines = Path(run.source["data"]).read_text(encoding="utf-8").splitlines()[1:]
    rows = [lines[i].split(",") for i in sorted(set(range(len(lines))) - set(run.index.tolist()))]
    frame = {"size": [float(r[0]) if r[0] else np.nan for r in rows], "<u>city</u>": [r[1] for r in rows]}
    return frame, [r[2] for r in rows]


@needs_browser
def test_the_page_has_the_numbers_of_the_api(classes: cr.Run, browser: Browser, tmp_path: Path) -> None:
    """Confusion matrix, measures and columns are those of run.predict, run.evaluate and the file; markup is text."""
    pd = pytest.importorskip("pandas")
    frame, answers = held_out(classes)
    frame = pd.DataFrame(frame)
    classes.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en")
    names = ["</script>", "<i>yes</i>", "maybe"]
    guesses = classes.predict(frame)
    pairs = list(zip(answers, guesses, strict=True))
    counts = [[pairs.count((is_, as_)) for as_ in names] for is_ in names]
    assert browser.evaluate(CELLS) == [[name, *map(str, row)] for name, row in zip(names, counts, strict=True)]
    assert sum(map(sum, counts)) == len(answers) == 60
    assert "60 validation rows" in browser.evaluate("document.querySelector('.results .lead').textContent")
    measured = classes.evaluate(frame, answers)
    shown = {name: (value, simplest) for name, value, simplest in browser.evaluate(f"{TABLE}('Measures')")}
    for name in ("accuracy", "balanced_accuracy", "f1_macro", "log_loss", "auc"):
        assert shown[name][0] == number(measured[name])
    train = [line.split(",")[2] for i, line in enumerate(lines_of(classes)) if i in set(classes.index.tolist())]
    majority = max(names, key=train.count)
    assert shown["accuracy"][1] == number(np.mean([a == majority for a in answers]))
    columns = browser.evaluate(f"{TABLE}('Values and missing')")
    assert [row[0] for row in columns] == ["size", "<u>city</u>"]
    assert columns[1][1:3] == ["category", "3: <b>Lima</b>, Oslo, 서울"]
    n_missing = sum(
        line.startswith(",") for i, line in enumerate(lines_of(classes)) if i in set(classes.index.tolist())
    )
    assert columns[0][3] == str(n_missing)
    worth = browser.evaluate(f"{TABLE}('Importance')")
    assert [row[0] for row in worth] == ["size", "<u>city</u>"] and float(worth[0][1]) > 0.3
    assert browser.evaluate("document.querySelectorAll('.results i, .results b, .results u').length") == 0


def lines_of(run: cr.Run) -> list[str]:
    return Path(run.source["data"]).read_text(encoding="utf-8").splitlines()[1:]


def test_values_in_their_unit(tmp_path: Path) -> None:
    """Of a table of values: the rows held out, points and residuals in the unit, measures of these points."""
    run = cr.train("diabetes", epochs=5, progress=False)
    found = results_of(run._replayer, run.kept_rows, asked=True)
    assert found is not None and found["part"] == "validation" and found["n"] == found["n_shown"] == 71
    points = np.array(found["values"]["points"])
    assert 20 < points[:, 0].min() < points[:, 0].max() < 350 and len(points) == 71
    residuals = points[:, 1] - points[:, 0]
    assert found["values"]["residuals"] == pytest.approx(np.quantile(residuals, (0.05, 0.25, 0.5, 0.75, 0.95)))
    measures = {name: value for name, value, _ in found["measures"]}
    assert measures["rmse"] == pytest.approx(np.sqrt(np.mean(residuals**2)))
    assert measures["mae"] == pytest.approx(np.mean(np.abs(residuals)))


def test_more_rows_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more rows than may be judged some are, evenly spread, and both numbers are kept."""
    monkeypatch.setattr("chainrule.api.results.MOST_ROWS", 11)
    X = np.linspace(-1, 1, 101)[:, None]
    run = cr.train(cr.Network([1, 1], output="identity", loss="squared_error"), X, X, epochs=1, progress=False)
    found = results_of(run._replayer, run.kept_rows, asked=True)
    assert found is not None and (found["n"], found["n_shown"]) == (101, 11)
    assert [truth for truth, _ in found["values"]["points"]] == pytest.approx(np.linspace(-1, 1, 11).tolist())


def test_two_outputs_for_a_target() -> None:
    """Mean and deviation of one target: the mean is what stands against it, in points and measures."""
    X = np.random.default_rng(4).normal(size=(40, 3))
    run = cr.train(cr.Network([3, 4, 2], "tanh", "identity", "gaussian", seed=0), X, X[:, 0], epochs=1, progress=False)
    found = results_of(run._replayer, run.kept_rows, asked=True)
    assert found is not None
    truth, guess = np.array(found["values"]["points"]).T
    assert truth == pytest.approx(X[:, 0], rel=1e-6) and guess == pytest.approx(run.network.predict(X), rel=1e-6)
    measures = {name: value for name, value, _ in found["measures"]}
    assert measures["rmse"] == pytest.approx(np.sqrt(np.mean((guess - truth) ** 2)), rel=1e-5)


def test_test_rows_of_a_built_in_set() -> None:
    """Where nothing was held out of a built-in set, its test rows are predicted: those of `evaluate`."""
    run = cr.train("iris", progress=False)
    found = results_of(run._replayer, run.kept_rows, asked=True)
    assert found is not None and found["part"] == "test" and found["n"] == 30
    assert sum(map(sum, found["confusion"]["counts"])) == 30


@pytest.mark.parametrize("n", [2, MOST_CLASSES, MOST_CLASSES + 1])
def test_many_classes_show_the_worst_pairs(n: int) -> None:
    """Up to 30 classes have a whole matrix that counts every row; beyond, the most frequent confusions in order."""
    rng = np.random.default_rng(1)
    y = np.concatenate([np.arange(n), rng.integers(0, n, 300)])
    X = rng.normal(size=(len(y), 3))
    run = cr.train(cr.Network([3, 4, n], seed=0), X, y, epochs=1, validation=(X, y), progress=False)
    found = results_of(run._replayer, run.kept_rows, asked=True)
    assert found is not None and found["part"] == "validation" and found["n"] == len(y)
    guess, confusion = run.network.predict(X), found["confusion"]
    if n <= MOST_CLASSES:
        counts = np.array(confusion["counts"])
        assert counts.shape == (n, n) and counts.sum() == len(y)
        assert counts[y[0], guess[0]] == np.sum((y == y[0]) & (guess == guess[0]))
        return
    assert confusion["n_wrong"] == np.sum(guess != y) and confusion["n_classes"] == n
    for is_, taken, count, all_ in confusion["pairs"]:
        assert count == np.sum((y == int(is_)) & (guess == int(taken))) and all_ == np.sum(y == int(is_))
    sizes = [pair[2] for pair in confusion["pairs"]]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 20


def test_training_rows_where_there_are_no_others() -> None:
    """A run without held-out rows shows its training rows, says so, and has a binary sigmoid's two classes."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(50, 3))
    y = (X[:, 0] > 0).astype(float)
    run = cr.train(cr.Network([3, 4, 1], output="sigmoid", seed=0), X, y, epochs=2, progress=False)
    found = results_of(run._replayer, run.kept_rows, asked=True)
    assert found is not None and found["part"] == "training" and found["n"] == 50
    guess = run.network.predict(X)
    assert found["confusion"]["counts"] == [[int(np.sum((y == i) & (guess == j))) for j in (0, 1)] for i in (0, 1)]
    assert {name: value for name, value, _ in found["measures"]}["accuracy"] == np.mean(guess == y)
    several = cr.train(cr.Network([3, 4, 2], output="sigmoid", seed=0), X, np.c_[y, 1 - y], epochs=1, progress=False)
    labels = results_of(several._replayer, several.kept_rows, asked=True)
    assert labels is not None and "confusion" not in labels and labels["measures"]


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_results_fit(width: int, classes: cr.Run, browser: Browser, tmp_path: Path) -> None:
    """In both languages, values and classes, nothing makes the page scroll sideways."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 2))
    values = cr.train(cr.Network([2, 3, 1], "tanh", "identity", "squared_error"), X, X[:, :1], epochs=1, progress=False)
    many = cr.train(cr.Network([2, 3, 30]), X, np.arange(60) % 30, epochs=1, progress=False)
    try:
        browser.size(width, 900)
        for run, language in ((classes, "ko"), (values, "en"), (many, "ko")):
            browser.open(run.report(tmp_path / "report.html"), f"lang={language}")
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            assert browser.evaluate("document.querySelector('.results h2').textContent") in ("Results", "결과")
    finally:
        browser.size(1400, 1000)


@needs_browser
@pytest.mark.parametrize("unit", [1.0, -1e4, 1e-7, 1e100])
def test_no_number_of_an_axis_is_cut_off(unit: float, browser: Browser, tmp_path: Path) -> None:
    """Numbers of any size lie within their drawing."""
    X = np.random.default_rng(3).normal(size=(60, 2))
    net = cr.Network([2, 3, 1], "tanh", "identity", "squared_error", dtype="float64")
    rate = cr.SGD(1e-9)
    run = cr.train(net, X, X[:, :1] * unit, epochs=1, optimizer=rate, divergence_factor=None, progress=False)
    browser.open(run.report(tmp_path / "report.html"), "lang=en")
    beyond = (
        "[...document.querySelectorAll('.missed svg text')].filter((text) => { const [a, b] = "
        "[text, text.ownerSVGElement].map((part) => part.getBoundingClientRect()); "
        "return a.left < b.left || a.right > b.right; }).length"
    )
    assert browser.evaluate("document.querySelectorAll('.missed svg text').length") == 10
    assert browser.evaluate(beyond) == 0
