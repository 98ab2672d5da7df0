"""A writer's claim on the folder of a run: locked, swept of what killed writers left, and left as it was found
where no training began."""

from __future__ import annotations

import contextlib
import errno
import stat
from pathlib import Path

from chainrule.errors import ModelFileError, SettingsError
from chainrule.run.lock import WriterLock
from chainrule.run.names import CHECKPOINTS, DATA, EVENTS, RATE, RUN, SPLIT, TABLE, TEMPORARY, is_of_run

BEFORE_TRAINING = (DATA, SPLIT, TABLE, RATE, "step-00000000.safetensors")
"""Written before run.json, as an events.jsonl without a line is: a process that was killed then leaves them alone."""
TRIES = 100


class Claim:
    """The folder of a run in the hands of its one writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = WriterLock(folder)
        self._made: list[Path] = []
        self._found: set[Path] = set()

    def take(self) -> None:
        """Create the folder if necessary, and lock it.

        Raises SettingsError if another process writes there; ModelFileError if nothing can be written.
        """
        for _ in range(TRIES):  # another writer may be removing the folder that it made
            try:
                self._make(self.folder)
                self._lock.acquire()
                break
            except FileNotFoundError:
                continue
            except BaseException:
                self._remove_folders()
                raise
        else:
            raise ModelFileError(f"{self.folder}: is repeatedly removed by another process. Name another folder.")
        self._sweep()
        self._found = set(self._ours())

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, remembering which were not there."""
        try:
            missing = [path for path in (folder, *folder.parents) if not path.exists()]
            for path in reversed(missing):
                with contextlib.suppress(FileExistsError):
                    _make_one(path)
                    self._made.append(path)
            if not stat.S_ISDIR(folder.stat().st_mode):
                raise ModelFileError(f"{folder}: is a file. Name a folder for the run.")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ModelFileError(
                f"{folder}: cannot be created ({error.strerror}); choose a folder with write access."
            ) from None

    def make_checkpoints(self) -> None:
        """The folder of the checkpoints."""
        self._make(self.folder / CHECKPOINTS)

    def clear_remains(self) -> None:
        """Remove what a process left that was killed before its training began: nothing of that was trained.

        Raises SettingsError if there are parts of a run whose run.json is gone: a new one would mix with them.
        """
        empty = {path for path in self._found if path.name == EVENTS and not path.stat().st_size}
        unbegun = empty | {path for path in self._found if path.name in BEFORE_TRAINING}
        remains = sorted(str(path.relative_to(self.folder)) for path in self._found - unbegun if path.stat().st_size)
        if remains:
            raise SettingsError(
                f"{self.folder}: holds parts of a run ({', '.join(remains[:3])}{', …' if remains[3:] else ''}) but no "
                f"{RUN}. Restore {RUN}, remove the parts, or name another folder."
            )
        for path in unbegun:
            with contextlib.suppress(OSError):
                path.unlink()
        self._found -= unbegun

    def withdraw(self) -> None:
        """Remove what was written since the claim, and the folders that it made, as far as they are empty."""
        for path in set(self._ours()) - self._found:
            with contextlib.suppress(OSError):
                path.unlink()
        self._lock.release()
        self._remove_folders()

    def release(self) -> None:
        """Let others write."""
        self._lock.release()

    def _remove_folders(self) -> None:
        for path in reversed(self._made):
            with contextlib.suppress(OSError):
                path.rmdir()
        self._made.clear()

    def _ours(self) -> list[Path]:
        """The files there are that bear a name of a run's files."""
        return [path for path in self._files() if is_of_run(path.name)]

    def _files(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return [path for folder in (self.folder, self.folder / CHECKPOINTS) for path in _files_in(folder)]
        return []

    def _sweep(self) -> None:
        """Remove the temporary files of killed writers; holding the lock implies that they are gone."""
        for path in self._files():
            match = TEMPORARY.fullmatch(path.name)
            if match and is_of_run(match[1]):
                with contextlib.suppress(OSError):
                    path.unlink()


def _make_one(folder: Path) -> None:
    """A folder in one that is there. FileNotFoundError where another process removed that one, an OSError of its own
    where it is there all the same: no folder can be made in /proc."""
    for _ in range(2):
        try:
            return folder.mkdir()
        except FileNotFoundError:
            if not folder.parent.is_dir():
                raise
    raise OSError(errno.EPERM, "no folder can be created there")


def _files_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
