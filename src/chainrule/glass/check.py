"""The gradient check: backpropagation against central differences, in float64, tensor by tensor.

Formula   n_k = (J(θ + h·e_k) − J(θ − h·e_k)) / 2h;  error of a tensor = max|a − n| / max(max|a|, max|n|)

The verdict is by tensor, because a correct gradient entry near zero may disagree in its third digit by
rounding alone; entries are sorted into the usual bands and shown. A rectifier has a corner: where a
pre-activation changes sign between θ − h and θ + h the difference quotient is of no derivative, so such
an entry is named as a kink and not judged.

Source    CS231n, "Gradient checks"; Goodfellow, Bengio, Courville (2016), section 11.5
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Engine, Targets
from chainrule.errors import SettingsError
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.reference.activations import ACTIVATIONS
from chainrule.seeding import Purpose, stream_key, words

Array = npt.NDArray[Any]
H = 1e-5
THRESHOLD = 1e-7
MAX_ENTRIES = 200
BANDS = (("≤ 1e-7", 1e-7), ("≤ 1e-4", 1e-4), ("≤ 1e-2", 1e-2), ("> 1e-2", np.inf))
"""Relative errors of single entries, shown and not judged."""


@dataclass(frozen=True)
class TensorCheck:
    """One tensor: its error, its worst entry, how many entries were compared, and where kinks were crossed."""

    name: str
    shape: tuple[int, ...]
    n_checked: int
    error: float
    worst: tuple[int, ...] | None
    analytic: float
    numeric: float
    kinks: tuple[tuple[int, ...], ...]
    bands: tuple[int, ...]
    directional: float | None = None
    """Error along a random direction through the whole tensor, where only some entries were compared."""


@dataclass(frozen=True)
class GradientCheck:
    """The outcome: passed if no tensor's error exceeds the threshold."""

    tensors: dict[str, TensorCheck] = field(default_factory=dict)
    threshold: float = THRESHOLD
    n_parameters: int = 0

    @property
    def max_relative_error(self) -> float:
        """The largest error of a tensor, random directions included."""
        return max(max(t.error, t.directional or 0.0) for t in self.tensors.values())

    @property
    def passed(self) -> bool:
        """Whether every tensor is within the threshold (a NaN is not)."""
        return bool(self.max_relative_error <= self.threshold)

    @property
    def kinks(self) -> dict[str, tuple[tuple[int, ...], ...]]:
        """Entries that crossed a corner, by tensor."""
        return {name: tensor.kinks for name, tensor in self.tensors.items() if tensor.kinks}

    @property
    def forward_passes_numerical(self) -> int:
        """Forward passes that central differences need for the whole gradient; backpropagation needs two passes."""
        return 2 * self.n_parameters

    def text(self, language: str = "en") -> str:
        """The table of tensors, for a terminal of 80 columns."""
        words_ = WORDS[language]
        lines = [words_["head"].format(threshold=self.threshold)]
        lines.append(f"{'':8}{'':>12}{words_['entries']:>9}{words_['kinks']:>7}{'max|a−n|/max':>15}  {words_['worst']}")
        for t in self.tensors.values():
            shape = "×".join(map(str, t.shape))
            where = "" if t.worst is None else f"{list(t.worst)} a={t.analytic:.6g}"
            error = max(t.error, t.directional or 0.0)
            mark = "" if error <= self.threshold else "  ✗"
            lines.append(f"{t.name:8}{shape:>12}{t.n_checked:>9}{len(t.kinks):>7}{error:>15.2e}  {where}{mark}")
        counts = np.sum([t.bands for t in self.tensors.values()], axis=0)
        shown = ", ".join(f"{label}: {count}" for (label, _), count in zip(BANDS, counts, strict=True))
        lines.append(words_["bands"].format(shown=shown))
        lines.append(words_["cost"].format(n=self.forward_passes_numerical, p=self.n_parameters))
        lines.append(words_["passed" if self.passed else "failed"].format(worst=self.max_relative_error))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


