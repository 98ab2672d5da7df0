"""The gradient check: backpropagation against central differences, in float64, tensor by tensor.

Formula   n_k = (J(θ + h·e_k) − J(θ − h·e_k)) / 2h;  error of a tensor = max|a − n| / max(max|a|, max|n|)

The verdict is by tensor, because a correct gradient entry near zero may disagree in its third digit by
rounding alone; entries are sorted into the usual bands and shown. A rectifier has a corner: where a
pre-activation changes sign between θ − h and θ + h the difference quotient is of no derivative, so such
an entry is named as a kink and not judged. Where a difference seems to disagree it is taken again at
4h, 16h, … and extrapolated to h = 0; which of these is believed is decided by their mutual agreement,
never by the value under test.

Source    CS231n, "Gradient checks"; Goodfellow, Bengio, Courville (2016), section 11.5; Ridders (1982)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Engine, Targets, dense_targets
from chainrule.errors import SettingsError, ShapeError, unknown_name
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensors
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.seeding import Purpose, stream_key, words
from chainrule.verify.gradients_text import BANDS, TEXT, table
from chainrule.verify.outcome import Outcome, TensorCheck

Array = npt.NDArray[Any]
H = 1e-5
THRESHOLD = 1e-7
MAX_ENTRIES = 200
WIDENINGS = (4, 16, 64, 256)
"""Multiples of h at which a doubtful difference is taken again."""


class GradientCheck(Outcome):
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

    def text(self, language: str = "en") -> str:
        """Return the table of tensors, for a terminal of 80 columns.

        Parameters
        ----------
        language : str, default "en"
            English "en" or Korean "ko".

        Returns
        -------
        str
            Lines of at most 80 columns.

        Raises
        ------
        SettingsError
            If the language is unknown.
        """
        if language not in TEXT:
            raise unknown_name("language", language, TEXT)
        return table(self, language)

    def __str__(self) -> str:
        return self.text()


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
        raise ShapeError("X has 0 rows; expected at least one: J is a mean over rows.")
    compared = _Comparison(engine, parameters, X, targets, weight, h, threshold)
    tensors = {}
    for lane, (name, tensor, analytic) in enumerate(compared.tensors()):
        chosen = _choose(analytic, max_entries, seed, lane)
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
        self.targets = targets.astype(np.float64) if targets.dtype.kind == "f" else targets
        self.weight = None if weight is None else weight.astype(np.float64)
        self.backward = engine.backward(self.parameters, self.X, self.targets, self.weight)
        names = enumerate(wide.activations)  # across a bend a difference is off by about h/4
        self.cornered = [l for l, name in names if name and (ACTIVATIONS[name].kinks or ACTIVATIONS[name].bends)]
        self.side_of_loss = loss_named(wide.loss).side
        # J is a sum over layers and rows, each rounded; gradients below `resolution` drown in that at every h.
        self.rounding = 16 * float(np.finfo(np.float64).eps) * abs(self.backward.loss)
        self.resolution = self.rounding / (WIDENINGS[-1] * h) / threshold

    def tensors(self) -> Iterator[tuple[str, Array, Array]]:
        """Name, tensor and analytic gradient of every W, b, gain, shift, and of X."""
        for l, layer in enumerate(self.parameters.architecture.layers, start=1):
            for name, _ in tensors(layer):
                yield f"{name}{l}", getattr(self.parameters, name)[l], getattr(self.backward, f"d{name}")[l]
        yield "X", self.X, self.backward.dX

    def entries(
        self, name: str, tensor: Array, analytic: Array, chosen: npt.NDArray[np.int64], directional: float | None
    ) -> TensorCheck:
        """The tensor judged by differences at the chosen entries."""
        flat, a_all = tensor.reshape(-1), analytic.reshape(-1)
        largest = float(np.abs(a_all).max(initial=0.0))
        a, n, places, kinks = [], [], [], []
        for index in map(int, chosen):
            place = tuple(int(i) for i in np.unravel_index(index, tensor.shape))
            numeric = self._derivative(flat[index : index + 1], np.ones(1), float(a_all[index]), largest)
            if numeric is None:
                kinks.append(place)
                continue
            places.append(place)
            a.append(float(a_all[index]))
            n.append(numeric)
        scale = max(largest, max(map(abs, n), default=0.0))
        gaps = np.abs(np.subtract(a, n))
        at = int(np.argmax(gaps)) if len(gaps) else None
        worst, a_worst, n_worst = (None, 0.0, 0.0) if at is None else (places[at], a[at], n[at])
        error = self._ratio(float(gaps.max(initial=0.0)), scale)
        resolved = bool(scale == 0 or scale > self.resolution)
        return TensorCheck(
            name=name, shape=tensor.shape, n_checked=len(a), error=error, worst=worst, analytic=a_worst,
            numeric=n_worst, kinks=tuple(kinks), bands=_bands(a, n), directional=directional, resolved=resolved,
        )  # fmt: skip

    def along_signs(self, tensor: Array, analytic: Array, random: npt.NDArray[np.uint32]) -> float | None:
        """Error of the derivative along random signs; None where the move crosses a corner."""
        v = np.where(random & 1, 1.0, -1.0).reshape(tensor.shape) / np.sqrt(tensor.size)
        along, typical = float((analytic * v).sum()), float(np.linalg.norm(analytic)) / np.sqrt(tensor.size)
        numeric = self._derivative(tensor, v, along, max(abs(along), typical))
        if numeric is None:
            return None
        return self._ratio(abs(along - numeric), max(abs(along), abs(numeric), typical))

    def _derivative(self, part: Array, v: Array, expected: float, scale: float) -> float | None:
        """The derivative of J as part moves along v; None where a corner lies within h of it."""
        at_h = self._difference(part, v, self.h)
        if at_h is None or abs(at_h - expected) <= 0.5 * self.threshold * scale:
            return at_h
        wider = [at_h]
        for multiple in WIDENINGS:
            difference = self._difference(part, v, multiple * self.h)
            if difference is None:
                break
            wider.append(difference)
        return _extrapolated(wider, self.h, self.rounding)

    def _difference(self, part: Array, v: Array, h: float) -> float | None:
        """(J(+h·v) − J(−h·v)) / 2h; None where a corner lies between the two points. `part` is put back."""
        before = part.copy()
        part[...] = before + h * v
        above, sides_above = self._loss()
        part[...] = before - h * v
        below, sides_below = self._loss()
        part[...] = before
        if not all(np.array_equal(p, q) for p, q in zip(sides_above, sides_below, strict=True)):
            return None
        return (above - below) / (2 * h)

    def _loss(self) -> tuple[float, list[npt.NDArray[Any]]]:
        """J, and on which side of its corners everything lies."""
        J, output = self.engine.loss(self.parameters, self.X, self.targets, self.weight)
        sides: list[npt.NDArray[Any]] = []
        if self.cornered:
            forward = self.engine.forward(self.parameters, self.X)
            names = self.parameters.architecture.activations
            sides = [ACTIVATIONS[str(names[l])].side(forward.pre_activation(l)) for l in self.cornered]
        if self.side_of_loss is not None:
            sides.append(self.side_of_loss(output - dense_targets(self.targets, self.parameters.architecture)))
        return J, sides

    def _ratio(self, gap: float, scale: float) -> float:
        """gap / scale; a gap that is no number counts as infinite."""
        return _relative(gap, max(scale, self.resolution))


def _extrapolated(differences: list[float], h: float, rounding: float) -> float:
    """The limit of differences at h, 4h, 16h, …: the h² term taken out of neighbours, then the best estimate.

    A wide difference has little rounding and much curvature, a narrow one the opposite. The curvature left
    is seen from the disagreement of neighbouring estimates, the rounding is that of J over h.
    """
    limits = [(16 * narrow - wide) / 15 for narrow, wide in pairwise(differences)]
    if len(limits) < 2:
        return limits[0] if limits else differences[0]
    doubts = np.abs(np.diff(limits)) + rounding / (h * 4.0 ** np.arange(1, len(limits)))
    return limits[int(np.argmin(doubts)) + 1]


def _choose(analytic: Array, max_entries: int, seed: int, lane: int) -> npt.NDArray[np.int64]:
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
