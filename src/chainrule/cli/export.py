"""chainrule export: a model for another program."""

from __future__ import annotations

import argparse
from pathlib import Path

from chainrule.cli.subject import loaded_model
from chainrule.export.subject import Subject
from chainrule.export.torch_file import write_torch


def run(options: argparse.Namespace) -> int:
    """Write the files and say which they are."""
    subject = Subject.of(loaded_model(options.run_directory))
    print(*write_torch(subject, Path(options.output_file)), sep="\n")
    return 0
