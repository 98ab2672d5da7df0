"""The options of `chainrule train`: hyper-parameters follow from their declarations in training/settings.py.

Nothing has a default here: what is not given, on the command line or in --config, is taken from the preset.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.distributed.world import WORKERS
from chainrule.planning.request import AUTO, BY_PRESET
from chainrule.training.settings import OPTIMIZER_SETTINGS, SETTINGS, Setting

DATA_HELP = (
    "CSV or TSV with a header (also .gz, .zst), Parquet file or folder, Arrow, NPZ with X and y, or digits iris wine "
    "breast_cancer diabetes"
)


def fill(command: argparse.ArgumentParser) -> None:
    """All options of train."""
    command.usage = "chainrule train DATA --target COLUMN [-o RUN] [options]"
    _fill_subject(command)
    command.add_argument(
        "-o", "--output-directory", metavar="RUN", help="folder for the run (default runs/NAME-OF-DATA)"
    )
    group = _fill_all(command, {**SETTINGS, **OPTIMIZER_SETTINGS})
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in RUN, with more --epochs a finished one too, or start it if there is none",
    )
    group.add_argument(
        "--workers", metavar="N", help=f"{WORKERS.meaning}; {WORKERS.expected()}, or auto for as many as are faster"
    )
    group.add_argument(
        "--hosts", metavar="HOST:N,…",
        help="machines and how many workers each takes, such as a:8,b:8, started through ssh (docs/scale-out.md)",
    )  # fmt: skip
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.add_argument("--json", action="store_true", help="print one JSON object instead of tables")


def fill_studio(command: argparse.ArgumentParser) -> None:
    """The options of studio: those of train, for a table in place of a run, and those of its server."""
    command.usage = "chainrule studio [RUN | FOLDER | DATA --target COLUMN] [options]"
    _fill_subject(command, "run directory, folder of runs (default this one), or a table to train on: " + DATA_HELP)
    command.add_argument("--port", type=int, default=0, metavar="N", help="port on 127.0.0.1 (default a free one)")
    command.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    command.add_argument("--paused", action="store_true", help="wait before the first step of the training")
    command.add_argument(
        "-o", "--output-directory", metavar="RUN", help="folder for the run (default runs/NAME-OF-DATA)"
    )
    _fill_all(command, {**SETTINGS, **OPTIMIZER_SETTINGS})
    command.set_defaults(preset="plain", resume=False)


def fill_learning_rate(command: argparse.ArgumentParser) -> None:
    """The options of learning-rate: those of train, but for the learning rate itself and what a run leaves behind."""
    command.usage = "chainrule learning-rate DATA --target COLUMN [-o FILE.svg] [options]"
    _fill_subject(command)
    command.add_argument("-o", "--output-file", metavar="FILE.svg", help="save the plot to this file")
    command.add_argument("--language", choices=("en", "ko"), default="en", help="English or Korean (default en)")
    _fill_all(command, {name: s for name, s in {**SETTINGS, **OPTIMIZER_SETTINGS}.items() if name != "learning_rate"})
    command.set_defaults(learning_rate=AUTO)
    command.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def _fill_subject(command: argparse.ArgumentParser, what: str = DATA_HELP) -> None:
    """The rows and what to predict."""
    command.add_argument("data", metavar="DATA", nargs="?", help=what)
    command.add_argument(
        "--target",
        metavar="COLUMN,…",
        action=Listed,
        help="column or columns to predict; a built-in set or NPZ has its own",
    )


def _fill_all(command: argparse.ArgumentParser, settings: Mapping[str, Setting]) -> argparse._ArgumentGroup:
    """Preset, rows, network and these settings; the group of the settings."""
    command.add_argument("--config", metavar="FILE.toml", help="options by name; the command line takes precedence")
    command.add_argument(
        "--preset", metavar="NAME", default="auto",
        help="defaults for everything not given: auto, fast (one network, no trials), plain, strong, an ensemble of 8, "
        "or tabm-mini or realmlp by their papers (default auto)",
    )  # fmt: skip
    command.add_argument(
        "--members", metavar="K", help="trainings to average to one model, an ensemble (default by preset)"
    )
    _fill_rows(command.add_argument_group("rows and columns"))
    add_dialect(command.add_argument_group("text files"))
    _fill_network(command.add_argument_group("network"))
    group = command.add_argument_group("training")
    for setting in settings.values():
        _add(group, setting)
    group.add_argument("--engine", metavar="NAME", default="auto", help="engine: auto, native or numpy (default auto)")
    return group


def add_all(command: argparse._ActionsContainer, rows: Sequence[tuple[str, str, str]]) -> None:
    """An option for each flag, name of its value, and meaning; a list of columns or cells may be given in parts."""
    for flag, metavar, words in rows:
        more: dict[str, Any] = (
            {"action": Listed} if metavar.startswith(("COLUMN", "CELL")) and metavar.endswith(",…") else {}
        )
        command.add_argument(flag, metavar=metavar, help=words, **more)


class Listed(argparse.Action):
    """A list with commas; given again, it goes on."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        """Put what is given behind what was given before on the same command line."""
        before = vars(namespace).setdefault("_lists", {}).get(self.dest)
        namespace._lists[self.dest] = joined = values if before is None else f"{before},{values}"
        setattr(namespace, self.dest, joined)


def _fill_rows(group: argparse._ActionsContainer) -> None:
    add_all(
        group,
        (
            ("--test", "DATA", "rows to evaluate the final model on (a built-in set has its own)"),
            ("--valid", "DATA|SHARE", "validation rows: a file, or a share to hold out (default 0.2)"),
            ("--valid-by", "COLUMN", "hold out whole groups of this column, such as persons"),
            ("--valid-after", "[COLUMN=]DATE", "hold out the rows that are later (of a column of numbers: above)"),
            ("--task", "TASK", "task: auto, classification or regression (default auto)"),
            ("--drop", "COLUMN,…", "columns to leave out"),
            (
                "--kind",
                "COLUMN=KIND,…",
                "kinds of columns: number, number:comma, boolean, category, time, time:dmy, time:mdy …",
            ),
            ("--order", "COLUMN=A<B<C,…", "ordered categories, from lowest to highest"),
            ("--cache", "FOLDER", "train from a cache in this folder, created if necessary"),
            ("--cache-above", "MB", "files with more numbers than this are trained from a cache (default 512)"),
            ("--weight", "COLUMN", "column of row weights ≥ 0; a row of weight 2 counts as two rows"),
            ("--metric", "NAME", "metric of an epoch: accuracy, rmse, loss, auc, log_loss, or a scikit-learn scorer"),
            ("--scaling", "NAME", "scaling of numbers: robust, quantile or standard (default by preset)"),
            ("--bins", "N", "inputs that encode a number in bins, 0 for none (default by preset)"),
        ),
    )
    group.add_argument("--positive", metavar="CLASS", help="which of two classes f1 refers to (default: the rarer)")
    group.add_argument(
        "--class-weight", metavar="CLASS=W,…",
        help="weights of classes, such as yes=3; of several targets TARGET:CLASS=W,…; or balanced, inversely to their "
        "frequency",
    )  # fmt: skip
    group.add_argument(
        "--neighbours", action=argparse.BooleanOptionalAction, default=True,
        help="allow or forbid inputs that tell what the nearest training rows say; the model then stores such rows",
    )  # fmt: skip
    group.add_argument(
        "--screening", action=argparse.BooleanOptionalAction, default=True,
        help="allow or forbid that columns which tell nothing of the target are left out of many",
    )  # fmt: skip
    group.set_defaults(task="auto", drop="", metric="auto")


def add_dialect(group: argparse._ActionsContainer) -> None:
    """How a text file is written; what is not given is detected."""
    add_all(
        group,
        (
            (
                "--delimiter",
                "CHAR",
                "delimiter of cells: a character, tab, or blanks for runs of spaces (default: detected)",
            ),
            ("--quote", "CHAR", "quote around cells (default: detected)"),
            ("--decimal", "CHAR", "decimal mark of numbers, . or , (default: detected)"),
            ("--thousands", "CHAR", "thousands separator: , . ' or a space (default: detected)"),
            ("--encoding", "NAME", "utf-8, utf-16, cp949, latin-1 … (default: detected)"),
            ("--skip", "N", "lines above the header (default: empty lines, comments, sep=;)"),
            ("--comment", "CHAR", "start of lines that are comments (default: # above the header)"),
            ("--sheet", "NAME", "sheet of a workbook (default: the only one with cells)"),
            ("--dates", "ORDER", "dmy, mdy or ymd, if the dates of a column fit several (an error otherwise)"),
            (
                "--missing",
                "CELL,…",
                "cells that denote a missing value (default NA, ? and others; +CELL,… adds to the default)",
            ),
        ),
    )
    group.add_argument(
        "--header", action=argparse.BooleanOptionalAction, default=None,
        help="whether the first line holds the names of the columns; without, they are column_1, column_2, …",
    )  # fmt: skip


def _fill_network(group: argparse._ActionsContainer) -> None:
    add_all(
        group,
        (
            ("--network", "N,N,…", "units of the hidden layers; 0 for none (default by preset)"),
            ("--activation", "NAME,…", "activation of hidden layers, one name or one per layer (default by preset)"),
            ("--normalization", "NAME,…", "layer or none, for all hidden layers or per layer (default none)"),
            ("--output", "NAME", "activation of the output (default by task)"),
            (
                "--loss",
                "NAME",
                "loss, such as focal:2, huber, gaussian or quantile:0.9 (default cross_entropy for classification, "
                "squared_error for regression)",
            ),
            ("--intervals", "Q,…", "levels to predict beside a number, such as 0.1,0.9 (columns lower_0.1, upper_0.9)"),
            ("--target-scale", "NAME", "linear, log or auto: learn a number itself or its logarithm (default linear)"),
            (
                "--embedding",
                "NAME",
                "embedding of inputs that are numbers: pbld, plr or piecewise_linear",
            ),
            ("--side-by-side", "K", "networks in one program that share the hidden layers, averaged (TabM-mini)"),
            ("--initializer", "NAME", "initializer of the weights (default by activation)"),
            ("--dtype", "NAME", "float32 or float64 (default float32; below 500 rows float64)"),
        ),
    )
    group.add_argument(
        "--residual", action="store_true", help="add the input of a hidden layer to its output if the sizes agree"
    )
    group.add_argument(
        "--parametric", action="store_true", help="learn for each unit how far its activation is from the identity"
    )
    group.add_argument("--input-scale", action="store_true", help="learn a factor for every input")
    group.set_defaults(
        normalization="none", output="auto", loss="auto", initializer="auto", dtype=None, target_scale="linear"
    )


def _add(group: Any, setting: Setting) -> None:
    """One option of a hyper-parameter. None means "not given"; ranges are checked by the setting itself."""
    flag = f"--{setting.name.replace('_', '-')}"
    words = setting.meaning.replace("%", "%%")
    if setting.kind is bool:
        message = f" (default {'yes' if setting.default else 'no'})"
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=words + message)
        return
    message = "" if setting.default in (None, {}) else f" (default {setting.default})"
    if setting.name in BY_PRESET:
        message = " (default by preset)"
    if setting.name == "learning_rate":
        message = ", or auto: by curvature and short runs (default by preset)"
    group.add_argument(
        flag,
        default=None,
        metavar=setting.unit.upper() or {int: "N", float: "X", str: "NAME", dict: "NAME=VALUE,…"}[setting.kind],
        help=f"{words}; {setting.expected().replace('%', '%%')}{message}",
    )
