"""The seller: half a message first, then the local transaction; and an honest answer to whoever asks (part 4E2).

Rule: no local transaction begins before its half message is stored, and none begins once the answer was "no".

Theory. What is stored at the broker is a question: did it happen? The seller's database has the answer, for ever, so
the decision that follows the transaction is only a short cut, and may be lost. There are three answers. *Yes*: the row
is there. *Not yet*: the transaction is running, or may still begin. *No*: it is not there, and it will never be. Only
who has ruled out the second may give the third. After a crash that is easy: what was running is gone, and nobody
begins it again.
"""

from __future__ import annotations

from distlab.core import Address, Fail, Ticket, Timer
from labs.lab4_transactions.txmsg import (
    Check,
    Decide,
    Half,
    HalfStored,
    Sell,
    SellerBase,
    StillRunning,
)


# TODO 4E2: your timers


class Seller(SellerBase):
    """Sells, and sees to it that others hear of it."""

    # TODO 4E2: declare your state

    def on_start(self) -> None:
        super().on_start()
        raise NotImplementedError("4E2: nothing waits yet")

    def on_sell(self, op: Sell, ticket: Ticket) -> None:
        raise NotImplementedError("4E2: send the half message, until it is stored; or give up")

    def on_half_stored(self, stored: HalfStored) -> None:
        raise NotImplementedError("4E2: start the local transaction, if it waits for that")

    def after_transaction(self, sale: int, committed: bool) -> None:
        raise NotImplementedError("4E2: tell the broker")

    def on_check(self, check: Check, sender: Address) -> None:
        """The broker has heard nothing: what has become of it?"""
        raise NotImplementedError("4E2: yes, not yet, or no")

    # TODO 4E2: your helpers
