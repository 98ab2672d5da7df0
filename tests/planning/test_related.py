"""What remains of a preset where the user states something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.planning.candidates import Candidate

RNG = np.random.default_rng(0)
N = 600
"""Enough rows for the preset of large tables, without cross-validation."""
TABLE = {f"x{k}": RNG.normal(size=N) for k in range(3)}
TABLE["kind"] = np.where(TABLE["x0"] + RNG.normal(size=N) > 0, "a", "b")
ADAMW = {"learning_rate": 0.002, "weight_decay": 1.0}
"""Of preset auto for classes of so few rows; docs/tables.md."""


def last(**stated: Any) -> Candidate:
    """The longest training that is planned."""
    return cr.plan(TABLE, target="kind", **stated).candidates[-1]


def chosen(candidate: Candidate) -> dict[str, Any]:
    """What a preset decides, as it is in a candidate."""
    optimizer = candidate.optimizer.to_dict()
    names = ("dropout", "schedule", "warm_up", "l2", "early_stopping")
    kept = {name: optimizer.get(name) for name in ("name", "learning_rate", "weight_decay")}
    return kept | {name: candidate.settings[name] for name in names}


PRESET = {
    "name": "adamw", **ADAMW, "dropout": 0.2, "schedule": "cosine", "warm_up": 0.05, "l2": 0.0, "early_stopping": None
}  # fmt: skip
OWN = {"schedule": "constant", "warm_up": 0.0, "weight_decay": None}
"""What an optimizer by itself comes with."""


@pytest.mark.parametrize(
    ("stated", "differing"),
    [
        ({"hidden_sizes": (3,)}, {"dropout": 0.0}),
        ({"hidden_sizes": ()}, {"dropout": 0.0}),
        ({"hidden_sizes": (128, 128)}, {}),  # the preset's own width
        ({"optimizer": "sgd"}, OWN | {"name": "sgd", "learning_rate": cr.SGD().learning_rate}),
        ({"optimizer": "adam"}, OWN | {"name": "adam", "learning_rate": cr.Adam().learning_rate}),
        ({"optimizer": "adamw"}, {}),
        ({"optimizer": "sgd", "learning_rate": 0.5}, OWN | {"name": "sgd", "learning_rate": 0.5}),
        (
            {"optimizer": "sgd", "schedule": "cosine", "warm_up": 0.2},
            {"name": "sgd", "learning_rate": cr.SGD().learning_rate, "warm_up": 0.2, "weight_decay": None},
        ),
        ({"schedule": "step"}, {"schedule": "step", "warm_up": 0.0}),
        ({"schedule": "cosine"}, {}),
        ({"l2": 0.01}, {"l2": 0.01, "weight_decay": 0.0}),
        ({"l2": 0.0}, {}),
        ({"weight_decay": 0.3}, {"weight_decay": 0.3}),
        ({"dropout": 0.4, "hidden_sizes": (3,)}, {"dropout": 0.4}),
        ({"learning_rate": 0.01}, {"learning_rate": 0.01}),
        (
            {"hidden_sizes": (3,), "optimizer": "sgd"},
            OWN | {"name": "sgd", "learning_rate": cr.SGD().learning_rate, "dropout": 0.0},
        ),
        ({"preset": "plain", "hidden_sizes": (8,)}, {"name": "adam", "learning_rate": 0.003, **OWN, "dropout": 0.0,
                                                     "early_stopping": 6}),
    ],
)  # fmt: skip
def test_what_is_stated_switches_related_choices_off(stated: dict[str, Any], differing: dict[str, Any]) -> None:
    """Dropout and l2 go with the network, rate, decay and schedule with the optimizer, warm-up with the schedule."""
    assert chosen(last(epochs=30, **stated)) == PRESET | differing


def test_shorter_candidates_follow_the_same_rule() -> None:
    """None of the trainings that are compared has dropout where the network is stated."""
    plan = cr.plan(TABLE, target="kind", hidden_sizes=(3,), optimizer="sgd")
    assert len(plan.candidates) > 1
    for candidate in plan.candidates:
        assert candidate.settings["dropout"] == 0 and candidate.settings["schedule"] == "constant"
        assert candidate.optimizer == cr.SGD()


def test_nothing_is_said_where_nothing_is_stated(tmp_path: Path) -> None:
    """A training by the preset alone has no line about it, nor an entry in its record."""
    plan = cr.plan(TABLE, target="kind")
    assert "preset" not in plan.summary() and all(candidate.preset is None for candidate in plan.candidates)


def test_what_remains_is_said_and_recorded(tmp_path: Path) -> None:
    """Summary and run.json name what holds and what does not, with the reason."""
    plan = cr.plan(TABLE, target="kind", hidden_sizes=(3,), optimizer="sgd", epochs=2)
    line = next(line for line in plan.summary().splitlines() if line.startswith("preset"))
    assert line.split(maxsplit=1)[1] == (
        "of preset auto remain: batch_size 32, metric loss; switched off: dropout (network is stated), "
        "learning_rate, weight_decay, schedule, warm_up (optimizer is stated)"
    )
    plan.train(directory=tmp_path / "run", progress=False)
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["source"]["preset"]
    assert record["name"] == "auto" and record["remain"]["batch_size"] == 32
    assert record["switched_off"] == {
        "dropout": "network", "learning_rate": "optimizer", "weight_decay": "optimizer", "schedule": "optimizer",
        "warm_up": "optimizer",
    }  # fmt: skip
    assert cr.load(tmp_path / "run").replay(0).step == 0


def test_the_optimizer_may_be_an_object() -> None:
    """SGD(0.1) states the optimizer as its name does."""
    found = last(optimizer=cr.SGD(0.25), epochs=30)
    assert (found.optimizer, found.settings["schedule"]) == (cr.SGD(0.25), "constant")


def test_the_line_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """train prints the line below the training."""
    from chainrule.cli import main

    arguments = ["train", "wine", "--network", "3", "--optimizer", "sgd", "--epochs", "2", "-o", str(tmp_path / "run")]
    assert main(arguments) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        "preset of preset auto remain: batch_size 32, metric loss; switched off: dropout (network is stated)" in printed
    )
