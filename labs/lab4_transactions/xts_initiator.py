"""The initiator of payments: its local transaction decides, and a timer job does the rest (part 4E3).

Rule: the decision is a row of the local transaction itself, and nobody who pays waits for phase 2.

Theory. In XTS the initiator of a distributed transaction has a database of its own. An *activity* is stored before any
branch is tried. Once all are, one local transaction takes the buyer's money **and** marks the activity as committed:
that is the commit point, and no second log is needed. An activity that is found without that mark is cancelled. Phase
1 is over then, and the caller is answered. Phase 2, Confirm or Cancel for every branch, is work in a table: a job that
runs now and then says a few of them, those first that were said longest ago, until all have answered. So phase 2 can
be slow, can be limited, and can be put off: at a peak it is not done at all, and afterwards it is done at a pace that
the banks can bear.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Fail, Node, Ok, Ticket, Timer
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.tcc import (
    MAX_AMOUNT,
    Account,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Impossible,
    Refused,
    Tried,
    Try,
)
from labs.lab4_transactions.xts import InitiatorConfig, InitiatorView, Pay, SetPeak, Share


# TODO 4E3: what the initiator stores, and its timers


class Initiator(Node):
    """Takes payments."""

    config: InitiatorConfig
    # TODO 4E3: declare your state

    def on_start(self) -> None:
        raise NotImplementedError(
            "4E3: read what was stored; what is undecided is cancelled, what is not over goes on"
        )

    # -- phase 1 --------------------------------------------------------------------------------------

    def on_pay(self, op: Pay, ticket: Ticket) -> None:
        raise NotImplementedError(
            "4E3: recognise the id; refuse nonsense; store the activity, then try every branch"
        )

    def on_tried(self, tried: Tried) -> None:
        raise NotImplementedError(
            "4E3: once all are, the local transaction: the buyer's money and the decision"
        )

    def on_refused(self, refused: Refused) -> None:
        raise NotImplementedError("4E3: cancel, unless it is decided")

    # -- phase 2 --------------------------------------------------------------------------------------

    def on_confirmed(self, confirmed: Confirmed) -> None:
        raise NotImplementedError("4E3: one branch less")

    def on_cancelled(self, cancelled: Cancelled) -> None:
        raise NotImplementedError("4E3: one branch less")

    def on_impossible(self, impossible: Impossible) -> None:
        """A bank says that we are wrong: somebody should look at it."""
        self.log.warning("initiator", "impossible", xid=impossible.xid, why=impossible.reason)

    def on_set_peak(self, op: SetPeak, ticket: Ticket) -> None:
        """From now on nothing is said of phase 2; or it is again."""
        raise NotImplementedError("4E3: store it")

    # TODO 4E3: your timers and helpers

    def probe(self) -> InitiatorView:
        """Accounts, what was committed, and what is not over."""
        raise NotImplementedError("4E3: show it")
