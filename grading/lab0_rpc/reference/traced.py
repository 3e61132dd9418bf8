"""The nodes of part 0C: those of part 0B over the tracing layer. Nothing to write here.

The layer is yours; client and server are a reference's, unless you grade with ``PRIOR=own``.
"""

from __future__ import annotations

from distlab.core import Level, Ticket
from labs.lab0_rpc.client import Client
from labs.lab0_rpc.front import Front
from labs.lab0_rpc.protocol import Add
from labs.lab0_rpc.server import Server
from labs.lab0_rpc.tracing import Tracing


class Usual(Tracing):
    """Starts with every subsystem at the usual level, whatever the world's default is."""

    def on_start(self) -> None:
        for subsystem in ("op", "net", "timer"):
            self.log.set_level(subsystem, Level.INFO)
        super().on_start()


class TracedClient(Usual, Client):
    def on_add(self, add: Add, ticket: Ticket) -> None:
        self.begin_request(ticket)
        super().on_add(add, ticket)


class TracedFront(Usual, Front):
    pass


class TracedServer(Usual, Server):
    pass
