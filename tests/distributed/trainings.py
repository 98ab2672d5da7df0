"""Trainings of several kinds, done by all processes that were started together; worker 0 prints what came out.

python trainings.py FOLDER EPOCHS [only]: a line of JSON with a checksum for each; FOLDER keeps a run that is resumed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.distributed import team

RNG = np.random.default_rng(7)
X = RNG.normal(size=(90, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 90)
WEIGHT = RNG.uniform(0, 2, 90)
WEIGHT[::7] = 0
KINDS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": cr.SGD(0.1)},
    "momentum, clipped, weighted": {
        "optimizer": cr.SGD(0.1, momentum=0.9), "clip_norm": 0.1, "l2": 0.01, "sample_weight": WEIGHT,
    },
    "adam, dropout": {"optimizer": cr.Adam(0.01), "dropout": 0.3, "validation": 0.2},
    "adamw, scheduled": {"optimizer": cr.AdamW(0.01), "schedule": "cosine", "warm_up": 0.1, "l1": 0.001},
    "numpy": {"engine": "numpy", "optimizer": cr.Adam(0.01)},
}  # fmt: skip


def trained(name: str, **more: Any) -> str:
    normalization = "layer" if "adam" in name else None
    net = cr.Network([6, 17, 9, 3], activation="tanh", normalization=normalization, seed=2)
    how = {"batch_size": 25, "epochs": 3, "leaves": 8, "progress": False, **KINDS[name], **more}
    run = cr.train(net, X, Y, **how)
    losses = np.array(run.history["loss"])
    step = run.replay(run.n_steps - 1)
    found = (run.network.parameters.flat, losses, step.update.new.W[1])
    return hashlib.sha256(b"".join(array.tobytes() for array in found)).hexdigest()


def main(folder: Path, epochs: int, kinds: list[str]) -> None:
    own = team.join()
    if not own.leads:
        own.follow()
        return
    found: dict[str, Any] = {"workers": own.comm.size}
    for threads in (1, 2):
        own.stated_threads = threads
        for name in kinds:
            found.setdefault(name, []).append(trained(name))
    if epochs:
        found["resumed"] = [trained("adam, dropout", directory=folder / "run", epochs=epochs, resume=True)]
    print(json.dumps(found), flush=True)
    own.end(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [] if len(sys.argv) > 3 else list(KINDS))
