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

# BEGIN SOLUTION 4A: your own records
FILE = "decisions"


class Epoch(Struct, frozen=True, tag=True):
    """A life of the coordinator began."""

    number: int


class Commit(Struct, frozen=True, tag=True):
    """The commit point."""

    txn: Txn
    steps: tuple[Step, ...]
    seen: tuple[Seen, ...]
    tell: tuple[Address, ...]
    """The participants that said yes."""


class End(Struct, frozen=True, tag=True):
    """All of them have acknowledged."""

    txn: Txn


Record = Epoch | Commit | End


@dataclass
class Active:
    """A transaction that has no decision."""

    client: Address
    steps: tuple[Step, ...]
    participants: list[Address]
    missing: set[Address]
    """Whose answer has not come: to ``Work``, or, once ``lives`` is complete, to ``Prepare``."""
    lives: dict[Address, int] = field(default_factory=dict)
    """Participant -> the life in which it has worked."""
    seen: dict[str, Seen] = field(default_factory=dict)
    yes: set[Address] = field(default_factory=set)

    @property
    def is_voting(self) -> bool:
        return len(self.lives) == len(self.participants)


# END SOLUTION


class Coordinator(Node):
    """Begins transactions, has them worked on and voted on, decides, and tells."""

    config: CoordinatorConfig
    # BEGIN SOLUTION 4A: your own state
    wal: Wal
    epoch: int
    last: int
    """The number of the transaction that was begun last, in this life."""
    begun: set[Txn]
    """Named, and not yet asked for."""
    active: dict[Txn, Active]
    committed: dict[Txn, Commit]
    unacked: dict[Txn, set[Address]]
    """Of what is committed: who has not acknowledged it."""
    # END SOLUTION

    def on_start(self) -> None:
        """Begin a life that no earlier one can be mistaken for, and take up what is committed and not ended."""
        # BEGIN SOLUTION 4A: replay the log, force a new epoch, tell again
        self.wal, bodies = open_wal(self.disk, FILE)
        self.epoch, self.last = 1, 0
        self.begun, self.active, self.committed, self.unacked = set(), {}, {}, {}
        for body in bodies:
            match from_body(body, Record):
                case Epoch(number):
                    self.epoch = number + 1
                case Commit(txn, tell=tell) as commit:
                    self.committed[txn] = commit
                    self.unacked[txn] = set(tell)
                case End(txn):
                    del self.unacked[txn]
        self.force(Epoch(self.epoch))
        for txn in self.unacked:
            self.tell(txn)
        # END SOLUTION

    # -- applications ---------------------------------------------------------------------------------------

    def on_begin(self, begin: Begin, client: Address) -> None:
        """Name a new transaction. A name that nobody ever uses costs nothing."""
        # BEGIN SOLUTION 4A: the next number of this life
        self.last += 1
        txn = Txn(self.address, self.epoch, self.last)
        self.begun.add(txn)
        self.send(client, Began(begin.request, txn))
        # END SOLUTION

    def on_execute(self, execute: Execute, client: Address) -> None:
        """Start it if it is new. If it is over, say how it ended; if it is under way, its end will be said.

        Under one name there is one transaction: other steps are ``Rejected``, and change nothing.
        """
        # BEGIN SOLUTION 4A: committed, under way, new, or presumed aborted?
        txn = execute.txn
        if txn.coordinator != self.address:
            self.send(client, Rejected(txn, "another coordinator's transaction"))
            return
        known = self.committed.get(txn) or self.active.get(txn)
        if known is not None and known.steps != execute.steps:
            self.send(client, Rejected(txn, "under this name other steps were asked for"))
        elif txn in self.committed:
            self.answer(client, txn)
        elif txn in self.begun:
            self.begun.remove(txn)
            if problem := self.problem_with(execute.steps):
                self.send(client, Outcome(txn, False, reason=problem))
            else:
                self.start(txn, client, execute.steps)
        elif txn not in self.active:
            self.send(client, Outcome(txn, False, reason="it was aborted, or lost in a crash"))
        # END SOLUTION

    def problem_with(self, steps: tuple[Step, ...]) -> str:
        """Why no participant need be asked at all; empty if there is no such reason."""
        # BEGIN SOLUTION 4A: nothing, an account twice, unknown holders, amounts that are too large or do not add up
        accounts = [step.account for step in steps]
        if not steps or len(set(accounts)) < len(accounts):
            return "a transaction names some accounts, each once"
        for step in steps:
            if step.holder not in self.config.participants:
                return f"nobody holds {step.account}"
        if any(abs(step.amount) > LARGEST for step in steps):
            return f"nothing above {LARGEST} is moved"
        if sum(step.amount for step in steps) != 0:
            return "money neither appears nor vanishes"
        return ""
        # END SOLUTION

    def answer(self, client: Address, txn: Txn) -> None:
        """Tell the client that it is committed."""
        # BEGIN SOLUTION 4A: with what it saw
        self.send(client, Outcome(txn, True, self.committed[txn].seen))
        # END SOLUTION

    # -- work, and phase 1 ----------------------------------------------------------------------------------

    def start(self, txn: Txn, client: Address, steps: tuple[Step, ...]) -> None:
        """Have each participant work on its steps."""
        # BEGIN SOLUTION 4A: remember it, set its timers, ask
        participants = sorted({step.holder for step in steps})
        self.active[txn] = Active(client, steps, participants, missing=set(participants))
        self.set_timer(GiveUp(txn), self.config.patience)
        self.ask(txn)
        # END SOLUTION

    def ask(self, txn: Txn) -> None:
        """Ask whoever has not answered: for its work, or for its vote."""
        # BEGIN SOLUTION 4A: Work or Prepare, and again after a while
        active = self.active[txn]
        for participant in sorted(active.missing):
            if active.is_voting:
                self.send(participant, Prepare(txn, active.lives[participant]))
            else:
                own = tuple(step for step in active.steps if step.holder == participant)
                self.send(participant, Work(txn, own))
        self.set_timer(Again(txn), self.config.retry)
        # END SOLUTION

    def on_worked(self, worked: Worked, participant: Address) -> None:
        """When all have worked all locks are held: now it may be voted on, and not before."""
        # BEGIN SOLUTION 4A: note life and balances; when nobody is missing, begin phase 1
        active = self.active.get(worked.txn)
        if active is None or active.is_voting or participant not in active.missing:
            return
        active.missing.remove(participant)
        active.lives[participant] = worked.life
        active.seen.update({seen.account: seen for seen in worked.seen})
        if active.is_voting:
            active.missing.update(active.participants)
            self.ask(worked.txn)
        # END SOLUTION

    def on_refused(self, refused: Refused, participant: Address) -> None:
        # BEGIN SOLUTION 4A: then it is over
        if refused.txn in self.active:
            self.abort(refused.txn, f"{participant}: {refused.reason}")
        # END SOLUTION

    def on_vote(self, vote: Vote, participant: Address) -> None:
        """One no is enough to abort; it takes everybody to commit."""
        # BEGIN SOLUTION 4A: count; decide as soon as it can be decided
        active = self.active.get(vote.txn)
        if active is None or not active.is_voting or participant not in active.missing:
            return
        if vote.vote == "no":
            self.abort(vote.txn, f"{participant} voted no")
            return
        active.missing.remove(participant)
        if vote.vote == "yes":
            active.yes.add(participant)
        if not active.missing:
            self.commit(vote.txn)
        # END SOLUTION

    def on_give_up(self, timer: GiveUp) -> None:
        """Not everybody has answered in time: nothing is promised yet, so it may be aborted."""
        # BEGIN SOLUTION 4A: if it is not decided
        if timer.txn in self.active:
            self.abort(timer.txn, "not everybody answered in time")
        # END SOLUTION

    # -- the decision, and phase 2 --------------------------------------------------------------------------

    def commit(self, txn: Txn) -> None:
        """The commit point, and then the news. Nobody hears of it before the record is on disk.

        If all had only looked there is nothing to decide: no record, and nobody to tell but the client.
        """
        # BEGIN SOLUTION 4A: append, force, answer, tell; in this order
        active = self.over(txn)
        seen = tuple(active.seen[step.account] for step in active.steps)
        if not active.yes:
            self.send(active.client, Outcome(txn, True, seen))
            return
        record = Commit(txn, active.steps, seen, tuple(sorted(active.yes)))
        self.force(record)
        self.committed[txn] = record
        self.unacked[txn] = set(active.yes)
        self.answer(active.client, txn)
        self.tell(txn)
        # END SOLUTION

    def abort(self, txn: Txn, reason: str) -> None:
        """Forget it: what nobody remembers is aborted. Participants are told once, as a favour."""
        # BEGIN SOLUTION 4A: no record at all
        active = self.over(txn)
        for participant in active.participants:
            self.send(participant, Decision(txn, commit=False))
        self.send(active.client, Outcome(txn, False, reason=reason))
        # END SOLUTION

    # BEGIN SOLUTION 4A: your own helpers
    def over(self, txn: Txn) -> Active:
        """It is not under way any more."""
        self.cancel_timer(GiveUp(txn))
        self.cancel_timer(Again(txn))
        return self.active.pop(txn)

    def note(self, record: Record) -> None:
        """Write it down; a crash may take it."""
        self.wal.append(self.disk, to_body(record))

    def force(self, record: Record) -> None:
        """Write it down before anything that is said from now on."""
        self.note(record)
        self.wal.force(self.disk)

    # END SOLUTION

    def tell(self, txn: Txn) -> None:
        """Tell everybody who has not acknowledged the commit."""
        # BEGIN SOLUTION 4A: and again after a while
        for participant in sorted(self.unacked[txn]):
            self.send(participant, Decision(txn, commit=True))
        self.set_timer(Again(txn), self.config.retry)
        # END SOLUTION

    def on_again(self, timer: Again) -> None:
        """Repeat what has not been answered, in whichever phase it is."""
        # BEGIN SOLUTION 4A: ask, or tell
        if timer.txn in self.active:
            self.ask(timer.txn)
        elif timer.txn in self.unacked:
            self.tell(timer.txn)
        # END SOLUTION

    def on_ack(self, ack: Ack, participant: Address) -> None:
        """When all have acknowledged, it is ended. If that note gets lost, all are told once more."""
        # BEGIN SOLUTION 4A: END need not be forced
        missing = self.unacked.get(ack.txn)
        if missing is None:
            return
        missing.discard(participant)
        if not missing:
            del self.unacked[ack.txn]
            self.cancel_timer(Again(ack.txn))
            self.note(End(ack.txn))
        # END SOLUTION

    def on_inquiry(self, inquiry: Inquiry, participant: Address) -> None:
        """Committed, not decided yet (then say nothing), or presumed aborted."""
        # BEGIN SOLUTION 4A: what is true for ever, and only that
        txn = inquiry.txn
        if txn not in self.active:
            self.send(participant, Decision(txn, commit=txn in self.committed))
        # END SOLUTION

    def probe(self) -> Desk:
        """What judges may see: what is not decided, and what is committed and not acknowledged by all."""
        # BEGIN SOLUTION 4A: two lists of names
        return Desk(tuple(self.active), tuple(self.unacked))
        # END SOLUTION
