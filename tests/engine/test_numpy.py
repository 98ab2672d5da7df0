"""The NumPy engine: the reference over rows, and sessions that step to the bit."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.engine import numpy as engine_module
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import Session, StepSettings, Task, dense_targets
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import choose, initialize
from chainrule.network.parameters import Parameters
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.penalties import dropout_mask
from chainrule.seeding import keep_words, permutation
from tolerances import ALGEBRA, FLOAT32, HAND, assert_close

ENGINE = NumpyEngine()
N = 23
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("sgd", {}),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
    "rmsprop": ("rmsprop", {}),
    "adagrad": ("adagrad", {}),
    "adam": ("adam", {}),
    "adamw": ("adamw", {}),
}


def small(dtype: str = "float32", **options: Any) -> Task:
    """23 weighted rows of 4 columns and 3 classes in batches of 5: the last batch of an epoch has 3 rows."""
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {
        "architecture": Architecture.build([4, 6, 5, 3], "gelu", dtype=dtype),
        "X": rng.normal(size=(N, 4)).astype(dtype),
        "targets": rng.integers(0, 3, size=N).astype(np.int32),
        "weight": rng.uniform(0.5, 2.0, size=N).astype(dtype),
        "optimizer": "adam",
        "batch_size": 5,
        "seed": 11,
    }
    return Task(**{**values, **options})


def begin(task: Task, settings: StepSettings, engine: NumpyEngine = ENGINE) -> Session:
    """A session at step 0 with freshly drawn parameters."""
    session = engine.start(task, settings)
    theta = initialize(task.architecture, choose("auto", task.architecture), task.seed).flat
    session.load(theta, OPTIMIZERS[task.optimizer].start(theta, settings.optimizer))
    return session


def bits(session: Session) -> str:
    """The sha256 of the whole state."""
    theta, state = session.store()
    digest = hashlib.sha256(theta.tobytes())
    for name in sorted(state):
        digest.update(name.encode() + state[name].tobytes())
    return digest.hexdigest()


def etas(n: int) -> np.ndarray:
    """n learning rates, all different."""
    return 0.05 / np.arange(1.0, n + 1)


# both passes over given rows -----------------------------------------------------------------------------


def test_backward_by_hand() -> None:
    """One row through one linear unit: z = 2·3 + 1 = 7, y = 4: J = 4½, delta = 3, dW = 6, db = 3, dX = 9."""
    parameters = Parameters(
        Architecture.build([1, 1], [], "identity", "squared_error", "float64"), np.array([3.0, 1.0])
    )
    found = ENGINE.backward(parameters, np.array([[2.0]]), np.array([[4.0]]))
    assert (found.loss, found.delta[1].item(), found.dW[1].item(), found.db[1].item()) == (4.5, 3.0, 6.0, 3.0)
    assert found.dX.item() == 9.0
    assert found.delta[0] is found.dW[0] is found.db[0] is None
    forward = ENGINE.forward(parameters, np.array([[2.0]]))
    assert (forward.z[1].item(), forward.output.item(), forward.z[0], forward.masks) == (7.0, 7.0, None, None)


def test_class_indices_are_one_hot_rows() -> None:
    """Integer targets give the bits that their one-hot rows give: softmax, several labels, one label."""
    indices = np.array([2, 0, 1], dtype=np.int32)
    for output, n_outputs in (("softmax", 3), ("sigmoid", 3), ("sigmoid", 1)):
        architecture = Architecture.build([4, n_outputs], [], output, dtype="float64")
        index = indices % 2 if n_outputs == 1 else indices
        rows = index[:, None].astype(float) if n_outputs == 1 else np.eye(3)[indices]
        assert dense_targets(index, architecture).tolist() == rows.tolist()
        parameters = initialize(architecture, ["standard_normal"], seed=0)
        X = np.random.default_rng(1).normal(size=(3, 4))
        one, other = (ENGINE.backward(parameters, X, targets) for targets in (index, rows))
        assert one.loss == other.loss
        assert one.dW[1].tobytes() == other.dW[1].tobytes()


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_in_blocks_equals_the_whole(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """J and outputs block by block equal one pass over all rows, also with a short last block."""
    task = small("float64")
    parameters = initialize(task.architecture, choose("auto", task.architecture), 0)
    weight = task.weight if weighted else None
    whole = ENGINE.backward(parameters, task.X, task.targets, weight)
    monkeypatch.setattr(engine_module, "BLOCK_ROWS", 10)
    loss, output = ENGINE.loss(parameters, task.X, task.targets, weight)
    assert_close(loss, whole.loss, ALGEBRA)
    assert_close(output, ENGINE.forward(parameters, task.X).output, ALGEBRA)
    assert ENGINE.predict(parameters, task.X).tobytes() == output.tobytes()


def test_loss_of_a_block_without_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of weight 0 adds nothing, and rows that all weigh 0 have J = 0."""
    task = small("float64")
    parameters = initialize(task.architecture, choose("auto", task.architecture), 0)
    monkeypatch.setattr(engine_module, "BLOCK_ROWS", 10)
    weight = np.where(np.arange(N) < 10, 0.0, 1.0)
    loss, _ = ENGINE.loss(parameters, task.X, task.targets, weight)
    assert_close(loss, ENGINE.backward(parameters, task.X[10:], task.targets[10:]).loss, ALGEBRA)
    assert ENGINE.loss(parameters, task.X, task.targets, np.zeros(N))[0] == 0.0


