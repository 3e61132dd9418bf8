"""Bugs of part 4F1: indexes that forget or believe too much, and readers that hand out too much, or too little."""

from __future__ import annotations

from msgspec import structs

from distlab.grade.lab import bug
from labs.lab4_transactions.logtx import (
    DUPLICATE,
    INVALID_PRODUCER_EPOCH,
    NONE,
    Aborted,
    Batch,
    Fetched,
    Record,
)
from labs.lab4_transactions.txn_index import TransactionIndex
from labs.lab4_transactions.txn_reader import read_committed

Read = tuple[list[Record], int]


# -- readers ----------------------------------------------------------------------------------------------------------


def filters_by_id(fetched: Fetched, position: int) -> Read:
    """Leaves out everything of a producer id that has aborted something: what it commits later goes with it."""
    out = {aborted.producer_id for aborted in fetched.aborted}
    batches = [b for b in fetched.batches if b.producer is None or b.producer.id not in out]
    records, _ = read_committed(structs.replace(fetched, batches=tuple(batches)), position)
    return records, read_committed(fetched, position)[1]


def hands_out_markers(fetched: Fetched, position: int) -> Read:
    """A marker is a record like any other, and consumers get to see it."""
    records, behind = read_committed(fetched, position)
    found = [Record(b.offset, b.control) for b in fetched.batches if b.control]
    return sorted([*records, *found], key=lambda record: record.offset), behind


def aborts_for_ever(fetched: Fetched, position: int) -> Read:
    """Leaves out an aborted producer id from its first offset on, and does not stop at its marker."""
    batches = []
    for batch in fetched.batches:
        is_out = batch.producer is not None and any(
            a.producer_id == batch.producer.id and a.first_offset <= batch.offset
            for a in fetched.aborted
        )
        if not is_out:
            batches.append(batch)
    pieces = structs.replace(fetched, batches=tuple(batches), aborted=())
    return read_committed(pieces, position)[0], read_committed(fetched, position)[1]


def believes_the_abort_list_in_order(fetched: Fetched, position: int) -> Read:
    """Aborts what is listed at once, wherever it begins: the same id's transaction before it goes with it."""
    early = tuple(structs.replace(a, first_offset=0) for a in fetched.aborted)
    return read_committed(structs.replace(fetched, aborted=early), position)


def waits_at_the_aborted(fetched: Fetched, position: int) -> Read:
    """Moves on to behind the last record that it hands out: where all is aborted it fetches the same for ever."""
    records, _ = read_committed(fetched, position)
    return records, records[-1].offset + 1 if records else position


def counts_records(fetched: Fetched, position: int) -> Read:
    """Takes the position for a count of records: markers and aborted ones are not counted."""
    records, _ = read_committed(fetched, position)
    return records, position + len(records)


def hands_out_the_whole_batch(fetched: Fetched, position: int) -> Read:
    """Hands out the first batch from its beginning, also where the position is in the middle of it."""
    records, _ = read_committed(fetched, 0)
    return records, read_committed(fetched, position)[1]


def lag_of_the_piece(fetched: Fetched, position: int) -> int:
    """Counts to the end of what was fetched: whoever fetches little is never behind."""
    return max(0, fetched.batches[-1].next_offset - position) if fetched.batches else 0


def lag_in_records(fetched: Fetched, position: int) -> int:
    """Counts the records that were fetched."""
    return len(read_committed(fetched, position)[0])


# -- what may be appended ---------------------------------------------------------------------------------------------


class TakesTheOld(TransactionIndex):
    """Does not compare epochs: a batch that was under way for long opens its transaction again, for ever."""

    def verdict(self, batch: Batch) -> str:
        found = super().verdict(batch)
        is_old = found == INVALID_PRODUCER_EPOCH and not batch.control
        return NONE if is_old and batch.sequence == 0 else found


class MarkerIsNoNews(TransactionIndex):
    """A marker ends the transaction, and the next epoch is not noted: a late batch of this one gets in."""

    def apply(self, batch: Batch) -> None:
        known = self.known.get(batch.producer.id) if batch.producer else None
        epoch = known.epoch if known else None
        super().apply(batch)
        if known is not None and batch.control and epoch is not None:
            known.epoch = epoch


class RefusesTheMarkerAgain(TransactionIndex):
    """Takes a marker only if its epoch is greater than all: said again, it is refused, and the coordinator says it
    for ever."""

    def verdict(self, batch: Batch) -> str:
        found = super().verdict(batch)
        return INVALID_PRODUCER_EPOCH if batch.control and found == DUPLICATE else found


