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


# TODO 4E1: your timers


class Shop(ShopBase):
    """The shop, with its relay."""

    # TODO 4E1: declare your state

    def on_start(self) -> None:
        super().on_start()
        raise NotImplementedError("4E1: say what is in the outbox")

    def after_commit(self) -> None:
        """A transaction was committed: there may be something new in the outbox."""
        raise NotImplementedError("4E1: say what is new")

    def on_received(self, received: Received) -> None:
        """The consumer has everything up to a commit."""
        raise NotImplementedError("4E1: remove it from the outbox; there is room for more")

    # TODO 4E1: your helpers
