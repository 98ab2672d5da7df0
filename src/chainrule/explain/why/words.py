"""What answers say, side by side in English and Korean. No Korean particle follows a slot directly."""

from __future__ import annotations

_SIDE_BY_SIDE: dict[str, tuple[str, str]] = {
    "head": (
        "{name} = {value}   (step {step}, {dtype}, {engine} engine)",
        "{name} = {value}   ({step}번 단계, {dtype}, {engine} 엔진)",
    ),
    "new": ("{name} after the step", "단계를 마친 뒤의 {name}"),
    "terms": ("Its terms, the largest first:", "더해지는 항(큰 것부터):"),
    "cancel": (
        "{n} terms: those above 0 sum to {up}, those below to {down}; {share} of all that pulls cancels out.",
        "항 {n}개: 양의 항의 합 {up}, 음의 항의 합 {down}. 서로 상쇄되는 몫 {share}",
    ),
    "term": ("term", "항"),
    "example": ("example", "예제"),
    "row": ("row {i}", "{i}번 행"),
    "numbers": ("numbers", "숫자"),
    "value": ("value", "값"),
    "share": ("share", "비중"),
    "more": ("… {n} more", "… 외 {n}개"),
    "sum": ("exact sum", "정확한 합"),
    "rounding": ("rounding to {dtype}", "{dtype} 반올림"),
    "blas": ("rounding, BLAS's own order", "반올림(BLAS의 계산 순서)"),
    "is": ("{name} =", "{name} ="),
    "running": (
        "Running totals of {name} in the engine's own order, rounded at every step as training did:",
        "{name}: 엔진이 더한 순서대로의 누계(학습 때처럼 매번 반올림)",
    ),
    "running_wide": ("Running totals of {name} in float64:", "{name}: float64로 더한 누계"),
    "after": ("after {n}", "{n}개까지"),
    "bits": (
        "Redone here, the engine's arithmetic gives the same bits.",
        "엔진의 계산을 여기서 다시 하면 비트까지 같은 값이 나옵니다.",
    ),
    "twin": (
        "By differences, in float64: (J({of} + h) − J({of} − h)) / 2h = {numeric} with h = {h}; this differs by {gap}, "
        "and the rounding of J alone may move it by {doubt}.",
        "수치 미분(float64): (J({of} + h) − J({of} − h)) / 2h = {numeric}, h = {h}. 차이 {gap}, "
        "J의 반올림만으로 생길 수 있는 오차 {doubt}",
    ),
    "kink": (
        "Between the two points a unit crosses the corner of its activation: there is no derivative to compare.",
        "두 점 사이에서 활성화 함수의 꺾인 점을 지나는 유닛이 있어, 비교할 미분값이 없습니다.",
    ),
    "paths_all": (
        "Ways from this weight up to the loss: {n:,}. Each is a product of slopes and weights; over the batch they sum "
        "to {total}, the gradient. The most important:",
        "이 가중치에서 손실까지 가는 길 {n:,}개. 길마다 기울기와 가중치의 곱이며, 배치 전체에서 모두 더하면 {total}, "
        "곧 그래디언트입니다. 가장 중요한 길:",
    ),
    "paths_row": (
        "Ways from this weight up to the loss: {n:,} for every row. Those of row {row} (example {example}) sum to "
        "{total}. The most important:",
        "이 가중치에서 손실까지 가는 길: 행마다 {n:,}개. {row}번 행(예제 {example})의 합 {total}. 가장 중요한 길:",
    ),
    "past": (
        "A unit in brackets: the way goes past that layer, by its residual connection.",
        "괄호 안의 유닛: 잔차 연결을 따라 그 층을 거치지 않고 지나가는 길입니다.",
    ),
    "path": ("units {units}", "유닛 {units}"),
    "top_share": ("these {n} together", "이 {n}개의 합"),
    "predicted": (
        "What the whole update did to J on this batch: predicted by the gradient (Σ g·Δ) {predicted}, actual {actual} "
        "(J {before} → {after}). {verdict}",
        "업데이트 전체가 이 배치의 J에 한 일: 기울기로 예측한 변화(Σ g·Δ) {predicted}, 실제 변화 {actual} "
        "(J {before} → {after}). {verdict}",
    ),
    "predicted_one": (
        "What this change alone does to J on this batch: predicted by the gradient (dJ/d{name}·Δ) {predicted}, actual "
        "{actual}. {verdict}",
        "이 변화 하나만으로 달라지는 이 배치의 J: 기울기로 예측한 변화(dJ/d{name}·Δ) {predicted}, 실제 변화 {actual}. "
        "{verdict}",
    ),
    "straight": (
        "The loss is nearly straight along this step.",
        "이 걸음을 따라 손실은 거의 직선입니다.",
    ),
    "curved": (
        "The loss bends along this step: the gradient promised more than it gave.",
        "이 걸음을 따라 손실이 휘어 있어, 기울기가 약속한 만큼 줄지 않았습니다.",
    ),
    "overshot": (
        "The step went past the bottom: J rose although the gradient promised a fall.",
        "걸음이 골짜기를 넘었습니다. 기울기는 감소를 약속했지만 J는 커졌습니다.",
    ),
    "better": (
        "J changed by more than the gradient promised.",
        "J는 기울기가 약속한 것보다 크게 변했습니다.",
    ),
    "by_layer": ("of which by {parts}", "그중 {parts}"),
    "ask": ("Ask on: {names}", "이어서 물어볼 것: {names}"),
    "not_applied": (
        "J is not a finite number: the update of this step was not applied.",
        "J가 유한한 수가 아니어서 이 단계의 업데이트는 적용되지 않았습니다.",
    ),
}

TEXT: dict[str, dict[str, str]] = {
    language: {name: texts[i] for name, texts in _SIDE_BY_SIDE.items()} for i, language in enumerate(("en", "ko"))
}
