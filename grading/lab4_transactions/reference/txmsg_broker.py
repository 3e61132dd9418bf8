"""The broker: keeps half messages, asks what has become of them, and delivers those that count (part 4E2).

Rule: it never decides. A half message stays until its seller has said yes or no, however long that takes.

Theory. A message is *half* until it is decided, then *ready* until the consumer has taken it, then gone; or it is
rolled back, and gone. Only what is on disk may be promised: HalfStored, since the seller commits on it. A decision need
not be answered: what is lost is asked for.
"""

from __future__ import annotations

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.txmsg import (
    BrokerConfig,
    BrokerView,
    Check,
    Decide,
    Deliver,
    Half,
    HalfStored,
    StillRunning,
    Taken,
)


# BEGIN SOLUTION 4E2: what the broker stores, and its timers
class Kept(Row, frozen=True):
    """A message."""

    id: int
    value: int
    is_ready: bool = False

    @property
    def key(self) -> int:
        return self.id


class CheckUp(Timer, frozen=True):
    id: int


class DeliverAgain(Timer, frozen=True):
    id: int


# END SOLUTION


class Broker(Node):
    """Keeps messages of which nobody knows yet whether they are true."""

    config: BrokerConfig
    # BEGIN SOLUTION 4E2: declare your state
    db: Database
    # END SOLUTION

    def on_start(self) -> None:
        # BEGIN SOLUTION 4E2: read what was stored, and go on with it
        self.db = open_database(self.disk, Kept)
        for kept in self.db.all(Kept):
            if kept.is_ready:
                self.on_deliver_again(DeliverAgain(kept.id))
            else:
                self.on_check_up(CheckUp(kept.id))
        # END SOLUTION

    def on_half(self, half: Half, sender: Address) -> None:
        # BEGIN SOLUTION 4E2: store it, once, and say so; ask about it later
        if self.db.get(Kept, half.id) is None:
            self.db.commit(self.disk, Kept(half.id, half.value))
            self.set_timer(CheckUp(half.id), self.config.check_after)
        self.send(sender, HalfStored(half.id))
        # END SOLUTION

    def on_decide(self, decide: Decide) -> None:
        # BEGIN SOLUTION 4E2: deliver it, or drop it
        kept = self.db.get(Kept, decide.id)
        if kept is None or kept.is_ready:
            return
        self.cancel_timer(CheckUp(decide.id))
        if decide.committed:
            self.db.commit(self.disk, Kept(kept.id, kept.value, is_ready=True))
            self.on_deliver_again(DeliverAgain(kept.id))
        else:
            self.db.commit(self.disk, gone=(kept,))
        # END SOLUTION

    def on_still_running(self, running: StillRunning) -> None:
        """It will be asked about again."""

    def on_taken(self, taken: Taken) -> None:
        # BEGIN SOLUTION 4E2: it may go
        kept = self.db.get(Kept, taken.id)
        if kept is not None:
            self.cancel_timer(DeliverAgain(taken.id))
            self.db.commit(self.disk, gone=(kept,))
        # END SOLUTION

    # BEGIN SOLUTION 4E2: your timers
    def on_check_up(self, timer: CheckUp) -> None:
        self.send(Address(self.config.seller), Check(timer.id))
        self.set_timer(timer, self.config.check_after)

    def on_deliver_again(self, timer: DeliverAgain) -> None:
        kept = self.db.get(Kept, timer.id)
        assert kept is not None
        self.send(Address(self.config.consumer), Deliver(kept.id, kept.value))
        self.set_timer(timer, self.config.retry)

    # END SOLUTION

    def probe(self) -> BrokerView:
        # BEGIN SOLUTION 4E2: count them
        rows = self.db.all(Kept)
        ready = sum(kept.is_ready for kept in rows)
        return BrokerView(len(rows) - ready, ready)
        # END SOLUTION
