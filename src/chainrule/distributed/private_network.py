"""A network of its own for a command: nothing but loopback, so no socket of it can be reached from elsewhere.

mpiexec of Open MPI opens a listening socket on every address, also where all workers are on one machine and exchange
through shared memory. Where the system allows it (Linux, as root or with user namespaces) it gets a namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys

NEW_NETWORK, NEW_USER = 0x40000000, 0x10000000
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1
DIE_WITH_PARENT = 1


def enter() -> bool:
    """Move this process, and all it starts from now on, to a network of its own; whether that was possible."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(NEW_NETWORK) != 0:
        if libc.unshare(NEW_NETWORK | NEW_USER) != 0:
            return False
        with contextlib.suppress(OSError):
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(door, GET_FLAGS, request))[1]
        fcntl.ioctl(door, SET_FLAGS, struct.pack("16sh14x", b"lo", flags | UP))
        return True
    return False


def end_with_parent(number: int) -> None:
    """Have this process get a signal when the one that started it ends, where the system can do that."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, number)
