"""The consumer: each event has its effect once, in commit order (part 4E1).

Rule: the effect and what recognises it the second time are one local transaction.

Theory. Events come at least once, so they come again; and they overtake each other. Since commits are numbered without
gaps, one number is enough to recognise everything: how far we are. What is not next is not applied: it was applied, or
it will be said again.
"""

from __future__ import annotations

from distlab.core import Address, Node
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.outbox import (
    ConsumerConfig,
    ConsumerView,
    Points,
    Publish,
    Received,
    credited,
)


# TODO 4E1: what you store to recognise events


class Consumer(Node):
    """Gives points for sales."""

    config: ConsumerConfig
    # TODO 4E1: declare your state

    def on_start(self) -> None:
        raise NotImplementedError("4E1: read what was stored")

    def on_publish(self, event: Publish, sender: Address) -> None:
        raise NotImplementedError(
            "4E1: if it is the next one, store its effect; say how far you are"
        )

    # TODO 4E1: your helpers

    def probe(self) -> ConsumerView:
        """Points by customer, and how many rows are kept to recognise events."""
        raise NotImplementedError("4E1: show it")
