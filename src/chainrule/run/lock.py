"""One writer for each run: a lock of the operating system, which ends with the process that holds it.

The lock lies on the file writer.lock of the run's folder, which says who holds it and is removed with it. A file
left by a killed process is not held. Readers need no lock: the files they read are replaced atomically.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from chainrule.errors import ModelFileError, SettingsError
from chainrule.run.names import LOCK

PATIENCE_S = 1.0
"""A report or an examination writes for a moment only; a training is not waited for any longer than that."""
HELD_BY_OTHERS = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
FAR = 2**30
"""Where the locked byte lies on Windows: beyond the text, so that others can read who holds the lock."""

_here: dict[str, int] = {}
"""Folders that this process writes to and the handles of their locks: a second thread is refused everywhere."""
_guard = threading.Lock()


class WriterLock:
    """The right to write into one folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._key = os.path.realpath(folder)
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises SettingsError if another process writes there; ModelFileError if nothing can be written;
        FileNotFoundError where the folder is gone.
        """
        end = time.monotonic() + PATIENCE_S
        while not self._taken():
            if time.monotonic() > end:
                raise SettingsError(
                    f"{self.path.parent}: is being written by {self._holder()}; only one writer is allowed. "
                    "Wait until it has ended, or name another folder."
                )
            time.sleep(0.02)

    def _taken(self) -> bool:
        """Try once."""
        with _guard:
            if self._key in _here:
                return False
            try:
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise ModelFileError(
                    f"{self.path}: cannot be written ({error.strerror}); choose a folder with write access."
                ) from None
            try:
                mine = _lock(handle, self.path) and _is(handle, self.path)
            except BaseException:
                os.close(handle)
                raise
            if not mine:  # held by others, or removed by one who held it until now
                os.close(handle)
                return False
            _here[self._key] = self._handle = handle
        self._sign(handle)
        return True

    def _sign(self, handle: int) -> None:
        about = {"process": os.getpid(), "host": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        with contextlib.suppress(OSError):  # who holds it is a courtesy; a full disk does not matter here
            os.ftruncate(handle, 0)
            os.write(handle, json.dumps(about).encode())

    def _holder(self) -> str:
        if self._key in _here:
            return f"this process ({os.getpid()})"
        about = read_holder(self.path.parent)
        if about is None:
            return "another process"
        return f"process {about['process']} on {about['host']} since {about['since']}"

    def release(self) -> None:
        """Give the lock back and remove its file; nothing where a forked child asks, whose it is not."""
        with _guard:
            handle, self._handle = self._handle, None
            if handle is None or _here.get(self._key) != handle:
                return
            del _here[self._key]
            with contextlib.suppress(OSError):
                if _is(handle, self.path):
                    os.unlink(self.path)  # while it is held: a process that opened it notices and retries
            with contextlib.suppress(OSError):
                _unlock(handle)
            os.close(handle)


def read_holder(folder: Path) -> dict[str, Any] | None:
    """The holder recorded in the lock file, current or killed; None if none is recorded."""
    try:
        about = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        return {name: str(about[name])[:80] for name in ("process", "host", "since")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is(handle: int, path: Path) -> bool:
    """Whether an open file is still the one that lies at a path."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _lock(handle: int, path: Path) -> bool:
    """Whether the lock was acquired. If the file system has no locks, this is reported and the result is True."""
    try:
        _try_lock(handle)
    except OSError as error:
        if error.errno in HELD_BY_OTHERS:
            return False
        if error.errno not in UNSUPPORTED:
            raise ModelFileError(
                f"{path}: cannot be locked ({error.strerror}); choose a folder of another file system."
            ) from None
        warnings.warn(
            f"{path.parent}: is on a file system without locks ({error.strerror}), so a second writer would "
            "not be detected. Make sure that there is none, or choose a local folder.",
            stacklevel=2,
        )
    return True


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> None:
        os.lseek(handle, FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)

    def _unlock(handle: int) -> None:
        os.lseek(handle, FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)

    def _forget() -> None:
        """In a forked child: the locks are the parent's; without its handles they end with the parent."""
        global _guard
        _guard = threading.Lock()
        for handle in _here.values():
            with contextlib.suppress(OSError):
                os.close(handle)
        _here.clear()

    os.register_at_fork(after_in_child=_forget)
