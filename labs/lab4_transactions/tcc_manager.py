"""The transaction manager of TCC: tries every branch, decides, and drives the decision to the end (part 4C).

Rule: what must be known after a crash is on disk before anybody hears of it: the branches before the first ``Try``,
the decision before the first ``Confirm`` or ``Cancel``.

Theory. The manager is the coordinator of two-phase commit with a participant that is never blocked: between the phases
nothing is locked, some money is *frozen*, and everything else goes on. A transaction is committed at the instant at
which its row says so. It may say so once every branch was ``Tried``. One that was begun, and not decided when the
manager crashed, is aborted: nobody can have been told to confirm. An abort cancels *every* branch, tried or refused or
never heard of: the ``Try`` may still be under way, and only a tombstone stops it.

Numbers rise over all lives of the manager, so that the smallest number that is not over is a horizon: below it, every
branch of every transaction was confirmed or cancelled, and said so.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.tcc import (
    MAX_AMOUNT,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Forget,
    Impossible,
    Leg,
    ManagerConfig,
    Refused,
    Request,
    Result,
    Tried,
    Try,
)


# TODO 4C: what the manager stores, and its timers


class Manager(Node):
    """Begins transactions, decides them, and does not rest before they are over."""

    config: ManagerConfig
    # TODO 4C: declare your state

    def on_start(self) -> None:
        """Take up again whatever is not over."""
        raise NotImplementedError(
            "4C: read what was stored; abort what is undecided, drive on what is not over"
        )

    def on_request(self, request: Request, sender: Address) -> None:
        """A transfer: a new one, or one we know."""
        raise NotImplementedError(
            "4C: recognise the key; refuse nonsense; store the branches, then try them"
        )

    def on_tried(self, tried: Tried) -> None:
        raise NotImplementedError("4C: once every branch is, commit")

    def on_refused(self, refused: Refused) -> None:
        raise NotImplementedError("4C: abort, unless it is decided")

    def on_confirmed(self, confirmed: Confirmed) -> None:
        raise NotImplementedError("4C: one branch less to confirm")

    def on_cancelled(self, cancelled: Cancelled) -> None:
        raise NotImplementedError("4C: one branch less to cancel")

    def on_impossible(self, impossible: Impossible) -> None:
        """A bank says that we are wrong: somebody should look at it."""
        self.log.warning("manager", "impossible", xid=impossible.xid, why=impossible.reason)

    # TODO 4C: your timers and helpers
