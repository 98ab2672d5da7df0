"""A run that goes on: every step of every part replays to the bit, what was changed where is an event of the run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DataError, ModelFileError, SettingsError
from chainrule.run import files, steady

X = np.random.default_rng(0).normal(size=(80, 3))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)


class Watch:
    """A callback that keeps the parameters behind every step, and may end the training behind one."""

    def __init__(self, stop: int | None = None) -> None:
        self.thetas: list[bytes] = []
        self.stop = stop

    def on_step_end(self, control: Any) -> None:
        self.thetas.append(control.parameters.flat.tobytes())
        if control.step == self.stop:
            control.stop("interrupted")


def train(watch: Watch | None = None, **settings: Any) -> cr.Run:
    given = {"epochs": 5, "batch_size": 16, "progress": False, **settings}
    return cr.train(cr.Network([3, 4, 2]), X, Y, callbacks=[] if watch is None else [watch], **given)


def extend(run: cr.Run, watch: Watch | None, epochs: int, **how: Any) -> cr.Run:
    return run.extend(epochs, callbacks=[] if watch is None else [watch], progress=False, **how)


def replays(run: cr.Run, watch: Watch) -> None:
    """Every step, in any order, leads to the parameters that training had behind it."""
    assert run.n_steps == len(watch.thetas) == len(run.losses)
    for t in np.random.default_rng(1).permutation(run.n_steps).tolist():
        step = run.replay(t)
        assert step.update.new.parameters.flat.tobytes() == watch.thetas[t], t
        assert step.backward.loss == run.losses[t]


def again(run: cr.Run) -> cr.Run:
    """The run as its directory has it; one in memory as it is."""
    if run.directory is None:
        return run
    found = cr.load(run.directory)
    assert isinstance(found, cr.Run)
    return found


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "directory"])
@pytest.mark.parametrize("validation", [None, 0.25])
@pytest.mark.parametrize("optimizer", [cr.SGD(0.3, momentum=0.9), cr.Adam(0.05)], ids=["sgd", "adam"])
@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_extended_twice(engine: str, optimizer: Any, validation: float | None, kept: bool, tmp_path: Path) -> None:
    """All parts replay; events, history, best epoch and settings are those of the whole run."""
    watch = Watch()
    run = train(
        watch, schedule="cosine", optimizer=optimizer, validation=validation, engine=engine,
        directory=tmp_path / "run" if kept else None,
    )  # fmt: skip
    first = {name: list(column) for name, column in run.history.items()}
    run = again(extend(again(run), watch, 4))
    changes = {"learning_rate": 0.02, "l2": 0.01, "dropout": 0.2, "schedule": "plateau", "decay_every": 1}
    run = again(extend(run, watch, 3, clip_norm=1.0, **changes))
    replays(run, watch)
    spe, eta = run.steps_per_epoch, optimizer.learning_rate
    joints = [event for event in run.events if event.kind == "extend"]
    assert [event.step for event in joints] == [5 * spe, 9 * spe] and len(run.events) == 2
    assert joints[0].value == {"epochs": [5, 9]}
    assert joints[1].value["epochs"] == [9, 12] and joints[1].value["learning_rate"] == [eta, 0.02]
    assert joints[1].value["clip_norm"] == [None, 1.0] and joints[1].value["schedule"] == ["cosine", "plateau"]
    assert {len(column) for column in run.history.values()} == {12} and run.result["epochs"] == 12
    assert all(run.history[name][:5] == column for name, column in first.items())
    assert (run.settings.epochs, run.settings.l2, run.settings.schedule) == (12, 0.01, "plateau")
    rates = [run.replay(t).update.learning_rate for t in (0, 5 * spe, 9 * spe)]
    assert rates == [eta, eta, 0.02]  # cosine begins anew over the epochs added
    assert run.replay(5 * spe - 1).update.learning_rate < 0.02 * eta
    assert [run.replay(t).settings.l2 for t in (9 * spe - 1, 9 * spe)] == [0.0, 0.01]
    if validation:
        scores = run.history["accuracy"]
        assert run.result["best_epoch"] == max(range(12), key=lambda epoch: (scores[epoch], epoch))


@pytest.mark.parametrize("schedule", ["constant", "step", "exponential", "plateau"])
@pytest.mark.parametrize("kept", [False, True], ids=["memory", "directory"])
def test_what_does_not_depend_on_the_total_goes_on(schedule: str, kept: bool, tmp_path: Path) -> None:
    """The run is, to the bit, the one begun with all the epochs."""
    how = {"schedule": schedule, "decay_every": 2, "decay_factor": 0.5, "validation": 0.25}
    whole = train(epochs=9, **how)
    run = extend(train(epochs=4, directory=tmp_path / "run" if kept else None, **how), None, 5)
    assert run.losses.tobytes() == whole.losses.tobytes()
    assert run.network.parameters.flat.tobytes() == whole.network.parameters.flat.tobytes()
    for name in whole.history.keys() - {"seconds"}:
        assert run.history[name] == whole.history[name], name
    assert again(run).result["best_epoch"] == whole.result["best_epoch"]


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "directory"])
def test_after_early_stopping(kept: bool, tmp_path: Path) -> None:
    """Patience counts anew: the run does as many epochs as it takes without a better one, and no more."""
    watch = Watch()
    how = {"validation": 0.25, "early_stopping": 2, "optimizer": cr.SGD(1e-9), "metric": "accuracy"}
    run = train(watch, epochs=50, directory=tmp_path / "run" if kept else None, **how)
    assert (run.result["stopped"], run.result["epochs"]) == ("early_stopping", 3)
    run = extend(again(run), watch, 30)
    assert (run.result["stopped"], run.result["epochs"], run.settings.epochs) == ("early_stopping", 5, 33)
    run = extend(again(run), watch, 4, early_stopping=None)
    assert (run.result["stopped"], run.result["epochs"]) == ("epochs", 9)
    replays(again(run), watch)


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "directory"])
def test_after_an_interruption_within_an_epoch(kept: bool, tmp_path: Path) -> None:
    """The epoch broken off is the first of those added; plateau's factor before the joint stays what it was."""
    watch = Watch(stop=17)
    how = {"schedule": "plateau", "decay_every": 1, "decay_factor": 0.5, "optimizer": cr.SGD(5.0), "epochs": 6}
    run = train(watch, directory=tmp_path / "run" if kept else None, **how)
    assert (run.n_steps, run.result["epochs"]) == (17, 3)
    replays(again(run), watch)
    watch.stop = 28
    run = extend(again(run), watch, 4, learning_rate=0.5)
    assert [event.kind for event in run.events] == ["stop", "extend", "stop"]
    assert (run.n_steps, run.result["epochs"], run.settings.epochs) == (28, 5, 7)
    run = again(extend(again(run), watch, 2))
    assert (run.n_steps, run.result["epochs"], run.result["stopped"]) == (35, 7, "epochs")
    replays(run, watch)


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "directory"])
def test_the_factor_of_plateau_in_an_epoch_that_did_not_end(kept: bool, tmp_path: Path) -> None:
    """It is in no line of the history: the steps replay, and those added where it is reset."""
    watch = Watch(stop=13)
    how = {"schedule": "plateau", "decay_every": 1, "decay_factor": 0.5, "optimizer": cr.SGD(1e-5), "epochs": 6}
    run = train(watch, validation=0.25, metric="accuracy", directory=tmp_path / "run" if kept else None, **how)
    assert (run.n_steps, run.steps_per_epoch) == (13, 4) and run.history["learning_rate_factor"] == [1.0, 1.0, 0.5]
    replays(again(run), watch)
    assert run.replay(12).update.learning_rate == 0.25 * 1e-5
    watch.stop = 15
    run = again(extend(again(run), watch, 2, learning_rate=1e-4))
    assert run.events[1].value["learning_rate_factor"] == [0.25, 1.0]
    replays(run, watch)
    watch.stop = None
    run = again(extend(run, watch, 2))
    replays(run, watch)
    assert [run.replay(t).update.learning_rate for t in (12, 13, 15)] == [0.25 * 1e-5, 1e-4, 1e-4]


