"""The gradient check as a table, in English and Korean."""

from __future__ import annotations

import numpy as np

from chainrule.text.tables import aligned, wrapped
from chainrule.verify.outcome import Outcome, TensorCheck

BANDS = (("≤ 1e-7", 1e-7), ("≤ 1e-4", 1e-4), ("≤ 1e-2", 1e-2), ("> 1e-2", np.inf))
"""CS231n's bands for relative errors of single entries."""

SHOWN_KINKS = 4

_SIDE_BY_SIDE: dict[str, tuple[str, str]] = {
    "head": (
        "Gradient check in float64: backpropagation a against central differences n. A tensor passes with "
        "max|a − n| / max(|a|, |n|) ≤ {threshold:g}.",
        "기울기 검사 (float64): 역전파의 값 a와 중앙 차분의 값 n을 비교합니다. "
        "텐서마다 max|a − n| / max(|a|, |n|) ≤ {threshold:g} 이면 통과입니다.",
    ),
    "tensor": ("tensor", "텐서"),
    "shape": ("shape", "크기"),
    "entries": ("compared", "비교 수"),
    "kinks": ("kinks", "꺾임"),
    "error": ("error", "오차"),
    "direction": ("direction", "방향"),
    "worst": ("worst entry", "최대 오차 위치"),
    "verdict": ("", ""),
    "ok": ("ok", "통과"),
    "not_judged": ("kinks", "보류"),
    "wrong": ("✗ WRONG", "✗ 틀림"),
    "difference": (
        "{name}: backpropagation says {a}, differences say {n}.",
        "{name}: 역전파 {a}, 중앙 차분 {n}",
    ),
    "along": (
        "{name}: wrong along a random direction through the whole tensor.",
        "{name}: 텐서 전체를 지나는 무작위 방향의 미분이 다릅니다.",
    ),
    "kinked": (
        "Kinks (a corner of relu or of the loss lies within ±h, so there is no derivative to compare): {shown}",
        "꺾임(±h 사이에 relu나 손실의 꺾인 점이 있어 비교할 미분이 없는 원소): {shown}",
    ),
    "more": (", … {n} in all", ", … 모두 {n}개"),
    "unresolved": (
        "Too small for differences to see beside the rounding of J: {shown}",
        "J의 반올림 오차에 묻혀 중앙 차분으로는 확인할 수 없는 작은 기울기: {shown}",
    ),
    "bands": (
        "Relative error of single entries (shown, not judged): {shown}",
        "원소별 상대 오차 (참고용이며 판정하지 않음): {shown}",
    ),
    "cost": (
        "The whole gradient of {p:,} parameters takes {n:,} forward passes by differences; backpropagation takes "
        "two passes.",
        "매개변수 {p:,}개의 기울기 전체: 중앙 차분으로는 순전파 {n:,}번, 역전파로는 통과 두 번이면 됩니다.",
    ),
    "passed": ("Passed: the largest error is {worst:.2e}.", "통과: 가장 큰 오차 {worst:.2e}"),
    "failed": ("FAILED: the largest error is {worst:.2e}.", "실패: 가장 큰 오차 {worst:.2e}"),
}

TEXT: dict[str, dict[str, str]] = {
    language: {name: texts[i] for name, texts in _SIDE_BY_SIDE.items()} for i, language in enumerate(("en", "ko"))
}


def table(check: Outcome, language: str) -> str:
    """The outcome as lines of at most 80 columns: a row a tensor, what failed, kinks, bands, cost, verdict."""
    text, tensors = TEXT[language], list(check.tensors.values())
    lines = [*wrapped(text["head"].format(threshold=check.threshold)), ""]
    sampled = any(t.directional is not None for t in tensors)
    names = ("tensor", "shape", "entries", "kinks", "error", *(["direction"] if sampled else []), "worst", "verdict")
    lines += aligned([tuple(text[name] for name in names), *(_row(check, t, text, sampled) for t in tensors)], 2, gap=2)
    lines.append("")
    for t in tensors:
        if t.worst is not None and not t.error <= check.threshold:
            told = text["difference"].format(name=_place(t, t.worst), a=f"{t.analytic:.10g}", n=f"{t.numeric:.10g}")
            lines += wrapped(told)
        if t.directional is not None and not t.directional <= check.threshold:
            lines += wrapped(text["along"].format(name=t.name))
    lines += _kinks(tensors, text)
    hidden = ", ".join(t.name for t in tensors if not t.resolved)
    if hidden:
        lines += wrapped(text["unresolved"].format(shown=hidden))
    counts = np.sum([t.bands for t in tensors], axis=0)
    shown = ", ".join(
        f"{label}: {count}".replace(" ", "\u00a0") for (label, _), count in zip(BANDS, counts, strict=True)
    )
    lines += wrapped(text["bands"].format(shown=shown))
    lines += wrapped(text["cost"].format(n=check.forward_passes_numerical, p=check.n_parameters))
    lines.append(text["passed" if check.passed else "failed"].format(worst=check.max_relative_error))
    return "\n".join(lines)


def _row(check: Outcome, t: TensorCheck, text: dict[str, str], sampled: bool) -> tuple[str, ...]:
    worst = "" if t.worst is None else _place(t, t.worst)
    along = [] if not sampled else ["" if t.directional is None else f"{t.directional:.1e}"]
    right = t.error <= check.threshold and (t.directional is None or t.directional <= check.threshold)
    verdict = text[("ok" if t.n_checked else "not_judged") if right else "wrong"]
    shape = "×".join(map(str, t.shape))
    return t.name, shape, f"{t.n_checked:,}", str(t.n_kinks), f"{t.error:.1e}", *along, worst, verdict


def _kinks(tensors: list[TensorCheck], text: dict[str, str]) -> list[str]:
    places = [_place(t, place) for t in tensors for place in t.kinks]
    if not places:
        return []
    more = text["more"].format(n=len(places)) if len(places) > SHOWN_KINKS else ""
    return wrapped(text["kinked"].format(shown=", ".join(places[:SHOWN_KINKS]) + more))


def _place(t: TensorCheck, place: tuple[int, ...]) -> str:
    return f"{t.name}[{','.join(map(str, place))}]"
