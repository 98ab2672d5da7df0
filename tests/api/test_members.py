"""K networks side by side: numbers by hand, each member as it is alone, the mean that is predicted, and who refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.select import reference, with_own_loss
from chainrule.network.members import member_parameters
from chainrule.planning.temperature import temperature

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def small(**more: Any) -> cr.Network:
    return cr.Network([4, 9, 2], "tanh", members=4, seed=1, **more)


def test_two_members_by_hand() -> None:
    """x = 2 with factors 1 and −1, a shared layer z = 3·x + 1, heads 1·a and 2·a + 0.5; y = 0."""
    net = cr.Network([1, 1, 1], "relu", "identity", "squared_error", dtype="float64", members=2)
    p: Any = net.parameters
    p.member_scale[0][...] = [[1.0], [-1.0]]
    p.W[1][...], p.b[1][...] = 3.0, 1.0
    p.W[2][...], p.b[2][...] = [[[1.0]], [[2.0]]], [[0.0], [0.5]]
    f = net.forward([[2.0]])
    assert f.a[0].tolist() == [[2.0], [-2.0]]
    assert f.z[1].tolist() == [[7.0], [-5.0]]
    assert f.z[2].tolist() == [[7.0], [0.5]]
    assert f.output.tolist() == [[3.75]] and net.predict([[2.0]]).tolist() == [3.75]
    g = net.backward([[2.0]], [[0.0]])
    assert g.loss == (7.0**2 / 2 + 0.5**2 / 2) / 2
    assert g.delta[2].tolist() == [[3.5], [0.25]]
    assert g.dW[2].tolist() == [[[24.5]], [[0.0]]]  # the second member's unit is 0
    assert g.dW[1].tolist() == [[7.0]]  # 2 · 3.5 of the first, nothing of the second
    assert g.tensors["member_scale"][0].tolist() == [[21.0], [0.0]]
    assert g.dX.tolist() == [[10.5]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_member_has_the_bits_that_it_has_alone(dtype: str) -> None:
    """Every row of a layer, and with 4 members, whose share is exact, the gradients of what is a member's own."""
    net = small(dtype=dtype)
    f, g = net.forward(X), net.backward(X, Y)
    for k in range(4):
        alone = cr.Network.of(member_parameters(net.parameters, k), "class")
        assert alone.architecture.members == 1 and alone.W[2].shape == (9, 2)
        one, gradient = alone.forward(X), alone.backward(X, Y)
        for l in (1, 2):
            assert np.array_equal(f.z[l][k::4], one.z[l])
        assert np.array_equal(g.dW[2][k], gradient.dW[2] / 4)
        assert np.array_equal(g.tensors["member_scale"][0][k], gradient.tensors["scale"][0] / 4)


def test_what_is_predicted_is_the_mean_of_the_members() -> None:
    """Probabilities, their logarithm, and the loss of held-out rows, which is that of the mean."""
    run = cr.train(small(), X, Y, epochs=3, validation=(X[:20], Y[:20]), progress=False)
    p = run.network.predict_proba(X)
    assert np.allclose(p, np.mean([m.network.predict_proba(X) for m in run.members], axis=0), atol=1e-6)
    assert np.allclose(np.exp(run.network.logits(X)), p, rtol=1e-5)
    last = cr.train(small(), X, Y, epochs=3, validation=(X[:20], Y[:20]), metric="loss", progress=False)
    best = int(np.argmin(last.history["validation_loss"]))
    held = last.network.predict_proba(X[:20])[np.arange(20), Y[:20]]
    assert last.history["validation_loss"][best] == pytest.approx(float(-np.log(held).mean()), rel=1e-5)


def test_probabilities_of_one_sigmoid() -> None:
    """Both classes, each the mean over members; z is that of the mean."""
    net = cr.Network([4, 5, 1], output="sigmoid", members=3)
    p = net.predict_proba(X)
    assert np.allclose(p.sum(axis=1), 1)
    assert np.allclose(1 / (1 + np.exp(-net.logits(X)[:, 0])), p[:, 1], atol=1e-6)


def test_a_run_shows_each_member(tmp_path: Path) -> None:
    """A Run whose network has weights of the usual shape, and steps whose parts add up to the gradient."""
    run = cr.train(small(), X, Y, epochs=2, batch_size=16, directory=tmp_path / "run", validation=0.2, progress=False)
    loaded = cr.load(tmp_path / "run")
    assert len(loaded.members) == 4
    member = loaded.members[2]
    assert np.array_equal(member.network.W[2], run.network.W[2][2])
    assert np.array_equal(member.network.parameters.scale[0], run.network.parameters.member_scale[0][2])
    whole, parts = run.replay(3), [m.replay(3) for m in loaded.members]
    assert sum(part.backward.loss for part in parts) == pytest.approx(whole.backward.loss, rel=1e-6)
    assert np.allclose(sum(part.backward.dW[1] for part in parts), whole.backward.dW[1], atol=1e-7)
    assert np.array_equal(parts[1].update.new.W[1], whole.update.new.W[1])
    assert np.array_equal(parts[1].update.gradient.W[2], whole.update.gradient.W[2][1])
    assert "Member 1 of 4" in parts[1].explain()
    assert member.vitals().text() and parts[0].why("W1[2,3]").text()
    for refused in (lambda: member.extend(1), member.doctor, loaded.doctor):
        with pytest.raises(cr.SettingsError, match="side by side"):
            refused()
    assert loaded.extend(1, progress=False).history["loss"]


