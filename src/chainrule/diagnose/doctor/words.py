"""What the findings say, in English and in Korean. Slots are names of the evidence; no particle follows a slot."""

from __future__ import annotations

from chainrule.diagnose.doctor.words_en import TRIAL_EN, WORDS_EN
from chainrule.diagnose.doctor.words_ko import TRIAL_KO, WORDS_KO

IDS = (
    "non-finite-data", "constant-inputs", "label-noise", "input-scale", "wrong-gradient", "wrong-pair",
    "symmetric-weights", "weights-too-large", "weights-too-small", "wrong-optimizer-settings",
    "exploding-gradient", "learning-rate-too-large", "non-finite", "dead-units", "saturated-units",
    "vanishing-gradient", "class-imbalance", "learning-rate-too-small", "too-strong-regularization",
    "too-few-steps", "stalled", "overfitting", "target-leak", "duplicate-rows",
)  # fmt: skip
"""Every id, in the order in which causes are looked for."""
WORDS = {"en": WORDS_EN, "ko": WORDS_KO}
TRIAL = {"en": TRIAL_EN, "ko": TRIAL_KO}
HEADINGS = {
    "en": {
        "summary": "Loss on {rows} training rows: {loss_at_start} before the first step, {loss_at_end} after {steps} "
        "steps; {chance} for the best constant output.",
        "healthy": "Nothing is wrong.",
        "ill": "Faults: {n}, first cause first.",
        "notes": "Notes:",
        "unjudged": "Not judged:",
        "step": "step {step}",
        "layer": "layer {layer}",
        "disproof": "Disproved if",
        "remedy": "Remedy",
        "consequences": "Its consequences",
    },
    "ko": {
        "summary": "학습 행 {rows}개의 손실: 첫 단계 전 {loss_at_start}, {steps}단계 뒤 {loss_at_end}. "
        "늘 같은 값만 내는 최선의 출력: {chance}.",
        "healthy": "이상 없음.",
        "ill": "이상 {n}건, 먼저 일어난 원인부터.",
        "notes": "참고:",
        "unjudged": "판단하지 못한 것:",
        "step": "{step}번 단계",
        "layer": "{layer}층",
        "disproof": "반증",
        "remedy": "처방",
        "consequences": "그 결과",
    },
}
UNJUDGED = {
    "en": {
        "steps": "the whole run: no step was done.",
        "overfitting": "overfitting: no rows were held out (validation=0.2 would show it).",
        "labels": "label noise: fewer than 50 rows.",
        "speed": "learning rate and number of steps: the run cannot be replayed.",
    },
    "ko": {
        "steps": "학습 전체: 진행된 단계가 없음.",
        "overfitting": "과적합: 따로 떼어 둔 행이 없음 (validation=0.2로 확인 가능).",
        "labels": "레이블 잡음: 행이 50개 미만.",
        "speed": "학습률과 단계 수: 재생할 수 없는 학습.",
    },
}
