"""What the world plays in part 2G: the broker of the topics, and the log of the groups with its controller.

Neither fails nor forgets; links to them may be cut. The log takes what is appended in the newest epoch, at its end, and
elects another coordinator when the present one falls silent, comes back in another life, or when the scenario says so.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS, Address, Config, Fail, Node, Ok, Operation, Ticket, Timer
from labs.lab2_log.group_log import Append, Appended, Entry, Follows, Lead, Load, Loaded
from labs.lab2_log.groups import (
    FENCED,
    OUT_OF_RANGE,
    FetchRecords,
    Found,
    Metadata,
    MetadataIs,
    Record,
    RecordsFetched,
    TopicPartition,
    TopicSize,
    Want,
)

# -- the broker -------------------------------------------------------------------------------------------------------


class Produce(Operation, frozen=True):
    """So many records more in that partition. Ok(where the partition ends now)."""

    topic: str
    number: int
    count: int = 1


class AddPartitions(Operation, frozen=True):
    """The topic has so many partitions from now on. Ok."""

    topic: str
    count: int


class Trim(Operation, frozen=True):
    """Retention: everything before that offset is gone. Ok."""

    topic: str
    number: int
    offset: int


class BrokerConfig(Config, frozen=True):
    """Topics, and how they fill."""

    topics: tuple[tuple[str, int], ...] = (("orders", 4),)
    records: int = 0
    """In each partition, at the start."""
    feed_every: int = 0
    """One record more, in one partition after the other; 0: none."""
    feed_until: int = 0


class FeedNext(Timer, frozen=True):
    """One record more."""


class AnswerDue(Timer, frozen=True):
    """This consumer has waited long enough."""

    client: str
    id: int


class PartitionLog(Struct):
    """One partition: values are made of their offsets."""

    start: int = 0
    end: int = 0


class Ends(Struct, frozen=True):
    """What the broker's probe shows of a partition."""

    partition: TopicPartition
    start: int
    end: int


class TopicBroker(Node):
    """Every topic's only broker."""

    config: BrokerConfig
    topics: dict[str, int]
    logs: dict[TopicPartition, PartitionLog]
    waiting: dict[tuple[str, int], FetchRecords]
    """(client, id) -> what it waits for."""
    fed: int

    def on_start(self) -> None:
        self.topics = dict(self.config.topics)
        self.logs = {
            TopicPartition(topic, number): PartitionLog(end=self.config.records)
            for topic, size in self.config.topics
            for number in range(size)
        }
        self.waiting = {}
        self.fed = 0
        if self.config.feed_every:
            self.set_timer(FeedNext(), self.config.feed_every)

    def probe(self) -> tuple[Ends, ...]:
        return tuple(Ends(part, log.start, log.end) for part, log in sorted(self.logs.items()))

    def on_feed_next(self, _: FeedNext) -> None:
        parts = sorted(self.logs)
        self.grow(parts[self.fed % len(parts)], 1)
        self.fed += 1
        if self.now() + self.config.feed_every <= self.config.feed_until:
            self.set_timer(FeedNext(), self.config.feed_every)

    def grow(self, part: TopicPartition, count: int) -> None:
        self.logs[part].end += count
        for (client, _), ask in list(self.waiting.items()):
            if any(want.partition == part for want in ask.wants):
                self.answer(client, ask)

    def on_produce(self, op: Produce, ticket: Ticket) -> None:
        part = TopicPartition(op.topic, op.number)
        if part not in self.logs:
            self.finish(ticket, Fail("no such partition"))
            return
        self.grow(part, op.count)
        self.finish(ticket, Ok(self.logs[part].end))

    def on_add_partitions(self, op: AddPartitions, ticket: Ticket) -> None:
        for number in range(self.topics.get(op.topic, 0), op.count):
            self.logs[TopicPartition(op.topic, number)] = PartitionLog()
        self.topics[op.topic] = max(op.count, self.topics.get(op.topic, 0))
        self.finish(ticket, Ok())

    def on_trim(self, op: Trim, ticket: Ticket) -> None:
        log = self.logs[TopicPartition(op.topic, op.number)]
        log.start = max(log.start, min(op.offset, log.end))
        self.finish(ticket, Ok())

    def on_metadata(self, ask: Metadata, sender: Address) -> None:
        sizes = tuple(TopicSize(t, self.topics[t]) for t in ask.topics if t in self.topics)
        self.send(sender, MetadataIs(ask.id, sizes))

    def on_fetch_records(self, ask: FetchRecords, sender: Address) -> None:
        found = [self.found(want, 1) for want in ask.wants]
        if ask.max_wait and not any(f.records or f.error for f in found):
            self.waiting[sender, ask.id] = ask
            self.set_timer(AnswerDue(sender, ask.id), ask.max_wait)
        else:
            self.answer(sender, ask)

    def on_answer_due(self, due: AnswerDue) -> None:
        ask = self.waiting.get((due.client, due.id))
        if ask is not None:
            self.answer(due.client, ask)

    def answer(self, client: str, ask: FetchRecords) -> None:
        self.waiting.pop((client, ask.id), None)
        found = tuple(self.found(want, ask.max_records) for want in ask.wants)
        self.send(Address(client), RecordsFetched(ask.id, found))

    def found(self, want: Want, most: int) -> Found:
        log = self.logs.get(want.partition, PartitionLog())
        error = ""
        records: tuple[Record, ...] = ()
        if want.offset >= 0:
            if not log.start <= want.offset <= log.end:
                error = OUT_OF_RANGE
            else:
                records = tuple(
                    Record(want.partition, offset, f"{want.partition}:{offset}")
                    for offset in range(want.offset, min(log.end, want.offset + most))
                )
        return Found(want.partition, error, records, log.start, log.end)


