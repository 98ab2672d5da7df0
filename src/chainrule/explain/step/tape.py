"""The operations of a step in order of execution, so that they can be described one at a time."""

from __future__ import annotations

from chainrule.errors import unknown_name

PASSES = ("forward", "loss", "backward", "update")
"""Parts of a step that hold several operations, or one."""


def tape(L: int) -> list[str]:
    """The operations of a network of L layers: "input", "layer1" …, "loss", "delta2", "dW2", "delta1", …, "update".

    "layer1" is z and a of a layer, "dW1" both its gradients (BP3 and BP4).
    """
    forward = ["input", *(f"layer{l}" for l in range(1, L + 1))]
    return [*forward, "loss", *(f"{what}{l}" for l in range(L, 0, -1) for what in ("delta", "dW")), "update"]


def chosen(only: str | None, L: int) -> list[str]:
    """The operations denoted by a name: all, one pass, or a single operation.

    Raises SettingsError for a name that is neither.
    """
    whole = tape(L)
    if only is None:
        return whole
    if only in whole:
        return [only]
    if only in PASSES:
        return [name for name in whole if pass_of(name) == only]
    raise unknown_name("operation", only, [*PASSES, *whole])


def pass_of(operation: str) -> str:
    """The pass an operation belongs to."""
    if operation.startswith(("input", "layer")):
        return "forward"
    return operation if operation in ("loss", "update") else "backward"
