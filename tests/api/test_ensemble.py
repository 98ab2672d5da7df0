"""Ensembles: means of members by hand, one model in one file, members that are the same alone, and interruptions."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.ensemble import Ensemble
from chainrule.api.ensemble_run import EnsembleRun
from chainrule.api.ensemble_training import train_chosen
from chainrule.api.model_selection import choose
from chainrule.api.network import Network
from chainrule.planning.members import member_seed
from chainrule.training import interrupt

RNG = np.random.default_rng(0)
TABLE: dict[str, Any] = {"east": RNG.normal(size=600), "north": RNG.normal(size=600)}
TABLE["kind"] = np.where(TABLE["east"] * TABLE["north"] + 0.3 * RNG.normal(size=600) > 0, "yes", "no")
TABLE["value"] = 100 + 10 * TABLE["east"] + RNG.normal(size=600)
HOW: dict[str, Any] = {"target": "kind", "drop": ["value"], "epochs": 3, "progress": False}


def constant(z: list[float], output: str, loss: str, dtype: str = "float64") -> Network:
    """A network whose last z is this whatever the input."""
    network = Network([1, len(z)], output=output, loss=loss, dtype=dtype)
    network.W[1][:], network.b[1][:] = 0, z
    return network


def test_probabilities_are_averaged_and_their_logits_are_those_of_the_mean() -> None:
    """σ(0) = 0.5 and σ(log 9) = 0.9 have the mean 0.7, whose log-odds are log(0.7 / 0.3)."""
    both = Ensemble([constant([z], "sigmoid", "cross_entropy") for z in (0.0, np.log(9.0))])
    both.kind = "class"
    assert both.predict_proba([[1.0]]) == pytest.approx(np.array([[0.3, 0.7]]), rel=1e-12)
    assert both.logits([[1.0]])[0, 0] == pytest.approx(np.log(0.7 / 0.3), rel=1e-12)
    assert both.predict([[1.0]]).tolist() == [1]
    assert both.spread([[1.0]]) == pytest.approx(np.array([[0.2, 0.2]]), rel=1e-12)
    softmax = Ensemble([constant(z, "softmax", "cross_entropy") for z in ([0.0, 0.0], [0.0, np.log(9.0)])])
    assert softmax.predict_proba([[1.0]]) == pytest.approx(np.array([[0.3, 0.7]]), rel=1e-12)
    assert np.exp(softmax.logits([[1.0]])) == pytest.approx(np.array([[0.3, 0.7]]), rel=1e-12)


def test_a_logit_of_a_tiny_mean_keeps_its_digits() -> None:
    """Members that say e^−800 and e^−802 have a mean probability below the smallest float64."""
    both = Ensemble([constant([z], "sigmoid", "cross_entropy") for z in (-800.0, -802.0)])
    assert both.logits([[1.0]])[0, 0] == pytest.approx(-800 + np.log((1 + np.exp(-2.0)) / 2), rel=1e-12)


def test_values_are_averaged() -> None:
    """The mean of 1 and 4, of each output."""
    both = Ensemble([constant([v, -v], "identity", "squared_error") for v in (1.0, 4.0)])
    assert both.predict([[1.0]]).tolist() == [[2.5, -2.5]] and both.spread([[1.0]]).tolist() == [[1.5, 1.5]]


def test_a_deviation_is_that_of_the_mixture() -> None:
    """σ² = mean of σ_k² plus variance of μ_k: 1 and 3 with σ = 1 each have √(1 + 1); levels follow from it."""
    s = float(np.log(np.expm1(1 - 1e-3)))  # softplus(s) + 0.001 = 1
    both = Ensemble([constant([mu, s], "identity", "gaussian:0.1,0.9") for mu in (1.0, 3.0)])
    assert both.predict([[0.0]]).tolist() == [2.0]
    assert both.predict_deviation([[0.0]])[0] == pytest.approx(np.sqrt(2.0), rel=1e-12)
    levels = both.predict_quantiles([[0.0]])[0]
    assert levels == pytest.approx(2 + np.array([-1, 1]) * 1.2815515655446004 * np.sqrt(2.0), rel=1e-9)


def test_levels_without_a_deviation_are_averaged() -> None:
    """softplus(0) below and above the point of each member."""
    both = Ensemble([constant([v, 0.0, 0.0], "identity", "intervals:0.1,0.9") for v in (1.0, 3.0)])
    assert both.predict_quantiles([[0.0]])[0] == pytest.approx(2 + np.array([-1, 1]) * np.log(2), rel=1e-12)


def test_networks_must_be_alike() -> None:
    """Another architecture, or none, is refused by name."""
    with pytest.raises(cr.SettingsError, match=r"networks\[1\] is 1-2.*must be as the first, 1-1"):
        Ensemble([constant([0.0], "identity", "squared_error"), constant([0.0, 0.0], "identity", "squared_error")])
    with pytest.raises(cr.SettingsError, match="at least one network"):
        Ensemble([])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> EnsembleRun:
    """An ensemble of three in a directory."""
    run = cr.train(TABLE, members=3, directory=tmp_path_factory.mktemp("runs") / "three", **HOW)
    assert isinstance(run, EnsembleRun)
    return run


def test_the_ensemble_predicts_the_mean_of_its_members(kept: EnsembleRun) -> None:
    """In float64 and in member order, to the bit; so do the loaded run and the model file alone."""
    each = [member.predict_proba(TABLE).astype(np.float64) for member in kept.members]
    mean = (each[0] + each[1] + each[2]) / 3
    assert kept.directory is not None
    model = cr.load(kept.directory / "model.safetensors")
    loaded = cr.load(kept.directory)
    assert isinstance(loaded, EnsembleRun) and len(loaded.members) == 3
    for one in (kept, loaded, model):
        assert one.predict_proba(TABLE).tobytes() == mean.tobytes()
    assert kept.predict(TABLE).tolist() == [("no", "yes")[k] for k in mean.argmax(axis=1)]
    assert kept.evaluate(TABLE) == loaded.evaluate(TABLE) == model.evaluate(TABLE)
    cost = -np.log(mean[np.arange(600), (TABLE["kind"] == "yes").astype(int)]).mean()
    assert kept.evaluate(TABLE)["log_loss"] == pytest.approx(cost, rel=1e-6)


def test_a_saved_model_is_the_ensemble(kept: EnsembleRun, tmp_path: Path) -> None:
    """save writes all members."""
    kept.save(tmp_path / "own.safetensors")
    assert cr.load(tmp_path / "own.safetensors").predict_proba(TABLE).tobytes() == kept.predict_proba(TABLE).tobytes()


def test_members_differ_and_replay(kept: EnsembleRun) -> None:
    """Each has its own seed, and any of its steps can be seen again to the bit, loaded too."""
    assert [member.settings.seed for member in kept.members] == [member_seed(0, k) for k in range(3)]
    assert len({member.network.parameters.flat.tobytes() for member in kept.members}) == 3
    assert kept.directory is not None
    for member in cr.load(kept.directory).members:
        assert member.replay(5).backward.loss == member.losses[5]


def test_members_hold_the_same_rows_once(kept: EnsembleRun) -> None:
    """On the disk by links, in memory as one array."""
    assert kept.directory is not None
    folders = [kept.directory / "members" / str(k) / "data.safetensors" for k in range(3)]
    assert folders[0].samefile(folders[2])
    assert kept.members[0].rows is kept.members[2].rows


def test_one_page_is_written_and_the_others_when_asked_for(kept: EnsembleRun, tmp_path: Path) -> None:
    """That of the first member, also for the ensemble; none where none is wanted."""
    assert kept.directory is not None
    pages = [path.relative_to(kept.directory).as_posix() for path in kept.directory.rglob("report.html")]
    assert sorted(pages) == ["members/0/report.html", "report.html"]
    page = kept.members[2].report(tmp_path / "page.html")
    assert page.stat().st_size > 10_000
    for how in ({"members": 2}, {}):
        run = cr.train(TABLE, directory=tmp_path / str(len(how)), report=False, **how, **HOW)
        assert not list((tmp_path / str(len(how))).rglob("report.html"))
        assert run.predict(TABLE).shape == (600,)


def test_a_member_is_the_same_alone_as_among_others(kept: EnsembleRun) -> None:
    """Whoever trains members, in whichever order, gets the same bits."""
    plan = cr.plan(TABLE, members=3, **{name: value for name, value in HOW.items() if name != "progress"}).details

    def backwards(fit: Any, members: Any) -> Any:
        done = {k: fit(k) for k in reversed(list(members))}
        return (done[k] for k in sorted(done))

    chosen = choose(plan, progress=False)
    run = train_chosen(plan, chosen, execute=backwards, progress=False)
    with pytest.warns(cr.InterruptedWarning, match="1 of 3 members"):
        alone = train_chosen(plan, chosen, execute=lambda fit, members: iter([fit(2)]), progress=False)
    for k, member in enumerate(kept.members):
        assert member.network.parameters.flat.tobytes() == run.members[k].network.parameters.flat.tobytes()
    assert alone.members[0].network.parameters.flat.tobytes() == kept.members[2].network.parameters.flat.tobytes()


def test_a_run_of_one_training_is_its_only_member() -> None:
    """One member is an ordinary run."""
    run = cr.train(TABLE, members=1, **HOW)
    assert not isinstance(run, EnsembleRun) and run.members == (run,) and run.ensemble is None


@pytest.mark.parametrize("target", ["value", ["value", "east"]])
def test_values_come_back_in_their_unit(target: Any) -> None:
    """The mean of the networks' outputs is that of the members' values, as their unit is a linear map."""
    run = cr.train(TABLE, target=target, members=2, epochs=5, progress=False)
    each = [member.predict(TABLE) for member in run.members]
    assert run.predict(TABLE) == pytest.approx((each[0] + each[1]) / 2, rel=1e-5)
    assert "rmse" in " ".join(run.evaluate(TABLE))


def test_intervals_are_calibrated_for_the_ensemble(tmp_path: Path) -> None:
    """By the rows held out, of which a share 0.8 then lies within; loaded and alone it says the same."""
    how: dict[str, Any] = {"intervals": (0.1, 0.9), "epochs": 5, "progress": False, "drop": ["kind"]}
    run = cr.train(TABLE, target="value", members=2, directory=tmp_path / "run", **how)
    own = run.predict_intervals(TABLE)
    held = np.setdiff1d(np.arange(600), run.members[0].index)
    inside = (TABLE["value"][held] >= own["lower_0.1"][held]) & (TABLE["value"][held] <= own["upper_0.9"][held])
    assert 0.78 <= inside.mean() <= 0.84
    for one in (cr.load(tmp_path / "run"), cr.load(tmp_path / "run" / "model.safetensors")):
        found = one.predict_intervals(TABLE)
        assert all(np.array_equal(found[name], own[name]) for name in own)
    assert not np.array_equal(run.members[0].predict_intervals(TABLE)["upper_0.9"], own["upper_0.9"])


def test_a_row_is_explained_by_the_mean_of_the_members() -> None:
    """Their contributions are averaged, and add up."""
    run = cr.train(TABLE, target="value", members=2, epochs=3, progress=False)
    (own,) = run.explain_row(TABLE, 3)
    each = [member.explain_row(TABLE, 3).targets[0] for member in run.members]
    assert own.members == pytest.approx([one.score for one in each], rel=1e-6)
    assert own.score == pytest.approx(np.mean([one.score for one in each]), rel=1e-6)
    assert sum(one.contribution for one in own.found) == pytest.approx(own.score - own.baseline, rel=1e-6)
    assert own.spread == pytest.approx(np.std(own.members)) and each[0].members == ()
    assert next(one.column for one in run.importances(TABLE)) == "east"


def test_labels_and_strong() -> None:
    """Several targets of two classes, by the preset: eight members."""
    table = {"east": TABLE["east"], "kind": TABLE["kind"], "far": np.where(TABLE["east"] > 1, "far", "near")}
    run = cr.train(table, target=["kind", "far"], preset="strong", epochs=2, progress=False)
    assert len(run.members) == 8
    each = [member.predict_proba(table) for member in run.members]
    assert run.predict_proba(table) == pytest.approx(np.mean(each, axis=0), rel=1e-6)


def test_without_hidden_layers_the_preset_trains_once() -> None:
    """All seeds come to the same minimum; stated members are trained all the same."""
    assert len(cr.train(TABLE, preset="strong", hidden_sizes=(), **HOW).members) == 1
    assert len(cr.train(TABLE, preset="strong", hidden_sizes=(), members=2, **HOW).members) == 2


@pytest.mark.parametrize("members", [0, -1, 1001, 2.5, "8", True])
def test_impossible_numbers_of_members_are_refused(members: Any) -> None:
    """With what is possible."""
    with pytest.raises(cr.SettingsError, match=r"members=.*whole number from 1 to 1000"):
        cr.plan(TABLE, members=members, target="kind")


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ctrl-C was heard a moment ago: two of them soon after each other mean something else."""
    monkeypatch.setattr(interrupt, "_last", {})


