"""A client that asks for many things at a steady pace, as one operation: so a scenario that needs them stays small."""

from __future__ import annotations

from distlab.core import Ok, Operation, Ticket, Timer
from labs.lab2_log.kv_client import KvClient
from labs.lab2_log.quorum import Put


class Burst(Operation, frozen=True):
    """Begin so many writes, one each ``gap`` microseconds, to keys of their own."""

    name: str
    count: int
    gap: int


class Next(Timer, frozen=True):
    """Time for the next write of a burst."""

    burst: Burst
    ticket: Ticket
    number: int


class Pacer(KvClient):
    """The given client, and bursts."""

    def on_burst(self, burst: Burst, ticket: Ticket) -> None:
        self.on_next(Next(burst, ticket, 0))

    def on_next(self, due: Next) -> None:
        burst, number = due.burst, due.number
        put = Put(f"{burst.name}{number}", f"{burst.name}.{number}")
        self.ask(put, self.begin(put))
        if number + 1 < burst.count:
            self.set_timer(Next(burst, due.ticket, number + 1), burst.gap)
        else:
            self.finish(due.ticket, Ok())
