"""Entries from outside go through train, replay, explain, why, find, vitals, doctor, check and the report."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ModelFileError, SettingsError
from chainrule.network.initializers import automatic
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layer_kinds import LAYER_KINDS
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.training.update_rules import optimizer_from
from toy_entries import BENT_IDENTITY, CENTRE, HARD_TANH, LION, LOG_COSH, SCALE

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 4))
CLASSES, VALUES = RNG.integers(0, 3, 60), RNG.normal(size=(60, 2))


@pytest.fixture(autouse=True)
def registered(unregistered: None) -> None:
    """The toys are known during a test, and no longer after it."""
    for toy in (BENT_IDENTITY, HARD_TANH):
        cr.register_activation(toy.name, toy)
    cr.register_loss("log_cosh", LOG_COSH)
    cr.register_optimizer("lion", LION)
    for kind in (SCALE, CENTRE):
        cr.register_layer(kind.name, kind)


def net(**options: Any) -> cr.Network:
    return cr.Network([4, 5, 5, 3], options.pop("activation", "tanh"), seed=1, **options)


def train(network: cr.Network, y: Any = CLASSES, **options: Any) -> cr.Run:
    settings = {"epochs": 3, "batch_size": 20, "progress": False, "validation": None, **options}
    return cr.train(network, X, y, **settings)


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "activation": ({"activation": "bent_identity"}, {}),
    "flat activation": ({"activation": "hard_tanh"}, {"dropout": 0.2}),
    "optimizer": ({}, {"optimizer": {"name": "lion", "learning_rate": 0.01, "mix": 0.8}, "l2": 0.01, "clip_norm": 1.0}),
    "kind": ({"normalization": "scale"}, {}),
    "kind that mixes": ({"normalization": ["centre", None], "residual": True}, {"dropout": 0.2}),
    "all of them": (
        {"activation": ["hard_tanh", "bent_identity"], "normalization": ["scale", "centre"], "residual": True},
        {"optimizer": "lion"},
    ),
}


@pytest.fixture(params=VARIANTS)
def run(request: Any) -> cr.Run:
    """A run with entries from outside."""
    network, settings = VARIANTS[request.param]
    return train(net(dtype="float64", **network), **settings)


def test_train_and_replay(run: cr.Run) -> None:
    """The NumPy engine takes what the native one lacks; a replayed step is the step; the last one ends the run."""
    assert run.engine.name == "numpy"
    assert not run.diverged and np.isfinite(run.history["loss"]).all()
    last = run.replay(8)
    assert last.update.new.parameters.flat.tobytes() == run.network.parameters.flat.tobytes()


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("notation", ["batch", "note", "nielsen"])
def test_explain(run: cr.Run, language: str, notation: str) -> None:
    """Every step is told in both languages and all notations, with the formula of the entry."""
    result = run.replay(4).explain(language=language, notation=notation, row=1)
    for layer in run.network.architecture.layers[:-1]:
        assert ACTIVATIONS[layer.activation].formula in result.replace("\n      ", " ").replace("\n    ", " ")
        assert layer.kind is None or layer.kind.label in result
    assert run.replay(4).to_mermaid().startswith("graph TD")
    assert run.replay(4).to_dict()["update"]["new"]["W"][1]


def test_why_every_number(run: cr.Run) -> None:
    """Every number of the step has an origin that adds up to it, and a difference quotient that agrees."""
    step = run.replay(4)
    architecture = run.network.architecture
    names = ["loss", "a0[0,1]", "da0[0,1]"]
    for l, layer in enumerate(architecture.layers, start=1):
        names += [f"{name}{l}[1,2]" for name in ("z", "a", "delta")] + [f"dW{l}[1,2]", f"W{l}[1,2]"]
        names += [f"db{l}[2]", f"b{l}[2]"]
        if layer.kind is not None:
            names += [f"u{l}[1,2]", f"du{l}[1,2]"]
            names += [f"{d}{t}{l}[{min(2, s[0] - 1)}]" for t, s in layer.kind.shapes(5).items() for d in ("", "d")]
    for name in names:
        answer = step.why(name)
        assert answer.origin.last == pytest.approx(answer.value, rel=1e-9, abs=1e-12), name
        if answer.twin is not None and not answer.twin.kink:
            assert answer.twin.numeric == pytest.approx(answer.value, rel=1e-4, abs=1e-7), name
        space: dict[str, Any] = {"value": answer.value}  # a number of X has no lines
        exec(answer.numpy(), space)
        assert float(space["value"]) == pytest.approx(answer.value, rel=1e-9, abs=1e-12), name
        assert answer.text("ko") and answer.to_dict()


def test_paths_add_up(run: cr.Run) -> None:
    """The ways from a weight to the loss sum to its gradient, through kinds that mix units and those that do not."""
    paths = run.replay(4).why("dW1[0,1]").paths
    assert paths.total == pytest.approx(float(run.replay(4).backward.dW[1][0, 1]), rel=1e-9, abs=1e-12)


def test_diagnose(run: cr.Run) -> None:
    """find, vitals and doctor look at what the entry says is flat."""
    for what in ("dead unit", "saturated unit", "non-finite", "loss doubles"):
        run.find(what)
    layers = run.vitals().steps[0].layers
    flat = [ACTIVATIONS[layer.activation].saturated is not None for layer in run.network.architecture.layers]
    assert [layer.saturated is not None for layer in layers] == flat
    assert run.doctor().text("ko")


def test_check_and_curvature(run: cr.Run) -> None:
    """The gradients are right to the differences of J, and the Hessian's products are found without an R-operator."""
    check = cr.check_gradients(run.network, X, CLASSES)
    assert check.passed and set(check.tensors) == {name for name, _ in run.network.parameters.named()} | {"X"}
    found = cr.learning_rate(run.network, X, CLASSES, optimizer=run.settings.optimizer, epochs=2)
    assert np.isfinite(found.suggested) and found.text("ko")


