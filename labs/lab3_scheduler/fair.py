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
        raise NotImplementedError("3B: refuse what makes no sense; the label's total grows")

    def remove_node(self, name: str) -> list[Grant]:
        raise NotImplementedError("3B: its containers end; the label's total shrinks")

    def allocate(self, node: str, now: int) -> list[Grant]:
        raise NotImplementedError(
            "3B: let the label's division fill the node; number and book what it takes"
        )

    # -- applications -------------------------------------------------------------------------------------------------

    def add_app(self, app: str, queue: str) -> None:
        raise NotImplementedError("3B: a leaf takes it in")

    def remove_app(self, app: str) -> list[Grant]:
        raise NotImplementedError("3B: it wants nothing any more, and what it had is free")

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        raise NotImplementedError("3B: look at all of them first; then take them all")

    def release(self, app: str, container: int) -> None:
        raise NotImplementedError("3B: its own containers only")

    def recover(self, grant: Grant) -> None:
        raise NotImplementedError("3B: books it like a grant, and never gives its number again")

    # TODO 3B: helpers of your own


def is_sound(size: Resources) -> bool:
    """Whole numbers, none negative, and not all of them 0."""
    raise NotImplementedError("3B: whole numbers only")


# TODO 3B: helpers of your own
