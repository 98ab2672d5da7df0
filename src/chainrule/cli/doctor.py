"""chainrule doctor: what went wrong first in a run, and what would put it right. Exit code 1 if something is wrong."""

from __future__ import annotations

import argparse

from chainrule.cli.subject import open_training, rows_of
from chainrule.diagnose.doctor.interface import commands


def run(options: argparse.Namespace) -> int:
    """Diagnose, print, and say by the exit code whether all is well."""
    subject = open_training(options.run_directory, options.member)
    _, data = rows_of(subject, options.run_directory)
    diagnosis = subject.doctor(data, thorough=options.thorough)
    if subject.pipeline is not None:  # else it was trained from Python, on arrays
        diagnosis = diagnosis.for_interface(commands(str(subject.directory or options.run_directory), subject.source))
    print(diagnosis.to_json() if options.json else diagnosis.text(options.language))
    return 0 if diagnosis.healthy else 1
