"""The gradient check: backpropagation against central differences, in float64, tensor by tensor.

    n_k = (J(θ + h·e_k) − J(θ − h·e_k)) / 2h;  error of a tensor = max|a − n| / max(max|a|, max|n|)

Source: CS231n, "Gradient checks"; Goodfellow, Bengio, Courville (2016), section 11.5; Ridders (1982); the bound of
the rounding: Higham (2002), section 3.1, to first order along both passes.

The verdict is by tensor, because a correct gradient entry near zero may disagree in its third digit by
rounding alone; entries are sorted into the usual bands and shown. A rectifier has a corner: where a
pre-activation changes sign between θ − h and θ + h the difference quotient is of no derivative, so such
an entry is named as a kink and not judged. Where a difference seems to disagree it is taken again at
4h, 16h, … and, as far as needed, at h/4, h/16, …, for the width must fit the scale on which z moves: an input of
1e5 moves it by 1e5·h. Neighbours are extrapolated to h = 0; which of these is believed is decided by their mutual
agreement and by how far the rounding of J can move it, never by the value under test. What remains in doubt is taken
off before the verdict: a gradient is wrong where it differs by more than differences can be wrong, and a tensor of
which no entry is known well enough is named as one that cannot be resolved.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Engine, Targets, dense_targets
from chainrule.errors import SettingsError, ShapeError
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensors
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.reference.members import for_members
from chainrule.seeding import Purpose, stream_key, words
from chainrule.status import counted_off
from chainrule.text.tables import counted
from chainrule.verify.gradients_text import BANDS, table
from chainrule.verify.outcome import CheckOutcome, TensorCheck
from chainrule.verify.rounding import rounding_of_J
from chainrule.words.described import Described

Array = npt.NDArray[Any]
H = 1e-5
THRESHOLD = 5e-8
"""Half of what a part of 1e-4 in an entry of a thousandth of the largest comes to."""
MAX_ENTRIES = 200
NARROWEST = -12
"""A doubtful difference is taken again at h·4^k: narrower until neighbours agree, then wider while that helps, …"""
MOVES = 1.0
"""… counted from where no z moves by more than this: wider, differences may agree on a plateau of its activation …"""
FLOOR = -60
"""… and not narrower than this, …"""
WIDEST = 0.05
"""… up to this part of what is moved, or of 1 where that is less."""
SURE = 0.02
"""A doubt of this part of the threshold needs no further difference."""
SUMS = 1e-5
"""So far the sum of a row of probabilities may be from 1 by the rounding of its entries."""
FAR = 10
"""A doubt so many times the smallest is of another regime."""
SAFETY = 4
"""A gradient is wrong where it is off by more than so many times what is in doubt."""


class GradientCheck(Described, CheckOutcome):
    """The outcome of a gradient check: passed if no tensor's error exceeds the threshold.

    Attributes
    ----------
    tensors : dict of str to TensorCheck
        The comparison of every tensor.
    threshold : float
        The largest relative error that passes.
    n_parameters : int
        Parameters of the network.

    Examples
    --------
    >>> import chainrule as cr
    >>> net = cr.Network([2, 3, 1], activation="tanh", output="sigmoid", dtype="float64")
    >>> cr.check_gradients(net, [[0.0, 1.0], [1.0, 0.5]], [0, 1]).passed
    True
    """

    def __repr__(self) -> str:
        passed = "passed" if self.passed else "failed"
        error, n = f"{self.max_relative_error:.3g}", counted(self.n_parameters, "parameter")
        return f"GradientCheck({passed}, max_relative_error={error}, {n})"

    def _text(self, language: str) -> str:
        return table(self, language)


def check_gradients(
    engine: Engine,
    parameters: Parameters,
    X: npt.NDArray[Any],
    targets: Targets,
    weight: npt.NDArray[Any] | None = None,
    *,
    h: float = H,
    max_entries: int = MAX_ENTRIES,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> GradientCheck:
    """Compare an engine's gradient of J with central differences, for every W, b, gain, shift and for X.

    Parameters
    ----------
    engine : Engine
        Whose gradient is compared.
    parameters : Parameters
        Where; changed while it runs and put back.
    X : ndarray of shape (n, n_inputs)
        Rows.
    targets : ndarray
        Targets as engines take them.
    weight : ndarray of shape (n,), optional
        Weights of the rows.
    h : float, optional
        Half the distance of the two points, > 0.
    max_entries : int, optional
        Of a larger tensor only the largest, the smallest non-zero and random entries are compared, and a random
        direction through all; ≥ 3.
    threshold : float, optional
        The largest relative error that passes.
    seed : int, default 0
        The seed of the random choices.

    Returns
    -------
    GradientCheck
        `passed`, `max_relative_error`, `tensors`, `kinks`.

    Raises
    ------
    SettingsError
        If h ≤ 0 or max_entries < 3.
    ShapeError
        If there are no rows.
    """
    if not h > 0 or max_entries < 3:
        raise SettingsError(
            f"h={h!r}, max_entries={max_entries!r}: must be h > 0 and max_entries ≥ 3. Try h=1e-5, max_entries=200."
        )
    if len(X) == 0:
        raise ShapeError("X has 0 rows: must have at least one, as J is a mean over rows.")
    compared = _Comparison(engine, parameters, X, targets, weight, h, threshold)
    tensors = {}
    for lane, (name, tensor, analytic) in enumerate(compared.tensors()):
        chosen = compared_entries(analytic, max_entries, seed, lane)
        directional = None
        if len(chosen) < tensor.size:
            directional = compared.along_signs(
                tensor, analytic, words(stream_key(seed, Purpose.CHECK, 1), tensor.size, lane=lane)
            )
        tensors[name] = compared.entries(name, tensor, analytic, chosen, directional)
    return GradientCheck(tensors, threshold, parameters.architecture.n_parameters)


class _Comparison:
    """The network in float64, parts of which are moved to and fro."""

    def __init__(
        self, engine: Engine, parameters: Parameters, X: Any, targets: Targets, weight: Any, h: float, threshold: float
    ) -> None:
        wide = Architecture.from_dict({**parameters.architecture.to_dict(), "dtype": "float64"})
        self.engine, self.h, self.threshold = engine, h, threshold
        self.parameters = Parameters(wide, parameters.flat.astype(np.float64))
        self.X = np.array(X, dtype=np.float64)
        self.targets = _in_float64(targets, wide.output)
        self.weight = None if weight is None else weight.astype(np.float64)
        self.backward = engine.backward(self.parameters, self.X, self.targets, self.weight)
        names = enumerate(wide.activations)  # across a bend a difference is off by about h/4
        self.cornered = [l for l, name in names if name and (ACTIVATIONS[name].kinks or ACTIVATIONS[name].bends)]
        self.loss_entry = loss_named(wide.loss)
        forward = engine.forward(self.parameters, self.X)
        self.z, judged = forward.z, (self.targets, self.weight)
        self.rounding = rounding_of_J(self.parameters, forward, self.backward.delta, *judged)

    def tensors(self) -> Iterator[tuple[str, Array, Array]]:
        """Name, tensor and analytic gradient of everything learned, and of X."""
        for l, layer in self.parameters.architecture.numbered:
            for name, _ in tensors(layer):
                yield f"{name}{l}", getattr(self.parameters, name)[l], getattr(self.backward, f"d{name}")[l]
        yield "X", self.X, self.backward.dX

    def entries(
        self, name: str, tensor: Array, analytic: Array, chosen: npt.NDArray[np.int64], directional: float | None
    ) -> TensorCheck:
        """The tensor judged by differences at the chosen entries."""
        flat, a_all = tensor.reshape(-1), analytic.reshape(-1)
        largest = float(np.abs(a_all).max(initial=0.0))
        a, n, doubts, places, kinks = [], [], [], [], []
        for index in counted_off(map(int, chosen), f"differences of {name}, entry", len(chosen)):
            place = tuple(int(i) for i in np.unravel_index(index, tensor.shape))
            found = self._derivative(flat[index : index + 1], np.ones(1), float(a_all[index]), largest)
            if found is None:
                kinks.append(place)
                continue
            places.append(place)
            a.append(float(a_all[index]))
            n.append(found[0])
            doubts.append(found[1])
        certain = [abs(value) - SAFETY * doubt for value, doubt in zip(n, doubts, strict=True)]
        scale = max(largest, max(certain, default=0.0))
        beyond = [_beyond(*entry) for entry in zip(a, n, doubts, strict=True)]
        at = int(np.argmax(beyond)) if beyond else None
        worst, a_worst, n_worst = (None, 0.0, 0.0) if at is None else (places[at], a[at], n[at])
        error = _relative(max(beyond, default=0.0), scale)
        of_largest = doubts[int(np.argmax(np.abs(a)))] if a else 0.0
        resolved = bool(scale == 0 or SAFETY * of_largest <= self.threshold * scale)
        return TensorCheck(
            name=name, shape=tensor.shape, n_checked=len(a), error=error, worst=worst, analytic=a_worst,
            numeric=n_worst, kinks=tuple(kinks), bands=_bands(a, n), directional=directional, resolved=resolved,
        )  # fmt: skip

    def along_signs(self, tensor: Array, analytic: Array, random: npt.NDArray[np.uint32]) -> float | None:
        """Error of the derivative along random signs; None where the move crosses a corner."""
        v = np.where(random & 1, 1.0, -1.0).reshape(tensor.shape) / np.sqrt(tensor.size)
        along, typical = float((analytic * v).sum()), float(np.linalg.norm(analytic)) / np.sqrt(tensor.size)
        found = self._derivative(tensor, v, along, max(abs(along), typical))
        if found is None:
            return None
        numeric, doubt = found
        return _relative(_beyond(along, numeric, doubt), max(abs(along), abs(numeric) - SAFETY * doubt, typical))

    def _derivative(self, part: Array, v: Array, expected: float, scale: float) -> tuple[float, float] | None:
        """The derivative of J as part moves along v, and how far it is in doubt; None where a corner is within h."""
        at_h = self._difference(part, v, self.h)
        if at_h is None or abs(at_h - expected) <= 0.5 * self.threshold * scale:
            return None if at_h is None else (at_h, 0.0)
        ladder, enough = self._narrowed(part, v, at_h), SURE * self.threshold * scale
        best = self._extrapolated(ladder)
        widest = WIDEST * max(1.0, float(np.abs(part).max()))
        for k in range(1, 1 + max(4, int(np.log(widest / self.h) / np.log(4)))):
            difference = None if best[1] <= enough else self._difference(part, v, self.h * 4.0**k)
            if difference is None:
                break
            ladder[k] = difference
            found = self._extrapolated(ladder)
            if found[1] >= best[1] and k > 2:
                break
            best = found
        return best

    def _narrowed(self, part: Array, v: Array, at_h: float) -> dict[int, float]:
        """The differences at h·4^k of k = 0, −1, …, until neighbours agree where no z moves far."""
        ladder, left = {0: at_h}, -NARROWEST
        for k in range(-1, FLOOR, -1):
            h = self.h * 4.0**k
            difference = self._difference(part, v, h) if left else None
            if difference is None:
                break
            ladder[k] = difference
            if left < -NARROWEST or self._moved(part, v, h) <= MOVES:
                left -= 1
                if k < -1 and _agree(ladder[k], ladder[k + 1], ladder[k + 2], self.rounding / h):
                    break
        return ladder

    def _moved(self, part: Array, v: Array, h: float) -> float:
        """How far z moves, at most, as part moves by h·v. `part` is put back."""
        before = part.copy()
        part[...] = before + h * v
        z = self.engine.forward(self.parameters, self.X).z
        part[...] = before
        with np.errstate(all="ignore"):
            return max(float(np.abs(new - old).max(initial=0.0)) for new, old in zip(z[1:], self.z[1:], strict=True))

    def _difference(self, part: Array, v: Array, h: float) -> float | None:
        """(J(+h·v) − J(−h·v)) / 2h; None where a corner lies between the two points. `part` is put back."""
        before = part.copy()
        part[...] = before + h * v
        above, sides_above = self._loss()
        part[...] = before - h * v
        below, sides_below = self._loss()
        part[...] = before
        apart = float(((before + h * v) - (before - h * v))[0]) if part.size == 1 else 2 * h  # as they are rounded
        if apart == 0 or not all(np.array_equal(p, q) for p, q in zip(sides_above, sides_below, strict=True)):
            return None
        return (above - below) / apart

    def _extrapolated(self, ladder: dict[int, float]) -> tuple[float, float]:
        """The limit of differences at h·4^k, which are neighbours, and how far it is in doubt."""
        return _extrapolated([ladder[k] for k in sorted(ladder)], self.h * 4.0 ** min(ladder), self.rounding)

    def _loss(self) -> tuple[float, list[npt.NDArray[Any]]]:
        """J, and on which side of its corners everything lies."""
        J, output = self.engine.loss(self.parameters, self.X, self.targets, self.weight)
        sides: list[npt.NDArray[Any]] = []
        kinds = [(l, k) for l, k in enumerate(self.parameters.kinds) if k is not None and k.kind.side is not None]
        if self.cornered or kinds:
            forward, names = self.engine.forward(self.parameters, self.X), self.parameters.architecture.activations
            sides = [ACTIVATIONS[str(names[l])].side(forward.pre_activation(l)) for l in self.cornered]
            sides += [k.kind.side(forward.z[l], k.tensors) for l, k in kinds if k.kind.side is not None]
        if self.loss_entry.side is not None:
            a = self.parameters.architecture
            y = for_members(dense_targets(self.targets, a), a.members)
            output = output if a.members == 1 else self.engine.forward(self.parameters, self.X).a[-1]
            sides.append(self.loss_entry.side(self.loss_entry.errors(output, y)))
        return J, sides


def _in_float64(targets: Targets, output: str) -> Targets:
    """Targets in float64; rows of probabilities that sum to 1 up to rounding sum to 1: delta = a − y holds there."""
    if targets.dtype.kind != "f":
        return targets
    wide = targets.astype(np.float64)
    if ACTIVATIONS[output].elementwise or wide.ndim == 1:
        return wide
    sums = wide.sum(axis=1, keepdims=True)
    return np.where(np.abs(sums - 1) <= SUMS, wide / np.where(sums == 0, 1, sums), wide)


def _extrapolated(differences: list[float], h: float, rounding: float) -> tuple[float, float]:
    """The limit of differences at h, 4h, 16h, …, and its doubt: the h² term taken out of neighbours, the best of them.

    A wide difference has little rounding and much curvature, a narrow one the opposite. The curvature left
    is seen from the disagreement of neighbouring estimates, the rounding is that of J over h.
    """
    limits = [(16 * narrow - wide) / 15 for narrow, wide in pairwise(differences)]
    if len(limits) < 2:
        return (limits or differences)[0], np.inf
    best, before = (limits[0], np.inf), 0.0
    for i, (narrow, wide) in enumerate(pairwise(limits), start=1):
        apart = abs(wide - narrow)
        doubt = max(apart, before) + rounding / (h * 4.0**i)  # two in a row: one may be small by chance
        before = apart
        if not doubt > best[1]:
            best = (wide, doubt)
        elif doubt > FAR * best[1]:  # beyond, differences may agree on a wrong value: 0 between plateaus
            break
    return best


def _agree(narrowest: float, narrow: float, wide: float, rounding: float) -> bool:
    """Whether two limits of three differences, each 4 times as wide as the one before, differ by rounding alone."""
    return abs((16 * narrowest - narrow) - (16 * narrow - wide)) / 15 <= FAR * rounding


def _beyond(a: float, n: float, doubt: float) -> float:
    """By how much a and n differ beyond the uncertainty; infinite if one is not a number."""
    gap = abs(a - n)
    return max(0.0, gap - SAFETY * doubt) if np.isfinite(gap) else np.inf


def compared_entries(analytic: Array, max_entries: int, seed: int, lane: int) -> npt.NDArray[np.int64]:
    """All entries of a small tensor; of a large one the largest, the smallest non-zero and random ones."""
    size = analytic.size
    if size <= max_entries:
        return np.arange(size)
    third = max_entries // 3
    magnitude = np.abs(analytic.reshape(-1))
    largest = np.argpartition(magnitude, size - third)[size - third :]
    magnitude = np.where(magnitude == 0, np.inf, magnitude)
    smallest = np.argpartition(magnitude, third)[:third]
    smallest = smallest[np.isfinite(magnitude[smallest])]
    random = np.argpartition(words(stream_key(seed, Purpose.CHECK), size, lane=lane), third)[:third]
    return np.unique(np.concatenate([largest, smallest, random])).astype(np.int64)


def _relative(gap: float, scale: float) -> float:
    """gap / scale; infinite where the gap is, or is no number: two numbers that differ have a scale."""
    if gap == 0:
        return 0.0
    return float(gap / scale) if np.isfinite(gap) and scale > 0 else np.inf


def _bands(a: list[float], n: list[float]) -> tuple[int, ...]:
    errors = [_relative(abs(x - y), max(abs(x), abs(y))) for x, y in zip(a, n, strict=True)]
    counts, low = [], -1.0
    for _, high in BANDS:
        counts.append(sum(low < error <= high for error in errors))
        low = high
    return tuple(counts)