def test_the_page_is_written(run: cr.Run, tmp_path: Path) -> None:
    """The report holds the run; what the page has no equations for, it names instead of recomputing it."""
    run.report(tmp_path / "report.html")
    assert (
        "bent_identity" in (tmp_path / "report.html").read_text(encoding="utf-8")
        or "lion" in str(run.settings)
        or ("normalization" in (tmp_path / "report.html").read_text(encoding="utf-8"))
    )


def test_a_loss_of_ones_own() -> None:
    """A loss from outside: trained, told, checked, judged by the doctor."""
    network = cr.Network([4, 5, 2], "tanh", "identity", "log_cosh", dtype="float64", seed=2)
    run = train(network, VALUES)
    step = run.replay(2)
    assert "log cosh" in step.explain() and step.why("loss").value == pytest.approx(step.backward.loss)
    assert cr.check_gradients(run.network, X, VALUES).passed
    assert run.doctor().text() and run.vitals().steps
    with pytest.raises(SettingsError, match="has no scalar form"):
        step.circuit()


def test_a_registered_activation_fits_every_loss_that_fits_any_output() -> None:
    """The pairs of a loss follow the table, so squared error judges a hard tanh; a fused pair stays what it was."""
    network = cr.Network([4, 5, 2], "bent_identity", "hard_tanh", "squared_error", dtype="float64", seed=2)
    assert cr.check_gradients(network, X, VALUES).passed
    with pytest.raises(SettingsError, match="no meaning on output activation 'hard_tanh'"):
        cr.Network([4, 5, 2], "relu", "hard_tanh", "cross_entropy")


def test_a_circuit_has_the_activation_as_a_gate_and_refuses_the_kind() -> None:
    """Small networks are drawn number by number where the entries allow it."""
    step = train(net(activation="hard_tanh", dtype="float64")).replay(0)
    assert step.circuit().gradients["b3[0]"] == pytest.approx(float(np.sum(step.forward.a[3][0, 0])), abs=2.0)
    with pytest.raises(SettingsError, match="kind 'scale', which has no scalar form"):
        train(net(normalization="scale")).replay(0).circuit()


def test_the_defaults_of_a_registered_rule_are_its_entry() -> None:
    """Its class is made from the declaration: defaults, ranges, unknown names."""
    assert optimizer_from("lion").to_dict() == {"name": "lion", "learning_rate": 0.003, "mix": 0.9, "keep": 0.99}
    with pytest.raises(SettingsError, match=r"mix"):
        optimizer_from({"name": "lion", "mix": 1.0})
    with pytest.raises(SettingsError, match="setting of optimizer 'lion'"):
        optimizer_from({"name": "lion", "beta1": 0.5})
    assert automatic("bent_identity") == "glorot_uniform"


@pytest.mark.parametrize(
    ("call", "name", "entry", "text"),
    [
        (cr.register_activation, "tanh", HARD_TANH, "already exists"),
        (cr.register_activation, "no name", HARD_TANH, "must consist of letters"),
        (cr.register_activation, "lion2", LION, "must be a chainrule.entries.Activation"),
        (cr.register_activation, "mixed", ACTIVATIONS["softmax"], "mixes units"),
        (cr.register_loss, "huber", LOG_COSH, "already exists"),
        (cr.register_optimizer, "adam", LION, "already exists"),
        (cr.register_layer, "layer", SCALE, "already exists"),
    ],
)
def test_what_cannot_be_registered_is_refused(call: Any, name: str, entry: Any, text: str) -> None:
    """The message names the thing and what was expected."""
    with pytest.raises(SettingsError, match=text):
        call(name, entry)