class Stops:
    """A callback that interrupts, as Ctrl-C does, in an epoch of a training that is neither the first nor the last."""

    def __init__(self, training: int) -> None:
        self.training, self.seen = training, 0

    def on_epoch_end(self, control: Any) -> None:
        """Count the first epochs."""
        self.seen += control.epoch == 0
        if control.epoch == 0 and self.seen == self.training:
            signal.raise_signal(signal.SIGINT)


def test_the_finished_members_are_the_model_after_an_interruption(
    tmp_path: Path, kept: EnsembleRun, calm: None
) -> None:
    """Said and recorded; resuming trains the others, to the same bits as without."""
    with pytest.warns(cr.InterruptedWarning) as heard:
        run = cr.train(TABLE, members=3, directory=tmp_path / "run", callbacks=[Stops(3)], **HOW)
    assert any("2 of 3 members trained; the model is their mean" in str(one.message) for one in heard)
    assert len(run.members) == 2 and run.result["stopped"] == "interrupted"
    with pytest.warns(cr.InterruptedWarning, match="2 of 3 members"):
        loaded = cr.load(tmp_path / "run")
    assert loaded.predict_proba(TABLE).tobytes() == run.predict_proba(TABLE).tobytes()
    whole = cr.train(TABLE, members=3, directory=tmp_path / "run", resume=True, **HOW)
    assert whole.predict_proba(TABLE).tobytes() == kept.predict_proba(TABLE).tobytes()
    assert cr.load(tmp_path / "run").predict_proba(TABLE).tobytes() == kept.predict_proba(TABLE).tobytes()


