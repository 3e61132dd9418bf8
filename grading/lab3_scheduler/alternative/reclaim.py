"""Plans found by trying sets of victims, the smallest first (part 3C).

Each look forgets everything but the last plan. For each container that is owed it lists all places where it could go,
each a node and a set of victims, and takes the best one: free room before victims, the place of the last plan before
others, few victims before many. Sets are tried by size, so no smaller one would do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, combinations

from labs.lab3_scheduler.reclaiming import GRACE, Claim, Plan, Running, View
from labs.lab3_scheduler.scheduling import Resources

Place = tuple[str, tuple[int, ...]]
MOST = 9
"""Of so many containers on one node all sets are tried; of more, only those that :func:`greedy` finds."""


class Reclaimer:
    """The last plan, and since when each victim has been in all plans."""

    def __init__(self) -> None:
        self.last: tuple[Claim, ...] = ()
        self.since: dict[int, int] = {}

    def plan(self, view: View) -> Plan:
        claims: list[Claim] = []
        open_wishes: Counter[tuple[str, str, Resources]] = Counter()
        for wish in view.wishes:
            open_wishes[wish.app, wish.queue, wish.capability] += wish.count
        old = [(claim.app, claim.queue, claim.capability) for claim in self.last]
        for kind in chain(old, list(open_wishes.elements())):
            app, queue, size = kind
            before = next(
                (c for c in self.last if (c.app, c.capability) == (app, size) and c not in claims),
                None,
            )
            if open_wishes[kind] and is_owed(view, claims, queue):
                place = best(view, claims, size, before)
                if place is not None:
                    open_wishes[kind] -= 1
                    claims.append(Claim(app, queue, size, *place))
        self.last = tuple(claims)
        named = [number for claim in claims for number in claim.victims]
        self.since = {number: self.since.get(number, view.now) for number in named}
        return Plan(self.last, tuple(n for n in named if view.now >= self.since[n] + GRACE))


def used(view: View, claims: list[Claim], queue: str, without: tuple[int, ...] = ()) -> Resources:
    """What a queue uses once all victims have gone, and those besides."""
    gone = {number for claim in claims for number in claim.victims} | set(without)
    total = next(owner.used for owner in view.queues if owner.name == queue)
    for running in view.running:
        if running.queue == queue and running.container in gone:
            total = total.minus(running.capability)
    return total


def has_its_min(view: View, queue: str, uses: Resources) -> bool:
    least = next(owner.min for owner in view.queues if owner.name == queue)
    memory, vcores = view.total.memory or 1, view.total.vcores or 1
    return max(uses.memory * vcores, uses.vcores * memory) >= max(
        least.memory * vcores, least.vcores * memory
    )


def is_owed(view: View, claims: list[Claim], queue: str) -> bool:
    uses = used(view, claims, queue)
    for claim in claims:
        if claim.queue == queue:
            uses = uses.plus(claim.capability)
    return not has_its_min(view, queue, uses)


def best(view: View, claims: list[Claim], size: Resources, before: Claim | None) -> Place | None:
    """The best place for one container."""
    found: list[tuple[bool, bool, int, int, Place]] = []
    for order, room in enumerate(view.nodes):
        victims = next(sets(view, claims, room.node, size), None)
        if victims is not None:
            is_new = before is None or room.node != before.node
            found.append((bool(victims), is_new, len(victims), order, (room.node, victims)))
    return min(found)[-1] if found else None


def sets(view: View, claims: list[Claim], node: str, size: Resources) -> Iterator[tuple[int, ...]]:
    """Victims that make room there: the smallest sets first, and of equal ones those with old containers last."""
    free = next(room.free for room in view.nodes if room.node == node)
    taken: set[int] = set()
    for claim in claims:
        taken |= set(claim.victims)
        if claim.node == node:
            free = free.minus(claim.capability)
    for running in view.running:
        if running.node == node and running.container in taken:
            free = free.plus(running.capability)
    there = [
        r for r in view.running if r.node == node and r.preemptible and r.container not in taken
    ]
    there.sort(key=lambda running: -running.container)
    if len(there) > MOST:
        yield from greedy(view, claims, there, free, size)
        return
    for count in range(len(there) + 1):
        for some in combinations(there, count):
            room = free
            for one in some:
                room = room.plus(one.capability)
            if size.fits(room) and may_go(view, claims, some):
                yield tuple(one.container for one in some)


def greedy(
    view: View, claims: list[Claim], there: list[Running], free: Resources, size: Resources
) -> Iterator[tuple[int, ...]]:
    """Alone, or as many as may; then without those that are not needed."""
    if size.fits(free):
        yield ()
        return
    for one in there:
        if size.fits(free.plus(one.capability)) and may_go(view, claims, (one,)):
            yield (one.container,)
            return
    chosen: tuple[Running, ...] = ()
    for one in there:
        if may_go(view, claims, (*chosen, one)):
            chosen, free = (*chosen, one), free.plus(one.capability)
    if not size.fits(free):
        return
    for one in chosen:
        if size.fits(free.minus(one.capability)):
            chosen, free = tuple(c for c in chosen if c is not one), free.minus(one.capability)
    yield tuple(one.container for one in chosen)


def may_go(view: View, claims: list[Claim], some: tuple[Running, ...]) -> bool:
    numbers = tuple(one.container for one in some)
    return all(
        has_its_min(view, queue, used(view, claims, queue, numbers))
        for queue in {one.queue for one in some}
    )
