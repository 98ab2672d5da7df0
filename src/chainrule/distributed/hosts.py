"""The machines of a training: names and how many workers each takes, as `a:8,b:8`."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chainrule.errors import SettingsError

FORM = re.compile(r"([A-Za-z0-9._-]+)(?::([1-9][0-9]{0,5}))?")


@dataclass(frozen=True)
class Host:
    """A machine and how many workers it takes."""

    name: str
    slots: int


def parsed(text: str) -> tuple[Host, ...]:
    """The hosts of `a:8,b:8`; one worker where no number is given. Raises SettingsError.

    Examples
    --------
    >>> parsed("a:8,b")
    (Host(name='a', slots=8), Host(name='b', slots=1))
    """
    found = [FORM.fullmatch(part.strip()) for part in text.split(",")]
    if not all(found):
        raise SettingsError(f"hosts={text!r}: must be names with a number of workers each. Try --hosts a:8,b:8.")
    hosts = tuple(Host(match[1], int(match[2] or 1)) for match in found if match)
    if len({host.name for host in hosts}) < len(hosts):
        raise SettingsError(f"hosts={text!r}: must name every host once. Try --hosts a:8,b:8.")
    return hosts


def check_names(hosts: Iterable[Host]) -> None:
    """SettingsError for a host whose name has no address."""
    for host in hosts:
        try:
            socket.getaddrinfo(host.name, None, socket.AF_INET)
        except OSError as error:
            raise SettingsError(
                f"hosts: {host.name!r} has no address ({error.strerror or error}); must be a name or an IPv4 address "
                "that this machine can reach. Try another name, or add it to /etc/hosts."
            ) from None


def slots_of(hosts: Iterable[Host]) -> int:
    """Workers that they take together."""
    return sum(host.slots for host in hosts)


def workers_on(hosts: Sequence[Host], n_workers: int) -> list[range]:
    """The numbers of the workers on each host: hosts are filled in turn.

    Examples
    --------
    >>> workers_on(parsed("a:2,b:2"), 3)
    [range(0, 2), range(2, 3)]
    """
    found, first = [], 0
    for host in hosts:
        last = min(first + host.slots, n_workers)
        found.append(range(first, last))
        first = last
    return found
