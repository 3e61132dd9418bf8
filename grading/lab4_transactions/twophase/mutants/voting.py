"""Bugs of participants: votes, doubt, and what a crash leaves."""

from __future__ import annotations

from contextlib import suppress

from distlab.core import Address, DiskFull
from distlab.grade.lab import bug
from labs.lab4_transactions.participant import (
    Branch,
    Ended,
    Life,
    Participant,
    Prepared,
    Record,
)
from labs.lab4_transactions.twophase import (
    Ack,
    Ask,
    Decision,
    Idle,
    Prepare,
    Seen,
    Step,
    Txn,
    Vote,
    Work,
)

HEURISTICS = "X/Open XA: heuristic decisions"


class YesBeforeSync(Participant):
    """Says yes when the record is written, and not yet on disk: power fails, and the promise is forgotten."""

    def force(self, record: Record) -> None:
        self.note(record) if isinstance(record, Prepared) else super().force(record)


class DoubtInMemory(Participant):
    """Remembers what it promised, and writes nothing: after a crash it does not even know that it is in doubt."""

    def force(self, record: Record) -> None:
        if not isinstance(record, Prepared):
            super().force(record)


class YesWhenFull(Participant):
    """Catches that the disk is full, and says yes all the same: there will be room when it is needed."""

    def force(self, record: Record) -> None:
        with suppress(DiskFull):
            super().force(record)


class KeepsTheLastCoin(Participant):
    """Wants more than nothing to be left on an account: nobody can take out all that there is."""

    def can_pay(self, steps: tuple[Step, ...]) -> bool:
        return all(s.amount >= 0 or self.accounts[s.account].balance > -s.amount for s in steps)


class AcksBeforeSync(Participant):
    """Acknowledges a commit that is not on disk: the coordinator may forget it now, and a crash asks again."""

    def force(self, record: Record) -> None:
        self.note(record) if isinstance(record, Ended) else super().force(record)


class CommitsAtLast(Participant):
    """In doubt for too long, it commits: it has said yes, after all. Another one may have said no."""

    def on_ask(self, timer: Ask) -> None:
        branch = self.branches.get(timer.txn)
        if branch is not None and branch.prepared is not None and branch.worked is None:
            self.on_decision(Decision(timer.txn, commit=True), timer.txn.coordinator)
        else:
            super().on_ask(timer)
            if branch is not None:
                branch.worked = None  # the next time is once too often


class AbortsAtLast(Participant):
    """In doubt for too long, it aborts, so that others get the accounts. It may have been committed long ago."""

    def on_ask(self, timer: Ask) -> None:
        branch = self.branches.get(timer.txn)
        if branch is not None and branch.prepared is not None and branch.worked is None:
            self.on_decision(Decision(timer.txn, commit=False), timer.txn.coordinator)
        else:
            super().on_ask(timer)
            if branch is not None:
                branch.worked = None


class AbortsAfterACrash(Participant):
    """What has no end in the log is aborted at a start: true of a coordinator, not of one who has said yes."""

    def on_start(self) -> None:
        super().on_start()
        for txn in list(self.branches):
            self.on_decision(Decision(txn, commit=False), txn.coordinator)


class CommitsAfterACrash(Participant):
    """What is prepared in the log is redone at a start, decided or not."""

    def on_start(self) -> None:
        super().on_start()
        for txn in list(self.branches):
            self.on_decision(Decision(txn, commit=True), txn.coordinator)


class UnlockedAfterACrash(Participant):
    """Knows after a crash what it is in doubt about, and has forgotten the locks."""

    def on_start(self) -> None:
        super().on_start()
        self.locks.queues.clear()
        self.locks.places.clear()


class LetsGoAtYes(Participant):
    """Lets its locks go with its yes: others see balances that may be gone when the decision comes."""

    def prepare(self, txn: Txn, branch: Branch) -> None:
        super().prepare(txn, branch)
        for other in self.locks.release(txn):
            self.proceed(other)


class NeverAsks(Participant):
    """Waits to be told. An abort is told once, and was lost."""

    def on_ask(self, timer: Ask) -> None:
        pass


class NeverIdle(Participant):
    """Work that nobody asks a vote for stays locked: its coordinator has crashed, and has forgotten it."""

    def on_idle(self, timer: Idle) -> None:
        pass


class AcksOnce(Participant):
    """Acknowledges a commit when it does it, and not when it is told again: the first Ack was lost."""

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        if self.over.get(decision.txn) != "committed":
            super().on_decision(decision, coordinator)


class VotesOnce(Participant):
    """Answers the first Prepare, and no other: the vote was lost, and an hour of work with it."""

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        branch = self.branches.get(prepare.txn)
        if branch is None or branch.prepared is None:
            super().on_prepare(prepare, coordinator)


class NoAfterYes(Participant):
    """Asked again for its vote after a crash, it says no: the work was done in another life. But it had said yes."""

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        if prepare.life != self.life:
            self.send(coordinator, Vote(prepare.txn, "no"))
        else:
            super().on_prepare(prepare, coordinator)


class DoesItAgain(Participant):
    """Forgets what it has done: old work and an old Prepare come once more, and the money moves twice."""

    def end(self, txn: Txn, how: str) -> None:
        super().end(txn, how)
        self.over.pop(txn, None)

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        super().on_prepare(prepare, coordinator)
        self.over.pop(prepare.txn, None)

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        super().on_decision(decision, coordinator)
        if decision.commit and decision.txn not in self.branches:
            self.send(coordinator, Ack(decision.txn))
        self.over.pop(decision.txn, None)


class OneLifeIsAnother(Participant):
    """Votes for work of whatever life: a crash has let the locks go in between."""

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        super().on_prepare(Prepare(prepare.txn, self.life), coordinator)