WORDS: dict[str, dict[str, str]] = {
    "en": {
        "head": "Gradient check: backpropagation against central differences (float64),\n"
        "by tensor, passed at ≤ {threshold:g}",
        "entries": "entries",
        "kinks": "kinks",
        "worst": "worst entry",
        "bands": "Single entries, shown and not judged: {shown}",
        "cost": "Differences need {n:,} forward passes for {p:,} parameters; backpropagation two passes.",
        "passed": "Passed: the largest error is {worst:.2e}.",
        "failed": "FAILED: the largest error is {worst:.2e}.",
    },
    "ko": {
        "head": "기울기 검사: 역전파를 중앙 차분과 비교 (float64),\n텐서마다 판정, 기준 ≤ {threshold:g}",
        "entries": "n",
        "kinks": "kink",
        "worst": "a: 역전파 값",
        "bands": "원소별 상대 오차 (참고용, 판정하지 않음): {shown}",
        "cost": "매개변수 {p:,}개의 기울기에 중앙 차분은 순전파 {n:,}번, 역전파는 두 번의 통과면 충분합니다.",
        "passed": "통과: 가장 큰 오차 {worst:.2e}",
        "failed": "실패: 가장 큰 오차 {worst:.2e}",
    },
}


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
    """Compare the engine's gradient of J with central differences, for every W, b and for X.

    Args      h: half the distance of the two points; max_entries: of a larger tensor only the largest,
              the smallest non-zero and random entries are compared, and a random direction through all
    Returns   GradientCheck
    Errors    SettingsError for h ≤ 0 or max_entries < 3
    """
    if not h > 0 or max_entries < 3:
        raise SettingsError(
            f"h = {h!r}, max_entries = {max_entries!r} are not possible; expected h > 0, max_entries ≥ 3."
        )
    compared = _Comparison(engine, parameters, X, targets, weight, h, 0.5 * threshold)
    tensors = {}
    for lane, (name, tensor, analytic) in enumerate(compared.tensors()):
        chosen = _choose(analytic, max_entries, seed, lane)
        tensors[name] = compared.compare(name, tensor, analytic, chosen, seed, lane)
    return GradientCheck(tensors, threshold, parameters.architecture.n_parameters)


