"""A fair scheduler that looks at everybody before each container (part 3B).

Sums of what is used are kept in one table, by member of the tree and label; turns are not kept at all, but found among
all who have something that fits. There is no order that could be out of date: right, and slow where there are many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from msgspec import structs

from labs.lab3_scheduler.scheduling import (
    ANY,
    BAD_RESOURCES,
    DUPLICATE,
    NOTHING,
    SINGLE,
    TOO_LARGE,
    UNKNOWN_APP,
    UNKNOWN_CONTAINER,
    UNKNOWN_LABEL,
    UNKNOWN_NODE,
    UNKNOWN_QUEUE,
    Ask,
    Grant,
    Limits,
    NodeView,
    Queue,
    Refused,
    Resources,
    Scheduler,
)


class FairScheduler(Scheduler):
    """Dominant resource fairness, computed anew for each container."""

    def __init__(self, queues: Sequence[Queue] = SINGLE, first: int = 1) -> None:
        self.queues = {queue.name: queue for queue in queues}
        self.nodes: dict[str, NodeView] = {}
        self.apps: dict[str, str] = {}
        self.asks: dict[str, dict[Ask, int]] = {}
        self.running: dict[int, Grant] = {}
        self.sums: dict[tuple[str, str, bool], Resources] = {}
        """(queue or application, label, is it not preemptible) -> what they use."""
        self.frees: dict[str, Resources] = {}
        self.totals: dict[str, Resources] = {}
        """By label."""
        self.next = first

    # -- the tree -----------------------------------------------------------------------------------------------------

    def path(self, app: str) -> list[str]:
        """From the root to the application."""
        names, queue = [app], self.apps[app]
        while queue:
            names.append(queue)
            queue = self.queues[queue].parent
        return names[::-1]

    def limits(self, queue: str, label: str) -> Limits | None:
        return next((x for x in self.queues[queue].limits if x.label == label), None)

    def used(self, member: str, label: str, fixed: bool = False) -> Resources:
        used = self.sums.get((member, label, True), NOTHING)
        return used if fixed else used.plus(self.sums.get((member, label, False), NOTHING))

    def book(self, grant: Grant, sign: int) -> None:
        """A container more, or less."""
        size = grant.ask.capability.times(sign)
        self.frees[grant.node] = self.frees[grant.node].minus(size)
        for member in self.path(grant.app):
            key = member, self.nodes[grant.node].label, not grant.ask.preemptible
            self.sums[key] = self.sums.get(key, NOTHING).plus(size)
        if sign > 0:
            self.running[grant.container] = grant
        else:
            del self.running[grant.container]

    # -- whose turn ---------------------------------------------------------------------------------------------------

    def allocate(self, node: str, now: int) -> list[Grant]:
        if node not in self.nodes:
            raise Refused(UNKNOWN_NODE, node)
        grants: list[Grant] = []
        while (choice := self.next_for(node)) is not None:
            app, ask = choice
            self.asks[app][ask] -= 1
            if not self.asks[app][ask]:
                del self.asks[app][ask]
            grants.append(Grant(self.next, app, node, ask))
            self.book(grants[-1], 1)
            self.next += 1
        return grants

    def next_for(self, node: str) -> tuple[str, Ask] | None:
        """Who is next there, and for what."""
        label = self.nodes[node].label
        able = [
            (app, ask)
            for app, asks in self.asks.items()
            for ask in asks
            if self.may(app, ask, node)
        ]
        level = 0
        while len({app for app, _ in able}) > 1:
            level += 1
            members = dict.fromkeys(self.path(app)[level] for app, _ in able)
            first = min(members, key=lambda member: self.rank(member, label))
            able = [(app, ask) for app, ask in able if self.path(app)[level] == first]
        return min(able, key=lambda choice: choice[1].priority, default=None)

    def rank(self, member: str, label: str) -> tuple[bool, Fraction]:
        """Whoever is owed first, then by share for each unit of weight."""
        mine = self.share(self.used(member, label), label)
        if member not in self.queues:
            return True, mine
        limits = self.limits(member, label)
        is_owed = limits is not None and mine < self.share(limits.min, label)
        return not is_owed, mine / self.queues[member].weight

    def share(self, used: Resources, label: str) -> Fraction:
        total = self.totals[label]
        parts = ((used.memory, total.memory), (used.vcores, total.vcores))
        return max(Fraction(part, whole) if whole else Fraction(0) for part, whole in parts)

    def may(self, app: str, ask: Ask, node: str) -> bool:
        view, size = self.nodes[node], ask.capability
        is_there = ask.relax or ask.location in (ANY, view.name, view.rack)
        if ask.label != view.label or not is_there or not size.fits(self.frees[node]):
            return False
        for queue in self.path(app)[:-1]:
            limits = self.limits(queue, view.label)
            if limits is None:
                return False
            most, quota = limits.max, limits.quota
            if most is not None and not self.used(queue, view.label).plus(size).fits(most):
                return False
            fixed = self.used(queue, view.label, fixed=True).plus(size)
            if quota is not None and not ask.preemptible and not fixed.fits(quota):
                return False
        return True

    # -- coming and going ---------------------------------------------------------------------------------------------

    def add_node(self, node: NodeView) -> None:
        if node.name in self.nodes:
            raise Refused(DUPLICATE, node.name)
        if not _is_size(node.capacity):
            raise Refused(BAD_RESOURCES)
        self.nodes[node.name] = node
        self.frees[node.name] = node.capacity
        self.totals[node.label] = self.totals.get(node.label, NOTHING).plus(node.capacity)

    def remove_node(self, name: str) -> list[Grant]:
        if name not in self.nodes:
            raise Refused(UNKNOWN_NODE, name)
        ended = self.end(g for g in self.running.values() if g.node == name)
        node = self.nodes.pop(name)
        self.totals[node.label] = self.totals[node.label].minus(node.capacity)
        return ended

    def add_app(self, app: str, queue: str) -> None:
        if app in self.apps:
            raise Refused(DUPLICATE, app)
        if queue not in self.queues or any(q.parent == queue for q in self.queues.values()):
            raise Refused(UNKNOWN_QUEUE, queue)
        self.apps[app] = queue
        self.asks[app] = {}

    def remove_app(self, app: str) -> list[Grant]:
        self.known(app)
        ended = self.end(g for g in self.running.values() if g.app == app)
        del self.apps[app], self.asks[app]
        return ended

    def end(self, grants: Iterator[Grant]) -> list[Grant]:
        ended = list(grants)
        for grant in ended:
            self.book(grant, -1)
        return ended

    def known(self, app: str) -> None:
        if app not in self.apps:
            raise Refused(UNKNOWN_APP, app)

    def check_label(self, app: str, label: str) -> None:
        if any(self.limits(queue, label) is None for queue in self.path(app)[:-1]):
            raise Refused(UNKNOWN_LABEL, label)

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        self.known(app)
        for ask in asks:
            if not _is_size(ask.capability) or type(ask.count) is not int or ask.count < 0:
                raise Refused(BAD_RESOURCES)
        for ask in asks:
            self.check_label(app, ask.label)
        for ask in asks:
            nodes = [node for node in self.nodes.values() if node.label == ask.label]
            if nodes and not any(ask.capability.fits(node.capacity) for node in nodes):
                raise Refused(TOO_LARGE)
        for ask in asks:
            kind = structs.replace(ask, count=1)
            self.asks[app].pop(kind, None)
            if ask.count:
                self.asks[app][kind] = ask.count

    def release(self, app: str, container: int) -> None:
        self.known(app)
        if container not in self.running or self.running[container].app != app:
            raise Refused(UNKNOWN_CONTAINER, str(container))
        self.book(self.running[container], -1)

    def recover(self, grant: Grant) -> None:
        if grant.container in self.running:
            raise Refused(DUPLICATE, str(grant.container))
        self.known(grant.app)
        if grant.node not in self.nodes:
            raise Refused(UNKNOWN_NODE, grant.node)
        if grant.ask.label != self.nodes[grant.node].label:
            raise Refused(UNKNOWN_LABEL, grant.ask.label)
        self.check_label(grant.app, grant.ask.label)
        if not grant.ask.capability.fits(self.frees[grant.node]):
            raise Refused(TOO_LARGE)
        self.book(grant, 1)
        self.next = max(self.next, grant.container + 1)


def _is_size(size: Resources) -> bool:
    numbers = (size.memory, size.vcores)
    return all(type(n) is int and n >= 0 for n in numbers) and numbers != (0, 0)
