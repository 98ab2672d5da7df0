"""One member of a step of networks side by side, as a step of its own network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chainrule.engine.protocol import dense_targets
from chainrule.errors import SettingsError
from chainrule.network.members import member_architecture, member_record
from chainrule.text.tables import wrapped
from chainrule.words import known_language, sentences


def member_step(step: Any, k: int) -> Any:
    """The step of member k; the step itself where its network has no members."""
    K = step.architecture.members
    known_member(k, K)
    if K == 1:
        return step
    record = member_record(step.record, k, dense_targets(step.targets, step.architecture), step.weight)
    return replace(step, record=record, architecture=member_architecture(step.architecture), of_members=(k, K))


def known_member(k: int, K: int) -> None:
    """SettingsError where there is no member k of K."""
    if isinstance(k, bool) or not isinstance(k, int) or not 0 <= k < K:
        raise SettingsError(f"member={k!r}: must be 0 to {K - 1}, as there are {K} networks side by side.")


def members_heading(of_members: tuple[int, int] | None, language: str) -> str:
    """What is said before the story of one member; nothing of other networks."""
    if of_members is None:
        return ""
    text = sentences("members")[known_language(language)]
    return "\n".join([*wrapped(text["heading"].format(k=of_members[0], K=of_members[1])), "", ""])
