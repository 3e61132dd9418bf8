"""What a producer holds back, and in what order it leaves: batches that fill, wait, are sent, and sent again.

Each partition has a queue of batches, oldest first. Only the last one takes records, and only until it is sent for the
first time. Then it gets its name, (epoch, sequence), and its bytes; both are for ever. **A batch that is sent again is
the same batch**: with the same records, in the same partition, under the same number. All that a broker can do against
duplicates rests on that.

Batches leave in order, and no more than ``in_flight`` of them, counted from the oldest one that is not settled: a
broker remembers five. (Answers overtake each other. To count those that are under way is not enough: the oldest may be
in the log, its answer lost, and what comes behind it would push it out of the broker's memory.) Where a batch has to be
sent again, what stands behind it and has not left waits: it would be refused.

Here are values and rules: no messages, no timers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.lab2_log.batch import seal
from labs.lab2_log.batches import HEADER, NO_PRODUCER, Batch, Record
from labs.lab2_log.producers import sequence_after
from labs.lab2_log.producing import MAX_EPOCH, ProducerConfig, record_size


@dataclass(frozen=True)
class Waiting:
    """One record, and the operation that is finished when its outcome is known."""

    ticket: int
    key: bytes | None
    value: bytes | None
    timestamp: int

    @property
    def size(self) -> int:
        return record_size(self.key, self.value)


@dataclass
class Draft:
    """A batch on its way."""

    number: int
    """Batches of this queue have consecutive ones."""
    created: int
    """When its first record came (monotonic clock)."""
    records: list[Waiting] = field(default_factory=list)
    size: int = HEADER.size
    """Bytes, at most."""
    is_closed: bool = False
    """It takes no more records, and need not wait for any."""
    sequence: int = NO_PRODUCER
    blob: bytes = b""
    """Its bytes, from the moment at which it is first sent; empty before."""
    attempts: int = 0
    request: int = 0
    """Id of the attempt that is under way; 0: none is."""
    due: int = 0
    """Under way: when that attempt is given up. Else: not to be sent again before (monotonic clock)."""
    in_doubt: set[int] = field(default_factory=set)
    """Ids of the attempts that were not refused: any of them may have put it into the log."""
    early: set[int] = field(default_factory=set)
    """Ids of the attempts that left before the batch was the oldest. A datagram may arrive twice: the first copy too
    early, and refused, the second one in time."""


@dataclass
class Queue:
    """What waits for one partition."""

    name: str
    producer_id: int = NO_PRODUCER
    spent_id: int = NO_PRODUCER
    """The one before, which has no epochs left: an answer that is late may bring it again."""
    epoch: int = 0
    sequence: int = 0
    """The next one to be given away."""
    made: int = 0
    """Batches so far."""
    batches: list[Draft] = field(default_factory=list)
    """Those that are not settled, oldest first."""


def add(queue: Queue, record: Waiting, now: int, config: ProducerConfig) -> None:
    """Put a record at the end of the queue: into its last batch if there is room, or into a new one."""
    # BEGIN SOLUTION 2F: a batch is closed when the next record does not fit, or when it is full
    last = queue.batches[-1] if queue.batches else None
    if last is None or last.is_closed or last.size + record.size > config.batch_size:
        if last is not None:
            last.is_closed = True
        queue.made += 1
        last = Draft(queue.made, created=now)
        queue.batches.append(last)
    last.records.append(record)
    last.size += record.size
    last.is_closed = last.size >= config.batch_size
    # END SOLUTION


def close(queue: Queue) -> None:
    """What is in the queue waits for nothing more."""
    # BEGIN SOLUTION 2F: only the last batch can be open
    if queue.batches:
        queue.batches[-1].is_closed = True
    # END SOLUTION


def next_up(queue: Queue, now: int, config: ProducerConfig) -> Draft | None:
    """The batch to be sent now, if there is one."""
    # BEGIN SOLUTION 2F: the foremost one that is not under way, if it is due
    for draft in foremost(queue, config):
        if not draft.request:
            return draft if now >= due_at(draft, config) else None
    return None
    # END SOLUTION


def foremost(queue: Queue, config: ProducerConfig) -> list[Draft]:
    """The batches that may be on their way: so many, counted from the oldest one that is not settled."""
    # BEGIN SOLUTION 2F: count by their numbers, since some behind the oldest may be settled
    most = window(config)
    return [d for d in queue.batches[:most] if d.number < queue.batches[0].number + most]
    # END SOLUTION


def window(config: ProducerConfig) -> int:
    """How many batches of a partition may be on their way."""
    # BEGIN SOLUTION 2F: one, if nothing but that keeps them in order
    return config.in_flight if config.idempotent else 1
    # END SOLUTION


def due_at(draft: Draft, config: ProducerConfig) -> int:
    """When a batch that is not under way may be sent."""
    # BEGIN SOLUTION 2F: again: after its backoff; for the first time: when it is closed, or has lingered
    if draft.blob:
        return draft.due
    return draft.created if draft.is_closed else draft.created + config.linger
    # END SOLUTION


def name(queue: Queue, draft: Draft, config: ProducerConfig) -> None:
    """The batch is about to be sent for the first time: give it its number and its bytes, for ever."""
    # BEGIN SOLUTION 2F: the queue's epoch and next sequence; none, if the producer is not idempotent
    draft.is_closed = True
    first = draft.records[0].timestamp
    batch = Batch(
        last_delta=len(draft.records) - 1,
        base_timestamp=first,
        max_timestamp=max(record.timestamp for record in draft.records),
        records=tuple(
            Record(n, record.timestamp, record.key, record.value)
            for n, record in enumerate(draft.records)
        ),
        producer_id=queue.producer_id,
        producer_epoch=queue.epoch if config.idempotent else NO_PRODUCER,
        base_sequence=queue.sequence if config.idempotent else NO_PRODUCER,
    )
    draft.sequence = queue.sequence
    draft.blob = seal(batch)
    queue.sequence = sequence_after(queue.sequence, len(draft.records))
    # END SOLUTION


def begin_epoch(queue: Queue) -> None:
    """What was sent under the old epoch and is not in the log never will be. Numbers begin at 0 again (KIP-360).

    Batches that are still in the queue get new ones. Whoever calls this knows that none of them is in the log.
    """
    # BEGIN SOLUTION 2F: another epoch, or another producer id where there is none; no attempt of before counts
    if queue.epoch == MAX_EPOCH:
        queue.spent_id, queue.producer_id, queue.epoch = queue.producer_id, NO_PRODUCER, 0
    else:
        queue.epoch += 1
    queue.sequence = 0
    for draft in queue.batches:
        draft.blob, draft.request = b"", 0
        draft.in_doubt.clear()
        draft.early.clear()
    # END SOLUTION
