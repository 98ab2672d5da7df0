"""Periodic embeddings of numbers: cosines of learned frequencies, then a linear map for each column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.kinds.embedding import Embedded, checked_columns, kind_of
from chainrule.reference.layer_kind import Draw, LayerKind, Tensor, Tensors


def turned(x: Array, frequency: Array, phase: Array | None) -> Array:
    """The angles of every column: z = (2π·x)·frequency + phase, (n, F, k).

    Arguments: x (n, F); frequency (F, k); phase (F, k) or None.
    """
    z = (x * x.dtype.type(2 * np.pi))[:, :, None] * frequency
    return z if phase is None else z + phase


def mapped(phi: Array, mix: Array, offset: Array) -> Array:
    """A linear map for each column: e = phi @ mix + offset, (n, F, d).

    Arguments: phi (n, F, k); mix (F·k, d), the rows of a column together; offset (F, d).
    """
    n_columns, k = phi.shape[1:]
    return np.einsum("nfk,fkd->nfd", phi, mix.reshape(n_columns, k, -1)) + offset


def mapped_backward(phi: Array, mix: Array, de: Array) -> tuple[Array, Array, Array]:
    """dphi = de @ mixᵀ, dmix = Σ_i phi_iᵀ de_i, doffset = Σ_i de_i, column by column."""
    n_columns, k = phi.shape[1:]
    by_column = mix.reshape(n_columns, k, -1)
    dmix = np.einsum("nfk,nfd->fkd", phi, de).reshape(mix.shape)
    return np.einsum("nfd,fkd->nfk", de, by_column), dmix, de.sum(axis=0)


def pbld_forward(x: Array, frequency: Array, phase: Array, mix: Array, offset: Array) -> Array:
    """The PBLD embedding: periodic with a bias, linear, and the number itself.

        z = 2π·frequency·x + phase;   e = [cos(z) @ mix + offset, x]

    Arguments: x (n, F); frequency, phase (F, k); mix (F·k, d); offset (F, d). Returns (n, F, d + 1).

    Source: Holzmüller, Grinsztajn, Steinwart (2024), "Better by default", appendix A ("PBLD").

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> pbld_forward(one * 0.5, one, one * 0, one * 3, one * 0.25)[0, 0].round(6).tolist()
    [-2.75, 0.5]
    """
    e = mapped(np.cos(turned(x, frequency, phase)), mix, offset)
    return np.concatenate([e, x[:, :, None]], axis=2)


def pbld_backward(
    x: Array, frequency: Array, phase: Array, mix: Array, de: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """The gradients of a PBLD embedding.

        dz = −sin(z) ⊙ (de @ mixᵀ);   dfrequency = Σ_i 2π·x_i·dz_i;   dphase = Σ_i dz_i;
        dmix = Σ_i cos(z_i)ᵀ de_i;   doffset = Σ_i de_i;   dx = 2π·Σ_k dz_k·frequency_k + de_x

    Arguments: as in pbld_forward; de (n, F, d + 1). Returns dx (n, F), dfrequency, dphase, dmix, doffset.
    """
    z = turned(x, frequency, phase)
    dphi, dmix, doffset = mapped_backward(np.cos(z), mix, de[:, :, :-1])
    dz = -np.sin(z) * dphi
    t = x * x.dtype.type(2 * np.pi)
    dx = x.dtype.type(2 * np.pi) * (dz * frequency).sum(axis=2) + de[:, :, -1]
    return dx, (dz * t[:, :, None]).sum(axis=0), dz.sum(axis=0), dmix, doffset


def plr_forward(x: Array, frequency: Array, mix: Array, offset: Array) -> Array:
    """The PLR embedding: periodic, linear, rectified.

        z = 2π·frequency·x;   e = max([cos z, sin z] @ mix + offset, 0)

    Arguments: x (n, F); frequency (F, k); mix (F·2k, d); offset (F, d). Returns (n, F, d).

    Source: Gorishniy, Rubachev, Babenko (2022), "On embeddings for numerical features in tabular deep learning",
    section 3.3.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> plr_forward(one * 0.25, one, np.array([[1.0, -1.0], [2.0, -2.0]]), np.zeros((1, 2)))[0, 0].round(6).tolist()
    [2.0, 0.0]
    """
    z = turned(x, frequency, None)
    phi = np.concatenate([np.cos(z), np.sin(z)], axis=2)
    return np.maximum(mapped(phi, mix, offset), 0)


def plr_backward(x: Array, frequency: Array, mix: Array, offset: Array, de: Array) -> tuple[Array, Array, Array, Array]:
    """The gradients of a PLR embedding.

        dv = de where e > 0, else 0;   dz = cos(z) ⊙ dphi_sin − sin(z) ⊙ dphi_cos, dphi = dv @ mixᵀ;
        dfrequency = Σ_i 2π·x_i·dz_i;   dmix = Σ_i phi_iᵀ dv_i;   doffset = Σ_i dv_i

    Arguments: as in plr_forward; de (n, F, d). Returns dx (n, F), dfrequency, dmix, doffset.
    """
    z = turned(x, frequency, None)
    cosine, sine = np.cos(z), np.sin(z)
    phi = np.concatenate([cosine, sine], axis=2)
    dv = np.where(mapped(phi, mix, offset) > 0, de, 0)
    dphi, dmix, doffset = mapped_backward(phi, mix, dv)
    k = frequency.shape[1]
    dz = cosine * dphi[:, :, k:] - sine * dphi[:, :, :k]
    t = x * x.dtype.type(2 * np.pi)
    dx = x.dtype.type(2 * np.pi) * (dz * frequency).sum(axis=2)
    return dx, (dz * t[:, :, None]).sum(axis=0), dmix, doffset


# the entries' view of them -----------------------------------------------------------------------------------------


def _pbld(x: Array, t: Tensors) -> Array:
    return pbld_forward(x, t["frequency"], t["phase"], t["mix"], t["offset"])


def _pbld_backward(x: Array, t: Tensors, de: Array) -> tuple[Array, dict[str, Array]]:
    dx, *gradients = pbld_backward(x, t["frequency"], t["phase"], t["mix"], de)
    return dx, dict(zip(("frequency", "phase", "mix", "offset"), gradients, strict=True))


def _plr(x: Array, t: Tensors) -> Array:
    return plr_forward(x, t["frequency"], t["mix"], t["offset"])


def _plr_backward(x: Array, t: Tensors, de: Array) -> tuple[Array, dict[str, Array]]:
    dx, *gradients = plr_backward(x, t["frequency"], t["mix"], t["offset"], de)
    return dx, dict(zip(("frequency", "mix", "offset"), gradients, strict=True))


def _tensor(name: str, shape: tuple[int, int], start: float | Draw = 0.0) -> Tensor:
    return Tensor(name=name, start=start, shape=lambda n: shape)


def pbld(n_in: int, options: Mapping[str, Any]) -> LayerKind:
    """The PBLD embedding of some of n_in columns; "size" counts the number itself."""
    columns = checked_columns(options, n_in)
    F, k, d = len(columns), options.get("frequencies", 16), options.get("size", 4) - 1
    bound = 1 / np.sqrt(k)
    return kind_of(
        Embedded(
            name="pbld", label="PBLD embedding", size=d + 1, widths=[k] * F, frequencies=k,
            tensors=(
                _tensor("frequency", (F, k), Draw("normal", options.get("sigma", 0.1))),
                _tensor("phase", (F, k), Draw("uniform", float(np.pi))),
                _tensor("mix", (F * k, d), Draw("uniform", bound)), _tensor("offset", (F, d), Draw("uniform", bound)),
            ),
            forward=_pbld, backward=_pbld_backward,
            equations={
                "u": "a0 = [cos(2π·frequency0·x + phase0) @ mix0 + offset0, x]",
                "back": "dz = −sin(z) ⊙ (da0 @ mix0.T);   dx = 2π·Σ dz·frequency0 + da0_x",
                "gradients": "dfrequency0 = Σ_i 2π·x·dz,   dphase0 = Σ_i dz,   dmix0 = Σ_i cos(z).T @ da0,   "
                             "doffset0 = Σ_i da0",
            },
        ),
        n_in, columns,
    )  # fmt: skip


def plr(n_in: int, options: Mapping[str, Any]) -> LayerKind:
    """The PLR embedding of some of n_in columns."""
    columns = checked_columns(options, n_in)
    F, k, d = len(columns), options.get("frequencies", 16), options.get("size", 8)
    bound = 1 / np.sqrt(2 * k)
    return kind_of(
        Embedded(
            name="plr", label="PLR embedding", size=d, widths=[2 * k] * F, frequencies=k,
            tensors=(
                _tensor("frequency", (F, k), Draw("normal", options.get("sigma", 0.1))),
                _tensor("mix", (F * 2 * k, d), Draw("uniform", bound)),
                _tensor("offset", (F, d), Draw("uniform", bound)),
            ),
            forward=_plr, backward=_plr_backward, side=lambda x, t: _plr(x, t) > 0,
            equations={
                "u": "a0 = max([cos z, sin z] @ mix0 + offset0, 0),   z = 2π·frequency0·x",
                "back": "dv = da0 where a0 > 0;   dz = cos z ⊙ dsin − sin z ⊙ dcos;   dx = 2π·Σ dz·frequency0",
                "gradients": "dfrequency0 = Σ_i 2π·x·dz,   dmix0 = Σ_i [cos z, sin z].T @ dv,   doffset0 = Σ_i dv",
            },
        ),
        n_in, columns,
    )  # fmt: skip
