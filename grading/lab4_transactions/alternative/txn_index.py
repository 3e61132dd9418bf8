"""Another index: a row of transactions, open and ended alike, and for each producer a counter.

Nothing is looked up but by going through the row from its end; a partition has few open transactions, and they are new.
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
    Identity,
)


@dataclass
class Span:
    """A transaction; ``end`` is its marker's offset, if it has one."""

    producer: Identity
    first: int
    end: int | None = None
    is_aborted: bool = False


@dataclass
class TransactionIndex:
    spans: list[Span] = field(default_factory=list)
    expected: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Producer id -> (epoch, sequence) of what comes next."""
    seen: dict[int, int] = field(default_factory=dict)
    """Producer id -> timestamp."""

    def opened(self, producer_id: int) -> Span | None:
        for span in reversed(self.spans):
            if span.producer.id == producer_id:
                return span if span.end is None else None
        return None

    def verdict(self, batch: Batch) -> str:
        if batch.producer is None:
            return NONE
        epoch, sequence = self.expected.get(batch.producer.id, (-1, 0))
        if batch.producer.epoch > epoch:
            if batch.control:
                return NONE
            sequence = 0
        elif batch.producer.epoch < epoch:
            return INVALID_PRODUCER_EPOCH
        elif batch.control:
            return INVALID_PRODUCER_EPOCH if self.opened(batch.producer.id) else DUPLICATE
        if batch.sequence == sequence:
            return NONE
        return DUPLICATE if batch.sequence < sequence else OUT_OF_ORDER_SEQUENCE

    def apply(self, batch: Batch) -> None:
        who = batch.producer
        if who is None:
            return
        self.seen[who.id] = batch.timestamp
        span = self.opened(who.id)
        if batch.control:
            self.expected[who.id] = who.epoch, 0
            if span is not None:
                span.end, span.is_aborted = batch.offset, batch.control == ABORT
            return
        self.expected[who.id] = who.epoch, batch.sequence + 1
        if span is None:
            self.spans.append(Span(who, batch.offset))

    def last_stable_offset(self, high_watermark: int) -> int:
        for span in self.spans:  # in order of their first offsets
            if span.end is None or span.end >= high_watermark:
                return min(span.first, high_watermark)
        return high_watermark

    def aborted(self, start: int, end: int) -> tuple[Aborted, ...]:
        return tuple(
            Aborted(span.producer.id, span.first)
            for span in self.spans
            if span.is_aborted and span.first < end and span.end is not None and span.end >= start
        )

    def expire(self, before: int) -> None:
        for name in [n for n, at in self.seen.items() if at < before and not self.opened(n)]:
            del self.seen[name], self.expected[name]
