"""A model leaves as a PyTorch module: the same outputs, the same bits, and more training there."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.export.subject import Subject
from chainrule.export.torch_file import write_torch
from chainrule.reference.activations import ACTIVATIONS
from peers import torch

BOUND = 1e-6
"""What docs/export.md promises, of the largest output where that is above 1: rounding of float32, and the softplus of
PyTorch, which is 2e-9 off beyond 20."""
X = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)


def error(found: Any, expected: Any) -> float:
    """The largest difference, of the largest number where that is above 1 (tolerances.py)."""
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def module_at(path: Path) -> Any:
    """The network of an exported file, imported as a user imports it."""
    torch()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.network


def written(network: Any, path: Path) -> Any:
    write_torch(Subject.of(network), path / "net.py")
    return module_at(path / "net.py")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if entry.elementwise])
def test_outputs_are_equal_and_bits_come_back(tmp_path: Path, name: str, dtype: str) -> None:
    """Every activation, with a normalised layer: outputs within the bound, and every parameter with its bits."""
    net = cr.Network([5, 8, 8, 3], [name, "relu"], dtype=dtype, normalization=["layer", None], seed=1)
    net.parameters.flat += np.random.default_rng(1).normal(size=net.parameters.flat.size) * 0.1
    module = written(net, tmp_path)
    found = module(torch().tensor(X.astype(dtype))).detach().numpy()
    assert found.dtype == dtype
    assert error(found, net.forward(X).output) <= BOUND
    if name != "exponential":  # a class of its own in the file, as torch.nn has none
        back = cr.from_torch(module)
        assert back.parameters.flat.tobytes() == net.parameters.flat.tobytes()
        assert back.architecture == net.architecture


@pytest.mark.parametrize(("output", "loss"), [("softmax", "cross_entropy"), ("exponential", "poisson")])
def test_residual_connections(tmp_path: Path, output: str, loss: str) -> None:
    """A layer that adds its input is a small class in the file; so is an output without a module in torch.nn."""
    net = cr.Network([5, 5, 6, 6, 2], "gelu", output, loss, normalization="layer", residual=True, seed=1)
    module = written(net, tmp_path)
    assert error(module(torch().tensor(X)).detach().numpy(), net.forward(X).output) <= BOUND
    with pytest.raises(cr.SettingsError, match="Residual has no counterpart here"):
        cr.from_torch(module, loss=loss)


def test_an_ensemble_is_the_mean_of_its_members(tmp_path: Path) -> None:
    """Its module has every member, and gives what the ensemble gives."""
    run = cr.train("iris", members=3, epochs=2, progress=False)
    rows = run.encode("iris")
    module = written(run, tmp_path)
    found = module(torch().tensor(rows)).detach().numpy()
    assert error(found, run.predict_proba("iris")) <= BOUND


def test_train_there_and_come_back(tmp_path: Path) -> None:
    """Trained here, trained further in PyTorch, and back: the bits that PyTorch left."""
    run = cr.train("iris", epochs=2, progress=False)
    module = written(run, tmp_path)
    before = module[0].weight.detach().clone()
    optimizer = torch().optim.SGD(module.parameters(), lr=0.1)
    rows, y = torch().tensor(run.encode("iris")), torch().arange(30) % 3
    torch().nn.functional.cross_entropy(module[:-1](rows), y).backward()
    optimizer.step()
    assert not torch().equal(module[0].weight, before)
    back = cr.from_torch(module)
    for l, layer in enumerate([part for part in module if isinstance(part, torch().nn.Linear)], start=1):
        assert back.W[l].tobytes() == layer.weight.detach().numpy().T.copy().tobytes()


def test_what_has_no_text_is_refused(tmp_path: Path, unregistered: None) -> None:
    """A registered activation or layer kind without a text for PyTorch is named; nothing is written."""
    from toy_entries import HARD_TANH, SCALE

    cr.register_activation("hard_tanh", HARD_TANH)
    cr.register_layer("scale", SCALE)
    for net, message in (
        (cr.Network([2, 3, 2], "hard_tanh"), "activation 'hard_tanh' of layer 1: has no text for PyTorch"),
        (cr.Network([2, 3, 2], normalization="scale"), "layer kind 'scale' of layer 1: has no text for PyTorch"),
        (cr.Network([2, 3, 2], "selu", parametric=True), "layer kind 'parametric_selu' of layer 1"),
        (cr.Network([2, 3, 2], input_scale=True), "the network has inputs="),
    ):
        with pytest.raises(cr.SettingsError) as refused:
            write_torch(Subject.of(net), tmp_path / "net.py")
        assert message in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both files are named; another ending, and a file that is part of the run, are refused."""
    assert main(["train", "iris", "-o", str(tmp_path / "run"), "--epochs", "2", "--quiet"]) == 0
    capsys.readouterr()
    out = tmp_path / "net.py"
    assert main(["export", str(tmp_path / "run"), "--to", "torch", "-o", str(out)]) == 0
    assert capsys.readouterr().out.split() == [str(out), str(out.with_suffix(".safetensors"))]
    run = cr.load(tmp_path / "run")
    rows = run.encode("iris")
    found = module_at(out)(torch().tensor(rows)).detach().numpy()
    assert error(found, run.predict_proba("iris")) <= BOUND
    assert main(["export", str(tmp_path / "run"), "--to", "torch", "-o", str(tmp_path / "net.pt")]) == 2
    assert "must end with .py" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "run"), "--to", "torch", "-o", str(tmp_path / "run" / "model.py")]) == 2
    assert "is part of the run" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "run"), "--to", "keras", "-o", str(out)]) == 2


def test_ten_lines(tmp_path: Path) -> None:
    """The file can be read at a glance, and runs nothing but what it shows."""
    write_torch(Subject.of(cr.Network([4, 8, 3])), tmp_path / "net.py")
    assert (tmp_path / "net.py").read_text() == EXPECTED


EXPECTED = '''"""network(X) of 4 inputs: 3 outputs, softmax. Written by chainrule, the weights beside it."""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn


def one():
    return nn.Sequential(
        nn.Linear(4, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
        nn.Softmax(dim=1),
    )


network = one()
network.load_state_dict(load_file(Path(__file__).with_suffix(".safetensors")))
'''
