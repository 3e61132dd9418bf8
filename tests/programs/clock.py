"""Nodes that say what their clocks show."""

from distlab.core import Node, Ok, Operation, Ticket
from distlab.core.cluster import Cluster, Member


class Look(Operation, frozen=True):
    """What time is it?"""


class Clock(Node):
    """Says what both of its clocks show."""

    def on_look(self, look: Look, ticket: Ticket) -> None:
        self.finish(ticket, Ok((self.now(), self.monotonic())))


CLUSTER = Cluster({"clock": Member(Clock), "other": Member(Clock)})
