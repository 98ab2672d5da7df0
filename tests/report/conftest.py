"""One browser for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from report_browser import Browser


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    window = Browser(tmp_path_factory.mktemp("profile"))
    yield window
    window.close()


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """Nothing a test does makes the page complain, break its policy or ask for anything but files."""
    window.complaints.clear()
    yield window
    assert window.complaints == []
