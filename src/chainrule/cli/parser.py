"""The parser: every hyper-parameter's option is generated from its declaration in training/settings.py."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from typing import Any, NoReturn

from chainrule.cli import train_parser
from chainrule.cli.train_parser import DATA_HELP
from chainrule.errors import SettingsError
from chainrule.visible import drawing

PATHS = ("DATA", "RUN", "FILE", "FOLDER", "OUT")
"""How the placeholders of arguments begin that are paths."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises SettingsError instead of printing its usage and leaving."""

    def error(self, message: str) -> NoReturn:
        """Wrong use, in one line."""
        if message.startswith("argument --") and message.endswith("expected one argument"):
            option = message.split()[1].rstrip(":").split("/")[-1]
            message += f"; a value that begins with - is written {option}=VALUE"
        raise SettingsError(f"{message} (see {self.prog} --help)")

    def _print_message(self, message: str, file: Any = None) -> None:
        drawing(file or sys.stderr).write(message)  # help, which may be coloured

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As in argparse, but nothing may stay unknown; the nearest option is suggested."""
        options, unknown = super().parse_known_args(args, namespace)
        self._refuse_empty_paths(options)
        if not unknown and "--config" in self._option_string_actions and options.config is not None:
            from chainrule.cli.config import read_config

            first, data = read_config(options.config, self._option_string_actions)
            options, unknown = super().parse_known_args([*first, *args], namespace)
            options.data = options.data or data
            self._refuse_empty_paths(options)
        if unknown:
            near = difflib.get_close_matches(unknown[0].split("=")[0], self._option_string_actions, n=1, cutoff=0.6)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.error(f"unknown argument {unknown[0]!r}{hint}")
        return options, unknown

    def _refuse_empty_paths(self, options: argparse.Namespace) -> None:
        """SettingsError for "" where a file or folder is expected: it would mean the current folder."""
        for action in self._actions:
            if isinstance(action.metavar, str) and action.metavar.startswith(PATHS):
                name = action.option_strings[-1] if action.option_strings else action.metavar
                if getattr(options, action.dest, None) == "":
                    self.error(f"{name}='': must name a file or folder (got '')")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *given: Any) -> None:
        from chainrule.cli.version import version

        print(version())
        parser.exit()


def build() -> argparse.ArgumentParser:
    """The parser of all commands; each sets `run` to its function, loaded when called."""
    parser = Parser(
        prog="chainrule",
        description="Train feed-forward networks and inspect every number of both passes.",
        formatter_class=_formatter(),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show version, engine and instruction set, and exit"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, summary, fill in (
        ("train", "train a network on a table", train_parser.fill),
        ("predict", "predict the rows of a table", _predict),
        ("evaluate", "evaluate a run on a table", _evaluate),
        ("explain", "explain one step of a run, both passes in words and numbers", _explain),
        ("check", "check the gradients and the replay of a run", _check_all),
        ("learning-rate", "find which learning rate is too large, too small and right, and why", _learning_rate),
        ("doctor", "find what went wrong first in a run, and the remedy", _doctor),
        ("report", "write a run as a single offline page", _report),
        ("card", "write a model card: what a model is, how good, and where it ends", _card),
        ("studio", "watch, pause, step back and question a run on a local page", train_parser.fill_studio),
        ("serve", "answer predictions over HTTP", _serve),
        ("export", "write a model for another program", _export),
        ("bench", "measure speed compared with other libraries", _bench),
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
        return int(importlib.import_module(f"chainrule.cli.{name.replace('-', '_')}").run(options))

    return run


def _member(command: argparse.ArgumentParser) -> None:
    """Which training of an ensemble is meant."""
    command.add_argument("--member", type=int, metavar="K", help="of an ensemble the member K, from 0")


def _dialect(command: argparse.ArgumentParser) -> None:
    """Options for the format of text files, to override detection."""
    train_parser.add_dialect(command.add_argument_group("text files"))


def _predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory or model file")
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    command.add_argument("-o", "--output-file", metavar="OUT.csv", required=True, help="file to write")
    train_parser.add_all(
        command, (("--keep", "COLUMN,…", "columns of DATA to write before the predictions, such as ids"),)
    )
    _dialect(command)


def _evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory or model file")
    command.add_argument("data", metavar="DATA", help=DATA_HELP)
    weights = command.add_mutually_exclusive_group()
    weights.add_argument(
        "--weight", metavar="COLUMN", help="column of row weights ≥ 0 (default that of training, where DATA has it)"
    )
    weights.add_argument("--no-weight", action="store_true", help="count each row once")
    command.add_argument("--json", action="store_true", help="print one flat JSON object")
    _dialect(command)


def _explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", nargs="?", help="run directory; not needed for --circuit NAME")
    _member(command)
    command.add_argument("--step", type=int, metavar="T", help="step, from 0; negative from the end (default -1)")
    command.add_argument("--row", type=int, default=0, metavar="I", help="row of the batch, or of --data (default 0)")
    command.add_argument("--data", metavar="DATA", help="explain row I of this table with the trained network instead")
    command.add_argument(
        "--global",
        action="store_true",
        dest="whole",
        help="how much each column is worth: permutation importance over the rows of --data, or those held out",
    )
    command.add_argument("--language", choices=("en", "ko"), default="en", help="English or Korean (default en)")
    command.add_argument(
        "--notation", choices=("batch", "note", "nielsen"), default="batch", help="notation of the equations"
    )
    train_parser.add_all(
        command,
        (
            ("--why", "NAME", "where one number of the step comes from: 'dW2[3,7]', 'z1[0,4]', 'W1[2,5]', 'loss', …"),
            ("--only", "OP", "one pass (forward, loss, backward, update) or operation (input, layer1, delta2, dW2, …)"),
            (
                "--find",
                "WHAT",
                "first step with 'dead unit', 'saturated unit', 'non-finite' or 'loss doubles', instead of --step",
            ),
        ),
    )
    command.add_argument(
        "--circuit",
        nargs="?",
        const="row",
        metavar="NAME",
        help="scalar gates of row I of the step (small networks), or built-in: product, sigmoid, max, staged",
    )
    command.add_argument("--thorough", action="store_true", help=f"with --find, look at every step {THOROUGH}")
    command.add_argument(
        "--format", choices=("text", "svg", "mermaid", "json", "html"), default="text", help="output format"
    )
    command.add_argument("-o", "--output-file", metavar="FILE", help="write to this file instead of stdout")


def _check(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory")
    _member(command)
    command.add_argument("--language", choices=("en", "ko"), default="en", help="English or Korean (default en)")
    command.add_argument("--json", action="store_true", help="print one JSON object")


THOROUGH = "(default: an answer within a tenth of the training's time or 5 s, sampled where all takes longer)"


def _check_all(command: argparse.ArgumentParser) -> None:
    _check(command)
    help_text = f"compare more entries and replay longer stretches {THOROUGH}"
    command.add_argument("--thorough", action="store_true", help=help_text)


def _doctor(command: argparse.ArgumentParser) -> None:
    _check(command)
    command.add_argument(
        "--thorough", action="store_true",
        help="trials as long as they tell anything (default: an answer within a tenth of the training's time or 5 s)",
    )  # fmt: skip


def _learning_rate(command: argparse.ArgumentParser) -> None:
    train_parser.fill_learning_rate(command)
    command.add_argument("--thorough", action="store_true", help=f"measure in full {THOROUGH}")


def _report(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory")
    _member(command)
    command.add_argument("-o", "--output-file", metavar="FILE", help="file to write (default RUN/report.html)")
    command.add_argument(
        "--size",
        type=float,
        default=7.0,
        metavar="MB",
        help="size limit for the steps shown; a larger limit shows more steps (default 7)",
    )
    command.add_argument(
        "--learning-rate", action="store_true",
        help="analyse which learning rate was too large, too small and right for this training, and show it",
    )  # fmt: skip
    help_text = f"with --learning-rate, measure in full {THOROUGH}"
    command.add_argument("--thorough", action="store_true", help=help_text)


def _card(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory")
    command.add_argument("--data", metavar="DATA", help="measure on these rows instead of those that training held out")
    command.add_argument("--language", choices=("en", "ko"), default="en", help="English or Korean (default en)")
    command.add_argument("-o", "--output-file", metavar="FILE", help="write to this file instead of stdout")


def _serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory or model file")
    command.add_argument("--port", type=int, default=8000, metavar="N", help="port, 0 for a free one (default 8000)")
    command.add_argument(
        "--host", default="127.0.0.1", metavar="H",
        help="address to listen on (default 127.0.0.1, this machine alone); any other needs the token",
    )  # fmt: skip
    train_parser.add_all(
        command,
        (
            ("--token-file", "FILE", "file with the token that requests must send; otherwise one is made and shown"),
            ("--certfile", "FILE", "certificate for TLS, with --keyfile"),
            ("--keyfile", "FILE", "private key for TLS"),
        ),
    )
    command.add_argument("--workers", default="1", metavar="N", help="processes, auto for one a core (default 1)")


def _export(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_directory", metavar="RUN", help="run directory or model file")
    command.add_argument(
        "--to", choices=("c", "onnx", "torch"), required=True,
        help="c: C99 without dependencies; onnx: one file, both with the whole pipeline; torch: a PyTorch module",
    )  # fmt: skip
    command.add_argument(
        "-o", "--output-file", metavar="FILE", required=True,
        help="file to write: NAME.c, with NAME.h beside it; NAME.onnx; or NAME.py, with NAME.safetensors beside it",
    )  # fmt: skip
    command.add_argument(
        "--data", metavar="DATA", help="rows to compare the ONNX file's predictions on (default held out)"
    )
    command.add_argument("--network-only", action="store_true", help="with --to onnx: the network without its pipeline")


def _bench(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quick", action="store_true", help="a quick run: few rounds of S and N on one thread")
    command.add_argument("--parts", metavar="NAME,…", help="from S N M L prediction loop footprint (default all)")
    command.add_argument("--threads", metavar="N,…", help="numbers of threads (default 1,2 if there are two cores)")
    command.add_argument("-o", "--output-file", metavar="FILE.json", help="save results; existing parts are kept")
    command.add_argument("--show", metavar="FILE.json", help="print saved results instead of measuring")
    command.add_argument("--markdown", action="store_true", help="print Markdown tables")
    command.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
