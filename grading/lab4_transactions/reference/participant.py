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

# BEGIN SOLUTION 4A: your own records, and what you remember of a transaction
FILE = "branches"


class Life(Struct, frozen=True, tag=True):
    """A life of this participant began."""

    number: int


class Change(Struct, frozen=True):
    """What a transaction does to one account."""

    account: str
    before: int
    after: int


class Prepared(Struct, frozen=True, tag=True):
    """Forced before a yes is said: whatever happens, this can be done, or left."""

    txn: Txn
    changes: tuple[Change, ...]


class Ended(Struct, frozen=True, tag=True):
    """How a prepared transaction ended."""

    txn: Txn
    commit: bool


Record = Life | Prepared | Ended


@dataclass
class Branch:
    """A transaction, as far as it concerns this participant."""

    steps: tuple[Step, ...]
    worked: Worked | None = None
    """What was answered; None while it waits for its locks."""
    prepared: Prepared | None = None


# END SOLUTION


class Participant(Node):
    """Works, votes, and waits to be told."""

    config: ParticipantConfig
    # BEGIN SOLUTION 4A: your own state
    wal: Wal
    life: int
    accounts: dict[str, Seen]
    """What is committed."""
    locks: LockTable
    branches: dict[Txn, Branch]
    over: dict[Txn, str]
    """What has ended here, and how: "committed", "aborted", "read". Aborted and read: in this life only."""
    # END SOLUTION

    def on_start(self) -> None:
        """The accounts as the log says; what is in doubt has its locks again before anybody else can get them."""
        # BEGIN SOLUTION 4A: replay the log, force a new life, lock and ask
        self.wal, bodies = open_wal(self.disk, FILE)
        self.life, self.locks, self.branches, self.over = 1, LockTable(), {}, {}
        self.accounts = {name: Seen(name, balance, None) for name, balance in self.config.accounts}
        doubtful: dict[Txn, Prepared] = {}
        for body in bodies:
            match from_body(body, Record):
                case Life(number):
                    self.life = number + 1
                case Prepared(txn) as prepared:
                    doubtful[txn] = prepared
                case Ended(txn, commit):
                    self.write(doubtful.pop(txn), commit)
        self.force(Life(self.life))
        for txn, prepared in doubtful.items():
            steps = tuple(Step(c.account, c.after - c.before) for c in prepared.changes)
            self.branches[txn] = Branch(steps, prepared=prepared)
            self.locks.claim(txn, steps)
            self.on_ask(Ask(txn))
        # END SOLUTION

    # -- work -----------------------------------------------------------------------------------------------

    def on_work(self, work: Work, coordinator: Address) -> None:
        """Lock, look, answer. Once: repeated work is answered as before, and what is over stays over."""
        # BEGIN SOLUTION 4A: known, over, impossible, or new
        txn, branch = work.txn, self.branches.get(work.txn)
        if branch is not None:
            if branch.worked is not None:
                self.send(coordinator, branch.worked)
        elif txn in self.over:
            if self.over[txn] == "aborted":
                self.send(coordinator, Refused(txn, "it is over here"))
        elif unknown := [s.account for s in work.steps if s.account not in self.accounts]:
            self.refuse(txn, f"there is no account {unknown[0]}")
        else:
            self.branches[txn] = Branch(work.steps)
            self.locks.claim(txn, work.steps)
            self.set_timer(LockWait(txn), self.config.lock_wait)
            self.proceed(txn)
        # END SOLUTION

    def proceed(self, txn: Txn) -> None:
        """Work, if it is waiting and it is its turn. An account that would fall below 0 is a reason to refuse."""
        # BEGIN SOLUTION 4A: see the balances, say so, and wait to be asked for a vote
        branch = self.branches[txn]
        if branch.worked or branch.prepared or not self.locks.has_all(txn):
            return
        self.cancel_timer(LockWait(txn))
        seen = tuple(self.accounts[step.account] for step in branch.steps)
        if not self.can_pay(branch.steps):
            self.refuse(txn, "an account does not hold enough")
            return
        branch.worked = Worked(txn, self.life, seen)
        self.send(txn.coordinator, branch.worked)
        self.set_timer(Idle(txn), self.config.idle)
        # END SOLUTION

    def on_lock_wait(self, timer: LockWait) -> None:
        """It may be a deadlock, so somebody has to give way."""
        # BEGIN SOLUTION 4A: refuse it, if it is still waiting
        branch = self.branches.get(timer.txn)
        if branch is not None and branch.worked is None and branch.prepared is None:
            self.refuse(timer.txn, "it waited too long for a lock")
        # END SOLUTION

    def on_idle(self, timer: Idle) -> None:
        """Its coordinator has forgotten it, and nothing was promised."""
        # BEGIN SOLUTION 4A: abort it, if it is not prepared
        branch = self.branches.get(timer.txn)
        if branch is not None and branch.prepared is None:
            self.end(timer.txn, "aborted")
        # END SOLUTION

    def refuse(self, txn: Txn, reason: str) -> None:
        """Abort it here, and say so."""
        # BEGIN SOLUTION 4A: nothing was promised, so nothing is written
        self.end(txn, "aborted")
        self.send(txn.coordinator, Refused(txn, reason))
        # END SOLUTION

    # -- phase 1 --------------------------------------------------------------------------------------------

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        """Vote. A yes is on disk before it is said; what only looked lets its locks go; the rest is a no."""
        # BEGIN SOLUTION 4A: yes again, read, yes, or no
        txn, branch = prepare.txn, self.branches.get(prepare.txn)
        if branch is not None and branch.prepared is not None:
            self.send(coordinator, Vote(txn, "yes"))
        elif branch is not None and branch.worked is not None and prepare.life == self.life:
            if all(step.is_look for step in branch.steps):
                self.end(txn, "read")
                self.send(coordinator, Vote(txn, "read"))
            else:
                self.prepare(txn, branch)
                self.send(coordinator, Vote(txn, "yes"))
        elif self.over.get(txn) == "read" and prepare.life == self.life:
            self.send(coordinator, Vote(txn, "read"))
        elif self.over.get(txn) != "committed":
            self.end(txn, "aborted")
            self.send(coordinator, Vote(txn, "no"))
        # END SOLUTION

    def prepare(self, txn: Txn, branch) -> None:
        """From now on it is in doubt. Only what it writes stays locked: it has all its locks, everywhere."""
        # BEGIN SOLUTION 4A: append, force; then ask now and then
        before = {step.account: self.accounts[step.account].balance for step in branch.steps}
        changes = tuple(
            Change(step.account, before[step.account], before[step.account] + step.amount)
            for step in branch.steps
            if not step.is_look
        )
        branch.prepared = Prepared(txn, changes)
        self.force(branch.prepared)
        self.cancel_timer(Idle(txn))
        self.set_timer(Ask(txn), self.config.ask)
        # END SOLUTION

    # -- phase 2 --------------------------------------------------------------------------------------------

    def on_ask(self, timer: Ask) -> None:
        """In doubt, there is nothing to do but to ask."""
        # BEGIN SOLUTION 4A: and again after a while
        branch = self.branches.get(timer.txn)
        if branch is not None and branch.prepared is not None:
            self.send(timer.txn.coordinator, Inquiry(timer.txn))
            self.set_timer(timer, self.config.ask)
        # END SOLUTION

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        """Do as it says, once. A commit is on disk before it is acknowledged; an abort need not be."""
        # BEGIN SOLUTION 4A: write and force, change the accounts, let the locks go, acknowledge
        txn, branch = decision.txn, self.branches.get(decision.txn)
        if branch is not None and branch.prepared is not None:
            ended = Ended(txn, decision.commit)
            if decision.commit:
                self.force(ended)
            else:
                self.note(ended)
            self.write(branch.prepared, decision.commit)
            self.end(txn, self.over.get(txn, "aborted"))
        elif not decision.commit and txn not in self.over:
            self.end(txn, "aborted")
        if decision.commit and self.over.get(txn) == "committed":
            self.send(coordinator, Ack(txn))
        # END SOLUTION

    def write(self, prepared, commit: bool) -> None:
        """The accounts as they are after the decision."""
        # BEGIN SOLUTION 4A: all of its changes, or none
        if commit:
            for change in prepared.changes:
                self.accounts[change.account] = Seen(change.account, change.after, prepared.txn)
            self.over[prepared.txn] = "committed"
        # END SOLUTION

    def end(self, txn: Txn, how: str) -> None:
        """It is over here: its locks go, and whoever waited for them may go on."""
        # BEGIN SOLUTION 4A: forget it, but for how it ended
        self.over[txn] = how
        self.branches.pop(txn, None)
        for timer in (LockWait(txn), Idle(txn), Ask(txn)):
            self.cancel_timer(timer)
        for other in self.locks.release(txn):
            if other in self.branches:
                self.proceed(other)
        # END SOLUTION

    # BEGIN SOLUTION 4A: your own helpers
    def can_pay(self, steps: tuple[Step, ...]) -> bool:
        """Whether every account that it takes from holds enough."""
        return all(s.amount >= 0 or self.accounts[s.account].balance >= -s.amount for s in steps)

    def note(self, record: Record) -> None:
        """Write it down; a crash may take it."""
        self.wal.append(self.disk, to_body(record))

    def force(self, record: Record) -> None:
        """Write it down before anything that is said from now on."""
        self.note(record)
        self.wal.force(self.disk)

    # END SOLUTION

    def probe(self) -> Holdings:
        """What judges may see: what is committed, what is in doubt, what is locked."""
        # BEGIN SOLUTION 4A: accounts, names, names
        in_doubt = tuple(txn for txn, branch in self.branches.items() if branch.prepared)
        return Holdings(tuple(self.accounts.values()), in_doubt, self.locks.locked())
        # END SOLUTION
