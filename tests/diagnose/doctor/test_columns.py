"""What is said about columns is read off the cells of the table: leaks, codes for missing cells, repeated rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.data.table import Table, column_of
from chainrule.diagnose.doctor.code_rules import codes
from chainrule.diagnose.doctor.columns import cells_of_inputs, cells_of_table
from chainrule.diagnose.doctor.finding import Finding
from chainrule.diagnose.doctor.interface import commands
from chainrule.diagnose.doctor.leak_rules import functional_skill, leak_rules
from chainrule.errors import DamagedFileWarning
from chainrule.run.table_sample import TableSample, sampled_rows

N = 600


def sample_of(columns: dict[str, object], target: str) -> TableSample:
    """A sample of a table of these columns; None is a missing cell."""
    from chainrule.api.tables import as_source
    from chainrule.data.read import read
    from chainrule.data.table import Selection

    table = read(as_source(columns), Selection(targets=(target,)), "train")
    return TableSample.of(table, table.names, [1] * len(table.names))


def leaks(columns: dict[str, object], target: str, *, is_class: bool = False) -> list[Finding]:
    return list(leak_rules(cells_of_table(sample_of(columns, target), is_class=is_class)))


def noise(seed: int = 0, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


X, Z, W = noise(1), noise(2), noise(3)
SOLD = np.round(2000 + 300 * X + 200 * Z + 100 * W)
CHURN = (X + Z + W > 0.5).astype(int)
REASONS = np.random.default_rng(4).choice(["moved", "price", "service"], N)


def where(filled: np.ndarray, values: object, empty: object = None) -> list[object]:
    return [value if said else empty for value, said in zip(np.asarray(values).tolist(), filled, strict=True)]


LEAKS = {
    "the same number": (SOLD, SOLD, False, "copy"),
    "the same number, rounded": (SOLD + W / 10, SOLD, False, "copy"),
    "the same number, blank in some rows": (SOLD, where(noise(5) > -1, SOLD), False, "copy"),
    "class as number": (CHURN, 1000 + 1000 * CHURN, True, "copy"),
    "class under another name": (CHURN, np.where(CHURN == 1, "lost", "kept"), True, "copy"),
    "class and a little noise": (CHURN, CHURN + 0.02 * W, True, "copy"),
    "one row in a hundred wrong": (CHURN, np.where(np.arange(N) % 100 == 7, 1 - CHURN, CHURN), True, "copy"),
    "the class where it is known": (CHURN, np.where(noise(11) < 1, CHURN - 0.5, 0.0), True, "copy"),
    "the class, blank in some rows": (CHURN, where(noise(11) < 1, np.where(CHURN == 1, "lost", "kept")), True, "copy"),
    "filled for one class": (CHURN, where(CHURN == 1, REASONS), True, "filled"),
    "a number for one class": (CHURN, where(CHURN == 1, np.abs(W)), True, "filled"),
    "a date for one class": (CHURN, where(CHURN == 1, np.full(N, "2024-03-01")), True, "filled"),
    "filled for most rows of one class": (CHURN, where((CHURN == 1) & (noise(6) > -1), REASONS), True, "filled"),
    "filled for all but one class": (CHURN, where(CHURN == 0, REASONS), True, "filled"),
    "a word for the other class": (CHURN, where(CHURN == 1, REASONS, "none"), True, "filled"),
    "zero for the other class": (CHURN, np.where(CHURN == 1, np.abs(W), 0.0), True, "filled"),
    "a score that was cut into classes": (CHURN, X + Z + W, True, "settles"),
    "the target and some noise": (SOLD, SOLD + 10 * noise(7), False, "settles"),
    "what the target is a curve of": (SOLD, np.log(SOLD + 500), False, "settles"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_named_with_its_column(name: str) -> None:
    """Of several columns that tell something of the target the one that was made of it, and what speaks against it."""
    target, leak, is_class, kind = LEAKS[name]
    found = leaks({"x": X, "z": Z, "leak": leak, "y": target}, "y", is_class=is_class)
    assert [(one.severity, one.variant) for one in found] == [("fault", kind)]
    assert found[0].evidence["columns"] == ["leak"]
    assert "leak" in found[0].words("claim") and "leak" in found[0].words("claim", "ko")


@pytest.mark.parametrize("kind", ["copy", "filled"])
def test_a_copy_is_one_where_nothing_else_tells_of_the_target(kind: str) -> None:
    """Random columns beside it: a copy of a random target, and a reason filled for one class alone."""
    y, k = noise(8), (noise(9) > 0).astype(int)
    leak = {"copy": np.round(y, 4), "y": np.round(y, 4)} if kind == "copy" else {"w": where(k == 1, REASONS), "y": k}
    found = leaks({"x": X, "z": Z, **leak}, "y", is_class=kind == "filled")
    assert [one.variant for one in found] == [kind]


MILES = np.random.default_rng(10).uniform(1e3, 2e5, N)
HONEST = {
    "y = 2x + 1": ({"x": X}, 2 * X + 1, False),
    "y = x": ({"x": X}, X, False),
    "the sine": ({"x": X, "noise": Z}, np.sin(X), False),
    "y = 2x + 1 beside noise": ({"x": X, "noise": Z}, 2 * X + 1, False),
    "kilometres and price": ({"km": MILES.round()}, (30000 * np.exp(-MILES / 1e5)).round(), False),
    "price by kilometres and year": ({"km": MILES, "year": 2024 - MILES // 2e4}, 3e4 - MILES / 10 + 900 * Z, False),
    "a threshold": ({"x": X}, (X > 0).astype(int), True),
    "a threshold beside noise": ({"x": X, "noise": Z}, (X > 0).astype(int), True),
    "a bit": ({"bit": (X > 0).astype(int)}, (X > 0).astype(int), True),
    "yesterday's price": ({"before": np.cumsum(Z)[:-1], "volume": W[1:]}, np.cumsum(Z)[1:], False),
    "two lengths of one thing": ({"cm": 100 * X, "inches": 39.37 * X}, 2 * X + 1, False),
    "prices of two days": (
        {"before": np.cumsum(Z)[1:-1], "earlier": np.cumsum(Z)[:-2], "trend": np.cumsum(Z)[2:] + 3 * W[2:]},
        np.cumsum(Z)[2:] + 1e-3 * np.arange(N - 2), False,
    ),
    "three grades, the middle one open": ({"x": np.round(np.clip(X + 1, -1, 1)), "z": Z}, (X + 0.2 * Z > -0.6), True),
    "y = a + b": ({"a": X, "b": Z, "noise": W}, X + Z, False),
    "y = a + b alone": ({"a": X, "b": Z}, X + Z, False),
    "a sum with an error": ({"a": X, "b": Z, "c": X + W}, X + Z + 0.1 * noise(12), False),
    "twice one and another": ({"a": X, "b": Z, "c": X + W}, 2 * X + Z, False),
    "missing cells of any class": ({"x": where(W > 0, X), "z": Z}, CHURN, True),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_what_predicts_well_is_not_accused(name: str) -> None:
    """Laws, thresholds and tables of one column: no fault; a table of one column is not even asked about."""
    columns, target, is_class = HONEST[name]
    found = leaks({**columns, "y": target}, "y", is_class=is_class)
    assert all(one.severity == "note" and one.variant in ("question", "sum-question") for one in found)
    assert not found or len(columns) > 1


@pytest.mark.parametrize(("sign", "word"), [(1, "+"), (-1, "−")])
def test_two_parts_of_a_target_are_named(sign: int, word: str) -> None:
    """Guests with and without a card are the guests: of these the weather tells half, and no law makes them exact."""
    casual, y = np.round(500 + 90 * W), SOLD
    parts = {"a": y - sign * casual, "b": casual}
    (found,) = leaks({"x": X, **parts, "y": y}, "y")
    assert (found.severity, found.variant, found.evidence["columns"]) == ("fault", "sum", ["a", "b"])
    assert f"y = a {word} b" in found.words("claim") and f"y = a {word} b" in found.words("claim", "ko")
    few = {name: np.round(values / 100) for name, values in parts.items()}
    assert [one.severity for one in leaks({"x": X, **few, "y": y}, "y")] == [], "rounded parts are no parts"


def test_a_sum_is_a_question_where_nothing_else_tells_of_it() -> None:
    """y = a + b beside noise may be a law: a note that says what adds up, and asks when it is known."""
    (question,) = leaks({"a": X, "b": Z, "noise": W, "y": X + Z}, "y")
    assert (question.severity, question.variant) == ("note", "sum-question")
    assert "y = a + b" in question.words("claim") and question.remedy.startswith("not needed")
    assert leaks({"a": X, "b": Z, "y": X + Z}, "y") == [], "nothing else is in the table"


def test_a_law_beside_noise_is_a_question() -> None:
    """The question names the column, and its remedy is to do nothing where the column is known before the target."""
    (question,) = leaks({"x": X, "noise": Z, "y": np.sin(X)}, "y")
    assert question.variant == "question" and question.evidence["columns"] == ["x"]
    assert question.remedy.startswith("not needed")


def test_inputs_of_one_column_do_not_testify_for_each_other() -> None:
    """A column with bins and an indicator is one column: the copy among its inputs has nobody to stand beside."""
    inputs = np.column_stack([SOLD, SOLD > 1900, SOLD > 2100, X])
    columns = [("sold", "number", 3), ("x", "number", 1)]
    found = list(leak_rules(cells_of_inputs(inputs, SOLD, is_class=False, columns=columns)))
    assert [one.evidence["columns"] for one in found] == [["sold"]]
    alone = cells_of_inputs(inputs[:, :3], 2 * SOLD + 1, is_class=False, columns=columns[:1])
    assert not list(leak_rules(alone))


def test_the_skill_of_a_function() -> None:
    """A curve that is followed to the end has all of it, noise none, half of the variance a half."""
    assert functional_skill(X, X**2) > 0.999
    assert abs(functional_skill(X, Z)) < 0.05
    assert functional_skill(X, X + Z) == pytest.approx(0.5, abs=0.1)
    assert functional_skill(np.sign(X), np.sign(X)) == pytest.approx(1.0)


def coded(values: np.ndarray, code: float, n: int, seed: int = 0) -> np.ndarray:
    cells = np.array(values, float)
    cells[np.random.default_rng(seed).permutation(len(cells))[:n]] = code
    return cells


CODED = {
    "-9999 among lengths": (coded(50 + 10 * noise(1, 60), -9999, 8), {-9999.0}),
    "-999 near numbers": (coded(np.random.default_rng(1).uniform(100, 2000, 60), -999, 5), {-999.0}),
    "999 for days": (coded(np.random.default_rng(1).integers(0, 28, 400), 999, 300), {999.0}),
    "99 for a grade": (coded(np.random.default_rng(1).integers(1, 6, 80), 99, 4), {99.0}),
    "a code at each end": (coded(coded(noise(1, 90), -9999, 20), 9999, 30, seed=1), {-9999.0, 9999.0}),
    "a large number that is no nines": (coded(noise(1, 90), 1e6, 8), {1e6}),
    "nothing": (50 + 10 * noise(1, 60), set()),
    "a cap": (np.minimum(np.random.default_rng(1).exponential(20, 400), 50), set()),
    "income of a few": (coded(np.random.default_rng(1).exponential(20000, 900), 99999, 12), set()),
    "99 years": (np.random.default_rng(1).integers(0, 100, 900), set()),
    "degrees on both sides of zero": (np.round(noise(1, 900) * 40), set()),
    "counts, mostly none": (np.where(noise(1, 400) > 1, np.random.default_rng(1).integers(1000, 1100, 400), 0), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", CODED)
def test_codes_for_missing_cells(name: str) -> None:
    """Numbers that were not measured are found by where they lie and how they are written; what was measured is not."""
    values, expected = CODED[name]
    cells = cells_of_inputs(np.column_stack([values, values * 0 + 1]), None, is_class=False, columns=None)
    found = codes(cells)
    assert {code.value for code in found} == expected
    assert {code.column for code in found} <= {0}


def test_a_code_is_found_in_a_table_as_in_arrays() -> None:
    """Sixty rows of a table, eight of them -9999: its name, how often, and how to say that it means missing."""
    length = coded(np.round(50 + 10 * noise(1, 60), 1), -9999, 8)
    run = cr.train({"length": length, "b": noise(2, 60), "y": noise(3, 60)}, target="y", progress=False)
    finding = next(one for one in run.doctor() if one.variant == "code")
    assert finding.evidence["column"] == "length" and finding.evidence["cells"] == 8
    assert 'missing=["-9999"]' in finding.remedy
    assert "--missing=-9999" in finding.for_interface(commands("RUN", None)).remedy


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", ["copy", "filled"])
def test_leaks_are_found_behind_the_default_pipeline(kind: str, seed: int) -> None:
    """Bins, levels and indicators of the leaking column do not hide it."""
    k = (X + Z + W > 0.5).astype(int)
    leak = {"copy": SOLD, "y": SOLD} if kind == "copy" else {"closed_reason": where(k == 1, REASONS), "y": k}
    run = cr.train({"x": X, "z": Z, **leak}, target="y", seed=seed, progress=False)
    first = run.doctor()[0]
    assert first.id == "target-leak" and first.evidence["columns"] == [next(iter(leak))]


def test_a_table_of_one_column_is_healthy() -> None:
    """y = 2x + 1 with 40 rows and with 200."""
    for n in (40, 200):
        run = cr.train({"x": X[:n], "y": 2 * X[:n] + 1}, target="y", progress=False)
        assert "target-leak" not in {finding.id for finding in run.doctor()}


# the sample of a table --------------------------------------------------------------------------------------


def test_a_run_keeps_the_cells_of_its_table(tmp_path: Path) -> None:
    """Numbers, levels, truth values and times of the training rows, read back to the bit; none with keep_data=False."""
    table = {
        "number": where(W > -1, X), "level": where(Z > -1, REASONS), "flag": (X > 0).tolist(),
        "time": np.datetime64("2024-01-01") + np.arange(N).astype("timedelta64[D]"), "y": SOLD,
    }  # fmt: skip
    run = cr.train(table, target="y", directory=tmp_path / "run", epochs=1, progress=False)
    kept, read = run._replayer.table_sample, cr.load(tmp_path / "run")._replayer.table_sample
    assert kept.rows.tolist() == list(range(len(run.index))) and read.widths == kept.widths
    for ours, theirs in zip((*kept.columns, *kept.targets), (*read.columns, *read.targets), strict=True):
        assert (ours.name, ours.kind, ours.levels) == (theirs.name, theirs.kind, theirs.levels)
        assert ours.values.tobytes() == theirs.values.tobytes()
    assert np.nanmax(np.abs(kept.columns[0].values - np.where(W > -1, X, np.nan)[run.index])) == 0
    cr.train(table, target="y", directory=tmp_path / "bare", epochs=1, progress=False, keep_data=False)
    assert not (tmp_path / "bare" / "table.safetensors").exists()


def test_a_damaged_sample_is_said_and_the_inputs_are_looked_at(tmp_path: Path) -> None:
    """The doctor goes on without the cells; the leak is then found by the inputs of the column."""
    run = cr.train({"x": X, "reason": where(CHURN == 1, REASONS), "y": CHURN}, target="y", epochs=30, progress=False,
                   directory=tmp_path / "run")  # fmt: skip
    assert run.doctor()[0].id == "target-leak"
    (tmp_path / "run" / "table.safetensors").write_bytes(b"nothing")
    with pytest.warns(DamagedFileWarning, match=r"table\.safetensors"):
        diagnosis = cr.load(tmp_path / "run").doctor()
    assert diagnosis[0].id == "target-leak" and diagnosis[0].evidence["columns"] == ["reason"]


def test_rows_of_the_sample_lie_at_equal_distances() -> None:
    """All of few rows; of many the first, the last, and none twice."""
    assert sampled_rows(5).tolist() == [0, 1, 2, 3, 4]
    rows = sampled_rows(100_001)
    assert rows[0] == 0 and rows[-1] == 100_000 and len(np.unique(rows)) == 2048


def test_a_column_of_many_levels_keeps_the_names_of_the_frequent_ones() -> None:
    """Levels beyond those that are named stay levels of their own."""
    texts = np.array([f"level {i % 90}" for i in range(N)])
    table = column_of("level", texts)
    sample = TableSample.of(Table(path="", columns=(table,)), ["level"], [3])
    assert len(set(sample.columns[0].values.tolist())) == 90
    assert sum(bool(name) for name in sample.columns[0].levels) == 64


# tables of one column ---------------------------------------------------------------------------------------


def capped() -> np.ndarray:
    """Values of two kinds, which the column does not tell apart, with a cap: no value belongs to another row."""
    other = np.random.default_rng(11).random(N) < 0.3
    return np.minimum(np.where(other, 3 + 2 * Z, X + 0.2 * W), 5.0)


LITTLE = {
    "nothing, classes": (np.round(X, 2), np.where(noise(21) > 0, "a", "b")),
    "nothing, values": (np.round(X, 2), noise(22)),
    "a little, few kinds of rows": (np.random.default_rng(23).integers(0, 20, N), np.where(noise(24) > 0.3, "a", "b")),
    "two kinds of values": (np.round(X, 2), capped()),
}  # fmt: skip


@pytest.mark.parametrize("name", LITTLE)
def test_a_column_that_says_little_is_no_fault(name: str) -> None:
    """What is not in the table cannot be learned from it: a note at most, and none about rows that repeat by chance."""
    x, y = LITTLE[name]
    run = cr.train({"x": x, "y": y}, target="y", preset="plain", epochs=20, progress=False)
    diagnosis = run.doctor()
    assert diagnosis.healthy, diagnosis.text()
    assert "duplicate-rows" not in {finding.id for finding in diagnosis}


def test_a_network_that_misses_what_a_forest_finds_has_learned_nothing() -> None:
    """Two classes on crossing diagonals and one straight line: the same symptom is a fault there."""
    rows = np.random.default_rng(8).uniform(-1, 1, size=(600, 2))
    table = {"a": rows[:, 0], "b": rows[:, 1], "y": np.where(rows[:, 0] * rows[:, 1] > 0, "p", "q")}
    run = cr.train(table, target="y", preset="plain", hidden_sizes=(), n_bins=0, epochs=20, progress=False)
    first = run.doctor()[0]
    assert first.id == "stalled" and first.severity == "fault" and first.variant != "little"
