"""Another producer: each batch has its own alarms, and all partitions share one epoch.

Records gather in a partition's *lane* until the lane's bell rings (it is full, it has lingered, somebody flushes); then
they become a *parcel*. Parcels leave through a window of five, each with an alarm for its answer, and one for its life.

The epoch is the producer's, as Kafka's is. A lane that has to begin anew takes the next one; the other lanes stay in
theirs until they have nothing under way (librdkafka #4953 tells what happens otherwise).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from distlab.core import Address, Fail, Info, Node, Ok, Ticket, Timer
from labs.lab2_log.batch import seal
from labs.lab2_log.batches import HEADER, NO_PRODUCER, Batch, Record
from labs.lab2_log.brokers import (
    CORRUPT_MESSAGE,
    NONE,
    NOT_ENOUGH_REPLICAS,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    NOT_LEADER,
    REQUEST_TIMED_OUT,
    STORAGE_ERROR,
    Produce,
    Produced,
)
from labs.lab2_log.dealer import Dealer  # type: ignore[import-not-found]
from labs.lab2_log.partitioner import partition_for
from labs.lab2_log.producing import (
    MAX_EPOCH,
    OUT_OF_ORDER_SEQUENCE,
    UNKNOWN_PRODUCER_ID,
    Flush,
    InitProducerId,
    Metadata,
    MetadataIs,
    ProducerConfig,
    ProducerIdIs,
    Send,
    record_size,
)

CERTAIN = (NOT_LEADER, NOT_ENOUGH_REPLICAS, CORRUPT_MESSAGE, OUT_OF_ORDER_SEQUENCE)
"""Not appended, this time."""
VAGUE = (NOT_ENOUGH_REPLICAS_AFTER_APPEND, REQUEST_TIMED_OUT, STORAGE_ERROR)
"""Appended, perhaps."""


class Bell(Timer, frozen=True):
    """The lane's oldest record has lingered."""

    lane: int


class Overdue(Timer, frozen=True):
    """This request was not answered."""

    lane: int
    request: int


class Rested(Timer, frozen=True):
    """The parcel may be sent again."""

    lane: int
    parcel: int


class Spoilt(Timer, frozen=True):
    """The parcel is too old."""

    lane: int
    parcel: int


class Spoiling(Timer, frozen=True):
    """What gathers in the lane is too old: it never became a parcel."""

    lane: int


class Ask(Timer, frozen=True):
    """Ask again for what we do not know."""


@dataclass
class Item:
    """One record."""

    ticket: int
    record: Record
    size: int
    at: int
    """When it came (monotonic clock)."""


@dataclass
class Parcel:
    """A batch."""

    number: int
    items: list[Item]
    blob: bytes = b""
    tries: int = 0
    unanswered: list[int] = field(default_factory=list)
    """Requests of which nobody knows what they did."""
    hasty: list[int] = field(default_factory=list)
    """Requests sent while another parcel was before this one: where a copy came too early, another may have come in
    time."""
    current: int = 0
    """The request under way."""
    is_resting: bool = False


@dataclass
class Lane:
    """One partition."""

    name: str
    leader: str = ""
    version: int = -1
    gathering: list[Item] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    made: int = 0
    identity: int = NO_PRODUCER
    epoch: int = 0
    next: int = 0


