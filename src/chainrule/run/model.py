"""The model file: architecture, parameters and pipeline in one safetensors file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ModelFileError
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensors
from chainrule.pipeline.stored import check_pipeline, outputs_of
from chainrule.reference.losses import loss_named
from chainrule.run import files, stored
from chainrule.run.contents import ARCHITECTURE, KIND, MAX_SEED
from chainrule.schema import Anything, Record, SchemaError, TensorSchema, Text, Whole

Array = npt.NDArray[Any]
FORMAT, OF_MEMBERS = 1, 2
"""The format of a file with one network, and of one with the members of an ensemble."""
MODEL = Record(
    {
        "kind": Text(("model",)),
        "format": Whole(FORMAT, OF_MEMBERS),
        "architecture": ARCHITECTURE,
        "targets": KIND,
        "pipeline": Anything(),  # checked with its arrays
        "seed": Whole(0, MAX_SEED),
        "members": Whole(1),
    },
    may_lack=frozenset({"seed", "pipeline", "members"}),
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


def write_members(
    path: Path,
    members: Sequence[Parameters],
    about: Mapping[str, Any],
    pipeline_arrays: Mapping[str, npt.NDArray[Any]] | None = None,
) -> None:
    """The same of the members of an ensemble, whose parameters are member0.W1, member0.b1, …, member1.W1, …"""
    arrays = {f"{_member(k)}{name}": array for k, one in enumerate(members) for name, array in one.named()}
    arrays |= {f"pipeline.{name}": array for name, array in (pipeline_arrays or {}).items()}
    known = {"kind": "model", "format": OF_MEMBERS, "architecture": members[0].architecture.to_dict()}
    files.write_tensors(path, arrays, {**known, **about, "members": len(members)})


def _member(k: int) -> str:
    return f"member{k}."


def read_model(path: Path) -> tuple[Parameters, dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The parameters, the JSON, and the pipeline's arrays.

    Raises ModelFileError as for read_members, or if the file holds the members of an ensemble.
    """
    members, about, kept = read_members(path)
    if "members" in about:
        raise ModelFileError(f"{path}: holds the members of an ensemble; expected the network of one training.")
    return members[0], about, kept


def read_members(path: Path) -> tuple[list[Parameters], dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The parameters of each member, of one where the file holds no ensemble; the JSON, and the pipeline's arrays.

    Raises ModelFileError if the file is damaged, of a later format, or does not fit its architecture
    """
    arrays, about = stored.read_tensors(path, MODEL)
    with stored.naming(path):
        architecture = Architecture.from_dict(about["architecture"])
        if ("members" in about) != (about["format"] == OF_MEMBERS):
            raise SchemaError(f"format is {about['format']}; expected {OF_MEMBERS} with members, {FORMAT} without")
        n_members = about.get("members")
        prefixes = [""] if n_members is None else map(_member, range(n_members))
        found = [_checked(arrays, prefix, architecture) for prefix in prefixes]
        prefix = "pipeline."
        kept = {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
        if about.get("pipeline") is not None:
            pipeline = check_pipeline(about["pipeline"], kept)
            _fits(pipeline, kept, about["targets"], architecture)
    members = [Parameters(architecture) for _ in found]
    for parameters, own in zip(members, found, strict=True):
        for name, view in parameters.named():
            view[...] = own[name]
    return members, about, kept


def _checked(arrays: Mapping[str, Array], prefix: str, architecture: Architecture) -> dict[str, Array]:
    """The tensors of one network, before anything of these sizes is made."""
    found = {}
    for l, layer in architecture.numbered:
        for name, shape in tensors(layer):
            stored_as, schema = f"{prefix}{name}{l}", TensorSchema((architecture.dtype,), shape, finite=False)
            found[f"{name}{l}"] = schema.check(arrays.get(stored_as), stored_as)
    return found


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
