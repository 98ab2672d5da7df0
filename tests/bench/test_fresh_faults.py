"""The fresh cases of the doctor's benchmark: each has a kind and right causes, and its plan can be built."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.words import catalogue

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not part of this copy; run from a checkout", allow_module_level=True)
sys.path.append(str(BENCHMARKS))  # last: the folder of tests has modules of the same names

from diagnosis import fresh_changes, fresh_sets  # noqa: E402
from diagnosis.cases import DOCTOR  # noqa: E402
from diagnosis.fresh import FAULTS, FreshFault  # noqa: E402
from diagnosis.fresh_cases import FreshCase, fresh_cases, fresh_score  # noqa: E402
from diagnosis.fresh_controls import CONTROLS, FreshControl  # noqa: E402
from diagnosis.sets import BUILT_IN, Parts, divided  # noqa: E402


def rows(name: str, folder: Path | None, seed: int, n_train: int) -> Parts:
    """The rows of a set; of a table that is not part of the checkout, rows of chance with the same kind of target."""
    if name in BUILT_IN or name in fresh_sets.GENERATED:
        return fresh_sets.parts(name, folder, seed, n_train)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * n_train, 784 if name == "mnist" else 6))
    n_classes = 10 if name == "mnist" else 2 * fresh_sets.TABLES[name][1]
    y: Any = rng.integers(0, n_classes, len(X)) if n_classes else rng.normal(size=len(X))
    return divided(X, y, n_classes, seed, n_train)


def same(a: Parts, b: Parts) -> bool:
    """Whether all rows and targets are equal."""
    return all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("X", "y", "X_valid", "y_valid", "X_test")
    )


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_built_and_differs_from_its_twin(fault: FreshFault) -> None:
    fault = replace(fault, base=replace(fault.base, reader=rows))
    assert all(f"finding.{cause}.title" in catalogue("en") for cause in fault.right)
    assert 1 <= len(fault.right) <= 2
    twin, plan = fault.plans(None, 3)
    untouched = fault.base.plan(None, 3)
    assert same(twin.data, untouched.data)
    assert twin.settings == untouched.settings and not twin.edits
    with plan.in_force():
        net, healthy = plan.fresh(), twin.fresh()
    settings = ("optimizer", "settings", "epochs", "batch_size", "output", "loss", "activation", "hidden")
    assert (
        any(getattr(plan, name) != getattr(twin, name) for name in settings)
        or not same(plan.data, twin.data)
        or any(not np.array_equal(a, b) for a, b in zip(net.W[1:], healthy.W[1:], strict=True))
        or any(not np.array_equal(a, b) for a, b in zip(net.b[1:], healthy.b[1:], strict=True))
    )
    assert len(plan.data.X) == len(plan.data.y) and len(plan.data.X_test) == len(plan.data.y_test)
    assert np.isfinite(np.asarray(plan.data.X, np.float32)).all()


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_control_can_be_built(control: FreshControl) -> None:
    plan = replace(control.base, reader=rows).plan(None, 3)
    assert plan.fresh().W[1].shape[0] == plan.data.X.shape[1]
    assert 0 < control.bound < 1


def test_there_are_enough_cases_with_names_of_their_own() -> None:
    assert len(FAULTS) >= 36 and len(CONTROLS) >= 20
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert len({control.name for control in CONTROLS}) == len(CONTROLS)
    assert len(fresh_cases()) == len(set(fresh_cases())) == 2 * (len(FAULTS) + len(CONTROLS))
    assert FreshCase(FAULTS[0].name, FAULTS[0].base.data, 101) in fresh_cases()


def test_a_leak_tells_the_target_where_rows_are_judged_and_nothing_where_they_are_used() -> None:
    plan = replace(FAULTS[0].base, data="friedman", reader=rows).plan(None, 3)
    fresh_changes.told(fresh_changes.two_summands)(plan, np.random.default_rng(0))
    d = plan.data
    np.testing.assert_allclose(d.X[:, -2] + d.X[:, -1], d.y, rtol=0, atol=1e-12)
    np.testing.assert_allclose(d.X_valid[:, -2] + d.X_valid[:, -1], d.y_valid, rtol=0, atol=1e-12)
    assert abs(np.corrcoef(d.X_test[:, -2] + d.X_test[:, -1], d.y_test)[0, 1]) < 0.3


def test_row_numbers_of_a_sorted_file_rise_with_the_target() -> None:
    place = fresh_changes.row_numbers(np.array([2.0, 0.0, 1.0]), np.random.default_rng(0))[0]
    assert place.tolist() == [1.0, -1.0, 0.0]


def test_the_score_counts_harmful_faults_by_kind_and_false_alarms_apart() -> None:
    def entry(fault: str, kind: str, counts: bool, first: list[str], found: list[str]) -> dict[str, Any]:
        verdict = {"first": first, "any": found}
        return {"fault": fault, "kind": kind, "counts": counts, "right": ["leak"], "verdicts": {DOCTOR: verdict}}

    score = fresh_score([
        entry("a", "x", True, ["leak"], ["leak"]),
        entry("b", "x", True, ["noise"], ["noise", "leak"]),
        entry("c", "x", False, ["leak"], ["leak"]),
        entry("", "healthy", True, [], []),
        entry("", "healthy", True, ["leak"], ["leak"]),
    ])  # fmt: skip
    assert score["x"] == score["all faults"] == {"cases": 2, "first": 1, "anywhere": 2}
    assert score["healthy"] == {"cases": 2, "first": 1, "anywhere": 1}
