"""Rounds of placing: best places, gangs, room for the large, backfill (part 3D).

Theory of operation. What lasts comes first, the oldest job first, wherever there is room; if there is none, where there
would be room without backfill, which ends then. A job for which there is no room either way waits, and those behind it
may pass. So that it does not wait for ever while small ones pass, the *oldest* that waits has nodes *reserved*: nothing
lasting begins there any more, and when what runs there has ended, it goes there. Only one job at a time has any nodes
reserved, and only as many as it needs: two that each held a half of what they need would wait for each other for ever,
and many that reserve would leave nothing to run on. Backfill comes last, and goes anywhere: what is reserved is not
idle.
"""

from __future__ import annotations

from collections.abc import Sequence

from labs.lab3_scheduler.gangs import assign
from labs.lab3_scheduler.order import NodeOrder
from labs.lab3_scheduler.placing import Floor, Job, Placement, Reserved, Round
from labs.lab3_scheduler.scheduling import SINGLE, Ask, Queue, Resources


class Packing(Floor):
    """Places what lasts from one end of the row, backfill from the other."""

    def __init__(self, queues: Sequence[Queue] = SINGLE, first: int = 1) -> None:
        super().__init__(queues, first)
        self.order = NodeOrder()
        """All nodes, by what is free."""
        self.head: tuple[str, Ask] | None = None
        """The name of the job that nodes are reserved for."""
        self.kept: list[str] = []
        """The nodes that are reserved for it."""

    def room_changed(self, node: str) -> None:
        # BEGIN SOLUTION 3D: keep the order up to date
        if node in self.nodes:
            self.order.put(node, self.free[node])
        else:
            self.order.drop(node)
        # END SOLUTION

    def schedule(self, now: int) -> Round:
        # BEGIN SOLUTION 3D: what lasts, the oldest first; one reservation; then backfill
        placements: list[Placement] = []
        jobs = self.jobs()
        lasting = [job for job in jobs if not job.is_backfill]
        self.keep(lasting)
        has_waiting = False
        for job in lasting:
            for _ in range(job.count):
                placement = self.settle(job)
                if placement is None:
                    if not has_waiting:
                        has_waiting = self.reserve(job)
                    break
                placements.append(placement)
        for job in jobs:
            for _ in range(job.count if job.is_backfill else 0):
                node = self.order.first(job.members[0].capability, from_the_end=True)
                if not node:
                    break
                placements.append(self.place(job, [node]))
        return Round(
            tuple(placements), tuple(Reserved(node, *self.head) for node in self.kept if self.head)
        )
        # END SOLUTION

    # BEGIN SOLUTION 3D: helpers of your own
    def keep(self, lasting: list[Job]) -> None:
        """Whether the reservation can stand: its job waits, and the nodes are there, and no more than it needs."""
        if self.head is None:
            return
        job = next((job for job in lasting if job.name == self.head), None)
        rooms = {n: self.nodes[n].capacity for n in self.kept if n in self.nodes}
        places = None if job is None else assign(job.members, rooms)
        if places is None or len(set(places)) < len(self.kept):
            self.head, self.kept = None, []

    def settle(self, job: Job) -> Placement | None:
        """Place one job, if there is room now, or would be without backfill."""
        is_head = job.name == self.head
        closed = set() if is_head else set(self.kept)
        placement = self.into_free(job, closed) or self.over_backfill(job, closed)
        if placement is not None and is_head:
            self.head, self.kept = None, []
        return placement

    def into_free(self, job: Job, closed: set[str]) -> Placement | None:
        if len(job.members) == 1:
            need = job.members[0].capability
            for node in closed:
                self.order.drop(node)
            node = self.order.first(need)
            for name in closed:
                self.order.put(name, self.free[name])
            return self.place(job, [node]) if node else None
        rooms = {node: self.free[node] for node in self.nodes if node not in closed}
        places = assign(job.members, rooms)
        return None if places is None else self.place(job, places)

    def over_backfill(self, job: Job, closed: set[str]) -> Placement | None:
        """Where there would be room: what has to end for it, the youngest first, and no more than must."""
        rooms = {node: self.could_hold(node) for node in self.nodes if node not in closed}
        places = assign(job.members, rooms)
        if places is None:
            return None
        kills: list[int] = []
        for node in dict.fromkeys(places):
            need = Resources()
            for ask, place in zip(job.members, places, strict=True):
                if place == node:
                    need = need.plus(ask.capability)
            kills += self.least_kills(node, need)
        return self.place(job, places, kills)

    def least_kills(self, node: str, need: Resources) -> list[int]:
        room, sizes = self.could_hold(node), self.backfill[node]
        spared = []
        for container, size in sizes.items():  # the oldest is spared first: it has the most to lose
            if need.fits(room.minus(size)):
                spared.append(container)
                room = room.minus(size)
        return [container for container in sizes if container not in spared]

    def reserve(self, job: Job) -> bool:
        """Keep nodes for the oldest that waits: those with the least that lasts. False, if it can never fit."""
        if job.name == self.head:
            return True

        def lasting(node: str) -> tuple[int, int]:
            used = self.nodes[node].capacity.minus(self.could_hold(node))
            return used.vcores, used.memory

        rooms = {node: self.nodes[node].capacity for node in sorted(self.nodes, key=lasting)}
        places = assign(job.members, rooms)
        if places is None:
            return False
        self.head, self.kept = job.name, sorted(set(places))
        return True

    # END SOLUTION
