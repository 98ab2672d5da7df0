"""--class-weight by names, of one target and of several."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main

RNG = np.random.default_rng(0)
HOW = ["--network", "4", "--epochs", "2", "--quiet"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 rows with a class of three, and two labels, one of which has a colon and a comma in a name."""
    rows = ["x,colour,ill,a:b"]
    rows += [
        f"{RNG.normal():.3f},{['red', 'green', 'blue'][k % 3]},{'yes' if k % 4 else 'no'},{'good' if k % 5 else 'bad'}"
        for k in range(60)
    ]
    path = tmp_path_factory.mktemp("class_weight") / "t.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def trained(table: Path, run: Path, target: str, given: str, drop: str) -> cr.Run:
    """The run of `train --class-weight GIVEN`."""
    assert (
        main(["train", str(table), "--target", target, "--drop", drop, "-o", str(run), *HOW, "--class-weight", given])
        == 0
    )
    return cr.load(run)


@pytest.mark.parametrize(
    ("target", "drop", "given", "recorded"),
    [
        ("colour", "ill,a:b", "balanced", "balanced"),
        ("colour", "ill,a:b", "green=2.5, red=0", {1: 2.5, 2: 0.0}),  # classes in the order of the alphabet
        ("ill", "colour,a:b", "yes=3", {1: 3.0}),
        ("ill,a:b", "colour", "balanced", ["balanced", "balanced"]),
        ("ill,a:b", "colour", "ill:yes=3,a:b:good=5,a:b:bad=2", [{1: 3.0}, {0: 2.0, 1: 5.0}]),
        ("ill,a:b", "colour", "a:b:balanced", [None, "balanced"]),
    ],
)
def test_weights_by_name(table: Path, tmp_path: Path, target: str, drop: str, given: str, recorded: object) -> None:
    """Classes and targets are named as the file has them; a run records their indices."""
    run = trained(table, tmp_path / "run", target, given, drop)
    assert run.record.class_weight == recorded


def test_labels_are_weighted_as_in_python(table: Path, tmp_path: Path) -> None:
    """The command trains to the same bits as the mapping in Python, and to others than without weights."""
    by_command = trained(table, tmp_path / "run", "ill,a:b", "ill:yes=3,a:b:bad=2", "colour")
    how = {"target": ["ill", "a:b"], "drop": ["colour"], "hidden_sizes": (4,), "epochs": 2, "progress": False}
    weighted = cr.train(str(table), class_weight={"ill": {"yes": 3.0}, "a:b": {"bad": 2.0}}, **how)
    assert by_command.network.parameters.flat.tobytes() == weighted.network.parameters.flat.tobytes()
    assert by_command.network.parameters.flat.tobytes() != cr.train(str(table), **how).network.parameters.flat.tobytes()


@pytest.mark.parametrize(
    ("target", "given", "said"),
    [
        ("colour", "green", "--class-weight green: must be CLASS=WEIGHT"),
        ("colour", "green=x", "--class-weight green=x: must be CLASS=WEIGHT"),
        ("colour", "green=-1", "a weight is a finite number ≥ 0"),
        ("colour", "green=inf", "a weight is a finite number ≥ 0"),
        ("colour", "=2", "--class-weight =2: must be CLASS=WEIGHT"),
        ("colour", "pink=2", "class 'pink'"),
        ("ill,a:b", "yes=3", "must be TARGET:CLASS=WEIGHT with one of the targets ill, a:b"),
        ("ill,a:b", "ill:yes", "must be ill:CLASS=WEIGHT or ill:balanced"),
        ("ill,a:b", "ill:balanced,ill:yes=2", "or ill:balanced be left out"),
        ("ill,a:b", "ill:maybe=2", "class 'maybe'"),
    ],
)
def test_what_is_no_weight_is_refused(
    table: Path, tmp_path: Path, target: str, given: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with the entry and what it must be."""
    drop = "ill,a:b" if target == "colour" else "colour"
    arguments = ["train", str(table), "--target", target, "--drop", drop, "-o", str(tmp_path / "run"), *HOW]
    assert main([*arguments, "--class-weight", given]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()


def test_learning_rate_takes_them_too(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """learning-rate weighs classes by name."""
    arguments = ["learning-rate", str(table), "--target", "colour", "--drop", "ill,a:b", *HOW[:4], "--json"]
    found = []
    for more in ([], ["--class-weight", "green=50"]):
        assert main([*arguments, *more]) == 0
        found.append(json.loads(capsys.readouterr().out)["curvature"])
    assert found[0] != found[1]


def test_several_targets_of_three_classes_are_refused_with_the_remedy(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One network has one softmax: the message says to train one model per target."""
    assert main(["train", str(table), "--target", "colour,ill", "-o", str(tmp_path / "run"), *HOW]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "column 'colour': holds 3 different values" in said
    assert "Train one model per target: --target colour, then the others." in said
