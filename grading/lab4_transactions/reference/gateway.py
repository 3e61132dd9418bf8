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


# BEGIN SOLUTION 4B: your own records, and what you remember of a transaction
class Life(Struct, frozen=True):
    number: int


@dataclass
class Branch:
    steps: tuple[Step, ...]
    worked: Worked | None = None
    is_prepared: bool = False


# END SOLUTION


class Gateway(Hosted):
    """Works, votes, waits to be told; recovers, reports and forgets."""

    # BEGIN SOLUTION 4B: your own state
    life: int
    locks: LockTable
    branches: dict[Txn, Branch]
    over: dict[Txn, str]
    """What has ended here in this life: "aborted", "read", "done"."""
    forced: set[Txn]
    """What was forced, and of which the decision is not known."""
    unnoted: dict[Txn, Report]
    told_waits: bool
    """The detector believes that somebody waits here."""
    # END SOLUTION

    def on_start(self) -> None:
        """Open the database, number this life, lock what is in doubt; ask about that and about all that was forced."""
        # BEGIN SOLUTION 4B: open_database, recover, forced
        self.open_database()
        self.life = len(self.disk.recover("lives", Life)) + 1
        self.disk.append("lives", Life(self.life))
        self.disk.sync("lives", "/")
        self.locks, self.branches, self.over = LockTable(), {}, {}
        self.forced, self.unnoted, self.told_waits = set(self.db.forced()), {}, False
        for doubt in self.db.recover():
            steps = tuple(Step(c.account, c.after - c.before) for c in doubt.changes)
            self.branches[doubt.txn] = Branch(steps, is_prepared=True)
            self.locks.claim(doubt.txn, steps)
        for txn in (*self.branches, *sorted(self.forced)):
            self.on_ask(Ask(txn))
        # END SOLUTION

    # -- work, and phase 1 ----------------------------------------------------------------------------------

    def on_work(self, work: Work, coordinator: Address) -> None:
        """As in part 4A."""
        # BEGIN SOLUTION 4B: known, over, impossible, or new
        txn, branch = work.txn, self.branches.get(work.txn)
        if branch is not None:
            if branch.worked is not None:
                self.send(coordinator, branch.worked)
        elif txn in self.over:
            if self.over[txn] == "aborted":
                self.send(coordinator, Refused(txn, "it is over here"))
        elif txn not in self.forced and txn not in self.unnoted:
            names = tuple(step.account for step in work.steps)
            if len(self.db.read(names)) < len(names):
                self.refuse(txn, "there is no such account")
                return
            self.branches[txn] = Branch(work.steps)
            self.locks.claim(txn, work.steps)
            self.set_timer(LockWait(txn), self.config.lock_wait)
            self.proceed(txn)
            self.tell_soon()
        # END SOLUTION

    def proceed(self, txn: Txn) -> None:
        """Work, if it is waiting and it is its turn."""
        # BEGIN SOLUTION 4B: as in part 4A
        branch = self.branches[txn]
        if branch.worked or branch.is_prepared or not self.locks.has_all(txn):
            return
        self.cancel_timer(LockWait(txn))
        found = self.db.read(tuple(step.account for step in branch.steps))
        if any(s.amount < 0 and found[s.account].balance + s.amount < 0 for s in branch.steps):
            self.refuse(txn, "an account does not hold enough")
            return
        seen = tuple(found[step.account] for step in branch.steps)
        branch.worked = Worked(txn, self.life, seen)
        self.send(txn.coordinator, branch.worked)
        self.set_timer(Idle(txn), self.config.idle)
        # END SOLUTION

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        """Vote. A yes is in the database before it is said, and is repeated whatever has been forced since."""
        # BEGIN SOLUTION 4B: yes again, read, yes, or no
        txn, branch = prepare.txn, self.branches.get(prepare.txn)
        if (branch is not None and branch.is_prepared) or txn in self.forced:
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
        elif self.over.get(txn) != "done" and txn not in self.unnoted:
            self.end(txn, "aborted")
            self.send(coordinator, Vote(txn, "no"))
        # END SOLUTION

    def prepare(self, txn: Txn, branch) -> None:
        """From now on it is in doubt."""
        # BEGIN SOLUTION 4B: hand the changes to the database; then ask now and then
        assert branch.worked is not None
        before = {seen.account: seen.balance for seen in branch.worked.seen}
        changes = tuple(
            Change(step.account, before[step.account], before[step.account] + step.amount)
            for step in branch.steps
            if not step.is_look
        )
        self.db.prepare(txn, changes)
        branch.is_prepared = True
        self.cancel_timer(Idle(txn))
        self.set_timer(Ask(txn), self.config.ask)
        # END SOLUTION

    # -- phase 2, and what people do ------------------------------------------------------------------------

    def on_ask(self, timer: Ask) -> None:
        """Ask for the decision: of what is in doubt, and of what was forced."""
        # BEGIN SOLUTION 4B: and again after a while
        branch = self.branches.get(timer.txn)
        if (branch is not None and branch.is_prepared) or timer.txn in self.forced:
            self.send(timer.txn.coordinator, Inquiry(timer.txn))
            self.set_timer(timer, self.config.ask)
        # END SOLUTION

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        """Have the database do it. Where somebody was faster: compare, and report what differs.

        A commit is acknowledged, whatever was forced: the coordinator can do nothing about that.
        """
        # BEGIN SOLUTION 4B: commit or rollback; unknown means done before; forced means compare
        txn, branch = decision.txn, self.branches.get(decision.txn)
        if branch is not None and not branch.is_prepared and decision.commit:
            return
        try:
            (self.db.commit if decision.commit else self.db.rollback)(txn)
        except UnknownTransaction:
            pass  # it is over, or it was never prepared
        except WasForced as was:
            self.compare(txn, decision.commit, was.commit)
        self.end(txn, "done" if decision.commit else "aborted")
        if decision.commit:
            self.send(coordinator, Ack(txn))
        # END SOLUTION

    def was_forced(self, txn: Txn) -> None:
        """It is not in doubt any more, and its locks are free; but how it should have ended is not known yet."""
        # BEGIN SOLUTION 4B: let it go, and go on asking
        self.end(txn, "done")
        self.forced.add(txn)
        self.set_timer(Ask(txn), self.config.ask)
        # END SOLUTION

    def compare(self, txn: Txn, decided: bool, done: bool) -> None:
        """Forget it if it came to the same. If not, report it until it is noted; the database remembers it as long."""
        # BEGIN SOLUTION 4B: forget, or report
        self.forced.discard(txn)
        if decided == done:
            self.db.forget(txn)
        else:
            self.unnoted[txn] = Report(txn, decided, done)
            self.on_tell(Tell())
        # END SOLUTION

    def on_noted(self, noted: Noted, dba: Address) -> None:
        """Now it may be forgotten."""
        # BEGIN SOLUTION 4B: here and in the database
        if self.unnoted.pop(noted.txn, None) is not None:
            self.db.forget(noted.txn)
        # END SOLUTION

    # -- waiting --------------------------------------------------------------------------------------------

    def waits(self) -> tuple[Wait, ...]:
        """Who waits here, for which account, and for whom: all who stand before it in the queue and in its way.

        Those may wait themselves: who comes to look stands behind a writer that waits. Two who look are in no way.
        """
        # BEGIN SOLUTION 4B: go through the queues
        return tuple(
            Wait(claim.txn, before.txn, account)
            for account, queue in sorted(self.locks.queues.items())
            for place, claim in enumerate(queue)
            for before in queue[:place]
            if claim.txn not in self.locks.holders(account)
            if not (claim.shared and before.shared)
        )
        # END SOLUTION

    def on_tell(self, timer: Tell) -> None:
        """Tell the detector who waits, as long as anybody does and once more; and the DBA what he has not noted."""
        # BEGIN SOLUTION 4B: both, and again after a while
        waits = self.waits()
        if waits or self.told_waits:
            self.send(self.config.detector, Waits(waits))
        self.told_waits = bool(waits)
        for report in self.unnoted.values():
            self.send(self.config.dba, report)
        self.tell_soon()
        # END SOLUTION

    # BEGIN SOLUTION 4B: your own helpers
    def tell_soon(self) -> None:
        """Tell a little later, if there is anything to tell."""
        if self.unnoted or self.told_waits or self.waits():
            self.set_timer(Tell(), self.config.tell)

    # END SOLUTION

    def on_victim(self, victim: Victim, detector: Address) -> None:
        """Refuse it, if it still waits."""
        # BEGIN SOLUTION 4B: only what waits can give way
        if any(wait.waiter == victim.txn for wait in self.waits()):
            self.refuse(victim.txn, "a deadlock, and it was the youngest")
        # END SOLUTION

    def on_lock_wait(self, timer: LockWait) -> None:
        # BEGIN SOLUTION 4B: as in part 4A
        branch = self.branches.get(timer.txn)
        if branch is not None and branch.worked is None and not branch.is_prepared:
            self.refuse(timer.txn, "it waited too long for a lock")
        # END SOLUTION

    def on_idle(self, timer: Idle) -> None:
        # BEGIN SOLUTION 4B: as in part 4A
        branch = self.branches.get(timer.txn)
        if branch is not None and not branch.is_prepared:
            self.end(timer.txn, "aborted")
        # END SOLUTION

    def refuse(self, txn: Txn, reason: str) -> None:
        """Abort it here, and say so."""
        # BEGIN SOLUTION 4B: as in part 4A
        self.end(txn, "aborted")
        self.send(txn.coordinator, Refused(txn, reason))
        # END SOLUTION

    def end(self, txn: Txn, how: str) -> None:
        """It is over here: its locks go, and whoever waited for them may go on."""
        # BEGIN SOLUTION 4B: as in part 4A
        self.over[txn] = how
        self.branches.pop(txn, None)
        for timer in (LockWait(txn), Idle(txn), Ask(txn)):
            self.cancel_timer(timer)
        for other in self.locks.release(txn):
            if other in self.branches:
                self.proceed(other)
        # END SOLUTION

    def probe(self) -> Standing:
        """What judges, and people, may see."""
        # BEGIN SOLUTION 4B: ask the database, look at the queues
        names = tuple(name for name, _ in self.config.accounts)
        return Standing(
            accounts=tuple(self.db.read(names).values()),
            in_doubt=tuple(doubt.txn for doubt in self.db.recover()),
            locked=self.locks.locked(),
            blocked=self.waits(),
            forced=tuple(self.db.forced()),
        )
        # END SOLUTION
