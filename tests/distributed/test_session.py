"""What workers are made of, without MPI: shared steps, rows in files, what is handed over, detection."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.workers import _Packed, unpacked
from chainrule.distributed import rows, world
from chainrule.distributed.beats import Beat
from chainrule.distributed.comm import Comm, LocalComm, WorkerLost
from chainrule.distributed.exchange import Ownership
from chainrule.distributed.session import SharedSession, follow
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import StepSettings, Task
from tasks import begin, digest, make_task
from thread_workers import ThreadComm, Threads

V = 5
SETTINGS = StepSettings(dropout=0.2)
ETAS = np.full(6, 0.05)


def follower(comm: ThreadComm, task: Task) -> None:
    """A worker whose task is known already: its session is the one that an order to start would make."""
    from chainrule.distributed import session as module

    session = begin(NumpyEngine(), task, SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_started", lambda *_: (session, task))
        with contextlib.suppress(WorkerLost):
            follow(comm, Beat())


def shared(size: int, lost: int | None = None, messages: bool = False) -> tuple[str, list[float]]:
    task, all_ = make_task([5, 8, 3], n=40, batch_size=12, optimizer="adam", leaves=V), Threads(size, lost, messages)
    comms = [ThreadComm(all_, rank) for rank in range(size)]
    threads = [threading.Thread(target=follower, args=(comm, task), daemon=True) for comm in comms[1:]]
    for thread in threads:
        thread.start()
    comms[0].tell({"do": "start"}, [])
    session = SharedSession(comms[0], begin(NumpyEngine(), task, SETTINGS), task)
    losses = session.advance(0, ETAS[:2], SETTINGS).losses.tolist()
    losses += session.advance(2, ETAS[2:4], SETTINGS).losses.tolist()
    kept = digest(session)
    losses.append(session.record(4, 0.05, SETTINGS).backward.loss)  # alone: the others are given the state again
    losses += session.advance(5, ETAS[5:], SETTINGS).losses.tolist()
    found = digest(session)
    comms[0].tell({"do": "end"}, [])
    for thread in threads:
        thread.join(30)
    return kept + found, losses


def test_a_shared_session_has_the_bits_of_one_alone() -> None:
    """Steps together, one recorded alone, steps together again; through common memory and by messages."""
    expected = alone()
    for size in (1, 2, 3):
        assert shared(size) == expected
        assert shared(size, messages=True) == expected


@pytest.mark.parametrize("lost", [1, 2, 3, 5, 8, 11])
def test_a_lost_worker_is_done_without(lost: int) -> None:
    """Wherever the last of two or three goes, the others do the steps since the last stored state once more."""
    expected = alone()
    for size in (2, 3):
        assert shared(size, lost) == expected
        assert shared(size, lost, messages=True) == expected


def alone() -> tuple[str, list[float]]:
    task = make_task([5, 8, 3], n=40, batch_size=12, optimizer="adam", leaves=V)
    session = begin(NumpyEngine(), task, SETTINGS)
    losses = session.advance(0, ETAS[:4], SETTINGS).losses.tolist()
    kept = digest(session)
    losses += session.advance(4, ETAS[4:], SETTINGS).losses.tolist()
    return kept + digest(session), losses


def test_a_worker_alone_adds_up_all_nodes() -> None:
    """LocalComm: the nodes of one worker are the root."""
    comm: Comm = LocalComm()
    layout = Ownership(rank=0, size=1, V=8, bounds=[0, 3], of_norm=[0, 3], dtype=np.dtype(float))
    exchange = comm.exchange(layout)
    exchange.gradients[0] = [0, 1, 2]
    loss, sums = exchange.scatter(np.array([2.0]))
    assert loss == 2.0 and sums[0, 8].tolist() == [0.0, 1.0, 2.0]
    assert not exchange.gather(False) and exchange.gather(True)
    assert comm.all_agree(True) and not comm.recover()


def test_rows_are_lent_in_files(tmp_path: Path) -> None:
    """A borrowed array is mapped; one of a mapped file is found there, also a part of it; a changed file is refused."""
    X = np.arange(60, dtype=np.float32).reshape(20, 3)
    entry = json.loads(json.dumps(rows.lend(X, tmp_path, "X")))
    found = rows.borrow(entry)
    assert isinstance(found, np.memmap) and np.array_equal(found, X)
    mapped = np.memmap(entry["path"], np.float32, "r", 12, (10, 3))[2:]
    again = rows.lend(mapped, tmp_path, "again")
    assert (again["path"], again["offset"]) == (entry["path"], 12 + 2 * 12)
    assert np.array_equal(rows.borrow(again), mapped)  # type: ignore[arg-type]
    with open(entry["path"], "ab") as file:
        file.write(b"more")
    assert rows.borrow(entry) is None
    assert rows.borrow(rows.lend(X[:0], tmp_path, "none")).shape == (0, 3)  # type: ignore[union-attr]


def test_what_is_handed_over_comes_back(tmp_path: Path) -> None:
    """Numbers, text, arrays, mappings by class, an optimizer and a network; no file holds an object."""
    net = cr.Network([3, 4, 2], activation="tanh", seed=4)
    given = {"a": (1, 2.5, None, True), "class_weight": {0: 1.0, 1: 3.0}, "optimizer": cr.SGD(0.1, momentum=0.9)}
    packed = _Packed(tmp_path).pack({"how": given, "net": net, "X": np.eye(3), "y": np.array([0, 1, 1])})
    found = unpacked(json.loads(json.dumps(packed)), tmp_path)
    assert found["how"] == given
    assert np.array_equal(found["X"], np.eye(3)) and found["y"].tolist() == [0, 1, 1]
    assert np.array_equal(found["net"].parameters.flat, net.parameters.flat)
    assert found["net"].architecture == net.architecture


@pytest.mark.parametrize("how", [{"callbacks": [print]}, {"sample_weight": np.array([object()] * 4)}])
def test_functions_and_objects_are_refused_by_name(how: dict[str, Any]) -> None:
    """Nothing is pickled: the message names the argument and what to do."""
    with pytest.raises(cr.errors.SettingsError, match=rf"^{next(iter(how))}: .*Try without workers|Pass arrays"):
        cr.train(cr.Network([2, 2]), np.ones((4, 2)), [0, 1, 0, 1], workers=2, **how)


def test_more_workers_than_leaves_are_refused() -> None:
    """The message names --leaves, in Python as on the command line."""
    with pytest.raises(cr.errors.SettingsError, match=r"workers=9: must be at most the 8 leaves.*--leaves 9"):
        cr.train(cr.Network([2, 2]), np.ones((4, 2)), [0, 1, 0, 1], workers=9)


def test_one_worker_is_this_process_with_eight_leaves() -> None:
    """workers=1 needs no MPI and has the bits of leaves=8."""
    X, y, net = np.random.default_rng(0).normal(size=(30, 3)), [0, 1, 2] * 10, cr.Network([3, 5, 3])
    one, same = (cr.train(net, X, y, epochs=1, progress=False, **how) for how in ({"workers": 1}, {"leaves": 8}))
    assert one.settings.leaves == 8
    assert np.array_equal(one.network.parameters.flat, same.network.parameters.flat)


def test_mpi_is_recognised_by_ranks_alone() -> None:
    """A rank of PMIx, PMI or Open MPI; the variables of a batch system say nothing."""
    assert not world.is_launched({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "PATH": "/bin"})
    assert all(world.is_launched({name: "0"}) for name in ("PMIX_RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK"))


def test_a_missing_mpi_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without mpiexec the message says what to install."""
    from chainrule.distributed import mpiexec

    monkeypatch.setattr(mpiexec.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(mpiexec.importlib.metadata, "files", lambda _: None)
    with pytest.raises(cr.errors.SettingsError, match=r"mpiexec was not found; .*chainrule\[mpi\]"):
        cr.train(cr.Network([2, 2]), np.ones((4, 2)), [0, 1, 0, 1], workers=2, directory=os.fspath(tmp_path / "run"))
