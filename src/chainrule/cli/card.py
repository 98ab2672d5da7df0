"""chainrule card: a model card in Markdown."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chainrule.cli.console import put
from chainrule.cli.subject import open_run
from chainrule.run.files import refuse_unwritable, write_atomic


def run(options: argparse.Namespace) -> int:
    """Write the card, or print it."""
    target = None if options.output_file is None else Path(options.output_file)
    if target is not None:
        refuse_unwritable(target, options.data, options.run_directory)
    text = open_run(options.run_directory).card(options.language, data=options.data)
    if target is None:
        put(text.rstrip("\n"), is_document=True)
    else:
        write_atomic(target, text.encode())
        print(f"written to {target}", file=sys.stderr)
    return 0
