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
    # BEGIN SOLUTION 3D: search, the largest members first, and step back
    names, free = list(rooms), dict(rooms)
    order = sorted(range(len(members)), key=lambda n: _size(members[n].capability), reverse=True)
    at: list[int] = []
    """For each member placed so far, in that order: which node."""
    tried: set[Resources] = set()
    start = looked = 0
    while len(at) < len(members):
        need = members[order[len(at)]].capability
        for n in range(start, len(names)):
            looked += 1
            room = free[names[n]]
            if need.fits(room) and room not in tried:
                at.append(n)
                free[names[n]] = room.minus(need)
                break
            tried.add(room)
        else:
            if not at or looked > BUDGET:
                return None
            n = at.pop()  # no place: whoever was placed last goes one node further
            back = members[order[len(at)]].capability
            free[names[n]] = free[names[n]].plus(back)
            start, tried = n + 1, {free[names[n]]}
            continue
        is_equal = len(at) < len(members) and members[order[len(at)]].capability == need
        start, tried = at[-1] if is_equal else 0, set()
    places = [""] * len(members)
    for n, member in zip(at, order, strict=True):
        places[member] = names[n]
    return places
    # END SOLUTION


# BEGIN SOLUTION 3D: helpers of your own
def _size(size: Resources) -> tuple[int, int]:
    return size.vcores, size.memory


# END SOLUTION
