"""A fair scheduler: who is told what, and whose turn it is on each node that reports (part 3B).

Theory of operation. This module keeps the books: nodes, applications, what they ask for, which containers there are.
Whose turn it is, it leaves to a :class:`~labs.lab3_scheduler.division.Division`, one for each label. Everything that
comes in is looked at as a whole before anything is changed, so that a refusal leaves no trace.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

from labs.lab3_scheduler.division import Division, Machine, Member, Wish
from labs.lab3_scheduler.scheduling import (
    BAD_RESOURCES,
    DUPLICATE,
    SINGLE,
    TOO_LARGE,
    UNKNOWN_APP,
    UNKNOWN_CONTAINER,
    UNKNOWN_LABEL,
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


class Application:
    """What is known of one application."""

    __slots__ = ("containers", "members", "name", "order", "queue", "wishes")

    def __init__(self, name: str, queue: str, order: int) -> None:
        self.name, self.queue, self.order = name, queue, order
        self.members: dict[str, Member] = {}
        """By label."""
        self.wishes: dict[Ask, Wish] = {}
        """By the ask with count 1."""
        self.containers: set[int] = set()


class FairScheduler(Scheduler):
    """Dominant resource fairness over a tree of queues; never above a queue's max, nor a node's capacity."""

    def __init__(self, queues: Sequence[Queue] = SINGLE, first: int = 1) -> None:
        self.nodes: dict[str, NodeView] = {}
        self.machines: dict[str, Machine] = {}
        self.apps: dict[str, Application] = {}
        self.containers: dict[int, Grant] = {}
        self.next = first
        self.order = 0
        parents = {queue.parent for queue in queues}
        self.leaves = {queue.name for queue in queues if queue.name not in parents}
        labels = {limits.label for limits in queues[0].limits}
        self.divisions = {label: Division(label, queues) for label in sorted(labels)}

    # -- nodes --------------------------------------------------------------------------------------------------------

    def add_node(self, node: NodeView) -> None:
        # BEGIN SOLUTION 3B: refuse what makes no sense; the label's total grows
        if node.name in self.nodes:
            raise Refused(DUPLICATE, node.name)
        if not is_sound(node.capacity):
            raise Refused(BAD_RESOURCES, str(node.capacity))
        memory, vcores = node.capacity.memory, node.capacity.vcores
        self.nodes[node.name] = node
        self.machines[node.name] = Machine(node.name, node.rack, node.label, memory, vcores)
        if node.label in self.divisions:
            self.divisions[node.label].grow(memory, vcores)
        # END SOLUTION

    def remove_node(self, name: str) -> list[Grant]:
        # BEGIN SOLUTION 3B: its containers end; the label's total shrinks
        if name not in self.nodes:
            raise Refused(UNKNOWN_NODE, name)
        lost = [self._end(container) for container in sorted(self.machines[name].containers)]
        node = self.nodes.pop(name)
        del self.machines[name]
        if node.label in self.divisions:
            self.divisions[node.label].grow(-node.capacity.memory, -node.capacity.vcores)
        return lost
        # END SOLUTION

    def allocate(self, node: str, now: int) -> list[Grant]:
        # BEGIN SOLUTION 3B: let the label's division fill the node; number and book what it takes
        machine = self.machines.get(node)
        if machine is None:
            raise Refused(UNKNOWN_NODE, node)
        if machine.label not in self.divisions:
            return []
        grants = []
        number, containers, apps = self.next, self.containers, self.apps
        for wish in self.divisions[machine.label].fill(machine):
            app = apps[wish.member.app]
            grant = containers[number] = Grant(number, app.name, node, wish.ask)
            grants.append(grant)
            app.containers.add(number)
            number += 1
            if not wish.count:
                app.wishes.pop(wish.ask, None)
        machine.containers.update(range(self.next, number))
        self.next = number
        return grants
        # END SOLUTION

    # -- applications -------------------------------------------------------------------------------------------------

    def add_app(self, app: str, queue: str) -> None:
        # BEGIN SOLUTION 3B: a leaf takes it in
        if app in self.apps:
            raise Refused(DUPLICATE, app)
        if queue not in self.leaves:
            raise Refused(UNKNOWN_QUEUE, queue)
        self.order += 1
        self.apps[app] = Application(app, queue, self.order)
        # END SOLUTION

    def remove_app(self, app: str) -> list[Grant]:
        # BEGIN SOLUTION 3B: it wants nothing any more, and what it had is free
        application = self._application(app)
        self._wish(application, [(ask, 0) for ask in list(application.wishes)])
        freed = [self._end(container) for container in sorted(application.containers)]
        del self.apps[app]
        return freed
        # END SOLUTION

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        # BEGIN SOLUTION 3B: look at all of them first; then take them all
        application = self._application(app)
        for ask in asks:
            if not is_sound(ask.capability) or not _is_whole(ask.count) or ask.count < 0:
                raise Refused(BAD_RESOURCES, f"{ask.count} of {ask.capability}")
        for ask in asks:
            self._leaf(application.queue, ask.label)
        for ask in asks:
            sizes = [n.capacity for n in self.nodes.values() if n.label == ask.label]
            if sizes and not any(ask.capability.fits(size) for size in sizes):
                raise Refused(TOO_LARGE, str(ask.capability))
        self._wish(application, [(_single(ask), ask.count) for ask in asks])
        # END SOLUTION

    def release(self, app: str, container: int) -> None:
        # BEGIN SOLUTION 3B: its own containers only
        if container not in self._application(app).containers:
            raise Refused(UNKNOWN_CONTAINER, f"{container} of {app}")
        self._end(container)
        # END SOLUTION

    def recover(self, grant: Grant) -> None:
        # BEGIN SOLUTION 3B: books it like a grant, and never gives its number again
        if grant.container in self.containers:
            raise Refused(DUPLICATE, str(grant.container))
        application = self._application(grant.app)
        if grant.node not in self.nodes:
            raise Refused(UNKNOWN_NODE, grant.node)
        machine, size = self.machines[grant.node], grant.ask.capability
        if grant.ask.label != machine.label:
            raise Refused(UNKNOWN_LABEL, f"{grant.node} has not {grant.ask.label!r}")
        self._leaf(application.queue, machine.label)
        if size.memory > machine.memory or size.vcores > machine.vcores:
            raise Refused(TOO_LARGE, str(size))
        self.containers[grant.container] = grant
        self.next = max(self.next, grant.container + 1)
        machine.containers.add(grant.container)
        application.containers.add(grant.container)
        self._move(grant, 1)
        # END SOLUTION

    # BEGIN SOLUTION 3B: helpers of your own
    def _application(self, app: str) -> Application:
        if app not in self.apps:
            raise Refused(UNKNOWN_APP, app)
        return self.apps[app]

    def _leaf(self, queue: str, label: str) -> None:
        if label not in self.divisions or queue not in self.divisions[label].groups:
            raise Refused(UNKNOWN_LABEL, f"{label!r} is closed to {queue}")

    def _member(self, application: Application, label: str) -> Member:
        """The application, as the label's division knows it."""
        if label not in application.members:
            leaf = self.divisions[label].groups[application.queue]
            application.members[label] = Member(application.name, leaf, application.order)
        return application.members[label]

    def _wish(self, application: Application, wishes: Sequence[tuple[Ask, int]]) -> None:
        """Set counts, 0 for what is not wanted any more."""
        changed = {}
        for ask, count in wishes:
            division = self.divisions[ask.label]
            member = changed[ask.label] = self._member(application, ask.label)
            wish = application.wishes.get(ask)
            if wish is None:
                if not count:
                    continue
                wish = application.wishes[ask] = Wish(ask, member)
                insort(member.wishes, wish, key=lambda w: w.ask.priority)
                division.remember(wish)
            elif not count:
                del application.wishes[ask]
                member.wishes.remove(wish)
                division.forget(wish)
            wish.count = count
        for label, member in changed.items():
            self.divisions[label].enter(member)

    def _end(self, container: int) -> Grant:
        grant = self.containers.pop(container)
        self.machines[grant.node].containers.remove(container)
        self.apps[grant.app].containers.remove(container)
        self._move(grant, -1)
        return grant

    def _move(self, grant: Grant, sign: int) -> None:
        """A container more, or less: on its node, and on the path from its application to the root."""
        machine, size = self.machines[grant.node], grant.ask.capability
        machine.memory -= sign * size.memory
        machine.vcores -= sign * size.vcores
        division = self.divisions[machine.label]
        member = self._member(self.apps[grant.app], machine.label)
        division.use(member, sign * size.memory, sign * size.vcores, not grant.ask.preemptible)
        division.enter(member)

    # END SOLUTION


def is_sound(size: Resources) -> bool:
    """Whole numbers, none negative, and not all of them 0."""
    # BEGIN SOLUTION 3B: whole numbers only
    parts = (size.memory, size.vcores)
    return all(_is_whole(part) and part >= 0 for part in parts) and any(parts)
    # END SOLUTION


# BEGIN SOLUTION 3B: helpers of your own
def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _single(ask: Ask) -> Ask:
    """What all grants of an ask carry; and its name among the asks of its application."""
    return Ask(
        ask.capability,
        1,
        ask.priority,
        ask.location,
        ask.relax,
        ask.label,
        ask.preemptible,
        ask.gang,
    )


# END SOLUTION
