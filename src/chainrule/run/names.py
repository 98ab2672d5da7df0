"""What the files of a run are called."""

from __future__ import annotations

import re

RUN, MODEL, HISTORY, STEPS, EVENTS, DATA, SPLIT, TABLE, RATE, REPORT = (
    "run.json",
    "model.safetensors",
    "history.jsonl",
    "steps.safetensors",
    "events.jsonl",
    "data.safetensors",
    "split.safetensors",
    "table.safetensors",
    "learning_rate.json",
    "report.html",
)
CHECKPOINTS = "checkpoints"
ENSEMBLE, MEMBERS = "ensemble.json", "members"
"""Of an ensemble: its record, and the folder with the runs of its members, 0, 1, …"""
CHECKPOINT = re.compile(r"step-(\d{8,})\.safetensors")
TEMPORARY = re.compile(r"(.+)\.tmp\.[0-9a-f]+")
"""Files on the way to being whole; one that stays was left by a killed process."""
LOCK = "writer.lock"


def is_of_run(name: str) -> bool:
    """Whether a file of a run's folder, or of its checkpoints, is written by chainrule under this name."""
    if match := TEMPORARY.fullmatch(name):
        name = match[1]
    whole = (RUN, ENSEMBLE, MODEL, HISTORY, STEPS, EVENTS, DATA, SPLIT, TABLE, RATE, REPORT)
    return name in whole or CHECKPOINT.fullmatch(name) is not None
