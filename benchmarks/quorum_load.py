"""A client of lab 2D's store that keeps so many writes under way for so long, and tells how long each one took."""

from __future__ import annotations

from distlab.core import SECOND, Ok, Operation, Outcome, Ticket, Timer
from labs.lab2_log.kv_client import KvClient
from labs.lab2_log.quorum import Put

KEYS = 1_000


class Load(Operation, frozen=True):
    """Write for ``duration`` microseconds, as so many clients, each one thing at a time; answer: a ``list`` of
    microseconds, one for each write that began after ``warm_up``."""

    clients: int
    value: str
    warm_up: int = 3 * SECOND
    duration: int = 5 * SECOND


class Over(Timer, frozen=True):
    """Begin no more."""


class Loader(KvClient):
    """The store's own client, whose callers are inside of it: they cost next to nothing."""

    load: Load
    load_ticket: Ticket
    began: dict[int, int]
    """Ticket of a write -> when it began. Our own tickets are below 0."""
    counted_from: int
    number: int
    latencies: list[int]
    is_over: bool

    def on_start(self) -> None:
        super().on_start()
        self.began, self.number, self.latencies, self.is_over = {}, 0, [], False

    def on_load(self, load: Load, ticket: Ticket) -> None:
        self.load, self.load_ticket = load, ticket
        self.latencies, self.is_over = [], False
        self.counted_from = self.monotonic() + load.warm_up
        self.set_timer(Over(), load.warm_up + load.duration)
        for _ in range(load.clients):
            self.write()

    def write(self) -> None:
        self.number += 1
        ticket = Ticket(-self.number)
        self.began[ticket] = self.monotonic()
        self.ask(Put(f"k{self.number % KEYS}", self.load.value), ticket)

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        """One of our own is done: begin the next one. All else goes to the books."""
        began = self.began.pop(ticket, None)
        if began is None:
            super().finish(ticket, outcome)
            return
        if began >= self.counted_from and isinstance(outcome, Ok) and not self.is_over:
            self.latencies.append(self.monotonic() - began)
        if not self.is_over:
            self.write()

    def on_over(self, over: Over) -> None:
        self.is_over = True
        super().finish(self.load_ticket, Ok(self.latencies))
