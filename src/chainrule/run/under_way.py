"""A run that was taken up again and did not end since: what it is as of its last checkpoint."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

from chainrule.errors import ModelFileError
from chainrule.network.parameters import Parameters
from chainrule.run.directory import FileStore, RunDirectory
from chainrule.run.lock import read_holder
from chainrule.run.model import parameters_hash
from chainrule.run.names import RUN
from chainrule.run.resume import last_state
from chainrule.run.stored import RESTORE
from chainrule.training.metrics import VALIDATED
from chainrule.training.schedule import PLATEAU_NAME

UNDER_WAY, KILLED = "under way", "killed"


def so_far(
    folder: RunDirectory, store: FileStore, record: Mapping[str, Any], parameters: Parameters
) -> tuple[Parameters, dict[str, Any]]:
    """The parameters and the result of a run as of the last checkpoint, as if the training had been ended there.

    Arguments: record: that of the run, with the result it `ended` with before; parameters: any of its network. Raises
    ModelFileError if no checkpoint can be read.
    """
    state = last_state(folder, store, record, forget=False)
    if state is None:
        message = "was continued and did not finish, and none of its checkpoints can be read"
        raise ModelFileError(f"{folder.file(RUN)}: {message}; {RESTORE}.")
    start, history, n_steps = state.start, state.history, len(state.losses)
    ending = {"stopped": UNDER_WAY if is_alive(folder) else KILLED, "events": len(state.events)}
    if n_steps > start.step and n_steps == record["ended"]["steps"]:  # it was to go on, and did no step yet
        return parameters, {**record["ended"], **ending}
    best = parameters.like(start.best_theta if VALIDATED in history else start.theta)
    return best, {
        **record["ended"],
        **ending,
        "epochs": len(history.get("loss", [])),
        "steps": n_steps,
        "best_epoch": start.progress.best_epoch,
        "best_score": start.progress.best_score,
        "seconds": float(sum(history.get("seconds", []))),
        "replay": {
            "checkpoint_gap": store.longest_gap(n_steps),
            "step_seconds": record["ended"].get("replay", {}).get("step_seconds", 0.0),
            **({PLATEAU_NAME: start.progress.plateau_factor} if PLATEAU_NAME in history else {}),
        },
        "sha256": parameters_hash(best),
        "diverged": None,
    }


def is_alive(folder: RunDirectory) -> bool:
    """Whether a process writes to a folder, as far as a reader can tell, on this machine or another."""
    holder = read_holder(folder.path)
    if holder is None:
        return False
    if holder["host"] != platform.node() or os.name != "posix":
        return True
    try:
        os.kill(int(holder["process"]), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
