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


# BEGIN SOLUTION 4E2: your timers
class AskAgain(Timer, frozen=True):
    id: int


class GiveUp(Timer, frozen=True):
    id: int


# END SOLUTION


class Seller(SellerBase):
    """Sells, and sees to it that others hear of it."""

    # BEGIN SOLUTION 4E2: declare your state
    waiting: dict[int, tuple[Sell, Ticket]]
    """Sales whose half message is not stored yet, as far as we know."""
    # END SOLUTION

    def on_start(self) -> None:
        super().on_start()
        # BEGIN SOLUTION 4E2: nothing waits yet
        self.waiting = {}
        # END SOLUTION

    def on_sell(self, op: Sell, ticket: Ticket) -> None:
        # BEGIN SOLUTION 4E2: send the half message, until it is stored; or give up
        self.waiting[op.id] = op, ticket
        self.set_timer(GiveUp(op.id), self.config.patience)
        self.on_ask_again(AskAgain(op.id))
        # END SOLUTION

    def on_half_stored(self, stored: HalfStored) -> None:
        # BEGIN SOLUTION 4E2: start the local transaction, if it waits for that
        if stored.id in self.waiting:
            self.cancel_timer(GiveUp(stored.id))
            self.start_transaction(*self.waiting.pop(stored.id))
        # END SOLUTION

    def after_transaction(self, sale: int, committed: bool) -> None:
        # BEGIN SOLUTION 4E2: tell the broker
        self.send(Address(self.config.broker), Decide(sale, committed))
        # END SOLUTION

    def on_check(self, check: Check, sender: Address) -> None:
        """The broker has heard nothing: what has become of it?"""
        # BEGIN SOLUTION 4E2: yes, not yet, or no
        if check.id in self.running or check.id in self.waiting:
            self.send(sender, StillRunning(check.id))
        else:
            self.send(sender, Decide(check.id, self.is_sold(check.id)))
        # END SOLUTION

    # BEGIN SOLUTION 4E2: your helpers
    def on_ask_again(self, timer: AskAgain) -> None:
        if timer.id in self.waiting:
            op, _ = self.waiting[timer.id]
            self.send(Address(self.config.broker), Half(op.id, op.value))
            self.set_timer(timer, self.config.retry)

    def on_give_up(self, timer: GiveUp) -> None:
        _, ticket = self.waiting.pop(timer.id)
        self.finish(ticket, Fail("the broker does not answer"))

    # END SOLUTION