def test_time_limit_and_the_same_command(tmp_path: Path) -> None:
    """A run that the clock ended goes on; train with resume and more epochs does the same as extend."""
    train(epochs=6, directory=tmp_path / "run", schedule="cosine", time_limit=1e-9)
    watch = Watch()
    run = train(watch, epochs=40, directory=tmp_path / "run", schedule="cosine", resume=True)
    assert [event.kind for event in run.events] == ["stop", "extend"] and run.result["epochs"] == 40
    assert run.events[1].value == {"epochs": [6, 40]}
    begin = run.events[1].step
    assert [run.replay(begin + i).update.new.parameters.flat.tobytes() for i in range(5)] == watch.thetas[:5]
    before = (tmp_path / "run" / "events.jsonl").read_bytes()
    assert train(epochs=40, directory=tmp_path / "run", schedule="cosine", resume=True).result["epochs"] == 40
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before  # finished: nothing to do
    with pytest.raises(SettingsError, match="epochs was 40, is 39"):
        train(epochs=39, directory=tmp_path / "run", schedule="cosine", resume=True)
    with pytest.raises(SettingsError, match=r"other settings \(l2 was 0.0, is 0.1\).*run.extend\(…, l2=…\)"):
        train(epochs=50, directory=tmp_path / "run", schedule="cosine", l2=0.1, resume=True)
    with pytest.raises(SettingsError, match=r"\(learning_rate was 0.001, is 0.5\)") as caught:
        train(epochs=50, directory=tmp_path / "run", schedule="cosine", learning_rate=0.5, resume=True)
    assert "run.extend(…, learning_rate=…)" in str(caught.value)
    with pytest.raises(SettingsError, match="batch_size was 16, is 7") as caught:
        train(epochs=50, directory=tmp_path / "run", schedule="cosine", batch_size=7, resume=True)
    assert "run.extend" not in str(caught.value)
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before


