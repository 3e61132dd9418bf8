"""A gateway that asks its database about everything, and keeps a list of who came in which order.

What is in doubt and what was forced is looked up each time; in memory there is only who works, who waits, and what was
said no to in this life. One tick does all that has to be done again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from distlab.core import Address, Timer
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
from labs.lab4_transactions.twophase import (
    Ack,
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


class Tick(Timer, frozen=True):
    """Ask about everything that is in doubt or was forced."""


@dataclass
class Guest:
    steps: tuple[Step, ...]
    answer: Worked | None = None
    is_sworn: bool = False

    def holds(self, account: str) -> bool | None:
        """None: does not name it; else whether it only looks."""
        for step in self.steps:
            if step.account == account and not (self.is_sworn and step.is_look):
                return step.is_look
        return None


class Gateway(Hosted):
    life: int
    guests: dict[Txn, Guest]
    gone: set[Txn]
    """Aborted, in this life."""
    done: set[Txn]
    """Committed, in this life."""
    looked: set[Txn]
    unread: dict[Txn, Report]
    is_telling: bool

    def on_start(self) -> None:
        self.open_database()
        self.life = self.random.getrandbits(60)
        self.guests, self.unread = {}, {}
        self.gone, self.looked, self.done = set(), set(), set()
        self.is_telling = False
        for doubt in self.db.recover():
            steps = tuple(Step(c.account, c.after - c.before) for c in doubt.changes)
            self.guests[doubt.txn] = Guest(steps, is_sworn=True)
        self.on_tick()

    def on_tick(self) -> None:
        for txn in (*(doubt.txn for doubt in self.db.recover()), *self.db.forced()):
            if txn not in self.unread:
                self.send(txn.coordinator, Inquiry(txn))
        self.set_timer(Tick(), self.config.ask)

    def in_the_way(self, txn: Txn) -> list[tuple[Txn, str]]:
        """Whoever came before and has what this one wants."""
        found = []
        for other, guest in self.guests.items():
            if other == txn:
                break
            for step in self.guests[txn].steps:
                has = guest.holds(step.account)
                if has is not None and not (has and step.is_look):
                    found.append((other, step.account))
        return found

    def on_work(self, work: Work, tm: Address) -> None:
        txn = work.txn
        if txn in self.guests:
            answer = self.guests[txn].answer
            if answer is not None:
                self.send(tm, answer)
            return
        if txn in self.looked or txn in self.done or txn in self.db.forced():
            return
        names = [step.account for step in work.steps]
        if txn in self.gone or len(self.db.read(tuple(names))) < len(names):
            self.gone.add(txn)
            self.send(tm, Refused(txn, "it is over" if txn in self.gone else "no such account"))
            return
        self.guests[txn] = Guest(work.steps)
        self.set_timer(LockWait(txn), self.config.lock_wait)
        self.go_on()

    def go_on(self) -> None:
        for txn, guest in list(self.guests.items()):
            if guest.answer or guest.is_sworn or txn not in self.guests or self.in_the_way(txn):
                continue
            found = self.db.read(tuple(step.account for step in guest.steps))
            self.cancel_timer(LockWait(txn))
            if any(found[s.account].balance + s.amount < 0 for s in guest.steps if s.amount < 0):
                self.dismiss(txn, "not enough there")
                continue
            seen = tuple(found[step.account] for step in guest.steps)
            guest.answer = Worked(txn, self.life, seen)
            self.send(txn.coordinator, guest.answer)
            self.set_timer(Idle(txn), self.config.idle)
        if self.waits() and not self.is_telling:
            self.is_telling = True
            self.set_timer(Tell(), self.config.tell)

    def dismiss(self, txn: Txn, reason: str) -> None:
        self.gone.add(txn)
        self.leave(txn)
        self.send(txn.coordinator, Refused(txn, reason))

    def leave(self, txn: Txn) -> None:
        self.guests.pop(txn, None)
        self.cancel_timer(LockWait(txn))
        self.cancel_timer(Idle(txn))

    def on_lock_wait(self, timer: LockWait) -> None:
        guest = self.guests.get(timer.txn)
        if guest is not None and not guest.answer and not guest.is_sworn:
            self.dismiss(timer.txn, "waited too long")
            self.go_on()

    def on_idle(self, timer: Idle) -> None:
        guest = self.guests.get(timer.txn)
        if guest is not None and not guest.is_sworn:
            self.gone.add(timer.txn)
            self.leave(timer.txn)
            self.go_on()

    def on_prepare(self, prepare: Prepare, tm: Address) -> None:
        txn, guest = prepare.txn, self.guests.get(prepare.txn)
        vote: Literal["yes", "no", "read"]
        if (guest is not None and guest.is_sworn) or txn in self.db.forced():
            vote = "yes"
        elif prepare.life != self.life or guest is None or guest.answer is None:
            vote = "read" if txn in self.looked and prepare.life == self.life else "no"
            if vote == "no" and txn in self.done:
                return
            if vote == "no":
                self.gone.add(txn)
        elif all(step.is_look for step in guest.steps):
            vote = "read"
            self.looked.add(txn)
            self.leave(txn)
        else:
            vote = "yes"
            was = {seen.account: seen.balance for seen in guest.answer.seen}
            changes = [
                Change(s.account, was[s.account], was[s.account] + s.amount)
                for s in guest.steps
                if not s.is_look
            ]
            self.db.prepare(txn, tuple(changes))
            guest.is_sworn = True
            self.cancel_timer(Idle(txn))
        self.send(tm, Vote(txn, vote))
        self.go_on()

    def on_decision(self, decision: Decision, tm: Address) -> None:
        txn = decision.txn
        guest = self.guests.get(txn)
        if decision.commit and guest is not None and not guest.is_sworn:
            return
        try:
            if decision.commit:
                self.db.commit(txn)
            else:
                self.gone.add(txn)
                self.db.rollback(txn)
        except WasForced as was:
            if was.commit == decision.commit:
                self.db.forget(txn)
            else:
                self.unread[txn] = Report(txn, decision.commit, was.commit)
                self.on_tell(Tell())
        except UnknownTransaction:
            pass
        self.leave(txn)
        if decision.commit:
            self.done.add(txn)
            self.send(tm, Ack(txn))
        self.go_on()

    def was_forced(self, txn: Txn) -> None:
        self.leave(txn)
        self.go_on()

    def on_noted(self, noted: Noted, dba: Address) -> None:
        if self.unread.pop(noted.txn, None):
            self.db.forget(noted.txn)

    def waits(self) -> tuple[Wait, ...]:
        return tuple(
            Wait(txn, other, account)
            for txn, guest in self.guests.items()
            if not guest.answer and not guest.is_sworn
            for other, account in self.in_the_way(txn)
        )

    def on_tell(self, timer: Tell) -> None:
        waits = self.waits()
        if waits or self.is_telling:
            self.send(self.config.detector, Waits(waits))
        self.is_telling = bool(waits)
        for report in self.unread.values():
            self.send(self.config.dba, report)
        if waits or self.unread:
            self.set_timer(Tell(), self.config.tell)

    def on_victim(self, victim: Victim) -> None:
        guest = self.guests.get(victim.txn)
        if guest is not None and not guest.answer and not guest.is_sworn:
            self.dismiss(victim.txn, "a deadlock")
            self.go_on()

    def probe(self) -> Standing:
        db = self.db
        locked = {step.account for guest in self.guests.values() for step in guest.steps}
        return Standing(
            accounts=tuple(db.read(tuple(name for name, _ in self.config.accounts)).values()),
            in_doubt=tuple(doubt.txn for doubt in db.recover()),
            locked=tuple(sorted(locked)),
            blocked=self.waits(),
            forced=tuple(db.forced()),
        )