# -- the log of the groups --------------------------------------------------------------------------------------------

TELL = 40 * MS
DEAD_AFTER = 170 * MS
LOAD_AT_ONCE = 8
"""Records in one answer."""


class ElectCoordinator(Operation, frozen=True):
    """That broker coordinates from now on, in a new epoch. Ok(the epoch)."""

    coordinator: str


class LogConfig(Config, frozen=True):
    """Who can coordinate, and how long one of them may be silent."""

    coordinators: tuple[str, ...]
    dead_after: int = DEAD_AFTER


class Tell(Timer, frozen=True):
    """Time to say who coordinates."""


class LogKeeper(Node):
    """The log of the groups, replicated by assumption, and its controller."""

    config: LogConfig
    epoch: int
    coordinator: str
    entries: list[Entry]
    written_in: list[int]
    """The epoch in which each entry was written."""
    lives: dict[str, int]
    heard: dict[str, int]

    def on_start(self) -> None:
        self.entries, self.written_in = [], []
        self.lives = {}
        self.heard = dict.fromkeys(self.config.coordinators, 0)
        self.epoch, self.coordinator = 0, self.config.coordinators[0]
        self.on_tell(Tell())

    def on_tell(self, _: Tell) -> None:
        if self.now() - self.heard[self.coordinator] > self.config.dead_after:
            self.elect_another()
        self.tell()
        self.set_timer(Tell(), TELL)

    def tell(self) -> None:
        for broker in self.config.coordinators:
            self.send(Address(broker), Lead(self.epoch, self.coordinator))

    def elect_another(self) -> None:
        alive = [b for b, at in self.heard.items() if self.now() - at <= self.config.dead_after]
        if alive and self.coordinator not in alive:
            self.epoch, self.coordinator = self.epoch + 1, alive[0]

    def on_elect_coordinator(self, op: ElectCoordinator, ticket: Ticket) -> None:
        self.epoch, self.coordinator = self.epoch + 1, op.coordinator
        self.tell()
        self.finish(ticket, Ok(self.epoch))

    def on_follows(self, word: Follows, sender: Address) -> None:
        self.heard[sender] = self.now()
        if self.lives.get(sender, word.life) != word.life and sender == self.coordinator:
            self.epoch += 1  # it has forgotten everything: it reads the log anew, in another epoch
            self.tell()
        self.lives[sender] = word.life

    def on_append(self, ask: Append, sender: Address) -> None:
        if ask.epoch != self.epoch or sender != self.coordinator:
            self.send(sender, Appended(ask.epoch, ask.at, FENCED))
            return
        if ask.at == len(self.entries):
            self.entries += ask.records
            self.written_in += [ask.epoch] * len(ask.records)
        same = self.entries[ask.at : ask.at + len(ask.records)] == list(ask.records)
        if same and self.written_in[ask.at] == ask.epoch:
            self.send(sender, Appended(ask.epoch, ask.at))

    def on_load(self, ask: Load, sender: Address) -> None:
        if ask.epoch != self.epoch or sender != self.coordinator:
            self.send(sender, Loaded(ask.epoch, ask.at, (), 0, FENCED))
            return
        records = tuple(self.entries[ask.at : ask.at + LOAD_AT_ONCE])
        self.send(sender, Loaded(ask.epoch, ask.at, records, len(self.entries)))

    def probe(self) -> Lead:
        return Lead(self.epoch, self.coordinator)