KILLED = """
import os, sys, numpy as np, chainrule as cr
from chainrule.training import checkpoints
checkpoints.COST_SHARE = 1e9
def kill(control):
    if control.epoch == int(sys.argv[2]): os.kill(os.getpid(), 9)
cr.load(sys.argv[1]).extend(6, learning_rate=0.02, callbacks=[kill], progress=False)
"""


@pytest.mark.parametrize("validation", [None, 0.25])
def test_killed_while_it_goes_on(validation: float | None, tmp_path: Path) -> None:
    """It loads as of its last checkpoint, and resumed it ends as if nothing had happened."""
    how = {"schedule": "cosine", "validation": validation, "optimizer": cr.SGD(0.1)}
    watch = Watch()
    extend(train(watch, **how), watch, 6, learning_rate=0.02)
    run = train(directory=tmp_path / "run", **how)
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run"), "7"], check=False)
    run = again(run)
    assert run.result["stopped"] == "killed" and 5 <= run.result["epochs"] <= 8
    for t in range(run.n_steps):
        assert run.replay(t).update.new.parameters.flat.tobytes() == watch.thetas[t], t
    done = train(epochs=11, directory=tmp_path / "run", resume=True, **how | {"optimizer": cr.SGD(0.02)})
    assert [event.kind for event in done.events] == ["extend", "resume"]
    replays(again(done), watch)


