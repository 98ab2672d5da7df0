"""chainrule report: a run as one page that opens offline and recomputes its numbers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chainrule.api.run import Run
from chainrule.cli.subject import open_training, rows_of
from chainrule.errors import DataError, SettingsError
from chainrule.run.names import REPORT


def run(options: argparse.Namespace) -> int:
    """Write the page and say where it lies."""
    if not options.size > 0:
        raise SettingsError(f"--size {options.size:g}: must be megabytes > 0.")
    subject = open_training(options.run_directory, options.member)
    target = Path(options.output_file or _folder(subject, options) / REPORT)
    try:
        _, data = rows_of(subject, options.run_directory)
        if options.learning_rate:
            subject.learning_rate(data, thorough=options.thorough)
        subject.report(target, data, size_mb=options.size)
    except DataError as error:
        print(f"chainrule: {error}", file=sys.stderr)
        subject.report(target, size_mb=options.size)  # the page says what it cannot show without the rows
    print(target)
    return 0


def _folder(subject: Run, options: argparse.Namespace) -> Path:
    """Of an ensemble its folder, and that of a member that is asked for."""
    return Path(options.run_directory if options.member is None else subject.directory or "")
