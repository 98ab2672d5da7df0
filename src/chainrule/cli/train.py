"""chainrule train: from a table to a run."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.api.train import train
from chainrule.cli.parser import TRAIN_DEFAULTS
from chainrule.cli.subject import baseline, scores
from chainrule.data import split
from chainrule.data.table import BUILT_IN, Table, is_classification, read, require_target
from chainrule.errors import DivergenceWarning, SettingsError
from chainrule.pipeline.numeric import NumericPipeline
from chainrule.training.settings import OPTIMIZER_CLASSES, OPTIMIZER_SETTINGS, SETTINGS, Optimizer, Setting, optimizer_from

Array = npt.NDArray[Any]
PASSED = ("batch_size", "epochs", "l2", "l1", "dropout", "clip_norm", "schedule", "warm_up", "decay_factor", "decay_every",
          "early_stopping", "seed", "shuffle", "threads", "time_limit")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Read, understand, train, measure, tell."""
    settings = {name: _value(options, SETTINGS[name]) for name in PASSED}
    optimizer = _optimizer(options)
    drop = [name for name in options.drop.split(",") if name]
    table = read(options.data, target=options.target, drop=drop, weight=options.weight)
    target = require_target(table)
    classification = is_classification(target, options.task)
    rows, held_out = _hold_out(options, table, classification, int(settings["seed"]))
    pipeline = NumericPipeline.fit(
        table.columns, rows.X, require_target(rows), target=table.target_name, classification=classification
    )
    network = _network(options, pipeline, require_target(rows), int(settings["seed"]), classification)
    test = _test(options, table, drop)
    tell = not (options.quiet or options.json)
    if tell:
        _tell_understood(options, table, rows, held_out, network, classification, optimizer, settings)
    with _warnings_to_stderr():
        result = train(
            network,
            pipeline.features(rows.columns, rows.X),
            pipeline.encode(require_target(rows)),
            validation=_pair(pipeline, held_out),
            optimizer=optimizer,
            metric=options.metric,
            sample_weight=rows.weight,
            class_weight=options.class_weight,
            engine=options.engine,
            directory=options.output_directory,
            resume=options.resume and options.output_directory is not None,
            progress=False if options.quiet or options.json else "auto",
            pipeline=pipeline,
            source={"data": str(options.data), "target": table.target_name, "n_rows": len(table)},
            **settings,
        )
    parts = {"validation": held_out} | ({"test": test} if test is not None else {})
    measured = {
        name: scores(result.network, pipeline, pipeline.features(part.columns, part.X, part.source), require_target(part), part.source)
        for name, part in parts.items()
    }
    simplest = {name: baseline(require_target(rows), require_target(part), classification) for name, part in parts.items()}
    _tell_result(options, result, measured, simplest, tell)
    return 130 if result.result["stopped"] == "interrupted" else 1 if result.diverged else 0


def _value(options: argparse.Namespace, setting: Setting) -> Any:
    """An option's value in the setting's kind and range; the default where it was not given."""
    given = getattr(options, setting.name)
    if given is None:
        return TRAIN_DEFAULTS.get(setting.name, setting.default)
    if isinstance(given, str) and setting.kind in (int, float):
        if given.lower() == "none" and setting.optional:
            return None
        with contextlib.suppress(ValueError):
            number = float(given)
            given = int(number) if setting.kind is int and number.is_integer() else number
    return setting.check(given)


def _optimizer(options: argparse.Namespace) -> Optimizer:
    name = SETTINGS["optimizer"].check(options.optimizer or SETTINGS["optimizer"].default)
    legal = [item.name for item in fields(OPTIMIZER_CLASSES[name])]
    values: dict[str, Any] = {"name": name}
    if options.learning_rate is not None:
        values["learning_rate"] = _value(options, SETTINGS["learning_rate"])
    elif name in ("adam", "adamw", "rmsprop"):
        values["learning_rate"] = TRAIN_DEFAULTS["learning_rate"]
    for key, setting in OPTIMIZER_SETTINGS.items():
        if getattr(options, key) is not None:
            if key not in legal:
                raise SettingsError(f"--{key.replace('_', '-')} is no setting of optimizer {name!r}; its settings: {', '.join(legal)}.")
            values[key] = _value(options, setting)
    return optimizer_from(values)


