"""Model files and checkpoints: exact, verified, never half-written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ModelFileError
from chainrule.run import files


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model file."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    cr.train(cr.Network([3, 4, 2]), X, X[:, 0] > 0, epochs=1, progress=False, directory=tmp_path / "run")
    return tmp_path / "run" / "model.safetensors"


@pytest.mark.parametrize("layers", [{}, {"normalization": "layer", "residual": True}], ids=["plain", "normalised"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_survive_to_the_bit(dtype: str, layers: dict[str, Any], tmp_path: Path) -> None:
    """Save and load give the same bytes and the same predictions, and any safetensors reader opens the file."""
    from safetensors.numpy import load_file

    X = np.random.default_rng(0).normal(size=(40, 3))
    run = cr.train(cr.Network([3, 4, 4, 2], dtype=dtype, **layers), X, X[:, 0] > 0, epochs=2, progress=False)
    run.save(tmp_path / "model.safetensors")
    model = cr.load(tmp_path / "model.safetensors")
    assert model.network.parameters.flat.tobytes() == run.network.parameters.flat.tobytes()
    assert np.array_equal(model.predict_proba(X), run.network.predict_proba(X))
    tensors = load_file(tmp_path / "model.safetensors")
    assert tensors["W1"].tobytes() == run.network.W[1].tobytes()
    assert model.network.architecture == run.network.architecture
    if layers:
        assert tensors["gain2"].tobytes() == run.network.gain[2].tobytes()
        assert tensors["shift2"].tobytes() == run.network.shift[2].tobytes()


def test_every_truncation_is_refused(model: Path) -> None:
    """A file cut short anywhere is a ModelFileError, never another model."""
    whole = model.read_bytes()
    for size in range(0, len(whole), 7):
        model.write_bytes(whole[:size])
        with pytest.raises(ModelFileError):
            cr.load(model)


def test_every_flipped_bit_is_refused_or_harmless(model: Path) -> None:
    """One changed bit, in header or data, is a ModelFileError or leaves the very same model."""
    whole = bytearray(model.read_bytes())
    right = cr.load(model).network.parameters.flat.tobytes()
    for place in range(0, len(whole), 3):
        whole[place] ^= 1 << (place % 8)
        model.write_bytes(whole)
        try:
            loaded = cr.load(model).network.parameters.flat.tobytes()
        except ModelFileError:
            loaded = right
        assert loaded == right
        whole[place] ^= 1 << (place % 8)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full, the previous content stays and no temporary file is left."""
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(ModelFileError, match="No space left"):
        files.write_json(path, {"a": 2})
    assert files.read_json(path) == {"a": 1} and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b'{"a": ', bytes(100), b"\xff\xfe"])
def test_a_damaged_run_json_is_refused(model: Path, content: bytes) -> None:
    """A run.json that is empty, cut or foreign is a ModelFileError of one line."""
    (model.parent / "run.json").write_bytes(content)
    with pytest.raises(ModelFileError) as error:
        cr.load(model.parent)
    assert "\n" not in str(error.value)


def test_loading_what_is_no_run(tmp_path: Path) -> None:
    """A missing path, an empty folder and a foreign file are each named."""
    with pytest.raises(ModelFileError, match="no such file or folder"):
        cr.load(tmp_path / "nothing")
    with pytest.raises(ModelFileError, match="holds no run"):
        cr.load(tmp_path)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ModelFileError, match="truncated or not a safetensors"):
        cr.load(tmp_path / "x.csv")
