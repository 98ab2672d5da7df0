"""A training that takes a while: python long_training.py RUN EPOCHS, by all processes that were started together."""

from __future__ import annotations

import sys
import time

import numpy as np

import chainrule as cr
from chainrule.distributed import team


def main(directory: str, epochs: int) -> int:
    own = team.join()
    if not own.leads:
        return own.follow()
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(200, 6)), rng.integers(0, 3, 200)
    net = cr.Network([6, 20, 3], seed=2)
    cr.train(
        net, X, y, epochs=epochs, batch_size=50, leaves=8, dropout=0.1, directory=directory, resume=True,
        progress=False, callbacks=[lambda control: time.sleep(0.02)],
    )  # fmt: skip
    own.end(0)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
