"""A partition, and the one that keeps a group's offsets: their logs are given, what they know of transactions is not.

Rule: whatever a partition knows of transactions follows from its log (txn_index.py), so a restart reads the log again.

Replication is lab 2's business: here a partition is one node that syncs before it answers, so that all of its log
is committed (its high watermark is its end).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.logtx import (
    ABORT,
    COMMIT,
    DUPLICATE,
    ILLEGAL_GENERATION,
    INVALID_PRODUCER_EPOCH,
    NONE,
    UNSTABLE_OFFSET_COMMIT,
    Aborted,
    Assignment,
    Batch,
    Beat,
    CommitOffsets,
    Fetch,
    Fetched,
    FetchOffsets,
    GroupConfig,
    MarkerWritten,
    OffsetsAre,
    OffsetsCommitted,
    PartitionConfig,
    PartitionView,
    Produce,
    Produced,
    WriteMarker,
)

if TYPE_CHECKING:
    from labs.lab4_transactions.txn_index import TransactionIndex


def new_index() -> TransactionIndex:
    """Your index: the one that stands there now, as a given module is older than what it is graded with."""
    from labs.lab4_transactions.txn_index import TransactionIndex

    return TransactionIndex()


class Expire(Timer, frozen=True):
    """Time to forget producers."""


class Partition(Node):
    config: PartitionConfig
    batches: list[Batch]
    index: TransactionIndex

    def on_start(self) -> None:
        self.batches, self.index = [], new_index()
        for batch in self.disk.recover("log", Batch):
            self.learn(batch)
        self.on_expire(Expire())

    @property
    def end(self) -> int:
        """Where the next record will stand."""
        return self.batches[-1].next_offset if self.batches else 0

    def learn(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.index.apply(batch)

    def on_expire(self, timer: Expire) -> None:
        self.index.expire(self.now() - self.config.producer_expiry)
        self.set_timer(timer, self.config.producer_expiry)

    def append(self, batch: Batch) -> str:
        """Append it if the index has nothing against it. NONE if it stands there, now or before; else why not."""
        if batch.producer is not None and batch.producer.epoch > self.config.max_epoch:
            return INVALID_PRODUCER_EPOCH
        error = self.index.verdict(batch)
        if error == NONE:
            is_new = not self.disk.exists("log")
            self.disk.append("log", batch)
            self.disk.sync("log", *(("/",) if is_new else ()))
            self.learn(batch)
        return NONE if error == DUPLICATE else error

    def on_produce(self, ask: Produce, sender: Address) -> None:
        batch = Batch(self.end, ask.values, ask.producer, ask.sequence, timestamp=self.now())
        self.send(sender, Produced(ask.id, self.append(batch)))

    def on_write_marker(self, ask: WriteMarker, sender: Address) -> None:
        control = COMMIT if ask.commit else ABORT
        marker = Batch(self.end, (), ask.producer, control=control, timestamp=self.now())
        if self.append(marker) == NONE:
            self.send(sender, MarkerWritten(ask.transactional_id, ask.producer))

    def on_fetch(self, ask: Fetch, sender: Address) -> None:
        stable = self.index.last_stable_offset(self.end)
        found = [b for b in self.batches if b.next_offset > ask.offset and b.next_offset <= stable]
        found = found[: ask.max_batches]
        aborted: tuple[Aborted, ...] = ()
        if found:
            aborted = self.index.aborted(found[0].offset, found[-1].next_offset)
        self.send(sender, Fetched(ask.id, stable, tuple(found), tuple(aborted)))

    def probe(self) -> PartitionView:
        return PartitionView(tuple(self.batches), self.index.last_stable_offset(self.end))


class LookAround(Timer, frozen=True):
    """Time to see who is silent."""


class Group(Partition):
    """The partition that keeps a group's offsets; its leader coordinates the group.

    An offset is the record ``"in-0 5"``. Members are in the group from their first ``Beat``, until they are silent for
    too long; each change begins another generation, at once.
    """

    config: GroupConfig
    heard: dict[str, int]
    """Member -> when it last spoke."""
    generation: int

    def on_start(self) -> None:
        super().on_start()
        self.heard = {}
        self.generation = len(self.disk.recover("generations", Assignment))
        self.on_look_around(LookAround())

    def next_generation(self) -> None:
        self.generation += 1
        self.disk.append("generations", Assignment(self.generation, ()))
        self.disk.sync("generations", "/")

    def on_look_around(self, timer: LookAround) -> None:
        silent = self.monotonic() - self.config.session_timeout
        gone = [member for member, at in self.heard.items() if at < silent]
        for member in gone:
            del self.heard[member]
        if gone:
            self.next_generation()
        self.set_timer(timer, self.config.session_timeout // 5)

    def on_beat(self, beat: Beat, sender: Address) -> None:
        is_new = sender not in self.heard
        self.heard[sender] = self.monotonic()
        if is_new:
            self.next_generation()
        members = sorted(self.heard)
        share = self.config.inputs[members.index(sender) :: len(members)]
        self.send(sender, Assignment(self.generation, share))

    def on_commit_offsets(self, ask: CommitOffsets, sender: Address) -> None:
        error = ILLEGAL_GENERATION
        if ask.generation == -1 or (ask.generation == self.generation and sender in self.heard):
            values = tuple(f"{name} {offset}" for name, offset in sorted(ask.positions.items()))
            batch = Batch(self.end, values, ask.producer, ask.sequence, timestamp=self.now())
            error = self.append(batch)
        self.send(sender, OffsetsCommitted(ask.id, error))

    def on_fetch_offsets(self, ask: FetchOffsets, sender: Address) -> None:
        positions = dict.fromkeys(ask.partitions, 0)
        opened: dict[int, list[Batch]] = {}
        for batch in self.batches:
            assert batch.producer is not None
            if not batch.control:
                opened.setdefault(batch.producer.id, []).append(batch)
            elif batch.control == COMMIT:
                for offset in opened.pop(batch.producer.id, []):
                    positions |= self.positions_in(offset, ask.partitions)
            else:
                opened.pop(batch.producer.id, None)
        pending = [b for batches in opened.values() for b in batches]
        if ask.require_stable and any(self.positions_in(b, ask.partitions) for b in pending):
            self.send(sender, OffsetsAre(ask.id, UNSTABLE_OFFSET_COMMIT))
        else:
            self.send(sender, OffsetsAre(ask.id, NONE, positions))

    def positions_in(self, batch: Batch, wanted: tuple[str, ...]) -> dict[str, int]:
        found = dict(value.split() for value in batch.values)
        return {name: int(found[name]) for name in wanted if name in found}
