"""What was found about the learning rate of a run, as its directory keeps it."""

from __future__ import annotations

import os
import warnings

from chainrule.errors import DamagedFileWarning, ModelFileError
from chainrule.run import stored
from chainrule.run.directory import RunDirectory
from chainrule.run.names import RATE
from chainrule.run.read import LOST
from chainrule.tune.found import Suggestion, from_dict
from chainrule.tune.stored import FoundSchema


def examined_in(folder: RunDirectory) -> Suggestion | None:
    """The learning-rate analysis of the run, if any; a damaged file is reported and gives None."""
    file = folder.file(RATE)
    if not os.path.lexists(file):
        return None
    try:
        return from_dict(stored.read_json(file, FoundSchema(), "remove it or repeat the analysis"))
    except ModelFileError as error:
        warnings.warn(f"{str(error).rstrip('.')}. Without it {LOST[RATE]}.", DamagedFileWarning, stacklevel=3)
        return None
