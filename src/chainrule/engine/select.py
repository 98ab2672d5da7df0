"""Which engine computes, and why: the native one where it is present and able, else NumPy, said once."""

from __future__ import annotations

import functools
from typing import Any

from chainrule.engine.blas import one_thread as one_thread  # for work beside the engines
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.own_loss import OwnLossEngine
from chainrule.engine.protocol import Engine, OwnLoss
from chainrule.engine.threads import allowed_threads as allowed_threads  # for work side by side
from chainrule.engine.threads import at_most as at_most
from chainrule.errors import SettingsError, unknown_name
from chainrule.network.architecture import Architecture

ENGINES = ("auto", "native", "numpy")


def select(
    name: str, architecture: Architecture, threads: int | None = None, optimizer: str | None = None
) -> tuple[Engine, str]:
    """The engine for this architecture, trained by this rule, and the reason for the choice, in a few words.

    Raises SettingsError for an unknown name, or where "native" is asked for and cannot compute this.
    """
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    if name == "numpy":
        return NumpyEngine(), "asked for"
    native, missing = _native()
    reason = missing if native is None else native.unable(architecture, optimizer)
    if reason is None:
        return native.NativeEngine(threads), "present and able" if name == "auto" else "asked for"
    if name == "native":
        raise SettingsError(f"engine='native': not available for this network: {reason}. Try engine='numpy' or 'auto'.")
    return NumpyEngine(), str(reason)


def runs_beside(name: str, architecture: Architecture, optimizer: str | None = None) -> bool:
    """Whether trainings of this advance at once in threads of one process: not those that Python computes.

    Arguments: name: of the engine, as for `select`.
    """
    native, _ = _native()
    return name in ("auto", "native") and native is not None and native.unable(architecture, optimizer) is None


def reference() -> Engine:
    """The engine that computes by reference/ and nothing else: what the others are compared with."""
    return NumpyEngine()


def with_own_loss(loss: OwnLoss) -> Engine:
    """An engine for a loss that is a pair of functions; its output is the identity."""
    return OwnLossEngine(loss)


def multiply_add_seconds(n_operations: float) -> float:
    """Seconds of so many floating-point operations in a loop of float32 multiply-adds on one core."""
    from chainrule.engine import peak

    return peak.seconds_of(n_operations)


def multiply_add_units() -> tuple[int, float]:
    """Bits of a vector, and how many multiply-adds of whole vectors begin in a cycle of a core."""
    from chainrule.engine import peak

    return peak.measured_units()


def describe() -> dict[str, Any]:
    """Which engine `auto` takes for usual networks, its instruction set and the others this processor has.

    Raises SettingsError if CHAINRULE_ISA names one that is not available.
    """
    native, missing = _native()
    if native is None:
        return {"engine": "numpy", "reason": missing}
    return {
        "engine": "native",
        "instruction_set": native.instruction_set(),
        "instruction_sets": native.instruction_sets(),
    }


@functools.cache
def _native() -> tuple[Any, str | None]:
    """The module of the native engine, or None and why it is not there."""
    try:
        from chainrule.engine import native
    except ImportError as error:
        return None, f"the native engine is not built ({error})"
    return native, None
