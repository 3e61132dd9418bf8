"""The benchmark's clients of lab 2's log: a producer that keeps batches under way, a consumer, and part 2F's producer.

All are nodes like any other: they find the leader by asking, and ask again when nobody answers. The first producer does
not care for duplicates; the one of part 2F, the reference, is handed record after record, and numbers its batches.
Records carry the time at which they were made, and all processes of a run share one clock.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from distlab.core import (
    MS,
    SECOND,
    Address,
    Config,
    Node,
    Ok,
    Operation,
    Outcome,
    Ticket,
    Timer,
)
from labs.lab2_log.batch import checked_head, seal, unseal
from labs.lab2_log.batches import Batch, Record, head_at
from labs.lab2_log.brokers import ALL, NONE, Fetch, Fetched, Produce, Produced
from labs.lab2_log.producer import Producer as IdempotentProducer
from labs.lab2_log.producing import ProducerConfig, Send

PARTITION = "orders-0"
PATIENCE = 2 * SECOND


class ClientConfig(Config, frozen=True):
    """Whom to ask."""

    brokers: tuple[str, ...]


class Load(Operation, frozen=True):
    """Produce so many batches as fast as it goes. Ok(microseconds)."""

    batches: int
    records: int
    """In each batch."""
    size: int
    """Bytes of each record's value."""
    under_way: int


class Pace(Operation, frozen=True):
    """Produce records one by one, one every ``every`` microseconds. Ok(microseconds until each was acknowledged)."""

    records: int
    size: int
    every: int


class Persist(Operation, frozen=True):
    """Produce records one by one, each when the one before it is acknowledged, for ``duration``.

    After ``patience`` without an answer the next broker is asked. Ok(the longest pause between two acknowledgements).
    """

    size: int
    duration: int
    patience: int = 100 * MS


class Scan(Operation, frozen=True):
    """Read from the beginning until so many records have come. Ok(microseconds)."""

    records: int
    max_bytes: int = 4 << 20
    unpack: bool = True
    """Take every record out of its batch; else only check the batches."""


class Watch(Operation, frozen=True):
    """Wait at the end of the log for so many records. Ok(how old each was when it came)."""

    records: int


class Silence(Timer, frozen=True):
    """Nobody has answered this request."""

    id: int


class Next(Timer, frozen=True):
    """Time for the next record."""


class Task(Struct):
    """What a client is at."""

    ticket: Ticket
    operation: Any
    began: int
    sent: int = 0
    done: int = 0
    """Batches acknowledged, or records read."""
    offset: int = 0
    times: list[int] = []
    last: int = 0


class Client(Node):
    """What both have in common: whom they take for the leader, and what they are at."""

    config: ClientConfig
    leader: int
    requests: int
    task: Task | None

    def on_start(self) -> None:
        self.leader = self.requests = 0
        self.task = None

    @property
    def broker(self) -> Address:
        return Address(self.config.brokers[self.leader])

    def ask_another(self) -> None:
        self.leader = (self.leader + 1) % len(self.config.brokers)

    def begin_task(self, operation: Operation, ticket: Ticket) -> Task:
        self.task = Task(ticket, operation, self.now(), last=self.now())
        return self.task

    def end_task(self, value: Any) -> None:
        assert self.task is not None
        self.finish(self.task.ticket, Ok(value))
        self.task = None


class Producer(Client):
    """Keeps batches under way."""

    waiting: dict[int, tuple[bytes, int, int]]
    """Request -> (its batch, when it was made, when it was sent)."""
    value: bytes

    def on_start(self) -> None:
        super().on_start()
        self.waiting = {}
        self.value = b""

    def on_load(self, operation: Load, ticket: Ticket) -> None:
        self.value = self.random.randbytes(operation.size)
        self.begin_task(operation, ticket)
        for _ in range(operation.under_way):
            self.load(operation)

    def on_pace(self, operation: Pace, ticket: Ticket) -> None:
        self.value = self.random.randbytes(operation.size)
        self.begin_task(operation, ticket)
        self.on_next(Next())

    def on_persist(self, operation: Persist, ticket: Ticket) -> None:
        self.value = self.random.randbytes(operation.size)
        self.begin_task(operation, ticket)
        self.produce(self.batch(1), operation.patience)

    def load(self, operation: Load) -> None:
        assert self.task is not None
        if self.task.sent < operation.batches:
            self.task.sent += 1
            self.produce(self.batch(operation.records))

    def on_next(self, _: Next) -> None:
        if self.task is not None and self.task.sent < self.task.operation.records:
            self.task.sent += 1
            self.produce(self.batch(1))
            due = self.task.began + self.task.sent * self.task.operation.every
            self.set_timer(Next(), max(0, due - self.now()))

    def batch(self, count: int) -> bytes:
        """Records as their producer makes them, one by one."""
        now, value = self.now(), self.value
        records = tuple(Record(n, now, None, value) for n in range(count))
        return seal(
            Batch(last_delta=count - 1, base_timestamp=now, max_timestamp=now, records=records)
        )

    def produce(self, blob: bytes, patience: int = PATIENCE) -> None:
        self.requests += 1
        self.waiting[self.requests] = (blob, self.now(), patience)
        self.send(self.broker, Produce(self.requests, PARTITION, ALL, blob, PATIENCE))
        self.set_timer(Silence(self.requests), patience)

    def on_silence(self, timer: Silence) -> None:
        if (unanswered := self.waiting.pop(timer.id, None)) is not None:
            self.ask_another()
            blob, _, patience = unanswered
            self.produce(blob, patience)

    def on_produced(self, answer: Produced, sender: Address) -> None:
        if answer.id not in self.waiting or self.task is None:
            return
        self.cancel_timer(Silence(answer.id))
        if answer.error != NONE:
            self.set_timer(Silence(answer.id), 10 * MS)
            return
        _, made, _ = self.waiting.pop(answer.id)
        task, now = self.task, self.now()
        task.done += 1
        match task.operation:
            case Load() as load:
                if task.done == load.batches:
                    self.end_task(now - task.began)
                else:
                    self.load(load)
            case Pace() as pace:
                task.times.append(now - made)
                if task.done == pace.records:
                    self.end_task(task.times)
            case Persist() as persist:
                task.times.append(now - task.last)
                task.last = now
                if now - task.began > persist.duration:
                    self.end_task(max(task.times))
                else:
                    self.produce(self.batch(1), persist.patience)


