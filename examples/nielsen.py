"""Nielsen's "Neural Networks and Deep Learning", chapters 1, 3 and 5, on MNIST: published values and ours.

    python examples/nielsen.py mnist.npz [--seeds 3] [--rows 1,7,25] [--quick]

mnist.npz holds x_train (60000, 28, 28), y_train, x_test, y_test. As in the book, the first 50,000 rows
train and pixels are divided by 256. Quadratic cost is squared error on sigmoid outputs, cross-entropy is
that of independent sigmoid outputs, Nielsen's λ is l2 = λ/n, and both start from his random weights.

A published value comes from one run with a different random stream. Our runs may differ by a band around it:
`tolerance` in points of accuracy. Runs meant to fail have a band around chance. Exit code 1 if a mean
lies outside its band.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

import chainrule as cr


@dataclass(frozen=True)
class Row:
    """One row of the table: what is trained, and what the book reports."""

    number: int
    hidden: int
    loss: str
    initializer: str
    learning_rate: float
    published: float
    tolerance: float
    epochs: int = 30
    lambda_: float = 0.0
    n_train: int = 50_000
    judged: str = "best"
    """"best" or "last" test accuracy over the epochs, or that of the "first" epoch."""
    note: str = ""


LARGE, SCALED = "standard_normal", "scaled_normal"
QUADRATIC, ENTROPY = "squared_error", "cross_entropy"
ROWS = (
    Row(1, 30, QUADRATIC, LARGE, 3.0, 95.42, 0.8),
    Row(2, 100, QUADRATIC, LARGE, 3.0, 96.59, 1.5, note="from most starts some outputs stay low"),
    Row(3, 100, QUADRATIC, LARGE, 0.001, 21.42, 12.0, judged="last", note="too small: hardly learns"),
    Row(4, 30, QUADRATIC, LARGE, 100.0, 9.82, 4.0, judged="last", note="too large: stays at chance"),
    Row(7, 30, ENTROPY, LARGE, 0.5, 95.49, 0.8),
    Row(8, 100, ENTROPY, LARGE, 0.5, 96.82, 0.6),
    Row(10, 30, ENTROPY, LARGE, 0.5, 95.33, 0.8, judged="last", note="without regularisation"),
    Row(12, 30, ENTROPY, LARGE, 0.5, 96.49, 0.6, lambda_=5.0),
    Row(15, 30, ENTROPY, SCALED, 0.1, 92.70, 0.8, epochs=1, lambda_=5.0, judged="first", note="after one epoch"),
    Row(15, 30, ENTROPY, LARGE, 0.1, 86.43, 3.0, epochs=1, lambda_=5.0, judged="first", note="after one epoch"),
    Row(15, 30, ENTROPY, SCALED, 0.1, 96.53, 0.6, lambda_=5.0),
    Row(19, 30, ENTROPY, SCALED, 10.0, 9.67, 4.0, epochs=5, lambda_=1000.0, judged="last", note="hopeless: chance"),
)
SPEEDS = {2: (0.0657, 0.3092), 3: (0.0118, 0.0600, 0.2831), 4: (0.0030, 0.0171, 0.0695, 0.2851)}
"""Row 25: ‖δ‖ of each hidden layer at the start, 1,000 images, for 2, 3 and 4 hidden layers of 30."""
SPEED_FACTOR = 2.5
"""A start of another stream gives other norms; their band is this factor up and down."""


def load(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test rows as in the book."""
    with np.load(path, allow_pickle=False) as content:
        x, y = content["x_train"][:50_000], content["y_train"][:50_000]
        x_test, y_test = content["x_test"], content["y_test"]
    flat = [np.ascontiguousarray(rows.reshape(len(rows), -1) / np.float32(256), np.float32) for rows in (x, x_test)]
    return flat[0], y.astype(int), flat[1], y_test.astype(int)


