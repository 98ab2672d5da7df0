"""Who reads a finding: a user of Python is given lines of Python, a user of the command line commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COMMAND = {"experiment": "command", "remedy": "option"}
"""Parts of a finding that a user of the command line has in words of their own."""


@dataclass(frozen=True)
class Interface:
    """How experiments and remedies are put.

    Attributes
    ----------
    name : str
        "python" or "command".
    slots : mapping
        What stands in them for this run: call, the beginning of a call of train; or train, rate, run and data of a
        command.

    Examples
    --------
    >>> python().slots["call"]
    'cr.train(net, X, y, '
    >>> commands("runs/iris", {"data": "iris"}).slots["train"]
    'chainrule train iris'
    """

    name: str
    slots: Mapping[str, str] = field(default_factory=dict)

    def names(self, part: str, variant: str) -> tuple[str, ...]:
        """Under which names a part may stand in the catalogue, the most special first."""
        own = COMMAND.get(part) if self.name == "command" else None
        parts = [part] if own is None else [own, part]
        return tuple(name for each in parts for name in (f"{each}:{variant}", each))


def python(source: Mapping[str, Any] | None = None) -> Interface:
    """For users of Python; source: where the rows of a training on a table came from."""
    if source is None:
        return Interface("python", {"call": "cr.train(net, X, y, "})
    table = repr(source["data"]) if source.get("data") else "table"
    targets = _targets(source)
    target = "" if not targets else f"target={targets[0]!r}, " if len(targets) == 1 else f"target={targets!r}, "
    return Interface("python", {"call": f"cr.train({table}, {target}"})


def commands(run: str, source: Mapping[str, Any] | None) -> Interface:
    """For users of the command line; run: its directory; source: where its rows came from."""
    known = source or {}
    data = shlex.quote(str(known["data"])) if known.get("data") else "DATA"
    targets = _targets(known)
    target = f" --target {shlex.quote(','.join(targets))}" if targets else ""
    return Interface(
        "command",
        {
            "train": f"chainrule train {data}{target}", "rate": f"chainrule learning-rate {data}{target}",
            "run": shlex.quote(run), "data": data,
        },
    )  # fmt: skip


def _targets(source: Mapping[str, Any]) -> list[str]:
    given: str | Sequence[str] = source.get("target") or ()
    return [given] if isinstance(given, str) else [str(name) for name in given]


def derived(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Slots that follow from others: options of the command line, and four times as many epochs."""
    names = [str(name).replace("_", "-") for name in evidence.get("names", ())]
    found: dict[str, Any] = {"zeros": " ".join(f"--{name} 0" for name in names)}
    if names and "usual" in evidence:
        usual = [str(value).lower() for value in evidence["usual"]]
        found["flags"] = " ".join(f"--{name} {value}" for name, value in zip(names, usual, strict=True))
    if "epochs" in evidence:
        found["more_epochs"] = max(1, round(4 * float(evidence["epochs"])))
    return found
