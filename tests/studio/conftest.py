"""A studio with two stored runs and trainings that are led."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from report_browser import Browser
from studio_client import Client, small

pytest.importorskip("starlette", reason="the extra 'studio' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'studio' is not installed")


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of the page."""
    window = Browser(tmp_path_factory.mktemp("profile"), "http://127.0.0.1:0/")
    yield window
    window.close()


@pytest.fixture
def browser(window: Browser, studio: Here) -> Iterator[Browser]:
    """The studio's page: nothing a test does makes it complain, or ask for anything but its own server."""
    window.server = f"http://127.0.0.1:{studio.server.port}/"
    window.size(1280, 900)
    window.prefer()
    window.complaints.clear()
    yield window
    complaints = list(window.complaints)
    window.go("about:blank", "true")
    assert complaints == []


@dataclass
class Here:
    """A studio that runs."""

    server: Any
    shelf: Any
    trainings: Any
    client: Client

    def begin(self, paused: bool = True, **how: Any) -> Any:
        """Lead a small training."""
        return self.trainings.begin("live", lambda lead: small(callbacks=[lead], **how), paused=paused)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs that part, and other things."""
    folder = tmp_path_factory.mktemp("runs")
    run = small(directory=folder / "plain", validation=0.2, report=False)
    run.branch(40, 2, directory=folder / "branched", learning_rate=0.05, progress=False)
    (folder / "notes.txt").write_text("not a run")
    (folder / "link").symlink_to(folder / "plain")
    return folder


@pytest.fixture
def studio(runs: Path) -> Iterator[Here]:
    """Server, shelf, trainings and a client."""
    from chainrule.studio.server import StudioServer
    from chainrule.studio.shelf import Shelf
    from chainrule.studio.trainings import Trainings

    shelf = Shelf(runs)
    trainings = Trainings(shelf)
    server = StudioServer(shelf, trainings)

    here = Here(server, shelf, trainings, Client(server))
    yield here
    server.close()
    trainings.end()
    assert not server.is_alive
