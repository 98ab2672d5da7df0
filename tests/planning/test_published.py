"""Presets by papers: what their authors take, whatever else is stated stays as stated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.model_selection import choose
from chainrule.planning.presets import preset

RNG = np.random.default_rng(0)
N = 400
TABLE = {
    "a": RNG.normal(size=N), "b": RNG.exponential(size=N), "kind": RNG.choice(["x", "y", "z"], N),
}  # fmt: skip
TABLE["y"] = np.where(TABLE["a"] * TABLE["b"] > 0.1, "yes", "no")


def test_tabm_mini_is_that_of_the_paper() -> None:
    """32 members, embedded numbers, two blocks of 512, AdamW 0.002 with decay 3e-4, clipping, dropout, patience 16."""
    plan = cr.plan(TABLE, target="y", preset="tabm-mini").details
    chosen = choose(plan, progress=False)
    assert (len(plan.candidates), chosen.trials, plan.fold) == (1, (), None)
    found = chosen.candidate
    a = found.network.architecture
    assert a.sizes[1:] == (512, 512, 1) and a.members == 32
    embedding, scales = a.inputs.to_list()
    assert embedding["kind"] == "piecewise_linear" and embedding["columns"] == [0, 1] and embedding["size"] == 16
    assert 40 < max(len(edges) for edges in embedding["edges"]) <= 49
    assert scales == {"kind": "member_scale", "members": 32, "start": "normal", "blocks": [16, 16, 3]}
    assert found.network.initializer == "fan_in_uniform"
    rule = {"name": "adamw", "learning_rate": 0.002, "weight_decay": 3e-4}
    assert rule.items() <= found.optimizer.to_dict().items()
    settings = {"batch_size": 32, "early_stopping": 16, "dropout": 0.1, "clip_norm": 1.0, "schedule": "constant"}
    assert settings.items() <= found.settings.items()


def test_batches_grow_and_tables_without_numbers_have_three_blocks() -> None:
    """By the number of training rows; without an embedding a block more."""
    sizes = [
        preset("tabm-mini", n_rows=n, n_numbers=3, is_class=True).settings["batch_size"]
        for n in (100, 2_800, 4_500, 6_400, 32_000, 108_000)
    ]
    assert sizes == [32, 64, 128, 256, 512, 1024]
    none = preset("tabm-mini", n_rows=100, n_numbers=0, is_class=True)
    assert none.hidden_sizes == (512, 512, 512) and none.embedding is None
    words = {"kind": TABLE["kind"], "y": np.where(TABLE["kind"] == "x", "yes", "no")}
    run = cr.train(words, target="y", preset="tabm-mini", hidden_sizes=(8,), side_by_side=2, epochs=2, progress=False)
    assert run.network.architecture.members == 2


def test_it_learns_and_each_member_says_what_it_does() -> None:
    """A small one is far better than the majority class; explain_row has the spread over members."""
    how = {"hidden_sizes": (32, 32), "side_by_side": 4, "epochs": 25}
    run = cr.train(TABLE, target="y", preset="tabm-mini", **how, progress=False)
    assert run.network.architecture.members == 4
    assert run.evaluate(TABLE)["accuracy"] > 0.9
    text = run.explain_row(TABLE, 3).text()
    assert "Mean of an ensemble of 4" in text
    p = run.predict_proba(TABLE)
    assert np.allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize("given", [0, -3, 257, 2.0, True, "8"])
def test_how_many_there_may_be(given: object) -> None:
    """The option is named, with its range."""
    with pytest.raises(cr.SettingsError, match=r"side_by_side=.*1 to 256"):
        cr.plan(TABLE, target="y", side_by_side=given)


def test_members_are_an_option_of_any_preset() -> None:
    """side_by_side=3 beside other presets, of hidden layers alone."""
    plan = cr.plan(TABLE, target="y", preset="plain", side_by_side=3).details
    network = plan.candidates[-1].network
    assert network.architecture.members == 3
    assert network.members == {"members": 3, "spread": 0.35, "blocks": [1, 1, 3]}
    assert replace(network, sizes=(7, 64, 64, 1)).members["blocks"] == [1, 1, 3, 1, 1]  # what neighbours say
    assert replace(network, sizes=(4, 64, 64, 1)).members["blocks"] == [1, 1, 1, 1]  # columns left out
    plan = cr.plan(TABLE, target="y", preset="fast", hidden_sizes=(), side_by_side=3).details
    assert plan.candidates[-1].network.architecture.members == 1


def test_realmlp_is_that_of_the_paper() -> None:
    """TD-S: a scale layer, 3 × 256, Adam with beta2 0.95, four waves over 256 epochs, biases at a tenth, scales at six
    times the rate; W / √n of their inputs as a parameter, so that Adam's steps of W are divided by √n too."""
    plan = cr.plan(TABLE, target="y", preset="realmlp").details
    chosen = choose(plan, progress=False)
    assert (len(plan.candidates), chosen.trials, plan.fold) == (1, (), None)
    found, a = chosen.candidate, chosen.candidate.network.architecture
    assert (
        a.sizes[1:] == (256, 256, 256, 1)
        and found.network.activation == "selu"
        and a.inputs.to_list() == [{"kind": "scale"}]
    )
    assert found.network.initializer == ("scaled_normal",) * 3 + ("zeros",)
    rule = found.optimizer.to_dict()
    assert (rule["name"], rule["learning_rate"], rule["beta2"]) == ("adam", 0.04, 0.95)
    settings = {"batch_size": 256, "epochs": 256, "schedule": "coslog4", "label_smoothing": 0.1, "metric": "accuracy"}
    assert settings.items() <= found.settings.items() and not found.settings["dropout"]
    factors = found.settings["learning_rate_factors"]
    assert factors == {"b": 0.1, "scale": 6.0, "W1": a.sizes[0] ** -0.5, "W2": 1 / 16, "W3": 1 / 16, "W4": 1 / 16}
    values = {name: TABLE[name] for name in ("a", "b")}
    (other,) = cr.plan(values, target="b", preset="realmlp").details.candidates
    assert other.network.activation == "mish" and other.settings["label_smoothing"] == 0
    assert other.optimizer.learning_rate == 0.07


def test_realmlp_learns_and_what_is_stated_stays() -> None:
    """A small one, whose factors follow its own sizes; of another optimizer none are left."""
    how = {"target": "y", "preset": "realmlp", "hidden_sizes": (64,), "epochs": 40, "progress": False}
    run = cr.train(TABLE, **how)
    assert run.evaluate(TABLE)["accuracy"] > 0.9
    assert run.settings.learning_rate_factors["W2"] == 0.125 and "W3" not in run.settings.learning_rate_factors
    assert run.replay(5).backward.loss == run.losses[5]
    sgd = cr.plan(TABLE, target="y", preset="realmlp", optimizer="sgd").details.candidates[-1]
    assert not sgd.settings["learning_rate_factors"] and sgd.settings["batch_size"] == 256
