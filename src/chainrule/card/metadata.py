"""The head of a card: the keys that model hubs read, as YAML. Source: Hugging Face Hub, Model cards, metadata."""

from __future__ import annotations

import json
import math

from chainrule.card.facts import CardFacts

METRICS = {
    "accuracy": "accuracy", "balanced_accuracy": "balanced_accuracy", "f1_macro": "f1", "log_loss": "log_loss",
    "auc": "roc_auc", "rmse": "rmse", "mae": "mae", "r2": "r_squared",
}  # fmt: skip
"""Our measures by the names of the hub; others stand in the text alone."""
SPLITS = {"held_out": "validation", "test": "test", "training": "train"}


def head(facts: CardFacts) -> str:
    """The lines between two of ---. Texts are JSON strings, which YAML reads too."""
    task = f"tabular-{facts.task}"
    lines = [
        "---",
        "library_name: chainrule",
        f"pipeline_tag: {task}",
        "tags:",
        "- chainrule",
        f"- {task}",
        "- tabular",
    ]
    known = [one for one in facts.measures if one.name in METRICS and math.isfinite(one.value)]
    if known:
        lines += ["metrics:", *(f"- {METRICS[one.name]}" for one in known)]
    if known and facts.part and facts.part != "training":
        data = _text(facts.source or "unknown")
        lines += [
            "model-index:", f"- name: {_text(facts.name)}", "  results:", "  - task:", f"      type: {task}",
            "    dataset:", "      type: tabular", f"      name: {data}", f"      split: {SPLITS[facts.part]}",
            "    metrics:",
        ]  # fmt: skip
        for one in known:
            lines += [f"    - type: {METRICS[one.name]}", f"      name: {one.name}", f"      value: {one.value!r}"]
    return "\n".join([*lines, "---"])


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=True)
