"""The books of part 3D: what waits, the oldest first, what is reserved, and whether a round was right.

Pure. Placements are looked at in order, each on top of those before it; then what is left: what still waits and could
have been placed, what is reserved and for whom. Where a gang fits is found by trying everything: scenarios are small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from grading.lab3_scheduler.allocation.ledger import Ledger, Wrong, single, total_of
from labs.lab3_scheduler.desk import Answered, Deed, Leave, Look, Register, Want
from labs.lab3_scheduler.placing import Job, Placement, Reserved, Round
from labs.lab3_scheduler.scheduling import SINGLE, Ask, Resources

Key = tuple[str, str, tuple[Ask, ...]]
"""A job's application, gang and members."""


def fits(members: Sequence[Resources], rooms: Mapping[str, Resources]) -> bool:
    """Whether all members fit at once."""
    if not members:
        return True
    first, rest = members[0], members[1:]
    return any(
        fits(rest, {**rooms, node: room.minus(first)})
        for node, room in rooms.items()
        if first.fits(room)
    )


class Rounds(Ledger):
    """What there is when a round begins, and what is left of it."""

    def __init__(self) -> None:
        super().__init__(SINGLE)
        self.reserved: tuple[Reserved, ...] = ()
        self.head: Key | None = None
        """The oldest that waits and could fit."""
        self.before_it: set[int] = set()
        """What ran, and lasts, when it became the oldest."""

    def judge(self, who: str, what: Deed, answer: Answered) -> None:
        """Somebody told the manager something, and this was the answer. Raises :class:`Wrong`."""
        if isinstance(what, Look):
            assert answer.round is not None
            self.play(answer.round)
            return
        if answer.refused:
            return
        if isinstance(what, (Register, Leave)):
            self.head = None
        if isinstance(what, Want):
            for ask in what.asks:
                if not ask.count:
                    self.wants.pop((who, single(ask)), None)
        self.told(who, what, answer)
        self.wants = {key: count for key, count in self.wants.items() if count}

    def refusal(self, who: str, what: Deed, container: int) -> str:
        return ""

    # -- what waits ---------------------------------------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """The oldest first."""
        found: dict[tuple[str, object], Job] = {}
        for (app, ask), count in self.wants.items():
            key = app, ask.gang or ask
            if not ask.gang:
                found[key] = Job(app, "", (ask,), count)
            else:
                others = found[key].members if key in found else ()
                found[key] = Job(app, ask.gang, (*others, *[ask] * count))
        return list(found.values())

    def is_backfill(self, number: int) -> bool:
        ask = self.running[number].ask
        return ask.preemptible and not ask.gang

    def could_hold(self, node: str) -> Resources:
        """When all backfill has ended there."""
        lasting = (
            grant.ask.capability
            for number, grant in self.running.items()
            if grant.node == node and not self.is_backfill(number)
        )
        return self.nodes[node].capacity.minus(total_of(lasting))

    def could_ever_fit(self, job: Job) -> bool:
        return fits(sizes(job), {name: node.capacity for name, node in self.nodes.items()})

    # -- a round ------------------------------------------------------------------------------------------------------

    def play(self, played: Round) -> None:
        """A round is over. Raises :class:`Wrong`."""
        before = self.reserved
        for placement in played.placements:
            self.check_placement(placement, before, played.reserved)
            name = name_of(placement.grants[0].app, placement.grants[0].ask)
            self.seen["reserved, then placed"] += any(name_of(r.app, r.ask) == name for r in before)
            if self.head is not None and name == name_of(self.head[0], self.head[2][0]):
                self.head = None
        self.reserved = played.reserved
        self.check_reserved()
        self.nothing_is_idle(before)
        self.oldest_is_served()

    def check_placement(
        self, placement: Placement, before: Sequence[Reserved], after: Sequence[Reserved]
    ) -> None:
        """One placement, and then it is booked."""
        first = placement.grants[0]
        app, ask = first.app, first.ask
        members = tuple(grant.ask for grant in placement.grants)
        job = Job(app, ask.gang, members)
        what = (
            f"{app} gets {len(members)} of gang {ask.gang}"
            if ask.gang
            else f"{app} gets {ask.capability}"
        )
        if any((g.app, g.ask.gang) != (app, ask.gang) for g in placement.grants):
            raise Wrong("SC-S6", f"{what}: a placement is of one job", "one job", placement.grants)
        self.check_wanted(what, job)
        self.check_kills(what, job, placement, before, after)
        for number in placement.kills:
            del self.running[number]
            self.seen["backfill ended"] += 1
        for grant in placement.grants:
            if grant.container in self.ever:
                raise Wrong("SC-S1", f"container {grant.container} is given twice", "a new number")
            if grant.node not in self.nodes or not grant.ask.capability.fits(self.free(grant.node)):
                free = self.free(grant.node) if grant.node in self.nodes else "no such node"
                raise Wrong(
                    "SC-S1", f"{what} on {grant.node}", f"at most {free}", grant.ask.capability
                )
            self.take(grant)
        self.wants = {key: count for key, count in self.wants.items() if count}
        self.seen["gang"] += bool(ask.gang) and len(members) > 1
        if job.is_backfill:
            self.seen["backfill on a reserved node"] += any(r.node == first.node for r in before)
            return
        for grant in placement.grants:
            for reserved in set(before) & set(after):
                if reserved.node == grant.node and name_of(reserved.app, reserved.ask) != name_of(
                    app, ask
                ):
                    raise Wrong(
                        "SC-S14",
                        f"{what} on {grant.node}, which is reserved",
                        f"{reserved.app} there, or backfill",
                    )

    def check_wanted(self, what: str, job: Job) -> None:
        waiting = [j for j in self.jobs() if (j.app, j.gang) == (job.app, job.gang)]
        if not job.gang:
            if len(job.members) != 1 or all(j.members != job.members for j in waiting):
                raise Wrong(
                    "SC-S6", f"{what}, and does not wait for it", "one container that it waits for"
                )
        elif not waiting or Counter(waiting[0].members) != Counter(job.members):
            whole = len(waiting[0].members) if waiting else 0
            raise Wrong("SC-S6", what, f"all {whole} together, or none", len(job.members))

    def check_kills(
        self,
        what: str,
        job: Job,
        placement: Placement,
        before: Sequence[Reserved],
        after: Sequence[Reserved],
    ) -> None:
        if not placement.kills:
            return
        for number in placement.kills:
            if number not in self.running or not self.is_backfill(number):
                raise Wrong(
                    "SC-S8",
                    f"{what}, and {number} ends for it",
                    "backfill",
                    "what lasts, or is not there",
                )
        if job.is_backfill:
            raise Wrong("SC-S8", f"{what}, which is backfill, and others end for it", "nobody ends")
        mine = name_of(job.app, job.members[0])
        closed = {r.node for r in (*before, *after) if name_of(r.app, r.ask) != mine}
        open_rooms = {node: self.free(node) for node in self.nodes if node not in closed}
        if fits(sizes(job), open_rooms):
            raise Wrong(
                "SC-S8",
                f"{what}, and {placement.kills} end for it",
                "nobody ends: there is room",
                open_rooms,
            )
        for number in placement.kills:
            node = self.running[number].node
            need = total_of(g.ask.capability for g in placement.grants if g.node == node)
            others = (self.running[n] for n in placement.kills if n != number)
            room = self.free(node).plus(
                total_of(g.ask.capability for g in others if g.node == node)
            )
            if need.fits(room):
                raise Wrong(
                    "SC-S8",
                    f"{what}, and {number} on {node} ends for it",
                    "without it there is room",
                    placement.kills,
                )

    # -- what is left -------------------------------------------------------------------------------------------------

    def check_reserved(self) -> None:
        """One job at a time, the oldest; no more nodes than it needs, and enough."""
        if not self.reserved:
            return
        names = {name_of(r.app, r.ask) for r in self.reserved}
        nodes = [r.node for r in self.reserved]
        if len(names) > 1:
            raise Wrong(
                "SC-S14",
                "nodes are reserved for more than one job",
                "for the oldest that waits",
                sorted(map(str, names)),
            )
        oldest = self.oldest()
        if oldest is None or name_of(oldest.app, oldest.members[0]) not in names:
            shown = f"{oldest.app}'s {oldest.members[0]}" if oldest else "nobody's"
            raise Wrong(
                "SC-S14",
                f"nodes are reserved for {min(map(str, names))}",
                f"the oldest that waits: {shown}",
                self.reserved,
            )
        rooms = {node: self.nodes[node].capacity for node in nodes if node in self.nodes}
        if (
            len(set(nodes)) != len(nodes)
            or len(nodes) > len(oldest.members)
            or not fits(sizes(oldest), rooms)
        ):
            raise Wrong(
                "SC-S14",
                f"for {len(oldest.members)} containers of {oldest.app}, {nodes} are reserved",
                "nodes that hold them all when they are empty; at most one for each container",
            )
        self.seen["reserved"] += 1

    def oldest(self) -> Job | None:
        """Of what lasts, waits, and could ever fit."""
        able = (job for job in self.jobs() if not job.is_backfill and self.could_ever_fit(job))
        return next(able, None)

    def nothing_is_idle(self, before: Sequence[Reserved]) -> None:
        """Nothing waits that could be placed; but where the reservation goes from one job to another, a round later."""
        names = {name_of(job.app, job.members[0]) for job in self.jobs()}
        old = [r for r in before if name_of(r.app, r.ask) in names]
        for job in self.jobs():
            what = f"{job.app} waits for {' and '.join(map(str, sizes(job)))}"
            if job.is_backfill:
                for node in self.nodes:
                    if job.members[0].capability.fits(self.free(node)):
                        raise Wrong(
                            "SC-L5",
                            what,
                            f"a place on {node}: backfill goes anywhere",
                            f"{self.free(node)} is idle",
                        )
                continue
            mine = name_of(job.app, job.members[0])
            closed = {r.node for r in (*old, *self.reserved) if name_of(r.app, r.ask) != mine}
            rooms = {node: self.could_hold(node) for node in self.nodes if node not in closed}
            if fits(sizes(job), rooms):
                raise Wrong(
                    "SC-L5",
                    f"{what}, and waits on",
                    "a placement: it fits, if backfill ends",
                    {n: str(r) for n, r in rooms.items()},
                )

    def oldest_is_served(self) -> None:
        """When all has ended that ran when a job became the oldest, it runs."""
        job = self.oldest()
        key = (job.app, job.gang, job.members) if job is not None else None
        if key is not None and key == self.head:
            if not self.before_it & self.running.keys():
                raise Wrong(
                    "SC-L1",
                    f"{key[0]} waits for {' and '.join(str(m.capability) for m in key[2])}",
                    "a placement: all that ran when it became the oldest has ended",
                    "others run there",
                )
            return
        self.head = key
        self.before_it = {n for n in self.running if not self.is_backfill(n)}


def name_of(app: str, ask: Ask) -> tuple[str, object]:
    """Which job a container is of."""
    return app, ask.gang or ask


def sizes(job: Job) -> list[Resources]:
    return [ask.capability for ask in job.members]