def test_predict_of_no_rows() -> None:
    """No rows give no outputs, in the right shape."""
    task = small()
    assert ENGINE.predict(Parameters(task.architecture), task.X[:0]).shape == (0, 3)


def test_penalty_by_hand() -> None:
    """The penalty counts weights and not biases: ½·2·(9 + 16) + 1·(3 + 4) = 32."""
    architecture = Architecture.build([2, 1], [], "identity", "squared_error", "float64")
    assert ENGINE.penalty(Parameters(architecture, np.array([3.0, -4.0, 100.0])), 2.0, 1.0) == 32.0


# steps ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", RULES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_seed_same_bits(label: str, dtype: str) -> None:
    """The same task ends in the same sha256 in two sessions of two engines; another seed does not."""
    optimizer, hyper = RULES[label]
    settings = StepSettings(optimizer=hyper, l2=1e-3, l1=1e-4, dropout=0.3, clip_norm=1.0)
    task, found = small(dtype, optimizer=optimizer), []
    for one in (task, task, replace(task, seed=12)):
        session = begin(one, settings, NumpyEngine())
        session.advance(0, etas(17), settings)
        found.append(bits(session))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("label", RULES)
def test_advance_in_one_go_equals_step_by_step(label: str) -> None:
    """17 steps at once, one by one, and by record end in the same bits with the same losses, across epochs."""
    optimizer, hyper = RULES[label]
    settings = StepSettings(optimizer=hyper, l2=1e-3, dropout=0.3, clip_norm=0.5)
    task, eta = small(optimizer=optimizer), etas(17)
    whole, single, result = (begin(task, settings) for _ in range(3))
    losses = whole.advance(0, eta, settings).losses
    assert losses.dtype == np.float64
    one_by_one = [single.advance(t, eta[t : t + 1], settings).losses[0] for t in range(17)]
    records = [result.record(t, float(eta[t]), settings) for t in range(17)]
    assert losses.tobytes() == np.array(one_by_one).tobytes()
    assert losses.tobytes() == np.array([record.backward.loss for record in records]).tobytes()
    assert bits(whole) == bits(single) == bits(result)
    assert records[-1].update.new.parameters.flat.tobytes() == whole.store()[0].tobytes()


@given(cut=st.integers(0, 12))
def test_a_state_can_be_stored_and_loaded_anywhere(cut: int) -> None:
    """A fresh session that loads the state of step t goes on to the same bits."""
    settings, task, eta = StepSettings(dropout=0.2), small(), etas(12)
    whole = begin(task, settings)
    whole.advance(0, eta, settings)
    first, second = begin(task, settings), ENGINE.start(task, settings)
    first.advance(0, eta[:cut], settings)
    theta, state = first.store()
    second.load(theta, state)
    theta[:] = 0  # load has taken copies
    second.advance(cut, eta[cut:], settings)
    assert bits(second) == bits(whole)


