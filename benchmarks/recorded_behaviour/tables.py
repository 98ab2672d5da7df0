"""One data set through every command of the command line, in text and JSON, in English and Korean."""

from __future__ import annotations

import json
import re
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from recorded_behaviour.outputs import Outputs

SUBJECTS: dict[str, tuple[str, list[str], list[list[str]]]] = {
    "iris": ("iris", [], [
        ["--network", "8,8", "--activation", "tanh", "--normalization", "layer", "--residual", "--optimizer", "sgd",
         "--momentum", "0.9", "--nesterov", "--dropout", "0.1", "--epochs", "5", "--schedule", "cosine"],
        ["--preset", "plain", "--network", "6", "--learning-rate", "3000", "--optimizer", "sgd", "--epochs", "20"],
    ]),
    "diabetes": ("diabetes", [], [
        ["--preset", "plain", "--network", "12,7", "--activation", "relu,gelu", "--loss", "huber", "--optimizer",
         "rmsprop", "--epochs", "6", "--l1", "0.001", "--clip-norm", "1", "--dtype", "float64"],
        ["--preset", "plain", "--learning-rate", "auto", "--epochs", "5", "--loss", "quantile:0.9"],
    ]),
    "titanic": ("titanic.csv.gz", ["--target", "survived"], [
        ["--preset", "plain", "--network", "16", "--activation", "sigmoid", "--optimizer", "adagrad", "--epochs", "4",
         "--task", "classification", "--class-weight", "balanced", "--weight", "fare", "--drop", "name,ticket"],
        ["--preset", "plain", "--network", "10,10", "--optimizer", "sgd", "--learning-rate", "2", "--epochs", "8"],
    ]),
    "gender": ("customer_gender_kr.csv.gz", ["--target", "성별", "--drop", "회원ID"], [
        ["--preset", "strong", "--network", "24", "--epochs", "3", "--bins", "0", "--batch-size", "100"],
        ["--preset", "plain", "--engine", "numpy", "--network", "5", "--optimizer", "adamw", "--epochs", "2",
         "--schedule", "one_cycle", "--warm-up", "0.2", "--dtype", "float64"],
    ]),
}  # fmt: skip
"""Name, data, options of every training, and the options of each training besides the one without any."""
EVENTS = ("dead unit", "saturated unit", "non-finite", "loss doubles")
NUMBERS = ("z1[0,1]", "a1[0,2]", "u1[0,1]", "delta1[0,1]", "da1[0,1]", "dW1[0,1]", "db1[2]", "W1[0,1]", "b1[1]",
           "dgain1[0]", "gain1[1]", "z2[0,0]", "delta2[0,0]", "dW2[1,0]", "W2[1,0]", "db2[0]", "loss")  # fmt: skip


def present(part: str, folder: Path) -> bool:
    """Whether the data of a part are there."""
    data = SUBJECTS[part][0] if part in SUBJECTS else ""
    return "." not in data or (folder / data).exists()


def record(outputs: Outputs, folder: Path) -> None:
    """Every training of a data set, and everything that is asked of it."""
    name, target, trainings = SUBJECTS[outputs.part]
    data = str(folder / name) if "." in name else name
    outputs.hide(folder, "tables")
    with tempfile.TemporaryDirectory() as temporary:
        outputs.hide(temporary, "runs")
        for k, options in enumerate([[], *trainings]):
            run = f"{temporary}/{k}"
            training = ["train", data, *target, *options]
            outputs.command(*training, "-o", run, name=f"{k} train")
            outputs.command(*training, "-o", f"{temporary}/again{k}", "--json", name=f"{k} train json")
            _files(outputs, Path(run), str(k))
            _measures(outputs, run, data, temporary, str(k))
            _explanations(outputs, run, data, str(k))
            _page(outputs, run, temporary, str(k))
        for language in ("en", "ko"):
            rate = ["learning-rate", data, *target, "--preset", "plain", "--epochs", "5", "--language", language]
            drawn = f"{temporary}/rate-{language}.svg"
            outputs.command(*rate, "-o", drawn, name=f"learning-rate {language}")
            outputs.write(f"learning-rate {language} svg", Path(drawn).read_text(encoding="utf-8"))
            outputs.command(*rate, "--json", name=f"learning-rate {language} json")
        for command in ("train", "explain", "evaluate", "check", "learning-rate", "doctor", "report", "predict"):
            outputs.command(command, "--help", name=f"help {command}")


