"""A participant: keeps accounts, and votes (part 4A).

Theory of operation. A transaction goes through here in three states. *Waiting* for its locks, and *working*:
it has seen its balances, and nothing is promised, so it may be aborted at any time, by a time-out or a crash.
*Prepared*: what it would write is on disk, and a yes was said. From then on it is **in doubt**. It cannot be
aborted, since the coordinator may have committed it, nor committed, since another participant may have said no. Its
locks stay, over any number of crashes, until the coordinator says how it ended; all one can do is ask.

Nothing is written to the accounts before the decision, so that there is never anything to undo; the record has the
old balance all the same, for people who read logs.

One thing is easily missed. A crash takes the locks of all that is not prepared. A transaction that had only looked
here, and then works here *again* because ``Work`` comes twice, has not held its locks in between, and what
it saw then and what it sees now do not belong together. So each life of a participant has a number, forced at its
start, and votes only for work of its own life; and in one life no transaction works twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from distlab.core import Address, Node
from labs.lab4_transactions.locks import LockTable
from labs.lab4_transactions.twophase import (
    Ack,
    Ask,
    Decision,
    Holdings,
    Idle,
    Inquiry,
    LockWait,
    ParticipantConfig,
    Prepare,
    Refused,
    Seen,
    Step,
    Txn,
    Vote,
    Work,
    Worked,
    from_body,
    to_body,
)
from labs.lab4_transactions.wal import Wal, open_wal

# TODO 4A: your own records, and what you remember of a transaction


class Participant(Node):
    """Works, votes, and waits to be told."""

    config: ParticipantConfig
    # TODO 4A: your own state

    def on_start(self) -> None:
        """The accounts as the log says; what is in doubt has its locks again before anybody else can get them."""
        raise NotImplementedError("4A: replay the log, force a new life, lock and ask")

    # -- work -----------------------------------------------------------------------------------------------

    def on_work(self, work: Work, coordinator: Address) -> None:
        """Lock, look, answer. Once: repeated work is answered as before, and what is over stays over."""
        raise NotImplementedError("4A: known, over, impossible, or new")

    def proceed(self, txn: Txn) -> None:
        """Work, if it is waiting and it is its turn. An account that would fall below 0 is a reason to refuse."""
        raise NotImplementedError("4A: see the balances, say so, and wait to be asked for a vote")

    def on_lock_wait(self, timer: LockWait) -> None:
        """It may be a deadlock, so somebody has to give way."""
        raise NotImplementedError("4A: refuse it, if it is still waiting")

    def on_idle(self, timer: Idle) -> None:
        """Its coordinator has forgotten it, and nothing was promised."""
        raise NotImplementedError("4A: abort it, if it is not prepared")

    def refuse(self, txn: Txn, reason: str) -> None:
        """Abort it here, and say so."""
        raise NotImplementedError("4A: nothing was promised, so nothing is written")

    # -- phase 1 --------------------------------------------------------------------------------------------

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        """Vote. A yes is on disk before it is said; what only looked lets its locks go; the rest is a no."""
        raise NotImplementedError("4A: yes again, read, yes, or no")

    def prepare(self, txn: Txn, branch) -> None:
        """From now on it is in doubt. Only what it writes stays locked: it has all its locks, everywhere."""
        raise NotImplementedError("4A: append, force; then ask now and then")

    # -- phase 2 --------------------------------------------------------------------------------------------

    def on_ask(self, timer: Ask) -> None:
        """In doubt, there is nothing to do but to ask."""
        raise NotImplementedError("4A: and again after a while")

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        """Do as it says, once. A commit is on disk before it is acknowledged; an abort need not be."""
        raise NotImplementedError(
            "4A: write and force, change the accounts, let the locks go, acknowledge"
        )

    def write(self, prepared, commit: bool) -> None:
        """The accounts as they are after the decision."""
        raise NotImplementedError("4A: all of its changes, or none")

    def end(self, txn: Txn, how: str) -> None:
        """It is over here: its locks go, and whoever waited for them may go on."""
        raise NotImplementedError("4A: forget it, but for how it ended")

    # TODO 4A: your own helpers

    def probe(self) -> Holdings:
        """What judges may see: what is committed, what is in doubt, what is locked."""
        raise NotImplementedError("4A: accounts, names, names")
