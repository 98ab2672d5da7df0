"""Signs of life from other machines: datagrams that a worker sends to whoever started it, and that are answered.

A datagram is the secret of the job, its own number, that of the worker and its row. The answer is the secret, the
number of the datagram and whether to go on: where the end is asked for, worker 0 takes that as Ctrl-C; where all are to
leave, each does at once. A worker that gets no answer for ALONE_S is cut off, and ends before others take over its run.
The network has to be a trusted one, as MPI does not encrypt either.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import signal
import socket
import struct
import threading
import time
from typing import Any

N_NUMBERS = 16
GO_ON, END, LEAVE = range(3)
SECRET_BYTES = 16
FORM = struct.Struct(f"!{SECRET_BYTES}sQI{N_NUMBERS}d")
ANSWER = struct.Struct(f"!{SECRET_BYTES}sQB")
ALONE_S, ANSWER_S, LAST_S, LEAVE_S = 12.0, 0.25, 3.0, 1.5
"""How long: without an answer until a worker takes itself for cut off; one answer, and that of the last datagram, may
take; all are told to leave."""


class Receiver:
    """Takes signs of life into a table; a thread of the process that started the workers."""

    def __init__(self, table: Any, hosts: list[str]) -> None:
        self._table, self._secret, self._answer = table, secrets.token_bytes(SECRET_BYTES), GO_ON
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("", 0))
        port = self._socket.getsockname()[1]
        addresses = dict.fromkeys(own_address(host, port) for host in hosts)
        self.address = ",".join([*addresses, str(port), self._secret.hex()])
        """For `Sender`: the addresses of this machine as the hosts see them, the port and the secret."""
        self._is_open = True
        self._socket.settimeout(ANSWER_S)
        self._thread = threading.Thread(target=self._receive, name="signs of life from hosts", daemon=True)
        self._thread.start()

    def ask_for_the_end(self) -> None:
        """Have worker 0 end the training in order."""
        self._answer = END

    def ask_all_to_leave(self) -> None:
        """Have every worker leave at once, and give them the time to ask."""
        self._answer = LEAVE
        time.sleep(LEAVE_S)

    def close(self) -> None:
        """Take no more."""
        self._is_open = False
        self._thread.join()
        self._socket.close()

    def _receive(self) -> None:
        while self._is_open:
            try:
                data, sender = self._socket.recvfrom(4096)
            except OSError:  # nothing came
                continue
            if len(data) != FORM.size:
                continue
            secret, number, rank, *row = FORM.unpack(data)
            if hmac.compare_digest(secret, self._secret) and rank < len(self._table):
                self._table[rank] = row
                with contextlib.suppress(OSError):  # a host that is cut off
                    self._socket.sendto(ANSWER.pack(self._secret, number, self._answer), sender)


class Sender:
    """Sends the row of a worker."""

    def __init__(self, where: str, rank: int, row: Any) -> None:
        *self._addresses, port, secret = where.split(",")
        self._port, self._secret, self._rank, self._row = int(port), bytes.fromhex(secret), rank, row
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(ANSWER_S)
        self._answered_at, self._knows_of_the_end, self._number = time.monotonic(), False, 0
        self._lock = threading.Lock()

    def send(self) -> bool:
        """Give a sign; whether an answer came within ALONE_S."""
        if self._is_answered():
            self._answered_at = time.monotonic()
        return time.monotonic() - self._answered_at < ALONE_S

    def last(self) -> None:
        """Give a sign that has to arrive: it is repeated until it is answered."""
        end = time.monotonic() + LAST_S
        while not self._is_answered() and time.monotonic() < end:
            pass

    def close(self) -> None:
        """Send no more."""
        self._socket.close()

    def _is_answered(self) -> bool:
        with self._lock:
            self._number += 1
            datagram = FORM.pack(self._secret, self._number, self._rank, *self._row)
            for address in self._addresses:
                with contextlib.suppress(OSError):
                    self._socket.sendto(datagram, (address, self._port))
            with contextlib.suppress(OSError, struct.error):
                while True:
                    secret, number, answer = ANSWER.unpack(self._socket.recv(4096))
                    if hmac.compare_digest(secret, self._secret) and number == self._number:
                        self._take(answer)
                        return True
        return False

    def _take(self, answer: int) -> None:
        if answer == LEAVE:
            os._exit(1)
        if answer == END and not self._knows_of_the_end and self._rank == 0:
            self._knows_of_the_end = True
            os.kill(os.getpid(), signal.SIGINT)


def own_address(host: str, port: int) -> str:
    """The address of this machine from which a host is reached; nothing is sent. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.connect((host, port))
        return str(door.getsockname()[0])