def accuracy(row: Row, data: tuple[np.ndarray, ...], seed: int, epochs: int) -> float:
    """Test accuracy in percent of one run of a row."""
    x, y, x_test, y_test = data
    n = min(row.n_train, len(x))
    net = cr.Network([x.shape[1], row.hidden, 10], "sigmoid", "sigmoid", row.loss, row.initializer, seed=seed)
    run = cr.train(
        net, x[:n], y[:n], validation=(x_test, y_test), optimizer=cr.SGD(row.learning_rate), batch_size=10,
        epochs=epochs, l2=row.lambda_ / n, seed=seed, progress=False,
    )  # fmt: skip
    curve = 100 * np.array(run.history.get("accuracy", [0.0]))
    return float({"best": curve.max(), "last": curve[-1], "first": curve[0]}[row.judged])


def speeds(data: tuple[np.ndarray, ...], n_hidden: int, seed: int) -> list[float]:
    """‖δ‖ of every hidden layer before training: the norm of the mean of delta over 1,000 images."""
    x, y = data[0][:1000], data[1][:1000]
    sizes = [x.shape[1], *[30] * n_hidden, 10]
    net = cr.Network(sizes, "sigmoid", "sigmoid", ENTROPY, SCALED, dtype="float64", seed=seed)
    gradients = net.backward(x, y)
    return [float(np.linalg.norm(gradients.db[l])) for l in range(1, n_hidden + 1)]


def main(argv: list[str] | None = None) -> int:
    """Run the rows asked for, print the table, say by the exit code whether all lie in their bands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="mnist.npz")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each row (default 3)")
    parser.add_argument("--rows", default="1,2,3,4,7,8,10,12,15,19,25", help="numbers of the rows to run")
    parser.add_argument("--quick", action="store_true", help="the rows that take seconds: 15 after one epoch, 19, 25")
    options = parser.parse_args(argv)
    wanted = {int(number) for number in options.rows.split(",")}
    chosen = [row for row in ROWS if row.number in wanted]
    if options.quick:
        chosen = [row for row in ROWS if row.judged == "first"]
    data = load(options.path)
    table = Table("row", "setting", "published", "ours", "band", "", "s", box=box.SIMPLE)
    n_outside = 0
    for row in chosen:
        began = time.perf_counter()
        n_seeds = 1 if options.quick else options.seeds
        values = [accuracy(row, data, seed, row.epochs) for seed in range(n_seeds)]
        inside = abs(np.mean(values) - row.published) <= row.tolerance
        n_outside += not inside
        cost = "quadratic" if row.loss == QUADRATIC else "cross-entropy"
        start = "N(0,1)" if row.initializer == LARGE else "1/√n"
        table.add_row(
            str(row.number), f"{row.hidden} hidden, {cost}\n{start}, η {row.learning_rate:g}, λ {row.lambda_:g}",
            f"{row.published:.2f}", f"{np.mean(values):.2f} ± {np.ptp(values) / 2:.2f}", f"± {row.tolerance:g}",
            "within" if inside else "OUTSIDE", f"{time.perf_counter() - began:.0f}",
        )  # fmt: skip
        Console(stderr=True).print(
            f"row {row.number} {row.judged}: {', '.join(f'{v:.2f}' for v in values)}  {row.note}"
        )
    if 25 in wanted:
        n_outside += add_speeds(table, data, max(options.seeds, 3))
    Console().print(table)
    return 1 if n_outside else 0


def add_speeds(table: Table, data: tuple[np.ndarray, ...], n_seeds: int) -> int:
    """Row 25: the learning speed of every hidden layer at the start; returns how many lie outside."""
    n_outside = 0
    for n_hidden, published in SPEEDS.items():
        norms = np.array([speeds(data, n_hidden, seed) for seed in range(n_seeds)])
        mean = norms.mean(axis=0)
        factor = np.maximum(mean / published, np.array(published) / mean)
        inside = bool((factor <= SPEED_FACTOR).all() and (np.diff(mean) > 0).all())
        n_outside += not inside
        table.add_row(
            "25", f"{n_hidden} hidden layers of 30:\n‖δ‖ of each at the start",
            "\n".join(f"{p:.4f}" for p in published),
            "\n".join(f"{m:.4f}" for m in mean), f"× {SPEED_FACTOR:g}", "within" if inside else "OUTSIDE", "0",
        )  # fmt: skip
    return n_outside


if __name__ == "__main__":
    sys.exit(main())