def test_record_is_one_textbook_step() -> None:
    """A record holds the rows of its step, both passes over them, gradient + penalty, and the update by hand."""
    task = small("float64", optimizer="sgd")
    settings = StepSettings(l2=0.1, l1=0.01)
    session = begin(task, settings)
    session.advance(0, etas(6), settings)
    old = Parameters(task.architecture, session.store()[0])
    record = session.record(6, 0.5, settings)
    assert (record.step, record.epoch) == (6, 1)
    assert record.rows.tolist() == permutation(11, 1, N)[5:10].tolist()
    backward = ENGINE.backward(old, task.X[record.rows], task.targets[record.rows], task.weight[record.rows])
    assert record.backward.loss == backward.loss
    assert record.penalty == ENGINE.penalty(old, 0.1, 0.01)
    assert record.forward.a[0].tobytes() == task.X[record.rows].tobytes()
    for l in (1, 2, 3):
        gradient = backward.dW[l] + 0.1 * old.W[l] + 0.01 * np.sign(old.W[l])
        assert record.backward.dW[l].tobytes() == backward.dW[l].tobytes()
        assert_close(record.update.gradient.W[l], gradient, HAND)
        assert_close(record.update.new.W[l], old.W[l] - 0.5 * gradient, HAND)
        assert_close(record.update.new.b[l], old.b[l] - 0.5 * backward.db[l], HAND)
        assert record.update.old.W[l].tobytes() == old.W[l].tobytes()
        assert_close(record.update.change.W[l], -0.5 * gradient, HAND)


@pytest.mark.parametrize("step", [0, 1, 6])
def test_optimizers_count_from_1(step: int) -> None:
    """Step t hands the optimizer t + 1: Adam's corrections at step 0 are those of its first update."""
    task = small("float64")
    session = begin(task, StepSettings())
    session.advance(0, etas(step), StepSettings())
    theta, state = session.store()
    update = session.record(step, 0.1, StepSettings()).update
    expected, _ = OPTIMIZERS["adam"].update(update.gradient.flat, state, theta, step + 1, 0.1)
    assert update.new.parameters.flat.tobytes() == expected.tobytes()


def test_steps_of_an_epoch_are_its_permutation() -> None:
    """The batches of an epoch, the short last one included, are its permutation; unshuffled, the rows in order."""
    for shuffle in (True, False):
        task = small(shuffle=shuffle)
        assert task.steps_per_epoch == 5
        session = begin(task, StepSettings())
        rows = [session.record(t, 0.01, StepSettings()).rows for t in range(10)]
        assert [len(part) for part in rows] == [5, 5, 5, 5, 3] * 2
        for epoch in (0, 1):
            order = permutation(11, epoch, N).tolist() if shuffle else list(range(N))
            assert np.concatenate(rows[5 * epoch : 5 * epoch + 5]).tolist() == order


@pytest.mark.parametrize("batch_size", [1, 23, 100])
def test_any_batch_size(batch_size: int) -> None:
    """Batches of one row, of all rows, and larger than the data work."""
    task = small(batch_size=batch_size)
    session = begin(task, StepSettings())
    assert task.steps_per_epoch == (23 if batch_size == 1 else 1)
    assert np.isfinite(session.advance(0, etas(4), StepSettings()).losses).all()
    assert len(session.record(4, 0.1, StepSettings()).rows) == min(batch_size, 23)


def test_dropout_masks_are_those_of_the_step() -> None:
    """Hidden layer l is masked by the words of (seed, epoch, step, l), row by row; the output never."""
    task = small()
    record = begin(task, StepSettings()).record(7, 0.1, StepSettings(dropout=0.4))
    masks = record.forward.masks
    assert masks[0] is masks[3] is None
    for l, n_out in ((1, 6), (2, 5)):
        word = keep_words(11, 1, 7, l, 5 * n_out).reshape(5, n_out)
        assert masks[l].tobytes() == dropout_mask(word, 0.4, np.dtype("float32")).tobytes()
        assert not record.forward.a[l][masks[l] == 0].any()