class Producer(Node):
    """One client of one topic."""

    config: ProducerConfig
    lanes: list[Lane]
    dealer: Dealer
    identity: int
    spent: int
    """The identity before, which has no epochs left."""
    epoch: int
    numbers: int
    waiting: dict[int, int]
    """Flush -> how many records it still waits for."""
    owed: dict[int, list[int]]
    """Record -> the flushes that wait for it."""
    is_asking: bool

    def on_start(self) -> None:
        self.lanes = [Lane(name) for name in self.config.partitions]
        room = self.config.batch_size - HEADER.size
        self.dealer = Dealer(room if self.config.partitioner == "sticky" else 0)
        self.identity, self.spent, self.epoch = NO_PRODUCER, NO_PRODUCER, 0
        self.numbers = self.random.randrange(1 << 60)
        self.waiting, self.owed = {}, {}
        self.is_asking = False
        self.ask()

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    # -- what we do not know --------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask everybody for everything that is not known; no more often than we may."""
        if self.is_asking:
            return
        self.is_asking = True
        self.set_timer(Ask(), self.config.metadata_retry)
        if self.identity == NO_PRODUCER and self.config.idempotent:
            for controller in self.config.controllers:
                self.send(Address(controller), InitProducerId(self.number()))
        for broker in self.config.brokers:
            self.send(Address(broker), Metadata(self.number()))

    def on_ask(self, _: Ask) -> None:
        self.is_asking = False
        is_ignorant = self.identity == NO_PRODUCER and self.config.idempotent
        if is_ignorant or not all(lane.leader for lane in self.lanes):
            self.ask()

    def on_producer_id_is(self, answer: ProducerIdIs) -> None:
        if self.identity == NO_PRODUCER and answer.producer_id != self.spent:
            self.identity, self.epoch = answer.producer_id, answer.producer_epoch
            for n in range(len(self.lanes)):
                self.push(n)

    def on_metadata_is(self, answer: MetadataIs) -> None:
        news = {state.partition: state for state in answer.partitions}
        for n, lane in enumerate(self.lanes):
            state = news.get(lane.name)
            if state is not None and state.version > lane.version:
                lane.leader, lane.version = state.leader, state.version
                self.push(n)
        if not all(lane.leader for lane in self.lanes):
            self.ask()

    # -- gathering ------------------------------------------------------------------------------------------------

    def on_send(self, op: Send, ticket: Ticket) -> None:
        if op.partition >= len(self.lanes):
            self.finish(ticket, Fail("there is no such partition"))
            return
        key = op.key.encode() if op.key is not None else None
        value = op.value.encode()
        size = record_size(key, value)
        item = Item(ticket, Record(0, self.now(), key, value), size, self.monotonic())
        n = op.partition
        if n < 0 and key is not None:
            n = partition_for(key, len(self.lanes))
        elif n < 0:
            led = [k for k, lane in enumerate(self.lanes) if lane.leader]
            n = self.dealer.choose(led, len(self.lanes), size)
        lane = self.lanes[n]
        if self.weight(lane.gathering) + size > self.config.batch_size:
            self.pack(n)
        if not lane.gathering:
            self.set_timer(Bell(n), self.config.linger)
            self.set_timer(Spoiling(n), self.config.delivery_timeout)
        lane.gathering.append(item)
        if self.weight(lane.gathering) >= self.config.batch_size:
            self.pack(n)

    @staticmethod
    def weight(items: list[Item]) -> int:
        return HEADER.size + sum(item.size for item in items)

    def on_bell(self, bell: Bell) -> None:
        lane = self.lanes[bell.lane]
        # While nothing more can leave, what gathers may as well go on gathering.
        if self.has_room(lane) or not lane.gathering:
            self.pack(bell.lane)
        else:
            self.set_timer(Bell(bell.lane), self.config.linger)

    def has_room(self, lane: Lane) -> bool:
        if not lane.leader or (self.config.idempotent and self.identity == NO_PRODUCER):
            return False
        return not lane.parcels or lane.made + 1 < lane.parcels[0].number + self.window()

    def window(self) -> int:
        return self.config.in_flight if self.config.idempotent else 1

    def pack(self, n: int) -> None:
        """What has gathered becomes a parcel."""
        lane = self.lanes[n]
        if lane.gathering:
            lane.made += 1
            parcel = Parcel(lane.made, lane.gathering)
            lane.gathering = []
            lane.parcels.append(parcel)
            age = self.monotonic() - parcel.items[0].at
            self.cancel_timer(Bell(n))
            self.cancel_timer(Spoiling(n))
            self.set_timer(Spoilt(n, parcel.number), max(0, self.config.delivery_timeout - age))
        self.push(n)

    def on_flush(self, op: Flush, ticket: Ticket) -> None:
        items = [item for lane in self.lanes for item in lane.gathering]
        items += [item for lane in self.lanes for p in lane.parcels for item in p.items]
        if not items:
            self.finish(ticket, Ok())
            return
        self.waiting[ticket] = len(items)
        for item in items:
            self.owed.setdefault(item.ticket, []).append(ticket)
        for n in range(len(self.lanes)):
            self.pack(n)

    # -- sending --------------------------------------------------------------------------------------------------

    def push(self, n: int) -> None:
        """Send what may be sent: in order, as far as the window reaches."""
        lane = self.lanes[n]
        if not lane.leader or (self.config.idempotent and self.identity == NO_PRODUCER):
            return
        for parcel in list(lane.parcels):
            if not lane.parcels or parcel.number >= lane.parcels[0].number + self.window():
                return
            if parcel.is_resting:
                return
            if not parcel.current:
                self.ship(n, lane, parcel)

    def ship(self, n: int, lane: Lane, parcel: Parcel) -> None:
        if not parcel.blob:
            self.label(lane, parcel)
        parcel.tries += 1
        parcel.current = self.number()
        parcel.unanswered.append(parcel.current)
        if parcel is not lane.parcels[0]:
            parcel.hasty.append(parcel.current)
        wait = self.config.request_timeout
        acks = self.config.acks
        request = Produce(parcel.current, lane.name, acks, parcel.blob, wait - wait // 4)
        self.send(Address(lane.leader), request)
        if acks == 0:
            self.close(n, parcel, Ok, -1)
        else:
            self.set_timer(Overdue(n, parcel.current), wait)

    def label(self, lane: Lane, parcel: Parcel) -> None:
        """Number the parcel, for ever. A lane with nothing under way takes the producer's own epoch."""
        numbered = self.config.idempotent
        is_idle = not any(other.blob for other in lane.parcels)
        if is_idle and (lane.identity, lane.epoch) != (self.identity, self.epoch):
            lane.identity, lane.epoch, lane.next = self.identity, self.epoch, 0
        records = [item.record for item in parcel.items]
        times = [record.timestamp for record in records]
        parcel.blob = seal(
            Batch(
                last_delta=len(records) - 1,
                base_timestamp=times[0],
                max_timestamp=max(times),
                producer_id=lane.identity if numbered else NO_PRODUCER,
                producer_epoch=lane.epoch if numbered else NO_PRODUCER,
                base_sequence=lane.next if numbered else NO_PRODUCER,
                records=tuple(
                    Record(k, record.timestamp, record.key, record.value)
                    for k, record in enumerate(records)
                ),
            )
        )
        lane.next = (lane.next + len(records)) & 0x7FFFFFFF

    def rest(self, n: int, parcel: Parcel) -> None:
        """It did not work; later, and perhaps elsewhere."""
        self.cancel_timer(Overdue(n, parcel.current))
        parcel.current = 0
        parcel.is_resting = True
        wait = min(
            self.config.retry_backoff * 2 ** min(parcel.tries - 1, 12),
            self.config.retry_backoff_max,
        )
        self.set_timer(Rested(n, parcel.number), wait - self.random.randrange(wait // 5 + 1))
        self.ask()

    def on_rested(self, timer: Rested) -> None:
        for parcel in self.lanes[timer.lane].parcels:
            if parcel.number == timer.parcel:
                parcel.is_resting = False
        self.push(timer.lane)

    def on_overdue(self, timer: Overdue) -> None:
        for parcel in self.lanes[timer.lane].parcels:
            if parcel.current == timer.request:
                self.rest(timer.lane, parcel)

    # -- what comes of it -----------------------------------------------------------------------------------------

    def on_produced(self, answer: Produced) -> None:
        for n, lane in enumerate(self.lanes):
            for parcel in lane.parcels:
                if answer.id in parcel.unanswered:
                    self.hear(n, lane, parcel, answer)
                    return

    def hear(self, n: int, lane: Lane, parcel: Parcel, answer: Produced) -> None:
        if answer.error == NONE:
            self.close(n, parcel, Ok, answer.base_offset)
            self.push(n)
            return
        if answer.error not in VAGUE and answer.id not in parcel.hasty:
            parcel.unanswered.remove(answer.id)
        if answer.error == UNKNOWN_PRODUCER_ID:
            if parcel is lane.parcels[0] and not parcel.unanswered:
                self.begin_anew(n, lane)
                self.push(n)
            elif parcel.current == answer.id:
                self.rest(n, parcel)
        elif answer.error in CERTAIN or answer.error in VAGUE:
            if parcel.current == answer.id:
                self.rest(n, parcel)
        else:
            self.abandon(n, answer.error, parcel)

    def begin_anew(self, n: int, lane: Lane) -> None:
        """Nothing of what is in the lane is in the log, or it is of no concern any more."""
        if lane.epoch >= self.epoch and lane.identity == self.identity:
            self.epoch += 1
        if self.epoch > MAX_EPOCH:
            self.identity, self.spent, self.epoch = NO_PRODUCER, self.identity, 0
            self.ask()
        for parcel in lane.parcels:
            self.cancel_timer(Overdue(n, parcel.current))
            self.cancel_timer(Rested(n, parcel.number))
            parcel.blob, parcel.current, parcel.is_resting = b"", 0, False
            parcel.unanswered.clear()
            parcel.hasty.clear()

    def on_spoilt(self, timer: Spoilt) -> None:
        if any(parcel.number == timer.parcel for parcel in self.lanes[timer.lane].parcels):
            self.abandon(timer.lane, "too late")

    def on_spoiling(self, timer: Spoiling) -> None:
        self.abandon(timer.lane, "too late")

    def abandon(self, n: int, why: str, refused: Parcel | None = None) -> None:
        """Give the whole lane up: what comes later must not stand where this should have been."""
        lane = self.lanes[n]
        parcels, lane.parcels = lane.parcels, []
        items, lane.gathering = lane.gathering, []
        self.cancel_timer(Bell(n))
        self.cancel_timer(Spoiling(n))
        for parcel in parcels:
            self.cancel_timer(Overdue(n, parcel.current))
            self.cancel_timer(Rested(n, parcel.number))
            self.cancel_timer(Spoilt(n, parcel.number))
            is_nowhere = not parcel.tries or (parcel is refused and not parcel.unanswered)
            for item in parcel.items:
                self.settle(item, Fail(why) if is_nowhere else Info(why))
        for item in items:
            self.settle(item, Fail(why))
        if any(parcel.tries for parcel in parcels):
            self.begin_anew(n, lane)

    def close(self, n: int, parcel: Parcel, outcome: type[Ok], base: int) -> None:
        self.cancel_timer(Overdue(n, parcel.current))
        self.cancel_timer(Rested(n, parcel.number))
        self.cancel_timer(Spoilt(n, parcel.number))
        lane = self.lanes[n]
        lane.parcels = [other for other in lane.parcels if other is not parcel]
        for k, item in enumerate(parcel.items):
            self.settle(item, outcome([n, base + k if base >= 0 else -1]))

    def settle(self, item: Item, outcome: Ok | Fail | Info) -> None:
        self.finish(Ticket(item.ticket), outcome)
        for flush in self.owed.pop(item.ticket, ()):
            self.waiting[flush] -= 1
            if not self.waiting[flush]:
                del self.waiting[flush]
                self.finish(Ticket(flush), Ok())
