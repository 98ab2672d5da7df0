"""Label smoothing: PyTorch's meaning, in training, replay and what is said of a step; validation is without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
import peers
from chainrule.cli import main
from tolerances import HAND, PARITY, assert_close

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = RNG.integers(0, 3, 40)
LABELS = RNG.integers(0, 2, (40, 2)).astype(float)


def first_step(net: cr.Network, y: Any, share: float, **how: Any) -> Any:
    """Step 0 over all rows."""
    how = {"optimizer": cr.SGD(0.1), "batch_size": 40, "epochs": 1, "shuffle": False, "progress": False} | how
    return cr.train(net, X, y, label_smoothing=share, **how).replay(0)


def network(output: str, n: int, loss: str = "cross_entropy") -> cr.Network:
    return cr.Network([3, 4, n], "tanh", output, loss, dtype="float64", seed=1)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_softmax_is_that_of_pytorch(share: float, engine: str) -> None:
    """Loss and delta of a step equal torch's cross_entropy(label_smoothing=…) and its gradient."""
    torch = peers.torch()
    step = first_step(network("softmax", 3), Y, share, engine=engine)
    z = torch.tensor(step.forward.z[2], requires_grad=True)
    J = torch.nn.functional.cross_entropy(z, torch.tensor(Y), label_smoothing=share)
    J.backward()
    assert_close(step.backward.loss, J.item(), PARITY)
    assert_close(step.backward.delta[2], z.grad.numpy(), PARITY)


def test_sigmoids_are_smoothed_to_one_half() -> None:
    """Every label is one of two classes: 0 and 1 become 0.05 and 0.95, whatever the number of labels."""
    step = first_step(network("sigmoid", 2), LABELS, 0.1)
    assert_close(step.targets, np.where(LABELS == 1, 0.95, 0.05), HAND)
    assert_close(step.backward.delta[2], (step.forward.output - np.where(LABELS == 1, 0.95, 0.05)) / 40, HAND)
    one = first_step(network("sigmoid", 1), LABELS[:, 0].astype(int), 0.1)
    assert_close(one.targets[:, 0], np.where(LABELS[:, 0] == 1, 0.95, 0.05), HAND)


def test_by_hand() -> None:
    """K = 4, s = 0.2: the class has 0.85, each other 0.05."""
    net = cr.Network([3, 4], output="softmax", dtype="float64")
    step = first_step(net, Y, 0.2)
    assert_close(step.targets, np.where(np.eye(4)[Y] == 1, 0.85, 0.05), HAND)


def test_soft_and_missing_targets() -> None:
    """A target between 0 and 1 is smoothed alike, a missing one stays missing."""
    y = LABELS.copy()
    y[0] = [0.5, np.nan]
    y[1] = [0.25, 1]
    step = first_step(network("sigmoid", 2), y, 0.2)
    assert_close(step.targets[0, 0], 0.5, HAND)
    assert np.isnan(step.targets[0, 1])
    assert_close(step.targets[1], [0.3, 0.9], HAND)


def test_none_is_none() -> None:
    """A share of 0 trains to the same bits as no smoothing; any other does not."""
    flat = [
        cr.train(network("softmax", 3), X, Y, epochs=3, progress=False, **how).network.parameters.flat.tobytes()
        for how in ({}, {"label_smoothing": 0.0}, {"label_smoothing": 0.1})
    ]
    assert flat[0] == flat[1] != flat[2]


@pytest.mark.parametrize("loss", ["cross_entropy", "focal:2"])
def test_validation_and_metrics_are_without_it(loss: str) -> None:
    """validation_loss and the metrics are of the targets as they are; loss is what is trained on."""
    run = cr.train(
        network("softmax", 3, loss), X, Y, validation=(X, Y), label_smoothing=0.3, optimizer=cr.SGD(1e-12), epochs=1,
        batch_size=40, progress=False, training_metric=True, metric="log_loss",
    )  # fmt: skip
    hard = run.network.backward(X, Y).loss
    soft = run.network.backward(X, 0.7 * np.eye(3)[Y] + 0.1).loss
    history = run.history
    assert_close(history["validation_loss"][0], hard, PARITY)
    assert_close(history["loss"][0], soft, PARITY)
    assert abs(hard - soft) > 1e-4
    output = run.network.forward(X).output
    assert_close(history["training_log_loss"][0], -np.log(output[np.arange(40), Y]).mean(), PARITY)


