"""check of an ensemble: every member as a training of its own, and that the model is made of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.api.ensemble_run import EnsembleRun
from chainrule.api.run import Run
from chainrule.run.model import parameters_hash
from chainrule.run.names import MODEL
from chainrule.text.tables import wrapped
from chainrule.words import sentences

_TEXT = sentences("check")


@dataclass(frozen=True, kw_only=True)
class RunChecks:
    """What the checks of one training, or of all, came to: as JSON values, and in words."""

    passed: bool
    record: dict[str, Any]
    text: str


def of_members(
    subject: EnsembleRun, check: Callable[[Run, argparse.Namespace], RunChecks], options: argparse.Namespace
) -> RunChecks:
    """The checks of all members, and whether the model file holds their parameters to the bit."""
    text, n = _TEXT[options.language], len(subject.members)
    pairs = zip(subject.ensemble.networks, subject.members, strict=True)
    hashes = [(parameters_hash(one.parameters), parameters_hash(member.network.parameters)) for one, member in pairs]
    differ = [k for k, (own, of_member) in enumerate(hashes) if own != of_member]
    lines, found = [], []
    for k, member in enumerate(subject.members):
        found.append(check(member, options))
        lines += [text["member"].format(k=k, n=n, seed=member.settings.seed), "", found[-1].text, ""]
    verdict = text["members_differ"].format(members=differ) if differ else text["same"]
    lines += wrapped(text["model"].format(file=MODEL, n=n, verdict=verdict))
    passed = not differ and all(one.passed for one in found)
    record = {"passed": passed, "model_differs_at": differ, "members": [one.record for one in found]}
    return RunChecks(passed=passed, record=record, text="\n".join(lines))
