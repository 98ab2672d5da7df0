"""--to onnx: the whole model as one file, checked against predict on rows before it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule._version import __version__
from chainrule.api.prediction_columns import prediction_columns
from chainrule.data.table import Column, NumberColumn, Table
from chainrule.errors import SettingsError
from chainrule.export.onnx.columns import NO_TIME, WORD, inputs_of
from chainrule.export.onnx.graph import OnnxGraph
from chainrule.export.onnx.network import ONNX, TYPES, outputs_of
from chainrule.export.onnx.outputs import predictions
from chainrule.export.subject import Subject, refuse_without_text
from chainrule.pipeline.columns import NumberEncoder
from chainrule.run.files import refuse_unwritable, write_atomic
from chainrule.run.model import parameters_hash

Array = npt.NDArray[Any]
PROBABILITY_BOUND = 1e-5
VALUE_BOUND = 1e-4
"""The largest difference of a probability, and of a value relative to the spread of the predictions."""


@dataclass(frozen=True, kw_only=True)
class OnnxFile:
    """What was written, and how far its predictions are from those of predict."""

    path: Path
    n_bytes: int = 0
    difference: float | None
    """Of probabilities, or of values relative to their spread; None where no row was at hand to compare."""
    n_rows: int = 0
    n_other_classes: int = 0
    """Rows whose two best probabilities are equal within the bound, and whose class differs."""


def write_onnx(subject: Subject, path: Path, rows: Table | None, *, network_only: bool = False) -> OnnxFile:
    """Write the model; rows: some to compare its predictions on.

    Raises SettingsError for another ending, for what has no form in ONNX, and where the predictions of onnxruntime
    differ beyond the bound.
    """
    if path.suffix != ".onnx":
        raise SettingsError(f"{path}: must end with .onnx.")
    refuse_unwritable(path)
    onnx, runtime = _libraries()
    refuse_without_text(subject.architecture, ONNX)
    model = network_model(subject) if network_only or subject.pipeline is None else whole_model(subject)
    content = model.SerializeToString()
    onnx.checker.check_model(content, full_check=True)
    found = OnnxFile(path=path, difference=None)
    if rows is not None and len(rows) and subject.pipeline is not None:
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        found = _compared(subject, session, rows, path, network_only=network_only)
        onnx.helper.set_model_props(model, _about(model) | {"largest_difference": repr(found.difference)})
        content = model.SerializeToString()
    write_atomic(path, content)
    return replace(found, n_bytes=len(content))


def _libraries() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise SettingsError(f'--to onnx needs {error.name}. Install it with pip install "chainrule[onnx]".') from None
    return onnx, onnxruntime


def _about(model: Any) -> dict[str, str]:
    return {one.key: one.value for one in model.metadata_props}


def whole_model(subject: Subject) -> Any:
    """Raw columns in, predictions out."""
    assert subject.pipeline is not None
    graph = OnnxGraph()
    answers = predictions(graph, subject, inputs_of(graph, subject.pipeline))
    about = {f"output {name}": what for name, what in answers.items()}
    return graph.model("chainrule", {
        **_hashes(subject), **about, "targets": ", ".join(subject.pipeline.target.columns),
        "times": f"int64 seconds since 1970-01-01, missing {NO_TIME}", "numbers": "double, missing NaN",
        "texts": "missing: an empty string",
    })  # fmt: skip


def network_model(subject: Subject) -> Any:
    """Encoded inputs in, the output activation out; of an ensemble the mean."""
    if len(subject.networks) > 1:
        raise SettingsError("--network-only: must be of one network (got an ensemble). Export members/0 of the run.")
    from onnx import helper

    graph, a = OnnxGraph(), subject.architecture
    kind = TYPES[a.dtype]
    graph.inputs.append(helper.make_tensor_value_info("X", kind, ["N", a.n_inputs]))
    graph.output("output", outputs_of(graph, subject.networks[0], "X")[1], kind, ["N", a.n_outputs])
    return graph.model("chainrule", {**_hashes(subject), "loss": a.loss})


def _hashes(subject: Subject) -> dict[str, str]:
    hashes = ", ".join(parameters_hash(network.parameters) for network in subject.networks)
    return {"chainrule": __version__, "sha256": hashes}


# the check ----------------------------------------------------------------------------------------------------------


def feed(subject: Subject, table: Table) -> dict[str, Array]:
    """The columns of rows as the model takes them."""
    assert subject.pipeline is not None
    place = {column.name: column for column in table.columns}
    found = {encoder.name: _fed(place[encoder.name], encoder.reads)[:, None] for encoder in subject.pipeline.encoders}
    for encoder in subject.pipeline.encoders:
        if isinstance(encoder, NumberEncoder) and encoder.words:
            found[encoder.name + WORD] = _words(place[encoder.name])[:, None]
    return found


def _words(column: Column) -> Array:
    """The words among numbers; "" elsewhere."""
    codes = column.codes if isinstance(column, NumberColumn) else None
    texts = np.array([*(column.levels or ()), ""], object)
    return texts[np.full(len(column), -1) if codes is None else codes]


def _fed(column: Column, reads: str) -> Array:
    if reads == "category":
        return np.array([*(column.levels or ()), ""], object)[column.values]
    if reads == "time":
        whole = column.values.astype("datetime64[s]").astype(np.int64)
        return np.where(np.isnat(column.values), NO_TIME, whole)
    return column.values.astype(np.float64)


def _compared(subject: Subject, session: Any, rows: Table, path: Path, *, network_only: bool) -> OnnxFile:
    """The largest difference from predict. Raises SettingsError beyond the bound, naming the first row."""
    assert subject.pipeline is not None
    if network_only:
        X = subject.pipeline.features(rows, subject.architecture.dtype)
        expected, got = subject.networks[0].forward(X).output, session.run(None, {"X": X})[0]
        names, texts, answers = ["output"] * got.shape[1], list[Array](), {}
    else:
        columns = prediction_columns(subject.predictor, subject.pipeline, rows)
        names = [name for name, column in columns.items() if column.dtype != object]
        expected = np.stack([columns[name].astype(np.float64) for name in names], axis=1)
        texts = [column for column in columns.values() if column.dtype == object]
        answers = dict(
            zip([one.name for one in session.get_outputs()], session.run(None, feed(subject, rows)), strict=True)
        )
        got = np.hstack([one for one in answers.values() if one.dtype != object])
    is_value = expected.shape[1] > 0 and not names[0].startswith("probability")
    spread = np.maximum(np.std(expected, axis=0), 1e-12 + 1e-6 * np.abs(expected).max(axis=0))
    apart = np.abs(got - expected) / (spread if is_value else 1.0)
    bound, worst = VALUE_BOUND if is_value else PROBABILITY_BOUND, float(np.max(apart, initial=0.0))
    if not worst <= bound:
        row, k = np.unravel_index(int(np.argmax(np.nan_to_num(apart, nan=np.inf))), apart.shape)
        raise SettingsError(
            f"{path}: {names[k]} of row {row} (from 0) is {got[row, k]!r} by onnxruntime, {expected[row, k]!r} here, "
            f"further apart than {bound:g}. The file was not written."
        )
    n_other = _other_names(answers["prediction"], texts, expected, path) if texts else 0
    return OnnxFile(path=path, difference=worst, n_rows=len(rows), n_other_classes=n_other)


def _other_names(got: Array, expected: list[Array], proba: Array, path: Path) -> int:
    """Rows of another class or label, which all must be ties. Raises SettingsError otherwise."""
    others = got != np.stack(expected, axis=1)
    if len(expected) == 1:
        two = np.sort(proba, axis=1)[:, -2:]
        ties = (two[:, 1:] - two[:, :1]) <= 2 * PROBABILITY_BOUND
    else:
        ties = np.abs(proba - 0.5) <= PROBABILITY_BOUND
    if (others & ~ties).any():
        row = int(np.flatnonzero((others & ~ties).any(axis=1))[0])
        raise SettingsError(f"{path}: row {row} (from 0) has another class by onnxruntime. The file was not written.")
    return int(others.any(axis=1).sum())