def test_an_interrupted_first_member_is_the_model(tmp_path: Path, calm: None) -> None:
    """There is no other."""
    with pytest.warns(cr.InterruptedWarning) as heard:
        run = cr.train(TABLE, members=3, directory=tmp_path / "run", callbacks=[Stops(1)], **HOW)
    assert "1 of 3 members trained; the model is that one, as far as it came" in " ".join(str(w.message) for w in heard)
    assert len(run.members) == 1 and len(run.predict(TABLE)) == 600


def test_a_time_limit_is_for_all_members() -> None:
    """Time that is over with the first member leaves one."""
    with pytest.warns(cr.InterruptedWarning, match="of 3 members trained"):
        run = cr.train(TABLE, members=3, time_limit=1e-3, **HOW)
    assert len(run.members) == 1 and run.result["stopped"] == "time_limit"


def test_one_training_and_an_ensemble_do_not_go_on_as_each_other(tmp_path: Path, kept: EnsembleRun) -> None:
    """Either directory is refused by name for the other."""
    cr.train(TABLE, directory=tmp_path / "one", **HOW)
    with pytest.raises(cr.SettingsError, match="holds the run of one training, not an ensemble"):
        cr.train(TABLE, members=2, directory=tmp_path / "one", resume=True, **HOW)
    with pytest.raises(cr.SettingsError, match="holds an ensemble, not the run of one training"):
        cr.train(TABLE, directory=kept.directory, resume=True, **HOW)
    with pytest.raises(cr.SettingsError, match="holds a run already"):
        cr.train(TABLE, members=3, directory=kept.directory, **HOW)
    with pytest.raises(cr.SettingsError, match="ensemble of 3"):
        kept.extend(2)


