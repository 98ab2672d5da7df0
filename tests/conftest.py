"""What all tests share: the path to `tolerances`, and hypothesis without clocks, files or chance."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it to what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "chainrule",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("chainrule")


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests of pages that are files."""
    from report_browser import CHROMIUM, Browser

    if CHROMIUM is None:
        pytest.skip("no Chromium here; install Debian's chromium to run these")
    window = Browser(tmp_path_factory.mktemp("profile"))
    yield window
    window.close()


@pytest.fixture
def browser(window: Any) -> Iterator[Any]:
    """Nothing a test does makes the page complain, break its policy or ask for anything but files."""
    window.complaints.clear()
    yield window
    assert window.complaints == []


@pytest.fixture
def unregistered() -> Iterator[None]:
    """What a test or an example registers is gone after it."""
    from chainrule.reference.activations import ACTIVATIONS
    from chainrule.reference.layer_kinds import LAYER_KINDS
    from chainrule.reference.losses import LOSSES
    from chainrule.reference.optimizers import HYPER_PARAMETERS, OPTIMIZERS
    from chainrule.training.settings import OPTIMIZER_SETTINGS
    from chainrule.training.update_rules import OPTIMIZER_CLASSES

    tables: tuple[dict[str, Any], ...] = (
        ACTIVATIONS, LOSSES, OPTIMIZERS, LAYER_KINDS, HYPER_PARAMETERS, OPTIMIZER_SETTINGS, OPTIMIZER_CLASSES,
    )  # fmt: skip
    before = [dict(table) for table in tables]
    yield
    for table, known in zip(tables, before, strict=True):
        table.clear()
        table.update(known)
