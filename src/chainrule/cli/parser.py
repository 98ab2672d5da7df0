"""The parser: every hyper-parameter's option is generated from its declaration in training/settings.py."""

from __future__ import annotations

import argparse
import difflib
import importlib
from collections.abc import Sequence
from typing import Any, NoReturn

from chainrule.errors import SettingsError
from chainrule.training.settings import OPTIMIZER_SETTINGS, SETTINGS, Setting

DATA_HELP = "CSV or TSV with a header (also .gz, .zst), NPZ with X and y, or digits iris wine breast_cancer diabetes"
TRAIN_DEFAULTS: dict[str, Any] = {"epochs": 100, "early_stopping": 20, "learning_rate": 0.003, "l2": 0.001}
"""Where the command line differs from chainrule.train: it always has held-out rows and standardised columns."""
BY_RULE = {"learning_rate": "0.003 for adam, adamw, rmsprop; else 0.1 for sgd, 0.01 for adagrad"}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises SettingsError instead of printing its usage and leaving."""

    def error(self, message: str) -> NoReturn:
        """Wrong use, in one line."""
        raise SettingsError(f"{message} (see {self.prog} --help)")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As in argparse, but nothing may stay unknown; the nearest option is suggested."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            near = difflib.get_close_matches(unknown[0].split("=")[0], self._option_string_actions, n=1, cutoff=0.6)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.error(f"unknown argument {unknown[0]!r}{hint}")
        return options, unknown


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *given: Any) -> None:
        from chainrule.cli.version import version

        print(version())
        parser.exit()


def build() -> argparse.ArgumentParser:
    """The parser of all commands; each sets `run` to its function, loaded when called."""
    parser = Parser(
        prog="chainrule",
        description="Train feed-forward networks, and see every number of both passes.",
        formatter_class=_formatter(),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show version, engine and instruction set, and exit"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, summary, fill in (
        ("train", "train a network on a table", _train),
        ("predict", "predict the rows of a table", _predict),
        ("evaluate", "measure a run on a table", _evaluate),
        ("explain", "one step of a run, both passes in words and numbers", _explain),
        ("check", "prove the gradients and the replay of a run", _check),
        ("report", "write a run as one page that opens offline", _report),
        ("bench", "measure speed beside other libraries", _bench),
    ):
        command = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", formatter_class=_formatter(),
            allow_abbrev=False,
        )  # fmt: skip
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


def _add_all(command: argparse._ActionsContainer, rows: Sequence[tuple[str, str, str]]) -> None:
    for flag, metavar, words in rows:
        command.add_argument(flag, metavar=metavar, help=words)


def _train(command: argparse.ArgumentParser) -> None:
    command.usage = "chainrule train DATA [--target COLUMN] [-o RUN] [options]"
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument("--target", metavar="COLUMN", help="column to predict; a built-in set or NPZ has its own")
    command.add_argument(
        "-o", "--output-directory", metavar="RUN", help="folder to keep the run in (default runs/NAME-OF-DATA)"
    )
    _fill_rows(command.add_argument_group("rows and columns"))
    _fill_network(command.add_argument_group("network"))
    group = command.add_argument_group("training")
    for setting in {**SETTINGS, **OPTIMIZER_SETTINGS}.values():
        _add(group, setting)
    group.add_argument(
        "--engine", metavar="NAME", default="auto", help="who computes: auto, native or numpy (default auto)"
    )
    group.add_argument("--resume", action="store_true", help="continue the run in RUN; begin it where there is none")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.add_argument("--json", action="store_true", help="print one JSON object instead of tables")


def _fill_rows(group: argparse._ActionsContainer) -> None:
    _add_all(
        group,
        (
            ("--test", "DATA", "rows to measure the finished model on (a built-in set has its own)"),
            ("--valid", "DATA|SHARE", "rows to judge epochs by: a file, or a share to hold out (default 0.2)"),
            ("--task", "TASK", "what the target is: auto, classification or regression (default auto)"),
            ("--drop", "COLUMN,…", "columns to leave out"),
            ("--weight", "COLUMN", "column of row weights ≥ 0"),
            ("--metric", "NAME", "what judges an epoch: accuracy, rmse, loss, auc, log_loss, or a scikit-learn scorer"),
        ),
    )
    group.add_argument("--class-weight", choices=("balanced",), help="weigh classes against their frequency")
    group.set_defaults(task="auto", drop="", metric="auto")


def _fill_network(group: argparse._ActionsContainer) -> None:
    _add_all(
        group,
        (
            ("--network", "N,N,…", "units of each hidden layer (default 64,64); 0 for none"),
            ("--activation", "NAME,…", "activation of the hidden layers, one name or one for each (default relu)"),
            ("--normalization", "NAME,…", "layer or none, for all hidden layers or one for each (default none)"),
            ("--output", "NAME", "activation of the output (default softmax for classes, identity for values)"),
            ("--loss", "NAME", "loss (default cross_entropy for classes, squared_error for values)"),
            ("--initializer", "NAME", "rule for the first weights (default by activation)"),
            ("--dtype", "NAME", "float32 or float64 (default float32)"),
        ),
    )
    group.add_argument(
        "--residual", action="store_true", help="add the input of a hidden layer to its output where their sizes agree"
    )
    group.set_defaults(
        network="64,64", activation="relu", normalization="none", output="auto", loss="auto", initializer="auto",
        dtype="float32",
    )  # fmt: skip


def _add(group: Any, setting: Setting) -> None:
    """One option of a hyper-parameter. None stands for "not given"; ranges are checked by the setting itself."""
    flag = f"--{setting.name.replace('_', '-')}"
    words = setting.meaning.replace("%", "%%")
    if setting.kind is bool:
        told = f" (default {'yes' if setting.default else 'no'})"
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=words + told)
        return
    default = BY_RULE.get(setting.name, TRAIN_DEFAULTS.get(setting.name, setting.default))
    told = "" if default is None else f" (default {default})"
    group.add_argument(
        flag,
        default=None,
        metavar=setting.unit.upper() or {int: "N", float: "X", str: "NAME"}[setting.kind],
        help=f"{words}; {setting.expected().replace('%', '%%')}{told}",
    )


def _predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory or model file")
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument("-o", "--output-file", metavar="OUT.csv", required=True, help="file to write")


def _evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory or model file")
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument("--json", action="store_true", help="print one flat JSON object")


def _explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", nargs="?", help="run directory; not needed for --circuit NAME")
    command.add_argument("--step", type=int, metavar="T", help="step, from 0; negative from the end (default -1)")
    command.add_argument("--row", type=int, default=0, metavar="I", help="row of the batch, or of --data (default 0)")
    command.add_argument("--data", metavar="DATA", help="explain row I of this table with the trained network instead")
    command.add_argument("--language", choices=("en", "ko"), default="en", help="English or Korean (default en)")
    command.add_argument(
        "--notation", choices=("batch", "note", "nielsen"), default="batch", help="how equations are written"
    )
    _add_all(
        command,
        (
            ("--why", "NAME", "why one number of the step is what it is: 'dW2[3,7]', 'z1[0,4]', 'W1[2,5]', 'loss', …"),
            ("--only", "OP", "one pass (forward, loss, backward, update) or operation (input, layer1, delta2, dW2, …)"),
            ("--find", "WHAT", "first step with 'dead unit', 'non-finite' or 'loss doubles', instead of a step"),
        ),
    )
    command.add_argument(
        "--circuit",
        nargs="?",
        const="row",
        metavar="NAME",
        help="scalar gates: of row I of the step (small networks), or built-in: product, sigmoid, max, staged",
    )
    command.add_argument("--format", choices=("text", "mermaid", "json", "html"), default="text", help="what to write")
    command.add_argument("-o", "--output-file", metavar="FILE", help="write here instead of to stdout")


def _check(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory")
    command.add_argument("--language", choices=("en", "ko"), default="en", help="English or Korean (default en)")
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _report(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory")
    command.add_argument("-o", "--output-file", metavar="FILE", help="file to write (default RUN/report.html)")
    command.add_argument(
        "--size",
        type=float,
        default=7.0,
        metavar="MB",
        help="room for the steps shown; more room, more steps (default 7)",
    )


def _bench(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quick", action="store_true", help="a first look: few rounds of S and N on one thread")
    command.add_argument(
        "--parts", metavar="NAME,…", help="some of S N M L prediction loop footprint (default all, under 15 minutes)"
    )
    command.add_argument("--threads", metavar="N,…", help="numbers of threads (default 1,2 where there are two cores)")
    command.add_argument("-o", "--output-file", metavar="FILE.json", help="keep results; parts already there are kept")
    command.add_argument("--show", metavar="FILE.json", help="print kept results instead of measuring")
    command.add_argument("--markdown", action="store_true", help="print Markdown tables")
    command.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