def test_the_page_says_whose_steps_it_shows(tmp_path: Path) -> None:
    """Those of member 0, not recomputed, for the page has no members; predictions are of all of them."""
    run = cr.train(small(), X, Y, epochs=1, progress=False)
    text = run.report(tmp_path / "report.html").read_text("utf-8")
    assert '"side_by_side":[0,4]' in text and '"members":"member_scale"' in text
    one = cr.train(cr.Network([4, 3, 2], embedding="plr"), X, Y, epochs=1, progress=False)
    text = one.report(tmp_path / "one.html").read_text("utf-8")
    assert '"n_inputs":4' in text and '"side_by_side":null' in text


def test_the_update_of_a_shared_weight_names_the_other_members() -> None:
    """g is the member's part, and what the others add."""
    run = cr.train(small(dtype="float64"), X, Y, epochs=1, batch_size=60, optimizer=cr.SGD(0.1), progress=False)
    step = run.replay(0)
    terms = {term.name: term.value for term in step.why("W1[0,1]", member=3).origin.terms}
    rest = step.backward.dW[1][0, 1] - step.member(3).backward.dW[1][0, 1]
    assert any("Σ_m≠k" in name and value == pytest.approx(-0.1 * rest) for name, value in terms.items())
    assert not any("Σ_m≠k" in term.name for term in step.why("W2[0,1]", member=3).origin.terms)


def test_factors_at_the_start() -> None:
    """−1 or 1; N(0, 1), one number for a column, behind an embedding of numbers."""
    signs = small().parameters.member_scale[0]
    assert set(np.unique(signs)) == {-1.0, 1.0}
    edges = cr.quantile_bins(X, n_bins=4)
    net = small(embedding={"kind": "piecewise_linear", "edges": edges, "size": 3})
    factors = net.parameters.member_scale[0].reshape(4, 4, 3)
    assert (factors == factors[:, :, :1]).all() and len(np.unique(factors)) == 16


def test_factors_that_start_near_one() -> None:
    """N(1, spread²), the columns of a block alike, also behind an embedding."""
    many = cr.Network([4, 3, 2], members={"members": 200, "spread": 0.2, "blocks": [1, 3]}, seed=3)
    factors = many.parameters.member_scale[0]
    assert (factors[:, 1:] == factors[:, 1:2]).all() and (factors[:, 0] != factors[:, 1]).all()
    assert factors[:, :2].mean() == pytest.approx(1, abs=0.05) and factors[:, :2].std() == pytest.approx(0.2, rel=0.2)
    how = {"members": {"members": 2, "blocks": [2, 2]}, "embedding": {"kind": "plr", "columns": [1], "size": 2}}
    net = cr.Network([4, 3, 2], **how)
    assert net.architecture.inputs.to_list()[-1]["blocks"] == [3, 2]
    wrong = ({"members": 3, "blocks": [1]}, {"members": 3, "spread": 0}, {"n": 3}, {"members": 3, "blocks": [0, 4]})
    for given in wrong:
        with pytest.raises(cr.SettingsError, match="members"):
            cr.Network([4, 3, 2], members=given)


def test_rates_of_factors_and_heads() -> None:
    """A factor on the learning rate reaches the tensors of every member."""
    factors = {"member_scale": 0.0, "W2": 0.0}
    run = cr.train(small(), X, Y, epochs=1, learning_rate_factors=factors, optimizer=cr.Adam(0.01), progress=False)
    change = run.replay(0).update.change
    assert not change.member_scale[0].any() and not change.W[2].any()
    assert change.b[2].all() and change.W[1].all()


def test_a_loss_given_as_functions() -> None:
    """It is that of every member's outputs."""
    net = cr.Network([4, 5, 1], output="identity", loss="squared_error", members=3, dtype="float64")
    own = with_own_loss((lambda a, y: ((a - y) ** 2).sum(axis=1) / 2, lambda a, y: a - y))
    wide, y = X.astype(np.float64), X[:, :1].astype(np.float64)
    found, expected = own.backward(net.parameters, wide, y), reference().backward(net.parameters, wide, y)
    assert found.loss == pytest.approx(expected.loss) and np.allclose(found.dW[1], expected.dW[1])


@pytest.mark.parametrize("members", [0, -1, 1.5, True, 257, "8"])
def test_members_that_are_none(members: Any) -> None:
    """A whole number from 1 to 256."""
    with pytest.raises(cr.SettingsError, match="members"):
        cr.Network([4, 5, 2], members=members)


def test_who_refuses(tmp_path: Path) -> None:
    """A temperature, formats that have no text for it, and a member that is not there."""
    net = small()
    assert temperature(net, np.tile(X, (6, 1)), np.tile(Y, 6), None) is None
    with pytest.raises(cr.SettingsError, match="input_scale"):
        small(input_scale=True)
    step = cr.train(net, X, Y, epochs=1, progress=False).replay(0)
    with pytest.raises(cr.SettingsError, match="0 to 3"):
        step.member(4)
    assert cr.Network([4, 3, 2], members=1).architecture.inputs is None
