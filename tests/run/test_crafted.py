"""Files with valid checksums and wrong content: refused by name or passed over, never a traceback or ruined memory."""

from __future__ import annotations

import json
import random
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import DamagedFileWarning, ModelFileError
from chainrule.training.checkpoints import Checkpoint
from crafted import craft, nested, pack, unpack
from crafted_runs import QUICK, USES, make_runs, peak_bytes, reset_peak, scenes, used

SEEDS, PER_TEST = 240, 60
MEMORY_BYTES = 50 * 2**20
measured = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc to measure memory")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each kind."""
    folder = tmp_path_factory.mktemp("home")
    make_runs(folder)
    return folder


@pytest.fixture
def run_of(home: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a run of a kind."""
    return lambda kind: Path(shutil.copytree(home / kind, tmp_path / kind))


def altered_json(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the JSON of a file."""
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def altered_about(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the JSON of a safetensors file and sum it again."""
    arrays, about = unpack(path.read_bytes())
    change(about)
    path.write_bytes(pack(arrays, json.dumps(about).encode()))


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, list[str]]:
    """The exit code of a command and its lines on stderr."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    return code, capsys.readouterr().err.splitlines()


@measured
@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_every_crafted_file_is_refused_or_harmless(first: int, home: Path, tmp_path: Path) -> None:
    """No traceback at any door; memory stays by the file; the message names a path."""
    bases = sorted(path for path in home.iterdir() if path.is_dir())
    used("predict", Path(shutil.copytree(bases[1], tmp_path / "warm")), home / "data.csv")
    for seed in range(first, first + PER_TEST):
        rng = random.Random(f"use {seed}")
        base = rng.choice(bases)
        run = tmp_path / base.name
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(base, run)
        scenes(run, rng)
        what = craft(run, seed)
        size = max(path.stat().st_size for path in run.rglob("*") if path.is_file() and not path.is_symlink())
        slow = [name for name in USES if name not in QUICK]
        for name in (*QUICK, *([rng.choice(slow)] if seed % 3 == 0 else [])):
            before = reset_peak()
            became = used(name, run, home / "data.csv")
            if name in QUICK:
                assert peak_bytes() - before <= 2 * size + MEMORY_BYTES, (seed, what, name)
            assert became == "done" or "Error: " in became
            assert not became.startswith("ModelFileError") or str(run) in became, became


@measured
@pytest.mark.parametrize(
    "change",
    [
        lambda about: about["pipeline"]["columns"][0].update(edges={"empty": [0, 0, 40_000_000]}),
        lambda about: about["pipeline"]["columns"][0].update(knots={"empty": [2**31, 0]}),
        lambda about: about["architecture"].update(sizes=[1_000_000, 1_000_000], activations=["softmax"]),
        lambda about: about["architecture"].update(sizes=[10**7] * 50, activations=["relu"] * 48 + ["softmax"]),
        lambda about: about.update(pipeline=nested(400)),
        lambda about: about.update(seed=10**400),
    ],
    ids=["edges", "knots", "sizes", "many sizes", "nested", "seed"],
)
def test_no_number_in_a_file_asks_for_memory(change: Any, run_of: Callable[[str], Path]) -> None:
    """What a file says it holds is compared with what it holds before anything is made."""
    model = run_of("classes") / "model.safetensors"
    altered_about(model, change)
    before, began = reset_peak(), time.perf_counter()
    with pytest.raises(ModelFileError, match=r"model\.safetensors.*expected"):
        cr.load(model)
    assert peak_bytes() - before < MEMORY_BYTES
    assert time.perf_counter() - began < 60


@measured
def test_a_large_model_takes_twice_its_file(tmp_path: Path) -> None:
    """The file once, the parameters once."""
    cr.Network([3, 2, 1], output="identity", loss="squared_error")  # what is loaded once is not counted
    network = cr.Network([1000, 4000, 1], output="identity", loss="squared_error")
    from chainrule.run.model import write_model

    write_model(tmp_path / "m.safetensors", network.parameters, {"targets": "values", "pipeline": None, "seed": 0})
    size = (tmp_path / "m.safetensors").stat().st_size
    before = reset_peak()
    loaded = cr.load(tmp_path / "m.safetensors")
    assert peak_bytes() - before <= 2 * size + MEMORY_BYTES
    assert loaded.network.parameters.flat.tobytes() == network.parameters.flat.tobytes()


@pytest.mark.parametrize(
    "line", [b"[1]", b"{}", b"\xff", b'{"epoch": 77, "loss": 1}', b"[" * 5000, b'{"epoch":1,"epoch":1}']
)
def test_a_damaged_history_loses_only_itself(line: bytes, run_of: Any, home: Path, capsys: Any) -> None:
    """Every command goes on and says once which file is damaged; what stood before the damage is there."""
    run = run_of("classes")
    whole = cr.load(run)
    with open(run / "history.jsonl", "ab") as file:
        file.write(line + b"\n")
    with pytest.warns(DamagedFileWarning, match=r"history\.jsonl: line 7"):
        assert cr.load(run).history == whole.history
    data = home / "data.csv"
    others = [[name, run] for name in ("explain", "check", "doctor", "report")]
    for words in (["predict", run, data, "-o", run / "p.csv"], ["evaluate", run, data], *others):
        code, lines = said(capsys, *words)
        assert code in (0, 1)
        assert sum("history.jsonl" in line for line in lines) == 1


def test_a_plateau_is_not_replayed_without_its_history(run_of: Any) -> None:
    """The factors of the learning rate stand there: replay would be another training."""
    run = run_of("plateau")
    lines = (run / "history.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (run / "history.jsonl").write_text("".join(lines[:2]) + "{}\n" + "".join(lines[3:]), encoding="utf-8")
    with pytest.warns(DamagedFileWarning, match=r"history\.jsonl: line 3"):
        loaded = cr.load(run)
    assert len(loaded.history["loss"]) == 2
    with pytest.raises(ModelFileError, match=r"history\.jsonl"):
        loaded.replay(0)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("events.jsonl", {"step": 3, "kind": "set", "name": "speed", "value": 1}),
        ("events.jsonl", {"step": 3, "kind": "set", "name": "learning_rate", "value": "x"}),
        ("events.jsonl", {"step": 3, "kind": "set", "name": "beta1", "value": 0.5}),
        ("events.jsonl", {"step": 3, "kind": "set", "name": "momentum", "value": 0}),
        ("events.jsonl", {"step": -1, "kind": "edit"}),
        ("events.jsonl", {"step": 3, "kind": "leap"}),
    ],
)
def test_an_unknown_event_stops_replay_alone(name: str, line: Any, run_of: Any, home: Path, capsys: Any) -> None:
    """Prediction needs no events; a step that cannot be known is not shown; the report says why."""
    run = run_of("arrays")
    with open(run / name, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    with pytest.warns(DamagedFileWarning, match=name):
        loaded = cr.load(run)
    loaded.network.predict(np.zeros((1, 3)))
    with pytest.raises(ModelFileError, match=name):
        loaded.replay(3)
    with pytest.warns(DamagedFileWarning, match=name):
        page = loaded.report(run / "again.html")
    assert '"missing":{"why":"damaged"}' in page.read_text(encoding="utf-8")


def test_a_damaged_checkpoint_is_passed_over(run_of: Any) -> None:
    """An earlier one leads to the same bits; not over an edit of the weights, which only its checkpoint knows."""
    run = run_of("arrays")
    whole = cr.load(run)
    edit, last = next(event.step for event in whole.events if event.kind == "edit"), 5
    whole.replay(last - 1)
    theta, optimizer = whole._replayer.session(whole.kept_rows).session.store()
    whole.checkpoints.put(Checkpoint(step=last, theta=theta, optimizer=optimizer, best_theta=theta))
    assert cr.load(run).replay(last).backward.loss == whole.losses[last]
    altered_about(run / "checkpoints" / f"step-{last:08d}.safetensors", lambda about: about.update(step=last + 1))
    loaded = cr.load(run)
    with pytest.warns(DamagedFileWarning, match=f"step-{last:08d}"):
        again = loaded.replay(last).backward.loss
    assert again == whole.losses[last]
    (run / "checkpoints" / f"step-{edit:08d}.safetensors").write_bytes(b"")
    with pytest.raises(ModelFileError, match=f"step-{edit:08d}"):
        cr.load(run).replay(edit)


def test_other_files_beside_checkpoints_are_none(run_of: Any) -> None:
    """A copy, a foreign name, a folder and a broken link change nothing."""
    run = run_of("arrays")
    sizes = cr.load(run).checkpoints.sizes
    folder = run / "checkpoints"
    shutil.copy(folder / "step-00000000.safetensors", folder / "step-00000000 (copy).safetensors")
    shutil.copy(folder / "step-00000000.safetensors", folder / "step-3.safetensors")
    (folder / "step-00000999.safetensors").mkdir()
    (folder / "step-00000998.safetensors").symlink_to("nowhere")
    (run / "notes.txt").write_text("mine", encoding="utf-8")
    loaded = cr.load(run)
    assert loaded.checkpoints.sizes == sizes
    loaded.replay(-1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda record: record.update(result="x"), "result holds 'x'; expected an object"),
        (lambda record: record["result"].update(steps=10**12), "result.steps"),
        (lambda record: record.update(steps_per_epoch=99), "steps_per_epoch holds 99; expected"),
        (lambda record: record["settings"].update(batch_size=0), "batch_size"),
        (lambda record: record["settings"]["optimizer"].pop("learning_rate"), "learning_rate"),
        (lambda record: record["architecture"].update(activations="relu"), "architecture.activations"),
    ],
)
def test_a_wrong_record_is_refused_but_predicts(change: Any, named: str, run_of: Any, home: Path, capsys: Any) -> None:
    """The message names file, place, value and expectation; the model alone still predicts."""
    run = run_of("classes")
    whole = (run / "run.json").read_bytes()
    assert said(capsys, "predict", run, home / "data.csv", "-o", run / "a.csv")[0] == 0
    altered_json(run / "run.json", change)
    with pytest.raises(ModelFileError) as error:
        cr.load(run)
    assert str(error.value).startswith(f"{run / 'run.json'}: ")
    assert named in str(error.value)
    assert whole != (run / "run.json").read_bytes()
    code, lines = said(capsys, "predict", run, home / "data.csv", "-o", run / "b.csv")
    assert code == 0
    assert sum("run.json" in line for line in lines) == 1
    assert (run / "a.csv").read_bytes() == (run / "b.csv").read_bytes()


