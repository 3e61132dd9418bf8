"""A participant without a lock table: whoever came first and has not ended stands in the way of who comes later.

Branches stand in the order in which they came. One may work when none before it touches an account that it
touches, unless both only look. So being in the list is holding locks, and leaving it is letting them go.

What is on disk says what is to be added to which account, and is added when the end is on record. A life's
number is drawn at random, so that a start costs no sync.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from distlab.core import Address, Node
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


class Promised(Struct, frozen=True, tag=True):
    txn: Txn
    steps: tuple[Step, ...]


class Resolved(Struct, frozen=True, tag=True):
    txn: Txn
    commit: bool


@dataclass
class Branch:
    txn: Txn
    steps: tuple[Step, ...]
    answer: Worked | None = None
    promised: bool = False

    def is_in_the_way_of(self, other: Branch) -> bool:
        mine = {
            step.account: step.is_look
            for step in self.steps
            if not (self.promised and step.is_look)
        }
        return any(s.account in mine and not (s.is_look and mine[s.account]) for s in other.steps)


class Participant(Node):
    config: ParticipantConfig
    wal: Wal
    life: int
    balances: dict[str, tuple[int, Txn | None]]
    branches: dict[Txn, Branch]
    done: set[Txn]
    """Committed, in any life."""
    refused: set[Txn]
    """Aborted, in this life."""
    looked: set[Txn]

    def on_start(self) -> None:
        self.life = self.random.getrandbits(60)
        self.balances = {name: (amount, None) for name, amount in self.config.accounts}
        self.branches, self.done, self.refused, self.looked = {}, set(), set(), set()
        self.wal, bodies = open_wal(self.disk, "log")
        for body in bodies:
            match from_body(body, Promised | Resolved):
                case Promised(txn, steps):
                    self.branches[txn] = Branch(txn, steps, promised=True)
                case Resolved(txn, commit):
                    self.resolve(self.branches.pop(txn), commit)
        for txn in self.branches:
            self.on_ask(Ask(txn))

    def resolve(self, branch: Branch, commit: bool) -> None:
        """Add what is to be added."""
        if commit:
            self.done.add(branch.txn)
            for step in branch.steps:
                if not step.is_look:
                    balance, _ = self.balances[step.account]
                    self.balances[step.account] = (balance + step.amount, branch.txn)

    def on_work(self, work: Work, tm: Address) -> None:
        known = self.branches.get(work.txn)
        if known is not None:
            if known.answer is not None:
                self.send(tm, known.answer)
            return
        if work.txn in self.done or work.txn in self.looked:
            return
        branch = Branch(work.txn, work.steps)
        if work.txn in self.refused:
            self.say_no(branch, "it is over")
        elif any(step.account not in self.balances for step in work.steps):
            self.say_no(branch, "no such account")
        else:
            self.branches[work.txn] = branch
            self.set_timer(LockWait(work.txn), self.config.lock_wait)
            self.go_on()

    def go_on(self) -> None:
        """Whoever has nobody before him in his way works, in the order of the list."""
        for branch in list(self.branches.values()):
            if branch.answer is not None or branch.promised or branch.txn not in self.branches:
                continue
            before: list[Branch] = []
            for other in self.branches.values():
                if other is branch:
                    break
                before.append(other)
            if not any(other.is_in_the_way_of(branch) for other in before):
                self.work(branch)

    def work(self, branch: Branch) -> None:
        self.cancel_timer(LockWait(branch.txn))
        found = [(step, *self.balances[step.account]) for step in branch.steps]
        if any(step.amount + balance < 0 for step, balance, _ in found):
            self.leave(branch)
            self.say_no(branch, "not enough")
            return
        seen = tuple(Seen(step.account, balance, by) for step, balance, by in found)
        branch.answer = Worked(branch.txn, self.life, seen)
        self.send(branch.txn.coordinator, branch.answer)
        self.set_timer(Idle(branch.txn), self.config.idle)

    def say_no(self, branch: Branch, reason: str) -> None:
        self.refused.add(branch.txn)
        self.send(branch.txn.coordinator, Refused(branch.txn, reason))

    def leave(self, branch: Branch) -> None:
        """Out of the list."""
        del self.branches[branch.txn]
        for timer in (LockWait(branch.txn), Idle(branch.txn), Ask(branch.txn)):
            self.cancel_timer(timer)

    def on_lock_wait(self, timer: LockWait) -> None:
        if (branch := self.branches.get(timer.txn)) is not None and branch.answer is None:
            self.leave(branch)
            self.say_no(branch, "others were in the way for too long")
            self.go_on()

    def on_idle(self, timer: Idle) -> None:
        if (branch := self.branches.get(timer.txn)) is not None and not branch.promised:
            self.refused.add(branch.txn)
            self.leave(branch)
            self.go_on()

    def on_prepare(self, prepare: Prepare, tm: Address) -> None:
        self.send(tm, Vote(prepare.txn, self.vote_on(prepare)))
        self.go_on()

    def vote_on(self, prepare: Prepare) -> Literal["yes", "no", "read"]:
        txn = prepare.txn
        branch = self.branches.get(txn)
        if (branch is not None and branch.promised) or txn in self.done:
            return "yes"
        if prepare.life != self.life:
            self.refused.add(txn)
            return "no"
        if txn in self.looked:
            return "read"
        if branch is None or branch.answer is None:
            self.refused.add(txn)
            return "no"
        if all(step.is_look for step in branch.steps):
            self.looked.add(txn)
            self.leave(branch)
            return "read"
        branch.promised = True
        self.wal.append(self.disk, to_body(Promised(txn, branch.steps)))
        self.wal.force(self.disk)
        self.cancel_timer(Idle(txn))
        self.set_timer(Ask(txn), self.config.ask)
        return "yes"

    def on_ask(self, timer: Ask) -> None:
        if timer.txn in self.branches:
            self.send(timer.txn.coordinator, Inquiry(timer.txn))
            self.set_timer(timer, self.config.ask)

    def on_decision(self, decision: Decision, tm: Address) -> None:
        txn, branch = decision.txn, self.branches.get(decision.txn)
        if branch is not None and branch.promised:
            self.wal.append(self.disk, to_body(Resolved(txn, decision.commit)))
            if decision.commit:
                self.wal.force(self.disk)
            self.resolve(branch, decision.commit)
        if not decision.commit:
            self.refused.add(txn)
        if branch is not None:
            self.leave(branch)
            self.go_on()
        if txn in self.done:
            self.send(tm, Ack(txn))

    def probe(self) -> Holdings:
        locked = {step.account for branch in self.branches.values() for step in branch.steps}
        return Holdings(
            tuple(Seen(name, balance, by) for name, (balance, by) in self.balances.items()),
            tuple(txn for txn, branch in self.branches.items() if branch.promised),
            tuple(sorted(locked)),
        )
