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


# BEGIN SOLUTION 4E1: what you store to recognise events
class Position(Row, frozen=True):
    commit: int

    @property
    def key(self) -> str:
        return ""


# END SOLUTION


class Consumer(Node):
    """Gives points for sales."""

    config: ConsumerConfig
    # BEGIN SOLUTION 4E1: declare your state
    db: Database
    # END SOLUTION

    def on_start(self) -> None:
        # BEGIN SOLUTION 4E1: read what was stored
        self.db = open_database(self.disk, Points | Position)
        # END SOLUTION

    def on_publish(self, event: Publish, sender: Address) -> None:
        # BEGIN SOLUTION 4E1: if it is the next one, store its effect; say how far you are
        if event.commit == self.position + 1:
            points = self.db.get(Points, event.customer) or Points(event.customer)
            self.db.commit(self.disk, credited(points, event.value), Position(event.commit))
        self.send(sender, Received(self.position))
        # END SOLUTION

    # BEGIN SOLUTION 4E1: your helpers
    @property
    def position(self) -> int:
        row = self.db.get(Position, "")
        return row.commit if row else 0

    # END SOLUTION

    def probe(self) -> ConsumerView:
        """Points by customer, and how many rows are kept to recognise events."""
        # BEGIN SOLUTION 4E1: show it
        return ConsumerView(tuple(self.db.all(Points)), 1)
        # END SOLUTION
