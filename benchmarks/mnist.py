"""Seconds that MNIST takes on one core: Nielsen's 30 epochs of 784-30-10, and 784-100-10 to 98 % on the test rows.

    python benchmarks/mnist.py mnist.npz [--threads 1]

mnist.npz holds x_train (60000, 28, 28), y_train, x_test, y_test. Times are those of the whole call of train, with the
accuracy on all test rows after every epoch.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import chainrule as cr

TARGET = 0.98


def load(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels in 0 … 1 and digits, of the training and the test rows."""
    with np.load(path, allow_pickle=False) as content:
        parts = [content[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    x, y, x_test, y_test = parts
    flat = [np.ascontiguousarray(rows.reshape(len(rows), -1) / np.float32(255), np.float32) for rows in (x, x_test)]
    return flat[0], y.astype(int), flat[1], y_test.astype(int)


def book(data: tuple[np.ndarray, ...], threads: int) -> None:
    """Chapter 1: sigmoid units, quadratic cost, η = 3, batches of 10 of the first 50,000 rows."""
    x, y, x_test, y_test = data
    net = cr.Network([784, 30, 10], "sigmoid", "sigmoid", "squared_error", "standard_normal")
    began = time.perf_counter()
    run = cr.train(
        net, x[:50_000], y[:50_000], validation=(x_test, y_test), optimizer=cr.SGD(3.0), batch_size=10, epochs=30,
        threads=threads, progress=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    print(f"784-30-10, 30 epochs of 5,000 steps: {seconds:.1f} s, best {max(run.history['accuracy']):.2%}", flush=True)


def to_98_percent(data: tuple[np.ndarray, ...], threads: int) -> None:
    """ReLU, cross-entropy, L2, Adam with a cosine schedule, until 98 % of the test rows are right."""
    x, y, x_test, y_test = data
    net = cr.Network([784, 100, 10], "relu", "softmax", "cross_entropy")

    def stop_at_target(control: object) -> None:
        if control.history["accuracy"][-1] >= TARGET:
            control.stop()

    began = time.perf_counter()
    run = cr.train(
        net, x, y, validation=(x_test, y_test), optimizer=cr.Adam(0.002), batch_size=64, epochs=20, l2=1e-5,
        schedule="cosine", threads=threads, callbacks=[stop_at_target], progress=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    curve = run.history["accuracy"]
    print(f"784-100-10 to {max(curve):.2%} in {len(curve)} epochs: {seconds:.1f} s", flush=True)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="mnist.npz")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    data = load(options.path)
    book(data, options.threads)
    to_98_percent(data, options.threads)


if __name__ == "__main__":
    main()
