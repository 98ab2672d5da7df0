"""Replay, resume and determinism: the same bits, whichever way a step is reached."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DataError, SettingsError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 6)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)
W = RNG.uniform(0.5, 2.0, size=150)

CASES = {
    "sgd": {"optimizer": cr.SGD(0.1)},
    "nesterov": {"optimizer": cr.SGD(0.05, momentum=0.9, nesterov=True), "schedule": "cosine", "warm_up": 0.2},
    "adam dropout l2": {"optimizer": cr.Adam(0.01), "dropout": 0.3, "l2": 1e-3},
    "adamw clip": {"optimizer": cr.AdamW(0.01), "clip_norm": 0.5, "schedule": "one_cycle"},
    "rmsprop l1 weights": {"optimizer": cr.RMSProp(0.01), "l1": 1e-4, "sample_weight": W, "class_weight": "balanced"},
    "adagrad plateau": {
        "optimizer": cr.Adagrad(0.05), "schedule": "plateau", "decay_every": 1, "validation": 0.2, "dtype": "float64",
    },
    "coslog4": {"optimizer": cr.AdamW(0.01), "schedule": "coslog4", "l2": 1e-3},
    "normalised and residual": {
        "optimizer": cr.Adam(0.01), "dropout": 0.2, "clip_norm": 0.5, "l2": 1e-3, "normalization": "layer",
        "residual": True,
    },
}  # fmt: skip


class Recorder:
    """Keeps the bytes of all parameters after every step."""

    def __init__(self) -> None:
        self.after: list[bytes] = []

    def on_step_end(self, control) -> None:
        self.after.append(control.parameters.flat.tobytes())


def train(case: dict, **more) -> cr.Run:
    options = {"batch_size": 16, "epochs": 6, "progress": False, **case, **more}
    named = {name: options.pop(name) for name in ("dtype", "normalization", "residual") if name in options}
    sizes = [6, 12, 12, 3] if "residual" in named else [6, 12, 8, 3]
    net = cr.Network(sizes, activation=["tanh", "relu"], seed=3, **named)
    return cr.train(net, X, Y, **options)


def sha(run: cr.Run) -> str:
    return hashlib.sha256(run.network.parameters.flat.tobytes()).hexdigest()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_replay_gives_the_bits_of_training(case: dict, tmp_path: Path) -> None:
    """Every step replayed, from memory and from the directory, ends with the very weights training had."""
    recorder = Recorder()
    run = train(case, callbacks=[recorder], directory=tmp_path / "run")
    loaded = cr.load(tmp_path / "run")
    assert run.n_steps == len(recorder.after)
    for t in [0, 1, 7, 23, run.n_steps - 1]:
        for one in (run, loaded):
            assert one.replay(t).update.new.parameters.flat.tobytes() == recorder.after[t]
            assert one.replay(t).backward.loss == run.losses[t]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_same_seed_same_bits(case: dict) -> None:
    """Two trainings with the same settings and seed have the same sha256; another seed has another."""
    assert sha(train(case)) == sha(train(case))
    assert sha(train(case)) != sha(train(case, seed=1))


def test_a_range_walks_one_session(tmp_path: Path) -> None:
    """Ranges, slices and lists of steps give the bits of single replays, lazily, and do no step twice."""
    recorder = Recorder()
    run = train({"optimizer": cr.Adam(0.01), "dropout": 0.2}, callbacks=[recorder, Changes()], epochs=30)
    walked = run.replay(range(3, 40, 4))
    assert next(walked).step == 3
    reached = [step.step for step in walked]
    assert reached == list(range(7, 40, 4))
    assert run._replayer.session(run.rows).n_advanced <= 39 - 9  # no step twice
    for step in (*run.replay(slice(0, 50, 7)), *run.replay([40, 2, -1]), *run.replay(range(-3, 0))):
        assert step.update.new.parameters.flat.tobytes() == recorder.after[step.step]
    with pytest.raises(SettingsError, match="step=50: must be 0 to 49"):
        run.replay(range(45, 51))


def test_a_gap_is_not_walked_again(tmp_path: Path) -> None:
    """Backwards through a gap, states met on the way are used, within a bound of memory, and bits stay."""
    from chainrule.training.checkpoints import CheckpointStore
    from chainrule.training.replaying import Remembered, Replayer

    recorder = Recorder()
    run = train({"optimizer": cr.Adam(0.01)}, callbacks=[recorder])
    store = CheckpointStore(run.n_steps, spacing=1000)
    store.put(run.checkpoints.get(0))
    one = run._replayer.session(run.rows)
    size = 3 * run.network.parameters.flat.nbytes
    for budget, most in ((100 * size, 180), (0, 60 * 59 / 2), (4 * size, 800)):
        remembered = Remembered(budget)
        replayer = Replayer(
            session=one.session,
            checkpoints=store,
            settings=run.settings,
            events=(),
            plateau_factor=lambda epoch: 1.0,
            steps_per_epoch=run.steps_per_epoch,
            remembered=remembered,
        )
        for step in reversed(range(run.n_steps)):
            assert replayer.record(step).update.new.parameters.flat.tobytes() == recorder.after[step]
            assert remembered.n_bytes <= budget
        assert replayer.n_advanced <= most


def test_the_way_to_a_step_is_told(tmp_path: Path) -> None:
    """A run says how far any step is: the gap between checkpoints times the time of one step, also when loaded."""
    run = train({"optimizer": cr.SGD(0.1)}, directory=tmp_path / "run")
    loaded = cr.load(tmp_path / "run")
    kept = sorted({*loaded.checkpoints.sizes, run.n_steps})
    assert run.reach == loaded.reach and run.reach["steps"] == max(np.diff(kept))
    assert 0 < run.reach["step_seconds"] < 1
    assert run.reach["seconds"] == run.reach["steps"] * run.reach["step_seconds"]


def test_checkpoints_keep_to_their_share_of_the_time() -> None:
    """One is due at its spacing where all together stay below their share; a disk busy once is paid off by waiting."""
    from chainrule.training.checkpoints import COST_SHARE, CheckpointStore

    store = CheckpointStore(6400)
    store.charge(0.002)  # the first one tells what the next may take
    took, kept = 0.0, []
    for step in range(1, 6401):
        if store.is_due(step, step * 1e-3):
            cost = 0.02 if len(kept) == 3 else 0.002
            store.charge(cost)
            took += cost
            kept.append(step)
    assert store.spacing == 100 and all(step % 100 == 0 for step in kept)
    assert took <= COST_SHARE * 6.4 and kept[:3] == [200, 400, 600] and kept[4] == 2800
    assert len(kept) == 22


def test_another_engine_is_said(tmp_path: Path) -> None:
    """A run whose engine or BLAS is another than recorded replays with a warning that names both."""
    train({"optimizer": cr.SGD(0.1)}, directory=tmp_path / "run", engine="numpy")
    text = (tmp_path / "run/run.json").read_text()
    run = cr.load(tmp_path / "run")
    assert run.engine_differs is None
    run.replay(3)
    (tmp_path / "run/run.json").write_text(text.replace('"blas": "', '"blas": "other '))
    with pytest.warns(cr.ReplayWarning, match="trained with blas other .* not to the bit"):
        cr.load(tmp_path / "run").replay(3)
    (tmp_path / "run/run.json").write_text(text.replace('"engine": "numpy"', '"engine": "absent"'))
    with pytest.warns(cr.ReplayWarning, match="engine absent, here native"):
        step = cr.load(tmp_path / "run").replay(3)
    np.testing.assert_allclose(step.backward.loss, run.losses[3], rtol=1e-5)


def test_a_run_that_replayed_can_be_copied() -> None:
    """A replayed run survives a deep copy, whose replay gives the same bits."""
    import copy

    run = train({"optimizer": cr.SGD(0.1)}, engine="numpy")
    before = run.replay(5)
    assert copy.deepcopy(run).replay(5).backward.loss == before.backward.loss


def test_rows_are_indices_into_the_given_X() -> None:
    """step.rows names rows of the X given to train, also where some were held out."""
    run = train({"optimizer": cr.SGD(0.1)}, validation=0.2)
    step = run.replay(5)
    assert np.array_equal(step.forward.a[0], X[step.rows])


def test_backward_is_the_gradient_of_the_recorded_loss() -> None:
    """A replayed step's dW agrees with Network.backward on the same rows and the old weights."""
    run = train({"optimizer": cr.SGD(0.1)})
    step = run.replay(11)
    net = cr.Network([6, 12, 8, 3], activation=["tanh", "relu"])
    net.parameters.flat[:] = step.update.old.parameters.flat
    again = net.backward(X[step.rows], Y[step.rows])
    np.testing.assert_array_equal(again.dW[2], step.backward.dW[2])
    assert again.loss == step.backward.loss


