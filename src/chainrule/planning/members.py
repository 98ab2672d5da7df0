"""Members of an ensemble: how many, and with which seeds.

A member is an ordinary training of the candidate that was chosen, of the same rows and with the same rows held out; its
initial weights, row order and dropout follow from a seed of its own. So it is the same alone as among others.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.planning.candidates import Candidate
from chainrule.planning.presets import MEMBERS
from chainrule.planning.request import Request
from chainrule.seeding import Purpose, stream_key


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
