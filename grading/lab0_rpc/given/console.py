"""The operator's console of part 0C: where log levels are changed from, while everything runs. Given."""

from __future__ import annotations

from distlab.core import Address, Node, Ok, Ticket
from labs.lab0_rpc.protocol import LevelSet, SetLevel, Traced, Tune


class Console(Node):
    """Passes an operator's wish on to the node that it concerns, and says when it has been done."""

    tuning: dict[tuple[Address, str, int], Ticket]

    def on_start(self) -> None:
        self.tuning = {}

    def on_tune(self, tune: Tune, ticket: Ticket) -> None:
        self.tuning[tune.node, tune.subsystem, tune.level] = ticket
        self.send(tune.node, SetLevel(tune.subsystem, tune.level))

    def on_level_set(self, done: LevelSet, sender: Address) -> None:
        ticket = self.tuning.pop((sender, done.subsystem, done.level), None)
        if ticket is not None:
            self.finish(ticket, Ok())

    def on_traced(self, _: Traced) -> None:
        """What is on behalf of a request is no answer to the operator."""
