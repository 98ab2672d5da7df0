"""chainrule --version: the version, the engine and the instruction set it computes with."""

from __future__ import annotations

from chainrule._version import __version__
from chainrule.engine.select import describe


def version() -> str:
    """Two lines: what is installed, and what computes here."""
    result = describe()
    if "instruction_set" not in result:
        return f"chainrule {__version__}\nNumPy engine: {result['reason']}"
    sets = ", ".join(result["instruction_sets"])
    return f"chainrule {__version__}\nnative engine, instruction set {result['instruction_set']} (available: {sets})"
