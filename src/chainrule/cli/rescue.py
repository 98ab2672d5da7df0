"""The model of a training whose folder cannot take it is kept elsewhere: computed hours do not depend on one disk."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from chainrule.api.run import Run
from chainrule.errors import ChainruleError
from chainrule.run.files import remove
from chainrule.run.names import MODEL, RUN


def is_whole(run: Run) -> bool:
    """Whether the folder of a run can be used: it holds the model and says that the training ended."""
    return not any(path.name in (MODEL, RUN) for path in run.unwritten)


def rescued(run: Run) -> Path | None:
    """Where the model lies: in the run's folder, else in another one that can take it; None where none can."""
    assert run.directory is not None
    if run.directory / MODEL not in run.unwritten:
        return run.directory / MODEL
    for folder in _others(run.directory):
        try:
            handle, name = tempfile.mkstemp(".safetensors", f"{run.directory.name}-", folder)
        except OSError:
            continue
        os.close(handle)
        try:
            run.save(name)
            return Path(name)
        except (OSError, ChainruleError):
            remove(Path(name))
    return None


def _others(folder: Path) -> Iterator[Path]:
    """Folders on other file systems first, the working directory before the home and that for temporary files."""
    places = [Path.cwd(), Path.home()]
    with contextlib.suppress(OSError):
        places.append(Path(tempfile.gettempdir()))
    yield from sorted(places, key=lambda place: _device(place) == _device(folder))


def _device(folder: Path) -> int | None:
    with contextlib.suppress(OSError):
        return folder.stat().st_dev
    return None


def message(run: Run) -> str:
    """One line that says where the model is, and how to have the whole run."""
    place = rescued(run)
    if place is None:
        tried = ", ".join(dict.fromkeys(str(other) for other in _others(run.directory or Path())))
        return f"the model could not be saved (tried {run.directory}, {tried}); free disk space and train again."
    return f"model saved in {place}; for the whole run make room in {run.directory}, then the same with --resume."
