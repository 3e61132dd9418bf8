"""An application of lab 4A that keeps so many transfers under way for so long, and tells how long each one took."""

from __future__ import annotations

from random import Random

from distlab.core import SECOND, Fail, Info, Ok, Operation, Outcome, Ticket, Timer
from labs.lab4_transactions.teller import Teller
from labs.lab4_transactions.twophase import Step, Transact


class Load(Operation, frozen=True):
    """Move 1 from an account of ``rm1`` to one of ``rm2`` for ``duration`` microseconds, as so many clients, each one
    thing at a time; answer: a ``list`` of microseconds, one for each commit of what began after ``warm_up``, and how
    many were aborted."""

    clients: int
    accounts: int
    """Of each client, at each participant: no two clients meet on one."""
    warm_up: int = 2 * SECOND
    duration: int = 5 * SECOND


class Over(Timer, frozen=True):
    """Begin no more."""


class Loader(Teller):
    """The lab's own application, whose callers are inside of it: they cost next to nothing."""

    load: Load
    load_ticket: Ticket
    began: dict[int, tuple[int, int]]
    """Ticket of a transfer -> whose it is, and when it began. Our own tickets are below 0."""
    counted_from: int
    number: int
    latencies: list[int]
    aborted: int
    is_over: bool
    draws: Random

    def on_start(self) -> None:
        super().on_start()
        self.began, self.number, self.latencies, self.aborted = {}, 0, [], 0
        self.draws, self.is_over = Random(4), False

    def on_load(self, load: Load, ticket: Ticket) -> None:
        self.load, self.load_ticket = load, ticket
        self.counted_from = self.monotonic() + load.warm_up
        self.set_timer(Over(), load.warm_up + load.duration)
        for client in range(load.clients):
            self.transfer(client)

    def transfer(self, client: int) -> None:
        self.number += 1
        ticket = Ticket(-self.number)
        self.began[ticket] = client, self.monotonic()
        source, target = (self.draws.randrange(self.load.accounts) for _ in range(2))
        steps = Step(f"rm1/a{client}.{source}", -1), Step(f"rm2/a{client}.{target}", 1)
        self.on_transact(Transact(steps), ticket)

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        """One of our own is done: begin the next one. All else goes to the books."""
        if ticket not in self.began:
            super().finish(ticket, outcome)
            return
        client, began = self.began.pop(ticket)
        if self.is_over:
            return
        if began >= self.counted_from:
            match outcome:
                case Ok():
                    self.latencies.append(self.monotonic() - began)
                case Fail() | Info():
                    self.aborted += 1
        self.transfer(client)

    def on_over(self, over: Over) -> None:
        self.is_over = True
        super().finish(self.load_ticket, Ok((self.latencies, self.aborted)))
