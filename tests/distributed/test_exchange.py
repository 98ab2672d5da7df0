"""The exchange of many workers, replayed in one process, and what it costs."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from chainrule.distributed.cost import Costs, StepShape, fitted, load
from chainrule.distributed.exchange import Exchange, Ownership
from chainrule.reference.leaves import tree_sum
from thread_workers import ThreadComm, Threads


def exchanged(n_workers: int, V: int, P: int, messages: bool) -> tuple[list[Any], Threads, float]:
    """A step of workers whose update is theta -= g: what theta is everywhere, and the loss."""
    all_ = Threads(n_workers, messages=messages)
    bounds = [P * r // n_workers for r in range(n_workers + 1)]
    thetas: list[Any] = [None] * n_workers
    losses = [0.0] * n_workers

    def work(rank: int) -> None:
        layout = Ownership(
            rank=rank, size=n_workers, V=V, bounds=bounds, of_norm=bounds, dtype=np.dtype(np.float32)
        )  # fmt: skip
        exchange: Exchange = ThreadComm(all_, rank).exchange(layout)
        if messages or rank == 0:
            exchange.theta[:] = 1
        for node, gradient in zip(layout.nodes[rank], exchange.gradients, strict=True):
            gradient[:] = tree_sum({(l, l + 1): leaf(l, P) for l in range(*node)}, node)
        of_nodes = [tree_sum({(l, l + 1): 0.1 * l for l in range(*node)}, node) for node in layout.nodes[rank]]
        losses[rank], sums = exchange.scatter(np.array(of_nodes))
        exchange.theta[layout.slice(rank)] -= tree_sum(sums, (0, V))
        assert not exchange.gather(False)
        thetas[rank] = exchange.theta

    threading.stack_size(1 << 18)
    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(n_workers)]
    threading.stack_size(0)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(losses)) == 1
    return thetas, all_, losses[0]


def leaf(l: int, P: int) -> Any:
    """Numbers whose sum depends on its order."""
    return np.random.default_rng(l).normal(size=P).astype(np.float32)


@pytest.mark.parametrize(("n_workers", "V", "P"), [(2, 8, 50), (3, 8, 50), (7, 40, 1000), (64, 64, 300), (90, 128, 60)])
def test_the_exchange_has_the_bits_of_the_tree(n_workers: int, V: int, P: int) -> None:
    """Every worker has what one process adds up; messages and bytes are those of the model; slices may be empty."""
    whole = 1 - tree_sum({(l, l + 1): leaf(l, P) for l in range(V)}, (0, V))
    loss = tree_sum({(l, l + 1): 0.1 * l for l in range(V)}, (0, V))
    for messages in (True, False):
        thetas, all_, found = exchanged(n_workers, V, P, messages)
        assert all(np.array_equal(theta, whole) for theta in thetas)
        assert found == loss
        if messages and n_workers <= P and V % n_workers == 0 and n_workers & (n_workers - 1) == 0:
            of = load(StepShape(n_parameters=P, batch_size=V, leaves=V), n_workers)
            assert all_.n_messages == n_workers * of.messages
            assert of.bytes * n_workers * 0.9 < all_.n_bytes <= of.bytes * n_workers
        assert messages or all_.n_messages == 0


def test_costs_are_found_again() -> None:
    """A fit to times that the model made gives its costs, and predicts other numbers of workers."""
    costs = Costs(step=1e-3, row=2e-5, leaf=3e-4, add=4e-10, update=5e-10, message=2e-5, byte=1e-9)
    shapes = [StepShape(n_parameters=10**6, batch_size=B, leaves=V) for B in (256, 1024) for V in (4, 8, 16)]
    at = [(shape, n, load(shape, n)) for shape in shapes for n in (1, 2)]
    found = fitted(
        [(shape, n, 1e-3 + 2e-5 * of.rows + 3e-4 * of.leaves) for shape, n, of in at],
        [(shape, n, 4e-10 * of.nodes * of.slice) for shape, n, of in at],
        [(shape, n, 5e-10 * of.slice) for shape, n, of in at],
        [(m, b, 2e-5 * m + 1e-9 * b) for m, b in ((4, 1000), (4, 10**6), (8, 10**7))],
    )
    for name in ("step", "row", "leaf", "add", "update", "message", "byte"):
        assert getattr(found, name) == pytest.approx(getattr(costs, name), rel=1e-6), name
    shape = StepShape(n_parameters=10**6, batch_size=4096, leaves=64)
    assert found.step_s(shape, 64) == pytest.approx(costs.step_s(shape, 64))


def test_more_workers_compute_less_and_send_more() -> None:
    """Computing falls with the number of workers; what is sent does not."""
    costs = Costs(step=0, row=1e-5, leaf=0, add=0, update=1e-10, message=1e-5, byte=1e-9)
    shape = StepShape(n_parameters=10**6, batch_size=8192, leaves=1024)
    computing = [costs.compute_s(shape, n) for n in (1, 4, 64, 1024)]
    sending = [costs.exchange_s(shape, n) for n in (1, 4, 64, 1024)]
    assert computing == sorted(computing, reverse=True)
    assert sending == sorted(sending) and sending[0] == 0
