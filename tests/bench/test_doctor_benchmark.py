"""The benchmark of the doctor: every fault has an expectation, the quick form runs, verdicts are counted as told."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not part of this copy; run from a checkout", allow_module_level=True)
sys.path.append(str(BENCHMARKS))  # last: the folder of tests has modules of the same names

from diagnosis import cases, controls, faults, held_out, page, plans, rules, saved_scores  # noqa: E402
from diagnosis.observations import observe  # noqa: E402


@pytest.fixture(scope="module")
def script() -> Any:
    """benchmarks/doctor.py as a module."""
    spec = importlib.util.spec_from_file_location("benchmark_of_the_doctor", BENCHMARKS / "doctor.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("place", "bases"), [(faults, plans.BASES), (held_out, held_out.BASES)])
def test_every_fault_has_right_causes_a_reason_and_bases(place: Any, bases: Any) -> None:
    """The right causes are known ones, each fault says why, stands on bases that exist, and has a name of its own."""
    assert len({fault.name for fault in place.FAULTS}) == len(place.FAULTS)
    for fault in place.FAULTS:
        assert fault.right and fault.right <= set(faults.IDS), fault.name
        assert fault.reason and set(fault.bases) <= set(bases), fault.name


def test_there_are_enough_cases() -> None:
    """At least 25 faults on three networks and three seeds, 45 healthy runs, and half as much again held out."""
    everything = cases.cases()
    assert len(faults.FAULTS) >= 25 and all(len(set(fault.bases)) == 3 for fault in faults.FAULTS)
    assert sum(bool(case.fault) for case in everything) == 9 * len(faults.FAULTS)
    assert sum(not case.fault for case in everything) >= 45
    assert len(held_out.FAULTS) >= len(faults.FAULTS) / 2
    named = {cause for fault in faults.FAULTS for cause in fault.right}
    never_first = {"non-finite", "stalled", "exploding-loss", "below-baseline", "perfect-score"}
    assert set(faults.IDS) - named == never_first, "consequences of other causes, and what train ends with"


@pytest.mark.parametrize("fault", [f for f in faults.FAULTS if "relu/digits" in f.bases], ids=lambda fault: fault.name)
def test_a_fault_changes_the_plan_and_leaves_the_twin_alone(fault: Any) -> None:
    """Only the faulty plan differs, and the rows to test on stay those of the twin unless the inputs are changed."""
    twin, plan = fault.plans(plans.BASES["relu/digits"], None, 0)
    again = fault.plans(plans.BASES["relu/digits"], None, 0)[0]
    assert _facts(twin) == _facts(again) != _facts(plan)
    assert np.array_equal(twin.data.y_test, plan.data.y_test), "the truth of the test rows is never changed"


def _facts(plan: Any) -> tuple[Any, ...]:
    with plan.in_force():
        net = plan.fresh()
    weights = [net.W[l].tobytes() + net.b[l].tobytes() for l in range(1, len(net.W))]
    d = plan.data
    settings = {name: value for name, value in plan.settings.items() if name != "callbacks"}
    return (
        weights, [array.tobytes() for array in (d.X, d.y, d.X_valid, d.y_valid)], plan.optimizer, plan.epochs,
        plan.batch_size, plan.activation, plan.output, plan.loss, settings, len(plan.settings.get("callbacks", [])),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::chainrule.errors.GradientWarning")
def test_an_extension_stands_in_its_table_only_while_it_is_used() -> None:
    """A broken derivative put into the table of activations is gone after the case."""
    before = set(faults.inject.ACTIVATIONS), set(faults.inject.LOSSES)
    for name in ("derivative of the activation negated", "derivative of the loss negated"):
        entry = cases.examine(cases.Case(name, "relu/digits", 0), None)
        assert entry["counts"], "a wrong derivative harms"
    assert (set(faults.inject.ACTIVATIONS), set(faults.inject.LOSSES)) == before


def test_the_quick_form_runs(script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Some faults and healthy runs on built-in data: everybody's verdicts as JSON, as a page, the wrong ones apart."""
    result, written, wrong = tmp_path / "told.json", tmp_path / "page.md", tmp_path / "wrong.md"
    options = ["--quick", "--processes", "1", "--only", "rate x100,zero weights,target leaks,inputs x1000,healthy"]
    assert script.main([*options, "-o", str(result), "--markdown", str(written), "--wrong", str(wrong)]) == 0
    entries = json.loads(result.read_text())["cases"]
    judges = page.raters_of(entries)
    assert set(rules.RULE_SETS) <= set(judges) and (cases.DOCTOR in judges) == hasattr(cr.Run, "doctor")
    assert {entry["fault"] for entry in entries} >= {"rate x100", "zero weights", "target leaks", "inputs x1000", ""}
    assert all(entry["harm"] >= cases.HARM for entry in entries if entry["fault"] and entry["counts"])
    assert "| rate x100 | learning-rate-too-large | 1 |" in written.read_text()
    shown = tmp_path / "shown.md"
    assert script.main(["--show", str(result), "--markdown", str(shown)]) == 0
    assert shown.read_text() == written.read_text(), "a page can be written again from the cases"
    assert "false alarms" in capsys.readouterr().out and wrong.read_text().startswith("# Wrong verdicts")


