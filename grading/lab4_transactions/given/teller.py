"""The application: begins a transaction, and asks until it is told how it ended. Given.

It names nothing itself. A name that the coordinator has given is used for one transaction, in all
repetitions, so that a repeated request is the same request.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Fail, Info, Node, Ok, Ticket, Timer
from labs.lab4_transactions.twophase import (
    Began,
    Begin,
    Execute,
    Outcome,
    Rejected,
    TellerConfig,
    Transact,
    Txn,
)


class Repeat(Timer, frozen=True):
    """Nothing was heard: say it again."""

    request: int


class Leave(Timer, frozen=True):
    """The client will not wait any longer."""

    request: int


class UnderWay(Struct):
    """A transaction that is not over, as far as the client knows."""

    ticket: Ticket
    transact: Transact
    coordinator: Address
    txn: Txn | None = None


class Teller(Node):
    config: TellerConfig
    last: int
    under_way: dict[int, UnderWay]

    def on_start(self) -> None:
        self.last, self.under_way = 0, {}

    def on_transact(self, transact: Transact, ticket: Ticket) -> None:
        """Begin; several may be under way at once. Coordinators take turns."""
        self.last += 1
        desks = self.config.coordinators
        coordinator = desks[(self.last - 1) % len(desks)]
        self.under_way[self.last] = UnderWay(ticket, transact, coordinator)
        self.set_timer(Leave(self.last), self.config.patience)
        self.say(self.last)

    def say(self, request: int) -> None:
        waiting = self.under_way[request]
        if waiting.txn is None:
            self.send(waiting.coordinator, Begin(request))
        else:
            self.send(waiting.coordinator, Execute(waiting.txn, waiting.transact.steps))
        self.set_timer(Repeat(request), self.config.retry)

    def on_repeat(self, timer: Repeat) -> None:
        if timer.request in self.under_way:
            self.say(timer.request)

    def on_began(self, began: Began, coordinator: Address) -> None:
        waiting = self.under_way.get(began.request)
        if waiting is not None and waiting.txn is None and coordinator == waiting.coordinator:
            waiting.txn = began.txn
            self.say(began.request)

    def on_outcome(self, outcome: Outcome) -> None:
        request = self.request_of(outcome.txn)
        if request is None:
            return  # an answer may come twice
        if outcome.committed:
            self.end(request, Ok(outcome.seen))
        else:
            self.end(request, Fail(outcome.reason))

    def on_rejected(self, rejected: Rejected) -> None:
        request = self.request_of(rejected.txn)
        if request is not None:
            self.end(request, Info(f"rejected: {rejected.reason}"))

    def on_leave(self, timer: Leave) -> None:
        waiting = self.under_way.get(timer.request)
        if waiting is not None:
            never = Fail("it never began") if waiting.txn is None else None
            self.end(timer.request, never or Info("no answer in time"))

    def request_of(self, txn: Txn) -> int | None:
        found = (number for number, waiting in self.under_way.items() if waiting.txn == txn)
        return next(found, None)

    def end(self, request: int, outcome: Ok | Fail | Info) -> None:
        waiting = self.under_way.pop(request)
        self.cancel_timer(Repeat(request))
        self.cancel_timer(Leave(request))
        self.finish(waiting.ticket, outcome)
