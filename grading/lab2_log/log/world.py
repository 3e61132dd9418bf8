"""Producers and consumers, played by the world.

A client does not retry what may have happened: an :class:`Append` without an answer ends as ``Info``. What certainly
did
not happen (somebody else leads, or nobody answers a read) is tried again, at the next broker.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from distlab.core import MS, Address, Config, Fail, Info, Message, Node, Ok, Ticket, Timer
from grading.lab2_log.log import codec
from labs.lab2_log.brokers import (
    ALL,
    NONE,
    NOT_LEADER,
    OFFSET_OUT_OF_RANGE,
    REFUSED,
    Append,
    Drain,
    Fetch,
    Fetched,
    ListedOffset,
    ListOffsets,
    LookUp,
    Poll,
    Produce,
    Produced,
    Read,
)


class ClientConfig(Config, frozen=True):
    """Whom to ask, about what."""

    brokers: tuple[str, ...]
    partition: str = "orders-0"
    patience: int = 150 * MS
    """How long to wait for an answer, beyond what the question itself allows."""
    attempts: int = 12
    """How often to ask for what certainly did not happen."""


class GiveUp(Timer, frozen=True):
    """No answer to this request."""

    id: int


class Again(Timer, frozen=True):
    """Ask once more."""

    id: int


class Asking(Struct):
    """A request under way."""

    ticket: Ticket
    operation: Append | Read | LookUp | Poll | Drain
    offset: int = 0
    found: list[tuple[int, str]] = []
    attempts: int = 0


class Client(Node):
    """Produces and consumes; one request at a time for polls, any number for the rest."""

    config: ClientConfig
    asking: dict[int, Asking]
    requests: int
    leader: int
    """Index of the broker that we take for the leader."""
    position: int
    """Where the next poll begins."""
    life: int

    def on_start(self) -> None:
        self.asking = {}
        self.requests = 0
        self.leader = 0
        self.position = 0
        self.life = self.random.randrange(1 << 30)

    # -- operations ---------------------------------------------------------------------------------------------------

    def on_append(self, op: Append, ticket: Ticket) -> None:
        self.ask(Asking(ticket, op))

    def on_read(self, op: Read, ticket: Ticket) -> None:
        self.ask(Asking(ticket, op, op.offset))

    def on_look_up(self, op: LookUp, ticket: Ticket) -> None:
        self.ask(Asking(ticket, op))

    def on_poll(self, op: Poll, ticket: Ticket) -> None:
        if any(isinstance(other.operation, Poll) for other in self.asking.values()):
            self.finish(ticket, Fail("a poll is under way"))
            return
        self.ask(Asking(ticket, op, self.position))

    def on_drain(self, op: Drain, ticket: Ticket) -> None:
        self.ask(Asking(ticket, op))

    def ask(self, asking: Asking) -> None:
        """Send the question, under a new id."""
        self.requests += 1
        number = self.requests
        self.asking[number] = asking
        asking.attempts += 1
        operation, partition = asking.operation, self.config.partition
        broker = addressee(operation) or self.config.brokers[self.leader]
        wait = self.config.patience
        message: Message
        match operation:
            case Append(values, keys, acks, damage, _, timeout):
                blob = damaged(codec.seal(codec.batch_of(values, keys, self.now())), damage)
                message = Produce(number, partition, acks, blob, timeout)
                wait += timeout if acks == ALL else 0
            case LookUp(timestamp):
                message = ListOffsets(number, partition, timestamp)
            case Drain():
                message = Fetch(number, partition, asking.offset, 2000)
            case Read() | Poll():
                message = Fetch(
                    number,
                    partition,
                    asking.offset,
                    operation.max_bytes,
                    operation.min_bytes,
                    operation.max_wait,
                )
                wait += operation.max_wait
        self.send(Address(broker), message)
        if isinstance(operation, Append) and operation.acks == 0:
            del self.asking[number]
            self.finish(asking.ticket, Ok(None))
            return
        self.set_timer(GiveUp(number), wait)

    def on_give_up(self, timer: GiveUp) -> None:
        asking = self.asking.pop(timer.id, None)
        if asking is None:
            return
        if isinstance(asking.operation, Append):
            self.next_broker()
            self.finish(asking.ticket, Info("no answer"))
        else:
            self.try_again(asking, "no answer")

    def try_again(self, asking: Asking, why: str) -> None:
        """It did not happen: ask the next broker, a little later."""
        limit = self.config.attempts * (5 if isinstance(asking.operation, Drain) else 1)
        if asking.attempts >= limit or addressee(asking.operation):
            self.finish(asking.ticket, Fail(why))
            return
        self.next_broker()
        self.requests += 1
        self.asking[self.requests] = asking
        self.set_timer(Again(self.requests), 15 * MS)

    def on_again(self, timer: Again) -> None:
        if (asking := self.asking.pop(timer.id, None)) is not None:
            self.ask(asking)

    def next_broker(self) -> None:
        self.leader = (self.leader + 1) % len(self.config.brokers)

    # -- answers ------------------------------------------------------------------------------------------------------

    def on_produced(self, answer: Produced, sender: Address) -> None:
        asking = self.asking.pop(answer.id, None)
        if asking is None:
            return
        if answer.error == NONE:
            self.finish(asking.ticket, Ok(answer.base_offset))
        elif answer.error == NOT_LEADER:
            self.try_again(asking, answer.error)
        elif answer.error in REFUSED:
            self.finish(asking.ticket, Fail(answer.error))
        else:
            self.finish(asking.ticket, Info(answer.error))

    def on_listed_offset(self, answer: ListedOffset, sender: Address) -> None:
        if (asking := self.asking.pop(answer.id, None)) is not None:
            self.finish(asking.ticket, Ok(answer.offset))

    def on_fetched(self, answer: Fetched, sender: Address) -> None:
        asking = self.asking.pop(answer.id, None)
        if asking is None:
            return
        found, end = records_in(answer.records, asking.offset)
        match asking.operation:
            case Read():
                self.finish(asking.ticket, Ok([answer.error, found]))
            case Poll() if answer.error == NONE:
                self.position = end
                self.finish(asking.ticket, Ok(found))
            case Poll() if answer.error == OFFSET_OUT_OF_RANGE:
                self.try_again(asking, answer.error)
            case Drain() if answer.error == NONE:
                asking.found = [*asking.found, *found]
                asking.offset = end
                if found or answer.high_watermark > end:
                    if found:
                        asking.attempts = 0
                        self.ask(asking)
                    else:
                        self.try_again(asking, "nothing comes")
                else:
                    self.finish(asking.ticket, Ok(asking.found))
            case Drain() if (
                answer.error == OFFSET_OUT_OF_RANGE and asking.offset < answer.log_start
            ):
                asking.offset = answer.log_start
                self.ask(asking)
            case _:
                self.try_again(asking, answer.error)


def addressee(operation: Append | Read | LookUp | Poll | Drain) -> str:
    """The broker that the operation names; empty: whoever leads."""
    return operation.to if isinstance(operation, Append | Read) else ""


def damaged(blob: bytes, bit: int) -> bytes:
    """The batch with one bit flipped, anywhere but where the leader writes its own."""
    if bit < 0:
        return blob
    flipped = bytearray(blob)
    bit = 8 * 16 + bit % (8 * (len(blob) - 16))
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def records_in(data: bytes, offset: int) -> tuple[list[tuple[int, str]], int]:
    """The records from ``offset`` on, as far as their batches are sound, and the offset behind them."""
    found: list[tuple[int, str]] = []
    end = offset
    for blob in codec.split(data):
        if not codec.is_sound(blob):
            break
        batch = codec.opened(blob)
        found += [
            (r.offset, (r.value or b"").decode()) for r in batch.records if r.offset >= offset
        ]
        end = max(end, batch.next_offset)
    return found, end


def values_of(answer: Any) -> list[tuple[int, str]]:
    """What a Poll or a Drain brought, out of a history."""
    return [(offset, value) for offset, value in answer or ()]
