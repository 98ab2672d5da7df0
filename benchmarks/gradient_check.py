"""How often the gradient check rejects correct gradients, and how often it detects wrong ones.

    python benchmarks/gradient_check.py [--healthy 200] [--planted 300]

Healthy: trained networks of every activation on real tables, with raw and scaled inputs, confident outputs, decayed
weights, float32 and float64. Planted: one entry of a tensor, at least a thousandth of its largest, is off by one part
in ten thousand.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.engine.numpy import NumpyEngine
from chainrule.reference.activations import ACTIVATIONS
from chainrule.verify.gradients import check_gradients
from sklearn import datasets

HIDDEN = [name for name, entry in ACTIVATIONS.items() if entry.elementwise and name != "exponential"]


def tables() -> dict[str, tuple[Any, Any, str]]:
    """Inputs and answers of sets that come with scikit-learn; what is predicted."""
    record = {}
    for name in ("iris", "wine", "breast_cancer", "digits"):
        record[name] = (*getattr(datasets, f"load_{name}")(return_X_y=True), "class")
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    record["diabetes"] = (X, y, "values")
    return record


def trained(rng: np.random.Generator) -> tuple[str, cr.Network, Any, Any]:
    """A network after a training that went well or is far past it, and rows."""
    sets = tables()
    name = str(rng.choice(list(sets)))
    X, y, kind = sets[name]
    raw = bool(rng.random() < 0.3)
    X = X if raw else (X - X.mean(0)) / np.where(X.std(0) > 0, X.std(0), 1)
    activation, dtype = str(rng.choice(HIDDEN)), str(rng.choice(["float32", "float64"]))
    sizes = [X.shape[1], *rng.choice([4, 8, 16], size=int(rng.integers(1, 3))).tolist()]
    epochs, l2 = int(rng.choice([1, 30, 300])), float(rng.choice([0, 0, 0.01]))
    if kind == "class":
        two = len(np.unique(y)) == 2
        output, loss = ("sigmoid" if two else "softmax"), "cross_entropy"
        sizes.append(1 if two else len(np.unique(y)))
    else:
        output, loss = "identity", str(rng.choice(["squared_error", "huber"]))
        sizes.append(1)
    network = cr.Network(sizes, activation, output, loss, dtype=dtype, seed=int(rng.integers(1000)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = cr.train(network, X, y, optimizer=cr.Adam(0.01), epochs=epochs, l2=l2, progress=False)
    rows = rng.permutation(len(X))[:32]
    what = (
        f"{name}{' raw' if raw else ''} {'-'.join(map(str, sizes))} {activation} {loss} {dtype} {epochs} epochs l2 {l2}"
    )
    return what, run.network, X[rows], y[rows]


class Wrong(NumpyEngine):
    """An engine whose gradient of one entry is off by one part in ten thousand."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng, self.place = rng, ""

    def backward(self, *args: Any, **how: Any) -> Any:
        """The gradient of the reference, with the fault added."""
        result = super().backward(*args, **how)
        tensors = {f"dW{l}": result.dW[l] for l in range(1, len(result.dW))}
        tensors |= {f"db{l}": result.db[l] for l in range(1, len(result.db))}
        while True:
            name = str(self.rng.choice(list(tensors)))
            tensor = tensors[name].reshape(-1)
            large = np.flatnonzero(np.abs(tensor) >= 1e-3 * np.abs(tensor).max(initial=0.0))
            if len(large) and np.abs(tensor).max() > 0:
                at = int(self.rng.choice(large))
                tensor[at] *= 1 + 1e-4
                self.place = f"{name}[{at}] = {tensor[at]:.3g}"
                return result


def healthy(n: int) -> Iterator[str]:
    """False accusations among n checks."""
    rng, unresolved = np.random.default_rng(1), 0
    for _ in range(n):
        what, network, X, y = trained(rng)
        check = cr.check_gradients(network, X, y)
        unresolved += any(not tensor.resolved for tensor in check.tensors.values())
        if not check.passed:
            yield f"accused: {what}: {check.max_relative_error:.1e}"
    print(f"{n} healthy networks, {unresolved} with a tensor that cannot be resolved")


def planted(n: int) -> Iterator[str]:
    """Faults that are not found among n."""
    rng, n_unresolved = np.random.default_rng(2), 0
    for _ in range(n):
        what, network, X, y = trained(rng)
        targets, _ = network.encode(y, len(X))
        engine = Wrong(rng)
        X = np.asarray(X, network.architecture.dtype)
        check = check_gradients(engine, network.parameters, X, targets, max_entries=10**6)
        if check.passed and not check.tensors[engine.place.split("[")[0][1:]].resolved:
            n_unresolved += 1
        elif check.passed:
            yield f"not found: {what}: {engine.place}"
    print(f"{n} planted errors, {n_unresolved} of them in a tensor that is said to be beyond what can be resolved")


def main() -> None:
    """Print what went wrong, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--healthy", type=int, default=200)
    parser.add_argument("--planted", type=int, default=300)
    options = parser.parse_args()
    for title, result in (("accused", list(healthy(options.healthy))), ("not found", list(planted(options.planted)))):
        print(*result, f"{title}: {len(result)}", sep="\n")


if __name__ == "__main__":
    main()
