"""What a notebook shows of a network, a history and a step, as HTML; and the table of a network's layers as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.html_text import FAULT, card, curves, paragraph, picture, some, table, unfolding
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.network.records import StepRecord
from chainrule.text.tables import aligned, counted, number

LAYERS = ("layer", "units", "activation", "parameters")
MOST_DRAWN, MOST_LETTERS = 3, 42_000
"""Layers and letters of a drawing in a notebook."""
LOSSES, BESIDE = ("loss", "validation_loss"), ("penalty", "learning_rate", "seconds")
"""Names of a history: what is drawn together, and what is no metric."""


def _layers(architecture: Architecture) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [(0, architecture.n_inputs, "inputs", 0)]
    if architecture.inputs is not None:
        how = ", ".join(["inputs", *(kind.label for kind in architecture.inputs.kinds)])
        rows = [(0, architecture.n_inputs, how, architecture.inputs.n_parameters)]
    for l, layer in enumerate(architecture.layers, start=1):
        parts = [layer.activation, *([] if layer.kind is None else [layer.kind.label])]
        how = ", ".join([*parts, *(["residual"] if layer.residual else [])])
        rows.append((l, layer.n_out, how, layer.n_parameters))
    return rows


def _facts(architecture: Architecture) -> str:
    n = counted(architecture.n_parameters, "parameter")
    return f"{n}, loss {architecture.loss}, {architecture.dtype}"


def network_summary(architecture: Architecture) -> str:
    """A line for every layer, and the sum."""
    rows = [LAYERS, *((str(l), f"{n:,}", how, f"{size:,}") for l, n, how, size in _layers(architecture))]
    return "\n".join([*aligned(rows, indent=0), f"{architecture}: {_facts(architecture)}"])


def network_html(architecture: Architecture, parameters: Parameters) -> str:
    """The same, with the size of each layer's weights."""
    rows = []
    for l, n, how, size in _layers(architecture):
        weights = parameters.W[l] if l else None
        rows.append((l, n, how, size, "" if weights is None else _rms(weights)))
    return card(
        f"Network {architecture}",
        paragraph(_facts(architecture)),
        table([*LAYERS, "rms of W"], some(rows, 12, 4)),
    )


def history_html(history: Mapping[str, Sequence[float]]) -> str:
    """Curves of the losses and of the metrics, and a table of the first and the last epochs."""
    metrics = {name: values for name, values in history.items() if name not in (*LOSSES, *BESIDE)}
    losses = {name: history[name] for name in LOSSES if name in history}
    n = max(map(len, history.values()), default=0)
    rows = [
        [epoch, *(values[epoch] if epoch < len(values) else "" for values in history.values())] for epoch in range(n)
    ]
    shown = table(["epoch", *history], some(rows, 3, 5), numbers_from=0) if rows else ""
    return "".join([curves(losses, "epoch"), curves(metrics, "epoch"), shown])


def step_html(step: Any) -> str:
    """The passes and the update of a step, layer by layer."""
    record: StepRecord = step.record
    update, old, new = record.update, record.update.old, record.update.new
    head = f"Step {step.step:,} of {step.n_steps:,}, epoch {step.epoch:,}"
    facts = (
        f"J = {number(record.backward.loss)} on {counted(len(step.rows), 'row')}; "
        f"{step.optimizer.get('name')}, learning rate {number(update.learning_rate)}; {step.engine} engine"
    )
    rows = []
    for l, layer in enumerate(step.architecture.layers, start=1):
        W, change = old.W[l], new.W[l].astype(np.float64) - old.W[l]
        ratio = _rms(change) / size if (size := _rms(W)) else 0.0
        passes = (record.forward.z[l], record.forward.a[l], record.backward.delta[l], record.backward.dW[l])
        rows.append((l, " × ".join(map(str, W.shape)), layer.activation, *map(_rms, passes), ratio))
    names = ("layer", "W", "activation", "z", "a", "delta", "dW", "‖ΔW‖ / ‖W‖")
    batch = ", ".join(f"{row:,}" for row in step.rows[:24]) + (", …" if len(step.rows) > 24 else "")
    return card(
        head,
        paragraph(facts),
        _drawn(step),
        table(names, some(rows, 12, 4)),
        paragraph(
            "z, a, delta, dW: root mean square of the entries. step.explain() has the numbers, step.why(name) one, "
            "step.svg(row) draws them."
        ),
        unfolding("rows of the batch", paragraph(batch)),
    )


def _drawn(step: Any) -> str:
    """The drawing of the first row, of fewer units where it is large; nothing where the network has too many layers."""
    from chainrule.explain.step.drawn import step_svg

    if len(step.architecture.layers) > MOST_DRAWN:
        return ""
    for units in (5, 4, 3):
        svg = step_svg(step, row=0, language="en", units=units, theme="light", inputs=None, outputs=None, styled=False)
        if len(svg) <= MOST_LETTERS:
            return picture(svg)
    return ""


def run_html(run: Any) -> str:
    """What was trained, how it ended, the curves, and the epochs in a table."""
    result, history = run.result, run.history
    facts = [
        ("network", f"{run.network.architecture}: {_facts(run.network.architecture)}"),
        ("optimizer", repr(run.settings.optimizer)),
        ("trained", f"{counted(len(history.get('loss', [])), 'epoch')}, {counted(run.n_steps, 'step')}"),
        ("stopped by", f"{result.get('stopped')}, after {number(result.get('seconds', 0.0))} s"),
    ]
    if result.get("best_epoch") is not None and result.get("metric") not in (None, "loss"):
        facts.append(("best epoch", f"{result['best_epoch']:,} by {result['metric']} {number(result['best_score'])}"))
    if run.index is not None:
        facts.append(("training rows", f"{len(run.index):,}"))
    if run.record.pipeline is not None and "neighbours" in run.record.pipeline:
        n_held = len(run.record.pipeline_arrays["neighbours.rows"])
        facts.append(("neighbours", f"the model stores {n_held:,} training rows and their targets"))
    if run.events:
        facts.append(("events", f"{len(run.events):,}"))
    if run.directory is not None:
        facts.append(("directory", str(run.directory)))
    return card(
        f"Run {run.network.architecture}",
        table(("", ""), facts, numbers_from=2),
        "" if run.diverged is None else paragraph(str(run.diverged), FAULT),
        history_html(history),
    )


def _rms(array: Any) -> float:
    with np.errstate(all="ignore"):
        return float(np.sqrt((np.asarray(array, np.float64) ** 2).mean())) if array.size else 0.0
