"""Member scales: where K networks side by side begin, every row becomes K rows, each with factors of its member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.reference.activation import Array
from chainrule.reference.layer_kind import Draw, LayerKind, Tensor, Tensors

NAME = "member_scale"


def member_scale_forward(x: Array, scale: Array) -> Array:
    """Every row as each member has it: times the member's factors.

        a[i·K + k] = scale[k] ⊙ x[i]

    Arguments: x (n, n_in); scale (K, n_in). Returns a (n·K, n_in), the rows of an example next to each other.

    Source: Gorishniy, Kotelnikov, Babenko (2024), "TabM", section 3.3, the adapter of TabM-mini.

    Examples
    --------
    >>> member_scale_forward(np.array([[1.0, 2.0]]), np.array([[1.0, 1.0], [-1.0, 3.0]])).tolist()
    [[1.0, 2.0], [-1.0, 6.0]]
    """
    return (x[:, None, :] * scale).reshape(-1, x.shape[1])


def member_scale_backward(x: Array, scale: Array, da: Array) -> tuple[Array, Array]:
    """The gradients of member scales.

        dx[i] = Σ_k da[i·K + k] ⊙ scale[k];   dscale[k] = Σ_i da[i·K + k] ⊙ x[i]

    Arguments: x (n, n_in); scale (K, n_in); da (n·K, n_in). Returns dx (n, n_in), dscale (K, n_in).
    """
    of_members = da.reshape(len(x), len(scale), -1)
    return (of_members * scale).sum(axis=1), (of_members * x[:, None, :]).sum(axis=0)


def member_scale(n_in: int, options: Mapping[str, Any]) -> LayerKind:
    """The kind for K = options["members"]; "start": "sign", −1 or 1, or "normal", N(0, 1); or "spread": N(1, spread²).

    "blocks": how many neighbouring columns share a number at the start, because they are of one column of a table.
    """
    K, blocks = int(options["members"]), tuple(options.get("blocks", ()))

    def forward(x: Array, t: Tensors) -> Array:
        return member_scale_forward(x, t[NAME])

    def backward(x: Array, t: Tensors, da: Array) -> tuple[Array, dict[str, Array]]:
        dx, dscale = member_scale_backward(x, t[NAME], da)
        return dx, {NAME: dscale}

    def R_forward(x: Array, Rx: Array, t: Tensors, Rt: Tensors) -> Array:
        return member_scale_forward(x, Rt[NAME]) + member_scale_forward(Rx, t[NAME])

    def R_backward(
        x: Array, Rx: Array, t: Tensors, Rt: Tensors, da: Array, Rda: Array
    ) -> tuple[Array, dict[str, Array]]:
        Rdx, by_x = member_scale_backward(x, t[NAME], Rda)
        moved, by_Rx = member_scale_backward(Rx, Rt[NAME], da)
        return Rdx + moved, {NAME: by_x + by_Rx}

    start = Draw(options.get("start", "sign"), 1.0, blocks)
    if "spread" in options:
        start = Draw("normal", float(options["spread"]), blocks, 1.0)
    return LayerKind(
        name=NAME, label=f"{K} members", call=NAME, mixes=False, forward=forward, backward=backward,
        tensors=(Tensor(name=NAME, start=start, shape=lambda n: (K, n)),), R_forward=R_forward, R_backward=R_backward,
        members=K, native={"k": K},
    )  # fmt: skip
