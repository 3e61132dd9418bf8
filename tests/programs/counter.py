"""A node that counts in jobs: results, failures, progress, cancelling, and heartbeats beside them."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct

from distlab.core import (
    MS,
    Fail,
    Failed,
    Job,
    JobContext,
    JobOutcome,
    Node,
    Ok,
    Operation,
    Steps,
    Ticket,
    Timer,
)


class Sum(Struct, frozen=True):
    """What counting gives."""

    count: int
    total: int


class Count(Job, frozen=True):
    """Add up the numbers below ``n``, and keep them in a file; stumble over one of them."""

    Result: ClassVar[Any] = Sum

    n: int
    bad: int | None = None

    def run(self, io: JobContext) -> Steps:
        total = 0
        for number in range(self.n):
            if number == self.bad:
                raise ValueError(f"{number} is bad")
            total += number
            yield number
        io.disk.append(f"sums/{self.n}", str(total).encode())
        io.disk.sync(f"sums/{self.n}", "sums/")
        io.store.put_if_absent(f"sum/{self.n}", str(total).encode())
        io.log.info("count", "done", n=self.n)
        return Sum(self.n, total)


class Forever(Job, frozen=True):
    """Never ends by itself."""

    def run(self, io: JobContext) -> Steps:
        number = 0
        io.disk.append("forever", b"begun\n")
        while True:
            number += 1
            yield number


class Scribble(Job, frozen=True):
    """Writes, byte by byte, until it is stopped."""

    def run(self, io: JobContext) -> Steps:
        while True:
            io.disk.append("scribbles", b".")
            yield


class StopScribbling(Operation, frozen=True):
    """Cancel it, and answer how much there is of it."""


class StartScribbling(Operation, frozen=True):
    """Begin to scribble."""


class Add(Operation, frozen=True):
    """Count, and answer with the total."""

    n: int
    bad: int | None = None


class Begin(Operation, frozen=True):
    """Start the endless job; the answer comes when it ends."""


class End(Operation, frozen=True):
    """Cancel the endless job."""


class Beat(Timer, frozen=True):
    """Still here."""


class Counter(Node):
    """Runs jobs for its clients, and counts its own heartbeats meanwhile."""

    tickets: dict[Job, Ticket]
    beats: int

    def on_start(self) -> None:
        self.tickets = {}
        self.beats = 0
        self.set_timer(Beat(), 5 * MS)

    def on_beat(self) -> None:
        self.beats += 1
        self.set_timer(Beat(), 5 * MS)

    def on_add(self, add: Add, ticket: Ticket) -> None:
        self._run(Count(add.n, add.bad), ticket)

    def on_begin(self, begin: Begin, ticket: Ticket) -> None:
        self._run(Forever(), ticket)

    def on_end(self, end: End, ticket: Ticket) -> None:
        self.cancel_job(Forever())
        self.tickets.pop(Forever(), None)
        self.finish(ticket, Ok())

    def on_start_scribbling(self, operation: StartScribbling, ticket: Ticket) -> None:
        self.run_job(Scribble())
        self.finish(ticket, Ok())

    def on_stop_scribbling(self, operation: StopScribbling, ticket: Ticket) -> None:
        self.cancel_job(Scribble())
        self.finish(ticket, Ok(self.disk.size("scribbles")))

    def on_scribble(self, job: Scribble, outcome: JobOutcome) -> None: ...

    def on_count(self, job: Count, outcome: JobOutcome) -> None:
        self._answer(job, outcome)

    def on_forever(self, job: Forever, outcome: JobOutcome) -> None:
        self._answer(job, outcome)

    def probe(self) -> int:
        return self.beats

    def _run(self, job: Job, ticket: Ticket) -> None:
        self.tickets[job] = ticket
        self.run_job(job)

    def _answer(self, job: Job, outcome: JobOutcome) -> None:
        ticket = self.tickets.pop(job)
        if isinstance(outcome, Failed):
            self.finish(ticket, Fail(f"{outcome.error} at {outcome.progress}"))
        else:
            self.finish(ticket, Ok(outcome.value))