def test_class_weights_follow_the_classes() -> None:
    """Balanced weights are those of the classes, not of the smoothed targets."""
    how = {"class_weight": {0: 3.0}, "epochs": 1, "progress": False}
    step = cr.train(network("sigmoid", 1), X, Y // 2, label_smoothing=0.2, **how).replay(0)
    assert_close(step.weight, np.where(step.targets[:, 0] > 0.5, 1.0, 3.0), HAND)


def test_what_is_said_of_a_step_agrees(tmp_path: Path) -> None:
    """Replay from the folder, explain, why, circuit, check and report all see the smoothed targets."""
    folder = tmp_path / "run"
    run = cr.train(
        network("softmax", 3), X, Y, label_smoothing=0.1, epochs=3, batch_size=8, directory=folder, progress=False
    )
    loaded = cr.load(folder)
    assert loaded.settings.label_smoothing == 0.1
    step, before = loaded.replay(7), run.replay(7)
    assert step.update.new.parameters.flat.tobytes() == before.update.new.parameters.flat.tobytes()
    assert step.backward.loss == run.record.losses[7]
    why = step.why("delta2[0,1]")
    assert float(why.value) == step.backward.delta[2][0, 1]
    assert "0.93333" in step.explain() or "0.033333" in step.explain()
    assert run.replay(0).to_mermaid()
    assert main(["check", str(folder)]) == 0
    one = cr.train(network("softmax", 3), X, Y, label_smoothing=0.1, epochs=1, batch_size=1, progress=False).replay(3)
    assert_close(one.circuit().value, one.backward.loss, PARITY)


@pytest.mark.parametrize(("apart", "found"), [(1.0, ["label-noise"]), (3.0, [])])
def test_the_doctor_sees_the_classes(apart: float, found: list[str]) -> None:
    """Findings about classes are those of the run without smoothing: overlapping classes, and classes far apart."""
    y = np.where(np.arange(200) % 100 < 5, 2, np.arange(200) % 2)
    wide = np.random.default_rng(1).normal(size=(200, 3)) + apart * np.eye(3)[y]
    for share in (0.0, 0.1):
        run = cr.train(network("softmax", 3), wide, y, label_smoothing=share, epochs=100, progress=False)
        assert [finding.id for finding in run.doctor().findings] == found


def test_where_it_has_no_meaning() -> None:
    """A loss without classes and a share outside 0 … 1 are refused before training."""
    with pytest.raises(cr.SettingsError, match=r"label_smoothing=0\.1: must be 0 with loss 'squared_error'"):
        cr.train(network("identity", 1, "squared_error"), X, X[:, 0], label_smoothing=0.1, progress=False)
    for share in (1.0, -0.1, float("nan")):
        with pytest.raises(cr.SettingsError, match="label_smoothing"):
            cr.train(network("softmax", 3), X, Y, label_smoothing=share, progress=False)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--label-smoothing with a focal loss trains, is recorded and explained; for values it is refused."""
    folder = tmp_path / "run"
    how = ["--epochs", "3", "--network", "8", "--quiet"]
    arguments = ["train", "wine", "-o", str(folder), *how, "--loss", "focal:2", "--label-smoothing", "0.1"]
    assert main(arguments) == 0
    run = cr.load(folder)
    assert (run.settings.label_smoothing, run.network.architecture.loss) == (0.1, "focal:2")
    assert main(["explain", str(folder), "--step", "1"]) == 0
    assert main([*arguments, "--resume"]) == 0
    assert main([*arguments[:-1], "0.2", "--resume"]) == 2
    capsys.readouterr()
    assert main(["train", "diabetes", "-o", str(tmp_path / "other"), *how, "--label-smoothing", "0.1"]) == 2
    assert "label_smoothing=0.1: must be 0" in capsys.readouterr().err