class _Comparison:
    """The network in float64, one number of which is moved at a time."""

    def __init__(
        self, engine: Engine, parameters: Parameters, X: Any, targets: Targets, weight: Any, h: float, doubt: float
    ) -> None:
        wide = Architecture.from_dict({**parameters.architecture.to_dict(), "dtype": "float64"})
        self.engine, self.h, self.doubt = engine, h, doubt
        self.parameters = Parameters(wide, parameters.flat.astype(np.float64))
        self.X = np.array(X, dtype=np.float64)
        self.targets = targets.astype(np.float64) if targets.dtype.kind == "f" else targets
        self.weight = None if weight is None else weight.astype(np.float64)
        self.backward = engine.backward(self.parameters, self.X, self.targets, self.weight)
        self.cornered = [l for l, name in enumerate(wide.activations) if name and ACTIVATIONS[name].kinks]
        self.corner_of_loss = wide.loss in ("absolute_error", "huber")

    def tensors(self) -> Iterator[tuple[str, Array, Array]]:
        """Name, tensor and analytic gradient of every W, b, and of X."""
        for l in range(1, len(self.parameters.W)):
            yield f"W{l}", self.parameters.W[l], self.backward.dW[l]
            yield f"b{l}", self.parameters.b[l], self.backward.db[l]
        yield "X", self.X, self.backward.dX

    def compare(
        self, name: str, tensor: Array, analytic: Array, chosen: npt.NDArray[np.int64], seed: int, lane: int
    ) -> TensorCheck:
        """Differences at the chosen entries, and along one direction where they are not all."""
        flat, a_all = tensor.reshape(-1), analytic.reshape(-1)
        a, n, kinks = [], [], []
        kept = []
        largest = float(np.abs(a_all).max())
        for index in chosen:
            numeric, crossed = self._difference(functools.partial(_move, flat, int(index)))
            place = tuple(int(i) for i in np.unravel_index(index, tensor.shape))
            if crossed:
                kinks.append(place)
                continue
            if abs(float(a_all[index]) - numeric) > self.doubt * largest:
                numeric = self._refined(flat, int(index), numeric)
            kept.append(place)
            a.append(float(a_all[index]))
            n.append(numeric)
        scale = max(largest, max(map(abs, n), default=0.0))
        gaps = np.abs(np.subtract(a, n)) if a else np.zeros(0)
        worst = int(np.argmax(gaps)) if len(gaps) else None
        direction = None if len(chosen) == tensor.size else self._directional(tensor, analytic, seed, lane)
        return TensorCheck(
            name, tensor.shape, len(a), _ratio(float(gaps.max(initial=0.0)), scale),
            None if worst is None else kept[worst], 0.0 if worst is None else a[worst],
            0.0 if worst is None else n[worst], tuple(kinks), _bands(a, n), direction,
        )  # fmt: skip

    def _refined(self, flat: Array, index: int, at_h: float) -> float:
        """Richardson's extrapolation from h and 2h: the h² term of the difference cancels."""
        self.h *= 2
        at_2h, crossed = self._difference(functools.partial(_move, flat, index))
        self.h /= 2
        return at_h if crossed else (4 * at_h - at_2h) / 3

    def _directional(self, tensor: Array, analytic: Array, seed: int, lane: int) -> float | None:
        """Error of the derivative along random signs; None where the move crosses a corner."""
        signs = np.where(words(stream_key(seed, Purpose.CHECK, 1), tensor.size, lane=lane) & 1, 1.0, -1.0)
        v = signs.reshape(tensor.shape) / np.sqrt(tensor.size)

        def move(s: float) -> None:
            tensor[...] += s * v

        before = tensor.copy()
        numeric, crossed = self._difference(move)
        tensor[...] = before
        if crossed:
            return None
        along = float((analytic * v).sum())
        scale = float(np.linalg.norm(analytic)) / np.sqrt(tensor.size)
        return _ratio(abs(along - numeric), max(abs(along), abs(numeric), scale))

    def _difference(self, move: Callable[[float], None]) -> tuple[float, bool]:
        """(J(+h) − J(−h)) / 2h, and whether a corner lies between the two points."""
        move(self.h)
        above, signs_above = self._loss()
        move(-2 * self.h)
        below, signs_below = self._loss()
        move(self.h)
        crossed = any(not np.array_equal(p, q) for p, q in zip(signs_above, signs_below, strict=True))
        return (above - below) / (2 * self.h), crossed

    def _loss(self) -> tuple[float, list[npt.NDArray[Any]]]:
        backward = self.engine.loss(self.parameters, self.X, self.targets, self.weight)
        if not self.cornered and not self.corner_of_loss:
            return backward[0], []
        forward = self.engine.forward(self.parameters, self.X)
        signs = [forward.z[l] > 0 for l in self.cornered]
        if self.corner_of_loss:
            signs.append(self._side(forward.output))
        return backward[0], signs

    def _side(self, output: Array) -> npt.NDArray[Any]:
        """On which piece of absolute_error or huber every output lies."""
        from chainrule.engine.numpy import dense_targets

        e = output - dense_targets(self.targets, self.parameters.architecture)
        return np.sign(e) if self.parameters.architecture.loss == "absolute_error" else np.clip(np.fix(e), -1, 1)


def _move(flat: Array, index: int, s: float) -> None:
    flat[index] += s


def _ratio(gap: float, scale: float) -> float:
    return gap / scale if scale > 0 else 0.0 if gap == 0 else np.inf


def _choose(analytic: Array, max_entries: int, seed: int, lane: int) -> npt.NDArray[np.int64]:
    """All entries of a small tensor; of a large one the largest, the smallest non-zero and random ones."""
    size = analytic.size
    if size <= max_entries:
        return np.arange(size)
    order = np.argsort(np.abs(analytic.reshape(-1)), kind="stable")
    nonzero = order[np.searchsorted(np.abs(analytic.reshape(-1))[order], 0.0, side="right") :]
    third = max_entries // 3
    random = np.argsort(words(stream_key(seed, Purpose.CHECK), size, lane=lane), kind="stable")[:third]
    return np.unique(np.concatenate([order[-third:], nonzero[:third], random])).astype(np.int64)


def _bands(a: list[float], n: list[float]) -> tuple[int, ...]:
    pairs = zip(a, n, strict=True)
    errors = [0.0 if x == y == 0 else abs(x - y) / max(abs(x), abs(y)) for x, y in pairs]
    counts, low = [], -1.0
    for _, high in BANDS:
        counts.append(sum(low < error <= high for error in errors))
        low = high
    return tuple(counts)
