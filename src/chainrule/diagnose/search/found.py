"""What a search returns: the step, the place in the network, the example, and the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import unknown_name
from chainrule.text.tables import number, wrapped

_SIDE_BY_SIDE: dict[str, tuple[str, str]] = {
    "found": ("{what}: step {step}, epoch {epoch}", "{what}: {step}번 단계, 에포크 {epoch}"),
    "layer": ("layer {layer}", "{layer}층"),
    "unit": ("unit {unit}", "{unit}번 유닛"),
    "row": ("row {row} of the batch (example {example})", "배치의 {row}번 행 (예제 {example})"),
    "looked": (
        "{n} of {all} steps were recomputed to find it.",
        "전체 {all}단계 가운데 {n}단계를 다시 계산해 찾았습니다.",
    ),
    "non-finite": ("First number that is not finite", "처음으로 유한하지 않은 수"),
    "dead unit": ("Dead unit", "죽은 유닛"),
    "saturated unit": ("Saturated unit", "포화된 유닛"),
    "loss doubles": ("The loss doubles", "손실이 두 배가 됨"),
    "predicate": ("First step that fits", "조건에 맞는 첫 단계"),
    "quantity": ("number", "수"),
    "value": ("its value", "값"),
    "n_bad": ("such numbers in this array", "이 배열에서 그런 수의 개수"),
    "largest_term": ("largest term of its sum", "그 합에서 가장 큰 항"),
    "input_size": ("largest input of the example, by size", "그 예제에서 크기가 가장 큰 입력"),
    "learning_rate": ("learning rate of the step before", "바로 앞 단계의 학습률"),
    "learning_rate_before": ("learning rate before that", "그 전의 학습률"),
    "event": ("recorded event", "기록된 사건"),
    "loss": ("loss of the batch", "배치의 손실"),
    "lowest": ("lowest smoothed loss before", "그 전의 가장 낮은 평활 손실"),
    "ratio": ("as a multiple of it", "그 배수"),
    "update_ratio": ("‖ΔW‖/‖W‖ of the step before, in this layer", "바로 앞 단계에서 이 층의 ‖ΔW‖/‖W‖"),
    "row_loss": ("loss of the example", "그 예제의 손실"),
    "bias": ("its bias", "편향"),
    "largest_z": ("largest z over all training rows", "학습 행 전체에서 가장 큰 z"),
    "largest_z_before": ("largest z before that update", "그 업데이트 전의 가장 큰 z"),
    "steepest_slope": ("steepest slope over all training rows", "학습 행 전체에서 가장 가파른 기울기"),
    "steepest_slope_before": ("steepest slope before that update", "그 업데이트 전의 가장 가파른 기울기"),
    "killed_by": ("killed by", "원인"),
    "until": ("silent until step", "다음 단계까지 잠잠함"),
    "n_rows": ("training rows it was tried on", "확인한 학습 행의 수"),
    "others": ("dead in the same layer at that step", "그 단계에 같은 층에서 죽어 있는 유닛의 수"),
    "pushed_by": ("pushed most by", "가장 크게 민 것"),
    "answer": ("what the predicate returned", "조건 함수가 돌려준 값"),
}
TEXT: dict[str, dict[str, str]] = {
    language: {name: texts[i] for name, texts in _SIDE_BY_SIDE.items()} for i, language in enumerate(("en", "ko"))
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """The first step at which something happened.

    layer, unit: where in the network, or None; example: the row to blame, an index into the X given to
    train; row: its place in the batch of this step, None where it acted in the step before; evidence:
    numbers by name; n_looked: steps that were recomputed.
    """

    what: str
    step: int
    epoch: int
    layer: int | None = None
    unit: int | None = None
    row: int | None = None
    example: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    n_looked: int = 0
    n_steps: int = 0

    def text(self, language: str = "en") -> str:
        """The finding in words and numbers, in "en" or "ko"."""
        if language not in TEXT:
            raise unknown_name("language", language, TEXT)
        say = TEXT[language]
        places = [
            say["layer"].format(layer=self.layer) if self.layer is not None else "",
            say["unit"].format(unit=self.unit) if self.unit is not None else "",
            say["row"].format(row=self.row, example=self.example) if self.row is not None else "",
        ]
        head = say["found"].format(what=say[self.what], step=self.step, epoch=self.epoch)
        lines = wrapped(", ".join([head, *filter(None, places)]))
        for name, value in self.evidence.items():
            lines += wrapped(f"{say.get(name, name)}: {_told(value)}", 2, hang=2)
        return "\n".join([*lines, *wrapped(say["looked"].format(n=self.n_looked, all=self.n_steps), 2)])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; a number that is none is written as text."""
        told = {name: value for name, value in vars(self).items() if name != "evidence"}
        finite = {
            k: (v if not isinstance(v, float) or abs(v) < float("inf") else str(v)) for k, v in self.evidence.items()
        }
        return told | {"evidence": finite}

    def __str__(self) -> str:
        return self.text()


def _told(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
