"""A client that does what no honest one does: it asks for two things under one name, and for names it was not given."""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS, Address, Fail, Info, Node, Ok, Operation, Ticket, Timer
from labs.lab4_transactions.twophase import (
    Began,
    Begin,
    Execute,
    Outcome,
    Rejected,
    Step,
    TellerConfig,
    Txn,
)


class Forge(Operation, frozen=True):
    """Ask for ``steps``, and after a while for ``other`` under the same name.

    Answer: what was said to the second, "committed", "aborted", "rejected" or "nothing"; and whether what has that name
    was committed, as far as anybody was told.
    """

    steps: tuple[Step, ...]
    other: tuple[Step, ...]
    after: int
    """So many microseconds later."""
    made_up: bool = False
    """Ask under a name of which the coordinator has never heard, and for ``other`` only."""


class Second(Timer, frozen=True):
    """Time for the other request."""


class Enough(Timer, frozen=True):
    """Nothing more will be heard."""


class Job(Struct):
    ticket: Ticket
    forge: Forge
    txn: Txn | None = None
    is_second: bool = False
    is_committed: bool = False
    heard: str = "nothing"


class Forger(Node):
    """Does one forgery at a time."""

    config: TellerConfig
    job: Job | None

    def on_start(self) -> None:
        self.job = None

    def on_forge(self, forge: Forge, ticket: Ticket) -> None:
        coordinator = self.config.coordinators[0]
        self.job = Job(ticket, forge)
        if forge.made_up:
            self.job.txn = Txn(coordinator, 99, 1)
            self.on_second()
        else:
            self.send(coordinator, Begin(1))

    def on_began(self, began: Began) -> None:
        if self.job is not None and self.job.txn is None:
            self.job.txn = began.txn
            self.send(began.txn.coordinator, Execute(began.txn, self.job.forge.steps))
            self.set_timer(Second(), self.job.forge.after)

    def on_second(self) -> None:
        assert self.job is not None
        assert self.job.txn is not None
        self.job.is_second = True
        self.send(self.job.txn.coordinator, Execute(self.job.txn, self.job.forge.other))
        self.set_timer(Enough(), 300 * MS)

    def on_outcome(self, outcome: Outcome, coordinator: Address) -> None:
        if self.job is None:
            return
        self.job.is_committed = self.job.is_committed or outcome.committed
        self.hear("committed" if outcome.committed else "aborted")

    def on_rejected(self, rejected: Rejected, coordinator: Address) -> None:
        self.hear("rejected")

    def hear(self, what: str) -> None:
        if self.job is not None and self.job.is_second and self.job.heard != "rejected":
            self.job.heard = what

    def on_enough(self) -> None:
        assert self.job is not None
        outcome: Ok | Fail | Info = Ok((self.job.heard, self.job.is_committed))
        self.finish(self.job.ticket, outcome)
        self.job = None
