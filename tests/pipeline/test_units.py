"""A unit that training had not is no number to predict from: 5k, 5 % and 1/2 would be 5, 5 and 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr


@pytest.fixture(scope="module")
def plain() -> Any:
    """A model of plain numbers."""
    x = np.linspace(-2, 9, 40)
    return cr.train({"x": x, "y": 2 * x}, target="y", epochs=2, progress=False)


@pytest.fixture(scope="module")
def weighed() -> Any:
    """A model of numbers in kg."""
    x = np.linspace(0, 9, 40)
    return cr.train({"x": [f"{v:.1f}kg" for v in x], "y": 2 * x}, target="y", epochs=2, progress=False)


def read(run: Any, folder: Path, *cells: str) -> list[float]:
    """The cells of a file as the pipeline encodes them."""
    path = folder / "x.csv"
    path.write_text("x\n" + "".join(f'"{cell}"\n' for cell in cells), encoding="utf-8")
    return run.encode(path)[:, 0].tolist()


@pytest.mark.parametrize("cells", [["5kg"], ["$5"], ["5%"], ["5k"], ["5 mi", "7 mi"], ["1/2"], ["0x10"], ["0.p"]])
def test_a_unit_that_training_had_not_is_refused(plain: Any, tmp_path: Path, cells: list[str]) -> None:
    """With its place and what to do, in a file, a table and the targets of evaluate."""
    with pytest.raises(cr.DataError, match=r"line 2, column 'x': holds .* without a unit, as in training"):
        read(plain, tmp_path, *cells)
    with pytest.raises(cr.DataError, match=r"column 'x'.* without a unit"):
        plain.predict({"x": cells})
    with pytest.raises(cr.DataError, match=r"column 'y'.* without a unit"):
        plain.evaluate({"x": [1.0] * len(cells), "y": cells})


def test_marks_may_differ_and_the_unit_of_training_is_read(plain: Any, weighed: Any, tmp_path: Path) -> None:
    """Decimal commas and groups of thousands of another file; kg where training had kg, and nothing else there."""
    assert read(plain, tmp_path, "1,5", "2,5") == read(plain, tmp_path, "1.5", "2.5")
    assert read(plain, tmp_path, "1 000", "2 000") == read(plain, tmp_path, "1000", "2000")
    assert read(weighed, tmp_path, "5kg") == pytest.approx(read(weighed, tmp_path, "5.0kg"))
    for cell in ("5", "5lb"):
        with pytest.raises(cr.DataError, match="written as in training"):
            read(weighed, tmp_path, cell)
