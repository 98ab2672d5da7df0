"""chainrule export: a model for another program."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from chainrule.api.source_rows import source_rows
from chainrule.api.tables import blocks
from chainrule.cli.subject import loaded_model
from chainrule.data.table import Table
from chainrule.errors import ChainruleError, SettingsError
from chainrule.export.c_file import write_c
from chainrule.export.onnx.file import write_onnx
from chainrule.export.subject import Subject
from chainrule.export.torch_file import write_torch

MOST_ROWS = 1_000
"""Rows on which the predictions of what is exported are compared."""


def run(options: argparse.Namespace) -> int:
    """Write the files and say which they are."""
    if options.network_only and options.to != "onnx":
        raise SettingsError(f"--network-only: must be left out with --to {options.to}.")
    loaded = loaded_model(options.run_directory)
    return _FORMATS[options.to](loaded, Subject.of(loaded), options)


def _as_trained(loaded: Any, subject: Subject) -> Subject:
    """A single network with the bits of its training, without a temperature."""
    return replace(subject, networks=(loaded.network,)) if len(subject.networks) == 1 else subject


def _torch(loaded: Any, subject: Subject, options: argparse.Namespace) -> int:
    print(*write_torch(_as_trained(loaded, subject), Path(options.output_file)), sep="\n")
    return 0


def _c(loaded: Any, subject: Subject, options: argparse.Namespace) -> int:
    print(*write_c(subject, Path(options.output_file)), sep="\n")
    return 0


def _onnx(loaded: Any, subject: Subject, options: argparse.Namespace) -> int:
    if options.network_only:
        subject = _as_trained(loaded, subject)
    rows = None if subject.pipeline is None else _rows(loaded, subject, options)
    found = write_onnx(subject, Path(options.output_file), rows, network_only=options.network_only)
    print(found.path)
    if found.difference is None:
        print("not compared with predict: no rows at hand. Give some with --data.", file=sys.stderr)
    else:
        ties = f", {found.n_other_classes:,} ties with another class" if found.n_other_classes else ""
        print(
            f"compared with predict on {found.n_rows:,} rows: largest difference {found.difference:.2g}{ties}; "
            f"{found.n_bytes:,} bytes",
            file=sys.stderr,
        )
    return 0


def _rows(loaded: Any, subject: Subject, options: argparse.Namespace) -> Table | None:
    """Rows to compare on: those given, else those that training held out, where they can be read again."""
    assert subject.pipeline is not None
    table: Table | None
    if options.data is not None:
        table = next(iter(blocks(options.data, subject.pipeline, needs_target=False)))
    else:
        record = getattr(loaded, "record", None)
        try:
            table = None if record is None else source_rows(record, subject.pipeline).table
        except (ChainruleError, IndexError):
            table = None
    return None if table is None else table.take(slice(0, MOST_ROWS))


_FORMATS: dict[str, Callable[[Any, Subject, argparse.Namespace], int]] = {
    "torch": _torch, "c": _c, "onnx": _onnx,
}  # fmt: skip