class Idempotent(IdempotentProducer):
    """Part 2F's, with so many batches' records in its hands."""

    config: ProducerConfig
    loading: tuple[Ticket, Load] | None
    began: int
    handed: int
    done: int
    record: Send

    def on_start(self) -> None:
        super().on_start()
        self.record = Send("")
        self.loading, self.began, self.handed, self.done = None, 0, 0, 0

    def on_load(self, load: Load, ticket: Ticket) -> None:
        self.loading, self.began, self.handed, self.done = (ticket, load), self.now(), 0, 0
        self.record = Send("x" * load.size)
        self.hand_over(load.records * load.under_way)

    def hand_over(self, count: int) -> None:
        assert self.loading is not None
        load = self.loading[1]
        for _ in range(min(count, load.batches * load.records - self.handed)):
            self.handed += 1
            self.on_send(self.record, Ticket(-self.handed))

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        """A record is settled: the next ones, a batch at a time."""
        if ticket >= 0 or self.loading is None:
            super().finish(ticket, outcome)
            return
        assert isinstance(outcome, Ok), outcome
        whole, load = self.loading
        self.done += 1
        if self.done == load.batches * load.records:
            self.loading = None
            super().finish(whole, Ok(self.now() - self.began))
        elif self.done % load.records == 0:
            self.set_timer(Next(), 0)  # not in the midst of what it does

    def on_next(self, _: Next) -> None:
        if self.loading is not None:
            load = self.loading[1]
            self.hand_over(load.records * load.under_way - (self.handed - self.done))


class Consumer(Client):
    """Reads; asks for what comes next before it looks at what came."""

    def on_scan(self, operation: Scan, ticket: Ticket) -> None:
        self.begin_task(operation, ticket)
        self.fetch()

    def on_watch(self, operation: Watch, ticket: Ticket) -> None:
        self.begin_task(operation, ticket).offset = -1
        self.fetch()

    def fetch(self) -> None:
        assert self.task is not None
        self.requests += 1
        size = getattr(self.task.operation, "max_bytes", 1 << 20)
        self.send(self.broker, Fetch(self.requests, PARTITION, self.task.offset, size, 1, SECOND))
        self.set_timer(Silence(self.requests), PATIENCE)

    def on_silence(self, timer: Silence) -> None:
        if timer.id == self.requests and self.task is not None:
            self.ask_another()
            self.fetch()

    def on_fetched(self, answer: Fetched, sender: Address) -> None:
        task = self.task
        if answer.id != self.requests or task is None:
            return
        self.cancel_timer(Silence(answer.id))
        if task.offset < 0:  # there is nothing, but now we know where the end is
            task.offset = answer.high_watermark
            if task.offset < 0:
                self.ask_another()
            self.fetch()
            return
        before, at = task.offset, 0
        while (head := head_at(answer.records, at)) is not None:
            task.offset = head.next_offset
            at += head.size
        task.done += task.offset - before
        is_done = task.done >= task.operation.records
        if not is_done:
            self.fetch()
        self.open(task, answer.records)
        if is_done:
            self.end_task(
                self.now() - task.began if isinstance(task.operation, Scan) else task.times
            )

    def open(self, task: Task, data: bytes) -> None:
        """Check every batch, and take it apart."""
        at = 0
        while at < len(data):
            head = checked_head(data, at)
            if isinstance(task.operation, Watch) or task.operation.unpack:
                records = unseal(data[at : at + head.size]).records
                if isinstance(task.operation, Watch):
                    task.times += [self.now() - record.timestamp for record in records]
            at += head.size
