"""The small network of the page trains as the engine does, and its passes are the engine's."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

NODE = shutil.which("node")
STATIC = Path(cr.__file__).parent / "playground" / "static"
STEPS = 200
SAME = 1e-6
"""200 steps apart: rounding differs in the order of sums and the last bit of exp, and grows along the training."""
CASES = [
    ("tanh", "sigmoid", "cross_entropy", [2, 4, 2, 1], ("sgd", cr.SGD(0.1))),
    ("relu", "tanh", "squared_error", [2, 3, 1], ("adam", cr.Adam(0.01))),
    ("gelu", "sigmoid", "cross_entropy", [2, 5, 1], ("rmsprop", cr.RMSProp(0.005))),
    ("sigmoid", "sigmoid", "cross_entropy", [2, 1], ("adagrad", cr.Adagrad(0.1))),
]
SCRIPT = """
import {{ matrixOf, SmallNetwork }} from "{module}";
const given = JSON.parse(process.argv[1]);
const net = new SmallNetwork(given.architecture, Float64Array.from(given.theta));
const [X, y] = [matrixOf(given.X), matrixOf(given.y)];
const first = net.passes(X, y), losses = [];
for (let t = 0; t < given.steps; t++) losses.push(net.step(X, y, given.rule, given.eta).J);
console.log(JSON.stringify({{ losses, theta: [...net.theta], J: first.J, dtheta: [...first.dtheta] }}));
"""


def flat(W: Any, b: Any) -> list[float]:
    return [float(x) for l in range(1, len(W)) for array in (W[l], b[l]) for x in np.asarray(array).ravel()]


@pytest.mark.skipif(NODE is None, reason="node is not on this machine: install it to run the page's modules")
@pytest.mark.parametrize(("activation", "output", "loss", "sizes", "how"), CASES)
def test_200_steps_as_the_engine(activation: str, output: str, loss: str, sizes: list[int], how: Any) -> None:
    """The same weights, rows and rule: every loss, every weight after 200 steps, and the first gradient agree."""
    rule, optimizer = how
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 2)) * 2
    y = (np.hypot(*X.T) > 2).astype(float)[:, None] * (1.0 if output == "sigmoid" else 0.5)
    net = cr.Network(sizes, activation, output, loss, dtype="float64", seed=3)
    given = {
        "architecture": {
            "sizes": sizes, "activations": [activation] * (len(sizes) - 2) + [output], "loss": loss, "dtype": "float64",
        },
        "theta": flat(net.W, net.b), "X": X.tolist(), "y": y.tolist(), "steps": STEPS, "rule": rule,
        "eta": optimizer.learning_rate,
    }  # fmt: skip
    script = SCRIPT.format(module=(STATIC / "small_network.js").as_uri())
    command = [str(NODE), "--input-type=module", "--eval", script, json.dumps(given)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    g = net.backward(X, y)
    assert found["J"] == pytest.approx(g.loss, abs=1e-12)
    np.testing.assert_allclose(found["dtheta"], flat(g.dW, g.db), atol=1e-12)
    run = cr.train(net, X, y, optimizer=optimizer, batch_size=40, epochs=STEPS, progress=False)
    first = run.replay(STEPS - 1).backward.loss
    assert found["losses"][-1] == pytest.approx(first, abs=SAME)
    np.testing.assert_allclose(found["theta"], flat(run.network.W, run.network.b), atol=SAME)
