"""Part 4E1: what crosses the wire, what is stored and shown, and the shop whose events are to be relayed. Given.

=================  ================================================================================
shop -> points     ``Publish`` an event, again and again until it is ``Received``
points -> shop     ``Received``
=================  ================================================================================

Both are datagrams. Orders are operations of the shop itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from distlab.core import MS, Config, Disk, Fail, Message, Node, Ok, Operation, Ticket, Timer
from labs.lab4_transactions.database import Database, Row, open_database


class Order(Operation, frozen=True):
    """A local transaction of the shop: ``Ok()`` if it was committed, ``Fail()`` if it was rolled back."""

    customer: str
    value: int
    think: int = 0
    """How long it runs, in microseconds, after it has written its rows and before it commits."""
    fails: bool = False


class Publish(Message, frozen=True):
    """This has happened."""

    commit: int
    id: int
    customer: str
    value: int


class Received(Message, frozen=True):
    """Every event up to this commit number has had its effect, on disk."""

    commit: int


# -- rows ---------------------------------------------------------------------------------------------


class Event(Row, frozen=True):
    """A row of the outbox table: written by a local transaction beside its business rows, seen once that commits."""

    id: int
    """The primary key, from a sequence. Drawn when the row is *written*."""
    commit: int
    """Which commit made it visible: 1, 2, 3, ... without gaps. Known when the transaction *commits*."""
    customer: str
    value: int

    @property
    def key(self) -> int:
        return self.id


class Sale(Row, frozen=True):
    """A business row of the shop."""

    commit: int
    customer: str
    value: int

    @property
    def key(self) -> int:
        return self.commit


class Points(Row, frozen=True):
    """A business row of the consumer. What an event does to it is not idempotent, and depends on the order."""

    customer: str
    total: int = 0
    count: int = 0
    trail: int = 0

    @property
    def key(self) -> str:
        return self.customer


def credited(points: Points, value: int) -> Points:
    """The effect of one event."""
    trail = (points.trail * 31 + value) % 2**31
    return Points(points.customer, points.total + value, points.count + 1, trail)


# -- the shop -----------------------------------------------------------------------------------------


@dataclass
class Outbox:
    """The shop's database, as a relay sees it."""

    db: Database

    def by_id(self, after: int, limit: int = 100) -> list[Event]:
        """Committed rows: ``SELECT * FROM outbox WHERE id > :after ORDER BY id LIMIT :limit``."""
        return [event for event in self.db.all(Event) if event.id > after][:limit]

    def by_commit(self, after: int, limit: int = 100) -> list[Event]:
        """The same rows in the order of their commits, as the database's own log has them (change data capture)."""
        events = sorted(self.db.all(Event), key=lambda event: event.commit)
        return [event for event in events if event.commit > after][:limit]

    def remove(self, disk: Disk, events: list[Event]) -> None:
        """Delete rows; one local transaction."""
        if events:
            self.db.commit(disk, gone=tuple(events))


class ShopView(Struct, frozen=True):
    """What the shop shows of itself."""

    sales: tuple[Sale, ...]
    waiting: int
    """Rows in the outbox."""


class Think(Timer, frozen=True):
    ticket: int


class ShopConfig(Config, frozen=True):
    consumer: str
    retry: int = 40 * MS


class ShopBase(Node):
    """Runs local transactions side by side: each writes its rows at once, and commits when it has thought."""

    config: ShopConfig
    outbox: Outbox
    running: dict[int, tuple[Order, int]]
    drawn: int

    def on_start(self) -> None:
        db = open_database(self.disk, Event | Sale)
        self.outbox, self.running = Outbox(db), {}
        self.drawn = 1000 * len(db.all(Sale))  # a sequence may have gaps, and goes on after a crash

    def on_order(self, op: Order, ticket: Ticket) -> None:
        self.drawn += 1
        self.running[ticket] = op, self.drawn
        self.set_timer(Think(ticket), op.think)

    def on_think(self, timer: Think) -> None:
        order, row = self.running.pop(timer.ticket)
        if order.fails:
            self.finish(Ticket(timer.ticket), Fail("rolled back"))
            return
        db = self.outbox.db
        commit = 1 + len(db.all(Sale))
        sale = Sale(commit, order.customer, order.value)
        db.commit(self.disk, sale, Event(row, commit, order.customer, order.value))
        self.finish(Ticket(timer.ticket), Ok())
        self.after_commit()

    def after_commit(self) -> None:
        """Called after each commit."""

    def probe(self) -> ShopView:
        db = self.outbox.db
        return ShopView(tuple(db.all(Sale)), len(db.all(Event)))


# -- the consumer -------------------------------------------------------------------------------------


class ConsumerView(Struct, frozen=True):
    """What the consumer shows of itself."""

    points: tuple[Points, ...]
    remembered: int
    """Rows that it keeps only to recognise what comes again."""


class ConsumerConfig(Config, frozen=True):
    shop: str
