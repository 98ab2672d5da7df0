"""What may be read as a file: one that stands still. Pipes, devices and sockets may never end, and end only once."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from chainrule.errors import DataError

KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def is_there(path: Path) -> bool:
    """Whether something that can be read stands there.

    Errors    DataError for what is no file and no folder, for links that lead nowhere or in a circle
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        if os.path.islink(path):
            message = f"is a link to {os.readlink(path)!r}, which cannot be followed; mend the link."
            raise DataError(message, path=str(path)) from None
        if isinstance(error, (FileNotFoundError, ValueError)):
            return False
        raise DataError(f"cannot be read ({error.strerror}): must be a file.", path=str(path)) from None
    for is_kind, name in KINDS:
        if is_kind(mode):
            message = f"is {name}: must be a file, which is read more than once. Write its content to a file first."
            raise DataError(message, path=str(path))
    return True


@dataclass(frozen=True)
class Standing:
    """A file as it was when reading began."""

    path: Path
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> Standing:
        """As it is at this moment."""
        found = path.stat()
        return cls(path, found.st_size, found.st_mtime_ns)

    def check(self) -> None:
        """DataError where it is another since."""
        try:
            found = Standing.of(self.path)
        except OSError as error:
            raise DataError(f"was there when reading began ({error.strerror}).", path=str(self.path)) from None
        if found != self:
            sizes = f" ({self.size:,} bytes at first, then {found.size:,})" if found.size != self.size else ""
            message = f"changed while it was read{sizes}; it must not change. Read a finished copy."
            raise DataError(message, path=str(self.path))
