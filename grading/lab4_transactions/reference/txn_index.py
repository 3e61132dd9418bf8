"""What a partition knows of transactions: who may append, what is open, what was aborted (part 4F1).

Rule: it is a function of the log. Batches are applied in their order; nothing else is remembered; no clock, no disk.

Theory (KIP-98; epochs as in KIP-890). A transaction is open in this partition from its first batch to its marker. Until
then nobody who reads committed data may see it, nor anything behind it: the *last stable offset* (LSO) is where the
oldest open one begins. It is not the batches that are hidden, but all that follows, so that consumers see offsets in
order and never come back for what they have passed.

An identity (producer id, epoch) names one transaction. A marker carries the transaction's epoch plus one, so that from
the marker on this partition knows the next epoch, and a batch that was under way for long is recognised as one of the
past. Were it appended, it would be open for ever: a *hanging transaction*, as nobody will write a marker for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.lab4_transactions.logtx import (
    ABORT,
    DUPLICATE,
    INVALID_PRODUCER_EPOCH,
    NONE,
    OUT_OF_ORDER_SEQUENCE,
    Aborted,
    Batch,
)


# BEGIN SOLUTION 4F1: what you keep of a producer, and of a transaction that has ended
@dataclass
class Known:
    """A producer id."""

    epoch: int
    """The newest that was seen, in a batch or a marker."""
    sequence: int = 0
    """What its next batch must have."""
    first: int | None = None
    """Where its open transaction begins."""
    newest: int = 0
    """When something of it was appended last, a marker too."""


@dataclass
class Ended:
    """A transaction, from its first batch to its marker."""

    producer_id: int
    first: int
    marker: int
    is_aborted: bool


# END SOLUTION


@dataclass
class TransactionIndex:
    """The transactions of one partition. Plain values only; a new one knows nothing."""

    # BEGIN SOLUTION 4F1: declare what the index keeps
    known: dict[int, Known] = field(default_factory=dict)
    ended: list[Ended] = field(default_factory=list)
    # END SOLUTION

    def verdict(self, batch: Batch) -> str:
        """May it be appended? NONE: yes. DUPLICATE: it stands there already. Else why not. Changes nothing.

        A batch without a producer: always. A batch of an epoch older than the newest one that was seen of its producer
        id, in a batch or a marker: INVALID_PRODUCER_EPOCH. Else its sequence counts: from 0 in each epoch, and none is
        left out (OUT_OF_ORDER_SEQUENCE); one that was there is a DUPLICATE.

        A marker ends the open transaction of its producer id, if its epoch is above that one's. If nothing is open, it
        is appended all the same where its epoch is news: it fences. Where it is not news and nothing is open, it is a
        marker said again: DUPLICATE, if it is of the newest epoch. Everything else is old: INVALID_PRODUCER_EPOCH.
        """
        # BEGIN SOLUTION 4F1: compare with the newest epoch and the next sequence; markers have their own rule
        if batch.producer is None:
            return NONE
        known = self.known.get(batch.producer.id)
        epoch = batch.producer.epoch
        if known is None or epoch > known.epoch:
            return NONE if batch.control or batch.sequence == 0 else OUT_OF_ORDER_SEQUENCE
        if epoch < known.epoch or (batch.control and known.first is not None):
            return INVALID_PRODUCER_EPOCH
        if batch.control or batch.sequence < known.sequence:
            return DUPLICATE
        return NONE if batch.sequence == known.sequence else OUT_OF_ORDER_SEQUENCE
        # END SOLUTION

    def apply(self, batch: Batch) -> None:
        """It stands in the log: just appended, or read at a start. ``verdict`` was NONE."""
        # BEGIN SOLUTION 4F1: a batch may open a transaction, a marker ends one; both bring news of the epoch
        if batch.producer is None:
            return
        known = self.known.setdefault(batch.producer.id, Known(batch.producer.epoch))
        if known.epoch < batch.producer.epoch:
            known.epoch, known.sequence = batch.producer.epoch, 0
        known.newest = batch.timestamp
        if not batch.control:
            known.sequence += 1
            known.first = batch.offset if known.first is None else known.first
        elif known.first is not None:
            is_aborted = batch.control == ABORT
            self.ended.append(Ended(batch.producer.id, known.first, batch.offset, is_aborted))
            known.first = None
        # END SOLUTION

    def last_stable_offset(self, high_watermark: int) -> int:
        """Everything before it is decided. What stands at or behind ``high_watermark`` does not count, markers too."""
        # BEGIN SOLUTION 4F1: the oldest transaction without a marker that counts; at most the high watermark
        opened = [known.first for known in self.known.values() if known.first is not None]
        undone = [ended.first for ended in self.ended if ended.marker >= high_watermark]
        return min([high_watermark, *opened, *undone])
        # END SOLUTION

    def aborted(self, start: int, end: int) -> tuple[Aborted, ...]:
        """The aborted transactions that have something in offsets ``start`` to ``end`` (exclusive), in order of their
        first offsets; also those that began before ``start``."""
        # BEGIN SOLUTION 4F1: those that overlap
        found = [
            Aborted(ended.producer_id, ended.first)
            for ended in self.ended
            if ended.is_aborted and ended.first < end and ended.marker >= start
        ]
        return tuple(sorted(found, key=lambda aborted: aborted.first_offset))
        # END SOLUTION

    def expire(self, before: int) -> None:
        """Forget producer ids of which nothing was appended since ``before`` (a timestamp) and nothing is open."""
        # BEGIN SOLUTION 4F1: a marker is something, too
        for producer_id, known in list(self.known.items()):
            if known.first is None and known.newest < before:
                del self.known[producer_id]
        # END SOLUTION
