"""What the findings say, in English and in Korean. Slots are names of the evidence; no particle follows a slot."""

from __future__ import annotations

from chainrule.words import grouped, sentences

IDS = (
    "non-finite-data", "constant-inputs", "label-noise", "input-scale", "wrong-gradient", "wrong-pair",
    "symmetric-weights", "weights-too-large", "weights-too-small", "wrong-optimizer-settings",
    "exploding-gradient", "learning-rate-too-large", "non-finite", "exploding-loss", "dead-units", "saturated-units",
    "vanishing-gradient", "class-imbalance", "learning-rate-too-small", "too-strong-regularization",
    "too-few-steps", "stalled", "overfitting", "target-leak", "duplicate-rows",
    "below-baseline", "perfect-score",
)  # fmt: skip
"""Every id, in the order in which causes are looked for."""
WORDS = grouped("finding")
TRIAL = {language: text["trial"] for language, text in sentences("doctor").items()}
UNSEEN = {language: text["unseen"] for language, text in sentences("doctor").items()}
HEADINGS = sentences("doctor")
UNJUDGED = sentences("unjudged")
