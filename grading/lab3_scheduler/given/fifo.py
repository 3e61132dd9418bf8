"""The simplest scheduler: first come, first served. Given: part 3A is about everything round it.

Applications in the order in which they came, the asks of each by priority. On its heartbeat a node is
filled: with containers that want to be there, then with those that would take it as well. Queues and
labels are names to be checked, nothing more; there is no preemption, and gangs are treated as
anybody else. (Parts 3B to 3D put a better one in its place, behind the same interface.)
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field, structs

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
    NodeView,
    Queue,
    Refused,
    Resources,
    Scheduler,
)


class NodeBook(Struct):
    """A node, and what is left of it."""

    view: NodeView
    free: Resources


class AppBook(Struct):
    """An application."""

    labels: frozenset[str]
    """Those that its queue may use."""
    asks: dict[Ask, int] = field(default_factory=dict)
    """What it asks for, with count 1 -> how many it wants."""


class FifoScheduler(Scheduler):
    """First come, first served."""

    def __init__(self, queues: Sequence[Queue] = SINGLE, first: int = 1) -> None:
        self.queues = {queue.name: queue for queue in queues}
        self.leaves = self.queues.keys() - {queue.parent for queue in queues}
        self.next = first
        self.nodes: dict[str, NodeBook] = {}
        self.apps: dict[str, AppBook] = {}
        self.grants: dict[int, Grant] = {}

    def add_node(self, node: NodeView) -> None:
        if node.name in self.nodes:
            raise Refused(DUPLICATE, node.name)
        _check(node.capacity)
        self.nodes[node.name] = NodeBook(node, node.capacity)

    def remove_node(self, name: str) -> list[Grant]:
        self._node(name)
        gone = [grant for grant in self.grants.values() if grant.node == name]
        for grant in gone:
            del self.grants[grant.container]
        del self.nodes[name]
        return gone

    def add_app(self, app: str, queue: str) -> None:
        if app in self.apps:
            raise Refused(DUPLICATE, app)
        if queue not in self.leaves:
            raise Refused(UNKNOWN_QUEUE, queue)
        above, labels = self.queues[queue], []
        while True:
            labels.append({limits.label for limits in above.limits})
            if not above.parent:
                break
            above = self.queues[above.parent]
        self.apps[app] = AppBook(frozenset(set.intersection(*labels)))

    def remove_app(self, app: str) -> list[Grant]:
        self._app(app)
        gone = [grant for grant in self.grants.values() if grant.app == app]
        for grant in gone:
            self._free(grant)
        del self.apps[app]
        return gone

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        book = self._app(app)
        for ask in asks:
            _check(ask.capability)
            if type(ask.count) is not int or ask.count < 0:
                raise Refused(BAD_RESOURCES, f"{ask.count} containers")
        for ask in asks:
            if ask.label not in book.labels:
                raise Refused(UNKNOWN_LABEL, ask.label)
        for ask in asks:
            sizes = [n.view.capacity for n in self.nodes.values() if n.view.label == ask.label]
            if ask.count and sizes and not any(ask.capability.fits(size) for size in sizes):
                raise Refused(TOO_LARGE, str(ask.capability))
        for ask in asks:
            one = structs.replace(ask, count=1)
            if ask.count:
                book.asks[one] = ask.count
            else:
                book.asks.pop(one, None)

    def allocate(self, node: str, now: int) -> list[Grant]:
        book = self._node(node)
        granted: list[Grant] = []
        for app in self.apps:
            for is_local in (True, False):
                granted += self._serve(app, book, is_local)
        return granted

    def release(self, app: str, container: int) -> None:
        self._app(app)
        grant = self.grants.get(container)
        if grant is None or grant.app != app:
            raise Refused(UNKNOWN_CONTAINER, str(container))
        self._free(grant)

    def recover(self, grant: Grant) -> None:
        if grant.container in self.grants:
            raise Refused(DUPLICATE, str(grant.container))
        labels = self._app(grant.app).labels
        book = self._node(grant.node)
        if grant.ask.label != book.view.label or grant.ask.label not in labels:
            raise Refused(UNKNOWN_LABEL, grant.ask.label)
        if not grant.ask.capability.fits(book.free):
            raise Refused(TOO_LARGE, str(grant.ask.capability))
        self._take(grant)

    def _serve(self, app: str, book: NodeBook, is_local: bool) -> list[Grant]:
        """What one application gets here: of asks that want to be here, or of those that do not mind."""
        granted = []
        asks = self.apps[app].asks
        for ask in sorted(asks, key=lambda ask: ask.priority):
            here = ask.location in (ANY, book.view.name, book.view.rack)
            if ask.label != book.view.label or here is not is_local or not (here or ask.relax):
                continue
            while asks[ask] and ask.capability.fits(book.free):
                grant = Grant(self.next, app, book.view.name, ask)
                self.next += 1
                self._take(grant)
                granted.append(grant)
                asks[ask] -= 1
            if not asks[ask]:
                del asks[ask]
        return granted

    def _take(self, grant: Grant) -> None:
        self.grants[grant.container] = grant
        book = self.nodes[grant.node]
        book.free = book.free.minus(grant.ask.capability)

    def _free(self, grant: Grant) -> None:
        del self.grants[grant.container]
        book = self.nodes[grant.node]
        book.free = book.free.plus(grant.ask.capability)

    def _node(self, name: str) -> NodeBook:
        if name not in self.nodes:
            raise Refused(UNKNOWN_NODE, name)
        return self.nodes[name]

    def _app(self, app: str) -> AppBook:
        if app not in self.apps:
            raise Refused(UNKNOWN_APP, app)
        return self.apps[app]


def _check(resources: Resources) -> None:
    """Raises ``Refused`` unless it is something, in whole numbers."""
    amounts = (resources.memory, resources.vcores)
    if any(type(n) is not int or n < 0 for n in amounts) or resources == NOTHING:
        raise Refused(BAD_RESOURCES, str(resources))