@pytest.mark.parametrize("written", ["history.jsonl", "events.jsonl", "run.json", "checkpoint"])
@pytest.mark.parametrize("stop", [None, 17], ids=["finished", "interrupted"])
def test_killed_at_the_joint(stop: int | None, written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was written last, the run is what it was, or goes on; replay never mixes up the parts."""
    how = {"schedule": "cosine", "l2": 0.1, "optimizer": cr.SGD(0.1)}
    watch = Watch(stop)
    run = train(watch, directory=tmp_path / "run", **how)
    atomic = files.write_atomic

    class Killed(BaseException):
        pass

    def failing(path: Path, *rest: Any, **options: Any) -> None:
        atomic(path, *rest, **options)
        if path.name == written:
            raise Killed

    def put(store: Any, checkpoint: Any, **options: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomic", failing)
        if written == "checkpoint":
            patch.setattr(steady.SteadyStore, "put", put)
        with pytest.raises(Killed):
            run.extend(3, l2=0.0, learning_rate=0.05, progress=False)
    replays(again(run), watch)
    watch.stop = None
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    began = settings["epochs"] != 5
    assert began == (written in ("run.json", "checkpoint"))
    if began:
        now = how | {"l2": 0.0, "optimizer": cr.SGD(0.05)}
        done = train(watch, epochs=settings["epochs"], directory=tmp_path / "run", resume=True, **now)
        assert [e.kind for e in done.events] == ([] if stop is None else ["stop"]) + ["extend", "resume"]
        replays(again(done), watch)
    else:
        replays(again(extend(again(run), watch, 2, clip_norm=0.5)), watch)
        if stop is not None:  # and as it was to be continued before
            assert again(run).events[1].value.keys() == {"epochs", "clip_norm"}


def test_a_checkpoint_at_the_joint_that_is_damaged(tmp_path: Path) -> None:
    """Replay starts at an earlier one; a run killed behind it does the way up to the joint again."""
    watch = Watch()
    run = train(watch, directory=tmp_path / "run", validation=0.25)
    run = extend(run, watch, 5, learning_rate=0.1)
    spe = run.steps_per_epoch
    (tmp_path / "run" / "checkpoints" / f"step-{5 * spe:08d}.safetensors").write_bytes(b"damaged")
    with pytest.warns(cr.errors.DamagedFileWarning):
        replays(again(run), watch)


def test_what_cannot_change_is_named(tmp_path: Path) -> None:
    """Settings that would make it another run, values out of range, names unknown; and nothing is written."""
    run = train(directory=tmp_path / "run", optimizer=cr.SGD(0.1))
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    for changes, message in (
        ({"batch_size": 8}, "batch_size=8: must stay as it is"),
        ({"seed": 1}, "seed=1: must stay as it is"),
        ({"metric": "auc"}, "metric='auc': must stay"),
        ({"momentum": 0.9}, "momentum: cannot turn on or off"),
        ({"beta1": 0.5}, "beta1"),
        ({"learning_rte": 0.5}, "learning_rate"),
        ({"learning_rate": -1}, "must be"),
        ({"early_stopping": 3}, "needs validation rows"),
    ):
        with pytest.raises(SettingsError, match=message):
            run.extend(2, progress=False, **changes)
    for epochs in (0, -1, 1.5):
        with pytest.raises(SettingsError, match="epochs"):
            run.extend(epochs, progress=False)  # type: ignore[arg-type]
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_a_run_that_diverged_does_not_go_on(tmp_path: Path) -> None:
    """There is no state to go on from."""
    with pytest.warns(cr.errors.DivergenceWarning):
        run = train(optimizer=cr.SGD(1e30), directory=tmp_path / "run")
    with pytest.raises(SettingsError, match="diverged"):
        run.extend(3, progress=False)
    with pytest.raises(SettingsError, match="diverged"):
        train(optimizer=cr.SGD(1e30), directory=tmp_path / "run", epochs=9, resume=True)


def test_rows_that_were_not_kept(tmp_path: Path) -> None:
    """They are given again, verified; those held out as a share are left out of them."""
    watch = Watch()
    train(watch, directory=tmp_path / "run", validation=0.25, keep_data=False)
    run = cr.load(tmp_path / "run")
    assert isinstance(run, cr.Run)
    with pytest.raises(DataError, match="did not keep its data"):
        run.extend(2, progress=False)
    with pytest.raises(DataError, match="differ"):
        run.extend(2, data=(X + 1, Y), progress=False)
    with pytest.raises(SettingsError, match="held-out rows changed"):
        run.extend(2, data=(X, Y), validation=(X, Y), progress=False)
    extend(run, watch, 2, data=(X, Y))
    replays(run, watch)
    assert not (tmp_path / "run" / "data.safetensors").exists()


def test_another_process_went_on(tmp_path: Path) -> None:
    """A run object that is older than its directory says so."""
    run = train(directory=tmp_path / "run")
    again(run).extend(2, progress=False)
    with pytest.raises(SettingsError, match=r"35 steps.*25"):
        run.extend(3, progress=False)


def test_events_that_do_not_lead_to_the_settings(tmp_path: Path) -> None:
    """A joint whose values are not those of run.json is a damaged file: no step is replayed with wrong settings."""
    run = train(directory=tmp_path / "run", l2=0.1).extend(2, l2=0.0, progress=False)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["settings"]["l2"] = 0.5
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    with pytest.warns(cr.errors.DamagedFileWarning, match="goes on at step 25"):
        damaged = again(run)
    with pytest.raises(ModelFileError, match="goes on at step 25"):
        damaged.replay(0)


def test_a_table_goes_on(tmp_path: Path) -> None:
    """Its pipeline stays; predictions are those of the weights it ends with."""
    run = cr.train("iris", epochs=5, directory=tmp_path / "run", progress=False)
    again(run).extend(4, learning_rate=0.001, progress=False)
    done = cr.load(tmp_path / "run")
    assert isinstance(done, cr.Run)
    assert done.result["epochs"] == 9 and done.evaluate("iris")["n_rows"] == 30
    assert done.replay(-1).backward.loss == done.losses[-1]
    assert done.record.source == run.record.source


def test_a_model_selected_run_goes_on_by_epochs(tmp_path: Path) -> None:
    """Stated epochs leave the candidates out of a plan; of a run chosen among them they are the epochs of that one."""
    first = cr.train("iris", directory=tmp_path / "run", progress=False)
    total = first.settings.epochs + 5
    done = cr.train("iris", epochs=total, directory=tmp_path / "run", resume=True, progress=False)
    assert done.settings.epochs == total and done.network.architecture == first.network.architecture
    assert done.losses[: first.n_steps].tobytes() == first.losses.tobytes()


def test_what_looks_at_the_whole_run_knows_its_parts(tmp_path: Path) -> None:
    """Steps have the optimizer of their part, find names the joint, the learning rate is examined as at the start."""
    run = train(directory=tmp_path / "run", optimizer=cr.SGD(0.1), schedule="cosine")
    run.extend(5, learning_rate=1e4, divergence_factor=None, clip_norm=2.0, progress=False)
    assert [run.replay(t).optimizer["learning_rate"] for t in (0, 24, 25)] == [0.1, 0.1, 1e4]
    found = run.find("loss doubles", range(26, 50))
    assert "extend (epochs 5 → 10, learning_rate 0.1 → 10000, divergence_factor" in " ".join(str(found).split())
    first = next(iter(run.doctor(progress=False)))
    assert (first.id, first.step) == ("learning-rate-too-large", 25)
