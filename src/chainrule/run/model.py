"""The model file: architecture, parameters and pipeline in one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ChainruleError, ModelFileError
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.run import files

FORMAT = 1


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

    Errors    ModelFileError if the file is damaged, of a later format, or does not fit its architecture
    """
    arrays, about = files.read_tensors(path)
    if about.get("kind") != "model" or about.get("format") != FORMAT:
        raise ModelFileError(
            f"{path}: holds {about.get('kind')!r} of format {about.get('format')!r}; expected a model, format {FORMAT}."
        )
    try:
        architecture = Architecture.from_dict(about["architecture"])
        parameters = Parameters(architecture)
        for name, view in parameters.named():
            if arrays[name].shape != view.shape or arrays[name].dtype != np.dtype(architecture.dtype):
                raise ModelFileError(f"{path}: {name} has shape {arrays[name].shape}; expected {view.shape}.")
            view[...] = arrays[name]
    except (KeyError, TypeError, ChainruleError) as error:
        raise ModelFileError(
            f"{path}: does not fit its own architecture ({error}); restore it or train again."
        ) from None
    prefix = "pipeline."
    return parameters, about, {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
