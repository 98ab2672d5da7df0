"""No failing system call loses what existed, leaves a temporary file, goes without a word or costs a trained model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.sweep import COMMANDS, Bench, compiler, sweep

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C compiler on Linux to intercept system calls")
NUMBERS = (1, 3, 8)
WAYS = (("ENOSPC", True), ("EIO", False))
"""`make reliability-long` goes through all."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Where trials begin."""
    made = Bench(tmp_path_factory.mktemp("faults"))
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["open", "write", "fsync", "rename"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_call_that_fails_loses_nothing(bench: Bench, command: str, kind: str) -> None:
    """The N-th call of a kind fails, once or for good."""
    wrong = [f"{trial}: {what}" for trial, what in sweep(bench, (command,), (kind,), NUMBERS, WAYS) if what]
    assert not wrong, "\n".join(wrong)