class WritesTheMarkerAgain(TransactionIndex):
    """Appends a marker as often as it is said."""

    def verdict(self, batch: Batch) -> str:
        found = super().verdict(batch)
        return NONE if batch.control and found == DUPLICATE else found


class MarkerNeedsData(TransactionIndex):
    """Ignores a marker of a transaction of which nothing has arrived. What arrives later hangs."""

    def verdict(self, batch: Batch) -> str:
        if batch.control and batch.producer is not None:
            known = self.known.get(batch.producer.id)
            if known is None or known.first is None:
                return DUPLICATE
        return super().verdict(batch)


class AnyMarkerEndsIt(TransactionIndex):
    """Any marker of a producer id ends what is open: one of the past, come late, ends the next transaction."""

    def verdict(self, batch: Batch) -> str:
        if batch.control and batch.producer is not None:
            known = self.known.get(batch.producer.id)
            if known is not None and known.first is not None:
                return NONE
        return super().verdict(batch)


class CountsOn(TransactionIndex):
    """Sequences go on from epoch to epoch: the next transaction's first batch is a duplicate, or out of order."""

    def apply(self, batch: Batch) -> None:
        known = self.known.get(batch.producer.id) if batch.producer else None
        sequence = known.sequence if known else 0
        super().apply(batch)
        if known is not None and not batch.control:
            known.sequence = sequence + 1
        elif known is not None:
            known.sequence = sequence


class TakesAnySequence(TransactionIndex):
    """Takes whatever sequence comes: a retry stands there twice, and a gap is not noticed."""

    def verdict(self, batch: Batch) -> str:
        if batch.producer is None or batch.control:
            return super().verdict(batch)
        found = super().verdict(batch)
        return found if found == INVALID_PRODUCER_EPOCH else NONE


class OutOfSight(TransactionIndex):
    """Forgets a producer by the age of its last data; its marker, written a moment ago, does not count."""

    def apply(self, batch: Batch) -> None:
        known = self.known.get(batch.producer.id) if batch.producer else None
        newest = known.newest if known else 0
        super().apply(batch)
        if batch.control and batch.producer is not None:
            self.known[batch.producer.id].newest = newest


class ForgetsTheOpen(TransactionIndex):
    """Forgets a producer by age, though its transaction is open: the LSO jumps over it."""

    def expire(self, before: int) -> None:
        for name, known in list(self.known.items()):
            if known.newest < before:
                del self.known[name]


class NeverForgets(TransactionIndex):
    """Keeps every producer id that ever was."""

    def expire(self, before: int) -> None:
        pass


class ForgetsWhatWasAborted(TransactionIndex):
    """Forgets an expired producer's aborted transactions too: whoever reads from the beginning gets them."""

    def expire(self, before: int) -> None:
        super().expire(before)
        self.ended = [ended for ended in self.ended if ended.producer_id in self.known]


# -- what is told to readers ------------------------------------------------------------------------------------------


class AbortedFromHereOn(TransactionIndex):
    """Lists aborted transactions that begin in the piece: one that began before it is handed out."""

    def aborted(self, start: int, end: int) -> tuple[Aborted, ...]:
        return tuple(a for a in super().aborted(start, end) if a.first_offset >= start)


class AbortedByTheirMarkers(TransactionIndex):
    """Lists aborted transactions in the order in which they were aborted."""

    def aborted(self, start: int, end: int) -> tuple[Aborted, ...]:
        return tuple(
            Aborted(ended.producer_id, ended.first)
            for ended in self.ended
            if ended.is_aborted and ended.first < end and ended.marker >= start
        )


class AbortedUpToHere(TransactionIndex):
    """Lists aborted transactions whose marker is in the piece: one that goes on behind it is handed out."""

    def aborted(self, start: int, end: int) -> tuple[Aborted, ...]:
        found = {(e.producer_id, e.first) for e in self.ended if e.marker < end}
        every = super().aborted(start, end)
        return tuple(a for a in every if (a.producer_id, a.first_offset) in found)


# -- the LSO ----------------------------------------------------------------------------------------------------------


class StableIsCommitted(TransactionIndex):
    """The LSO is the high watermark: readers see what is not decided."""

    def last_stable_offset(self, high_watermark: int) -> int:
        return high_watermark


class StableAtTheNewest(TransactionIndex):
    """The LSO is where the newest open transaction begins, not the oldest."""

    def last_stable_offset(self, high_watermark: int) -> int:
        opened = [k.first for k in self.known.values() if k.first is not None]
        return min(high_watermark, max(opened, default=high_watermark))


