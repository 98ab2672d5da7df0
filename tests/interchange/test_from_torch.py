"""A module of PyTorch comes in with its bits and its gradients, or is refused by name."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.interchange.torch_losses import CRITERIA
from chainrule.interchange.torch_spelling import is_module, made
from chainrule.reference.activations import ACTIVATIONS
from peers import torch
from tolerances import FLOAT32, PARITY

HIDDEN = [name for name, entry in ACTIVATIONS.items() if is_module(entry.torch or "") and entry.elementwise]


@pytest.fixture
def nn() -> Any:
    torch().manual_seed(0)
    return torch().nn


def sequential(nn: Any, hidden: str = "tanh", end: str | None = None, n_out: int = 3) -> Any:
    """Inputs 5, hidden layers 7 with LayerNorm and 6, and n_out outputs."""
    g = ACTIVATIONS[hidden].torch
    parts = [nn.Flatten(), nn.Linear(5, 7), nn.LayerNorm(7), made(g, nn), nn.Sequential(nn.Linear(7, 6), made(g, nn))]
    parts += [nn.Linear(6, n_out), nn.Identity()]
    module = nn.Sequential(*parts, *([] if end is None else [made(end, nn)]))
    with torch().no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch().randn(parameter.shape)
    return module


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_bits_of_weights_and_outputs(nn: Any, hidden: str, dtype: str) -> None:
    """Every parameter has the bits it had there, and the outputs are those of the module."""
    module = sequential(nn, hidden, "Softmax(dim=-1)").to(getattr(torch(), dtype))
    network = cr.from_torch(module)
    assert network.architecture.dtype == dtype and network.architecture.sizes == (5, 7, 6, 3)
    theirs = [parameter.detach().numpy() for parameter in module.parameters()]
    ours = [network.W[1].T, network.b[1], network.gain[1], network.shift[1]]
    ours += [part for l in (2, 3) for part in (network.W[l].T, network.b[l])]
    for a, b in zip(ours, theirs, strict=True):
        assert np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
    X = np.random.default_rng(0).normal(size=(20, 5)).astype(dtype)
    expected = module(torch().tensor(X)).detach().numpy()
    assert np.abs(network.forward(X).output - expected).max() <= (FLOAT32 if dtype == "float32" else PARITY)


@pytest.mark.parametrize("text", CRITERIA)
@pytest.mark.parametrize("n_out", [1, 3])
def test_gradients_are_those_of_the_loss(nn: Any, text: str, n_out: int) -> None:
    """J and its gradients are a known factor times those that autograd gives for the loss of PyTorch."""
    criterion, known = made(text, nn), CRITERIA[text]
    if n_out == 1 and (known.applies == "softmax" or (known.takes or "").startswith("LogSoftmax")):
        pytest.skip("one class alone has no softmax")
    module = sequential(nn, end=known.takes, n_out=n_out).double()
    network = cr.from_torch(module, loss=criterion)
    X = np.random.default_rng(0).normal(size=(8, 5))
    classes = np.arange(8) % 3
    if network.architecture.output == "softmax":
        y, theirs = classes, torch().tensor(classes)
    else:
        y = (classes[:, None] + np.arange(n_out)) % 2 * 1.0
        theirs = torch().tensor(y)
    loss = criterion(module(torch().tensor(X)), theirs)
    loss.backward()
    found = network.backward(X, y)
    half = 0.5 if text == "MSELoss()" else 1.0
    factor = half * (1 if network.architecture.output == "softmax" else n_out)
    assert abs(found.loss - factor * loss.item()) <= PARITY
    assert np.abs(found.dW[1].T - factor * module[1].weight.grad.numpy()).max() <= PARITY
    assert np.abs(found.tensors["gain"][1] - factor * module[2].weight.grad.numpy()).max() <= PARITY


def test_why_of_a_gradient_equals_autograd(nn: Any) -> None:
    """The first step of a training on the module's batch is autograd's, number by number."""
    module = sequential(nn).double()
    X, y = np.random.default_rng(0).normal(size=(8, 5)), np.arange(8) % 3
    nn.CrossEntropyLoss()(module(torch().tensor(X)), torch().tensor(y)).backward()
    network = cr.from_torch(module, loss=nn.CrossEntropyLoss())
    run = cr.train(network, X, y, optimizer=cr.SGD(0.1), batch_size=8, epochs=1, progress=False)
    found = run.replay(0).why("dW2[3,1]")
    assert abs(found.value - float(module[4][0].weight.grad[1, 3])) <= PARITY


def test_the_module_stays_as_it_is(nn: Any) -> None:
    """Neither weights, gradients, mode nor precision of the module change, and memory is not shared."""
    module = nn.Sequential(nn.Linear(2, 2))
    before = module[0].weight.detach().clone()
    network = cr.from_torch(module, loss="squared_error")
    network.W[1][:] = 7
    assert torch().equal(module[0].weight, before) and module[0].weight.grad is None and module.training


def test_what_training_would_do_otherwise_is_told(nn: Any) -> None:
    """Dropout and a missing bias are warned of, and nothing else is."""
    module = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Dropout(0.25), nn.Linear(3, 2))
    with pytest.warns(UserWarning, match="train") as found:
        network = cr.from_torch(module, loss="cross_entropy")
    assert [str(w.message) for w in found] == [
        "Sequential[0]: bias=False; b of the layer is 0 here, and training it further changes it.",
        "Dropout(0.25) is no part of a network here. Pass dropout=0.25 to train.",
    ]
    assert not network.b[1].any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cr.from_torch(nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.0)), loss="cross_entropy")


REFUSED = {
    "BatchNorm1d(7, ": lambda nn: [nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Linear(7, 3)],
    "Sequential[0]: ReLU() must follow a Linear": lambda nn: [nn.ReLU(), nn.Linear(5, 3)],
    "at least one layer of weights (got none)": lambda nn: [nn.Identity()],
    "Sequential[2]: Tanh() must follow a Linear": lambda nn: [nn.Linear(5, 3), nn.ReLU(), nn.Tanh()],
    "Sequential[1] takes 6 inputs, but Sequential[0] below it has 7": lambda nn: [nn.Linear(5, 7), nn.Linear(6, 3)],
    "Softmax(dim=1) before Sequential[2]": lambda nn: [nn.Linear(5, 7), nn.Softmax(1), nn.Linear(7, 3)],
    "Softmax(dim=0) has no counterpart": lambda nn: [nn.Linear(5, 7), nn.Softmax(0)],
    "ELU(alpha=2.0) has no counterpart": lambda nn: [nn.Linear(5, 7), nn.ELU(alpha=2.0)],
    "GELU(approximate='tanh') has no counterpart": lambda nn: [nn.Linear(5, 7), nn.GELU("tanh")],
    "got torch.float16": lambda nn: [nn.Linear(5, 7).half()],
    "the meta device": lambda nn: [nn.Linear(5, 7, device="meta")],
    "must be LayerNorm(7)": lambda nn: [nn.Linear(5, 7), nn.LayerNorm(7, eps=1e-3), nn.Linear(7, 3)],
    "bias=False) must be LayerNorm(7)": lambda nn: [nn.Linear(5, 7), nn.LayerNorm(7, bias=False), nn.Linear(7, 3)],
    "must follow a Linear directly": lambda nn: [nn.Linear(5, 7), nn.ReLU(), nn.LayerNorm(7), nn.Linear(7, 3)],
    "must have no normalisation": lambda nn: [nn.Linear(5, 7), nn.LayerNorm(7)],
    "got float32 and float64": lambda nn: [nn.Linear(5, 7), nn.Linear(7, 3).double()],
    "ParametrizedLinear has no counterpart": lambda nn: [
        torch().nn.utils.parametrizations.weight_norm(nn.Linear(5, 3))
    ],
    "shares its parameters": lambda nn: [layer := nn.Linear(5, 5), nn.ReLU(), layer],
    "has hooks": lambda nn: [hooked(nn.Linear(5, 3))],
    "must be finite to compare gradients (got nan)": lambda nn: [broken(nn.Linear(5, 3))],
}


def hooked(module: Any) -> Any:
    module.register_forward_hook(lambda *_: None)
    return module


def broken(module: Any) -> Any:
    module.weight.data[0, 0] = float("nan")
    return module


@pytest.mark.parametrize("message", REFUSED)
def test_refused_by_name(nn: Any, message: str) -> None:
    """What has no counterpart here is refused with its place and what it must be."""
    with pytest.raises(cr.SettingsError) as refused:
        cr.from_torch(nn.Sequential(*REFUSED[message](nn)), loss="squared_error")
    assert message in str(refused.value)


def test_a_forward_of_its_own_is_refused(nn: Any) -> None:
    """A subclass may compute anything; its parts do not tell."""

    class Twice(nn.Sequential):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return super().forward(x) * 2

    replaced = nn.Sequential(nn.Linear(2, 2))
    replaced[0].forward = lambda x: x
    for module in (Twice(nn.Linear(2, 2)), replaced):
        with pytest.raises(cr.SettingsError, match="has a forward of its own"):
            cr.from_torch(module, loss="squared_error")


def test_another_computation_is_found_by_its_gradients(nn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a class computes something else, the comparison with autograd names a gradient."""
    own = nn.Linear.forward
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: 2 * own(self, x))
    with pytest.raises(cr.SettingsError, match="differs from autograd's"):
        cr.from_torch(nn.Sequential(nn.Linear(2, 2)), loss="squared_error")
    with pytest.raises(cr.SettingsError, match="J differs from autograd's"):
        cr.from_torch(nn.Sequential(nn.Linear(2, 2)), loss=nn.MSELoss())


