"""A gateway: the participant's part of two-phase commit, in front of a database (part 4B).

Theory of operation. The database keeps the promises: what is prepared there survives this node, and the node's own
memory is what it gets by asking: ``recover`` and ``forced``. Locks are kept here, since nobody else uses the database.

Two things happen to real databases that do not happen in papers. *Somebody ends what is in doubt*: it has blocked
accounts for an hour, and a person decides that it is over. The database remembers that it was forced, and this node
must find out what the decision was, compare, and, where they differ, say so to a person, until a person has noted it.
Nothing can repair it; but nobody may say later that he was not told. *Transactions wait for each other*: who waits for
whom is told to the detector, as long as anybody waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from distlab.core import Address
from labs.lab4_transactions.databases import (
    Change,
    Noted,
    Report,
    Standing,
    Tell,
    UnknownTransaction,
    Victim,
    Wait,
    Waits,
    WasForced,
)
from labs.lab4_transactions.hosting import Hosted
from labs.lab4_transactions.locks import LockTable
from labs.lab4_transactions.twophase import (
    Ack,
    Ask,
    Decision,
    Idle,
    Inquiry,
    LockWait,
    Prepare,
    Refused,
    Step,
    Txn,
    Vote,
    Work,
    Worked,
)


# TODO 4B: your own records, and what you remember of a transaction


class Gateway(Hosted):
    """Works, votes, waits to be told; recovers, reports and forgets."""

    # TODO 4B: your own state

    def on_start(self) -> None:
        """Open the database, number this life, lock what is in doubt; ask about that and about all that was forced."""
        raise NotImplementedError("4B: open_database, recover, forced")

    # -- work, and phase 1 ----------------------------------------------------------------------------------

    def on_work(self, work: Work, coordinator: Address) -> None:
        """As in part 4A."""
        raise NotImplementedError("4B: known, over, impossible, or new")

    def proceed(self, txn: Txn) -> None:
        """Work, if it is waiting and it is its turn."""
        raise NotImplementedError("4B: as in part 4A")

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        """Vote. A yes is in the database before it is said, and is repeated whatever has been forced since."""
        raise NotImplementedError("4B: yes again, read, yes, or no")

    def prepare(self, txn: Txn, branch) -> None:
        """From now on it is in doubt."""
        raise NotImplementedError("4B: hand the changes to the database; then ask now and then")

    # -- phase 2, and what people do ------------------------------------------------------------------------

    def on_ask(self, timer: Ask) -> None:
        """Ask for the decision: of what is in doubt, and of what was forced."""
        raise NotImplementedError("4B: and again after a while")

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        """Have the database do it. Where somebody was faster: compare, and report what differs.

        A commit is acknowledged, whatever was forced: the coordinator can do nothing about that.
        """
        raise NotImplementedError(
            "4B: commit or rollback; unknown means done before; forced means compare"
        )

    def was_forced(self, txn: Txn) -> None:
        """It is not in doubt any more, and its locks are free; but how it should have ended is not known yet."""
        raise NotImplementedError("4B: let it go, and go on asking")

    def compare(self, txn: Txn, decided: bool, done: bool) -> None:
        """Forget it if it came to the same. If not, report it until it is noted; the database remembers it as long."""
        raise NotImplementedError("4B: forget, or report")

    def on_noted(self, noted: Noted, dba: Address) -> None:
        """Now it may be forgotten."""
        raise NotImplementedError("4B: here and in the database")

    # -- waiting --------------------------------------------------------------------------------------------

    def waits(self) -> tuple[Wait, ...]:
        """Who waits here, for which account, and for whom: all who stand before it in the queue and in its way.

        Those may wait themselves: who comes to look stands behind a writer that waits. Two who look are in no way.
        """
        raise NotImplementedError("4B: go through the queues")

    def on_tell(self, timer: Tell) -> None:
        """Tell the detector who waits, as long as anybody does and once more; and the DBA what he has not noted."""
        raise NotImplementedError("4B: both, and again after a while")

    # TODO 4B: your own helpers

    def on_victim(self, victim: Victim, detector: Address) -> None:
        """Refuse it, if it still waits."""
        raise NotImplementedError("4B: only what waits can give way")

    def on_lock_wait(self, timer: LockWait) -> None:
        raise NotImplementedError("4B: as in part 4A")

    def on_idle(self, timer: Idle) -> None:
        raise NotImplementedError("4B: as in part 4A")

    def refuse(self, txn: Txn, reason: str) -> None:
        """Abort it here, and say so."""
        raise NotImplementedError("4B: as in part 4A")

    def end(self, txn: Txn, how: str) -> None:
        """It is over here: its locks go, and whoever waited for them may go on."""
        raise NotImplementedError("4B: as in part 4A")

    def probe(self) -> Standing:
        """What judges, and people, may see."""
        raise NotImplementedError("4B: ask the database, look at the queues")
