"""One checksum whatever computes it: python same_bits.py [--quick].

1, 2, 3, 4 workers (through common memory, and by messages) × 1, 2 threads × the instruction sets of this processor do
the same trainings: SGD, momentum, Adam, AdamW × plain, dropout, weights of rows, clipping, layer normalisation, all of
them together; and a run that goes on with another number of workers each time. One line for each way, with one sha256
over all trainings; exit code 1 where they are not all the same. --quick: the slowest of these instruction sets alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.distributed import mpi, team
from chainrule.distributed.mpiexec import command_of, environment_of, mpiexec
from chainrule.engine.native import instruction_sets

RNG = np.random.default_rng(7)
X, Y, WEIGHT = RNG.normal(size=(90, 6)).astype(np.float32), RNG.integers(0, 3, 90), RNG.uniform(0, 2, 90)
OPTIMIZERS = {
    "SGD": cr.SGD(0.1), "momentum": cr.SGD(0.1, momentum=0.9), "Adam": cr.Adam(0.01), "AdamW": cr.AdamW(0.01),
}  # fmt: skip
FEATURES: dict[str, dict[str, Any]] = {
    "plain": {}, "dropout": {"dropout": 0.3}, "weights": {"sample_weight": WEIGHT}, "clipping": {"clip_norm": 0.1},
    "layer normalisation": {"normalization": "layer"},
}  # fmt: skip
FEATURES["all of them"] = {name: value for feature in FEATURES.values() for name, value in feature.items()}


def trained(optimizer: str, features: str, **more: Any) -> str:
    """The checksum of parameters, losses and one replayed step."""
    how = dict(FEATURES[features])
    net = cr.Network([6, 17, 9, 3], activation="tanh", normalization=how.pop("normalization", None), seed=2)
    how = {"batch_size": 25, "epochs": 3, "leaves": 8, "progress": False, "l2": 0.001, **how, **more}
    run = cr.train(net, X, Y, optimizer=OPTIMIZERS[optimizer], **how)
    step = run.replay(run.n_steps - 2)
    found = (run.network.parameters.flat, np.array(run.history["loss"]), step.update.new.W[1])
    return hashlib.sha256(b"".join(array.tobytes() for array in found)).hexdigest()


def work(folder: Path, epochs: int, by_messages: bool) -> None:
    """What every worker does; worker 0 prints a line for each number of threads."""
    if by_messages:
        mpi.common_memory = lambda *_: None  # as between machines
    own = team.join()
    if not own.leads:
        own.follow()
        return
    for threads in (1, 2):
        own.stated_threads = threads
        found = {f"{o}, {f}": trained(o, f) for o in OPTIMIZERS for f in FEATURES}
        print(json.dumps({"threads": threads, "found": found}), flush=True)
    print(json.dumps({"goes on": trained("Adam", "all of them", directory=folder, epochs=epochs, resume=True)}))
    own.end(0)


def started(n_workers: int, isa: str, folder: Path, epochs: int, by_messages: bool) -> list[dict[str, Any]]:
    """The lines of one way."""
    path = mpiexec()
    with tempfile.TemporaryDirectory() as room:
        environment = {**environment_of(path, Path(room), n_workers), "CHAINRULE_ISA": isa}
        environment.pop("CHAINRULE_JOB")
        how = ["messages"] * by_messages
        told = [*command_of(path, n_workers), sys.executable, __file__, str(folder), str(epochs), *how]
        done = subprocess.run(told, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise SystemExit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main() -> int:
    """All ways."""
    sets = [isa for isa in instruction_sets() if isa in ("avx2", "avx512", "neon")]
    isas, different = sets[-1:] if "--quick" in sys.argv else sets, set()
    sums: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        epochs = 0
        for by_messages in (False, True):
            for isa in isas:
                for n_workers in (1, 2, 3, 4):
                    epochs += 2
                    lines = started(n_workers, isa, Path(folder) / "run", epochs, by_messages)
                    for line in lines[:-1]:
                        for name, checksum in line["found"].items():
                            sums.setdefault(name, set()).add(checksum)
                        whole = hashlib.sha256(json.dumps(line["found"]).encode()).hexdigest()
                        different.add(whole)
                        way = f"{n_workers} workers, {line['threads']} threads, {isa}"
                        print(f"{way:32} {'messages' if by_messages else 'common memory':14} {whole[:16]}", flush=True)
        goes_on = lines[-1]["goes on"]
        at_once = started(1, sets[-1], Path(folder) / "at once", epochs, False)[-1]["goes on"]
    print(f"{len(sums)} trainings, {len(different)} checksum(s) over all ways")
    print(f"resumed with other workers {goes_on[:16]}, at once {at_once[:16]}")
    for name in [name for name, found in sums.items() if len(found) > 1]:
        print(f"differs: {name}")
    return int(len(different) != 1 or goes_on != at_once)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        os.environ.setdefault("OMP_NUM_THREADS", "2")
        work(Path(sys.argv[1]), int(sys.argv[2]), "messages" in sys.argv)
    else:
        sys.exit(main())
