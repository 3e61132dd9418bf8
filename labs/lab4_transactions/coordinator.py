"""The coordinator: two-phase commit with presumed abort (part 4A).

Theory of operation (C. Mohan and B. Lindsay, "Efficient commit protocols for the tree of processes model of
distributed transactions", PODC 1983; J. Gray, "Notes on data base operating systems", 1978). *Work*: every
participant locks and looks. *Phase 1*: every participant is asked whether it can commit. A yes is a promise
for life. *The commit point*: when all have said yes, one record is forced, and at that instant, neither
before nor after, the transaction is committed. *Phase 2*: everybody is told, until everybody has acknowledged;
then an END is noted, and recovery need not tell them again.

What has no commit record, and is not being voted on, is aborted. So an abort is not written down at all, and an
answer to a question about an unknown transaction is "aborted", which is true: no name is used twice, not even
by another life of this coordinator, for each life begins by forcing its own number, the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from distlab.core import Address, Node
from labs.lab4_transactions.twophase import (
    LARGEST,
    Ack,
    Again,
    Began,
    Begin,
    CoordinatorConfig,
    Decision,
    Desk,
    Execute,
    GiveUp,
    Inquiry,
    Outcome,
    Prepare,
    Refused,
    Rejected,
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

# TODO 4A: your own records


class Coordinator(Node):
    """Begins transactions, has them worked on and voted on, decides, and tells."""

    config: CoordinatorConfig
    # TODO 4A: your own state

    def on_start(self) -> None:
        """Begin a life that no earlier one can be mistaken for, and take up what is committed and not ended."""
        raise NotImplementedError("4A: replay the log, force a new epoch, tell again")

    # -- applications ---------------------------------------------------------------------------------------

    def on_begin(self, begin: Begin, client: Address) -> None:
        """Name a new transaction. A name that nobody ever uses costs nothing."""
        raise NotImplementedError("4A: the next number of this life")

    def on_execute(self, execute: Execute, client: Address) -> None:
        """Start it if it is new. If it is over, say how it ended; if it is under way, its end will be said.

        Under one name there is one transaction: other steps are ``Rejected``, and change nothing.
        """
        raise NotImplementedError("4A: committed, under way, new, or presumed aborted?")

    def problem_with(self, steps: tuple[Step, ...]) -> str:
        """Why no participant need be asked at all; empty if there is no such reason."""
        raise NotImplementedError(
            "4A: nothing, an account twice, unknown holders, amounts that are too large or do not add up"
        )

    def answer(self, client: Address, txn: Txn) -> None:
        """Tell the client that it is committed."""
        raise NotImplementedError("4A: with what it saw")

    # -- work, and phase 1 ----------------------------------------------------------------------------------

    def start(self, txn: Txn, client: Address, steps: tuple[Step, ...]) -> None:
        """Have each participant work on its steps."""
        raise NotImplementedError("4A: remember it, set its timers, ask")

    def ask(self, txn: Txn) -> None:
        """Ask whoever has not answered: for its work, or for its vote."""
        raise NotImplementedError("4A: Work or Prepare, and again after a while")

    def on_worked(self, worked: Worked, participant: Address) -> None:
        """When all have worked all locks are held: now it may be voted on, and not before."""
        raise NotImplementedError(
            "4A: note life and balances; when nobody is missing, begin phase 1"
        )

    def on_refused(self, refused: Refused, participant: Address) -> None:
        raise NotImplementedError("4A: then it is over")

    def on_vote(self, vote: Vote, participant: Address) -> None:
        """One no is enough to abort; it takes everybody to commit."""
        raise NotImplementedError("4A: count; decide as soon as it can be decided")

    def on_give_up(self, timer: GiveUp) -> None:
        """Not everybody has answered in time: nothing is promised yet, so it may be aborted."""
        raise NotImplementedError("4A: if it is not decided")

    # -- the decision, and phase 2 --------------------------------------------------------------------------

    def commit(self, txn: Txn) -> None:
        """The commit point, and then the news. Nobody hears of it before the record is on disk.

        If all had only looked there is nothing to decide: no record, and nobody to tell but the client.
        """
        raise NotImplementedError("4A: append, force, answer, tell; in this order")

    def abort(self, txn: Txn, reason: str) -> None:
        """Forget it: what nobody remembers is aborted. Participants are told once, as a favour."""
        raise NotImplementedError("4A: no record at all")

    # TODO 4A: your own helpers

    def tell(self, txn: Txn) -> None:
        """Tell everybody who has not acknowledged the commit."""
        raise NotImplementedError("4A: and again after a while")

    def on_again(self, timer: Again) -> None:
        """Repeat what has not been answered, in whichever phase it is."""
        raise NotImplementedError("4A: ask, or tell")

    def on_ack(self, ack: Ack, participant: Address) -> None:
        """When all have acknowledged, it is ended. If that note gets lost, all are told once more."""
        raise NotImplementedError("4A: END need not be forced")

    def on_inquiry(self, inquiry: Inquiry, participant: Address) -> None:
        """Committed, not decided yet (then say nothing), or presumed aborted."""
        raise NotImplementedError("4A: what is true for ever, and only that")

    def probe(self) -> Desk:
        """What judges may see: what is not decided, and what is committed and not acknowledged by all."""
        raise NotImplementedError("4A: two lists of names")