def test_altered_or_missing_data_is_refused(tmp_path: Path) -> None:
    """Replay wants the data of the training: other numbers or none are a DataError, the right ones work."""
    train({"optimizer": cr.SGD(0.1)}, directory=tmp_path / "run", keep_data=False)
    run = cr.load(tmp_path / "run")
    with pytest.raises(DataError, match="did not keep its data"):
        run.replay(3)
    other = X.copy()
    other[0, 0] += 1
    with pytest.raises(DataError, match="differ"):
        run.replay(3, data=(other, Y))
    assert run.replay(3, data=(X, Y)).step == 3


@pytest.mark.parametrize(
    "alter",
    [
        lambda X, y: X.__setitem__((77, 3), np.nextafter(X[77, 3], 9, dtype=np.float32)),
        lambda X, y: X.__setitem__(slice(0, 2), X[[1, 0]]),
        lambda X, y: X.__setitem__(..., X[:, ::-1].copy()),
        lambda X, y: y.__setitem__(5, (y[5] + 1) % 3),
    ],
    ids=["one bit", "two rows exchanged", "columns reversed", "one class"],
)
def test_data_altered_in_memory_are_refused(alter) -> None:
    """A run that holds on to its user's arrays notices at every replay that they were changed; put back, it goes on."""
    mine, classes = X.copy(), Y.astype(np.int32)
    run = cr.train(cr.Network([6, 12, 3]), mine, classes, epochs=2, progress=False)
    first = run.replay(3).backward.loss
    assert np.shares_memory(run.rows.X, mine)
    alter(run.rows.X, run.rows.targets)
    with pytest.raises(DataError, match="differ"):
        run.replay(3)
    run.rows.X[...], run.rows.targets[...] = X, Y
    assert run.replay(3).backward.loss == first


