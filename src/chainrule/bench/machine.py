"""The machine and the versions a result holds for."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

from chainrule._version import __version__
from chainrule.bench.turns import REMOVED
from chainrule.engine.select import describe

PACKAGES = ("numpy", "torch", "jax", "jaxlib", "scikit-learn", "onnxruntime", "threadpoolctl")


def facts() -> dict[str, Any]:
    """Processor, instruction sets, cores, versions, and what was taken out of the environment."""
    return {
        "chainrule": __version__,
        **describe(),
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "removed_from_environment": {name: os.environ[name] for name in REMOVED if name in os.environ},
    }


def processor() -> str:
    """The name of the processor, or of the architecture if the system does not report it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
        return names[0] if names else platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def version(name: str) -> str | None:
    """The installed version; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
