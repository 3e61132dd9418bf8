"""Part 4E2: what crosses the wire, what is shown, the seller's local transactions, and the consumer. Given.

==================  ===============================================================================
seller -> broker    ``Half`` a message, until ``HalfStored``; later ``Decide``, once, and it may be lost
broker -> seller    ``Check``: what has become of it? ``Decide``, or ``StillRunning``
broker -> consumer  ``Deliver``, until ``Taken``
==================  ===============================================================================

All are datagrams. Sales are operations of the seller itself.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS, Address, Config, Fail, Message, Node, Ok, Operation, Ticket, Timer
from labs.lab4_transactions.database import Database, Row, open_database


class Sell(Operation, frozen=True):
    """A local transaction with a message. ``Ok()`` if it was committed, ``Fail()``: it never will be."""

    id: int
    """Of the sale, and of its message."""
    value: int
    think: int = 0
    """How long the local transaction runs, in microseconds."""
    fails: bool = False


class Half(Message, frozen=True):
    """Keep this message (半消息), and show it to nobody yet."""

    id: int
    value: int


class HalfStored(Message, frozen=True):
    """It is kept, on disk."""

    id: int


class Decide(Message, frozen=True):
    """The local transaction was committed, or it was not and never will be."""

    id: int
    committed: bool


class Check(Message, frozen=True):
    """What has become of the local transaction (回查)?"""

    id: int


class StillRunning(Message, frozen=True):
    """Nobody knows yet: ask again."""

    id: int


class Deliver(Message, frozen=True):
    """To the consumer: this has been sold."""

    id: int
    value: int


class Taken(Message, frozen=True):
    """It has had its effect, on disk."""

    id: int


class SellerConfig(Config, frozen=True):
    broker: str
    retry: int = 40 * MS
    patience: int = 300 * MS
    """A half message that is not stored after so long: the sale fails."""


class BrokerConfig(Config, frozen=True):
    seller: str
    consumer: str
    check_after: int = 100 * MS
    """A half message of this age is asked about; and again after as long."""
    retry: int = 40 * MS


class Sold(Row, frozen=True):
    """A business row."""

    id: int
    value: int

    @property
    def key(self) -> int:
        return self.id


class Think(Timer, frozen=True):
    id: int


class SellerBase(Node):
    """The seller's local transactions: started when you say so, each commits or rolls back when it has thought."""

    config: SellerConfig
    db: Database
    running: dict[int, tuple[Sell, Ticket]]

    def on_start(self) -> None:
        self.db, self.running = open_database(self.disk, Sold), {}

    def start_transaction(self, op: Sell, ticket: Ticket) -> None:
        """Start the local transaction of a sale. Not twice."""
        self.running[op.id] = op, ticket
        self.set_timer(Think(op.id), op.think)

    def on_think(self, timer: Think) -> None:
        op, ticket = self.running.pop(timer.id)
        if not op.fails:
            self.db.commit(self.disk, Sold(op.id, op.value))
        self.finish(ticket, Fail("rolled back") if op.fails else Ok())
        self.after_transaction(op.id, not op.fails)

    def after_transaction(self, sale: int, committed: bool) -> None:
        """Called when a local transaction has ended, and what it did is on its way to the disk."""

    def is_sold(self, sale: int) -> bool:
        """Whether the local transaction of this sale was committed, in this life or an earlier one."""
        return self.db.get(Sold, sale) is not None

    def probe(self) -> tuple[int, ...]:
        return tuple(sold.id for sold in self.db.all(Sold))


class BrokerView(Struct, frozen=True):
    """What a broker shows of itself."""

    halves: int
    """Messages that wait for a decision."""
    ready: int
    """Messages that wait for the consumer."""


class Listener(Node):
    """The consumer: takes each message once."""

    db: Database

    def on_start(self) -> None:
        self.db = open_database(self.disk, Sold)

    def on_deliver(self, message: Deliver, sender: Address) -> None:
        if self.db.get(Sold, message.id) is None:
            self.db.commit(self.disk, Sold(message.id, message.value))
        self.send(sender, Taken(message.id))

    def probe(self) -> tuple[int, ...]:
        return tuple(sold.id for sold in self.db.all(Sold))