def test_a_tensor_keeps_clear_of_other_names() -> None:
    """A tensor named like a number of every step, or like a gradient, is refused."""
    from dataclasses import replace

    from chainrule.entries import Tensor

    for name in ("W", "delta", "dx", "scale1", "größe"):
        with pytest.raises(SettingsError, match="has a tensor named"):
            cr.register_layer("other", replace(SCALE, tensors=(Tensor(name=name),)))


def test_registering_the_same_again_changes_nothing() -> None:
    """A module may be imported twice."""
    cr.register_activation("hard_tanh", HARD_TANH)
    assert ACTIVATIONS["hard_tanh"] is HARD_TANH


LOADED = """
import sys
import chainrule as cr
sys.path.insert(0, sys.argv[2])
import toy_entries as toys
if sys.argv[3] == "registered":
    cr.register_activation("hard_tanh", toys.HARD_TANH)
    cr.register_layer("scale", toys.SCALE)
    cr.register_optimizer("lion", toys.LION)
try:
    run = cr.load(sys.argv[1])
    print(run.replay(5).update.new.parameters.flat.tobytes().hex())
except cr.ModelFileError as error:
    print(error)
"""


def test_a_run_is_loaded_after_the_same_calls(tmp_path: Path) -> None:
    """A new process without the calls is refused by name and call; with them it replays the same bits."""
    folder = tmp_path / "run"
    run = train(net(activation="hard_tanh", normalization="scale"), optimizer="lion", directory=folder)
    here = str(Path(__file__).parents[1])

    def loaded(how: str) -> str:
        command = [sys.executable, "-c", LOADED, str(folder), here, how]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert loaded("registered") == run.replay(5).update.new.parameters.flat.tobytes().hex()
    result = loaded("not")
    assert "activation 'hard_tanh' is not registered" in result
    assert "Call chainrule.register_activation('hard_tanh', entry) first" in result


@pytest.mark.parametrize(
    ("table", "name", "call"),
    [(LAYER_KINDS, "scale", "register_layer"), (OPTIMIZERS, "lion", "register_optimizer")],
)
def test_what_is_missing_is_named_with_its_call(tmp_path: Path, table: Any, name: str, call: str) -> None:
    """The layer kind and the optimizer likewise, for runs; a run of a loss too."""
    folder = tmp_path / "run"
    train(net(normalization="scale"), optimizer="lion", directory=folder)
    del table[name]
    with pytest.raises(ModelFileError, match=rf"'{name}' is not registered.*chainrule\.{call}\('{name}', entry\)"):
        cr.load(folder)


def test_the_native_engine_says_what_it_lacks() -> None:
    """Asked for by name it refuses; by itself the NumPy engine computes and run.json tells why."""
    with pytest.raises(SettingsError, match="no layer kind 'scale'"):
        train(net(normalization="scale"), engine="native")
    with pytest.raises(SettingsError, match="no optimizer 'lion'"):
        train(net(), optimizer="lion", engine="native")


def test_corners_of_an_entry_are_not_judged() -> None:
    """A unit exactly at z = 1, a corner of hard tanh away from 0: its entries are kinks, and the check passes."""
    network = cr.Network([1, 2, 2], "hard_tanh", dtype="float64", seed=0)
    network.W[1][:], network.b[1][:] = [[1.0, 0.3]], [0.0, 0.1]
    check = cr.check_gradients(network, np.array([[1.0], [0.5]]), np.array([0, 1]))
    assert check.passed and (0, 0) in check.kinks["W1"] and (0, 1) not in check.kinks["W1"]
    run = cr.train(network, np.array([[1.0], [0.5]]), np.array([0, 1]), epochs=1, batch_size=2, progress=False)
    assert run.replay(0).why("dW1[0,0]").twin.kink and not run.replay(0).why("dW1[0,1]").twin.kink


@pytest.mark.filterwarnings("ignore:.*Maximum iterations")
def test_an_estimator_keeps_what_a_kind_learns() -> None:
    """scikit-learn's door: a registered kind is fitted, predicts after pickling, and its tensors are attributes."""
    from sklearn.base import clone

    from chainrule.sklearn import MLPClassifier

    fitted = MLPClassifier((6, 6), normalization=["scale", "centre"], max_iter=3, random_state=0).fit(X, CLASSES)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert fitted.scales_[0].shape == (6,) and fitted.offsets_[1].shape == (1,)
    assert clone(fitted).normalization == ["scale", "centre"]
