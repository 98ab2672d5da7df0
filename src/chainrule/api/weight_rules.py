"""What class weights mean in a run that is resumed: it goes on by the rules that it was begun by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.api.prepare import Setup
from chainrule.data.arrays import moderate
from chainrule.network.class_weights import WEIGHT_RULES
from chainrule.run import contents
from chainrule.run.directory import RunDirectory
from chainrule.run.names import RUN
from chainrule.run.record import RunRecord
from chainrule.run.rows import Rows, weighted_by_class


def begun_by(made: Callable[..., Setup], directory: Any) -> Setup:
    """The setup by the rules of the run in a directory; by the latest where there is none, or none of them fits.

    The rows tell which these are: their digests cover the weights.

    Arguments: made: the setup by some `weight_rules`.
    """
    setup = made(weight_rules=WEIGHT_RULES)
    folder = directory if directory is None or isinstance(directory, RunDirectory) else RunDirectory(directory)
    if setup.class_weight is None or folder is None or not folder.exists:
        return setup
    record = contents.read_record(folder.file(RUN))
    if _has_rows_of(setup, record):
        return setup
    earlier = (made(weight_rules=rules) for rules in range(WEIGHT_RULES - 1, 0, -1))
    return next((found for found in earlier if _has_rows_of(found, record)), setup)


def judged_by_its_rules(record: RunRecord, held: Rows, learned: Rows) -> Rows:
    """Rows that judge the epochs of a run that goes on, weighted as it has weighted them.

    Arguments: held: those rows with weights of their own; learned: those of the training.
    """
    own = Rows(held.X, held.targets, moderate(held.weight))
    stored = {} if record.directory is None else contents.read_record(record.directory / RUN)
    if record.class_weight is None or stored.get("held_out") == own.fingerprint:
        return own
    dtype = record.architecture.dtype
    weight = weighted_by_class(held.targets, held.weight, record.class_weight, dtype, learned.targets)
    return Rows(held.X, held.targets, moderate(weight))


def _has_rows_of(setup: Setup, record: Any) -> bool:
    """Whether these are the rows of a record, weights included."""
    held_out = record.get("held_out", setup.held_out_fingerprint)
    return bool((setup.fingerprint, setup.held_out_fingerprint) == (record["fingerprint"], held_out))