def _files(outputs: Outputs, run: Path, k: str) -> None:
    """What a run leaves behind: names of files, run.json, history, events."""
    outputs.write(f"{k} files", sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()))
    if (run / "run.json").exists():
        outputs.write(f"{k} run.json", json.loads((run / "run.json").read_text(encoding="utf-8")))
    for name in ("history.jsonl", "events.jsonl"):
        if (run / name).exists():
            lines = (run / name).read_text(encoding="utf-8").splitlines()
            outputs.write(f"{k} {name}", [json.loads(line) for line in lines])


def _measures(outputs: Outputs, run: str, data: str, temporary: str, k: str) -> None:
    """evaluate, predict, check, doctor."""
    outputs.command("evaluate", run, data, name=f"{k} evaluate")
    outputs.command("evaluate", run, data, "--json", name=f"{k} evaluate json")
    outputs.command("predict", run, data, "-o", f"{temporary}/{k}.csv", name=f"{k} predict")
    predicted = Path(temporary, f"{k}.csv")
    if predicted.exists():
        text = predicted.read_text(encoding="utf-8")
        outputs.write(f"{k} predictions", f"{sha256(text.encode()).hexdigest()}\n{text[:2000]}")
    for command in ("check", "doctor"):
        for language in ("en", "ko"):
            outputs.command(command, run, "--language", language, name=f"{k} {command} {language}")
        outputs.command(command, run, "--json", name=f"{k} {command} json")


def _explanations(outputs: Outputs, run: str, data: str, k: str) -> None:
    """explain of steps, rows of the table, single numbers, searches and circuits."""
    for language in ("en", "ko"):
        spoken = ["explain", run, "--language", language]
        for step, row, notation in (("0", "0", "batch"), ("-1", "2", "note"), ("3", "1", "nielsen")):
            place = ["--step", step, "--row", row, "--notation", notation]
            for form in ("text", "html"):
                asked = [*spoken, *place, "--format", form]
                outputs.command(*asked, name=f"{k} explain {language} {step} {notation} {form}")
        for part in ("forward", "loss", "backward", "update", "layer1", "delta1", "dW1"):
            outputs.command(*spoken, "--step", "1", "--only", part, name=f"{k} explain {language} only {part}")
        outputs.command(*spoken, "--data", data, "--row", "5", name=f"{k} explain {language} data")
        for number in NUMBERS:
            outputs.command(*spoken, "--step", "2", "--why", number, name=f"{k} why {language} {number}")
        for what in EVENTS:
            outputs.command(*spoken, "--find", what, name=f"{k} find {language} {what}")
        outputs.command(*spoken, "--circuit", "--step", "0", name=f"{k} circuit {language}")
    for form in ("mermaid", "json"):
        outputs.command("explain", run, "--step", "1", "--format", form, name=f"{k} explain {form}")
        for number in NUMBERS:
            asked = ["explain", run, "--step", "2", "--why", number, "--format", form]
            outputs.command(*asked, name=f"{k} why {form} {number}")
        outputs.command("explain", run, "--circuit", "--step", "0", "--format", form, name=f"{k} circuit {form}")
    outputs.command("explain", run, "--data", data, "--row", "5", "--format", "json", name=f"{k} explain data json")
    for what in EVENTS:
        outputs.command("explain", run, "--find", what, "--format", "json", name=f"{k} find json {what}")


def _page(outputs: Outputs, run: str, temporary: str, k: str) -> None:
    """The data inside the report, made when asked for: the one at the end of a training depends on the clock."""
    page = Path(temporary, f"{k}.html")
    outputs.command("report", run, "-o", str(page), name=f"{k} report")
    if not page.exists():
        return
    parts: dict[str, Any] = dict(
        re.findall(r'<script type="[\w/]+" id="(\w+)">(.*?)</script>', page.read_text("utf-8"))
    )
    numbers = sha256(parts["numbers"].encode()).hexdigest()
    outputs.write(f"{k} report data", {"data": json.loads(parts["data"]), "numbers": numbers})
