"""Where a gang fits: all of it, or nowhere (part 3D).

Theory of operation. Placing vectors into bins is NP-hard, and taking one member after the other and the first node that
holds it is wrong: with a node of 53 cores and one of 31, a member of 30 that takes the larger one leaves no place for a
member of 50. So this is a search: the largest members first, since they have the fewest places; nodes tried in the
order in which they are given; a step back when somebody has no place left. Two things keep it short. Equal members are
placed in the order of nodes, so that no two assignments differ only by who is who. And nodes with equal room are tried
once. A search that takes too long ends as if there was no place: a gang that waits is better than a scheduler that
does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labs.lab3_scheduler.scheduling import Ask, Resources

BUDGET = 20_000
"""Nodes that are looked at for one gang."""


def assign(members: Sequence[Ask], rooms: Mapping[str, Resources]) -> list[str] | None:
    """A node for each member, in their order, so that all fit at once; None if there is no such assignment.

    Of several nodes that would do, those that stand first in ``rooms`` are taken first.
    """
    raise NotImplementedError("3D: search, the largest members first, and step back")


# TODO 3D: helpers of your own
