"""The machine and the versions a result holds for."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

from chainrule._version import __version__
from chainrule.bench import microarchitecture
from chainrule.bench.turns import REMOVED
from chainrule.engine.select import describe

PACKAGES = ("numpy", "torch", "jax", "jaxlib", "scikit-learn", "onnxruntime", "threadpoolctl")


def facts() -> dict[str, Any]:
    """Processor, micro-architecture, instruction sets, cores, versions, and what was left out of the environment."""
    cpuinfo = microarchitecture.cpuinfo()
    return {
        "chainrule": __version__,
        **describe(),
        "cpu": microarchitecture.processor(cpuinfo),
        "microarchitecture": microarchitecture.name(cpuinfo),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "removed_from_environment": {name: os.environ[name] for name in REMOVED if name in os.environ},
    }


def core() -> dict[str, Any]:
    """What a core can do, by timing: its units of multiply-adds. Nothing where the native engine is missing."""
    return microarchitecture.units() if "instruction_set" in describe() else {}


def version(name: str) -> str | None:
    """The installed version; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