def test_clip_is_over_all_parameters_together() -> None:
    """With clip_norm the gradient of the step has that length; where it is shorter, clipping changes no bit."""
    task = small("float64")
    free = begin(task, StepSettings()).record(0, 0.1, StepSettings()).update.gradient.flat
    clipped = begin(task, StepSettings()).record(0, 0.1, StepSettings(clip_norm=0.01)).update.gradient.flat
    assert_close(np.linalg.norm(clipped), 0.01, HAND)
    assert_close(clipped / 0.01, free / np.linalg.norm(free), ALGEBRA)
    loose = begin(task, StepSettings()).record(0, 0.1, StepSettings(clip_norm=1e6)).update.gradient.flat
    assert loose.tobytes() == free.tobytes()


def test_a_batch_of_zero_weight_has_no_data_gradient() -> None:
    """Where every row of a batch weighs 0, J = 0 and only the penalty moves the weights."""
    task = small("float64", weight=np.zeros(N))
    record = begin(task, StepSettings()).record(0, 0.1, StepSettings(l2=0.5))
    assert record.backward.loss == 0.0
    for l in (1, 2, 3):
        assert_close(record.update.gradient.W[l], 0.5 * record.update.old.W[l], HAND)
        assert not record.update.gradient.b[l].any()


def linear(value: float) -> Task:
    """Squared error of a 1-1 linear unit in float32 on X = value, y = 0, one row a batch, unshuffled."""
    return Task(
        architecture=Architecture.build([1, 1], [], "identity", "squared_error"),
        X=np.array([[1.0], [1.0], [value], [1.0]], dtype=np.float32),
        targets=np.zeros((4, 1), dtype=np.float32),
        weight=None,
        optimizer="sgd",
        batch_size=1,
        seed=0,
        shuffle=False,
    )


@pytest.mark.parametrize("record", [False, True])
def test_a_non_finite_loss_stops_before_the_update(record: bool) -> None:
    """The step whose J overflows is the last of losses; neither advance nor record applies its update."""
    session, before = (ENGINE.start(linear(1e30), StepSettings()) for _ in range(2))
    for one in (session, before):
        one.load(np.array([1.0, 0.0], dtype=np.float32), {})
    before.advance(0, np.full(2, 0.1), StepSettings())
    with np.errstate(all="ignore"):
        if record:
            session.advance(0, np.full(2, 0.1), StepSettings())
            result = session.record(2, 0.1, StepSettings())
            assert result.backward.loss == np.inf
            assert not result.update.change.flat.any()
        else:
            advance = session.advance(0, np.full(4, 0.1), StepSettings())
            assert advance.stopped == "loss"
            assert len(advance.losses) == 3
            assert advance.losses[2] == np.inf
    assert bits(session) == bits(before)


def test_a_non_finite_weight_stops_after_the_update() -> None:
    """An update that leaves a non-finite parameter stops the stretch with that step."""
    session = ENGINE.start(linear(1.0), StepSettings())
    session.load(np.array([1.0, 0.0], dtype=np.float32), {})
    with np.errstate(all="ignore"):
        advance = session.advance(0, np.array([0.1, 1e39, 0.1]), StepSettings())
    assert advance.stopped == "weights"
    assert len(advance.losses) == 2
    assert not np.isfinite(session.store()[0]).all()


def test_large_finite_weights_do_not_stop() -> None:
    """Weights whose sum overflows although each is finite are no reason to stop."""
    architecture = Architecture.build([2, 1], [], "identity", "squared_error")
    zeros = np.zeros((4, 2), dtype=np.float32)
    session = ENGINE.start(replace(linear(0.0), architecture=architecture, X=zeros), StepSettings())
    session.load(np.array([3e38, 3e38, 0.0], dtype=np.float32), {})
    with np.errstate(all="ignore"):
        assert session.advance(0, np.full(2, 0.1), StepSettings()).stopped is None


def test_float32_follows_float64() -> None:
    """Ten steps in float32 stay near the same steps in float64."""
    found = []
    for dtype in ("float32", "float64"):
        task = small(dtype, optimizer="sgd")
        session = begin(task, StepSettings())
        session.advance(0, etas(10), StepSettings())
        found.append(session.store()[0])
    assert found[0].dtype == np.float32
    assert_close(found[0], found[1], FLOAT32)


def test_describe() -> None:
    """run.json can say which engine ran with which NumPy on how many threads."""
    result = ENGINE.describe()
    assert result.pop("blas")
    assert result == {"engine": "numpy", "numpy": np.__version__, "threads": 1}