def test_damaged_rows_are_read_again(run_of: Any, capsys: Any) -> None:
    """The rows a run kept are damaged; where they came from they still are."""
    run = run_of("values")
    (run / "data.safetensors").write_bytes(b"")
    code, lines = said(capsys, "explain", run, "--step", "2")
    assert code == 0
    assert sum("data.safetensors" in line for line in lines) == 1


def test_lost_losses_leave_the_steps(run_of: Any, capsys: Any) -> None:
    """Without steps.safetensors steps are replayed; what is judged by the losses is refused."""
    run = run_of("classes")
    whole = cr.load(run)
    (run / "steps.safetensors").unlink()
    with pytest.warns(DamagedFileWarning, match=r"steps\.safetensors"):
        loaded = cr.load(run)
    assert loaded.n_steps == whole.n_steps
    assert loaded.replay(-1).backward.loss == whole.losses[-1]
    with pytest.raises(ModelFileError, match=r"steps\.safetensors"):
        loaded.find("non-finite")
    code, lines = said(capsys, "check", run)
    assert code == 2
    assert "steps.safetensors" in lines[-1]


def test_names_that_are_no_unicode(run_of: Any, tmp_path: Path, capfdbinary: Any) -> None:
    """A run in a folder whose name is no UTF-8 is loaded and reported."""
    run = run_of("arrays")
    odd = Path(str(tmp_path) + "/odd\udcff")
    try:
        run.rename(odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cr.load(odd).replay(0)
    assert main(["report", str(odd)]) == 0


@pytest.mark.parametrize("kind", ["classes", "values", "labels"])
def test_weights_that_are_no_numbers_are_evaluated(kind: str, run_of: Any, home: Path) -> None:
    """Their measures say so; nothing breaks off."""
    run = run_of(kind)
    arrays, about = unpack((run / "model.safetensors").read_bytes())
    arrays["W2"][:] = np.nan
    (run / "model.safetensors").write_bytes(pack(arrays, json.dumps(about).encode()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main(["evaluate", str(run), str(home / "data.csv")]) == 0
