"""The parser: every hyper-parameter's option is generated from its declaration in training/settings.py."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from chainrule._version import __version__
from chainrule.engine.select import ENGINES
from chainrule.training.settings import OPTIMIZER_SETTINGS, SETTINGS, Setting


def build() -> argparse.ArgumentParser:
    """The parser of all commands; each sets `run` to its function, loaded when called."""
    parser = argparse.ArgumentParser(
        prog="chainrule",
        description="Train feed-forward networks, and see every number of both passes.",
        formatter_class=_formatter(),
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"chainrule {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, summary, fill in (
        ("train", "train a network on a table", _train),
        ("predict", "predict the rows of a table", _predict),
        ("evaluate", "measure a run on a table", _evaluate),
        ("explain", "one step of a run, both passes in words and numbers", _explain),
        ("check", "prove the gradients and the replay of a run", _check),
    ):
        command = commands.add_parser(
            name, help=summary, description=summary, formatter_class=_formatter(), allow_abbrev=False
        )
        fill(command)
        command.set_defaults(run=_later(name))
    return parser


def _formatter() -> Any:
    try:
        from rich_argparse import RichHelpFormatter
    except ImportError:
        return argparse.HelpFormatter
    return RichHelpFormatter


def _later(name: str) -> Any:
    def run(options: argparse.Namespace) -> int:
        return int(importlib.import_module(f"chainrule.cli.{name}").run(options))

    return run


DATA_HELP = "CSV or TSV with a header (also .gz, .zst), NPZ with X and y, or digits iris wine breast_cancer diabetes"


def _train(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument("--target", metavar="COLUMN", help="column to predict (CSV)")
    command.add_argument("-o", "--output-directory", metavar="RUN", help="folder to keep the run in")
    command.add_argument("--test", metavar="DATA", help="rows to measure the result on")
    command.add_argument("--valid", metavar="DATA|SHARE", help="rows to judge epochs by, a file or a share (default 0.2)")
    command.add_argument("--task", choices=("auto", "classification", "regression"), default="auto", help="what y means")
    command.add_argument("--drop", metavar="COLUMN,…", default="", help="columns to leave out")
    command.add_argument("--weight", metavar="COLUMN", help="column of sample weights")
    command.add_argument("--network", metavar="N,N,…", help="sizes of the hidden layers (default 64,64; 0 for none)")
    command.add_argument("--activation", default="relu", help="activation of the hidden layers (default relu)")
    command.add_argument("--output", default="auto", help="activation of the output (default by task)")
    command.add_argument("--loss", default="auto", help="loss (default by task)")
    command.add_argument("--initializer", default="auto", help="rule for the first weights (default by activation)")
    command.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="precision")
    command.add_argument("--metric", default="auto", help="what judges an epoch: accuracy, rmse, loss, or a scorer's name")
    command.add_argument("--class-weight", choices=("balanced",), help="weigh classes against their frequency")
    command.add_argument("--engine", choices=ENGINES, default="auto", help="who computes")
    command.add_argument("--resume", action="store_true", help="continue the run in RUN; start it where there is none")
    command.add_argument("--quiet", action="store_true", help="no progress, no tables")
    command.add_argument("--json", action="store_true", help="one JSON object on stdout")
    group = command.add_argument_group("hyper-parameters")
    for setting in {**SETTINGS, **OPTIMIZER_SETTINGS}.values():
        _add(group, setting)


def _add(group: Any, setting: Setting) -> None:
    """One option of a hyper-parameter. None stands for "not given"; ranges are checked by the setting itself."""
    flag = f"--{setting.name.replace('_', '-')}"
    words = setting.meaning.replace("%", "%%")
    if setting.kind is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=words)
        return
    default = TRAIN_DEFAULTS.get(setting.name, setting.default)
    told = "" if default is None else f" (default {default})"
    group.add_argument(
        flag,
        default=None,
        metavar=setting.unit.upper() or {int: "N", float: "X", str: "NAME"}[setting.kind],
        help=f"{words}; {setting.expected().replace('%', '%%')}{told}",
    )


TRAIN_DEFAULTS: dict[str, Any] = {"epochs": 100, "early_stopping": 20, "learning_rate": 0.003}
"""Where the command line differs from chainrule.train: it always has held-out rows, so it trains until they say stop."""


def _predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory or model file")
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument("-o", "--output-file", metavar="OUT.csv", required=True, help="file to write, one row for each")


def _evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory or model file")
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument("--json", action="store_true", help="one flat JSON object on stdout")


def _explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory")
    command.add_argument("--step", type=int, metavar="T", help="step, from 0; negative from the end (default -1)")
    command.add_argument("--row", type=int, default=0, metavar="I", help="row of the batch, or of --data (default 0)")
    command.add_argument("--data", metavar="DATA", help="explain row I of this table with the trained network instead")
    command.add_argument("--language", choices=("en", "ko"), default="en", help="English or Korean")
    command.add_argument("--notation", choices=("batch", "note", "nielsen"), default="batch", help="how equations are written")
    command.add_argument("--format", choices=("text", "mermaid", "json"), default="text", help="what to write")
    command.add_argument("-o", "--output-file", metavar="FILE", help="write here instead of to stdout")


def _check(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory")
    command.add_argument("--language", choices=("en", "ko"), default="en", help="English or Korean")
    command.add_argument("--json", action="store_true", help="one JSON object on stdout")
