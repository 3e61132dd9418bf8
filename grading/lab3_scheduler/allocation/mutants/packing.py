"""Bugs of part 3D: halves of gangs, reservations that lock, large ones that starve, nodes that are crumbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import structs

from distlab.grade.lab import Mutant, bug
from labs.lab3_scheduler import gangs
from labs.lab3_scheduler.order import NodeOrder
from labs.lab3_scheduler.packing import Packing
from labs.lab3_scheduler.placing import Job, Placement, Reserved, Round
from labs.lab3_scheduler.scheduling import Ask, Resources

_assign = gangs.assign


def one_after_the_other(members: Sequence[Ask], rooms: Mapping[str, Resources]) -> list[str] | None:
    """Takes one member after the other, each the first node that holds it, and gives up at the first that finds none: a
    gang that would fit waits for ever."""
    free = dict(rooms)
    places = []
    for ask in members:
        place = next((node for node, room in free.items() if ask.capability.fits(room)), None)
        if place is None:
            return None
        free[place] = free[place].minus(ask.capability)
        places.append(place)
    return places


def each_for_itself(members: Sequence[Ask], rooms: Mapping[str, Resources]) -> list[str] | None:
    """Looks for a node for each member, and forgets that the others need room there, too."""
    places = [
        next((n for n, room in rooms.items() if ask.capability.fits(room)), None) for ask in members
    ]
    return None if None in places else places  # type: ignore[return-value]


def processors_alone(members: Sequence[Ask], rooms: Mapping[str, Resources]) -> list[str] | None:
    """Counts the processors of a gang, and not its memory."""
    flat = [structs.replace(a, capability=Resources(0, a.capability.vcores)) for a in members]
    return _assign(flat, rooms)


def one_on_each(members: Sequence[Ask], rooms: Mapping[str, Resources]) -> list[str] | None:
    """Never puts two members of a gang on one node: a gang of three waits for three, with room for all on one."""
    left = dict(rooms)
    places: list[str] = []
    for ask in sorted(members, key=lambda a: a.capability.vcores, reverse=True):
        found = _assign([ask], left)
        if found is None:
            return None
        del left[found[0]]
        places += found
    order = sorted(range(len(members)), key=lambda n: members[n].capability.vcores, reverse=True)
    return [place for _, place in sorted(zip(order, places, strict=True))]


class HalfAGang(Packing):
    """Starts what fits of a gang, and waits for the rest with it: two gangs that have a half each wait for ever."""

    def into_free(self, job: Job, closed: set[str]) -> Placement | None:
        whole = super().into_free(job, closed)
        if whole is not None or len(job.members) == 1:
            return whole
        half = structs.replace(job, members=job.members[: len(job.members) // 2])
        return super().into_free(half, closed)


class MemberByMember(Packing):
    """All members in one round, but each a placement of its own: if the next one fails, the first has begun."""

    def schedule(self, now: int) -> Round:
        result = super().schedule(now)
        single = [Placement((g,), p.kills) for p in result.placements for g in p.grants]
        return structs.replace(result, placements=tuple(single))


class NeverReserves(Packing):
    """Places what fits, whenever it fits. What needs a whole node never finds one: small ones are always quicker."""

    def reserve(self, job: Job) -> bool:
        return True


class EverybodyReserves(Packing):
    """Reserves for each job that waits: with a few large ones the whole cluster is reserved, and stands still."""

    more: tuple[Reserved, ...] = ()

    def reserve(self, job: Job) -> bool:
        head, kept = self.head, self.kept
        super().reserve(job)
        if head is not None and self.head != head:
            self.head, self.kept = head, sorted({*kept, *self.kept})
        return False


class ReservesForTheYoungest(Packing):
    """The last one that came has the reservation, and loses it to the next: nobody has it for long enough."""

    def reserve(self, job: Job) -> bool:
        super().reserve(job)
        return False


class TheWholeRow(Packing):
    """Reserves every node that is large enough, to be sure."""

    def reserve(self, job: Job) -> bool:
        found = super().reserve(job)
        if found:
            need = job.members[0].capability
            self.kept = sorted(n for n in self.nodes if need.fits(self.nodes[n].capacity))
        return found

    def keep(self, lasting: list[Job]) -> None:
        if not any(job.name == self.head for job in lasting):
            self.head, self.kept = None, []


class ReservedForTheImpossible(Packing):
    """The oldest job is larger than the cluster, and has it reserved."""

    def reserve(self, job: Job) -> bool:
        if not super().reserve(job):
            self.head, self.kept = job.name, sorted(self.nodes)[:1]
        return True

    def keep(self, lasting: list[Job]) -> None:
        if not any(job.name == self.head for job in lasting):
            self.head, self.kept = None, []
        self.kept = [node for node in self.kept if node in self.nodes]


class WaitsForTheImpossible(Packing):
    """The oldest job can never fit, and while it is the oldest nobody else has anything reserved."""

    def reserve(self, job: Job) -> bool:
        return super().reserve(job) or True


class KeepsWhatNobodyWants(Packing):
    """A job is withdrawn, and its reservation stays."""

    def keep(self, lasting: list[Job]) -> None:
        if self.head is not None and all(node in self.nodes for node in self.kept):
            return
        super().keep(lasting)


class OpenToAll(Packing):
    """Writes a reservation down, and places small ones there all the same."""

    def settle(self, job: Job) -> Placement | None:
        kept, self.kept = self.kept, []
        try:
            return super().settle(job)
        finally:
            self.kept = kept if self.head is not None else []


class AnotherEachTime(Packing):
    """Each round chooses anew which node is reserved: the one with the least work now, which is another one soon."""

    def keep(self, lasting: list[Job]) -> None:
        self.head, self.kept = None, []


class IdleReservations(Packing):
    """Keeps backfill away from what is reserved: it stands idle until the large one comes."""

    def schedule(self, now: int) -> Round:
        backfill = {
            key: n for key, n in self.wants.items() if key[1].preemptible and not key[1].gang
        }
        lasting = {key: n for key, n in self.wants.items() if key not in backfill}
        self.wants = lasting
        first = super().schedule(now)
        self.wants = {**self.wants, **backfill}
        for node in self.kept:
            self.order.drop(node)
        for job in [job for job in self.jobs() if job.is_backfill]:
            placed = []
            for _ in range(job.count):
                node = self.order.first(job.members[0].capability, from_the_end=True)
                if node:
                    placed.append(self.place(job, [node]))
            first = structs.replace(first, placements=(*first.placements, *placed))
        for node in self.kept:
            self.order.put(node, self.free[node])
        return first


class BackfillStays(Packing):
    """Backfill is never ended: what is reserved never comes free."""

    def over_backfill(self, job: Job, closed: set[str]) -> Placement | None:
        return None


class SweepsTheNode(Packing):
    """Ends all backfill on a node, where a part of it would be enough."""

    def least_kills(self, node: str, need: Resources) -> list[int]:
        return list(self.backfill[node])


class KillsFirst(Packing):
    """Throws backfill out on the first node where that helps, and does not look for free room first."""

    def into_free(self, job: Job, closed: set[str]) -> Placement | None:
        return None if self.backfill_there() else super().into_free(job, closed)

    def backfill_there(self) -> bool:
        return any(self.backfill.values())


class HeadOfTheLine(Packing):
    """While the oldest job waits, nothing lasting behind it is placed, wherever there is room."""

    def settle(self, job: Job) -> Placement | None:
        is_head = self.head is None or job.name == self.head
        return super().settle(job) if is_head else None


class OnceARound(Packing):
    """Places one job in each round."""

    def settle(self, job: Job) -> Placement | None:
        if getattr(self, "is_done", False):
            return None
        found = super().settle(job)
        self.is_done = found is not None
        return found

    def schedule(self, now: int) -> Round:
        self.is_done = False
        return super().schedule(now)


class TheEmptiestNode(NodeOrder):
    """Spreads: each container on the emptiest node. Soon every node has a little, and none has room for a large one."""

    def first(self, need: Resources, from_the_end: bool = False) -> str:
        rooms = [
            (self.memory[self.width + n] + self.vcores[self.width + n], -n)
            for n in range(len(self.names))
        ]
        for _, n in sorted(rooms, reverse=True):
            if (
                need.memory <= self.memory[self.width - n]
                and need.vcores <= self.vcores[self.width - n]
            ):
                return self.names[-n]
        return ""


class LooksAtAllNodes(NodeOrder):
    """Sorts all nodes for each container, to find the best one."""

    def first(self, need: Resources, from_the_end: bool = False) -> str:
        rooms = sorted((self.memory[self.width + n], n) for n in range(len(self.names)))
        for _, n in rooms if not from_the_end else reversed(rooms):
            if (
                need.memory <= self.memory[self.width + n]
                and need.vcores <= self.vcores[self.width + n]
            ):
                return self.names[n]
        return ""


class LooksAtAFew(NodeOrder):
    """Looks at the first two nodes, and takes what does not fit there for something that fits nowhere."""

    def first(self, need: Resources, from_the_end: bool = False) -> str:
        row = range(len(self.names))
        for n in list(reversed(row) if from_the_end else row)[:2]:
            if (
                need.memory <= self.memory[self.width + n]
                and need.vcores <= self.vcores[self.width + n]
            ):
                return self.names[n]
        return ""


class OldOrder(Packing):
    """Keeps the order of nodes, and does not hear when a container ends: what came free is found by nobody."""

    def room_changed(self, node: str) -> None:
        known = node in self.order.places
        if known and node in self.nodes:
            at = self.order.width + self.order.places[node]
            if self.order.vcores[at] >= 0 and self.free[node].vcores > self.order.vcores[at]:
                return
        super().room_changed(node)


def _of(
    kind: str, code: str, breaks: str, by: object, replaces: str = "", source: str = "ours"
) -> Mutant:
    name = getattr(by, "__name__", "")
    words = (
        "".join(f"-{c.lower()}" if c.isupper() else c for c in name).strip("-").replace("_", "-")
    )
    if not replaces:
        base = by.__mro__[1] if isinstance(by, type) else _assign
        replaces = f"{base.__module__.rpartition('.')[2]}:{base.__name__}"
    return bug(
        words, by, part="D", replaces=replaces, breaks=breaks, code=code, kind=kind, source=source
    )


PACKING = (
    _of("liveness", "m11", "SC-L5", one_after_the_other, source="volcano #1297"),
    _of("safety", "", "SC-S1", each_for_itself),
    _of("safety", "", "SC-S1", processors_alone),
    _of("liveness", "", "SC-L5", one_on_each),
    _of("liveness", "m10", "SC-S6", HalfAGang, source="volcano #3373"),
    _of("safety", "", "SC-S6", MemberByMember),
    _of("liveness", "", "SC-L1", NeverReserves),
    _of("liveness", "", "SC-S14", EverybodyReserves, source="YARN-10546, YARN-4270"),
    _of("liveness", "", "SC-S14", ReservesForTheYoungest),
    _of("cost", "", "SC-S14", TheWholeRow),
    _of("liveness", "", "SC-S14", ReservedForTheImpossible),
    _of("liveness", "", "SC-L1", WaitsForTheImpossible),
    _of("cost", "", "SC-S14", KeepsWhatNobodyWants),
    _of("safety", "", "SC-S14", OpenToAll),
    _of("liveness", "", "SC-L1", AnotherEachTime),
    _of("cost", "", "SC-L5", IdleReservations),
    _of("liveness", "", "SC-L5", BackfillStays),
    _of("cost", "", "SC-S8", SweepsTheNode),
    _of("cost", "", "SC-S8", KillsFirst),
    _of("liveness", "", "SC-L5", HeadOfTheLine),
    _of("cost", "", "SC-L5", OnceARound),
    _of("cost", "", "SC-L3", TheEmptiestNode),
    _of("cost", "", "SC-L4", LooksAtAllNodes),
    _of("liveness", "", "SC-L5", LooksAtAFew),
    _of("liveness", "", "SC-L5", OldOrder),
)
