"""Schedules: their values by hand, and that a stretch knows the same factors as the whole."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.training.schedule import SCHEDULES
from chainrule.training.schedules import factors
from chainrule.training.settings import Settings


def test_values_by_hand() -> None:
    """Each schedule passes through the values its definition gives."""
    step = factors(Settings(schedule="step", epochs=4, decay_every=2, decay_factor=0.5), 0, 8, 2)
    assert step.tolist() == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]
    exponential = factors(Settings(schedule="exponential", epochs=4, decay_every=2, decay_factor=0.25), 0, 4, 1)
    np.testing.assert_allclose(exponential, [1, 0.5, 0.25, 0.125], rtol=1e-15)
    cosine = factors(Settings(schedule="cosine", epochs=4), 0, 4, 1)
    np.testing.assert_allclose(cosine, [1, (1 + np.sqrt(0.5)) / 2, 0.5, (1 - np.sqrt(0.5)) / 2], rtol=1e-15)
    flat = factors(Settings(schedule="flat_cosine", epochs=8), 0, 8, 1)
    np.testing.assert_allclose(flat, [1, 1, 1, 1, 1, (1 + np.sqrt(0.5)) / 2, 0.5, (1 - np.sqrt(0.5)) / 2], rtol=1e-15)
    waves = factors(Settings(schedule="coslog4", epochs=15), 0, 15, 1)
    assert waves[[0, 1, 3, 7]].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(waves, (1 - np.cos(2 * np.pi * np.log2(1 + np.arange(15)))) / 2, atol=1e-14)
    one_cycle = factors(Settings(schedule="one_cycle", epochs=10), 0, 10, 1)
    assert one_cycle[0] == pytest.approx(1 / 25) and one_cycle[3] == 1 and one_cycle[-1] < 0.1
    warm = factors(Settings(epochs=10, warm_up=0.5), 0, 10, 1)
    np.testing.assert_allclose(warm, [0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_stretch_is_a_part_of_the_whole(name: str) -> None:
    """However the steps are cut, every step has the same factor, to the bit."""
    settings = Settings(schedule=name, epochs=7, decay_every=2, warm_up=0.3)
    whole = factors(settings, 0, 35, 5)
    assert np.all((whole > 0) | (name in ("cosine", "coslog4"))) and np.all(whole <= 1)
    for first, last in [(0, 1), (3, 11), (10, 35), (34, 35)]:
        assert factors(settings, first, last, 5).tobytes() == whole[first:last].tobytes()
