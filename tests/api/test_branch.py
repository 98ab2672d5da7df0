"""A run that goes on from an earlier step of another one, with other settings: what it was before stays to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(4)
X = RNG.normal(size=(50, 4))
Y = (X[:, 0] > 0).astype(int)
HOW: dict[str, Any] = {"epochs": 6, "batch_size": 8, "validation": 0.2, "progress": False, "optimizer": cr.Adam(0.01)}


def trained(**how: Any) -> cr.Run:
    return cr.train(cr.Network([4, 6, 2], seed=1), X, Y, **HOW | how)


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("step", [1, 5, 10, 13, 30])
def test_steps_before_are_the_parent_s_and_steps_behind_are_its_own(step: int, stored: bool, tmp_path: Path) -> None:
    """At, within and behind epochs; the losses before are equal, the rate changes at the step, replay knows all."""
    run = trained(directory=tmp_path / "parent" if stored else None)
    before = run.losses.copy()
    child = run.branch(
        step, 2, learning_rate=0.002, l2=0.01, directory=tmp_path / "child" if stored else None, progress=False
    )
    if stored:
        child = cr.load(tmp_path / "child")  # type: ignore[assignment]
    assert child.record.parent == {"sha256": run.result["sha256"], "step": step}
    assert run.record.parent is None and run.losses.tobytes() == before.tobytes()
    assert child.losses[:step].tobytes() == run.losses[:step].tobytes()
    assert (
        child.losses[step] == run.losses[step] if step < run.n_steps else True
    )  # the loss before the first new update
    rates = [one.update.learning_rate for one in child.replay((step - 1, step))]
    assert rates == [0.01, 0.002]
    assert [one.backward.loss for one in child.replay(range(child.n_steps))] == child.losses.tolist()
    assert child.n_steps == (step // 5 + 2) * 5


def test_without_changes_it_is_the_parent(tmp_path: Path) -> None:
    """Epochs, best weights and patience come out as if nothing had parted."""
    run = trained(early_stopping=3)
    child = run.branch(12, 4, directory=tmp_path / "child", progress=False)
    assert child.result["sha256"] == run.result["sha256"]
    assert child.losses.tobytes() == run.losses.tobytes()
    assert child.history["validation_loss"] == run.history["validation_loss"]
    assert child.result["best_epoch"] == run.result["best_epoch"]
    assert json.loads((tmp_path / "child" / "run.json").read_text())["parent"]["step"] == 12


def test_a_branch_of_a_branch_and_of_edited_weights(tmp_path: Path) -> None:
    """Events before the step hold in the new run, edits of weights too, whose checkpoint is the only way there."""

    def edits(control: Any) -> None:
        if control.epoch == 1:
            control.edit(lambda parameters: parameters.b[1].fill(0.5))
            control.set(learning_rate=0.03)

    run = trained(callbacks=[edits])
    child = run.branch(17, 2, directory=tmp_path / "one", l1=0.001, progress=False)
    again = cr.load(tmp_path / "one").branch(16, 1, directory=tmp_path / "two", progress=False)  # type: ignore[union-attr]
    assert again.record.parent == {"sha256": child.result["sha256"], "step": 16}
    assert again.losses[:16].tobytes() == run.losses[:16].tobytes()
    assert [one.backward.loss for one in again.replay(range(again.n_steps))] == again.losses.tolist()
    assert again.replay(10).update.learning_rate == 0.03


@pytest.mark.parametrize("step", [0, -1, 31, 2.0, True, "3"])
def test_a_step_that_is_not_in_the_run_is_refused(step: Any) -> None:
    """By the values that are possible."""
    with pytest.raises(cr.SettingsError, match="must be a whole number, 1 to 30"):
        trained().branch(step, 1)


def test_a_folder_that_holds_a_run_is_refused(tmp_path: Path) -> None:
    """Nothing in it is touched."""
    run = trained(directory=tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()
    with pytest.raises(cr.SettingsError, match="holds a run"):
        run.branch(3, 1, directory=tmp_path / "run", progress=False)
    with pytest.raises(cr.SettingsError, match="batch_size"):
        run.branch(3, 1, batch_size=4, progress=False)
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_a_diverged_run_goes_on_before_the_step_that_ended_it() -> None:
    """With the rate it had before; from its last step, whose weights are not finite, nothing goes on."""

    def raises(control: Any) -> None:
        if control.epoch == 1:
            control.set(learning_rate=1e37)

    with pytest.warns(cr.DivergenceWarning):
        run = trained(callbacks=[raises], optimizer=cr.SGD(0.1))
    child = run.branch(10, 4, learning_rate=0.1, progress=False)
    assert child.diverged is None and child.n_steps == 30
    assert child.losses[:10].tobytes() == run.losses[:10].tobytes()
    with pytest.raises(cr.SettingsError, match=f"1 to {run.n_steps - 1}"):
        run.branch(run.n_steps, 1, progress=False)
