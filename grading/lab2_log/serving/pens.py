"""A producer, lent to whoever writes: the solution's own of part 2F, in a process of its own.

A person's program hands it lines, and hears of each where it stands. They are batched, numbered, sent, and sent again
by the solution; so what is acknowledged is in the log once, and in the order of the lines. Whoever takes the pen has a
token, and holds it until he lays it down, or has said nothing for ``IDLE``.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from distlab.core import SECOND, Address, Fail, Info, Ok, Outcome, Ticket
from grading.lab2_log.serving.requests import (
    LARGEST,
    NO_ANSWER,
    NO_LEADER,
    TAKEN,
    TOO_LARGE,
    UNKNOWN_PRODUCER,
    LayDown,
    TakePen,
    Write,
)
from labs.lab2_log.batches import HEADER
from labs.lab2_log.brokers import ALL, NONE, Produced
from labs.lab2_log.producer import Producer
from labs.lab2_log.producing import ProducerConfig, Send, record_size

IDLE = 20 * SECOND


class Writing(Struct):
    """Lines that were handed in, and what became of each."""

    ticket: Ticket
    outcomes: list[Any]
    """None: not known yet."""
    left: int


class Pen(Producer):
    """One producer, or none."""

    config: ProducerConfig
    token: int
    """Of whoever holds it; 0: nobody does."""
    heard_at: int
    """When they last said something (monotonic clock)."""
    writings: dict[int, Writing]
    records: dict[int, tuple[int, int]]
    """Ticket that we gave the producer for a record -> (number of the writing, place in it)."""
    given: int
    """Such tickets so far. They are negative: those from outside are not."""
    last_error: str
    """What a broker refused last."""

    def on_start(self) -> None:
        self.token, self.heard_at = 0, self.monotonic()
        self.writings, self.records, self.given, self.last_error = {}, {}, 0, NONE
        super().on_start()

    def on_take_pen(self, op: TakePen, ticket: Ticket) -> None:
        if self.token and self.monotonic() - self.heard_at < IDLE:
            self.finish(ticket, Fail(TAKEN))
            return
        self.config = structs.replace(  # type: ignore[type-var]
            self.config, partitions=op.partitions, acks=op.acks, idempotent=op.acks == ALL
        )
        self.on_start()
        self.token = self.random.getrandbits(40) + 1
        self.finish(ticket, Ok(self.token))

    def on_lay_down(self, op: LayDown, ticket: Ticket) -> None:
        if op.token == self.token:
            self.token = 0
        self.finish(ticket, Ok())

    def on_write(self, op: Write, ticket: Ticket) -> None:
        if op.token != self.token:
            self.finish(ticket, Fail(UNKNOWN_PRODUCER))
            return
        self.heard_at, self.last_error = self.monotonic(), NONE
        self.writings[ticket] = Writing(ticket, [None] * len(op.lines), len(op.lines))
        for place, (key, value) in enumerate(op.lines):
            self.given -= 1
            self.records[self.given] = ticket, place
            if HEADER.size + record_size((key or "").encode(), value.encode()) > LARGEST:
                self.finish(Ticket(self.given), Fail(TOO_LARGE))
            else:
                self.on_send(Send(value, key, op.partition), Ticket(self.given))
        if not op.lines:
            del self.writings[ticket]
            self.finish(ticket, Ok([]))

    def on_produced(self, answer: Produced, sender: Address) -> None:  # type: ignore[override]
        self.last_error = answer.error or self.last_error
        _, count = Producer.handlers[Produced]  # solutions may take the sender, or not
        super().on_produced(*(answer, sender)[:count])  # type: ignore[arg-type]

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        """A record's outcome is kept until all of its writing are there; anything else goes out."""
        if ticket not in self.records:
            super().finish(ticket, outcome)
            return
        number, place = self.records.pop(ticket)
        writing = self.writings[number]
        writing.outcomes[place] = self.told(outcome)
        writing.left -= 1
        if not writing.left:
            del self.writings[number]
            self.heard_at = self.monotonic()
            super().finish(writing.ticket, Ok(writing.outcomes))

    def told(self, outcome: Outcome) -> list[Any]:
        """[partition's number, offset]; or ["Fail" or "Info", error code]."""
        match outcome:
            case Ok(value):
                return list(value)
            case Fail(reason):
                return ["Fail", reason if reason == TOO_LARGE else self.last_error or NO_LEADER]
            case Info():
                return ["Info", self.last_error or NO_ANSWER]