class LivesAlike(Participant):
    """Numbers its lives, and does not force the number: after a power failure the next life has it again."""

    def force(self, record: Record) -> None:
        if not isinstance(record, Life):
            super().force(record)


class Overdraws(Participant):
    """Does not look whether the account holds enough: a lock is all it takes."""

    def can_pay(self, steps: tuple[Step, ...]) -> bool:
        return True


class ReaderSaysYes(Participant):
    """Has only looked, and says yes like the others: a forced record, a lock, and an Ack, for nothing."""

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        branch = self.branches.get(prepare.txn)
        has_worked = branch is not None and branch.worked is not None and branch.prepared is None
        if branch is not None and has_worked and prepare.life == self.life:
            self.prepare(prepare.txn, branch)
        super().on_prepare(prepare, coordinator)


class ForcesWork(Participant):
    """Forces what it would write as soon as it has worked: most of it is forced again with the vote, or thrown away."""

    def on_work(self, work: Work, coordinator: Address) -> None:
        super().on_work(work, coordinator)
        self.force(Life(self.life))


class ForcesAborts(Participant):
    """Forces that it has aborted, as if what is not remembered could be taken for anything else."""

    def note(self, record: Record) -> None:
        super().note(record)
        if isinstance(record, Ended) and not record.commit:
            self.wal.force(self.disk)


class HalfARecord(Participant):
    """Prepares the first of its changes, and forgets the others."""

    def force(self, record: Record) -> None:
        if isinstance(record, Prepared):
            record = Prepared(record.txn, record.changes[:1])
        super().force(record)


class RedoAdds(Participant):
    """Adds what is on record to what the account holds, instead of setting it: a commit told twice counts twice."""

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        if decision.commit and self.over.get(decision.txn) == "committed" and self.life > 1:
            for account, seen in self.accounts.items():
                if seen.by == decision.txn:
                    change = self.changed.get(account, 0)
                    self.accounts[account] = Seen(account, seen.balance + change, seen.by)
        super().on_decision(decision, coordinator)

    changed: dict[str, int]

    def on_start(self) -> None:
        self.changed = {}
        super().on_start()

    def write(self, prepared: Prepared, commit: bool) -> None:
        super().write(prepared, commit)
        self.changed |= {c.account: c.after - c.before for c in prepared.changes if commit}


class ForgetsToUnlock(Participant):
    """Aborts what was prepared, and leaves its locks where they are."""

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        branch = self.branches.get(decision.txn)
        if branch is not None and branch.prepared is not None and not decision.commit:
            self.note(Ended(decision.txn, commit=False))
            self.over[decision.txn] = "aborted"
            del self.branches[decision.txn]
        else:
            super().on_decision(decision, coordinator)


class WakesNobody(Participant):
    """Lets locks go, and tells nobody who waited for them: they wait until they are refused."""

    def end(self, txn: Txn, how: str) -> None:
        branches, self.branches = self.branches, {}
        super().end(txn, how)
        branches.pop(txn, None)
        self.branches = branches


def _participant(name, by, breaks, **more):  # type: ignore[no-untyped-def]
    replaces = "participant:Participant"
    return bug(name, by, part="A", replaces=replaces, breaks=breaks, **more)


VOTING = (
    _participant("yes-before-sync", YesBeforeSync, "TX2-S2", code="m1"),
    _participant("doubt-in-memory", DoubtInMemory, "TX2-S2", code="m5", source="spec, 2PC m5"),
    _participant("acks-before-sync", AcksBeforeSync, "TX2-S2"),
    _participant("yes-when-full", YesWhenFull, "TX2-S2"),
    _participant("commits-at-last", CommitsAtLast, "TX2-S3", code="m4", source=HEURISTICS),
    _participant("aborts-at-last", AbortsAtLast, "TX2-S3", source=HEURISTICS),
    _participant("aborts-after-a-crash", AbortsAfterACrash, "TX2-S1"),
    _participant("commits-after-a-crash", CommitsAfterACrash, "TX2-S3"),
    _participant("unlocked-after-a-crash", UnlockedAfterACrash, "TX2-S3"),
    _participant("lets-go-at-yes", LetsGoAtYes, "TX2-S3"),
    _participant("never-asks", NeverAsks, "TX2-L1", kind="liveness"),
    _participant("never-idle", NeverIdle, "TX2-L1", kind="liveness"),
    _participant("acks-once", AcksOnce, "TX2-L1", kind="liveness"),
    _participant("forgets-to-unlock", ForgetsToUnlock, "TX2-L1", kind="liveness"),
    _participant("wakes-nobody", WakesNobody, "TX2-L3", kind="liveness"),
    _participant("no-after-yes", NoAfterYes, "TX2-S3"),
    _participant("does-it-again", DoesItAgain, "TX2-S4"),
    _participant("redo-adds", RedoAdds, "TX2-S4"),
    _participant("half-a-record", HalfARecord, "TX2-S1"),
    _participant("overdraws", Overdraws, "TX2-S4"),
    _participant("keeps-the-last-coin", KeepsTheLastCoin, "TX2-S1", kind="liveness"),
    _participant("one-life-is-another", OneLifeIsAnother, "TX2-I1"),
    _participant("lives-alike", LivesAlike, "TX2-I1"),
    _participant("reader-says-yes", ReaderSaysYes, "TX2-C1", kind="cost"),
    _participant("forces-work", ForcesWork, "TX2-C1", kind="cost"),
    _participant("forces-aborts", ForcesAborts, "TX2-C1", kind="cost"),
    _participant("votes-once", VotesOnce, "TX2-L1", kind="liveness"),
)
