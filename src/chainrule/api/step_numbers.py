"""Every number of a step as plain lists."""

from __future__ import annotations

from typing import Any

from chainrule import json_text
from chainrule.network.parameters import tensor_names


def numbers_of(step: Any) -> dict[str, Any]:
    """The numbers of both passes and the update, named as in the notation; what `Step.to_dict` returns."""

    def plain(arrays: Any) -> list[Any]:
        return [None if array is None else json_text.of_array(array) for array in arrays]

    def present(**arrays: Any) -> dict[str, Any]:
        return {name: plain(a) for name, a in arrays.items() if any(array is not None for array in a)}

    def tensors(of: Any) -> dict[str, Any]:
        return {name: plain(getattr(of, name)) for name in names}

    names = tensor_names(step.architecture)
    forward, backward, update = step.forward, step.backward, step.update
    return {
        "step": step.step,
        "epoch": step.epoch,
        "rows": step.rows.tolist(),
        "architecture": step.architecture.to_dict(),
        "forward": {"z": plain(forward.z), **present(u=forward.u), "a": plain(forward.a)},
        "backward": {
            "loss": json_text.plain(backward.loss),
            "delta": plain(backward.delta),
            "dW": plain(backward.dW),
            "db": plain(backward.db),
            **present(du=backward.du),
            **{f"d{name}": plain(backward.of_tensor(name)) for name in names[2:]},
        },
        "update": {
            "learning_rate": update.learning_rate,
            "gradient": tensors(update.gradient),
            "old": tensors(update.old),
            "new": tensors(update.new),
        },
    }
