"""The model file: architecture, parameters and pipeline in one safetensors file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensors
from chainrule.pipeline.stored import check_pipeline, outputs_of
from chainrule.reference.losses import loss_named
from chainrule.run import files, stored
from chainrule.run.contents import ARCHITECTURE, KIND, MAX_SEED
from chainrule.schema import Anything, Record, SchemaError, TensorSchema, Text, Whole

Array = npt.NDArray[Any]
FORMAT = 1
MODEL = Record(
    {
        "kind": Text(("model",)),
        "format": Whole(FORMAT, FORMAT),
        "architecture": ARCHITECTURE,
        "targets": KIND,
        "pipeline": Anything(),  # checked with its arrays
        "seed": Whole(0, MAX_SEED),
    },
    may_lack=frozenset({"seed", "pipeline"}),
)


def write_model(
    path: Path,
    parameters: Parameters,
    about: Mapping[str, Any],
    pipeline_arrays: Mapping[str, npt.NDArray[Any]] | None = None,
) -> None:
    """Parameters as W1, b1, W2, …, the pipeline's arrays as pipeline.…, and `about` as JSON."""
    arrays: dict[str, npt.NDArray[Any]] = dict(parameters.named())
    arrays |= {f"pipeline.{name}": array for name, array in (pipeline_arrays or {}).items()}
    files.write_tensors(
        path, arrays, {"kind": "model", "format": FORMAT, "architecture": parameters.architecture.to_dict(), **about}
    )


def read_model(path: Path) -> tuple[Parameters, dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The parameters, the JSON, and the pipeline's arrays.

    Raises ModelFileError if the file is damaged, of a later format, or does not fit its architecture
    """
    arrays, about = stored.read_tensors(path, MODEL)
    with stored.naming(path):
        architecture = Architecture.from_dict(about["architecture"])
        for l, layer in enumerate(architecture.layers, start=1):  # before anything of these sizes is made
            for name, shape in tensors(layer):
                TensorSchema((architecture.dtype,), shape, finite=False).check(arrays.get(f"{name}{l}"), f"{name}{l}")
        prefix = "pipeline."
        kept = {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
        if about.get("pipeline") is not None:
            pipeline = check_pipeline(about["pipeline"], kept)
            _fits(pipeline, kept, about["targets"], architecture)
    parameters = Parameters(architecture)
    for name, view in parameters.named():
        view[...] = arrays[name]
    return parameters, about, kept


def _fits(pipeline: Mapping[str, Any], kept: Mapping[str, Array], kind: str, architecture: Architecture) -> None:
    """The inputs and outputs of the network are those of the pipeline."""
    width = len(kept["average"])
    if width != architecture.n_inputs:
        raise SchemaError(
            f"pipeline makes {width} inputs; expected {architecture.n_inputs}, as many as the network has"
        )
    meaning, n_outputs = outputs_of(pipeline["target"])
    n_heads = loss_named(architecture.loss).n_heads
    if kind != meaning or architecture.n_outputs not in [n * n_heads for n in n_outputs]:
        raise SchemaError(
            f"pipeline.target is for {n_outputs[0]} outputs of kind {meaning}; expected {architecture.n_outputs} of "
            f"kind {kind}, as the network has"
        )


def parameters_hash(parameters: Parameters) -> str:
    """sha256 of the bytes of all parameters, in the order W1, b1, W2, …"""
    return hashlib.sha256(np.ascontiguousarray(parameters.flat).tobytes()).hexdigest()