def _hold_out(options: argparse.Namespace, table: Table, classification: bool, seed: int) -> tuple[Table, Table]:
    """Training rows and the rows that judge epochs."""
    share = 0.2
    if options.valid is not None:
        try:
            share = float(options.valid)
        except ValueError:
            drop = [name for name in options.drop.split(",") if name]
            return table, read(options.valid, target=options.target, drop=drop, weight=options.weight, part="test")
        if not 0 < share < 1:
            raise SettingsError(f"--valid {options.valid} is not possible; expected a file, or a share between 0 and 1.")
    target = require_target(table)
    classes = np.unique(target, return_inverse=True)[1] if classification and target.ndim == 1 else None
    kept, out = split.holdout(len(table), share, seed, classes)
    return table.take(kept), table.take(out)


def _test(options: argparse.Namespace, table: Table, drop: list[str]) -> Table | None:
    if options.test is not None:
        return read(options.test, target=options.target, drop=drop, weight=options.weight, part="test")
    return read(options.data, part="test") if options.data in BUILT_IN else None


def _network(
    options: argparse.Namespace, pipeline: NumericPipeline, y: Array, seed: int, classification: bool
) -> Network:
    hidden = _hidden(options.network)
    if classification:
        n_outputs = y.shape[1] if y.ndim == 2 else len(pipeline.classes or ())
        output, loss = ("sigmoid" if y.ndim == 2 else "softmax"), "cross_entropy"
    else:
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        output, loss = "identity", "squared_error"
    output = output if options.output == "auto" else options.output
    loss = loss if options.loss == "auto" else options.loss
    if classification and output == "softmax" and n_outputs == 1:
        n_outputs = 2  # one class only; train refuses it by name
    sizes = [len(pipeline.columns), *hidden, n_outputs]
    return Network(sizes, options.activation, output, loss, options.initializer, options.dtype, seed)


def _hidden(given: str | None) -> list[int]:
    if given is None:
        return [64, 64]
    try:
        sizes = [int(part) for part in given.split(",")]
    except ValueError:
        sizes = [-1]
    if sizes == [0]:
        return []
    if min(sizes) < 1:
        raise SettingsError(f"--network {given} is not possible; expected sizes such as 64,64, or 0 for no hidden layer.")
    return sizes


def _pair(pipeline: NumericPipeline, part: Table) -> tuple[Array, Array] | tuple[Array, Array, Array]:
    X = pipeline.features(part.columns, part.X, part.source)
    y = pipeline.encode(require_target(part), part.source)
    return (X, y) if part.weight is None else (X, y, part.weight)


@contextlib.contextmanager
def _warnings_to_stderr() -> Any:
    """A divergence is told in one line, like an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if issubclass(warning.category, DivergenceWarning):
            print(f"chainrule: {warning.message}", file=sys.stderr)
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _tell_understood(
    options: argparse.Namespace, table: Table, rows: Table, held_out: Table, network: Network, classification: bool,
    optimizer: Optimizer, settings: dict[str, Any],
) -> None:  # fmt: skip
    from chainrule.cli.console import say

    target = require_target(table)
    what = f"{table.target_name}, {'classes' if classification else 'values'}"
    if classification and target.ndim == 1:
        names = [str(name) for name in np.unique(target)]
        what += f": {', '.join(names[:6])}{', …' if len(names) > 6 else ''} ({len(names)})"
    told = {
        "data": f"{table.source}: {len(table):,} rows, {len(table.columns)} columns (standardised)",
        "target": what,
        "rows": f"{len(rows):,} to train, {len(held_out):,} to judge epochs by",
        "network": repr(network).removeprefix("Network(").removesuffix(")"),
        "training": f"{optimizer.name}, η = {optimizer.learning_rate:g}, batches of {settings['batch_size']}, "
        f"at most {settings['epochs']} epochs",
        "engine": network.engine.name,
    }
    say(told)


def _tell_result(
    options: argparse.Namespace, run: Run, measured: dict[str, dict[str, float]], simplest: dict[str, dict[str, float]], tell: bool
) -> None:
    if options.json:
        told = {**run.result, "directory": None if run.directory is None else str(run.directory), **measured, "baseline": simplest}
        print(json.dumps(told, ensure_ascii=False))
        return
    if not tell:
        return
    from chainrule.cli.console import say, scores_table

    best = run.result["best_epoch"]
    print()
    scores_table(measured, simplest)
    end = {
        "stopped": f"{run.result['stopped']} after {run.result['epochs']} epochs, {run.n_steps:,} steps, {run.result['seconds']:.1f} s",
        "best epoch": "none was completed" if best is None else f"{best} (from 0), kept in the model",
    }
    if run.directory is not None:
        end |= {"run": str(run.directory), "model": str(Path(run.directory) / "model.safetensors")}
    say(end)
