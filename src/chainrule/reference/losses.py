"""Losses: how far the output of a row is from its target y, for every legal output activation.

A loss alone is half a statement: cross-entropy needs probabilities, a Poisson loss needs a positive
rate. So the table pairs each loss with the output activations it has a meaning for:

    value(z, a, y) -> (n,)          loss of each row, summed over the outputs
    da(a, y)       -> (n, n_out)    its derivative with respect to a
    fused                           True where da and the activation's pullback collapse to delta = a − y
    delta(z, a, y) -> (n, n_out)    where a alone does not hold the digits that the chain through da needs
    dda(a, y)      -> (n, n_out)    the derivative of da with respect to a of the same unit
    bend(z, a, y)  -> (n, n_out)    for a pair with its own delta: the derivative of that by z of the same unit
    change(z, a, y, Rz)             where outputs of a row act on each other: how delta changes along Rz

The batch loss is J = Σ_i w_i·loss_i / Σ_i w_i. A missing target (NaN) of one output adds nothing to the
loss of its row and has delta 0. A pair that is not in the table is refused when the network is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chainrule.errors import SettingsError, unknown_name
from chainrule.reference import constant_outputs as constants
from chainrule.reference import focal, poisson
from chainrule.reference import loss_texts as texts
from chainrule.reference.activations import ACTIVATIONS, Array
from chainrule.reference.heads import interval_levels
from chainrule.reference.interval_losses import gaussian, intervals
from chainrule.reference.loss import Loss, Pair, sign_of
from chainrule.reference.loss_texts import HUBER_DELTA

MEDIAN = 0.5
DEFAULT_LEVELS = (0.1, 0.9)


# squared error: any output ------------------------------------------------------------------------------


def _squared_error(z: Array, a: Array, y: Array) -> Array:
    e = a - y
    return 0.5 * (e * e).sum(axis=1)


def _squared_error_da(a: Array, y: Array) -> Array:
    return a - y


def _squared_error_dda(a: Array, y: Array) -> Array:
    return np.ones_like(a)


# cross-entropy of one class among several: softmax ------------------------------------------------------


def _cross_entropy(z: Array, a: Array, y: Array) -> Array:
    # −Σ y·log softmax(z) = Σ y·(log Σ e^z − z); the largest z is taken out before exponentiating.
    shifted = z - z.max(axis=1, keepdims=True)
    return (y * (np.log(np.exp(shifted).sum(axis=1, keepdims=True)) - shifted)).sum(axis=1)


def _cross_entropy_da(a: Array, y: Array) -> Array:
    return -y / a


# cross-entropy of independent labels: sigmoid -----------------------------------------------------------


def _binary_cross_entropy(z: Array, a: Array, y: Array) -> Array:
    # −Σ y·log σ(z) + (1 − y)·log(1 − σ(z)) = Σ softplus(z) − y·z
    return (ACTIVATIONS["softplus"].g(z) - y * z).sum(axis=1)


def _binary_cross_entropy_da(a: Array, y: Array) -> Array:
    return (a - y) / (a * (1 - a))


# absolute error and Huber: any output that acts on each unit alone --------------------------------------


def _absolute_error(z: Array, a: Array, y: Array) -> Array:
    return np.abs(a - y).sum(axis=1)


def _absolute_error_da(a: Array, y: Array) -> Array:
    return np.sign(a - y)


def _corner_dda(a: Array, y: Array) -> Array:
    return np.zeros_like(a)  # a corner has no second derivative; taken as 0


def _huber(z: Array, a: Array, y: Array) -> Array:
    size = np.abs(a - y)
    near = np.minimum(size, HUBER_DELTA)
    return (near * (size - 0.5 * near)).sum(axis=1)


def _huber_da(a: Array, y: Array) -> Array:
    return np.clip(a - y, -HUBER_DELTA, HUBER_DELTA)


def _huber_dda(a: Array, y: Array) -> Array:
    return (np.abs(a - y) <= HUBER_DELTA).astype(a.dtype)


# quantile (pinball): too low costs `level` a unit, too high 1 − level; smallest at that quantile of y ------


def _quantile(level: float) -> Pair:
    def value(z: Array, a: Array, y: Array) -> Array:
        e = a - y
        return np.maximum((1 - level) * e, -level * e).sum(axis=1)

    def da(a: Array, y: Array) -> Array:
        e = a - y
        return np.where(e > 0, (1 - level), np.where(e < 0, -level, e)).astype(e.dtype)

    return Pair(value=value, da=da, dda=_corner_dda)


def _quantile_loss(name: str, level: float) -> Loss:
    return Loss(
        name=name, formula=f"Σ_j max((1 − q)·e_j, −q·e_j), e_j = a_j − y_j, q = {level!r}", anywhere=_quantile(level),
        parameter=level, side=sign_of, constant=constants.constant_huber, worked=texts.quantile(level),
        gates=texts.quantile_gates(level),
    )  # fmt: skip


# focal: cross-entropy without the weight of what is right already; with γ = 0 cross-entropy itself -------------


def _focal_loss(name: str, gamma: float) -> Loss:
    own = {"softmax": focal.of_classes(gamma), "sigmoid": focal.of_labels(gamma)}
    return Loss(
        name=name,
        formula=f"−Σ_j y_j·(1 − a_j)^γ·log a_j (softmax); −Σ_j y_j·(1 − a_j)^γ·log a_j + (1 − y_j)·a_j^γ·log(1 − a_j) "
        f"(sigmoid), γ = {gamma:g}",
        own=own if gamma else _OF_CLASSES, parameter=gamma, of_classes=True, low=0.0, high=1.0,
        expected="classes, or 0/1 for each output", scale=constants.scale_of_focal(gamma),
        constant=constants.constant_focal(gamma),
        worked=texts.focal(gamma), gates=texts.focal_gates(gamma),
    )  # fmt: skip


_OF_CLASSES = {
    "softmax": Pair(value=_cross_entropy, da=_cross_entropy_da, fused=True),
    "sigmoid": Pair(value=_binary_cross_entropy, da=_binary_cross_entropy_da, fused=True),
}


def _side_of_huber(e: Array) -> Array:
    return np.clip(np.fix(e / HUBER_DELTA), -1, 1)


LOSSES: dict[str, Loss] = {
    entry.name: entry
    for entry in (
        Loss(
            name="squared_error",
            formula="½·Σ_j (a_j − y_j)²",
            anywhere=Pair(value=_squared_error, da=_squared_error_da, dda=_squared_error_dda),
            with_softmax=True,
            scale=constants.scale_of_squared_error,
            own={"identity": Pair(value=_squared_error, da=_squared_error_da, fused=True)},
            distance=True,
            constant=constants.constant_squared_error,
            worked=texts.squared_error,
            gates=texts.squared_error_gates,
        ),
        Loss(
            name="cross_entropy",
            formula="−Σ_j y_j·log a_j (softmax); −Σ_j y_j·log a_j + (1 − y_j)·log(1 − a_j) (sigmoid)",
            own=_OF_CLASSES,
            of_classes=True,
            log_loss=True,
            low=0.0,
            high=1.0,
            expected="classes, or 0/1 for each output",
            scale=constants.scale_of_cross_entropy,
            constant=constants.constant_cross_entropy,
            worked=texts.cross_entropy,
            gates=texts.cross_entropy_gates,
        ),
        Loss(
            name="absolute_error",
            formula="Σ_j |a_j − y_j|",
            distance=True,
            side=sign_of,
            anywhere=Pair(value=_absolute_error, da=_absolute_error_da, dda=_corner_dda),
            constant=constants.constant_absolute_error,
            worked=texts.absolute_error,
            gates=texts.absolute_error_gates,
        ),
        Loss(
            name="huber",
            formula="Σ_j ½·e_j² where |e_j| ≤ 1, |e_j| − ½ elsewhere, e_j = a_j − y_j",
            distance=True,
            anywhere=Pair(value=_huber, da=_huber_da, dda=_huber_dda),
            side=_side_of_huber,
            constant=constants.constant_huber,
            worked=texts.huber,
            gates=texts.huber_gates,
        ),
        Loss(
            name="poisson",
            formula="Σ_j a_j − y_j·log a_j",
            own={"exponential": poisson.OF_EXPONENTIAL, "softplus": poisson.OF_SOFTPLUS},
            low=0.0,
            expected="counts or rates ≥ 0",
            scale=constants.scale_of_poisson,
            constant=constants.constant_poisson,
            least=constants.least_poisson,
            worked=texts.poisson,
            gates=texts.poisson_gates,
        ),
        _quantile_loss("quantile", MEDIAN),
        _focal_loss("focal", focal.GAMMA),
        gaussian("gaussian", ()),
    )
}
LOSSES["intervals"] = intervals("intervals", DEFAULT_LEVELS, LOSSES["squared_error"])


@dataclass(frozen=True)
class _Family:
    """Losses that differ by a number after a colon: how one is made, and what the number may be."""

    make: Callable[[str, float], Loss]
    symbol: str
    allows: Callable[[float], bool]
    range: str
    example: str


FAMILIES = {
    "quantile": _Family(_quantile_loss, "level", lambda q: 0 < q < 1, "a number between 0 and 1", "quantile:0.9"),
    "focal": _Family(
        _focal_loss,
        "gamma",
        lambda g: 0 <= g <= focal.MOST_GAMMA,
        f"a number from 0 to {focal.MOST_GAMMA:g}",
        "focal:2",
    ),
}


@lru_cache(maxsize=64)
def loss_named(name: str) -> Loss:
    """The loss of this name: an entry of LOSSES, or one with a number of its own, "quantile:0.9" or "focal:1.5".

    "intervals:0.1,0.9" is a point forecast by squared error with these levels, "intervals:0.1,0.9:huber" one by another
    loss, "gaussian:0.1,0.9" the normal distribution with these levels.

    Raises SettingsError for a name that is not in LOSSES, or a number that the loss has no meaning for.

    Source: Koenker, Bassett (1978): the quantile loss; Lin et al. (2017): the focal loss.

    Examples
    --------
    >>> loss_named("quantile:0.90").name, loss_named("focal:2.0").name
    ('quantile:0.9', 'focal:2')
    """
    text, colon, known = str(name).partition(":")
    if colon and text in _WITH_LEVELS:
        return _WITH_LEVELS[text](known)
    family = FAMILIES.get(text) if colon else None
    if family is None:
        if name not in LOSSES:
            raise unknown_name("loss", name, LOSSES)
        return LOSSES[name]
    try:
        number = float(known)
    except ValueError:
        number = np.nan
    if not family.allows(number):
        raise SettingsError(
            f"loss={name!r}: {family.symbol} must be {family.range} (got {known!r}). Try {family.example}."
        )
    return family.make(f"{text}:{repr(abs(number)).removesuffix('.0')}", abs(number))


def _intervals_at(known: str) -> Loss:
    listed, colon, point = known.partition(":")
    levels, of_point = interval_levels(listed), loss_named(point if colon else "squared_error")
    plain = of_point.name == "squared_error"
    return intervals(f"intervals:{_listed(levels)}{'' if plain else ':' + of_point.name}", levels, of_point)


def _gaussian_at(known: str) -> Loss:
    levels = interval_levels(known)
    return gaussian(f"gaussian:{_listed(levels)}", levels)


def _listed(levels: tuple[float, ...]) -> str:
    return ",".join(map(repr, levels))


_WITH_LEVELS: dict[str, Callable[[str], Loss]] = {"intervals": _intervals_at, "gaussian": _gaussian_at}


def with_levels(loss: str, levels: tuple[float, ...]) -> str:
    """The name of a loss that predicts these levels too: of its own distribution, or by heads beside its point.

    Raises SettingsError for a loss that cannot.

    Examples
    --------
    >>> with_levels("huber", (0.1, 0.9)), with_levels("gaussian", (0.1, 0.9))
    ('intervals:0.1,0.9:huber', 'gaussian:0.1,0.9')
    """
    entry = loss_named(loss)
    if entry.heads is not None and entry.heads.deviation is not None:
        return loss_named(f"{entry.family}:{_listed(levels)}").name
    point = loss if entry.heads is None else entry.heads.point
    return loss_named(f"intervals:{_listed(levels)}:{point}").name


def value_and_delta(loss: str, output: str, z: Array, a: Array, y: Array) -> tuple[Array, Array]:
    """The loss of each row and its derivative with respect to z of the output layer (BP1), row by row.

        delta = pullback(z, a, ∂loss/∂a);  fused pairs: delta = a − y, the same;
        an output whose y is NaN: nothing is added to the loss, delta = 0

    Arguments: loss: a name that loss_named knows; output: a name in ACTIVATIONS; z, a, y (n, n_out). Returns value
    (n,), delta (n, n_out), not yet scaled by w_i / Σw.

    Source: Bishop (2006), section 4.3.6; Nielsen, chapter 2, equation BP1.
    """
    entry, missing = loss_named(loss), np.isnan(y)
    pair, n = entry.pair(output), entry.n_heads
    if missing.any() and ACTIVATIONS[output].elementwise:
        # Each target by itself, so that a NaN stays in its own columns until it is taken out.
        parts = [slice(j, j + n) for j in range(0, y.shape[1], n)]
        units = [pair.value(z[:, j], a[:, j], y[:, j]) for j in parts]
        value = np.where(missing[:, ::n], 0, np.stack(units, axis=1)).sum(axis=1)
        return value, np.where(missing, 0, _delta(pair, output, z, a, y))
    return pair.value(z, a, y), _delta(pair, output, z, a, y)


def _delta(pair: Pair, output: str, z: Array, a: Array, y: Array) -> Array:
    if pair.fused:
        return a - y
    if pair.delta is not None:
        return pair.delta(z, a, y)
    return ACTIVATIONS[output].pullback(z, a, pair.da(a, y))


def bend_of_delta(loss: str, output: str, z: Array, a: Array, y: Array, Rz: Array) -> Array:
    """How delta of the output layer changes as z moves along Rz, row by row: R{delta}, the R-operator's BP1.

        fused: Rdelta = Ra = pullback(z, a, Rz);   else, with da = ∂loss/∂a,
        Rdelta = pullback(z, a, ∂²loss/∂a² ⊙ Ra) + bend(z, a, da, Rz), or that of the pair's own delta;
        an output whose y is NaN: 0

    Arguments: loss: a name that loss_named knows; output: a name in ACTIVATIONS; z, a, y, Rz (n, n_out). Returns
    Rdelta (n, n_out), not yet scaled by w_i / Σw.

    Source: Pearlmutter (1994), section 4.1.
    """
    pair, entry, missing = loss_named(loss).pair(output), ACTIVATIONS[output], np.isnan(y)
    found: Array
    if pair.change is not None:
        found = pair.change(z, a, y, Rz)
    elif pair.bend is not None:
        found = pair.bend(z, a, y) * Rz
    else:
        found = entry.pullback(z, a, Rz)
        if not pair.fused and pair.dda is not None:
            found = entry.pullback(z, a, pair.dda(a, y) * found) + entry.bend(z, a, pair.da(a, y), Rz)
    return np.where(missing, 0, found) if missing.any() else found
