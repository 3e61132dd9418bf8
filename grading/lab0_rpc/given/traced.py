"""The nodes of part 0C: those of part 0B under the tracing layer, and the operator's console.

Given, and not to be changed.
"""

from __future__ import annotations

from distlab.core import Level, Node, Ok, Ticket
from labs.lab0_rpc.client import Client
from labs.lab0_rpc.front import Front
from labs.lab0_rpc.protocol import Add, LevelSet, SetLevel, Tune
from labs.lab0_rpc.server import Server
from labs.lab0_rpc.tracing import Tracing

SUBSYSTEMS = ("op", "net", "timer")


class _Traced(Tracing):
    """Starts with every subsystem at the usual level."""

    def on_start(self) -> None:
        for subsystem in SUBSYSTEMS:
            self.log.set_level(subsystem, Level.INFO)
        super().on_start()


class TracedClient(_Traced, Client):
    def on_add(self, add: Add, ticket: Ticket) -> None:
        self.begin_request(ticket)
        super().on_add(add, ticket)


class TracedFront(_Traced, Front):
    pass


class TracedServer(_Traced, Server):
    pass


class Console(Node):
    """Where an operator sits. One change at a time is under way for each subsystem of each node."""

    tuning: dict[tuple[str, str, int], Ticket]

    def on_start(self) -> None:
        self.tuning = {}

    def on_tune(self, tune: Tune, ticket: Ticket) -> None:
        self.tuning[tune.node, tune.subsystem, tune.level] = ticket
        self.send(tune.node, SetLevel(tune.subsystem, tune.level))

    def on_level_set(self, done: LevelSet, sender: str) -> None:
        ticket = self.tuning.pop((sender, done.subsystem, done.level), None)
        if ticket is not None:
            self.finish(ticket, Ok())
