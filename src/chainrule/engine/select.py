"""Which engine computes, and why: the native one where it is present and able, else NumPy, said once."""

from __future__ import annotations

from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import Engine
from chainrule.errors import unknown_name
from chainrule.network.architecture import Architecture

ENGINES = ("auto", "native", "numpy")


def select(name: str, architecture: Architecture, threads: int | None = None) -> tuple[Engine, str]:
    """The engine for this architecture and the reason for the choice, in a few words."""
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    return NumpyEngine(), "asked for" if name == "numpy" else "the native engine is not built"
