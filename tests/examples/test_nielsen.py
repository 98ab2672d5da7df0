"""The example on MNIST: its mechanics on a file made here, and its quick rows on the real one where it is at hand."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"


@pytest.fixture(scope="module")
def nielsen() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nielsen", ROOT / "examples" / "nielsen.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["nielsen"] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    yield module
    del sys.modules["nielsen"]


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 pictures of ten kinds, each a bright line of its own: learnt in a few epochs."""
    y = np.arange(120) % 10
    x = np.zeros((120, 28, 28), np.uint8)
    x[np.arange(120), 2 * y + 3] = 255
    path = tmp_path_factory.mktemp("mnist") / "bars.npz"
    np.savez(path, x_train=x, y_train=y.astype(np.uint8), x_test=x[:50], y_test=y[:50].astype(np.uint8))
    return path


def only(nielsen: ModuleType, monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """The table is row 7 alone, with these fields changed."""
    row = next(row for row in nielsen.ROWS if row.number == 7)
    monkeypatch.setattr(nielsen, "ROWS", (replace(row, **changes),))


def test_pixels_are_divided_by_256_and_rows_are_flat(nielsen: ModuleType, bars: Path) -> None:
    x, y, x_test, y_test = nielsen.load(str(bars))
    assert x.shape == (120, 784) and x_test.shape == (50, 784) and x.dtype == np.float32
    assert x.max() == np.float32(255 / 256) and y.tolist() == (np.arange(120) % 10).tolist() and len(y_test) == 50


def test_a_row_within_its_band_is_shown_and_ends_with_0(
    nielsen: ModuleType, bars: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(nielsen, monkeypatch, published=100.0, tolerance=5.0, epochs=60)
    assert nielsen.main([str(bars), "--rows", "7", "--seeds", "2"]) == 0
    out, err = capsys.readouterr()
    assert "100.00" in out and "within" in out and "OUTSIDE" not in out and "row 7 best" in err


def test_a_row_outside_its_band_says_so_and_ends_with_1(
    nielsen: ModuleType, bars: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(nielsen, monkeypatch, published=10.0, tolerance=5.0, epochs=60)
    assert nielsen.main([str(bars), "--rows", "7", "--seeds", "1"]) == 1
    assert "OUTSIDE" in capsys.readouterr().out


def test_the_speed_of_a_layer_is_the_norm_of_its_mean_delta(nielsen: ModuleType, bars: Path) -> None:
    import chainrule as cr

    data = nielsen.load(str(bars))
    norms = nielsen.speeds(data, 2, 0)
    net = cr.Network([784, 30, 30, 10], "sigmoid", "sigmoid", "cross_entropy", "scaled_normal", dtype="float64", seed=0)
    delta = net.backward(data[0], data[1]).delta  # carries 1/n, so its sum over the rows is the mean
    assert norms == pytest.approx([np.linalg.norm(delta[l].sum(axis=0)) for l in (1, 2)], rel=1e-12)


@pytest.mark.skipif(not MNIST.exists(), reason="needs MNIST as ../shared/data/mnist.npz beside the checkout")
def test_the_quick_rows_lie_within_their_bands_on_mnist(
    nielsen: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nielsen.main([str(MNIST), "--quick"]) == 0
    assert "OUTSIDE" not in capsys.readouterr().out
