"""A second manager: one pulse for everything, and a transaction that was being tried when it crashed is tried on.

Where the reference has timers for each transaction, this one looks at all of them now and then; where the reference
presumes abort after a crash, this one goes on; and it says how far everything is over now and then.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.tcc import (
    MAX_AMOUNT,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Forget,
    Impossible,
    Leg,
    ManagerConfig,
    Refused,
    Request,
    Result,
    Tried,
    Try,
)


class Begun(Struct, frozen=True, tag=True):
    xid: int
    business: str
    legs: tuple[Leg, ...]


class Decided(Struct, frozen=True, tag=True):
    xid: int
    reason: str
    """Why it is aborted; empty: it is committed."""


class Over(Struct, frozen=True, tag=True):
    xid: int


class Course(Struct):
    """A transaction on its way."""

    begun: Begun
    since: int
    reason: str | None = None
    answered: list[int] = []
    is_over: bool = False


class Pulse(Timer, frozen=True):
    pass


class Manager(Node):
    config: ManagerConfig
    courses: dict[int, Course]
    names: dict[str, int]
    waiting: dict[int, list[tuple[Address, int]]]
    told: int

    def on_start(self) -> None:
        self.courses, self.names, self.waiting, self.told = {}, {}, {}, 1
        for record in self.disk.recover("journal", Begun | Decided | Over):
            self.apply(record)
        for course in self.working():
            self.speak(course)
        self.set_timer(Pulse(), self.config.retry)

    def write(self, record: Begun | Decided | Over) -> None:
        is_new = not self.disk.exists("journal")
        self.disk.append("journal", record)
        self.disk.sync("journal", *(("/",) if is_new else ()))
        self.apply(record)

    def apply(self, record: Begun | Decided | Over) -> None:
        match record:
            case Begun(xid, business):
                self.courses[xid] = Course(record, self.monotonic())
                self.names[business] = xid
            case Decided(xid, reason):
                course = self.courses[xid]
                course.reason, course.answered = reason, []
            case Over(xid):
                self.courses[xid].is_over = True

    def working(self) -> list[Course]:
        return [course for course in self.courses.values() if not course.is_over]

    def on_pulse(self, timer: Pulse) -> None:
        for course in self.working():
            is_late = self.monotonic() - course.since > self.config.patience
            if course.reason is None and is_late:
                self.decide(course, "out of patience")
            else:
                self.speak(course)
        below = min((c.begun.xid for c in self.working()), default=len(self.courses) + 1)
        if below > self.told:
            self.told = below
            for bank in self.config.banks:
                self.send(Address(bank), Forget(below))
        self.set_timer(timer, self.config.retry)

    def speak(self, course: Course) -> None:
        xid = course.begun.xid
        for branch, leg in enumerate(course.begun.legs):
            if branch in course.answered:
                continue
            if course.reason is None:
                self.send(Address(leg.bank), Try(xid, branch, leg.account, leg.amount))
            elif course.reason:
                self.send(Address(leg.bank), Cancel(xid, branch))
            else:
                self.send(Address(leg.bank), Confirm(xid, branch))

    def decide(self, course: Course, reason: str) -> None:
        self.write(Decided(course.begun.xid, reason))
        self.reply(course)
        self.speak(course)

    def reply(self, course: Course) -> None:
        for client, number in self.waiting.pop(course.begun.xid, ()):
            self.send(client, Result(number, not course.reason, course.reason or ""))

    def on_request(self, request: Request, sender: Address) -> None:
        if request.key not in self.names:
            if not self.is_sane(request.legs):
                self.send(sender, Result(request.number, False, "that is no transfer"))
                return
            self.write(Begun(len(self.courses) + 1, request.key, request.legs))
            self.speak(self.courses[len(self.courses)])
        course = self.courses[self.names[request.key]]
        if course.begun.legs != request.legs:
            self.send(sender, Result(request.number, False, "this key means something else"))
            return
        self.waiting.setdefault(course.begun.xid, []).append((sender, request.number))
        if course.reason is not None:
            self.reply(course)

    def is_sane(self, legs: tuple[Leg, ...]) -> bool:
        return (
            len(legs) > 0
            and sum(leg.amount for leg in legs) == 0
            and all(0 < abs(leg.amount) <= MAX_AMOUNT for leg in legs)
            and all(leg.bank in self.config.banks for leg in legs)
        )

    def heard(self, xid: int, branch: int, reason: str | None) -> Course | None:
        """An answer that fits what this transaction is about now."""
        course = self.courses[xid]
        is_same = (course.reason is None) == (reason is None) and bool(course.reason) == bool(
            reason
        )
        if course.is_over or not is_same or branch in course.answered:
            return None
        course.answered.append(branch)
        return course if len(course.answered) == len(course.begun.legs) else None

    def on_tried(self, tried: Tried) -> None:
        course = self.heard(tried.xid, tried.branch, None)
        if course:
            self.decide(course, "")

    def on_refused(self, refused: Refused) -> None:
        course = self.courses[refused.xid]
        if course.reason is None:
            self.decide(course, refused.reason or "refused")

    def on_confirmed(self, confirmed: Confirmed) -> None:
        if self.heard(confirmed.xid, confirmed.branch, ""):
            self.write(Over(confirmed.xid))

    def on_cancelled(self, cancelled: Cancelled) -> None:
        if self.heard(cancelled.xid, cancelled.branch, "aborted"):
            self.write(Over(cancelled.xid))

    def on_impossible(self, impossible: Impossible) -> None:
        pass
