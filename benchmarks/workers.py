"""One training by one and by two workers, in turns: python benchmarks/workers.py [ROUNDS].

Prints the shortest epoch of each way over all rounds, and what it is of one worker with one thread. Two workers are
processes with one thread each; beside them one process with two threads, and the default of one leaf.
"""

from __future__ import annotations

import sys

import numpy as np

import chainrule as cr

CASES = {
    "28-512-512-1, batch 4096": ([28, 512, 512, 1], 4096, 32768),
    "784-512-512-10, batch 512": ([784, 512, 512, 10], 512, 8192),
}
WAYS = {
    "1 worker": {"workers": 1, "threads": 1},
    "2 workers": {"workers": 2, "threads": 1},
    "1 worker, 2 threads": {"workers": 1, "threads": 2},
    "1 leaf": {"threads": 1},
}


def shortest(sizes: list[int], batch_size: int, n: int, how: dict[str, int]) -> float:
    """Seconds of the shortest of a few epochs."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, sizes[0])).astype(np.float32)
    y = X[:, :1] if sizes[-1] == 1 else rng.integers(0, sizes[-1], n)
    output = {"output": "identity", "loss": "squared_error"} if sizes[-1] == 1 else {}
    net = cr.Network(sizes, seed=0, **output)
    run = cr.train(net, X, y, batch_size=batch_size, epochs=4, keep_data=False, progress=False, report=False, **how)
    return min(run.history["seconds"])


def main(n_rounds: int) -> None:
    """All cases."""
    for name, case in CASES.items():
        best = dict.fromkeys(WAYS, np.inf)
        for _ in range(n_rounds):
            for way, how in WAYS.items():
                best[way] = min(best[way], shortest(*case, how))
        for way, seconds in best.items():
            print(f"{name}  {way:20} {seconds:7.3f} s an epoch  {best['1 worker'] / seconds:5.2f} x", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