def test_a_verdict_is_right_by_its_first_cause() -> None:
    """First among the right ones; anywhere; silence on a faulty run is wrong and on a healthy one right."""
    said = {"first": ["dead-units"], "any": ["dead-units", "learning-rate-too-large"]}
    entry = {"fault": "rate x10", "right": ["learning-rate-too-large"], "verdicts": {"a": said}}
    assert not cases.is_right(entry, "a") and cases.is_right(entry, "a", anywhere=True)
    silent = {"fault": "rate x10", "right": ["learning-rate-too-large"], "verdicts": {"a": {"first": [], "any": []}}}
    assert not cases.is_right(silent, "a") and cases.is_right({**silent, "fault": "", "right": ["healthy"]}, "a")


@pytest.mark.parametrize(
    ("fault", "judge", "cause"),
    [
        ("zero weights", "SageMaker Debugger", "symmetric-weights"),
        ("ten layers of sigmoid", "AutoTrainer", "vanishing-gradient"),
        ("-99999 for missing", "TheDeepChecker", "input-scale"),
        ("biases of -10 on relu", "nnscope", "dead-units"),
    ],
)
def test_threshold_rules_fire_where_they_were_made_for(fault: str, judge: str, cause: str) -> None:
    """Each set finds the fault that its best rule describes."""
    entry = cases.examine(cases.Case(fault, "relu/digits", 0), None)
    assert cause in entry["verdicts"][judge]["first"]


def test_saturation_by_hand() -> None:
    """rho of tanh is 1 where every unit is at an end and 0 where all are at 0."""
    plan = plans.BASES["tanh/digits"].plan(None, 0)
    plan.epochs = 1
    layer = observe(plan, plan.train()).moments[0].layers[0]
    ends, middle = (type(layer)(layer.activation, True, None, None, None, None, a) for a in (_ends(), np.zeros((4, 2))))
    assert ends.rho == pytest.approx(1.0) and middle.rho == pytest.approx(0.0)


def _ends() -> Any:
    return np.array([[1.0, -1.0], [-1.0, 1.0]])


def test_a_healthy_training_is_judged_by_its_rows() -> None:
    """A training that stops too soon has ailments; the usual one has none."""
    plan = controls.CONTROLS["relu/digits"].plan(None, 0)
    run = plan.train()
    assert controls.ailments(plan, run, plan.errors(run)[1]) == []
    plan.epochs = 1
    run = plan.train()
    assert controls.ailments(plan, run, plan.errors(run)[1])


def test_the_page_tells_the_kept_scores_of_blind_sets() -> None:
    """The page of the repository has the sections that are made of scores.json, word by word."""
    kept = saved_scores.saved_scores()
    written = (BENCHMARKS.parent / "docs" / "doctor-benchmark.md").read_text(encoding="utf-8")
    assert saved_scores.blind_set(kept["blind"]) in written
    assert saved_scores.second_set(kept["second_set"]) in written
    first = kept["blind"][0]["score"]
    assert f"({first['all faults']['first']}/{first['all faults']['cases']})" in written


def test_the_kinds_of_a_kept_score_add_up() -> None:
    """Of every run the kinds together are all faults, and no more of them are right than there are."""
    for run in saved_scores.saved_scores()["blind"]:
        score = run["score"]
        kinds = [row for kind, row in score.items() if kind not in ("all faults", "healthy")]
        for name in ("cases", "first", "anywhere"):
            assert sum(row[name] for row in kinds) == score["all faults"][name]
        assert all(row["first"] <= row["anywhere"] <= row["cases"] for row in score.values())