def test_a_training_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    """A setting that only the first member refuses."""
    with pytest.raises(cr.SettingsError):
        cr.train(TABLE, members=2, directory=tmp_path / "run", on_divergence="maybe", **HOW)
    assert not (tmp_path / "run").exists()


def test_damaged_records_are_refused_by_name(tmp_path: Path) -> None:
    """Missing members, a model with fewer than the record counts, strange content."""
    folder = tmp_path / "run"
    cr.train(TABLE, members=2, directory=folder, **HOW)
    record = (folder / "ensemble.json").read_text()
    one = cr.train(TABLE, **HOW)
    one.save(tmp_path / "one.safetensors")
    good = (folder / "model.safetensors").read_bytes()
    shutil.copy(tmp_path / "one.safetensors", folder / "model.safetensors")
    with pytest.raises(cr.ModelFileError, match="holds 0 members; expected 2"):
        cr.load(folder)
    (folder / "model.safetensors").write_bytes(good)
    (folder / "ensemble.json").write_text(record.replace('"asked": 2', '"asked": "2"'))
    with pytest.raises(cr.ModelFileError, match=r"ensemble.json.*asked"):
        cr.load(folder)
    (folder / "ensemble.json").write_text(record)
    shutil.rmtree(folder / "members" / "1")
    with pytest.raises(cr.ModelFileError, match="members/1"):
        cr.load(folder)
    assert cr.load(folder / "model.safetensors").predict(TABLE).shape == (600,)
