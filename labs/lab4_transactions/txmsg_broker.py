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


# TODO 4E2: what the broker stores, and its timers


class Broker(Node):
    """Keeps messages of which nobody knows yet whether they are true."""

    config: BrokerConfig
    # TODO 4E2: declare your state

    def on_start(self) -> None:
        raise NotImplementedError("4E2: read what was stored, and go on with it")

    def on_half(self, half: Half, sender: Address) -> None:
        raise NotImplementedError("4E2: store it, once, and say so; ask about it later")

    def on_decide(self, decide: Decide) -> None:
        raise NotImplementedError("4E2: deliver it, or drop it")

    def on_still_running(self, running: StillRunning) -> None:
        """It will be asked about again."""

    def on_taken(self, taken: Taken) -> None:
        raise NotImplementedError("4E2: it may go")

    # TODO 4E2: your timers

    def probe(self) -> BrokerView:
        raise NotImplementedError("4E2: count them")
