"""What a training should not end without a word about: rules that need neither a replay nor a trial, a moment of time.

Columns that were made of the target, codes for missing cells, a model below the simplest prediction, and a score that
no row speaks against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chainrule.diagnose.doctor.code_rules import code_rules, codes
from chainrule.diagnose.doctor.columns import cells_of_table
from chainrule.diagnose.doctor.finding import NOTE, Finding
from chainrule.diagnose.doctor.leak_rules import accusation, accusations, suspects
from chainrule.run.table_sample import TableSample

Scores = Mapping[str, float | int | None]
WORSE = {"log_loss": 1, "rmse": 1, "accuracy": -1, "balanced_accuracy": -1}
"""Measures of which the larger one is worse, and of which the smaller."""
ENOUGH_ROWS, SURE = 100, 1e-3
"""Rows, all of them predicted rightly, and their log loss, from which a score is too good to go without a word."""


def after_training(
    sample: TableSample | None, kind: str, scores: Scores, baseline: Scores, *, weighted: bool = False
) -> list[Finding]:
    """Every finding of the cheap rules, the gravest first.

    Args      sample: cells of the training rows; kind: "classes", "labels" or "values"; scores, baseline: measures of
              the network and of the simplest prediction on rows that judge; weighted: whether classes have weights
    """
    found = [] if sample is None else list(_of_cells(sample, kind))
    leaks = any(finding.id == "target-leak" for finding in found)
    several = sample is not None and len(sample.columns) > 1
    found += _below(kind, scores, baseline, weighted=weighted)
    return found if leaks or not several else [*found, *_perfect(kind, scores)]


def _of_cells(sample: TableSample, kind: str) -> Iterator[Finding]:
    cells = cells_of_table(sample, is_class=kind == "classes")
    accused = accusations(cells, suspects(cells, structural=True))
    if accused:
        yield accusation(cells, accused)
    yield from code_rules(cells, codes(cells))


def _below(kind: str, scores: Scores, baseline: Scores, *, weighted: bool) -> Iterator[Finding]:
    """A model that does worse than the simplest prediction, by the first measure that says so."""
    names = {"values": ("rmse",), "labels": ("log_loss",), "classes": ("accuracy", "log_loss")}[kind]
    for name in ("balanced_accuracy",) if weighted else names:
        value, simplest = scores.get(name), baseline.get(name)
        if value is not None and simplest is not None and WORSE[name] * (value - simplest) > 0:
            evidence = {"measure": name, "value": float(value), "simplest": float(simplest)}
            yield Finding(id="below-baseline", evidence=evidence)
            return


def _perfect(kind: str, scores: Scores) -> Iterator[Finding]:
    """Classes that are all told rightly and surely."""
    n, loss = scores.get("n_rows") or 0, scores.get("log_loss")
    if kind == "classes" and scores.get("accuracy") == 1 and loss is not None and loss < SURE and n >= ENOUGH_ROWS:
        yield Finding(id="perfect-score", evidence={"n": int(n), "log_loss": float(loss)}, severity=NOTE)
