"""The relay: reads the outbox in commit order, and says each event until it is received (part 4E1).

Rule: what is committed is published, what is not committed never is, and in the order of the commits.

Theory. The event is a row of the same local transaction as the sale, so there is an event if and only if there is a
sale (compare: publish first and then commit, or the other way round, and a crash between). A relay turns rows into
messages, later and as often as needed. It must not read by primary key: ids are drawn when rows are written and rows
are seen when they commit, so behind the greatest id that one has seen there may be smaller ones to come, and gaps that
are never filled. The order that matters is that of the commits, which the database knows.
"""

from __future__ import annotations

from distlab.core import Address, Timer
from labs.lab4_transactions.outbox import Publish, Received, ShopBase

WINDOW = 20
"""Events that may be under way at a time."""


# BEGIN SOLUTION 4E1: your timers
class Relay(Timer, frozen=True):
    pass


# END SOLUTION


class Shop(ShopBase):
    """The shop, with its relay."""

    # BEGIN SOLUTION 4E1: declare your state
    said: int
    """Up to which commit everything was said, not long ago."""
    # END SOLUTION

    def on_start(self) -> None:
        super().on_start()
        # BEGIN SOLUTION 4E1: say what is in the outbox
        self.on_relay(Relay())
        # END SOLUTION

    def after_commit(self) -> None:
        """A transaction was committed: there may be something new in the outbox."""
        # BEGIN SOLUTION 4E1: say what is new
        self.publish()
        # END SOLUTION

    def on_received(self, received: Received) -> None:
        """The consumer has everything up to a commit."""
        # BEGIN SOLUTION 4E1: remove it from the outbox; there is room for more
        waiting = self.outbox.by_commit(0)
        gone = [event for event in waiting if event.commit <= received.commit]
        self.outbox.remove(self.disk, gone)
        if gone:
            self.publish()
        # END SOLUTION

    # BEGIN SOLUTION 4E1: your helpers
    def on_relay(self, timer: Relay) -> None:
        """Say again whatever was not received."""
        self.said = 0
        self.publish()

    def publish(self) -> None:
        window = self.outbox.by_commit(0, limit=WINDOW)
        for event in window:
            if event.commit > self.said:
                publish = Publish(event.commit, event.id, event.customer, event.value)
                self.send(Address(self.config.consumer), publish)
                self.said = event.commit
        if window:
            self.set_timer(Relay(), self.config.retry)

    # END SOLUTION
