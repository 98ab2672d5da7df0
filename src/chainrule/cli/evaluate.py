"""chainrule evaluate: measures of a run on exactly the rows of a table."""

from __future__ import annotations

import argparse

from chainrule import json_text
from chainrule.api.tables import blocks
from chainrule.cli.subject import open_model
from chainrule.cli.train_options import dialect
from chainrule.planning.evaluation import scores


def run(options: argparse.Namespace) -> int:
    """Print n_rows and every measure, as lines or as one flat JSON object."""
    network, pipeline = open_model(options.run_directory)
    result = scores(network, pipeline, blocks(options.data, pipeline, needs_target=True, dialect=dialect(options)))
    if options.json:
        print(json_text.text(result))
        return 0
    from chainrule.cli.console import number, say

    say({name: number(value) for name, value in result.items()})
    return 0