def test_the_fingerprint_of_a_run_in_memory_is_that_of_its_rows_at_the_training(tmp_path: Path) -> None:
    """It is taken when first asked for; rows altered before that have none, and the right ones are known still."""
    kept = cr.train(cr.Network([6, 12, 3]), X, Y, epochs=2, progress=False, directory=tmp_path / "run")
    mine = X.copy()
    run = cr.train(cr.Network([6, 12, 3]), mine, Y, epochs=2, progress=False)
    mine[5, [1, 2]] = mine[5, [2, 1]]
    with pytest.raises(DataError, match="differ"):
        assert run.fingerprint
    assert run.replay(3, data=(X, Y)).step == 3
    assert run.fingerprint == kept.fingerprint == cr.load(tmp_path / "run").fingerprint


def test_a_checkpoint_is_looked_for_where_it_can_be_afforded() -> None:
    """The next step with a checkpoint lies on the grid, and not before it is paid for at the present pace."""
    from chainrule.training.checkpoints import COST_SHARE, CheckpointStore

    store = CheckpointStore(6400)
    store.charge(COST_SHARE * 0.35)
    assert store.next_due(0, 0.0, 0.0) == 100  # nobody knows the pace yet
    assert store.next_due(0, 0.0, 1e-3) == 400 and store.next_due(0, 0.35, 1e-3) == 100
    assert store.next_due(250, 0.25, 1e-3) == 400 and store.next_due(250, 0.32, 1e-3) == 300


def test_a_step_outside_the_run_is_refused() -> None:
    """A step beyond the end is a SettingsError that gives the range; negative steps count from the end."""
    run = train({"optimizer": cr.SGD(0.1)})
    with pytest.raises(SettingsError, match="must be 0 to 59"):
        run.replay(60)
    assert run.replay(-1).step == 59


class Changes:
    """Sets, edits and stops at fixed epochs."""

    def on_epoch_end(self, control) -> None:
        if control.epoch == 1:
            control.set(learning_rate=0.02, l2=0.01)
        if control.epoch == 2:
            control.edit(lambda parameters: parameters.W[1].__imul__(0.5))
        if control.epoch == 4:
            control.stop()


def test_events_are_applied_again_by_replay(tmp_path: Path) -> None:
    """What a callback set or edited is in events.jsonl, and replay behind it has the same bits."""
    recorder = Recorder()
    run = train({"optimizer": cr.Adam(0.01)}, callbacks=[Changes(), recorder], directory=tmp_path / "run")
    assert run.result["stopped"] == "callback" and run.n_steps == 50
    assert [event.kind for event in run.events] == ["set", "set", "edit", "stop"]
    loaded = cr.load(tmp_path / "run")
    for t in [19, 20, 29, 31, 49]:
        assert loaded.replay(t).update.new.parameters.flat.tobytes() == recorder.after[t]


def test_checkpoints_are_thinned_under_their_budget() -> None:
    """A full budget drops every second checkpoint, keeps step 0, and replay still reaches every step."""
    from chainrule.training.checkpoints import Checkpoint, CheckpointStore

    store = CheckpointStore(640, budget_bytes=20 * 80)
    step = 0
    while step <= 640:
        store.put(Checkpoint(step=step, theta=np.zeros(10), optimizer={}, best_theta=np.zeros(0)))
        step = store.next_after(step)
        assert sum(store.sizes.values()) <= store.budget_bytes
    assert 0 in store.sizes and store.spacing == 40
    assert all(step % 40 == 0 for step in store.sizes)
    assert store.nearest(79).step == 40


