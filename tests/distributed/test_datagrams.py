"""Signs of life by datagrams: rows arrive, strangers are not heard, the end is passed on."""

from __future__ import annotations

import signal
import socket
import time

import numpy as np
import pytest

from chainrule.distributed import beats, datagrams
from chainrule.distributed.datagrams import ANSWER, FORM, Receiver, Sender


@pytest.fixture
def table() -> np.ndarray:
    return np.zeros((2, beats.N_COLUMNS))


def test_a_row_arrives_and_is_answered(table: np.ndarray) -> None:
    """The numbers of worker 1 are in its row, also those of the last sign."""
    receiver = Receiver(table, ["127.0.0.1", "localhost"])
    row = np.arange(beats.N_COLUMNS, dtype=float)
    sender = Sender(receiver.address, 1, row)
    assert sender.send()
    assert np.array_equal(table[1], row) and not table[0].any()
    row[beats.CODE] = 131
    sender.last()
    assert table[1, beats.CODE] == 131
    sender.close()
    receiver.close()


def test_strangers_are_not_heard(table: np.ndarray) -> None:
    """Another secret, another length or a worker that there is not change nothing and get no answer."""
    receiver = Receiver(table, ["127.0.0.1"])
    address, port, secret = receiver.address.split(",")
    good = [1.0] * beats.N_COLUMNS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.settimeout(0.2)
        for data in (
            FORM.pack(bytes(16), 1, 0, *good), b"", b"x" * 9000, FORM.pack(bytes.fromhex(secret), 1, 2, *good),
        ):  # fmt: skip
            door.sendto(data, (address, int(port)))
            with pytest.raises(TimeoutError):
                door.recv(100)
        assert not table.any()
        door.sendto(FORM.pack(bytes.fromhex(secret), 7, 0, *good), (address, int(port)))
        assert ANSWER.unpack(door.recv(100)) == (bytes.fromhex(secret), 7, datagrams.GO_ON)
    receiver.close()


def test_the_end_is_passed_on_to_worker_0_once(table: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C; the others wait for it."""
    sent = list[int]()
    monkeypatch.setattr(datagrams.os, "kill", lambda pid, number: sent.append(number))
    receiver = Receiver(table, ["127.0.0.1"])
    senders = [Sender(receiver.address, rank, table[rank].copy()) for rank in (0, 1)]
    receiver.ask_for_the_end()
    for _ in range(2):
        assert all(sender.send() for sender in senders)
    assert sent == [signal.SIGINT]
    for sender in senders:
        sender.close()
    receiver.close()


def test_who_gets_no_answer_is_cut_off(table: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at once, but before others take over the run."""
    from chainrule.distributed import watch

    assert datagrams.ALONE_S < watch.FROZEN_S
    monkeypatch.setattr(datagrams, "ANSWER_S", 0.01)
    receiver = Receiver(table, ["127.0.0.1"])
    sender = Sender(receiver.address, 0, table[0].copy())
    receiver.close()
    assert sender.send()
    sender._answered_at = time.monotonic() - datagrams.ALONE_S
    assert not sender.send()
    sender.close()
