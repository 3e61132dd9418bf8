"""Bugs of locks: what is locked, for how long, and whose turn it is."""

from __future__ import annotations

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab4_transactions.locks import Claim, LockTable
from labs.lab4_transactions.participant import Participant
from labs.lab4_transactions.twophase import LockWait, Step, Txn, Work


class LooksUnlocked(LockTable):
    """Whoever only looks takes no lock: it changes nothing, after all. It sees halves of transfers."""

    def claim(self, txn: Txn, steps: tuple[Step, ...]) -> None:
        super().claim(txn, tuple(step for step in steps if not step.is_look))


class AllShared(LockTable):
    """One kind of lock for all: two transactions change one account, and the second has not seen the first."""

    def claim(self, txn: Txn, steps: tuple[Step, ...]) -> None:
        super().claim(txn, tuple(Step(step.account) for step in steps))


class AllExclusive(LockTable):
    """One kind of lock for all: those who look wait for each other."""

    def claim(self, txn: Txn, steps: tuple[Step, ...]) -> None:
        super().claim(txn, tuple(Step(step.account, amount=1) for step in steps))


class LooksFirst(LockTable):
    """Whoever only looks passes a writer that waits: as long as others come to look, its turn never does."""

    def claim(self, txn: Txn, steps: tuple[Step, ...]) -> None:
        super().claim(txn, steps)
        for step in steps:
            queue = self.queues[step.account]
            queue.pop()
            at = len(queue)
            while step.is_look and at and not queue[at - 1].shared:
                at -= 1
            held = len(self.holders(step.account)) if queue and not queue[0].shared else 0
            queue.insert(max(at, held), Claim(txn, step.is_look))


class LastFirst(LockTable):
    """The last one to come is the next one to go; who waits longest goes last."""

    def claim(self, txn: Txn, steps: tuple[Step, ...]) -> None:
        super().claim(txn, steps)
        for step in steps:
            queue = self.queues[step.account]
            queue.pop()
            held = len(self.holders(step.account)) if queue else 0
            queue.insert(held, Claim(txn, step.is_look))


class GoesWithOne(LockTable):
    """Goes ahead with its first lock, and takes the others for granted."""

    def has_all(self, txn: Txn) -> bool:
        return any(txn in self.holders(account) for account in self.queues)


class LetsLooksGo(Participant):
    """Lets the locks of what it only looks at go when it has looked, long before the others have locked theirs."""

    def proceed(self, txn: Txn) -> None:
        super().proceed(txn)
        branch = self.branches.get(txn)
        if branch is not None and branch.worked and all(step.is_look for step in branch.steps):
            for other in self.locks.release(txn):
                self.proceed(other)


class WaitsForEver(Participant):
    """No time-out for locks: two that wait for each other do so until their coordinators lose patience."""

    def on_lock_wait(self, timer: LockWait) -> None:
        pass


class NeverWaits(Participant):
    """Refuses at once whoever finds a lock taken: no deadlock, and of ten that want one account one gets it."""

    def on_work(self, work: Work, coordinator: Address) -> None:
        super().on_work(work, coordinator)
        branch = self.branches.get(work.txn)
        if branch is not None and branch.worked is None and branch.prepared is None:
            self.refuse(work.txn, "an account is locked")


class SaysNothing(Participant):
    """Who has waited too long is dropped, and nobody is told: its coordinator goes on waiting."""

    def on_lock_wait(self, timer: LockWait) -> None:
        branch = self.branches.get(timer.txn)
        if branch is not None and branch.worked is None and branch.prepared is None:
            self.branches.pop(timer.txn)
            self.locks.release(timer.txn)


def _lock(name, by, breaks, replaces="locks:LockTable", **more):  # type: ignore[no-untyped-def]
    return bug(name, by, part="A", replaces=replaces, breaks=breaks, **more)


PARTICIPANT = "participant:Participant"

LOCKING = (
    _lock("looks-unlocked", LooksUnlocked, "TX2-I1"),
    _lock("all-shared", AllShared, "TX2-I1"),
    _lock("all-exclusive", AllExclusive, "TX2-L3", kind="cost"),
    _lock("looks-first", LooksFirst, "TX2-L3", kind="liveness"),
    _lock("last-first", LastFirst, "TX2-L3", kind="liveness"),
    _lock("goes-with-one", GoesWithOne, "TX2-I1"),
    _lock("lets-looks-go", LetsLooksGo, "TX2-I1", PARTICIPANT),
    _lock("waits-for-ever", WaitsForEver, "TX2-L3", PARTICIPANT, kind="liveness"),
    _lock("never-waits", NeverWaits, "TX2-L3", PARTICIPANT, kind="liveness"),
    _lock("says-nothing", SaysNothing, "TX2-L3", PARTICIPANT, kind="liveness"),
)
