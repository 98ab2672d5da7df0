"""Members of an ensemble: how many, with which seeds, and who trains them.

A member is an ordinary training of the candidate that was chosen, of the same rows and with the same rows held out; its
initial weights, row order and dropout follow from a seed of its own. So it is the same alone as among others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol, TypeVar

from chainrule.planning.candidates import Candidate
from chainrule.planning.presets import MEMBERS
from chainrule.planning.request import Request
from chainrule.seeding import Purpose, stream_key

Trained = TypeVar("Trained")


def n_members(request: Request, candidate: Candidate) -> int:
    """How many trainings of a candidate are averaged.

    As stated, else as the preset says; without hidden layers there is one minimum, which every seed comes to.
    """
    if request.members is not None:
        return request.members
    return MEMBERS.get(request.preset, 1) if len(candidate.network.sizes) > 2 else 1


def member_seed(seed: int, k: int) -> int:
    """The seed of member k: the first word of its stream under the seed of the run.

    Examples
    --------
    >>> member_seed(0, 1) == member_seed(0, 1) != member_seed(0, 2)
    True
    """
    return stream_key(seed, Purpose.MEMBER, k)[0]


def member_of(candidate: Candidate, seed: int, k: int) -> Candidate:
    """The candidate as member k trains it."""
    own = member_seed(seed, k)
    return replace(candidate, network=replace(candidate.network, seed=own), settings=candidate.settings | {"seed": own})


class Execute(Protocol):
    """Trains members, in this process or elsewhere; what they come to is given in their order, as soon as it is
    known, and the caller may stop asking."""

    def __call__(self, fit: Callable[[int], Trained], members: Iterable[int]) -> Iterator[Trained]:
        """What `fit` makes of each member."""


def in_turn(fit: Callable[[int], Trained], members: Iterable[int]) -> Iterator[Trained]:
    """One after the other, in this process."""
    return map(fit, members)
