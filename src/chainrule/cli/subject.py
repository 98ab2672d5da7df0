"""What a command is about: a run or model with its pipeline, and a table fitted to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.load import Model, load
from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.data.table import Table, read
from chainrule.errors import SettingsError
from chainrule.pipeline.numeric import NumericPipeline

Array = npt.NDArray[Any]


def open_model(path: str) -> tuple[Run | Model, Network, NumericPipeline]:
    """A run or model file, its network and its pipeline."""
    loaded = load(path)
    if loaded.pipeline is None:
        raise SettingsError(f"{path}: was trained on plain arrays, without column names; use it from Python.")
    return loaded, loaded.network, NumericPipeline.restore(loaded.pipeline, loaded.pipeline_arrays)


def open_run(path: str) -> Run:
    """A run directory."""
    loaded = load(path)
    if not isinstance(loaded, Run):
        raise SettingsError(f"{path}: is a model file; expected a run directory, which also holds steps and checkpoints.")
    return loaded


def open_table(data: str, pipeline: NumericPipeline, *, need_target: bool) -> tuple[Table, Array]:
    """A table (the test part of a built-in set) and its features as network inputs."""
    names = None
    if pipeline.target is not None and (need_target or _has_column(data, pipeline.target)):
        names = pipeline.target
    table = read(data, target=names, part="test")
    if need_target and table.target is None:
        raise SettingsError(f"{data}: has no target; expected the column {pipeline.target!r}.")
    return table, pipeline.features(table.columns, table.X, table.source)


def _has_column(data: str, name: str) -> bool:
    from pathlib import Path

    from chainrule.data.table import CSV_ENDINGS

    if not Path(data).is_file() or not data.lower().endswith(CSV_ENDINGS):
        return False
    from chainrule.data.csv import header

    return name in header(Path(data))


def scores(network: Network, pipeline: NumericPipeline, X: Array, y: Array, source: str) -> dict[str, float]:
    """Flat measures of a network on rows: accuracy, log_loss, auc …, or rmse, mae, r2."""
    from sklearn import metrics

    told: dict[str, float] = {"n_rows": len(X)}
    if pipeline.classes is None and len(pipeline.target_mean):
        guess, truth = pipeline.decode(network.predict(X)), np.asarray(y, dtype=np.float64)
        told["rmse"] = float(metrics.root_mean_squared_error(truth, guess))
        told["mae"] = float(metrics.mean_absolute_error(truth, guess))
        told["r2"] = float(metrics.r2_score(truth, guess)) if len(truth) > 1 else float("nan")
        return told
    index, guess = pipeline.encode(y, source), network.predict(X)
    if index.ndim == 2:
        told["accuracy"] = float((guess == index).all(axis=1).mean())
        told["f1_macro"] = float(metrics.f1_score(index, guess, average="macro", zero_division=0))
        return told
    probability = network.predict_proba(X).astype(np.float64)
    probability /= probability.sum(axis=1, keepdims=True)
    labels = np.arange(probability.shape[1])
    told["accuracy"] = float(metrics.accuracy_score(index, guess))
    told["balanced_accuracy"] = float(np.mean([np.mean(guess[index == c] == c) for c in np.unique(index)]))
    told["log_loss"] = float(metrics.log_loss(index, probability, labels=labels))
    told["f1_macro"] = float(metrics.f1_score(index, guess, average="macro", zero_division=0))
    if len(np.unique(index)) == len(labels):
        two = len(labels) == 2
        told["auc"] = float(metrics.roc_auc_score(index, probability[:, 1] if two else probability, multi_class="ovr"))
    return told


def baseline(y_train: Array, y: Array, classification: bool) -> dict[str, float]:
    """The same measure for the simplest prediction: the majority class, or the mean."""
    if classification:
        if y_train.ndim == 2:
            guess = (y_train.mean(axis=0) >= 0.5).astype(int)
            return {"accuracy": float((y == guess).all(axis=1).mean())}
        values, counts = np.unique(y_train, return_counts=True)
        return {"accuracy": float(np.mean(y == values[counts.argmax()]))}
    mean = np.asarray(y_train, dtype=np.float64).mean(axis=0)
    return {"rmse": float(np.sqrt(np.mean((np.asarray(y, dtype=np.float64) - mean) ** 2)))}
