"""What waits to be placed, where there is room, and what a round of placing looks like (part 3D). Given.

Theory of operation. A :class:`Floor` keeps the books of a cluster without queues and labels: nodes, what runs on them,
and *jobs*, the oldest first. A job is one container of an ask, or all containers of a gang. In each *round* a subclass
decides what goes where. Containers that are preemptible are *backfill*: they run in what is left, and end without a
warning when a job that is not preemptible needs their room. A gang is never preemptible.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from labs.lab3_scheduler.scheduling import (
    BAD_RESOURCES,
    DUPLICATE,
    NOTHING,
    SINGLE,
    UNKNOWN_APP,
    UNKNOWN_CONTAINER,
    UNKNOWN_NODE,
    Ask,
    Grant,
    NodeView,
    Queue,
    Refused,
    Resources,
    Scheduler,
)


class Placement(Struct, frozen=True):
    """One job is placed: one grant, or those of a whole gang; and what ends for it, right before."""

    grants: tuple[Grant, ...]
    kills: tuple[int, ...] = ()


class Reserved(Struct, frozen=True):
    """A node on which nothing lasting begins but one job: only backfill does."""

    node: str
    app: str
    ask: Ask
    """The job's first member: with the application, this says which job."""


class Round(Struct, frozen=True):
    """What was placed, in order; and what is reserved from now on, until the next round."""

    placements: tuple[Placement, ...] = ()
    reserved: tuple[Reserved, ...] = ()


class Job(Struct, frozen=True):
    """What waits: so many jobs of one container each, or one gang."""

    app: str
    gang: str
    members: tuple[Ask, ...]
    """One for each container of the gang; or the one of the ask. With count 1."""
    count: int = 1
    """How many such jobs: more than 1 only where it is no gang."""

    @property
    def name(self) -> tuple[str, Ask]:
        """What a reservation calls it."""
        return self.app, self.members[0]

    @property
    def is_backfill(self) -> bool:
        return self.members[0].preemptible and not self.gang


class Floor(Scheduler):
    """Nodes, containers and jobs. A subclass says what a round does, and is told when room changes."""

    def __init__(self, queues: Sequence[Queue] = SINGLE, first: int = 1) -> None:
        self.nodes: dict[str, NodeView] = {}
        self.free: dict[str, Resources] = {}
        """Of each node, what nothing runs on."""
        self.backfill: dict[str, dict[int, Resources]] = {}
        """Of each node, its preemptible containers, the oldest first."""
        self.running: dict[int, Grant] = {}
        self.apps: set[str] = set()
        self.wants: dict[tuple[str, Ask], int] = {}
        """(application, ask with count 1) -> count, the oldest first."""
        self.next = first

    def schedule(self, now: int) -> Round:
        """A round: places what can be placed, with :meth:`place`."""
        raise NotImplementedError

    def room_changed(self, node: str) -> None:
        """What is free on a node is another amount now; or the node has come, or gone."""

    # -- for rounds ---------------------------------------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """What waits, the oldest first."""
        found: dict[tuple[str, str, Ask | None], Job] = {}
        for (app, ask), count in self.wants.items():
            if not ask.gang:
                found[app, "", ask] = Job(app, "", (ask,), count)
                continue
            key = app, ask.gang, None
            others = found[key].members if key in found else ()
            found[key] = Job(app, ask.gang, (*others, *[ask] * count))
        return list(found.values())

    def could_hold(self, node: str) -> Resources:
        """What is free on a node when all its backfill has ended."""
        room = self.free[node]
        for size in self.backfill[node].values():
            room = room.plus(size)
        return room

    def place(self, job: Job, nodes: Sequence[str], kills: Sequence[int] = ()) -> Placement:
        """A job goes there, member by member, once those have ended. Numbers and books are kept here."""
        for container in kills:
            self.end(container)
        grants = []
        for ask, node in zip(job.members, nodes, strict=True):
            grant = Grant(self.next, job.app, node, ask)
            grants.append(grant)
            self.next += 1
            self.running[grant.container] = grant
            if job.is_backfill:
                self.backfill[node][grant.container] = ask.capability
            self.free[node] = self.free[node].minus(ask.capability)
            self.room_changed(node)
            self.wants[job.app, ask] -= 1
            if not self.wants[job.app, ask]:
                del self.wants[job.app, ask]
        return Placement(tuple(grants), tuple(kills))

    def end(self, container: int) -> Grant:
        """A container is over."""
        grant = self.running.pop(container)
        self.backfill[grant.node].pop(container, None)
        self.free[grant.node] = self.free[grant.node].plus(grant.ask.capability)
        self.room_changed(grant.node)
        return grant

    # -- what it is told ----------------------------------------------------------------------------------------------

    def add_node(self, node: NodeView) -> None:
        if node.name in self.nodes:
            raise Refused(DUPLICATE, node.name)
        self.nodes[node.name] = node
        self.free[node.name] = node.capacity
        self.backfill[node.name] = {}
        self.room_changed(node.name)

    def remove_node(self, name: str) -> list[Grant]:
        if name not in self.nodes:
            raise Refused(UNKNOWN_NODE, name)
        lost = [self.end(number) for number, g in list(self.running.items()) if g.node == name]
        del self.nodes[name], self.free[name], self.backfill[name]
        self.room_changed(name)
        return lost

    def add_app(self, app: str, queue: str) -> None:
        if app in self.apps:
            raise Refused(DUPLICATE, app)
        self.apps.add(app)

    def remove_app(self, app: str) -> list[Grant]:
        if app not in self.apps:
            raise Refused(UNKNOWN_APP, app)
        self.apps.remove(app)
        self.wants = {key: count for key, count in self.wants.items() if key[0] != app}
        return [self.end(number) for number, g in list(self.running.items()) if g.app == app]

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        if app not in self.apps:
            raise Refused(UNKNOWN_APP, app)
        for ask in asks:
            size = ask.capability
            if min(size.memory, size.vcores, ask.count) < 0 or size == NOTHING:
                raise Refused(BAD_RESOURCES)
        for ask in asks:
            kind = structs.replace(ask, count=1)
            if ask.count:
                self.wants[app, kind] = ask.count
            else:
                self.wants.pop((app, kind), None)

    def release(self, app: str, container: int) -> None:
        if container not in self.running or self.running[container].app != app:
            raise Refused(UNKNOWN_CONTAINER, str(container))
        self.end(container)
