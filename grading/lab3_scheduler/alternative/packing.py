"""Rounds of placing, worked out from the state alone (part 3D).

Nothing is remembered from round to round but which nodes were reserved, and for whom. A round asks of each job, the
oldest first: where does it fit as things are; where would it fit without backfill; and if it fits nowhere, is it the
first one of which that is so?
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labs.lab3_scheduler.gangs import assign
from labs.lab3_scheduler.order import NodeOrder
from labs.lab3_scheduler.placing import Floor, Job, Placement, Reserved, Round
from labs.lab3_scheduler.scheduling import NOTHING, SINGLE, Ask, Queue, Resources


class Packing(Floor):
    """First what lasts, then backfill."""

    def __init__(self, queues: Sequence[Queue] = SINGLE, first: int = 1) -> None:
        super().__init__(queues, first)
        self.held: dict[str, tuple[str, Ask]] = {}
        """Node -> the job it is reserved for."""
        self.open = NodeOrder()

    def room_changed(self, node: str) -> None:
        if node in self.nodes:
            self.open.put(node, self.free[node])
        else:
            self.open.drop(node)
            self.held = {n: job for n, job in self.held.items() if n != node}

    def schedule(self, now: int) -> Round:
        jobs = self.jobs()
        placements = list(self.lasting([job for job in jobs if not job.is_backfill]))
        for job in jobs:
            if job.is_backfill:
                placements += self.fill(job)
        reserved = tuple(Reserved(node, *self.held[node]) for node in sorted(self.held))
        return Round(tuple(placements), reserved)

    def lasting(self, jobs: list[Job]) -> Iterator[Placement]:
        if not any(self.is_held(job) for job in jobs):
            self.held = {}
        is_first = True
        for job in jobs:
            for _ in range(job.count):
                placement = self.one(job)
                if placement is not None:
                    yield placement
                    continue
                if is_first and self.hold(job):
                    is_first = False
                break

    def one(self, job: Job) -> Placement | None:
        shut = [node for node, name in self.held.items() if name != job.name]
        places = self.as_it_is(job, shut)
        kills: list[int] = []
        if places is None:
            rooms = {node: self.could_hold(node) for node in self.nodes if node not in shut}
            places = assign(job.members, rooms)
            if places is None:
                return None
            for node in sorted(set(places)):
                kills += self.in_the_way(node, needs(job, places, node))
        self.held = {node: name for node, name in self.held.items() if name != job.name}
        return self.place(job, places, kills)

    def as_it_is(self, job: Job, shut: list[str]) -> list[str] | None:
        if len(job.members) > 1:
            rooms = {node: free for node, free in self.free.items() if node not in shut}
            return assign(job.members, rooms)
        for node in shut:
            self.open.drop(node)
        found = self.open.first(job.members[0].capability)
        for node in shut:
            self.open.put(node, self.free[node])
        return [found] if found else None

    def in_the_way(self, node: str, need: Resources) -> list[int]:
        """Backfill that has to end there: taken away one by one, then given back where it was not needed."""
        room, gone = self.free[node], []
        for container, size in reversed(self.backfill[node].items()):
            if not need.fits(room):
                gone.append(container)
                room = room.plus(size)
        for container in list(gone):
            without = room.minus(self.backfill[node][container])
            if need.fits(without):
                gone.remove(container)
                room = without
        return gone

    def hold(self, job: Job) -> bool:
        """Reserve nodes for a job, unless it has some, or can never fit."""
        if self.is_held(job):
            return True
        emptiest = sorted(self.nodes, key=lambda n: -self.could_hold(n).vcores)
        places = assign(job.members, {node: self.nodes[node].capacity for node in emptiest})
        if places is None:
            return False
        self.held = dict.fromkeys(places, job.name)
        return True

    def is_held(self, job: Job) -> bool:
        """Whether nodes are reserved for it, and they are those that it needs."""
        mine = {n: self.nodes[n].capacity for n, name in self.held.items() if name == job.name}
        places = assign(job.members, mine) if mine else None
        return places is not None and len(set(places)) == len(mine)

    def fill(self, job: Job) -> Iterator[Placement]:
        for _ in range(job.count):
            node = self.open.first(job.members[0].capability, from_the_end=True)
            if not node:
                return
            yield self.place(job, [node])


def needs(job: Job, places: list[str], node: str) -> Resources:
    total = NOTHING
    for ask, place in zip(job.members, places, strict=True):
        if place == node:
            total = total.plus(ask.capability)
    return total
