"""chainrule evaluate: measures of a run on exactly the rows of a table."""

from __future__ import annotations

import argparse
import json

from chainrule.cli.subject import open_model, open_table, scores
from chainrule.data.table import require_target


def run(options: argparse.Namespace) -> int:
    """Print n_rows and every measure, as a table or as one flat JSON object."""
    _, network, pipeline = open_model(options.run_directory)
    table, X = open_table(options.data, pipeline, need_target=True)
    told = scores(network, pipeline, X, require_target(table), table.source)
    if options.json:
        print(json.dumps(told))
        return 0
    from chainrule.cli.console import say

    say({name: f"{value:,}" if name == "n_rows" else f"{value:.4f}" for name, value in told.items()})
    return 0
