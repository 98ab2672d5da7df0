"""chainrule evaluate: measures of a run on exactly the rows of a table."""

from __future__ import annotations

import argparse

from chainrule import json_text
from chainrule.api.tables import blocks, weight_column
from chainrule.cli.subject import open_model
from chainrule.cli.train_options import dialect
from chainrule.planning.evaluation import scores
from chainrule.planning.request import AUTO


def run(options: argparse.Namespace) -> int:
    """Print n_rows and every measure, as lines or as one flat JSON object; what weighs the rows goes before."""
    network, pipeline = open_model(options.run_directory)
    weight = weight_column(options.data, pipeline, None if options.no_weight else options.weight or AUTO)
    read = blocks(options.data, pipeline, needs_target=True, dialect=dialect(options), weight=weight)
    found = scores(network, pipeline, read)
    named = {} if weight is None else {"weight": weight}
    if options.json:
        print(json_text.text(named | found))
        return 0
    from chainrule.cli.console import number, say

    say(named | {name: number(value) for name, value in found.items()})
    return 0
