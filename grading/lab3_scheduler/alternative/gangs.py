"""Where a gang fits, by remembering what cannot be (part 3D).

Members of one kind are placed together: so many on the first node, so many on the next. What is left to place, and what
room is left on the nodes that are left, says all there is to say; if it has failed once, it fails again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from labs.lab3_scheduler.scheduling import Ask, Resources

MOST = 4_000
"""Situations that are looked at."""


def assign(members: Sequence[Ask], rooms: Mapping[str, Resources]) -> list[str] | None:
    """A node for each member, so that all fit at once; None if there is no such assignment."""
    kinds = sorted(
        Counter(ask.capability for ask in members).items(),
        key=lambda k: (-k[0].vcores, -k[0].memory),
    )
    names = list(rooms)
    failed: set[tuple[int, int, int, tuple[Resources, ...]]] = set()

    def fill(
        kind: int, left: int, node: int, free: tuple[Resources, ...]
    ) -> list[tuple[int, int, int]] | None:
        """(kind, node, how many) for what is left, from this node on."""
        if not left:
            if kind + 1 == len(kinds):
                return []
            return fill(kind + 1, kinds[kind + 1][1], 0, free)
        situation = kind, left, node, free
        if node == len(names) or situation in failed or len(failed) > MOST:
            return None
        need = kinds[kind][0]
        for many in range(_most(need, free[node], left), -1, -1):
            after = (*free[:node], free[node].minus(need.times(many)), *free[node + 1 :])
            rest = fill(kind, left - many, node + 1, after)
            if rest is not None:
                return [(kind, node, many), *rest]
        failed.add(situation)
        return None

    found = fill(0, kinds[0][1], 0, tuple(rooms.values()))
    if found is None:
        return None
    where: dict[Resources, list[str]] = {}
    for kind, node, many in found:
        where.setdefault(kinds[kind][0], []).extend([names[node]] * many)
    return [where[ask.capability].pop() for ask in members]


def _most(need: Resources, room: Resources, left: int) -> int:
    """How many fit there."""
    parts = [(room.memory, need.memory), (room.vcores, need.vcores)]
    return max(0, min([left, *(have // one for have, one in parts if one)]))
