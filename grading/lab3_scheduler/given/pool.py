"""A scheduler that does what a plan says, and knows nothing of shares (part 3C). Given.

Theory of operation. It grants first come, first served; what queues are owed is up to the plan alone. On a node that
reports, whoever has a claim there comes first; the others get what is left when all claims on that node are put aside,
whether their victims have gone or not. So nobody steals what was freed for somebody else, as long as the plan says that
it is claimed. Now and then it is told to look: then there is a new plan, which is carried out at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import structs

from labs.lab3_scheduler.reclaiming import Claim, Owner, Plan, Room, Running, View, Wish
from labs.lab3_scheduler.scheduling import (
    BAD_RESOURCES,
    DUPLICATE,
    NOTHING,
    UNKNOWN_APP,
    UNKNOWN_CONTAINER,
    UNKNOWN_NODE,
    UNKNOWN_QUEUE,
    Ask,
    Grant,
    NodeView,
    Queue,
    Refused,
    Resources,
    Scheduler,
)


class Pool(Scheduler):
    """Queues without a tree, nodes without labels. ``make_plan`` decides."""

    def __init__(self, queues: Sequence[Queue], make_plan: Callable[[View], Plan]) -> None:
        self.least = {queue.name: queue.limits[0].min for queue in queues if queue.parent}
        self.make_plan = make_plan
        self.nodes: dict[str, NodeView] = {}
        self.apps: dict[str, str] = {}
        self.asks: dict[str, dict[Ask, int]] = {}
        self.running: dict[int, Grant] = {}
        self.claims: list[Claim] = []
        self.last = 0

    # -- looking ------------------------------------------------------------------------------------------------------

    def look(self, now: int) -> tuple[View, Plan, list[Grant]]:
        """Make a plan and carry it out: what there was, the plan, and what it ended."""
        view = self.view(now)
        plan = self.make_plan(view)
        self.claims = [claim for claim in plan.claims if claim.node in self.nodes]
        ended = [self.running.pop(number) for number in plan.kills if number in self.running]
        return view, plan, ended

    def view(self, now: int) -> View:
        """What there is."""
        total = NOTHING
        for node in self.nodes.values():
            total = total.plus(node.capacity)
        return View(
            now,
            total,
            tuple(Owner(name, least, self.used(name)) for name, least in self.least.items()),
            tuple(Room(name, self.free(name)) for name in self.nodes),
            tuple(
                Running(number, self.apps[g.app], g.node, g.ask.capability, g.ask.preemptible)
                for number, g in self.running.items()
            ),
            tuple(self.wishes()),
        )

    def wishes(self) -> Iterator[Wish]:
        """What is waited for, as far as quotas let it in: whoever stands first has the rest of its queue's."""
        fixed = {name: self.used(name, fixed=True) for name in self.least}
        for app, queue in self.apps.items():
            for ask, count in sorted(self.asks[app].items(), key=lambda item: item[0].priority):
                size, may = ask.capability, 0
                while may < count and (
                    ask.preemptible or fixed[queue].plus(size).fits(self.least[queue])
                ):
                    may += 1
                    fixed[queue] = fixed[queue] if ask.preemptible else fixed[queue].plus(size)
                if may:
                    yield Wish(app, queue, size, may, ask.preemptible)

    def used(self, queue: str, fixed: bool = False) -> Resources:
        used = NOTHING
        for grant in self.running.values():
            if self.apps[grant.app] == queue and not (fixed and grant.ask.preemptible):
                used = used.plus(grant.ask.capability)
        return used

    def free(self, node: str) -> Resources:
        free = self.nodes[node].capacity
        for grant in self.running.values():
            if grant.node == node:
                free = free.minus(grant.ask.capability)
        return free

    def is_within_quota(self, app: str, ask: Ask) -> bool:
        queue = self.apps[app]
        fixed = self.used(queue, fixed=True).plus(ask.capability)
        return ask.preemptible or fixed.fits(self.least[queue])

    # -- granting -----------------------------------------------------------------------------------------------------

    def allocate(self, node: str, now: int) -> list[Grant]:
        if node not in self.nodes:
            raise Refused(UNKNOWN_NODE, node)
        grants = []
        for claim in [claim for claim in self.claims if claim.node == node]:
            ask = self.claimed(claim)
            if ask is not None and claim.capability.fits(self.free(node)):
                self.claims.remove(claim)
                grants.append(self.grant(claim.app, ask, node))
        for app, asks in self.asks.items():
            for ask in sorted(asks, key=lambda ask: ask.priority):
                while (
                    ask in asks
                    and self.is_within_quota(app, ask)
                    and ask.capability.fits(self.unclaimed(node))
                ):
                    grants.append(self.grant(app, ask, node))
        return grants

    def claimed(self, claim: Claim) -> Ask | None:
        """The ask that a claim is for, if it still stands."""
        for ask in self.asks.get(claim.app, ()):
            if ask.capability == claim.capability and self.is_within_quota(claim.app, ask):
                return ask
        return None

    def unclaimed(self, node: str) -> Resources:
        free = self.free(node)
        for claim in self.claims:
            if claim.node == node:
                free = free.minus(claim.capability)
        return free

    def grant(self, app: str, ask: Ask, node: str) -> Grant:
        self.last += 1
        grant = self.running[self.last] = Grant(self.last, app, node, ask)
        self.asks[app][ask] -= 1
        if not self.asks[app][ask]:
            del self.asks[app][ask]
        return grant

    # -- coming and going ---------------------------------------------------------------------------------------------

    def add_node(self, node: NodeView) -> None:
        if node.name in self.nodes:
            raise Refused(DUPLICATE, node.name)
        self.nodes[node.name] = node

    def remove_node(self, name: str) -> list[Grant]:
        if self.nodes.pop(name, None) is None:
            raise Refused(UNKNOWN_NODE, name)
        self.claims = [claim for claim in self.claims if claim.node != name]
        return self.end(lambda grant: grant.node == name)

    def add_app(self, app: str, queue: str) -> None:
        if app in self.apps:
            raise Refused(DUPLICATE, app)
        if queue not in self.least:
            raise Refused(UNKNOWN_QUEUE, queue)
        self.apps[app] = queue
        self.asks[app] = {}

    def remove_app(self, app: str) -> list[Grant]:
        if app not in self.apps:
            raise Refused(UNKNOWN_APP, app)
        ended = self.end(lambda grant: grant.app == app)
        del self.apps[app], self.asks[app]
        return ended

    def end(self, is_over: Callable[[Grant], bool]) -> list[Grant]:
        ended = [grant for grant in self.running.values() if is_over(grant)]
        for grant in ended:
            del self.running[grant.container]
        return ended

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        if app not in self.apps:
            raise Refused(UNKNOWN_APP, app)
        if any(min(a.capability.memory, a.capability.vcores, a.count) < 0 for a in asks):
            raise Refused(BAD_RESOURCES)
        for ask in asks:
            kind = structs.replace(ask, count=1)
            self.asks[app].pop(kind, None)
            if ask.count and ask.capability != NOTHING:
                self.asks[app][kind] = ask.count

    def release(self, app: str, container: int) -> None:
        if container not in self.running or self.running[container].app != app:
            raise Refused(UNKNOWN_CONTAINER, str(container))
        del self.running[container]