class BelievesAnyMarker(TransactionIndex):
    """A marker counts before it is replicated: a leader change takes it back, and readers have seen the rest."""

    def last_stable_offset(self, high_watermark: int) -> int:
        opened = [k.first for k in self.known.values() if k.first is not None]
        return min([high_watermark, *opened])


class WaitsForItsOwnEpoch(TransactionIndex):
    """A marker ends a transaction of its own epoch only, and markers bear the next one: nothing ever ends."""

    def apply(self, batch: Batch) -> None:
        known = self.known.get(batch.producer.id) if batch.producer else None
        first = known.first if known else None
        is_other = known is not None and batch.producer is not None
        is_other = is_other and known is not None and known.epoch != batch.producer.epoch  # type: ignore[union-attr]
        super().apply(batch)
        if known is not None and batch.control and is_other:
            known.first = first


class StableAtTheMarker(TransactionIndex):
    """The LSO stops at the last marker: what belongs to no transaction, behind it, is not seen."""

    marker_behind = 0

    def apply(self, batch: Batch) -> None:
        super().apply(batch)
        if batch.control:
            self.marker_behind = batch.next_offset

    def last_stable_offset(self, high_watermark: int) -> int:
        return min(super().last_stable_offset(high_watermark), self.marker_behind)


def _index(
    name: str, by: type, breaks: str, kind: str = "safety", source: str = "ours", code: str = ""
):  # type: ignore[no-untyped-def]
    return bug(
        name,
        by,
        part="F1",
        replaces="txn_index:TransactionIndex",
        breaks=breaks,
        kind=kind,
        source=source,
        code=code,
    )


def _reader(name: str, by: object, kind: str = "safety", source: str = "ours", code: str = ""):  # type: ignore[no-untyped-def]
    return bug(
        name,
        by,
        part="F1",
        replaces="txn_reader:read_committed",
        breaks="TX-S2",
        kind=kind,
        source=source,
        code=code,
    )


def _lag(name: str, by: object):  # type: ignore[no-untyped-def]
    return bug(name, by, part="F1", replaces="txn_reader:lag", breaks="TX-L2", kind="cost")


PARTITION = (
    _reader("filters-by-id", filters_by_id, code="m9", source="KIP-98"),
    _reader("hands-out-markers", hands_out_markers, code="m13", source="KIP-98"),
    _reader("aborts-for-ever", aborts_for_ever),
    _reader("aborts-from-the-start", believes_the_abort_list_in_order),
    _reader("waits-at-the-aborted", waits_at_the_aborted, kind="liveness"),
    _reader("counts-records", counts_records, kind="liveness", code="m13"),
    _reader("hands-out-the-whole-batch", hands_out_the_whole_batch),
    _lag("lag-of-the-piece", lag_of_the_piece),
    _lag("lag-in-records", lag_in_records),
    _index("takes-the-old", TakesTheOld, "TX-S6", source="KIP-890"),
    _index("marker-is-no-news", MarkerIsNoNews, "TX-S6", source="KIP-890"),
    _index(
        "refuses-the-marker-again", RefusesTheMarkerAgain, "TX-S6", "liveness", "KAFKA-19999", "m5"
    ),
    _index("writes-the-marker-again", WritesTheMarkerAgain, "TX-S6", "cost"),
    _index("marker-needs-data", MarkerNeedsData, "TX-S6", "liveness"),
    _index("any-marker-ends-it", AnyMarkerEndsIt, "TX-S6"),
    _index("counts-on", CountsOn, "TX-S6", "liveness"),
    _index("takes-any-sequence", TakesAnySequence, "TX-S6", source="KIP-98"),
    _index("out-of-sight", OutOfSight, "TX-S6", source="KAFKA-9144", code="m4"),
    _index("forgets-the-open", ForgetsTheOpen, "TX-S6"),
    _index("never-forgets-producers", NeverForgets, "TX-S6", "cost"),
    _index("forgets-what-was-aborted", ForgetsWhatWasAborted, "TX-S2"),
    _index("aborted-from-here-on", AbortedFromHereOn, "TX-S2"),
    _index("aborted-by-their-markers", AbortedByTheirMarkers, "TX-S2"),
    _index("aborted-up-to-here", AbortedUpToHere, "TX-S2"),
    _index("stable-is-committed", StableIsCommitted, "TX-L4", source="KIP-98"),
    _index("stable-at-the-newest", StableAtTheNewest, "TX-L4"),
    _index("believes-any-marker", BelievesAnyMarker, "TX-L4"),
    _index("waits-for-its-own-epoch", WaitsForItsOwnEpoch, "TX-L4", "liveness"),
    _index("stable-at-the-marker", StableAtTheMarker, "TX-L4", "liveness"),
)