SCRIPT = """
import sys, time, numpy as np, chainrule as cr
from chainrule.training import checkpoints
checkpoints.COST_SHARE = 1.0  # many of them, also on a slow disk
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 6)); y = (X[:, 0] > 0).astype(int)
run = cr.train(cr.Network([6, 16, 2]), X, y, validation=0.2, epochs=25, dropout=0.2, schedule="plateau", decay_every=2,
               directory=sys.argv[1], resume=True, progress=False,
               callbacks=[lambda control: time.sleep(float(sys.argv[2]))])
print(run.result["stopped"], run.result["sha256"], len(run.history["loss"]), len(run.losses))
"""


def start(folder: Path, pause: float) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), str(pause)], stdout=subprocess.PIPE, text=True)


def wait_for_checkpoint(folder: Path, at_least: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        steps = [int(p.stem[5:]) for p in (folder / "checkpoints").glob("step-*.safetensors")]
        if steps and max(steps) >= at_least:
            return
        time.sleep(0.01)
    raise AssertionError("the run wrote no checkpoint in time")


def test_a_killed_run_resumes_to_the_same_sha256(tmp_path: Path) -> None:
    """SIGKILL twice, resume each time: the end is that of a run never killed, history included."""
    undisturbed = start(tmp_path / "a", 0).communicate(timeout=120)[0]
    for at_least in (20, 60):
        process = start(tmp_path / "b", 0.05)
        wait_for_checkpoint(tmp_path / "b", at_least)
        process.kill()
        process.communicate(timeout=60)
    assert start(tmp_path / "b", 0).communicate(timeout=120)[0] == undisturbed
    assert start(tmp_path / "b", 0).communicate(timeout=120)[0] == undisturbed  # finished: nothing happens


def test_ctrl_c_keeps_the_best_model(tmp_path: Path) -> None:
    """SIGINT ends the run after the current step; it can be loaded, replayed and resumed."""
    process = start(tmp_path / "a", 0.1)
    wait_for_checkpoint(tmp_path / "a", 20)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0].startswith("interrupted")
    run = cr.load(tmp_path / "a")
    assert run.replay(-1).step == run.n_steps - 1
    undisturbed = start(tmp_path / "b", 0).communicate(timeout=120)[0]
    assert start(tmp_path / "a", 0).communicate(timeout=120)[0] == undisturbed


def test_what_a_power_failure_leaves_is_enough(tmp_path: Path) -> None:
    """Cut or missing checkpoints, losses and lines of the history: resume takes the last whole state, same end."""
    undisturbed = start(tmp_path / "a", 0).communicate(timeout=120)[0]

    def damage(name: str, folder: Path) -> None:
        checkpoints = sorted((folder / "checkpoints").glob("step-*.safetensors"))
        if name == "the last checkpoint":
            checkpoints[-1].write_bytes(checkpoints[-1].read_bytes()[:-9])
        elif name == "all checkpoints":
            for path in checkpoints:
                path.write_bytes(b"")
        elif name == "the losses":
            (folder / "steps.safetensors").write_bytes(b"")
        else:
            lines = (folder / "history.jsonl").read_text().splitlines(keepends=True)
            (folder / "history.jsonl").write_text("".join(lines[:2]) + lines[2][:9])

    for k, name in enumerate(("the last checkpoint", "all checkpoints", "the losses", "the history")):
        folder = tmp_path / f"b{k}"
        process = start(folder, 0.05)
        wait_for_checkpoint(folder, 20)
        process.kill()
        process.communicate(timeout=60)
        damage(name, folder)
        assert start(folder, 0).communicate(timeout=120)[0] == undisturbed, name


def test_resume_with_other_settings_is_refused(tmp_path: Path) -> None:
    """Other settings, another network or other data in the same directory are a SettingsError naming them."""
    train({"optimizer": cr.SGD(0.1)}, directory=tmp_path / "run")
    with pytest.raises(SettingsError, match="holds a run already"):
        train({"optimizer": cr.SGD(0.1)}, directory=tmp_path / "run")
    with pytest.raises(SettingsError, match="batch_size was 16, is 8"):
        train({"optimizer": cr.SGD(0.1)}, directory=tmp_path / "run", batch_size=8, resume=True)
    with pytest.raises(SettingsError, match="fingerprint"):
        train({"optimizer": cr.SGD(0.1)}, directory=tmp_path / "run", sample_weight=W, resume=True)