ARGUMENTS = [
    ({}, "loss=None: must be stated for a module that ends with Linear"),
    ({"loss": "mse"}, "did you mean 'squared_error'"),
    ({"loss": 3}, "loss=3: must be the name of a loss, or one of CrossEntropyLoss()"),
    ({"loss": "cross_entropy", "output": "tanh"}, "has no meaning on output activation 'tanh'"),
    ({"output": "softmaxx"}, "did you mean 'softmax'"),
]


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS)
def test_arguments_are_refused(nn: Any, arguments: dict[str, Any], message: str) -> None:
    """Loss and output are stated, known, and fit each other."""
    with pytest.raises(cr.SettingsError) as refused:
        cr.from_torch(nn.Sequential(nn.Linear(5, 3)), **arguments)
    assert message in str(refused.value)


def test_losses_of_pytorch_that_do_not_fit(nn: Any) -> None:
    """Logits given to a loss of probabilities, probabilities to one of logits, and losses with arguments."""
    z, p = nn.Sequential(nn.Linear(5, 3)), nn.Sequential(nn.Linear(5, 3), nn.Softmax(dim=1))
    weighted = nn.CrossEntropyLoss(weight=torch().ones(3))
    for module, loss, message in (
        (z, nn.BCELoss(), "takes the output of Sigmoid()"),
        (p, nn.CrossEntropyLoss(), "applies softmax itself, but the module ends with Softmax(dim=1)"),
        (z, weighted, "with its default arguments"),
        (z, nn.CrossEntropyLoss(label_smoothing=0.1), "with its default arguments"),
        (z, nn.MSELoss(reduction="sum"), "with its default arguments"),
    ):
        with pytest.raises(cr.SettingsError) as refused:
            cr.from_torch(module, loss=loss)
        assert message in str(refused.value)


@pytest.mark.parametrize("given", ["model.pt", None, [1, 2]])
def test_objects_never_paths(nn: Any, given: Any) -> None:
    """A file may hold anything; only an object is taken."""
    with pytest.raises(cr.SettingsError, match=r"must be an nn\.Sequential"):
        cr.from_torch(given)


def test_check_false_takes_what_cannot_be_compared(nn: Any) -> None:
    """Weights that are not finite come in as they are, for the doctor to look at."""
    module = nn.Sequential(broken(nn.Linear(5, 3)))
    assert np.isnan(cr.from_torch(module, loss="squared_error", check=False).W[1][0, 0])
