"""The routes of a run by name. A part of the studio adds its table here, in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.studio import routes_lead, routes_questions, routes_screens
from chainrule.studio.request import Query
from chainrule.studio.shelf import Shelf, Shown
from chainrule.studio.trainings import Trainings


@dataclass(frozen=True)
class Asked:
    """What a route of a run may look at."""

    shelf: Shelf
    trainings: Trainings
    shown: Shown
    query: Query


Look = Callable[[Any], Any]
Change = Callable[[Any, dict[str, Any]], Any]

LOOKS: Mapping[str, Look] = {**routes_screens.LOOKS, **routes_questions.LOOKS}
"""GET /api/runs/ID/NAME: made once in a thread and kept, for the same run, number of steps and query."""
FIXED = routes_screens.FIXED | routes_questions.FIXED
"""Those of LOOKS that stay as they are, however far the training goes."""
CHANGES: Mapping[str, Change] = {**routes_lead.CHANGES}
"""POST /api/runs/ID/NAME with a JSON object."""
